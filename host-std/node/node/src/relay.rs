//! Transactions that clients sent here are passed on to the other nodes, so that whoever proposes next has them. Best effort: one that is
//! lost waits here for this node's turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::keys::hex;
use crate::shared::Shared;

/// How long another node may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Transactions that go in one request.
const BATCH: usize = 50;
/// Bytes that go in one request, when more wait.
const BYTES: usize = 1 << 20;
/// Batches that wait for one node; what is more is lost.
const BEHIND: usize = 64;

/// Passes on what comes in, for ever.
pub(crate) async fn pass_on(shared: Arc<Shared>, peers: Vec<SocketAddr>) {
    let Some(mut waiting) = shared.to_pass_on() else { return };
    let peers: Vec<mpsc::Sender<Arc<str>>> = peers.into_iter().map(peer).collect();
    while let Some(first) = waiting.recv().await {
        let mut bytes = first.len();
        let mut batch = vec![hex(&first)];
        while batch.len() < BATCH && bytes < BYTES {
            let Ok(next) = waiting.try_recv() else { break };
            bytes += next.len();
            batch.push(hex(&next));
        }
        let body: Arc<str> =
            json!({"jsonrpc": "2.0", "id": 1, "method": "relay", "params": {"txs": batch}}).to_string().into();
        for peer in &peers {
            // One that is away, or slow, keeps nobody else waiting.
            if peer.try_send(Arc::clone(&body)).is_err() {
                metrics::counter!("node_not_passed_on_total").increment(1);
            }
        }
    }
}

fn peer(address: SocketAddr) -> mpsc::Sender<Arc<str>> {
    let (tell, mut told) = mpsc::channel::<Arc<str>>(BEHIND);
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        while let Some(body) = told.blocking_recv() {
            let sent = agent.post(format!("http://{address}/")).header("content-type", "application/json").send(&*body);
            if let Err(error) = sent {
                tracing::debug!(%address, %error, "another node did not take transactions");
                metrics::counter!("node_not_passed_on_total").increment(1);
            }
        }
    });
    tell
}
