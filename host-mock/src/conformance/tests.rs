//! The kit finds each kind of fault, and no fault where there is none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, Package, SlotId};

use super::*;

/// What is wrong with a part.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    NoZeroFill,
    ShortRead,
    IgnoresContract,
    IgnoresSlot,
    IgnoresState,
    OffByOne,
    WrapsAround,
    Forgets,
    Panics,
    Fails,
}

struct Pages {
    fault: Fault,
    pages: BTreeMap<(State, Address, SlotId, u32), [u8; 32]>,
    reads: u32,
}

impl Pages {
    fn new(fault: Fault, written: &[Written]) -> Self {
        let mut pages = BTreeMap::new();
        for Written { state, contract, page } in written {
            let states = if *state == State::Finalized { &[State::Finalized, State::Accepted][..] } else { &[*state] };
            for state in states {
                let contract = if fault == Fault::IgnoresContract { Address([0; 20]) } else { *contract };
                let mut slot = page.slot;
                if fault == Fault::IgnoresSlot {
                    slot.0[31] = 0;
                }
                pages.insert((*state, contract, slot, page.page), page.content);
            }
        }
        Self { fault, pages, reads: 0 }
    }
}

impl Storage for Pages {
    fn read(
        &mut self,
        mut state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        self.reads += 1;
        let (mut contract, mut slot, mut shift) = (*contract, *slot, 0);
        match self.fault {
            Fault::IgnoresContract => contract = Address([0; 20]),
            Fault::IgnoresSlot => slot.0[31] = 0,
            Fault::IgnoresState => state = State::Accepted,
            Fault::OffByOne if into.len() > 32 => shift = 1,
            Fault::Panics if index == u32::MAX => panic!("on purpose"),
            Fault::Fails if into.is_empty() => return Err("nothing to read".into()),
            Fault::Forgets if self.reads > 1000 => {
                into.fill(0);
                return Ok(());
            }
            _ => {}
        }
        let len = if self.fault == Fault::ShortRead { into.len().min(64) } else { into.len() };
        for (at, byte) in into[..len].iter_mut().enumerate() {
            let place = u64::from(index) + at as u64 + shift;
            let place = if self.fault == Fault::WrapsAround { place & 0xffff_ffdf } else { place };
            match self.pages.get(&(state, contract, slot, (place / 32) as u32)) {
                Some(page) => *byte = page[(place % 32) as usize],
                None if self.fault == Fault::NoZeroFill => {}
                None => *byte = 0,
            }
        }
        Ok(())
    }
}

#[test]
fn storage_faults_are_found() {
    let check = |fault| storage(|written| Pages::new(fault, written));
    check(Fault::None).unwrap();
    for (fault, promise) in [
        (Fault::NoZeroFill, "a read fills all"),
        (Fault::ShortRead, "a read fills all"),
        (Fault::IgnoresContract, "a read fills exactly"),
        (Fault::IgnoresSlot, "a read fills exactly"),
        (Fault::IgnoresState, "the finalized state"),
        (Fault::OffByOne, "a read fills exactly"),
        (Fault::WrapsAround, "a read fills exactly"),
        (Fault::Panics, "never panics"),
        (Fault::Fails, "every range"),
    ] {
        let broken = check(fault).unwrap_err();
        assert!(broken.promise.contains(promise), "{fault:?}: {broken}");
    }
    check(Fault::Forgets).unwrap_err();
}

struct Time {
    start: Instant,
    instant: fn(Duration) -> u64,
    elapsed: fn(Duration) -> Duration,
}

impl Clock for Time {
    fn transaction_time(&self) -> u64 {
        (self.instant)(self.start.elapsed())
    }

    fn elapsed(&self) -> Duration {
        (self.elapsed)(self.start.elapsed())
    }
}

#[test]
fn clock_faults_are_found() {
    let check = |instant, elapsed| clock(|| Time { start: Instant::now(), instant, elapsed });
    check(|_| 5, |passed| passed).unwrap();
    for (broken, promise) in [
        (check(|passed| passed.as_nanos() as u64, |passed| passed), "instant is the same"),
        (check(|_| 5, |_| Duration::MAX), "elapsed time passes"),
        (check(|_| 5, |passed| Duration::MAX - passed), "never goes backwards"),
    ] {
        let broken = broken.unwrap_err();
        assert!(broken.promise.contains(promise), "{broken}");
    }
}

struct Bytes<F>(F);

impl<F: FnMut(&mut [u8]) -> Result<(), HostError> + Send + 'static> Rng for Bytes<F> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        (self.0)(into)
    }
}

/// A generator that cannot fail.
fn filled(mut fill: impl FnMut(&mut [u8]) + Send + 'static) -> impl Rng {
    Bytes(move |into: &mut [u8]| {
        fill(into);
        Ok(())
    })
}

/// Bytes that look random enough, from a counter.
fn mix(counter: &mut u64) -> u8 {
    *counter = counter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*counter >> 56) as u8
}

