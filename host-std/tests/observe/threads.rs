//! Web and model requests run in threads of their own, where what is installed for the whole process counts: here, a broken subscriber and
//! a broken recorder.

use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::Node;
use subvm_host_std::model::{ModelClient, Provider};
use subvm_host_std::modules::ModuleSet;
use subvm_host_std::observe;
use subvm_host_std::web::{Limits, Rules, WebClient};

use super::figures::Broken;
use super::subscriber::Watch;
use super::{World, alone, transact};

#[path = "../../modules/tests/support/mod.rs"]
mod support;

use support::{Server, response};

/// Installs a subscriber and a recorder that panic at everything, for all threads that have none of their own. No other test may look at those.
fn install_broken() {
    let broken = Watch::new("all");
    tracing::subscriber::set_global_default(broken.clone()).unwrap();
    metrics::set_global_recorder(Broken::Registering).unwrap();
    broken.arm();
    observe::names::describe();
}

/// Requests that succeed and requests that fail, each with something to tell.
#[test]
fn modules_whose_threads_cannot_tell_anything_answer_all_the_same() {
    let _alone = alone();
    let server = Server::start(|received, stream| {
        let answer = match received.path() {
            "/price" => response("200 OK", "", "101.25"),
            "/v1/chat/completions" => response(
                "200 OK",
                "content-type: application/json\r\n",
                r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            ),
            _ => response("500 Unwell", "", ""),
        };
        drop(std::io::Write::write_all(stream, answer.as_bytes()));
    });
    let rules =
        || Rules { ports: vec![server.port], allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..Rules::default() };
    let answers = || {
        let mut broken = Provider::new(server.url("/broken"), "m");
        (broken.retries, broken.backoff) = (1, std::time::Duration::from_millis(1));
        let models = ModelClient::new(vec![broken, Provider::new(server.url("/v1"), "m")]);
        let modules = || ModuleSet::new(2).with(&["WebRequest"], Arc::new(WebClient::new(rules(), Limits::default())));
        let web = |method: &str, url: String| {
            let call = Map::from([("method", Value::from(method)), ("url", Value::from(url))]);
            let node = Node { modules: Box::new(modules()), ..World::new().host().node() };
            transact(World::new().engine, node, &call)
        };
        let prompt = Map::from([
            ("prompt", Value::from("hello")),
            ("response_format", "text".into()),
            ("images", Value::Array(Vec::new().into())),
        ]);
        let mut all = modules().with(ModelClient::REQUESTS, Arc::new(models));
        let asked = ask(&mut all, "ExecPrompt", prompt);
        (web("ask", server.url("/price")), web("ask", "http://127.0.0.1:1/".into()), asked)
    };
    let before = observe::panics();
    let calm = answers();
    assert_eq!(observe::panics(), before, "nobody listens yet");
    install_broken();
    let broken = answers();
    assert_eq!(broken, calm);
    assert_eq!(calm.2, r#"{"ok":"hi"}"#);
    assert!(observe::panics() > before + 4, "every thread tried to tell something");
}

fn ask(modules: &mut ModuleSet, name: &str, fields: Map) -> String {
    use subvm_core::host::{Modules, Progress};
    let request = Value::from(Map::from([(name, Value::from(fields))])).encode().unwrap();
    let id = modules.start(&request).unwrap();
    match modules.wait(id, std::time::Duration::from_secs(20)).unwrap() {
        Progress::Ready(bytes) => Value::decode(&bytes).unwrap().to_string(),
        Progress::Pending => panic!("it takes too long"),
    }
}
