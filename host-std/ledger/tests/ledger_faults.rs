//! Storage that fails at any call, for good or once, with any part of what was not flushed on disk: a ledger says so, and what is there
//! afterwards is the state before a change or after it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use subvm_core::host::{State, Storage};
use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::{Applied, Heights, History, Ledger, LedgerError, RedbLedger};

const CONTRACT: Address = Address([7; 20]);
const SLOT: SlotId = SlotId([9; 32]);
const PAGES: u32 = 64;

/// A disk: what is flushed, and the writes since.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State_>>);

#[derive(Debug, Default)]
struct State_ {
    flushed: Vec<u8>,
    /// What reads see.
    now: Vec<u8>,
    /// Changes since the last flush: a write, or a new length.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(at, content) => {
                bytes.resize(bytes.len().max(at + content.len()), 0);
                bytes[*at..*at + content.len()].copy_from_slice(content);
            }
        }
    }
}

/// What fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Every call from here on, as of a disk that is gone.
    Gone,
    /// Writing, and growing, as where there is no space.
    Full,
    /// Flushing, which has written half of the last block.
    Torn,
}

/// A way to the disk that fails from its `at`th change on.
#[derive(Debug)]
struct Way {
    disk: Disk,
    fault: Fault,
    at: usize,
    calls: Arc<AtomicUsize>,
}

impl Way {
    fn fails(&self, flushes: bool) -> io::Result<()> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.at {
            return Ok(());
        }
        match self.fault {
            Fault::Gone => Err(io::Error::from_raw_os_error(5)),
            Fault::Full if !flushes => Err(io::ErrorKind::StorageFull.into()),
            Fault::Torn if flushes => Err(io::Error::from_raw_os_error(5)),
            Fault::Full | Fault::Torn => Ok(()),
        }
    }

    fn change(&self, change: Change) {
        let state = &mut *self.disk.0.lock().unwrap();
        change.make(&mut state.now);
        state.pending.push(change);
    }
}

impl StorageBackend for Way {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if matches!(self.fault, Fault::Gone) && self.calls.load(Ordering::SeqCst) > self.at {
            return Err(io::Error::from_raw_os_error(5));
        }
        let state = self.disk.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        let bytes = state.now.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fails(false)?;
        self.change(Change::Length(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fails(true)?;
        let state = &mut *self.disk.0.lock().unwrap();
        state.flushed.clone_from(&state.now);
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fails(false)?;
        self.change(Change::Write(usize::try_from(offset).unwrap(), data.to_vec()));
        Ok(())
    }
}

impl Disk {
    /// The disk after the power went: what was flushed, and of the changes since those that `kept` says; the last of them by half.
    fn after_the_power_went(&self, mut kept: impl FnMut(usize) -> bool) -> Self {
        let state = self.0.lock().unwrap();
        let mut bytes = state.flushed.clone();
        for (number, change) in state.pending.iter().enumerate() {
            let change = match change {
                Change::Write(at, content) if number + 1 == state.pending.len() => {
                    Change::Write(*at, content[..content.len() / 2].to_vec())
                }
                change => change.clone(),
            };
            if kept(number) {
                change.make(&mut bytes);
            }
        }
        Self(Arc::new(Mutex::new(State_ { flushed: bytes.clone(), now: bytes, pending: Vec::new() })))
    }

    fn open(&self, fault: Fault, at: usize) -> (Result<RedbLedger, LedgerError>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let way = Way { disk: self.clone(), fault, at, calls: calls.clone() };
        (RedbLedger::on_backend("on a disk that fails", way), calls)
    }
}

fn pages(fill: u8) -> Vec<PageWrite> {
    (0..PAGES).map(|page| PageWrite { slot: SLOT, page, content: [fill; 32] }).collect()
}

/// Steps that change everything there is to change; after step n the accepted height is n.
fn step(ledger: &mut RedbLedger, number: u64) -> Result<(), LedgerError> {
    let pages = pages(number as u8);
    let halves = pages.split_at(pages.len() / 2);
    let receipts = [halves.0, halves.1].map(|pages| Applied { contract: CONTRACT, pages });
    ledger.apply_block(&receipts, number)?;
    if number.is_multiple_of(2) { ledger.finalize(number - 1) } else { Ok(()) }
}

/// The heights, once every byte was found to belong to them.
fn whole(ledger: &mut RedbLedger) -> Heights {
    let heights = ledger.heights().unwrap();
    for (state, height) in [(State::Accepted, heights.accepted), (State::Finalized, heights.finalized)] {
        let mut bytes = vec![0xee; PAGES as usize * 32];
        ledger.read(state, &CONTRACT, &SLOT, 0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == height as u8), "a mix of states at {heights:?}");
        let (root, proof) = (ledger.root(height).unwrap(), ledger.prove(height, &CONTRACT, &SLOT, 5).unwrap());
        assert_eq!(proof.page(&root, &CONTRACT, &SLOT, 5), Ok([height as u8; 32]));
    }
    heights
}

