//! A transaction over the embedded ledger that fails, panics or is killed at any of its host calls leaves the store as it was; the one that
//! goes through leaves what its receipt says.

use std::env;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use subvm_core::calldata::Value;
use subvm_core::host::{Call, Node, Observer, State, Storage};
use subvm_core::{InternalError, PageWrite, Parts, Report, SlotId, run};
use subvm_host_mock::MemoryHost;
use subvm_host_mock::fault::{Fault, failing_at};
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::ledger::{Heights, Ledger, RedbLedger};
use subvm_tests::transaction::{CONTRACT, deployed, transaction};

const SLOTS: [(SlotId, u32); 2] = [(SlotId([0; 32]), 0), (SlotId([0xff; 32]), u32::MAX - 127)];
/// Bytes of each slot that are compared: all that the transaction can write.
const COMPARED: usize = 128;
/// The directory of the ledger, for a process that is to be killed at host call number `AT`.
const CHILD: &str = "SUBVM_TEST_TRANSACTION_DIR";
const AT: &str = "SUBVM_TEST_TRANSACTION_CALL";

static ENGINE: LazyLock<Arc<WasmtimeEngine>> = LazyLock::new(|| Arc::new(WasmtimeEngine::new().unwrap()));

/// One test at a time: a process that is being started holds copies of this one's files for a moment, and with them the ledger's lock.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Storage before the transaction.
fn fill(dir: &Path) -> Vec<u8> {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let page = |slot, page| PageWrite { slot, page, content: [0x77; 32] };
    ledger.apply(&CONTRACT, &[page(SLOTS[0].0, 0), page(SLOTS[0].0, 3), page(SLOTS[1].0, (1 << 27) - 1)], 1).unwrap();
    drop(ledger);
    stored(dir).1
}

/// What a node that starts anew finds.
fn stored(dir: &Path) -> (Heights, Vec<u8>) {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let mut bytes = vec![0; SLOTS.len() * COMPARED];
    for ((slot, index), into) in SLOTS.iter().zip(bytes.chunks_mut(COMPARED)) {
        ledger.read(State::Accepted, &CONTRACT, slot, *index, into).unwrap();
    }
    (ledger.heights().unwrap(), bytes)
}

/// The chain but for its storage.
fn host() -> MemoryHost {
    let wat = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/transaction-returns.wat");
    let parts = Parts { start: wat::parse_file(wat).unwrap().into(), ..Parts::default() };
    let host = deployed(parts);
    host.set_balance(CONTRACT, 1000);
    let answer: Value = r#"{"ok": "101.25"}"#.parse().unwrap();
    host.answer(answer.encode().unwrap());
    host
}

/// As a node does it: the run reads a snapshot, and what it wrote is applied where it returned.
fn transact(dir: &Path, change: impl FnOnce(Node) -> Node) -> Result<Report, InternalError> {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let node = Node { storage: Box::new(ledger.snapshot().unwrap()), ..host().node() };
    let (_, result) = run(ENGINE.clone(), change(node), transaction());
    let report = result?;
    assert!(report.receipt.returned(), "{:?}", report.outcome);
    ledger.apply(&CONTRACT, &report.receipt.storage, 2).unwrap();
    Ok(report)
}

/// The storage once the transaction has gone through.
fn changed(before: &[u8], report: &Report) -> Vec<u8> {
    let mut after = before.to_vec();
    for write in &report.receipt.storage {
        let place = SLOTS.iter().position(|(slot, _)| *slot == write.slot).expect("the test knows the slots");
        let at = place * COMPARED + (write.page * 32 - SLOTS[place].1) as usize;
        after[at..at + 32].copy_from_slice(&write.content);
    }
    assert_ne!(after, before);
    after
}

#[test]
fn a_part_that_fails_at_any_call_leaves_the_store_as_it_was() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let before = fill(dir.path());
    let old = Heights { accepted: 1, finalized: 0 };
    let mut failed = 0;
    let report = 'calls: loop {
        for fault in [Fault::Error, Fault::Panic] {
            let mut calls = None;
            let result = catch_unwind(AssertUnwindSafe(|| {
                transact(dir.path(), |node| {
                    let (node, counter) = failing_at(node, failed, fault);
                    calls = Some(counter);
                    node
                })
            }));
            if let Ok(Ok(report)) = result {
                assert_eq!(calls.unwrap().load(Ordering::SeqCst), failed, "every call was made to fail");
                break 'calls report;
            }
            assert_eq!(stored(dir.path()), (old, before.clone()), "call {failed}, {fault:?}");
        }
        failed += 1;
    };
    assert!(failed >= 8, "{failed}");
    assert_eq!(stored(dir.path()), (Heights { accepted: 2, finalized: 0 }, changed(&before, &report)));
}

/// Says which host call begins, and lets the process be killed at one of them.
struct Halting {
    left: u64,
}

impl Observer for Halting {
    fn enter(&mut self, call: &Call<'_>, _: &[u8], _: i64) {
        let Some(left) = self.left.checked_sub(1) else {
            eprintln!("at {}", call.name);
            loop {
                std::thread::park();
            }
        };
        self.left = left;
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {}
}

/// Starts a process that runs the transaction, and kills it at host call `at`. Gives the call; nothing where it went through before.
fn kill_at(dir: &Path, at: u64) -> Option<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_process_killed_at_any_host_call_leaves_the_store_as_it_was", "--nocapture"])
        .env(CHILD, dir)
        .env(AT, at.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        let last = line.starts_with("at ") || line == "through";
        said.push(line);
        if last {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    match said.last().map(String::as_str) {
        Some("through") => None,
        Some(line) if line.starts_with("at ") => Some(line[3..].into()),
        _ => panic!("it neither came to host call {at} nor went through: {said:?}"),
    }
}

#[test]
fn a_process_killed_at_any_host_call_leaves_the_store_as_it_was() {
    if let Some(dir) = env::var_os(CHILD) {
        let left = env::var(AT).unwrap().parse().unwrap();
        transact(Path::new(&dir), |node| Node { observer: Some(Box::new(Halting { left })), ..node }).unwrap();
        eprintln!("through");
        return;
    }
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let before = fill(dir.path());
    let mut killed = Vec::new();
    while let Some(call) = kill_at(dir.path(), killed.len() as u64) {
        assert_eq!(stored(dir.path()), (Heights { accepted: 1, finalized: 0 }, before.clone()), "killed at {call}");
        killed.push(call);
    }
    assert!(killed.len() >= 12 && killed.iter().any(|call| call == "storage_write"), "{killed:?}");
    // The process that was not killed has done what it does here.
    let undisturbed = tempfile::tempdir().unwrap();
    fill(undisturbed.path());
    let report = transact(undisturbed.path(), |node| node).unwrap();
    assert_eq!(stored(dir.path()), (Heights { accepted: 2, finalized: 0 }, changed(&before, &report)));
}
