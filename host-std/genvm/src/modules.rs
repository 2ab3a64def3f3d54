//! Modules for the web and models: frames, one request and one answer in turn, so that what a run starts side by side waits in a queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subvm_calldata::{Int, Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId};

use crate::host::Hosts;
use crate::peer::{Peer, PeerError};
use crate::stream::Stream;

/// Bytes of a frame.
const FRAME: u32 = 64 << 20;
/// Bytes of a page that a module may give: three quarters of what a sub-VM can hold.
const PAGE: u32 = u32::MAX / 4 * 3;

/// Which module answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Web,
    Llm,
}

/// A module, what it is asked, and what has come of its answer.
#[derive(Debug)]
struct Module {
    stream: Stream,
    /// The request that it works on, and those that wait.
    queue: VecDeque<(RequestId, Vec<u8>)>,
    /// Since when it works.
    since: Option<Instant>,
    /// The frame that is coming.
    partial: Vec<u8>,
}

/// What models used up together.
pub(crate) type Consumed = Arc<Mutex<Int>>;

/// The modules of a run.
#[derive(Debug)]
pub(crate) struct SocketModules {
    modules: BTreeMap<Kind, Module>,
    hosts: Arc<Mutex<Hosts>>,
    next: u64,
    /// Which module a request went to.
    asked: BTreeMap<RequestId, Kind>,
    done: BTreeMap<RequestId, Vec<u8>>,
    consumed: Consumed,
    /// Whether a model ran out of time.
    timeout: Arc<Mutex<bool>>,
}

impl SocketModules {
    pub(crate) fn new(hosts: Arc<Mutex<Hosts>>, consumed: Consumed, timeout: Arc<Mutex<bool>>) -> Self {
        let (modules, asked, done) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { modules, hosts, next: 0, asked, done, consumed, timeout }
    }

    /// Connects to a module and greets it.
    pub(crate) fn connect(
        &mut self,
        name: &str,
        peer: &Peer,
        hello: &[u8],
        patience: Duration,
    ) -> Result<(), PeerError> {
        let kind = if name == "web" { Kind::Web } else { Kind::Llm };
        let mut stream = Stream::connect(peer, &format!("module {name}"), patience)?;
        stream.exchange("hello").send(&framed(hello))?;
        let module = Module { stream, queue: VecDeque::new(), since: None, partial: Vec::new() };
        self.modules.insert(kind, module);
        Ok(())
    }

    /// The request in the module's own form.
    fn translated(&mut self, request: &[u8]) -> Result<(Kind, Vec<u8>), HostError> {
        let value = Value::decode(request)?;
        let (name, fields) = value.as_map().and_then(|map| map.iter().next()).ok_or("a request without a name")?;
        let web = |name: &str| Value::Map(Map::from([(name, Value::array([fields.clone(), Value::from(PAGE)]))]));
        let (kind, value) = match name {
            "WebRender" => (Kind::Web, web("Render")),
            "WebRequest" => (Kind::Web, web("Request")),
            "ExecPrompt" | "ExecPromptTemplate" => {
                let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
                let fuel = hosts.remaining_fuel_as_gen()?.map_err(|_| "remaining_fuel_as_gen was refused")?;
                let fuel = Value::Int(Int::from_u256_le(&fuel));
                let body = Map::from([("payload", fields.clone()), ("remaining_fuel_as_gen", fuel)]);
                let name = if name == "ExecPrompt" { "Prompt" } else { "PromptTemplate" };
                (Kind::Llm, Value::Map(Map::from([(name, Value::Map(body))])))
            }
            other => return Err(format!("no module takes the request {other:?}").into()),
        };
        Ok((kind, value.encode()?))
    }

    /// What a guest finds of a module's answer.
    fn answered(&mut self, kind: Kind, answer: &[u8]) -> Result<Vec<u8>, HostError> {
        let value =
            Value::decode(answer).map_err(|error| format!("the answer of module {kind:?} is no calldata: {error}"))?;
        let entry = value.as_map().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
        let (name, content) = entry.ok_or("the answer of a module is no map of one entry")?;
        let given = match (name, kind) {
            ("Ok", Kind::Web) => ("ok", content.clone()),
            ("Ok", Kind::Llm) => ("ok", self.model(content)?),
            ("UserError", _) => ("error", content.clone()),
            ("FatalError", _) => return Err(format!("the module failed: {content}").into()),
            (other, _) => {
                return Err(
                    format!("the answer of a module is {other:?}, and neither Ok, UserError nor FatalError").into()
                );
            }
        };
        Ok(Value::Map(Map::from([given])).encode()?)
    }

