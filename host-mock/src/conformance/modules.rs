//! The promises of `Modules`.

use std::time::{Duration, Instant};

use subvm_core::calldata::Value;
use subvm_core::host::{HostError, Modules, Progress, RequestId};

use super::{Broken, ensure, unpanicking};

/// What modules under test are known to answer.
///
/// ```
/// use subvm_core::calldata::{Map, Value};
/// use subvm_host_mock::conformance::ModulesSample;
/// let request = Value::from(Map::from([("WebRequest", Map::from([("url", "https://example.org")]))]));
/// let sample = ModulesSample { request: request.encode().unwrap(), unknown: None };
/// # assert!(sample.unknown.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct ModulesSample {
    /// The canonical calldata of a request that is answered, with a result or with an error: `{"<name>": {fields}}`.
    pub request: Vec<u8>,
    /// That of a request to a module which is not there; nothing where all are.
    pub unknown: Option<Vec<u8>>,
}

/// Requests that are under way at once.
const MANY: usize = 4;
/// The longest that an answer may take in these checks: generous, for slow machines and worlds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a wait is asked to last at most, and how much later it may return.
const SLICE: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(2);

/// Checks modules. `make` gives those of a new run each time. What the world answers is not judged, but for its form.
///
/// # Errors
/// The first broken promise.
///
/// ```
/// use subvm_host_mock::{MemoryHost, conformance::{self, ModulesSample}};
/// let sample = ModulesSample { request: b"\x06".to_vec(), unknown: None };
/// let answering = || {
///     let host = MemoryHost::new();
///     (0..9).for_each(|_| host.answer(b"\x0e\x02ok\x00".to_vec()));
///     host
/// };
/// assert_eq!(conformance::modules(&sample, answering), Ok(()));
/// assert!(conformance::modules(&sample, MemoryHost::new).is_err(), "without answers");
/// ```
pub fn modules<M: Modules>(sample: &ModulesSample, mut make: impl FnMut() -> M) -> Result<(), Broken> {
    unpanicking(|| {
        answers(&mut make(), sample)?;
        gives_up(&mut make(), sample)?;
        refuses(&mut make(), sample)
    })
}

/// Several requests, each started without waiting, asked for in another order than they were started.
fn answers<M: Modules>(modules: &mut M, sample: &ModulesSample) -> Result<(), Broken> {
    let mut ids = start_many(modules, sample)?;
    ids.reverse();
    for id in ids {
        let bytes = ready(modules, id)?;
        well_formed(&bytes)?;
        let again = modules.wait(id, SLICE);
        ensure("after Ready a number is spent", again.is_err(), || format!("request {} gave {again:?} again", id.0))?;
    }
    Ok(())
}

/// What is given up is no concern of the others, and nobody waits for it.
fn gives_up<M: Modules>(modules: &mut M, sample: &ModulesSample) -> Result<(), Broken> {
    let ids = start_many(modules, sample)?;
    let start = Instant::now();
    ids.iter().skip(1).for_each(|id| modules.cancel(*id));
    let took = start.elapsed();
    ensure("giving up does not wait", took < LATE, || format!("it took {took:?}"))?;
    ready(modules, ids[0]).map(drop)
}

fn refuses<M: Modules>(modules: &mut M, sample: &ModulesSample) -> Result<(), Broken> {
    let never = modules.wait(RequestId(u64::MAX), SLICE);
    ensure("waiting for a number that was never started is an error", never.is_err(), || format!("{never:?}"))?;
    let Some(unknown) = &sample.unknown else { return Ok(()) };
    let started = modules.start(unknown);
    ensure("to start a module that is not there is an error", started.is_err(), || format!("{started:?}"))
}

fn start_many<M: Modules>(modules: &mut M, sample: &ModulesSample) -> Result<Vec<RequestId>, Broken> {
    let start = Instant::now();
    let ids: Result<Vec<_>, HostError> = (0..MANY).map(|_| modules.start(&sample.request)).collect();
    let ids = ids.map_err(|error| failed("a request to a module that is there can be started", &error))?;
    let took = start.elapsed();
    ensure("a request is started without waiting", took < LATE, || format!("{MANY} took {took:?}"))?;
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    ensure("a request's number is unique within a run", distinct.len() == MANY, || format!("{ids:?}"))?;
    Ok(ids)
}

/// Asks, a short time at once, until the answer is there.
fn ready<M: Modules>(modules: &mut M, id: RequestId) -> Result<Vec<u8>, Broken> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let asked = Instant::now();
        let progress = modules.wait(id, SLICE);
        let took = asked.elapsed();
        ensure("a wait lasts no longer than it is asked to", took < SLICE + LATE, || {
            format!("{took:?} for {SLICE:?}")
        })?;
        match progress.map_err(|error| failed("a started request can be waited for", &error))? {
            Progress::Ready(bytes) => return Ok(bytes),
            Progress::Pending => {}
        }
    }
    Err(Broken { promise: "a started request is answered", found: format!("not in {PATIENCE:?}") })
}

fn well_formed(bytes: &[u8]) -> Result<(), Broken> {
    let form = "an answer is canonical calldata, {\"ok\": ..} or {\"error\": ..}";
    let value = Value::decode(bytes).map_err(|error| Broken { promise: form, found: error.to_string() })?;
    let holds = value.as_map().is_some_and(|map| map.len() == 1 && (map.get("ok").or(map.get("error")).is_some()));
    ensure(form, holds, || value.to_string())
}

fn failed(promise: &'static str, error: &HostError) -> Broken {
    Broken { promise, found: error.to_string() }
}
