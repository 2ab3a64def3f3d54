//! `WebRender` on a real browser.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use subvm_core::calldata::{Map, Value};
use subvm_modules::web::{RenderOptions, Rules, WebRenderer};
use subvm_modules::{Failure, Service};

mod support;
use support::{Server, response};

/// Whether programs can be started; says so when not.
fn installed() -> bool {
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let installed = starts("chromedriver") && starts("chromium");
    if !installed {
        support::skipped("chromium");
    }
    installed
}

/// A browser's sandbox does not work for root.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn renderer(ports: &[u16], time: Duration) -> WebRenderer {
    let networks = vec!["127.0.0.1".parse().unwrap()];
    let rules = Rules { ports: ports.to_vec(), allow_networks: networks, ..Rules::default() };
    let options = RenderOptions { no_sandbox: is_root(), time, answer: 1 << 20, ..RenderOptions::default() };
    WebRenderer::new(rules, options)
}

fn render(renderer: &WebRenderer, mode: &str, url: &str, wait: &str) -> Result<Value, String> {
    let fields = Map::from([("mode", mode), ("url", url), ("wait_after_loaded", wait)]);
    renderer.answer("WebRender", &fields).map_err(|failure| match failure {
        Failure::Code(code) => code.to_owned(),
        Failure::Unavailable(error) => format!("unavailable: {error}"),
    })
}

/// A page with a script, a page that loads from elsewhere, and pages that do not end well.
fn site(other: u16) -> Server {
    Server::start(move |request, stream| {
        let page = match request.path() {
            "/" => "<title>t</title><p id=p>before</p><script>setTimeout(() => p.textContent = 'after', 300)</script>"
                .into(),
            "/elsewhere" => format!(
                "<p id=p>nothing</p><script>for (const host of ['127.0.0.1:{other}', 'localhost:{other}', '169.254.169.254'])\
                 fetch('http://' + host + '/').then(() => p.textContent = host)</script>"
            ),
            "/large" => format!("<p>{}</p>", "x".repeat(2 << 20)),
            "/slow" => {
                std::thread::sleep(Duration::from_secs(30));
                String::new()
            }
            "/away" => {
                let to = format!("Location: http://127.0.0.2:{other}/\r\n");
                drop(stream.write_all(response("302 Found", &to, "").as_bytes()));
                return;
            }
            _ => "<p>?</p>".into(),
        };
        let headers = "Content-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\n";
        let _ = stream.write_all(response("200 OK", headers, &page).as_bytes());
    })
}

#[test]
fn pages_are_rendered_under_the_rules() {
    if !installed() {
        return;
    }
    let other = Server::fixed(response("200 OK", "Access-Control-Allow-Origin: *\r\n", "secret"));
    let site = site(other.port);
    let renderer = renderer(&[site.port], Duration::from_secs(60));
    let page = |mode, path, wait| render(&renderer, mode, &site.url(path), wait);

    assert_eq!(page("text", "/", "1500ms"), Ok(Value::from("after")));
    let html = page("html", "/", "").unwrap();
    assert!(html.as_str().unwrap().contains("<title>t</title>"), "{html}");
    let screenshot = page("screenshot", "/", "").unwrap();
    assert_eq!(screenshot.as_bytes().map(|png| &png[..8]), Some(&b"\x89PNG\r\n\x1a\n"[..]));

    // The page may not load from where a guest could not.
    assert_eq!(page("text", "/elsewhere", "1500ms"), Ok(Value::from("nothing")));
    assert!(other.requests().is_empty());
    assert_eq!(page("text", "/away", ""), Err("forbidden".into()));
    assert_eq!(page("html", "/large", ""), Err("too_large".into()));

    assert_eq!(page("text", "/", "soon"), Err("bad_request".into()));
    assert_eq!(page("text", "/", "2h"), Err("timeout".into()));
    for url in ["file:///etc/passwd", "chrome://version/", "http://127.0.0.1:1/", "http://169.254.169.254/"] {
        assert_eq!(render(&renderer, "text", url, ""), Err("forbidden".into()), "{url}");
    }
}

