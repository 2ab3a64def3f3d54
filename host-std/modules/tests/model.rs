//! Models: against a server that misbehaves, and against one that others wrote (`openai-mock-api` of npm).

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Modules, Progress};
use subvm_modules::ModuleSet;
use subvm_modules::model::{Key, ModelClient, Provider, Usage};

mod support;
use support::{Server, response};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn provider(server: &Server) -> Provider {
    let mut provider = Provider::new(server.url("/v1/"), "m");
    provider.backoff = Duration::from_millis(10);
    provider.timeout = Duration::from_secs(5);
    provider
}

fn run(client: ModelClient, name: &str, fields: Map) -> Result<Value, String> {
    let mut modules = ModuleSet::new(1).with(ModelClient::REQUESTS, Arc::new(client));
    let request = Value::from(Map::from([(name.to_string(), Value::from(fields))])).encode().unwrap();
    let id = modules.start(&request).unwrap();
    match modules.wait(id, Duration::from_secs(30)).map_err(|error| error.to_string())? {
        Progress::Ready(bytes) => Ok(Value::decode(&bytes).unwrap()),
        Progress::Pending => panic!("no answer within the limit and 20 seconds"),
    }
}

fn prompt(providers: Vec<Provider>, prompt: &str, format: &str, images: &[&[u8]]) -> Result<Value, String> {
    let fields = Map::from([
        ("prompt", Value::from(prompt)),
        ("response_format", format.into()),
        ("images", Value::array(images.iter().copied())),
    ]);
    run(ModelClient::new(providers), "ExecPrompt", fields)
}

/// A completion whose message is `content`.
fn completion(content: &str) -> String {
    let answer = json!({
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    });
    response("200 OK", "Content-Type: application/json\r\n", &answer.to_string())
}

fn text(result: Result<Value, String>) -> String {
    result.unwrap().to_string()
}

