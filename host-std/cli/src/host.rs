//! The node behind the command line: one contract, no other, and no chain.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, Observer, State, Storage, Stream};
use subvm_core::{Address, Invalid, SlotId};

use super::packaged::Deployed;
use super::terminal;
use subvm_host_std::clock::SystemClock;
use subvm_host_std::config::Services;
use subvm_host_std::random::SystemRng;

/// Bytes of a stream that `--json` keeps.
const KEPT: usize = 64 << 20;

/// What a guest printed, where it is kept rather than passed through.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Where a guest's streams go.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// To the process's own.
    Through(Arc<Passed>),
    /// To memory; what goes to standard output is shown on standard error as well.
    Kept(Arc<Mutex<Printed>>),
}

/// What became of what a guest wrote to standard output.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Whether a run ends when nobody takes what it prints. A transaction does not: who reads along changes no result.
    ends_run: bool,
    /// Why the first write that failed did so; nothing is written after it.
    failed: OnceLock<io::Error>,
}

impl Output {
    /// Passes streams on.
    pub(super) fn through(ends_run: bool) -> Self {
        Self::Through(Arc::new(Passed { ends_run, failed: OnceLock::new() }))
    }

    /// Why what was passed on could not be written.
    pub(super) fn failed(&self) -> Option<&io::Error> {
        match self {
            Self::Through(passed) => passed.failed.get(),
            Self::Kept(_) => None,
        }
    }

    /// Whether that ended the run.
    pub(super) fn ended_run(&self) -> bool {
        matches!(self, Self::Through(passed) if passed.ends_run && passed.failed.get().is_some())
    }
}

impl Passed {
    fn write(&self, bytes: &[u8]) {
        if self.failed.get().is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) else { return };
        drop(out);
        let _ = self.failed.set(error);
        if self.ends_run {
            // The engine catches it and hands the node back; no hook is called, so that nothing is printed.
            resume_unwind(Box::new("nobody takes what the guest prints"));
        }
    }
}

/// A host with one contract, and where it has a store of them others that may be called.
#[derive(Debug)]
pub(super) struct OneContract {
    pub(super) address: Address,
    pub(super) code: Code,
    /// Other contracts, where they can be called.
    pub(super) others: Option<Deployed>,
    /// Who calls.
    pub(super) sender: Address,
    /// What accounts have before the run, as 256 bits, little-endian; others have nothing.
    pub(super) balances: BTreeMap<Address, [u8; 32]>,
    /// Where it prints.
    pub(super) output: Output,
}

/// A node that knows one contract and what is stored for it.
pub(super) fn node(
    contract: OneContract,
    time: u64,
    storage: Box<dyn Storage>,
    rng: SystemRng,
    services: &Services,
    observer: Option<Box<dyn Observer>>,
) -> Node {
    Node {
        storage,
        clock: Box::new(SystemClock::new(time)),
        rng: Box::new(rng),
        host: Box::new(contract),
        modules: Box::new(services.module_set()),
        observer,
    }
}

impl Host for OneContract {
    fn balance(&mut self, _: State, address: &Address) -> Result<[u8; 32], HostError> {
        Ok(self.balances.get(address).copied().unwrap_or_default())
    }

    fn code(&mut self, state: State, address: &Address) -> Result<Code, HostError> {
        if *address == self.address {
            let broken = self.others.as_mut().map_or(Ok(false), |others| others.too_many(address))?;
            return Ok(if broken { Code::Malformed(Invalid::RunnerMalformed) } else { self.code.clone() });
        }
        self.others.as_mut().map_or(Ok(Code::Nothing), |others| others.code(state, address))
    }

    fn locked_slots(&mut self, contract: &Address) -> Result<Vec<SlotId>, HostError> {
        self.others.as_mut().map_or(Ok(Vec::new()), |others| others.locked(contract, &self.sender))
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.output.take(stream, bytes);
    }
}

impl Output {
    /// Takes what a guest printed.
    pub(super) fn take(&self, stream: Stream, bytes: &[u8]) {
        match self {
            Self::Through(passed) => match stream {
                Stream::Stdout => passed.write(bytes),
                stream => to_stderr(stream, bytes),
            },
            Self::Kept(printed) => {
                to_stderr(stream, bytes);
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = match stream {
                    Stream::Stdout => &mut printed.stdout,
                    Stream::Stderr => &mut printed.stderr,
                    Stream::Trace => return,
                };
                let room = KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
    }
}

/// Writes to standard error. Where that is closed, nobody wants to know.
fn to_stderr(stream: Stream, bytes: &[u8]) {
    match stream {
        Stream::Stdout => terminal::guest("stdout", bytes),
        Stream::Stderr => terminal::guest("stderr", bytes),
        Stream::Trace if terminal::is_for_programs() => terminal::guest("trace", bytes),
        Stream::Trace => terminal::err(&format!("trace: {}", String::from_utf8_lossy(bytes))),
    }
}