const STEPS: u64 = 4;

/// A ledger with two steps done, on a disk that has it all.
fn started() -> Disk {
    let disk = Disk::default();
    let mut ledger = disk.open(Fault::Gone, usize::MAX).0.unwrap();
    (1..=2).for_each(|number| step(&mut ledger, number).unwrap());
    drop(ledger);
    disk
}

/// Runs further steps until one fails; how many were done for certain, and whether one failed.
fn run(disk: &Disk, fault: Fault, at: usize) -> (u64, bool) {
    let Ok(mut ledger) = disk.open(fault, at).0 else { return (2, true) };
    for number in 3..=2 + STEPS {
        if let Err(error) = step(&mut ledger, number) {
            assert!(matches!(error, LedgerError::Backend { .. } | LedgerError::Damaged { .. }), "{error:?}");
            assert!(!error.to_string().is_empty());
            // The next one fails as well, or goes on: never does it lie.
            return (number - 1, true);
        }
    }
    (2 + STEPS, false)
}

fn a_failing_disk_loses_nothing(fault: Fault) {
    let mut at = 0;
    let mut failed = 0;
    loop {
        let disk = started();
        let (done, fails) = run(&disk, fault, at);
        failed += u64::from(fails);
        let patterns: [fn(usize) -> bool; 4] =
            [|_| false, |_| true, |number| number % 2 == 0, |number| number % 3 != 0];
        for kept in patterns {
            let mut ledger = disk.after_the_power_went(kept).open(Fault::Gone, usize::MAX).0.unwrap();
            let heights = whole(&mut ledger);
            assert!((done..=done + 1).contains(&heights.accepted), "{fault:?} at {at}: {heights:?} after {done}");
            // It can be used as if nothing had been.
            let next = heights.accepted + 1;
            ledger.apply(&CONTRACT, &pages(next as u8), next).unwrap();
            ledger.finalize(next).unwrap();
            assert_eq!(whole(&mut ledger), Heights { accepted: next, finalized: next });
        }
        if !fails {
            assert!(failed > 5, "{fault:?} was tried at {failed} calls");
            return;
        }
        at += 1;
    }
}

#[test]
fn a_disk_that_is_gone() {
    a_failing_disk_loses_nothing(Fault::Gone);
}

#[test]
fn a_disk_that_is_full() {
    a_failing_disk_loses_nothing(Fault::Full);
}

#[test]
fn a_disk_that_tears_what_it_writes() {
    a_failing_disk_loses_nothing(Fault::Torn);
}

/// The disk of a ledger of layout 1, as the program before layout 2 left it.
fn of_layout_1() -> Disk {
    let bytes = include_bytes!("layouts/1.redb").to_vec();
    Disk(Arc::new(Mutex::new(State_ { flushed: bytes.clone(), now: bytes, pending: Vec::new() })))
}

/// Opening migrates. Whatever fails meanwhile, the next opening finds layout 1 or layout 2, and all that it held.
#[test]
fn a_migration_that_fails_is_not_half_done() {
    let mut whole = of_layout_1().open(Fault::Gone, usize::MAX).0.unwrap();
    let roots: Vec<_> = (5..=10).map(|height| whole.root(height).unwrap()).collect();
    for fault in [Fault::Gone, Fault::Full, Fault::Torn] {
        let mut failed = 0;
        for at in 0.. {
            let disk = of_layout_1();
            let fails = disk.open(fault, at).0.is_err();
            failed += u64::from(fails);
            let patterns: [fn(usize) -> bool; 3] = [|_| false, |_| true, |number| number % 2 == 0];
            for kept in patterns {
                let mut ledger = disk.after_the_power_went(kept).open(Fault::Gone, usize::MAX).0.unwrap();
                assert_eq!(ledger.heights().unwrap(), Heights { accepted: 10, finalized: 5 }, "{fault:?} at {at}");
                let found: Vec<_> = (5..=10).map(|height| ledger.root(height).unwrap()).collect();
                assert_eq!(found, roots, "{fault:?} at {at}");
            }
            if !fails {
                break;
            }
        }
        assert!(failed > 2, "{fault:?} was tried at {failed} calls");
    }
}
