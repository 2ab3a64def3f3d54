//! Getting a request to an endpoint, again and again where that may help, and whose trouble it is where it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Written;
use ureq::http::Response;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};
use ureq::{Agent, Body, Error};

use super::provider::Ask;
use super::{BAD_ANSWER, Provider, REFUSED};
use crate::Failure;
use subvm_observe::event;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One request's attempts.
pub(super) struct Attempts<'a> {
    provider: &'a Provider,
    agent: Agent,
    connected: Connected,
    start: Instant,
}

/// What came of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    /// It is no use to try again.
    Failed(Failure),
    /// Nor here, but the status does not say whether the prompt is the reason.
    Unclear(u16),
    /// It may be, after this long where the endpoint said so.
    Again {
        why: String,
        /// The code of it, where the endpoint had the prompt.
        code: Option<&'static str>,
        after: Option<Duration>,
    },
}

/// Whether the endpoint ever took a connection: what it does from then on, it may do because of the prompt. The last link of a chain of
/// connectors, after that of TLS.
#[derive(Clone, Debug, Default)]
struct Connected {
    ever: Arc<AtomicBool>,
    proxied: bool,
}

impl Connected {
    fn get(&self) -> bool {
        self.ever.load(Ordering::SeqCst)
    }
}

impl<In: Transport> Connector<In> for Connected {
    type Out = In;

    fn connect(&self, details: &ConnectionDetails<'_>, connection: Option<In>) -> Result<Option<In>, Error> {
        // A connection to the proxy itself is made without one.
        let to_endpoint = details.config.proxy().is_some() == self.proxied;
        self.ever.fetch_or(connection.is_some() && to_endpoint, Ordering::SeqCst);
        Ok(connection)
    }
}

impl<'a> Attempts<'a> {
    pub(super) fn new(provider: &'a Provider) -> Self {
        let proxy = provider.proxy.as_ref().map(|proxy| proxy.0.clone());
        let connected = Connected { proxied: proxy.is_some(), ..Connected::default() };
        let config = Agent::config_builder()
            // The node's own, or none: never the environment's.
            .proxy(proxy)
            // A redirect would carry the key and the prompt to who knows where.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // One that the endpoint has closed in the meantime would fail the next attempt.
            .max_idle_connections(0)
            .user_agent(concat!("subvm/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = DefaultConnector::default().chain(connected.clone());
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Self { provider, agent, connected, start: Instant::now() }
    }

    /// The body of the endpoint's answer to `body`.
    ///
    /// # Errors
    /// By the table in the documentation of [`super`].
    pub(super) fn post(&self, body: &Written) -> Result<Vec<u8>, Failure> {
        let body = body.to_string();
        let base_url = &self.provider.base_url;
        let (mut wait, mut attempts, mut result) = (self.provider.backoff, 0, None);
        loop {
            let (why, code, after) = match self.attempt(&body) {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Unclear(status) => return Err(self.tried(status)),
                Attempt::Again { why, code, after } => (why, code, after),
            };
            // An endpoint that a prompt brought down is not there for the next attempt.
            result = code.or(result);
            attempts += 1;
            let pause = after.unwrap_or(wait).min(LONGEST_WAIT);
            if attempts > self.provider.retries || pause >= self.left() {
                let why = format!("{base_url} does not answer: {why} ({attempts} attempts)");
                event!(warn, why, "a model provider was given up");
                return Err(result.map_or_else(|| Failure::Unavailable(why.into()), Failure::Code));
            }
            event!(debug, provider = base_url, why, ?pause, "asking a model again");
            thread::sleep(pause);
            wait = wait.saturating_mul(2);
        }
    }

    fn left(&self) -> Duration {
        self.provider.timeout.saturating_sub(self.start.elapsed())
    }

    fn attempt(&self, body: &str) -> Attempt {
        let mut request = self.agent.post(format!("{}/chat/completions", self.provider.base_url));
        request = request.header("content-type", "application/json");
        if let Some(key) = &self.provider.key {
            request = request.header("authorization", key.bearer());
        }
        match request.config().timeout_global(Some(self.left())).build().send(body) {
            Ok(response) => self.judge(response),
            Err(error) => self.failed(error),
        }
    }

    fn judge(&self, response: Response<Body>) -> Attempt {
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after");
        let after = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let again = |code| Attempt::Again { why: format!("status {status}"), code: Some(code), after };
        match status {
            200 => match response.into_body().into_with_config().limit(self.provider.max_answer).read_to_vec() {
                Ok(answer) => Attempt::Answer(answer),
                Err(error) => self.failed(error),
            },
            400 | 413 | 414 | 422 | 451 => Attempt::Failed(REFUSED),
            408 | 409 | 425 | 429 => again("busy"),
            500..=599 => again("failed"),
            // No prompt makes a key wrong.
            401 | 407 => Attempt::Failed(self.misconfigured(status)),
            _ => Attempt::Unclear(status),
        }
    }

    /// Whose trouble it is that the endpoint answered with this status: the prompt's, where it answers another.
    fn tried(&self, status: u16) -> Failure {
        match self.attempt(&Ask::harmless().body(&self.provider.model).to_string()) {
            Attempt::Answer(_) => REFUSED,
            _ => self.misconfigured(status),
        }
    }

    fn misconfigured(&self, status: u16) -> Failure {
        let base_url = &self.provider.base_url;
        Failure::Unavailable(
            format!("{base_url} answers with status {status}: check its address, model and key").into(),
        )
    }

    fn failed(&self, error: Error) -> Attempt {
        use std::io::ErrorKind::InvalidData;
        let code = match &error {
            Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => return Attempt::Failed(BAD_ANSWER),
            Error::BadUri(_) | Error::Http(_) => return Attempt::Failed(Failure::Unavailable(error.into())),
            // A certificate is the endpoint's, whatever it is asked.
            Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) | Error::TlsRequired => None,
            Error::Io(error) if error.kind() == InvalidData => None,
            _ if !self.connected.get() => None,
            Error::Timeout(_) => Some("timeout"),
            _ => Some("failed"),
        };
        Attempt::Again { why: error.to_string(), code, after: None }
    }
}
