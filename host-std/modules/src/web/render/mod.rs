//! `WebRender`: a page as a browser shows it.
//!
//! A page loads what it likes from where it likes, so the browser is given one way out: a proxy of ours on loopback that holds each
//! connection to the rules. It resolves no names of its own.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use subvm_core::calldata::{Map, Value};
use subvm_core::host::HostError;
use url::Url;

mod driver;
mod proxy;
mod session;

use super::Rules;
use super::rules::BAD_REQUEST;
use crate::{Failure, Service};
use driver::Driver;
use proxy::Proxy;
use session::Session;
use subvm_observe::event;

/// How pages are shown.
///
/// ```
/// use subvm_modules::web::RenderOptions;
/// let options = RenderOptions { driver: "/usr/bin/chromedriver".into(), window: (800, 600), ..RenderOptions::default() };
/// assert!(!options.no_sandbox);
/// ```
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// The WebDriver program: `chromedriver`, or a path.
    pub driver: PathBuf,
    /// The browser; nothing for the one that the driver finds.
    pub browser: Option<PathBuf>,
    /// Whether the browser runs without its sandbox, which it must where it runs as root. A page that breaks out is then this process' equal.
    pub no_sandbox: bool,
    /// From the start of the browser to the last byte of its answer.
    pub time: Duration,
    /// Bytes of an answer.
    pub answer: usize,
    /// Width and height of the window, in pixels.
    pub window: (u32, u32),
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            driver: "chromedriver".into(),
            browser: None,
            no_sandbox: false,
            time: Duration::from_secs(60),
            answer: 8 << 20,
            window: (1280, 1024),
        }
    }
}

/// Answers `WebRender`: `text` and `html` with a string, `screenshot` with the bytes of a PNG. Each page gets a browser of its own with an
/// empty profile. The driver is started at the first request and stopped when this is dropped.
///
/// `wait_after_loaded` is a length of time such as `500ms` or `2s`; empty for none.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::calldata::Map;
/// use subvm_modules::{Failure, ModuleSet, Service};
/// use subvm_modules::web::{RenderOptions, Rules, WebRenderer};
///
/// let renderer = Arc::new(WebRenderer::new(Rules::default(), RenderOptions::default()));
/// let fields = Map::from([("mode", "text"), ("url", "http://127.0.0.1/"), ("wait_after_loaded", "")]);
/// let failure = renderer.answer("WebRender", &fields).unwrap_err();
/// assert!(matches!(failure, Failure::Code("forbidden")), "no way to the node itself");
/// let modules = ModuleSet::new(2).with(&["WebRender"], renderer);
/// ```
pub struct WebRenderer {
    rules: Arc<Rules>,
    options: RenderOptions,
    driver: Mutex<Option<Arc<Driver>>>,
}

impl fmt::Debug for WebRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRenderer")
            .field("rules", &self.rules)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl WebRenderer {
    /// A renderer of pages that `rules` allow. Rules on methods and headers do not concern it.
    #[must_use]
    pub fn new(rules: Rules, options: RenderOptions) -> Self {
        Self { rules: Arc::new(rules), options, driver: Mutex::new(None) }
    }

    fn render(&self, fields: &Map) -> Result<Value, Failure> {
        let deadline = Instant::now() + self.options.time;
        let text = |name| fields.get(name).and_then(Value::as_str).ok_or(BAD_REQUEST);
        let (mode, url) = (text("mode")?, self.rules.url(text("url")?)?);
        let pause = pause(text("wait_after_loaded")?)?;
        if pause >= self.options.time {
            return Err(Failure::Code("timeout"));
        }
        event!(debug, mode, host = url.host_str(), "web render");
        let driver = self.driver().map_err(Failure::Unavailable)?;
        let proxy = Proxy::start(Arc::clone(&self.rules)).map_err(|error| Failure::Unavailable(error.into()))?;
        let session = Session::open(driver.port(), &self.capabilities(proxy.port()), deadline)?;
        load(&session, &proxy, &url)?;
        std::thread::sleep(pause.min(deadline.saturating_duration_since(Instant::now())));
        self.fit(read(&session, mode)?)
    }

    /// The driver, started where it is not running.
    fn driver(&self) -> Result<Arc<Driver>, HostError> {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        match driver.as_ref().filter(|driver| driver.is_alive()) {
            Some(driver) => Ok(Arc::clone(driver)),
            None => Ok(Arc::clone(driver.insert(Arc::new(Driver::start(&self.options.driver)?)))),
        }
    }

    fn capabilities(&self, proxy: u16) -> Json {
        let (width, height) = self.options.window;
        let mut args = vec![
            "--headless=new".to_owned(),
            "--disable-gpu".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-extensions".into(),
            "--disable-quic".into(),
            "--disable-sync".into(),
            "--mute-audio".into(),
            "--no-first-run".into(),
            format!("--window-size={width},{height}"),
            format!("--proxy-server=http://127.0.0.1:{proxy}"),
            // Loopback, too, goes through the proxy; and no name is looked up around it.
            "--proxy-bypass-list=<-loopback>".into(),
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".into(),
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp".into(),
        ];
        args.extend(self.options.no_sandbox.then(|| "--no-sandbox".to_owned()));
        let mut chrome = json!({"args": args, "prefs": {"download_restrictions": 3}});
        if let Some(browser) = &self.options.browser {
            chrome["binary"] = json!(browser);
        }
        let time = self.options.time.as_millis() as u64;
        json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "dismiss",
            "timeouts": {"pageLoad": time, "script": time},
            "goog:chromeOptions": chrome,
        }}})
    }

    fn fit(&self, value: Value) -> Result<Value, Failure> {
        let len = value.as_bytes().map(<[u8]>::len).or(value.as_str().map(str::len)).unwrap_or_default();
        if len > self.options.answer { Err(Failure::Code("too_large")) } else { Ok(value) }
    }
}

impl Service for WebRenderer {
    fn answer(&self, _name: &str, fields: &Map) -> Result<Value, Failure> {
        self.render(fields)
    }
}

/// Loads a page. Where the browser ended up at a place that the proxy could not connect to, that is what went wrong.
fn load(session: &Session, proxy: &Proxy, url: &Url) -> Result<(), Failure> {
    let loaded = session.post("url", &json!({"url": url.as_str()}));
    let place = session.get("url").ok();
    let place = place.as_ref().and_then(Json::as_str).and_then(|url| Url::parse(url).ok());
    match place.and_then(|place| proxy.failure(&place)) {
        Some(failure) => Err(failure),
        None => loaded.map(drop),
    }
}

/// What the browser shows.
fn read(session: &Session, mode: &str) -> Result<Value, Failure> {
    let string = |json: Json| json.as_str().map(str::to_owned).ok_or(session::RENDER);
    match mode {
        "text" => {
            let script = "return document.body ? document.body.innerText : ''";
            Ok(Value::Str(string(session.post("execute/sync", &json!({"script": script, "args": []}))?)?))
        }
        "html" => Ok(Value::Str(string(session.get("source")?)?)),
        "screenshot" => {
            let png = STANDARD.decode(string(session.get("screenshot")?)?);
            png.map(Value::Bytes).map_err(|_| session::RENDER)
        }
        _ => Err(BAD_REQUEST),
    }
}

/// How long to wait after a page is loaded.
fn pause(text: &str) -> Result<Duration, Failure> {
    if text.is_empty() {
        return Ok(Duration::ZERO);
    }
    let time: Option<SignedDuration> = text.parse().ok();
    time.and_then(|time| Duration::try_from(time).ok()).ok_or(BAD_REQUEST)
}
