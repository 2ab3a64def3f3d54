//! `WebRequest`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subvm_core::calldata::{Int, Map, Value};
use ureq::http::header::{HeaderName, LOCATION};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Error};
use url::Url;

use super::Rules;
use super::resolver::{Checked, Unreachable};
use super::rules::{BAD_REQUEST, FORBIDDEN};
use crate::{Failure, Service};
use subvm_observe::event;

/// How much a request may take.
///
/// ```
/// use std::time::Duration;
/// use subvm_modules::web::Limits;
/// let limits = Limits { time: Duration::from_secs(5), redirects: 0, ..Limits::default() };
/// assert_eq!(limits.body, 8 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    /// From its start to the last byte of its answer, redirects included.
    pub time: Duration,
    /// Bytes of an answer's body.
    pub body: u64,
    /// Bytes of an answer's status line and headers.
    pub head: usize,
    /// Redirects that are followed.
    pub redirects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), body: 8 << 20, head: 64 << 10, redirects: 5 }
    }
}

/// Answers `WebRequest` with `{status, headers, body}`. Header names are in small letters, the values of a name that repeats are joined
/// with `", "`. Bodies come as the server sent them: no compression is asked for, and none is undone.
///
/// ```no_run
/// use std::sync::Arc;
/// use subvm_modules::ModuleSet;
/// use subvm_modules::web::{Limits, Rules, WebClient};
/// let client = WebClient::new(Rules::default(), Limits::default());
/// let modules = ModuleSet::new(8).with(&["WebRequest"], Arc::new(client));
/// ```
pub struct WebClient {
    agent: Agent,
    rules: Arc<Rules>,
    limits: Limits,
}