    /// What a model said, once what it consumed was told.
    fn model(&mut self, content: &Value) -> Result<Value, HostError> {
        let data = content.get("data").ok_or("the answer of a model lacks the field data")?;
        let consumed = content
            .get("consumed_gen")
            .and_then(Value::as_int)
            .ok_or("the answer of a model lacks the field consumed_gen")?;
        let word = consumed.to_u256_le().ok_or("the field consumed_gen of a model's answer does not fit 256 bits")?;
        if word == [0xff; 32] {
            *self.timeout.lock().unwrap_or_else(PoisonError::into_inner) = true;
            return Err("the model ran out of time".into());
        }
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).consume_fuel(&word)?;
        let mut all = self.consumed.lock().unwrap_or_else(PoisonError::into_inner);
        *all = sum(&all, consumed);
        Ok(data.clone())
    }
}

/// The sum of integers that are not negative, within 256 bits.
fn sum(a: &Int, b: &Int) -> Int {
    let (mut word, other) = (a.to_u256_le().unwrap_or([0xff; 32]), b.to_u256_le().unwrap_or([0xff; 32]));
    let mut carry = 0u16;
    for (byte, more) in word.iter_mut().zip(other) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    if carry > 0 { Int::from_u256_le(&[0xff; 32]) } else { Int::from_u256_le(&word) }
}

impl Modules for SocketModules {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let (kind, bytes) = self.translated(request)?;
        let module = self
            .modules
            .get_mut(&kind)
            .ok_or_else(|| format!("there is no module {kind:?}: --module-web and --module-llm say where"))?;
        let id = RequestId(self.next);
        self.next += 1;
        module.queue.push_back((id, bytes));
        module.work()?;
        self.asked.insert(id, kind);
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let until = Instant::now() + at_most;
        loop {
            if let Some(done) = self.done.remove(&id) {
                self.asked.remove(&id);
                return Ok(Progress::Ready(done));
            }
            let kind = *self.asked.get(&id).ok_or("the request was never started, or is spent")?;
            let module = self.modules.get_mut(&kind).ok_or("the module is gone")?;
            let left = until.saturating_duration_since(Instant::now());
            let Some((first, answer)) = module.receive(left)? else { return Ok(Progress::Pending) };
            module.work()?;
            if self.asked.contains_key(&first) {
                let given = self.answered(kind, &answer)?;
                self.done.insert(first, given);
            }
        }
    }

    fn cancel(&mut self, id: RequestId) {
        self.done.remove(&id);
        let Some(kind) = self.asked.remove(&id) else { return };
        if let Some(module) = self.modules.get_mut(&kind) {
            // What it works on it will answer: that is read and dropped.
            let working = module.since.is_some();
            let mut number = 0;
            module.queue.retain(|(waiting, _)| {
                number += 1;
                *waiting != id || (working && number == 1)
            });
        }
    }
}

impl Module {
    /// Sends what is next, where it does nothing.
    fn work(&mut self) -> Result<(), PeerError> {
        if let (None, Some((_, request))) = (self.since, self.queue.front()) {
            let frame = framed(request);
            self.stream.exchange("request").send(&frame)?;
            self.since = Some(Instant::now());
        }
        Ok(())
    }

    /// The answer to what it works on, if it comes within so long.
    fn receive(&mut self, at_most: Duration) -> Result<Option<(RequestId, Vec<u8>)>, PeerError> {
        let until = Instant::now() + at_most;
        loop {
            if let Some(answer) = self.whole()? {
                self.since = None;
                return Ok(self.queue.pop_front().map(|(id, _)| (id, answer)));
            }
            if self.since.is_some_and(|since| since.elapsed() > self.stream.patience()) {
                return Err(self.wrong(format!("it took longer than {:?}", self.stream.patience())));
            }
            let mut some = [0; 16 << 10];
            let left = until.saturating_duration_since(Instant::now());
            match self.stream.read_some(&mut some, left) {
                Ok(0) if Instant::now() >= until => return Ok(None),
                Ok(read) => self.partial.extend_from_slice(some.get(..read).unwrap_or_default()),
                Err(error) => return Err(self.wrong(error.to_string())),
            }
        }
    }

    /// The frame that has come, once it is whole.
    fn whole(&mut self) -> Result<Option<Vec<u8>>, PeerError> {
        let Some((length, content)) = self.partial.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        if length > FRAME {
            return Err(self.wrong(format!("a frame announces {length} bytes, where {FRAME} are the most")));
        }
        match content.len().cmp(&(length as usize)) {
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Equal => {
                let content = content.to_vec();
                self.partial.clear();
                Ok(Some(content))
            }
            std::cmp::Ordering::Greater => Err(self.wrong("something follows the answer that nobody asked for".into())),
        }
    }

    fn wrong(&self, why: String) -> PeerError {
        PeerError { peer: self.stream.name().to_owned(), what: "answer", at: self.partial.len() as u64, why }
    }
}

fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), content].concat()
}
