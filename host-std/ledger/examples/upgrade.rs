//! A chain that changes its rules at height 100: how a node chooses them, and replays the chain from its first block.
//!
//! ```text
//! cargo run --locked -p subvm-ledger --example upgrade
//! ```
//!
//! Contracts are closures here, so that no compiler is needed. The contract counts its calls in storage, and works more with each; from height
//! 100 on a run has more time gas, so that calls that had run out return.

use std::error::Error;
use std::sync::Arc;

use subvm_core::costs::Limits;
use subvm_core::host::{Node, State, Storage};
use subvm_core::{Address, Engine, Entry, Message, Params, Receipt, Role, RuleSets, Run, run};
use subvm_host_mock::{MemoryHost, ScriptedEngine};
use subvm_ledger::{Applied, History, Ledger, Past, RedbLedger, RedbOptions};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONTRACT: Address = Address([0xc0; 20]);
const SWITCH: u64 = 100;
const BLOCKS: u64 = 120;

fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("subvm-upgrade-{}", std::process::id()));
    let receipts = live_and_replay(&dir)?;
    std::fs::remove_dir_all(&dir)?;
    let returned = |receipts: &[Receipt]| receipts.iter().filter(|receipt| receipt.returned()).count();
    let (before, after) = receipts.split_at(SWITCH as usize - 1);
    println!("{} of {} blocks returned under the first rules,", returned(before), before.len());
    println!("{} of {} under the second; replayed from 1 with equal receipts", returned(after), after.len());
    Ok(())
}

/// Lives through all blocks, then replays them from the first. The receipts.
pub(crate) fn live_and_replay(dir: &std::path::Path) -> Result<Vec<Receipt>> {
    let (engine, host, rules) = chain()?;
    let options = RedbOptions { history: u64::MAX, ..RedbOptions::default() };
    let mut ledger = RedbLedger::open_with(dir, options)?;
    // At each start: what is here already stays under the rules that it ran under.
    ledger.set_rules(&rules)?;
    let mut receipts = Vec::new();
    for height in 1..=BLOCKS {
        let state = Box::new(ledger.snapshot()?);
        let receipt = transaction(&engine, &host, state, rules.at(height)?)?;
        if receipt.returned() {
            ledger.apply_block(&[Applied { contract: CONTRACT, pages: &receipt.storage }], height)?;
        } else {
            ledger.apply_block(&[], height)?;
        }
        ledger.finalize(height.saturating_sub(3))?;
        receipts.push(receipt);
    }
    // Another node, or this one a year later: the rules of each height, which the ledger kept, on the state before it.
    let rules = ledger.rules()?.ok_or("the ledger keeps no rules")?;
    for height in 1..=BLOCKS {
        let state = Box::new(Past { history: ledger.snapshot()?, height: height - 1 });
        let again = transaction(&engine, &host, state, rules.at(height)?)?;
        if again.digest() != receipts[height as usize - 1].digest() {
            return Err(format!("height {height} came to another receipt").into());
        }
    }
    // And from nothing, to the same root.
    let mut anew = RedbLedger::in_memory()?;
    for (height, receipt) in (1..).zip(&receipts) {
        let pages = if receipt.returned() { &receipt.storage[..] } else { &[] };
        anew.apply(&CONTRACT, pages, height)?;
    }
    if anew.root(BLOCKS)? != ledger.root(BLOCKS)? {
        return Err("the replayed chain has another root".into());
    }
    Ok(receipts)
}

/// An engine with the contract, the chain that it is deployed on, and the rules.
pub(crate) fn chain() -> Result<(Arc<dyn Engine>, MemoryHost, RuleSets)> {
    let mut engine = ScriptedEngine::new();
    let counter = engine.script(|machine| {
        let calls = machine.storage_read(1, 0, 4)?.unwrap_or_default();
        let calls = u32::from_le_bytes(calls.try_into().unwrap_or_default()) + 1;
        machine.storage_write(1, 0, &calls.to_le_bytes())?;
        machine.work(10_000 * i64::from(calls))?;
        machine.end_with("Return", i64::from(calls))
    });
    let host = MemoryHost::new();
    host.deploy(CONTRACT, counter);
    let limited = |gas_time| Params { limits: Limits { gas_time, ..Limits::default() }, ..Params::default() };
    let rules = RuleSets::new([(1, limited(500_000)), (SWITCH, limited(1_000_000))])?;
    Ok((Arc::new(engine), host, rules))
}

fn transaction(
    engine: &Arc<dyn Engine>,
    host: &MemoryHost,
    state: Box<dyn Storage>,
    params: &Arc<Params>,
) -> Result<Receipt> {
    let node = Node { storage: state, ..host.node() };
    let message = Message { contract_address: CONTRACT, ..Message::default() };
    let (_, report) = run(
        Arc::clone(engine),
        node,
        Run {
            message,
            entry: Entry::Contract,
            role: Role::Leader,
            params: Arc::clone(params),
            state: State::Accepted,
            deadline: None,
            cancel: None,
        },
    );
    Ok(report?.receipt)
}