impl fmt::Debug for WebClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebClient").field("rules", &self.rules).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// One request, as it is sent and redirected.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl WebClient {
    /// A client that resolves names as the operating system does.
    #[must_use]
    pub fn new(rules: Rules, limits: Limits) -> Self {
        Self::with_parts(rules, limits, DefaultResolver::default(), RootCerts::WebPki)
    }

    /// A client that asks `resolver`, whose answers are checked all the same, and trusts the authorities in `roots`.
    ///
    /// ```
    /// use subvm_modules::web::{Limits, Rules, WebClient};
    /// use ureq::{tls::RootCerts, unversioned::resolver::DefaultResolver};
    /// // As `new` makes it.
    /// let (resolver, roots) = (DefaultResolver::default(), RootCerts::WebPki);
    /// let client = WebClient::with_parts(Rules::default(), Limits::default(), resolver, roots);
    /// # drop(client);
    /// ```
    #[must_use]
    pub fn with_parts(rules: Rules, limits: Limits, resolver: impl Resolver, roots: RootCerts) -> Self {
        let rules = Arc::new(rules);
        let config = Agent::config_builder()
            // Not the environment's proxy: it would connect where we do not see.
            .proxy(None)
            // Redirects are followed here, under the rules.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(limits.head)
            // A connection that is kept would skip the check of its address.
            .max_idle_connections(0)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("subvm/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Checked { inner: Arc::new(resolver), rules: Arc::clone(&rules) };
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), resolver), rules, limits }
    }

    fn request(&self, fields: &Map) -> Result<Value, Failure> {
        let mut hop = self.first(fields).ok_or(BAD_REQUEST)??;
        let start = Instant::now();
        for _ in 0..=self.limits.redirects {
            let left = self.limits.time.checked_sub(start.elapsed()).ok_or(Failure::Code("timeout"))?;
            // No path, no query: they may hold secrets.
            event!(debug, method = %hop.method, host = hop.url.host_str(), "web request");
            let response = self.send(&hop, left)?;
            match target(&response, &hop.url) {
                Some(url) => hop = self.redirected(hop, response.status().as_u16(), url?)?,
                None => return self.answer(response),
            }
        }
        Err(Failure::Code("redirects"))
    }

    /// The request of a guest, checked; nothing where a field is missing.
    fn first(&self, fields: &Map) -> Option<Result<Hop, Failure>> {
        let method = fields.get("method")?.as_str()?;
        let url = fields.get("url")?.as_str()?;
        let headers = fields.get("headers")?.as_map()?;
        let body = match fields.get("body") {
            None | Some(Value::Null) => None,
            Some(body) => Some(body.as_bytes()?.to_vec()),
        };
        let hop = || {
            self.rules.method(method)?;
            let method = method.parse().map_err(|_| BAD_REQUEST)?;
            let takes_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
            if body.is_some() && !takes_body {
                return Err(BAD_REQUEST);
            }
            // A server wants to know the length of what it is to take.
            let body = takes_body.then(|| body.unwrap_or_default());
            Ok(Hop { method, url: self.rules.url(url)?, headers: self.headers(headers)?, body })
        };
        Some(hop())
    }

    fn headers(&self, headers: &Map) -> Result<HeaderMap, Failure> {
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter() {
            let name: HeaderName = name.parse().map_err(|_| BAD_REQUEST)?;
            self.rules.header(name.as_str())?;
            let value = value.as_bytes().and_then(|value| HeaderValue::from_bytes(value).ok()).ok_or(BAD_REQUEST)?;
            // Two spellings of one name would let a guest slip the second past who reads the first.
            if map.insert(name, value).is_some() {
                return Err(BAD_REQUEST);
            }
        }
        Ok(map)
    }

    fn send(&self, hop: &Hop, left: Duration) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(&hop.method).uri(hop.url.as_str());
        if let Some(headers) = request.headers_mut() {
            *headers = hop.headers.clone();
        }
        let sent = match &hop.body {
            Some(body) => self.run(request.body(body.as_slice()).map_err(|_| BAD_REQUEST)?, left),
            None => self.run(request.body(()).map_err(|_| BAD_REQUEST)?, left),
        };
        sent.map_err(|error| failure(&error))
    }

    fn run(&self, request: Request<impl ureq::AsSendBody>, left: Duration) -> Result<Response<Body>, Error> {
        self.agent.run(self.agent.configure_request(request).timeout_global(Some(left)).build())
    }

    /// The request that follows a redirect, as browsers do it: 303, and 301 and 302 after `POST`, become `GET`.
    fn redirected(&self, mut hop: Hop, status: u16, url: Url) -> Result<Hop, Failure> {
        // Whatever is wrong with it is not the guest's mistake.
        self.rules.check(&url).map_err(|_| FORBIDDEN)?;
        let becomes_get = match status {
            303 => hop.method != Method::HEAD,
            301 | 302 => hop.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.rules.method("GET")?;
            (hop.method, hop.body) = (Method::GET, None);
            hop.headers.remove("content-type");
        }
        if url.origin() != hop.url.origin() {
            // What a guest sends to one site is not another's: only what says nothing of the guest goes along.
            let keep = ["accept", "accept-language", "content-type", "user-agent"];
            let names: Vec<HeaderName> = hop.headers.keys().cloned().collect();
            names.iter().filter(|name| !keep.contains(&name.as_str())).for_each(|name| drop(hop.headers.remove(name)));
        }
        hop.url = url;
        Ok(hop)
    }

    fn answer(&self, response: Response<Body>) -> Result<Value, Failure> {
        let (head, body) = response.into_parts();
        // The reader's limit is the first length that is too large.
        let limit = self.limits.body.saturating_add(1);
        let body = body.into_with_config().limit(limit).read_to_vec().map_err(|error| failure(&error))?;
        let mut headers = Map::new();
        for name in head.headers.keys() {
            let values: Vec<&[u8]> = head.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            headers.insert(name.as_str(), values.join(&b", "[..]));
        }
        Ok(Map::from([
            ("status", Value::Int(Int::from(head.status.as_u16()))),
            ("headers", Value::Map(headers)),
            ("body", Value::Bytes(body)),
        ])
        .into())
    }
}

impl Service for WebClient {
    fn answer(&self, _name: &str, fields: &Map) -> Result<Value, Failure> {
        self.request(fields)
    }
}

/// Where a response redirects to, if it does.
fn target(response: &Response<Body>, from: &Url) -> Option<Result<Url, Failure>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let url = location.to_str().ok().and_then(|location| from.join(location).ok());
    Some(url.ok_or(Failure::Code("protocol")))
}

/// The code of an error.
fn failure(error: &Error) -> Failure {
    Failure::Code(match error {
        Error::Other(other) if other.is::<Unreachable>() => "forbidden",
        Error::Http(_) | Error::BadUri(_) => "bad_request",
        Error::Protocol(_) => "protocol",
        Error::HostNotFound => "unresolved",
        Error::Timeout(_) => "timeout",
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => "too_large",
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) | Error::TlsRequired => "tls",
        Error::Io(error) => return io_failure(error),
        _ => "unreachable",
    })
}

fn io_failure(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    // The client's own errors travel as I/O errors through its readers.
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(inner) => failure(inner),
        None => Failure::Code(match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => "timeout",
            ErrorKind::InvalidData => "tls",
            // Fewer bytes than were announced.
            ErrorKind::UnexpectedEof => "protocol",
            _ => "unreachable",
        }),
    }
}