#[test]
fn text_json_and_images_are_asked_for() {
    let server = Server::fixed(completion("{\"n\": 1}"));
    let mut with_key = provider(&server);
    with_key.key = Key::new(" secret\n");
    assert_eq!(text(prompt(vec![with_key], "hi", "text", &[])), r#"{"ok":"{\"n\": 1}"}"#);
    assert_eq!(text(prompt(vec![provider(&server)], "hi", "json", &[PNG])), r#"{"ok":{"n":1}}"#);
    assert_eq!(text(prompt(vec![provider(&server)], "hi", "text", &[b"GIF"])), r#"{"error":"bad_request"}"#);

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", requests[0].head);
    assert_eq!(
        (requests[0].header("authorization"), requests[1].header("authorization")),
        (Some("Bearer secret"), None)
    );
    let bodies = requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap());
    let bodies: Vec<Json> = bodies.collect();
    assert_eq!(bodies[0], json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}));
    assert_eq!(bodies[1]["response_format"], json!({"type": "json_object"}));
    let content = &bodies[1]["messages"][0]["content"];
    assert_eq!(content[0], json!({"type": "text", "text": "hi"}));
    assert_eq!(content[1]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=");
}

#[test]
fn token_use_is_reported() {
    let server = Server::fixed(completion("yes"));
    let client = Arc::new(ModelClient::new(vec![provider(&server)]));
    let mut modules = ModuleSet::new(1).with(ModelClient::REQUESTS, Arc::clone(&client) as _);
    let fields = Map::from([
        ("prompt", Value::from("?")),
        ("response_format", "text".into()),
        ("images", Value::Array([].into())),
    ]);
    let request = Value::from(Map::from([("ExecPrompt", Value::from(fields))])).encode().unwrap();
    for _ in 0..2 {
        let id = modules.start(&request).unwrap();
        modules.wait(id, Duration::from_secs(10)).unwrap();
    }
    let Usage { prompt, completion, .. } = client.usage();
    assert_eq!((prompt, completion), (14, 4));
}

/// A server that fails in this way so many times, and then answers.
fn recovering(failures: usize, failure: &'static str) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |_, stream: &mut TcpStream| {
        let answer = match count.fetch_add(1, Ordering::SeqCst) {
            time if time < failures => response(failure, "", ""),
            _ => completion("at last"),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

#[test]
fn busy_and_unwell_servers_are_asked_again() {
    for failure in ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"] {
        let server = recovering(3, failure);
        assert_eq!(text(prompt(vec![provider(&server)], "?", "text", &[])), r#"{"ok":"at last"}"#, "{failure}");
        assert_eq!(server.requests().len(), 4);
    }
    // A prompt may be what makes it so, and then it makes every node's so: the guest's to see.
    for (failure, code) in [
        ("429 Too Many Requests", "busy"),
        ("409 Conflict", "busy"),
        ("500 Internal Server Error", "failed"),
        ("502 Bad Gateway", "failed"),
    ] {
        let server = recovering(4, failure);
        assert_eq!(code_of(vec![provider(&server)]), code, "{failure}");
        assert_eq!(server.requests().len(), 4);
    }
}

/// The code that a prompt comes to.
#[track_caller]
fn code_of(providers: Vec<Provider>) -> String {
    let answer = prompt(providers, "flagged", "text", &[]).unwrap_or_else(|error| panic!("internal: {error}"));
    answer["error"].as_str().unwrap_or("ok").to_owned()
}

#[test]
fn a_prompt_that_is_refused_is_a_result() {
    for status in ["400 Bad", "413 Too Large", "414 Too Long", "422 Unprocessable", "451 Unavailable For Legal Reasons"]
    {
        let server = Server::fixed(response(status, "", ""));
        assert_eq!(code_of(vec![provider(&server)]), "refused", "{status}");
        assert_eq!(server.requests().len(), 1);
    }
}

/// These say nothing of whose trouble it is, so a harmless prompt is tried.
#[test]
fn a_status_is_the_prompts_or_the_nodes_by_trial() {
    for status in ["302 Found", "402 Payment Required", "403 Forbidden", "404 Not Found", "405 Method Not Allowed"] {
        let particular = Server::start(move |request, stream| {
            let flagged = String::from_utf8_lossy(&request.body).contains("flagged");
            let answer = if flagged { response(status, "", "") } else { completion("yes") };
            let _ = stream.write_all(answer.as_bytes());
        });
        assert_eq!(code_of(vec![provider(&particular)]), "refused", "{status}");
        assert_eq!(particular.requests().len(), 2);
        let misconfigured = Server::fixed(response(status, "", ""));
        let error = prompt(vec![provider(&misconfigured)], "flagged", "text", &[]).unwrap_err();
        assert!(error.contains(&format!("status {}", &status[..3])), "{error}");
        assert_eq!(misconfigured.requests().len(), 2);
    }
    // A key that is wrong is wrong for every prompt: nothing is tried.
    let locked = Server::fixed(response("401 Unauthorized", "", ""));
    assert!(prompt(vec![provider(&locked)], "flagged", "text", &[]).unwrap_err().contains("status 401"));
    assert_eq!(locked.requests().len(), 1);
}

#[test]
fn what_an_endpoint_does_with_a_prompt_is_a_result_and_what_keeps_it_away_is_not() {
    let quick = |server: &Server| {
        let mut provider = provider(server);
        provider.timeout = Duration::from_millis(500);
        provider
    };
    let silent = Server::start(|_, _| thread::sleep(Duration::from_secs(60)));
    assert_eq!(code_of(vec![quick(&silent)]), "timeout");
    let dripping = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(code_of(vec![quick(&dripping)]), "timeout");
    for broken in ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfewer"] {
        let server = Server::fixed(broken);
        assert_eq!(code_of(vec![provider(&server)]), "failed", "{broken}");
        assert_eq!(server.requests().len(), 4);
    }
    let endless = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    assert_eq!(code_of(vec![provider(&endless)]), "bad_answer");

    let plain = Server::fixed(response("200 OK", "", ""));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in [
        "http://nobody.invalid/v1".to_owned(),
        format!("http://127.0.0.1:{nobody}"),
        format!("https://127.0.0.1:{}", plain.port),
    ] {
        let mut absent = Provider::new(url.as_str(), "m");
        (absent.backoff, absent.timeout) = (Duration::from_millis(5), Duration::from_secs(5));
        let error = prompt(vec![absent], "flagged", "text", &[]).unwrap_err();
        assert!(error.contains("does not answer"), "{url}: {error}");
    }
}

#[test]
fn a_result_of_one_provider_outweighs_the_trouble_of_another() {
    let refusing = Server::fixed(response("400 Bad Request", "", ""));
    let locked = Server::fixed(response("401 Unauthorized", "", ""));
    assert_eq!(code_of(vec![provider(&refusing), provider(&locked)]), "refused");
    assert_eq!(code_of(vec![provider(&locked), provider(&refusing)]), "refused");
}

#[test]
fn an_answer_is_read_within_bounds_and_means_one_thing() {
    let digits = completion(&format!("{{\"n\": {}}}", "7".repeat(3_900_000)));
    let deep = completion(&format!("{{\"n\": {}1{}}}", "[".repeat(500_000), "]".repeat(500_000)));
    let many = completion(&format!("{{\"n\": [1{}]}}", ",1".repeat(1_000_000)));
    let twice = completion("{\"n\": 1, \"n\": 2}");
    let hidden = completion("{\"n\": {\"$serde_json::private::Number\": \"1\"}}");
    let envelope = response("200 OK", "", &format!("{{\"choices\": {}}}", "7".repeat(3_900_000)));
    let choice = |content| format!("\"choices\": [{{\"message\": {{\"content\": \"{content}\"}}}}]");
    let choices = response("200 OK", "", &format!("{{{}, {}}}", choice("{}"), choice("{}")));
    let start = Instant::now();
    for answer in [digits, deep, many, twice, envelope, choices] {
        let server = Server::fixed(answer);
        assert_eq!(text(prompt(vec![provider(&server)], "?", "json", &[])), r#"{"error":"bad_answer"}"#);
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let server = Server::fixed(hidden);
    let answer = r#"{"ok":{"n":{"$serde_json::private::Number":"1"}}}"#;
    assert_eq!(text(prompt(vec![provider(&server)], "?", "json", &[])), answer);
    for twice in ["{\"result\": false, \"result\": true}", "{\"result\": true, \"\\u0072esult\": true}"] {
        let server = Server::fixed(completion(twice));
        assert_eq!(template(&server, "EqComparative"), r#"{"error":"bad_answer"}"#, "{twice}");
    }
}

#[test]
fn a_server_may_say_how_long_to_wait() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |_, stream| {
        let answer = match count.fetch_add(1, Ordering::SeqCst) {
            0 => response("429 Too Many Requests", "Retry-After: 1\r\n", ""),
            _ => completion("now"),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let start = Instant::now();
    assert_eq!(text(prompt(vec![provider(&server)], "?", "text", &[])), r#"{"ok":"now"}"#);
    assert!(start.elapsed() >= Duration::from_secs(1));
    // Longer than there is time: no use to wait.
    let server = Server::fixed(response("429 Too Many Requests", "Retry-After: 3600\r\n", ""));
    let start = Instant::now();
    assert_eq!(code_of(vec![provider(&server)]), "busy");
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_next_provider_steps_in() {
    let locked = Server::fixed(response("401 Unauthorized", "", "secret words"));
    let redirecting = Server::fixed(response("302 Found", "Location: http://127.0.0.1:1/\r\n", ""));
    let silent = Server::start(|_, _| thread::sleep(Duration::from_secs(60)));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let well = Server::fixed(completion("here"));
    let mut impatient = provider(&silent);
    impatient.timeout = Duration::from_millis(200);
    let mut absent = Provider::new(format!("http://127.0.0.1:{nobody}"), "m");
    absent.backoff = Duration::from_millis(5);
    let providers = vec![provider(&locked), provider(&redirecting), impatient, absent, provider(&well)];
    assert_eq!(text(prompt(providers.clone(), "?", "text", &[])), r#"{"ok":"here"}"#);
    for (broken, why) in providers.into_iter().zip(["status 401", "status 302", "", "attempts"]) {
        match prompt(vec![broken], "?", "text", &[]) {
            Err(error) => assert!(error.contains(why) && !error.contains("secret"), "{why}: {error}"),
            Ok(answer) => assert_eq!((answer.to_string().as_str(), why), (r#"{"error":"timeout"}"#, "")),
        }
    }
    assert!(prompt(vec![], "?", "text", &[]).unwrap_err().contains("[[model.providers]]"));
}

#[test]
fn answers_that_are_none_are_the_guests() {
    let choice = |choice: Json| response("200 OK", "", &json!({"choices": [choice]}).to_string());
    for (answer, format, code) in [
        (response("400 Bad Request", "", ""), "text", "refused"),
        (choice(json!({"message": {"content": "no"}, "finish_reason": "content_filter"})), "text", "refused"),
        (choice(json!({"message": {"content": null, "refusal": "no"}})), "text", "refused"),
        (choice(json!({"message": {"content": "{"}, "finish_reason": "length"})), "json", "truncated"),
        (completion("not json"), "json", "bad_answer"),
        (response("200 OK", "", "{}"), "text", "bad_answer"),
        (response("200 OK", "", "<html>"), "text", "bad_answer"),
    ] {
        let server = Server::fixed(answer);
        assert_eq!(text(prompt(vec![provider(&server)], "?", format, &[])), format!(r#"{{"error":"{code}"}}"#));
    }
}

fn template(server: &Server, name: &str) -> String {
    let fields = match name {
        "EqComparative" => &["leader_answer", "validator_answer", "principle"][..],
        "EqNonComparativeLeader" => &["task", "criteria", "input"],
        _ => &["task", "criteria", "input", "output"],
    };
    let mut fields: Map = fields.iter().map(|field| (*field, format!("the {field}"))).collect();
    fields.insert("template", name);
    text(run(ModelClient::new(vec![provider(server)]), "ExecPromptTemplate", fields))
}

#[test]
fn templates_ask_for_what_they_read() {
    let yes = Server::fixed(completion("{\"result\": true}"));
    assert_eq!(template(&yes, "EqComparative"), r#"{"ok":true}"#);
    assert_eq!(template(&yes, "EqNonComparativeValidator"), r#"{"ok":true}"#);
    assert_eq!(template(&yes, "EqNonComparativeLeader"), r#"{"error":"bad_answer"}"#);
    let body: Json = serde_json::from_slice(&yes.requests()[1].body).unwrap();
    assert_eq!(body["messages"][0]["role"], "system");
    let data: Json = serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    assert_eq!(data["output"], "the output");
    let so = Server::fixed(completion("{\"result\": \"so\"}"));
    assert_eq!(template(&so, "EqNonComparativeLeader"), r#"{"ok":"so"}"#);
    assert_eq!(template(&so, "EqComparative"), r#"{"error":"bad_answer"}"#);
}

#[test]
fn keys_are_read_and_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    fs::write(&file, "sk-123\n").unwrap();
    let key = Key::from_file(&file).unwrap();
    assert_eq!(Some(&key), Key::new("sk-123").as_ref());
    assert!(!format!("{key:?}").contains("123"));
    fs::write(&file, "two words").unwrap();
    assert!(!Key::from_file(&file).unwrap_err().to_string().contains("words"));
    assert!(Key::from_file(Path::new("/nowhere")).is_err());
    assert!(Key::from_env("SUBVM_TEST_NO_SUCH_VARIABLE").unwrap_err().to_string().contains("is not set"));
}

/// The published server, and its process.
struct Published {
    process: Child,
    port: u16,
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PUBLISHED: &str = "openai-mock-api@0.4.0";

/// Installs the published server; nothing where there is no npm, or no registry.
fn install() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openai-mock-api");
    let cli = dir.join("node_modules/openai-mock-api/dist/cli.js");
    if !cli.exists() {
        fs::create_dir_all(&dir).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&dir).arg(PUBLISHED);
        npm.stdout(Stdio::null()).stderr(Stdio::null()).status().ok().filter(|status| status.success())?;
    }
    Some(cli)
}

fn published() -> Option<Published> {
    let cli = install()?;
    let config = cli.with_file_name("test.yaml");
    let judge = "messages:\n      - {role: system, matcher: contains, content: agree under the principle}\n      ";
    fs::write(
        &config,
        format!(
            "apiKey: right\nresponses:\n  - id: text\n    messages:\n      - {{role: user, content: 'Say hello.'}}\n      \
             - {{role: assistant, content: 'Hello!'}}\n  - id: json\n    messages:\n      - {{role: user, content: 'As JSON.'}}\n      \
             - {{role: assistant, content: '{{\"a\": [1, 2.5]}}'}}\n  - id: judge\n    {judge}\
             - {{role: user, matcher: any}}\n      - {{role: assistant, content: '{{\"result\": false}}'}}\n"
        ),
    )
    .unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut node = Command::new("node");
    node.arg(cli).arg("--config").arg(config).args(["--port", &port.to_string()]);
    let process = node.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let server = Published { process, port };
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{PUBLISHED} was installed, but does not start");
}

#[test]
fn a_server_that_others_wrote_understands() {
    let Some(server) = published() else {
        support::skipped(&format!("{PUBLISHED} (npm)"));
        return;
    };
    let provider = |key: &str| {
        let mut provider = Provider::new(format!("http://127.0.0.1:{}/v1", server.port), "gpt-4");
        provider.key = Key::new(key);
        provider
    };
    assert_eq!(text(prompt(vec![provider("right")], "Say hello.", "text", &[])), r#"{"ok":"Hello!"}"#);
    assert_eq!(text(prompt(vec![provider("right")], "As JSON.", "json", &[])), r#"{"ok":{"a":[1,"2.5"]}}"#);
    let error = prompt(vec![provider("wrong")], "Say hello.", "text", &[]).unwrap_err();
    assert!(error.contains("status 401"), "{error}");
    assert_eq!(text(prompt(vec![provider("right")], "Something else.", "text", &[])), r#"{"error":"refused"}"#);

    let client = ModelClient::new(vec![provider("right")]);
    let fields = Map::from([
        ("template", "EqComparative"),
        ("principle", "same number"),
        ("leader_answer", "1"),
        ("validator_answer", "2"),
    ]);
    assert_eq!(text(run(client, "ExecPromptTemplate", fields)), r#"{"ok":false}"#);
}
