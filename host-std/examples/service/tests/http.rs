//! The service over real connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use subvm_core::wasi::Refused;
use subvm_core::{Params, Parts, Receipt};
use subvm_pool::Pool;
use subvm_service::{Service, metrics};

/// It is far beyond what the slowest of machines takes.
const HANGS: Duration = Duration::from_secs(120);

fn bundle(wat: &str) -> Vec<u8> {
    let parts = Parts { start: wat::parse_str(wat).unwrap().into(), ..Parts::default() };
    parts.check(&Refused::default()).unwrap().to_bundle()
}

/// A service on a port of its own.
fn serve() -> (SocketAddr, Service) {
    let mut params = Params::default();
    params.limits.gas_time = i64::MAX as u64;
    let pool = Pool::builder().at_once(64).queued(64).queued_of_one(64).build().unwrap();
    let service = Service::new(pool, params, metrics().unwrap());
    let router = service.router();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (address, service)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANGS, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn contract(number: u8) -> String {
    format!("/contracts/{}", format!("{number:02x}").repeat(20))
}

#[test]
fn clients_deploy_call_go_away_and_are_counted() {
    let (address, service) = serve();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = |path: &str| format!("http://{address}{path}");
    let put = |number, body: &[u8]| agent.put(url(&contract(number))).send(body).unwrap();
    assert_eq!(put(1, &bundle(r#"(module (func (export "_start")))"#)).status(), 201);
    assert_eq!(put(2, &bundle(r#"(module (func (export "_start") (loop (br 0))))"#)).status(), 201);
    let mut refused = put(3, b"\0asm");
    assert_eq!(refused.status(), 400);
    assert!(refused.body_mut().read_to_string().unwrap().starts_with("not a bundle"));

    // 64 clients whose runs last, on 64 threads, and 64 more whose runs wait.
    let request = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", contract(2));
    let client = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let running: Vec<_> = (0..64).map(|_| client()).collect();
    until("64 run", || service.load().running == 64);
    let waiting: Vec<_> = (0..64).map(|_| client()).collect();
    until("64 wait", || service.load().queued == 64);
    let full = agent.post(url(&contract(1))).send(&[][..]).unwrap();
    assert_eq!((full.status().as_u16(), full.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let figures = agent.get(url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    for line in ["subvm_pool_running 64", "subvm_pool_queued 64"] {
        assert!(figures.lines().any(|found| found == line), "{line}:\n{figures}");
    }

    // All go away: what waits never begins, what runs is called off, and others have their turn.
    drop(waiting);
    drop(running);
    until("nothing runs", || service.load().running == 0);
    let mut receipt = agent.post(url(&contract(1))).send(&[][..]).unwrap();
    assert_eq!(receipt.status(), 200);
    let receipt = Receipt::from_bytes(&receipt.body_mut().read_to_vec().unwrap()).unwrap();
    assert!(receipt.returned());
    let mut figures = agent.get(url("/metrics")).call().unwrap();
    let figures = figures.body_mut().read_to_string().unwrap();
    let cancelled = figures.lines().find(|line| line.contains(r#"reason="cancelled""#)).expect(&figures);
    assert!(cancelled.ends_with(" 64"), "{cancelled}");
    assert_eq!(service.load().panics, 0);

    // A request that is cut in its body, and one that is none.
    let mut cut = TcpStream::connect(address).unwrap();
    cut.write_all(format!("PUT {} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", contract(4)).as_bytes()).unwrap();
    drop(cut);
    let mut none = TcpStream::connect(address).unwrap();
    none.write_all(b"\0\0\0\0\r\n\r\n").unwrap();
    let mut answer = String::new();
    none.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(agent.get(url("/health")).call().unwrap().status(), 200);
}
