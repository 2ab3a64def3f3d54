//! The page, driven in a browser as a human does: a key, a deployment, a call, and the disagreement about another.

mod support;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Net, Site, alone, skipped, until};

/// A browser without a window, by way of chromedriver.
struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None where there is none.
    fn new() -> Option<Self> {
        let port = support::free(1);
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(driver) = driver.spawn() else {
            skipped("the page in a browser: chromedriver is not installed (.ci/install)");
            return None;
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(120)))
            .http_status_as_error(false)
            .build()
            .into();
        let profile = tempfile::TempDir::new().expect("a directory");
        let mut browser = Self { driver, agent, session: format!("http://127.0.0.1:{port}"), _profile: profile };
        until("chromedriver answers", || browser.get("/status").ok());
        let args = [
            "--headless=new".into(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            // A telephone's width.
            "--window-size=390,844".into(),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
        let session = browser.post("/session", &wanted).expect("a session");
        let Some(id) = session["sessionId"].as_str() else {
            skipped(&format!("the page in a browser: {session}"));
            return None;
        };
        browser.session = format!("{}/session/{id}", browser.session);
        Some(browser)
    }

    fn get(&self, path: &str) -> Result<Value, ureq::Error> {
        let mut answer = self.agent.get(format!("{}{path}", self.session)).call()?;
        let text = answer.body_mut().read_to_string()?;
        Ok(serde_json::from_str::<Value>(&text).expect("is JSON")["value"].take())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, ureq::Error> {
        let url = format!("{}{path}", self.session);
        let mut answer = self.agent.post(url).header("content-type", "application/json").send(body.to_string())?;
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(serde_json::from_str::<Value>(&text).expect("is JSON")["value"].take())
    }

    fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url})).expect("opens");
    }

    /// What a script returns.
    #[track_caller]
    fn run(&self, script: &str) -> Value {
        let done = self.post("/execute/sync", &json!({"script": script, "args": []})).expect("runs");
        assert!(done["error"].is_null(), "{script}: {done}");
        done
    }

    fn element(&self, css: &str) -> String {
        until(css, || {
            let found = self.post("/element", &json!({"using": "css selector", "value": css})).ok()?;
            found.as_object()?.values().next()?.as_str().map(str::to_owned)
        })
    }

    fn write(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.post(&format!("/element/{element}/clear"), &json!({})).expect("clears");
        self.post(&format!("/element/{element}/value"), &json!({"text": text})).expect("writes");
    }

    /// Clicks on the button of this text within a part of the page.
    fn click(&self, css: &str, text: &str) {
        self.element(css);
        let script = format!(
            "const b = [...document.querySelector({}).querySelectorAll('button')].find(b => b.textContent === {}); b.click(); return true",
            json!(css),
            json!(text)
        );
        self.run(&script);
    }

    /// Waits until the page's content says this.
    #[track_caller]
    fn says(&self, text: &str) -> String {
        let script = "return document.getElementById('main').innerText";
        let began = std::time::Instant::now();
        loop {
            let seen = self.run(script);
            let seen = seen.as_str().unwrap_or_default();
            if seen.contains(text) {
                return seen.to_owned();
            }
            assert!(began.elapsed() < support::PATIENCE, "the page does not say {text:?}: {seen}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn somebody_deploys_sends_and_sees_the_disagreement() {
    let (_alone, site) = (alone(), Site::new());
    let Some(browser) = Browser::new() else { return };
    let mut net = Net::new(4, &site, |_, _| {});
    net.start_all();
    net.grow(0, 2);

    browser.open(&net.url(0));
    browser.says("Latest blocks");
    // Live: blocks come without a reload.
    let first = browser.run("window.kept = 1; return document.querySelector('tbody td a').textContent");
    until("the page follows", || {
        (browser.run("return document.querySelector('tbody td a').textContent") != first).then_some(())
    });
    assert_eq!(browser.run("return window.kept"), 1, "it was not loaded again");

    browser.run("location.hash = '#/account'");
    let key = std::fs::read_to_string(net.home().join("owner.key")).expect("a key");
    browser.write("#seed", key.trim());
    browser.click("#main form", "Use this key");
    browser.says("Next nonce");
    assert!(
        !browser.run("return document.documentElement.outerHTML").to_string().contains(key.trim()),
        "the key is shown nowhere"
    );

    browser.run("location.hash = '#/send'");
    let oracle = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/oracle/oracle.wasm");
    let oracle = oracle.canonicalize().expect("is there");
    let file = browser.element("#code");
    let chosen = browser.post(&format!("/element/{file}/value"), &json!({"text": oracle}));
    assert_eq!(chosen.expect("chooses"), Value::Null);
    browser.write("#init", "{\"method\": \"get\"}");
    browser.click("form[aria-label=Deploy]", "Deploy");
    browser.says("as contract ");
    let contract = browser.run(
        "return [...document.querySelectorAll('#main a')].map(a => a.hash).find(h => h.startsWith('#/contract/'))",
    );
    let address = contract.as_str().and_then(|hash| hash.strip_prefix("#/contract/")).expect("an address").to_owned();
    until("it is deployed", || net.call(0, "contract", json!({"address": address})).ok());

    site.differ();
    browser.run(&format!("location.hash = '#/contract/{address}'"));
    browser.write("#call-any-data", &format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url()));
    browser.element("#call-any-nondet");
    browser.run("document.getElementById('call-any-nondet').click()");
    browser.click("#call-any", "Send");
    browser.says("Sent: ");
    browser.run(
        "location.hash = [...document.querySelectorAll('#main a')].map(a => a.hash).find(h => h.startsWith('#/tx/'))",
    );
    let seen = browser.says("undetermined");
    assert!(
        seen.contains("disagree") && seen.contains("does not accept the result of non-deterministic call 0"),
        "{seen}"
    );
    assert!(seen.contains("The leader's results"), "{seen}");

    // A contract with a schema has a form for each method.
    let token = net.deploy("../../../tests/guests/contracts/wasm/token.wasm", "{\"supply\": 1000}");
    browser.run(&format!("location.hash = '#/contract/{token}'"));
    browser.says("balance_of");
    browser.click("#call-supply", "View");
    browser.says("return 1000");

    accessible(&browser);
}

/// Landmarks, names of all fields, no text that is wider than a telephone.
fn accessible(browser: &Browser) {
    let unnamed = browser.run(
        "return [...document.querySelectorAll('input,textarea,select')].filter(f => !f.labels.length && !f.getAttribute('aria-label')).map(f => f.id)",
    );
    assert_eq!(unnamed, json!([]));
    let landmarks = browser.run(
        "return ['header', 'nav', 'main', 'footer', '[role=status]', 'a.skip'].filter(l => !document.querySelector(l))",
    );
    assert_eq!(landmarks, json!([]));
    let wide = browser.run("return document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(wide, true, "it scrolls sideways");
    assert_eq!(browser.run("return document.documentElement.lang"), "en");
}
