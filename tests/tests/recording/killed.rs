//! What is left of a recording whose process died within a host call.

use std::fs::File;
use std::process::Command;

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Stream};
use subvm_core::{Address, SlotId};
use subvm_replay::{Options, Reader, Record, Recorder, Replay, Verdict};

use crate::support::{World, with_code};

/// A node's part that ends its process when it is asked for a balance once more than this.
struct Deadly {
    part: Box<dyn Host>,
    left: u32,
}

impl Host for Deadly {
    fn balance(&mut self, state: State, address: &Address) -> Result<[u8; 32], HostError> {
        let Some(left) = self.left.checked_sub(1) else { std::process::abort() };
        self.left = left;
        self.part.balance(state, address)
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        self.part.code(state, address)
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        self.part.locked_slots(contract)
    }

    fn eth_call(&mut self, state: State, address: &Address, calldata: &[u8]) -> Result<EthAnswer, HostError> {
        self.part.eth_call(state, address, calldata)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.part.output(stream, bytes);
    }
}

/// Where the process that is to die writes its recording, and how: `calls`, `code` or `blocks`.
const FILE: &str = "SUBVM_TEST_RECORDING";
/// Balances that it is told before it dies.
const TOLD: u32 = 40;
/// Calls of the contract until then: it reads its message in three, and asks for its balance in each third of the others.
const CALLS: usize = 3 + 3 * (TOLD as usize + 1);

fn dies(path: &str, how: &str) {
    // One dies before its first call, as of a module that no compiler survives.
    let world = if how == "code" { World::of(|_| std::process::abort()) } else { World::new() };
    let node = world.node();
    let node = Node { host: Box::new(Deadly { part: node.host, left: TOLD }), ..node };
    let options = Options { each_call: how != "blocks", ..with_code() };
    let (node, recorder) = Recorder::wrap(node, File::create(path).unwrap(), options);
    let (node, _) = world.run(node);
    drop(recorder.finish(node));
}

#[test]
fn a_process_that_is_killed_loses_no_call_where_each_is_kept() {
    if let Ok(told) = std::env::var(FILE) {
        let (how, path) = told.split_once('=').unwrap();
        return dies(path, how);
    }
    let dir = tempfile::tempdir().unwrap();
    let left = |how: &str| {
        let path = dir.path().join(how);
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "killed::a_process_that_is_killed_loses_no_call_where_each_is_kept"]);
        let output = child.env(FILE, format!("{how}={}", path.display())).output().unwrap();
        assert!(!output.status.success(), "{how}: it was to die");
        path
    };
    let path = left("calls");
    let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
    let records: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
    let begun = records.iter().filter(|record| matches!(record, Record::Enters(_))).count();
    let ended = records.iter().filter(|record| matches!(record, Record::Exits(_))).count();
    assert!(!reader.is_whole());
    let Some(Record::Enters(last)) = records.last() else { panic!("{:?}", records.last()) };
    assert_eq!((last.function.name(), begun, begun - ended), ("get_self_balance", CALLS, 1));
    // What there is of it is run again.
    let world = World::new();
    let replayed = Replay::open(File::open(&path).unwrap()).unwrap().on(world.engine.clone()).unwrap();
    assert!(matches!(replayed.verdict, Verdict::Ends), "{}", replayed.verdict);
    // Nor what was run where no call was made.
    let path = left("code");
    let records: Vec<Record> = Reader::new(File::open(&path).unwrap()).unwrap().map(Result::unwrap).collect();
    assert!(matches!(records.first(), Some(Record::Given(_))) && matches!(records.last(), Some(Record::Begins(_))));
    assert!(records.iter().any(|record| matches!(record, Record::Package(_))));
    // Without being told so, a writer keeps what it wrote in whole blocks: here none.
    let blocks = std::fs::read(left("blocks")).unwrap();
    assert_eq!(blocks.len(), 0);
}

/// Blocks that end sooner change nothing that two recordings are compared by.
#[test]
fn a_recording_of_each_call_says_the_same() {
    let world = World::new();
    let (by_block, whole, _) = world.record(world.node(), with_code());
    let world = World::new();
    let (by_call, kept, _) = world.record(world.node(), Options { each_call: true, ..with_code() });
    assert!(kept.incomplete.is_none());
    assert_eq!((kept.trace, kept.steps, kept.calls), (whole.trace, whole.steps, whole.calls));
    let records = |bytes: Vec<u8>| Reader::new(&*bytes).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert!(records(by_block.bytes()) == records(by_call.bytes()));
    let source = |bytes: Vec<u8>| std::io::Cursor::new(bytes);
    let compared = subvm_replay::compare::recordings(source(by_block.bytes()), source(by_call.bytes())).unwrap();
    assert!(compared.divergence.is_none() && compared.beside.is_none());
}
