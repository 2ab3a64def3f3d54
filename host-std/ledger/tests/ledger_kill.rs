//! A process that changes a ledger is killed again and again: each time, the ledger is as it was before the change or after it.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Heights, History, Ledger, LedgerError, RedbLedger};

const KILLS: u64 = 30;
const PAGES: u32 = 96;
const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);
const CHILD: &str = "SUBVM_TEST_LEDGER_DIR";
const NEXT: &str = "SUBVM_TEST_LEDGER_STEP";

/// What step number `step` does to the heights. Each does something.
fn after(step: u64, mut heights: Heights) -> Heights {
    match step % 8 {
        3 | 6 => heights.finalized = heights.accepted - 1,
        5 => heights.accepted -= 1,
        _ => heights.accepted += 1,
    }
    heights
}

fn change(ledger: &mut RedbLedger, step: u64) {
    let height = ledger.heights().unwrap().accepted;
    let result = match step % 8 {
        3 | 6 => ledger.finalize(height - 1),
        5 => ledger.rollback(height - 1),
        _ => ledger.apply(&CONTRACT, &pages(height + 1), height + 1),
    };
    result.unwrap();
}

/// All pages, each byte telling the height.
fn pages(height: u64) -> Vec<PageWrite> {
    (0..PAGES).map(|page| PageWrite { slot: SLOT, page, content: content(height) }).collect()
}

fn content(height: u64) -> [u8; 32] {
    let mut content = [0; 32];
    content.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&height.to_le_bytes()));
    content
}

fn change_until_killed(dir: &Path) -> ! {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let mut step: u64 = env::var(NEXT).unwrap().parse().unwrap();
    loop {
        change(&mut ledger, step);
        // Not `println`, which the test harness keeps to itself.
        eprintln!("{step}");
        step += 1;
    }
}

/// Starts a process that changes the ledger from step `next` on, and tells each step that is done.
fn start(dir: &Path, next: u64) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_the_old_or_the_new_state", "--nocapture"])
        .env(CHILD, dir)
        .env(NEXT, next.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// Starts the process at `next`, kills it, and returns its last step that was finished for certain. It is killed `delay` after its start,
/// or, `at_work`, after its first step.
fn run_and_kill(dir: &Path, next: u64, at_work: bool, delay: Duration) -> u64 {
    let (mut child, lines) = start(dir, next);
    let (sender, steps) = channel();
    let reader = thread::spawn(move || {
        let steps = lines.map_while(Result::ok).filter_map(|line| line.parse().ok());
        for step in steps {
            // Nobody listens any more where the test failed.
            let _ = sender.send(step);
        }
    });
    // Killed before its first step was reported: nothing is certain but what was there.
    let mut last = next - 1;
    if at_work {
        last = steps.recv().expect("it does its first step, or says why not");
    }
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    steps.iter().last().unwrap_or(last)
}

/// The ledger's heights, once every byte was found to belong to them.
fn state(dir: &Path) -> Heights {
    let mut ledger = RedbLedger::open(dir).unwrap();
    let heights = ledger.heights().unwrap();
    let mut bytes = vec![0; PAGES as usize * 32];
    for (state, height) in [(State::Accepted, heights.accepted), (State::Finalized, heights.finalized)] {
        ledger.read(state, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
        assert!(bytes.chunks_exact(32).all(|page| page == content(height)), "a mix of states at {heights:?}");
        let (root, proof) = (ledger.root(height).unwrap(), ledger.prove(height, &CONTRACT, &SLOT, 5).unwrap());
        assert_eq!(proof.page(&root, &CONTRACT, &SLOT, 5), Ok(content(height)));
    }
    heights
}

#[test]
fn a_killed_process_leaves_the_old_or_the_new_state() {
    if let Some(dir) = env::var_os(CHILD) {
        change_until_killed(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut heights, mut next) = (Heights::default(), 0);
    for kill in 0..KILLS {
        // Some before it opened the file, or while it does; most at work.
        let delay = Duration::from_millis(3 + kill * 37 % 60);
        let last = run_and_kill(dir.path(), next + 1, kill % 3 != 0, delay);
        heights = (next + 1..=last).fold(heights, |heights, step| after(step, heights));
        let (found, new) = (state(dir.path()), after(last + 1, heights));
        assert!(found == heights || found == new, "{found:?} is neither {heights:?} nor {new:?}, after step {last}");
        next = if found == new { last + 1 } else { last };
        heights = found;
    }
    println!("{KILLS} kills in {next} steps");
}

#[test]
fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = start(dir.path(), 1);
    assert!(lines.any(|line| line.unwrap() == "1"), "it did not make its first step");
    let error = RedbLedger::open(dir.path()).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(state(dir.path()).accepted > 0);
}