#[test]
fn generator_faults_are_found() {
    let mut seed = 0;
    let mut seeded = |len: fn(usize) -> usize| {
        seed += 1;
        let mut counter = seed << 32;
        filled(move |into| {
            let len = len(into.len());
            into[..len].fill_with(|| mix(&mut counter));
        })
    };
    rng(|| seeded(|len| len)).unwrap();
    let short = rng(|| seeded(|len| len.min(256))).unwrap_err();
    assert_eq!(short.found, "byte 256 of 257 never changed");
    let constant = rng(|| filled(|into| into.fill(99))).unwrap_err();
    assert!(constant.promise.contains("nothing to do with each other"), "{constant}");
    let fixed = || {
        let mut counter = 1;
        filled(move |into| into.fill_with(|| mix(&mut counter)))
    };
    assert!(rng(fixed).unwrap_err().found.contains("fixed seed"));
    assert!(rng(|| Bytes(|_: &mut [u8]| Err("none".into()))).unwrap_err().found.contains("none"));
}

struct Chain {
    fault: Fault,
    calls: u8,
}

const SAMPLE: HostSample = HostSample { contract: Address([1; 20]), nobody: Address([2; 20]) };

impl Host for Chain {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        self.calls += u8::from(self.fault == Fault::Forgets);
        Ok([self.calls; 32])
    }

    fn code(&mut self, _: State, address: &Address) -> Result<Code, HostError> {
        let everywhere = self.fault == Fault::IgnoresContract;
        let package = || {
            Arc::new(Package {
                start: (*b"\0asm").into(),
                libraries: Vec::new(),
                files: Arc::default(),
                args: Arc::default(),
                env: Arc::default(),
            })
        };
        Ok(if everywhere || *address == SAMPLE.contract { Code::Package(package()) } else { Code::Nothing })
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        if self.fault == Fault::Fails { Err("gone".into()) } else { Ok(Vec::new()) }
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        if self.fault == Fault::Panics {
            std::str::from_utf8(bytes).unwrap();
        }
    }
}

#[test]
fn host_faults_are_found() {
    let check = |fault| host(SAMPLE, || Chain { fault, calls: 0 });
    check(Fault::None).unwrap();
    for (fault, promise) in [
        (Fault::Forgets, "the same answer"),
        (Fault::IgnoresContract, "an address without code"),
        (Fault::Fails, "locked slots"),
        (Fault::Panics, "never panics"),
    ] {
        let broken = check(fault).unwrap_err();
        assert!(broken.promise.contains(promise), "{fault:?}: {broken}");
    }
}

/// Modules that answer at once.
struct World {
    fault: ModulesFault,
    started: u64,
    waiting: BTreeMap<RequestId, Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum ModulesFault {
    None,
    SameNumber,
    Malformed,
    NeverSpent,
    AnswersAnything,
    StartsAnything,
    GivesUpAll,
    StartsSlowly,
    WaitsLonger,
}

const OK: &[u8] = b"\x0e\x02ok\x00";

impl Modules for World {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        if request != b"known" && self.fault != ModulesFault::StartsAnything {
            return Err("no such module".into());
        }
        if self.fault == ModulesFault::StartsSlowly {
            std::thread::sleep(Duration::from_millis(600));
        }
        self.started += u64::from(self.fault != ModulesFault::SameNumber);
        let answer = if self.fault == ModulesFault::Malformed { b"\x00" } else { OK };
        self.waiting.insert(RequestId(self.started), answer.to_vec());
        Ok(RequestId(self.started))
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        match self.fault {
            ModulesFault::AnswersAnything => return Ok(Progress::Ready(OK.to_vec())),
            ModulesFault::NeverSpent if id.0 <= self.started => return Ok(Progress::Ready(OK.to_vec())),
            ModulesFault::WaitsLonger => std::thread::sleep(Duration::from_millis(2200)),
            _ => {}
        }
        self.waiting.remove(&id).map(Progress::Ready).ok_or_else(|| "no such request".into())
    }

    fn cancel(&mut self, id: RequestId) {
        self.waiting.remove(&id);
        if self.fault == ModulesFault::GivesUpAll {
            self.waiting.clear();
        }
    }
}

#[test]
fn modules_faults_are_found() {
    let sample = ModulesSample { request: b"known".to_vec(), unknown: Some(b"unknown".to_vec()) };
    let check = |fault| modules(&sample, || World { fault, started: 0, waiting: BTreeMap::new() });
    check(ModulesFault::None).unwrap();
    for (fault, promise) in [
        (ModulesFault::SameNumber, "unique within a run"),
        (ModulesFault::Malformed, "an answer is canonical calldata"),
        (ModulesFault::NeverSpent, "a number is spent"),
        (ModulesFault::AnswersAnything, "a number is spent"),
        (ModulesFault::StartsAnything, "a module that is not there"),
        (ModulesFault::GivesUpAll, "a started request can be waited for"),
        (ModulesFault::StartsSlowly, "started without waiting"),
        (ModulesFault::WaitsLonger, "no longer than it is asked to"),
    ] {
        let broken = check(fault).unwrap_err();
        assert!(broken.promise.contains(promise), "{fault:?}: {broken}");
    }
}