/// However a page leads there: by a frame, an image, a script, a socket, a redirect, a name that is looked up.
#[test]
fn a_page_reaches_no_denied_address() {
    if !installed() {
        return;
    }
    let denied = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
    let port = denied.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    std::thread::spawn(move || {
        for _ in denied.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let site = Server::start(move |request, stream| {
        let answer = match request.path() {
            "/away" => response("302 Found", &format!("Location: http://127.0.0.9:{port}/\r\n"), ""),
            _ => {
                let page = format!(
                    "<link rel=preconnect href=http://127.0.0.9:{port}><iframe src=http://127.0.0.9:{port}/></iframe>\
                     <img src=http://[::ffff:127.0.0.9]:{port}/><img src=http://0x7f000009:{port}/><p>shown</p><script>\
                     new WebSocket('ws://127.0.0.9:{port}/'); fetch('https://127.0.0.9:{port}/').catch(() => 0)</script>"
                );
                response("200 OK", "Content-Type: text/html\r\n", &page)
            }
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let rules = Rules {
        ports: vec![site.port, port],
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        deny_networks: vec!["127.0.0.8/30".parse().unwrap()],
        ..Rules::default()
    };
    let options = RenderOptions { no_sandbox: is_root(), ..RenderOptions::default() };
    let renderer = WebRenderer::new(rules, options);
    let text = render(&renderer, "text", &site.url("/"), "1500ms").unwrap();
    assert!(text.as_str().unwrap().contains("shown"), "{text}");
    assert_eq!(render(&renderer, "text", &site.url("/away"), ""), Err("forbidden".into()));
    assert_eq!(render(&renderer, "text", &format!("http://[::ffff:127.0.0.9]:{port}/"), ""), Err("forbidden".into()));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    // It can be reached, where it is not denied.
    std::net::TcpStream::connect(("127.0.0.9", port)).unwrap();
    while reached.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn time_is_limited_and_nobody_is_unreachable() {
    if !installed() {
        return;
    }
    let site = site(1);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let limited = renderer(&[site.port], Duration::from_secs(8));
    let start = Instant::now();
    assert_eq!(render(&limited, "text", &site.url("/slow"), ""), Err("timeout".into()));
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    let patient = renderer(&[nobody], Duration::from_secs(60));
    assert_eq!(render(&patient, "text", &format!("http://127.0.0.1:{nobody}/"), ""), Err("unreachable".into()));
}

#[test]
fn several_pages_render_at_once_and_nothing_is_left() {
    if !installed() {
        return;
    }
    let site = site(1);
    let renderer = Arc::new(renderer(&[site.port], Duration::from_secs(60)));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (renderer, url) = (Arc::clone(&renderer), site.url("/"));
            std::thread::spawn(move || render(&renderer, "text", &url, "1500ms"))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(Value::from("after")));
    }
    let children = || {
        let own = std::process::id().to_string();
        let output = Command::new("pgrep").args(["-P", &own, "chromedriver"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    if Path::new("/usr/bin/pgrep").exists() {
        let before = children();
        drop(renderer);
        assert_eq!(children(), before - 1, "the driver outlived its renderer");
    }
}

#[test]
fn a_driver_that_is_not_there_is_the_nodes_trouble() {
    let options = RenderOptions { driver: "/nowhere/chromedriver".into(), ..RenderOptions::default() };
    let renderer = WebRenderer::new(Rules::default(), options);
    let error = render(&renderer, "text", "http://example.com/", "").unwrap_err();
    assert!(error.starts_with("unavailable: /nowhere/chromedriver cannot be started"), "{error}");
}

/// A driver of a test's own: a script that writes its environment down and ends, as one whose port was taken. The second time it announces
/// the port of `server`.
fn scripted(dir: &Path, server: &Server) -> PathBuf {
    let path = dir.join("driver");
    let environment = dir.join("environment");
    let text = format!(
        "#!/bin/sh\nif [ ! -e '{0}' ]; then env > '{0}'; exit 1; fi\necho 'ChromeDriver was started successfully on port {1}.'\n",
        environment.display(),
        server.port
    );
    // By another process: what this one has open for writing, its other children have open, too, and no such file can be run.
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat > \"$0\" && chmod +x \"$0\""]).arg(&path).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

#[test]
fn a_page_that_is_too_large_for_the_driver_is_too_large() {
    let server = Server::start(|request, stream| match request.path() {
        "/session" => drop(stream.write_all(response("200 OK", "", r#"{"value": {"sessionId": "s"}}"#).as_bytes())),
        "/session/s/execute/sync" => {
            let length = (64 << 20) + 13;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{\"value\": \"");
            let _ = stream.write_all(&vec![b'x'; length - 13]);
            let _ = stream.write_all(b"\"}");
        }
        _ => drop(stream.write_all(response("200 OK", "", r#"{"value": null}"#).as_bytes())),
    });
    let dir = tempfile::tempdir().unwrap();
    let options = RenderOptions { driver: scripted(dir.path(), &server), ..RenderOptions::default() };
    let renderer = WebRenderer::new(Rules::default(), options);
    assert_eq!(render(&renderer, "text", "http://example.com/", ""), Err("too_large".into()));
}

#[test]
fn a_browser_does_not_see_the_nodes_secrets() {
    let server = Server::fixed(response("200 OK", "", r#"{"value": {"error": "session not created"}}"#));
    let dir = tempfile::tempdir().unwrap();
    let options = RenderOptions { driver: scripted(dir.path(), &server), ..RenderOptions::default() };
    let error = render(&WebRenderer::new(Rules::default(), options), "text", "http://example.com/", "").unwrap_err();
    assert!(error.starts_with("unavailable: the browser cannot be started"), "{error}");
    let environment = fs::read_to_string(dir.path().join("environment")).unwrap();
    assert!(environment.contains("PATH="), "{environment}");
    // Cargo gives each test such names; a key of a model is one like them.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
}
