//! The chain that is measured: a token, whose owner sends to many, and oracles. They are Rust, so that what is measured is the network, and not
//! the virtual machine.

use std::sync::Arc;

use subvm_chain::{Action, Genesis, Outside, SignedTx, Tx, sample};
use subvm_core::calldata::Value;
use subvm_core::{Address, End, Engine, Gas};
use subvm_host_mock::{Machine, ScriptedEngine};
use subvm_sample_contracts::{Web, ask};

const TOKEN: Address = Address([0xaa; 20]);
/// Oracles: the last two bytes of their addresses are their numbers.
const ORACLES: u16 = 64;

fn address_of(number: u16) -> Address {
    let mut address = Address([0xbb; 20]);
    address.0[18..].copy_from_slice(&number.to_be_bytes());
    address
}

/// Accounts that get tokens: so many pages are written at least once.
const HOLDERS: u32 = 10_000;

/// Nanoseconds of this thread's processor time.
pub(crate) fn clock() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// A transfer: the balances of who sends and who gets are a page each.
fn token(machine: &mut Machine<'_>) -> Result<(), End> {
    machine.work(60_000)?;
    let data = machine.message()?["entry_data"].as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    let page = u32::from_le_bytes(*data.last_chunk().unwrap_or(&[0; 4])) % HOLDERS;
    for page in [0, 1 + page] {
        let old = machine.storage_read(1, 32 * page, 8)?.unwrap_or_default();
        let new = u64::from_le_bytes(*old.first_chunk().unwrap_or(&[0; 8])).wrapping_add(1);
        machine.storage_write(1, 32 * page, &new.to_le_bytes())?;
    }
    machine.end_with("Return", Value::Null)
}

/// Asks for a price, and keeps it.
fn oracle(machine: &mut Machine<'_>) -> Result<(), End> {
    let answer = ask(machine)?;
    machine.storage_write(0, 0, &answer)?;
    machine.end_with("Return", Value::Bytes(answer))
}

/// A chain of so many validators, whose blocks have so many bytes, and all of whom judge; and what runs its contracts.
pub(crate) fn begin(validators: u16, block_bytes: u64) -> (Genesis, Arc<dyn Engine>) {
    let mut engine = ScriptedEngine::new();
    let (token, oracle) = (engine.script(token), engine.script(oracle));
    let mut genesis = sample::genesis(validators);
    genesis.rules.block_bytes = block_bytes;
    genesis.rules.tx_bytes = 1 << 14;
    genesis.rules.committee = validators;
    genesis.contracts = (0..ORACLES).map(|number| (address_of(number), Arc::clone(&oracle))).collect();
    genesis.contracts.push((TOKEN, token));
    (genesis, Arc::new(engine))
}

/// What is sent: transfers, and now and then a question to one of the oracles.
pub(crate) struct Traffic {
    /// Of a thousand transactions, how many ask.
    asking: u64,
    sent: u64,
}

impl Traffic {
    pub(crate) fn new(asking: u64) -> Self {
        Self { asking, sent: 0 }
    }

    /// The next one. One account sends all of them, in their order.
    pub(crate) fn next(&mut self) -> SignedTx {
        let (nonce, asked) = (self.sent, self.sent * self.asking / 1_000);
        self.sent += 1;
        // Evenly among the others.
        let asks = self.sent * self.asking / 1_000 != asked;
        let (to, gas) = if asks {
            let number = (asked % u64::from(ORACLES)) as u16;
            (address_of(number), Gas { time: 5_000_000, storage: 64, data: 1 << 14 })
        } else {
            (TOKEN, Gas { time: 500_000, storage: 16, data: 1 << 12 })
        };
        // As long as the calldata of a transfer, with a method's name, an address and an amount.
        let mut data = vec![7; 60];
        data.extend((nonce as u32).wrapping_mul(2_654_435_761).to_le_bytes());
        let key = sample::account(0);
        let from = key.verifying_key().to_bytes();
        let action = Action::Call { to, value: 0, data };
        SignedTx::sign(Tx { chain_id: sample::CHAIN_ID, from, nonce, gas, nondet: asks, action }, &key)
    }
}

/// A web that has one page.
pub(crate) fn outside() -> Outside {
    Outside { modules: Box::new(Web(Some(42))), rng: Box::new(Web(None)), ..Outside::default() }
}
