//! `WebRequest` over TLS: whom it trusts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use subvm_core::calldata::{Map, Value};
use subvm_modules::web::{Limits, Rules, WebClient};
use subvm_modules::{Failure, Service};
use ureq::tls::{Certificate, RootCerts};
use ureq::unversioned::resolver::DefaultResolver;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate is for `name`, and valid until the end of a year.
fn server(authority: &Authority, name: &str, until: i32) -> u16 {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 12, 31);
    let certificate = params.signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

fn get(port: u16, roots: RootCerts) -> String {
    let networks = ["127.0.0.1", "::1"].map(|network| network.parse().unwrap()).to_vec();
    let rules = Rules { ports: vec![port], allow_networks: networks, ..Rules::default() };
    let client = WebClient::with_parts(rules, Limits::default(), DefaultResolver::default(), roots);
    let fields = Map::from([
        ("method", Value::from("GET")),
        ("url", format!("https://localhost:{port}/").into()),
        ("headers", Map::new().into()),
        ("body", Value::Null),
    ]);
    match client.answer("WebRequest", &fields) {
        Ok(answer) => String::from_utf8(answer["body"].as_bytes().unwrap().to_vec()).unwrap(),
        Err(Failure::Code(code)) => code.into(),
        Err(Failure::Unavailable(error)) => panic!("{error}"),
    }
}

#[test]
fn only_the_right_certificate_is_trusted() {
    let ours = authority();
    let trusted = || RootCerts::new_with_certs(&[Certificate::from_der(ours.der()).to_owned()]);
    assert_eq!(get(server(&ours, "localhost", 4000), trusted()), "safe");
    assert_eq!(get(server(&ours, "other.test", 4000), trusted()), "tls");
    assert_eq!(get(server(&ours, "localhost", 2020), trusted()), "tls");
    assert_eq!(get(server(&authority(), "localhost", 4000), trusted()), "tls");
    assert_eq!(get(server(&ours, "localhost", 4000), RootCerts::WebPki), "tls");
}
