//! One browser, through the WebDriver protocol. Source: W3C WebDriver, sections 8 to 17.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use crate::Failure;
use subvm_observe::event;

/// The code of a page that the browser could not show.
pub(super) const RENDER: Failure = Failure::Code("render");
/// Bytes of an answer of the driver: a screenshot of a large window in base64.
const ANSWER: u64 = 64 << 20;

/// A browser, which is closed when this is dropped.
pub(super) struct Session {
    agent: Agent,
    base: String,
    deadline: Instant,
}

impl Session {
    /// Starts a browser.
    pub(super) fn open(port: u16, capabilities: &Json, deadline: Instant) -> Result<Self, Failure> {
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            // One that the driver has closed in the meantime would fail the next command.
            .max_idle_connections(0)
            .build();
        let mut session = Self { agent: config.into(), base: format!("http://127.0.0.1:{port}/session"), deadline };
        let open = || session.send(None, "", Some(capabilities));
        // On a busy machine a browser now and then dies as it starts.
        let opened =
            open().or_else(|failure| if matches!(failure, Failure::Code("render")) { open() } else { Err(failure) });
        let opened = opened.map_err(|failure| match failure {
            Failure::Code("render") => Failure::Unavailable(
                "the browser cannot be started: see render.browser and render.no_sandbox (docs/config.md)".into(),
            ),
            failure => failure,
        })?;
        let id = opened["sessionId"].as_str().ok_or(RENDER)?;
        session.base = format!("{}/{id}", session.base);
        Ok(session)
    }

    pub(super) fn get(&self, what: &str) -> Result<Json, Failure> {
        self.send(Some("GET"), what, None)
    }

    pub(super) fn post(&self, what: &str, body: &Json) -> Result<Json, Failure> {
        self.send(None, what, Some(body))
    }

    fn send(&self, method: Option<&str>, what: &str, body: Option<&Json>) -> Result<Json, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Code("timeout"));
        }
        let url = if what.is_empty() { self.base.clone() } else { format!("{}/{what}", self.base) };
        let sent = match (method, body) {
            (Some("DELETE"), _) => self.agent.delete(url).config().timeout_global(Some(left)).build().call(),
            (_, None) => self.agent.get(url).config().timeout_global(Some(left)).build().call(),
            (_, Some(body)) => {
                let request = self.agent.post(url).header("content-type", "application/json");
                request.config().timeout_global(Some(left)).build().send(body.to_string())
            }
        };
        sent.and_then(answer).map_err(|error| match error {
            Error::Timeout(_) => Failure::Code("timeout"),
            // What a page holds is the page's doing.
            Error::BodyExceedsLimit(_) => Failure::Code("too_large"),
            error => Failure::Unavailable(error.into()),
        })?
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Out of time or not, the browser must go.
        self.deadline = Instant::now() + Duration::from_secs(10);
        let _ = self.send(Some("DELETE"), "", None);
    }
}

/// The value that the driver answers with, or the code of its error.
fn answer(response: Response<Body>) -> Result<Result<Json, Failure>, Error> {
    let body = response.into_body().into_with_config().limit(ANSWER).read_to_vec()?;
    let Ok(Json::Object(mut answer)) = serde_json::from_slice(&body) else {
        return Ok(Err(RENDER));
    };
    let value = answer.remove("value").unwrap_or_default();
    let Some(error) = value["error"].as_str() else {
        return Ok(Ok(value));
    };
    // What the browser says of its network stands in the message.
    let message = value["message"].as_str().unwrap_or_default();
    let says = |what: &[&str]| what.iter().any(|what| message.contains(what));
    event!(debug, error, "the browser failed");
    Ok(Err(match error {
        "timeout" | "script timeout" => Failure::Code("timeout"),
        _ if says(&["ERR_TIMED_OUT", "ERR_CONNECTION_TIMED_OUT"]) => Failure::Code("timeout"),
        _ if says(&["ERR_CERT", "ERR_SSL"]) => Failure::Code("tls"),
        _ if says(&["ERR_TOO_MANY_REDIRECTS"]) => Failure::Code("redirects"),
        _ if says(&["ERR_INVALID_HTTP_RESPONSE", "ERR_CONTENT_LENGTH_MISMATCH"]) => Failure::Code("protocol"),
        _ if says(&["net::ERR_"]) => Failure::Code("unreachable"),
        _ => RENDER,
    }))
}
