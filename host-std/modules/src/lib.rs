//! Web and model requests, side by side: [`ModuleSet`] gives each to the [`Service`] that answers its kind, on a thread of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId};

mod genvm;
#[cfg(feature = "model")]
pub mod model;
mod pool;
#[cfg(test)]
mod pool_tests;
mod sync;
#[cfg(feature = "web")]
pub mod web;

pub use genvm::GenVmAnswers;
use pool::{Answer, Pool, Waited};
use subvm_observe::{self as observe, event};

/// Answers requests of some kinds, from several threads at once. It limits the time that an answer may take.
///
/// ```
/// use subvm_core::calldata::{Map, Value};
/// use subvm_modules::{Failure, Service};
///
/// /// Answers every prompt from a list.
/// struct Oracle(Map);
///
/// impl Service for Oracle {
///     fn answer(&self, _name: &str, fields: &Map) -> Result<Value, Failure> {
///         let prompt = fields.get("prompt").and_then(Value::as_str).ok_or(Failure::Code("bad_request"))?;
///         self.0.get(prompt).cloned().ok_or(Failure::Code("refused"))
///     }
/// }
///
/// let oracle = Oracle(Map::from([("6 * 7?", "42")]));
/// let answer = oracle.answer("ExecPrompt", &Map::from([("prompt", "6 * 7?")]));
/// assert_eq!(answer.unwrap(), Value::from("42"));
/// ```
pub trait Service: Send + Sync + 'static {
    /// Answers the request `name` with these `fields`, which have the shape that `docs/spec/sdk.md` gives them.
    ///
    /// # Errors
    /// [`Failure`].
    fn answer(&self, name: &str, fields: &Map) -> Result<Value, Failure>;
}

/// Why a service has no answer.
///
/// ```
/// use subvm_core::calldata::Map;
/// use subvm_modules::{Failure, Service};
/// use subvm_modules::web::{Limits, Rules, WebClient};
/// let client = WebClient::new(Rules::default(), Limits::default());
/// let failure = client.answer("WebRequest", &Map::new()).unwrap_err();
/// assert!(matches!(failure, Failure::Code("bad_request")));
/// ```
#[derive(Debug)]
pub enum Failure {
    /// The world failed, or a rule forbids it: the guest sees `{"error": code}`. The code is one of a list that each service documents.
    Code(&'static str),
    /// The service itself is not there, or broken: an internal error, which no guest sees.
    Unavailable(HostError),
}

/// All modules of a node, for one run. Services are shared between runs.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use subvm_core::calldata::{Map, Value};
/// use subvm_core::host::{Modules, Progress};
/// use subvm_modules::{Failure, ModuleSet, Service};
///
/// struct Echo;
/// impl Service for Echo {
///     fn answer(&self, _name: &str, fields: &Map) -> Result<Value, Failure> {
///         fields.get("prompt").cloned().ok_or(Failure::Code("bad_request"))
///     }
/// }
///
/// let mut modules = ModuleSet::new(4).with(&["ExecPrompt"], Arc::new(Echo));
/// let request = Value::from(Map::from([("ExecPrompt", Value::from(Map::from([("prompt", "hi")])))]));
/// let id = modules.start(&request.encode()?)?;
/// let Progress::Ready(answer) = modules.wait(id, Duration::from_secs(5))? else { panic!("it is quick") };
/// assert_eq!(Value::decode(&answer)?.to_string(), r#"{"ok":"hi"}"#);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct ModuleSet {
    services: BTreeMap<&'static str, Arc<dyn Service>>,
    pool: Pool,
    next: u64,
}

impl fmt::Debug for ModuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleSet").field("services", &self.services.keys()).finish_non_exhaustive()
    }
}

impl ModuleSet {
    /// No modules. Of those that are added, at most `concurrency` requests are under way at once; others wait for their turn, and where 64 MiB
    /// of answers lie unread, for somebody who waits for them.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        Self { services: BTreeMap::new(), pool: Pool::new(concurrency), next: 0 }
    }

    /// Gives requests of these `names` to `service`.
    #[must_use]
    pub fn with(mut self, names: &[&'static str], service: Arc<dyn Service>) -> Self {
        self.services.extend(names.iter().map(|name| (*name, Arc::clone(&service))));
        self
    }
}

impl Modules for ModuleSet {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let Value::Map(request) = Value::decode(request)? else {
            return Err("a request must be a map".into());
        };
        let (name, fields) = request.into_iter().next().ok_or("a request must have a name")?;
        let service = self.services.get(name.as_str());
        let service = Arc::clone(service.ok_or_else(|| not_configured(&name))?);
        let Value::Map(fields) = fields else {
            return Err(format!("the fields of {name} must be a map").into());
        };

        let id = self.next;
        self.next += 1;
        self.pool.start(id, move || answer_to(service.as_ref(), &name, &fields));
        Ok(RequestId(id))
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        match self.pool.wait(id.0, at_most) {
            Waited::Ready(answer) => answer.map(Progress::Ready),
            Waited::Pending => Ok(Progress::Pending),
            Waited::Unknown => Err(format!("no module request has number {}", id.0).into()),
        }
    }

    fn cancel(&mut self, id: RequestId) {
        self.pool.cancel(id.0);
    }
}

fn not_configured(name: &str) -> HostError {
    let section = match name {
        "WebRequest" => "web",
        "WebRender" => "render",
        _ => "model",
    };
    format!("no module answers {name}: configure [{section}] (docs/config.md)").into()
}

fn answer_to(service: &dyn Service, name: &str, fields: &Map) -> Answer {
    let start = Instant::now();
    let answer = service.answer(name, fields);
    let told = match &answer {
        Ok(_) => "ok",
        Err(Failure::Code(code)) => *code,
        Err(Failure::Unavailable(_)) => "unavailable",
    };
    observe::answered(name, told, start.elapsed());
    let (key, value) = match answer {
        Ok(value) => ("ok", value),
        Err(Failure::Code(code)) => {
            event!(debug, request = name, code, "a module request failed");
            ("error", Value::from(code))
        }
        Err(Failure::Unavailable(error)) => return Err(error),
    };
    match Value::from(Map::from([(key, value)])).encode() {
        Ok(bytes) => Ok(bytes),
        // An answer beyond the limits of calldata: too deep, or a number too large.
        Err(_) => Ok(Value::from(Map::from([("error", "bad_answer")])).encode()?),
    }
}

#[cfg(test)]
mod tests;
