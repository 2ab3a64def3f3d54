//! A chain in memory with one token: that of `tests/guests/contracts/token`, on wasmtime as nodes run it. Each receipt is applied, and its digest
//! taken, before the next run begins.
//!
//! `transfers.py` loads it, for processes where another chain's virtual machine is, too. What goes wrong ends the process with a message: a
//! measurement has no use for less.

#![warn(missing_docs)]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Address, Engine, Entry, Message, Outcome, Params, Parts, Role, Run, run};
use subvm_host_mock::MemoryHost;
use subvm_wasmtime::WasmtimeEngine;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TOKEN: &[u8] = include_bytes!("../../../tests/guests/contracts/wasm/token.wasm");
const CONTRACT: Address = Address([1; 20]);
const HOLDER: Address = Address([2; 20]);

/// A chain, all of whose token one account holds at first.
pub struct Chain {
    engine: Arc<dyn Engine>,
    host: MemoryHost,
    params: Arc<Params>,
    deadline: Option<Duration>,
}

impl Chain {
    fn new(deadline: Option<Duration>) -> Result<Self> {
        let (engine, host) = (Arc::new(WasmtimeEngine::new()?), MemoryHost::new());
        let package = Parts { start: TOKEN.into(), ..Parts::default() }.check(&Refused::default())?;
        host.deploy(CONTRACT, Arc::new(package));
        let chain = Self { engine, host, params: Arc::default(), deadline };
        chain.transact(&Map::from([("supply", Value::from(1_000_000_000))]).into(), true)?;
        Ok(chain)
    }

    /// Runs a transaction, and applies its receipt.
    fn transact(&self, data: &Value, is_init: bool) -> Result<Value> {
        let message = Message {
            contract_address: CONTRACT,
            sender_address: HOLDER,
            origin_address: HOLDER,
            is_init,
            entry_data: data.encode()?,
            ..Message::default()
        };
        let (params, state, deadline) = (Arc::clone(&self.params), State::Accepted, self.deadline);
        let input = Run { message, entry: Entry::Contract, role: Role::Leader, params, state, deadline, cancel: None };
        let (_, report) = run(Arc::clone(&self.engine), self.host.node(), input);
        let report = report?;
        std::hint::black_box(report.receipt.digest());
        self.host.apply(state, CONTRACT, &report.receipt);
        match &report.outcome {
            Outcome::Return(value) => Ok(Value::decode(value)?),
            other => Err(format!("{other:?}: {:?}", report.diagnostics).into()),
        }
    }

    /// Moves one unit to account number `to`.
    fn transfer(&self, to: u8) -> Result<()> {
        let call = Map::from([("method", "transfer".into()), ("to", account(to)), ("amount", Value::from(1))]);
        self.transact(&call.into(), false).map(drop)
    }

    fn balance(&self, of: u8) -> Result<u64> {
        let call = Map::from([("method", "balance_of".into()), ("owner", account(of))]);
        let balance = self.transact(&call.into(), false)?;
        let balance = balance.as_int().ok_or("a balance is an integer")?;
        u64::try_from(balance).map_err(|_| "a balance is small here".into())
    }
}

/// Account number `number`, which may be any: the holder and the contract have addresses of another kind.
fn account(number: u8) -> Value {
    let mut address = [3; 20];
    address[0] = number;
    Value::Address(Address(address))
}

/// Makes a chain whose runs have a deadline, an hour away, or none. It lives as long as the process.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_chain(deadline: bool) -> &'static Chain {
    let deadline = deadline.then_some(Duration::from_secs(3600));
    Box::leak(Box::new(Chain::new(deadline).expect("a chain can be made")))
}

/// Moves one unit `count` times, each in a transaction of its own, to as many accounts in turn as `accounts` says, of which one is the least.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_transfers(chain: &Chain, count: u32, accounts: u8) {
    for number in 0..count {
        let to = (number % u32::from(accounts.max(1))) as u8;
        chain.transfer(to).expect("the holder has enough");
    }
}

/// What account number `of` has.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_balance(chain: &Chain, of: u8) -> u64 {
    chain.balance(of).expect("an account has a balance")
}
