//! What recording adds to a short run, by the clock, apart from what the file system takes for a file of its own:
//! `cargo bench --locked -p subvm-replay --bench cost`, at real-time priority where there is other work.

#![allow(clippy::expect_used, reason = "a benchmark")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::State;
use subvm_core::{Address, Engine, Entry, Message, Role, Run, run};
use subvm_host_mock::{MemoryHost, ScriptedEngine};
use subvm_replay::{Buffer, Options, Recorder};

const CONTRACT: Address = Address([7; 20]);
/// Host calls of the run.
const CALLS: u64 = 15;
/// Runs of each kind.
const ROUNDS: usize = 400;

fn transaction() -> Run {
    Run {
        message: Message { contract_address: CONTRACT, ..Message::default() },
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::default(),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    }
}

/// Prints the least, the lower quarter and the median.
fn report(what: &str, mut measure: impl FnMut() -> Duration) {
    let mut all: Vec<f64> = (0..ROUNDS).map(|_| measure().as_secs_f64() * 1e6).collect();
    all.sort_by(f64::total_cmp);
    println!("{what:>24}: least {:6.1} us, quarter {:6.1}, median {:6.1}", all[0], all[ROUNDS / 4], all[ROUNDS / 2]);
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn main() {
    let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
    let script = |machine: &mut subvm_host_mock::Machine<'_>| {
        (0..CALLS).try_for_each(|place| machine.wasi("fd_seek", &[0, place, 0, 96]).map(drop))
    };
    host.deploy(CONTRACT, engine.script(script));
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let recorded = |sink: Box<dyn Write + Send>| {
        let (node, recorder) = Recorder::wrap(host.node(), sink, Options::default());
        let (node, report) = run(Arc::clone(&engine), node, transaction());
        report.expect("it runs");
        assert!(recorder.finish(node).1.incomplete.is_none());
    };
    report("not recorded", || {
        timed(|| {
            run(Arc::clone(&engine), host.node(), transaction()).1.expect("it runs");
        })
    });
    report("into memory", || timed(|| recorded(Box::<Buffer>::default())));
    let path = std::env::temp_dir().join(format!("subvm-cost-{}", std::process::id()));
    // As `exec` and `run` do it: the file is made before the run, and closed behind it.
    report("into a file", || {
        let file = made(&path);
        let kept = file.try_clone().expect("a descriptor");
        let took = timed(|| recorded(Box::new(file)));
        drop(kept);
        took
    });
    report("the file alone", || timed(|| made(&path).write_all(&[1; 1500]).expect("there is room")));
    fs::remove_file(&path).expect("it was made");
}

fn made(path: &Path) -> File {
    let _ = fs::remove_file(path);
    File::create(path).expect("a file")
}
