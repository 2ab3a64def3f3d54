//! Connections: how many, whose, and how long a slow one is waited for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// How long the head of a request may take, and so a connection that says nothing.
const HEAD: Duration = Duration::from_secs(10);
/// How long a client may take no byte of an answer.
const STALLED: Duration = Duration::from_secs(20);
/// After the operating system has no more descriptors.
const BREATH: Duration = Duration::from_millis(200);

/// Who asks, as far as limits go: an IPv4 address, or the network of an IPv6 one, for a customer has many of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client(pub(super) IpAddr);

impl Client {
    pub(super) fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V6(ip) => Self(IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64))),
            ip => Self(ip),
        }
    }
}

/// How many connections each client has.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<HashMap<Client, usize>>>);

/// One of them, counted until it is dropped.
struct Counted(Open, Client);

impl Open {
    fn count(&self, client: Client, most: usize) -> Option<Counted> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted(self.clone(), client))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Serves `router` for ever: `most` connections, a quarter of which one client may have.
pub(super) async fn serve(listener: TcpListener, router: Router, most: usize) {
    let (slots, open) = (Arc::new(Semaphore::new(most)), Open::default());
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let client = Client::of(peer);
        let (Ok(slot), Some(counted)) = (Arc::clone(&slots).try_acquire_owned(), open.count(client, (most / 4).max(1)))
        else {
            metrics::counter!("node_rpc_refused_total", "why" => "connections").increment(1);
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            connection(stream, client, router).await;
            drop((slot, counted));
        });
    }
}

async fn connection(stream: TcpStream, client: Client, router: Router) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(client);
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10);
    if builder.serve_connection(TokioIo::new(Box::pin(stream)), service).await.is_err() {
        metrics::counter!("node_rpc_refused_total", "why" => "broken").increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_a_bounded_number_of_connections() {
        let (open, client) = (Open::default(), Client::of(([127, 0, 0, 1], 80).into()));
        let held: Vec<_> = (0..3).map(|_| open.count(client, 3).expect("room")).collect();
        assert!(open.count(client, 3).is_none());
        assert!(open.count(Client::of(([127, 0, 0, 2], 80).into()), 3).is_some(), "another client's are its own");
        drop(held);
        assert!(open.0.lock().expect("whole").is_empty());
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let of = |text: &str| Client::of(text.parse().expect("an address"));
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:2]:9"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:1"));
    }
}
