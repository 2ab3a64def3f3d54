//! Getting a request to an endpoint, again and again where that may help.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use super::Provider;
use crate::Failure;
use subvm_observe::event;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One request's attempts.
pub(super) struct Attempts<'a> {
    provider: &'a Provider,
    agent: Agent,
    start: Instant,
}

/// What came of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    /// It is no use to try again.
    Failed(Failure),
    /// It may be, after this long where the endpoint said so.
    Again {
        why: String,
        after: Option<Duration>,
    },
}

impl<'a> Attempts<'a> {
    pub(super) fn new(provider: &'a Provider) -> Self {
        let config = Agent::config_builder()
            // A redirect would carry the key and the prompt to who knows where.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("subvm/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { provider, agent: config.into(), start: Instant::now() }
    }

    /// The body of the endpoint's answer to `body`.
    pub(super) fn post(&self, body: &Json) -> Result<Vec<u8>, Failure> {
        let body = body.to_string();
        let mut wait = self.provider.backoff;
        let mut attempts = 0;
        loop {
            let (why, after) = match self.attempt(&body) {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Again { why, after } => (why, after),
            };
            attempts += 1;
            let pause = after.unwrap_or(wait).min(LONGEST_WAIT);
            if attempts > self.provider.retries || pause >= self.left() {
                let Provider { base_url, .. } = self.provider;
                return Err(Failure::Unavailable(
                    format!("{base_url} does not answer: {why} ({attempts} attempts)").into(),
                ));
            }
            event!(debug, provider = self.provider.base_url, why, ?pause, "asking a model again");
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
            Err(error) => failed(error),
        }
    }

    fn judge(&self, response: Response<Body>) -> Attempt {
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after");
        let after = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        match status {
            200 => match response.into_body().into_with_config().limit(self.provider.max_answer).read_to_vec() {
                Ok(answer) => Attempt::Answer(answer),
                Err(error) => failed(error),
            },
            // The request itself is not to its liking.
            400 | 413 | 422 => Attempt::Failed(Failure::Code("refused")),
            408 | 409 | 425 | 429 | 500..=599 => Attempt::Again { why: format!("status {status}"), after },
            _ => {
                let what = format!(
                    "{} answers with status {status}: check its address, model and key",
                    self.provider.base_url
                );
                Attempt::Failed(Failure::Unavailable(what.into()))
            }
        }
    }
}

fn failed(error: Error) -> Attempt {
    match error {
        Error::BodyExceedsLimit(_) => Attempt::Failed(super::BAD_ANSWER),
        Error::BadUri(_) | Error::Http(_) => Attempt::Failed(Failure::Unavailable(error.into())),
        error => Attempt::Again { why: error.to_string(), after: None },
    }
}
