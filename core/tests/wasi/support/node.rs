//! A node that does what its script says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use subvm_core::host::{
    Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::{Address, SlotId};

pub(crate) type Output = Vec<(Stream, Vec<u8>)>;

/// What a node's parts share with the test.
#[derive(Clone, Default)]
pub(crate) struct Script {
    /// What was printed.
    pub(crate) output: Arc<Mutex<Output>>,
    /// The results of module requests that are there; others are pending once, then fail.
    pub(crate) results: Arc<Mutex<BTreeMap<RequestId, Vec<u8>>>>,
    /// The requests that were given up.
    pub(crate) cancelled: Arc<Mutex<Vec<RequestId>>>,
    /// Bytes after which the generator fails, if it does.
    pub(crate) random_until: Arc<Mutex<Option<usize>>>,
}

pub(crate) fn node() -> (Node, Script) {
    let script = Script::default();
    let node = Node {
        storage: Box::new(Absent),
        clock: Box::new(Absent),
        rng: Box::new(script.clone()),
        host: Box::new(script.clone()),
        modules: Box::new(script.clone()),
        observer: None,
    };
    (node, script)
}

/// What no WASI call may ask.
struct Absent;

impl Storage for Absent {
    fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, _: &mut [u8]) -> Result<(), HostError> {
        Err("no WASI call reads storage".into())
    }
}

impl Clock for Absent {
    fn transaction_time(&self) -> u64 {
        panic!("the transaction's instant is part of the configuration")
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

impl Rng for Script {
    /// 1, 2, 3 ..; a generator that fails has written something before.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        let until = self.random_until.lock().unwrap().unwrap_or(usize::MAX);
        for (byte, value) in into.iter_mut().take(until).zip((1..=255_u8).cycle()) {
            *byte = value;
        }
        if into.len() > until { Err("no entropy".into()) } else { Ok(()) }
    }
}

impl Host for Script {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        Err("no WASI call asks for a balance".into())
    }

    fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
        Err("no WASI call asks for code".into())
    }

    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Err("no WASI call asks for locked slots".into())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Err("no WASI call asks another chain".into())
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.output.lock().unwrap().push((stream, bytes.to_vec()));
    }
}

impl Modules for Script {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Err("no WASI call starts a request".into())
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        let bytes = self.results.lock().unwrap().remove(&id).ok_or("spent, or never started")?;
        Ok(Progress::Ready(bytes))
    }

    fn cancel(&mut self, id: RequestId) {
        self.cancelled.lock().unwrap().push(id);
    }
}
