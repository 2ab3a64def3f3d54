//! The node behind the command line: one contract, no other, and no chain.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, State, Storage, Stream};
use subvm_core::{Address, SlotId};
use tracing::level_filters::LevelFilter;

use subvm_host_std::clock::SystemClock;
use subvm_host_std::config::Services;
use subvm_host_std::observe::Spans;
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
    Through,
    /// To memory; what goes to standard output is shown on standard error as well.
    Kept(Arc<Mutex<Printed>>),
}

/// A host with one contract.
#[derive(Debug)]
struct OneContract {
    address: Address,
    code: Code,
    output: Output,
}

/// A node that knows one contract and what is stored for it.
pub(super) fn node(
    address: Address,
    code: Code,
    time: u64,
    storage: Box<dyn Storage>,
    output: Output,
    rng: SystemRng,
    services: &Services,
) -> Node {
    // Below info there are no spans, and a failure is told in any case.
    let observed = LevelFilter::current() >= LevelFilter::INFO;
    Node {
        storage,
        clock: Box::new(SystemClock::new(time)),
        rng: Box::new(rng),
        host: Box::new(OneContract { address, code, output }),
        modules: Box::new(services.module_set()),
        observer: observed.then(|| Box::new(Spans::new()) as _),
    }
}

impl Host for OneContract {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, address: &Address) -> Result<Code, HostError> {
        Ok(if *address == self.address { self.code.clone() } else { Code::Nothing })
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
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
            Self::Through => through(stream, bytes),
            Self::Kept(printed) => {
                through(Stream::Stderr, bytes);
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

/// Passes bytes on. A reader that went away is no concern of the guest's.
fn through(stream: Stream, bytes: &[u8]) {
    let _ = match stream {
        Stream::Stdout => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Stderr => std::io::stderr().lock().write_all(bytes),
        Stream::Trace => {
            let mut err = std::io::stderr().lock();
            err.write_all(b"trace: ").and_then(|()| err.write_all(bytes)).and_then(|()| err.write_all(b"\n"))
        }
    };
}
