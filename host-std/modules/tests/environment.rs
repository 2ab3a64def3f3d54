//! What the environment of a node says of proxies is not asked.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_modules::model::{ModelClient, Provider};
use subvm_modules::web::{Limits, Rules, WebClient};
use subvm_modules::{Failure, Service};

mod support;
use support::{Server, response};

const COMPLETION: &str = r#"{"choices": [{"message": {"content": "here"}}]}"#;

fn ask_model(provider: Provider) -> Result<Value, Failure> {
    let fields = Map::from([
        ("prompt", Value::from("?")),
        ("response_format", "text".into()),
        ("images", Value::Array([].into())),
    ]);
    ModelClient::new(vec![provider]).answer("ExecPrompt", &fields)
}

fn ask_web(port: u16) -> Result<Value, Failure> {
    let rules = Rules { ports: vec![port], allow_networks: vec!["127.0.0.1".parse().unwrap()], ..Rules::default() };
    let fields = Map::from([
        ("method", Value::from("GET")),
        ("url", format!("http://127.0.0.1:{port}/").into()),
        ("headers", Map::new().into()),
        ("body", Value::Null),
    ]);
    WebClient::new(rules, Limits::default()).answer("WebRequest", &fields)
}

/// Runs itself, in a process with these variables.
#[test]
fn no_client_takes_a_proxy_from_the_environment() {
    const PORT: &str = "SUBVM_TEST_PORT";
    if let Ok(port) = env::var(PORT) {
        let port = port.parse().unwrap();
        assert_eq!(ask_model(Provider::new(format!("http://127.0.0.1:{port}"), "m")).unwrap(), Value::from("here"));
        assert_eq!(ask_web(port).unwrap()["status"], Value::from(200));
        return;
    }
    let proxy = Server::fixed(response("502 Bad Gateway", "", ""));
    let endpoint = Server::fixed(response("200 OK", "", COMPLETION));
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "no_client_takes_a_proxy_from_the_environment"]).env(PORT, endpoint.port.to_string());
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        child.env(name, proxy.url("")).env(name.to_ascii_lowercase(), proxy.url(""));
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((endpoint.requests().len(), proxy.requests().len()), (2, 0));
}

#[test]
fn a_provider_is_reached_through_the_proxy_that_its_node_names() {
    // A tunnel's end, as it would be at the endpoint.
    let proxy = Server::start(|request, stream| {
        assert!(request.head.starts_with("CONNECT models.invalid:80 HTTP/1.1\r\n"), "{}", request.head);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let mut line = String::new();
        BufReader::new(&*stream).read_line(&mut line).unwrap();
        assert_eq!(line, "POST /v1/chat/completions HTTP/1.1\r\n");
        let _ = stream.write_all(response("200 OK", "", COMPLETION).as_bytes());
    });
    let provider = |proxy: &Server| {
        let mut provider = Provider::new("http://models.invalid/v1", "m");
        (provider.proxy, provider.backoff) = (Some(proxy.url("").parse().unwrap()), Duration::from_millis(5));
        provider
    };
    assert_eq!(ask_model(provider(&proxy)).unwrap(), Value::from("here"));
    // A proxy that leads nowhere is the node's trouble.
    let closed = Server::fixed(response("502 Bad Gateway", "", ""));
    assert!(matches!(ask_model(provider(&closed)), Err(Failure::Unavailable(_))));
}
