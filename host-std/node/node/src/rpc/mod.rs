//! What clients are served: JSON-RPC 2.0, events, health, figures, and the page. Bodies are bounded, clients have limits, slow ones are dropped.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use eyre::eyre;
use futures::stream;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tower_http::timeout::TimeoutLayer;

use crate::config;
use crate::shared::Shared;

mod begin;
mod limits;
mod methods;
mod prepare;
mod serve;
#[cfg(test)]
mod strangers;

use limits::Limits;
pub(crate) use prepare::GAS;
use serve::Client;

/// Bytes of a request.
const BODY: usize = 4 << 20;
/// Calls in one request.
const BATCH: usize = 50;
/// How long a request may take: its body to come in, and its answer to be made.
const PATIENCE: Duration = Duration::from_secs(15);
/// Those who listen at once.
const LISTENERS: usize = 64;
/// A node whose last block is older says that it is not well.
const STILL: Duration = Duration::from_secs(60);

const PAGE: &str = include_str!("../page.html");

/// Starts to count: once in a process.
pub(crate) fn figures() -> eyre::Result<PrometheusHandle> {
    let handle =
        PrometheusBuilder::new().install_recorder().map_err(|error| eyre!("figures cannot be kept: {error}"))?;
    subvm_observe::names::describe();
    Ok(handle)
}

/// What all requests share.
#[derive(Clone)]
struct Rpc {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    listeners: Arc<Semaphore>,
    figures: PrometheusHandle,
}

/// Serves clients for ever.
pub(crate) async fn serve(listener: TcpListener, config: &config::Rpc, shared: Arc<Shared>, figures: PrometheusHandle) {
    let limits = Arc::new(Limits::new(config.each_second, config.burst));
    let rpc = Rpc { shared, limits, listeners: Arc::new(Semaphore::new(LISTENERS)), figures };
    serve::serve(listener, router(rpc), config.connections).await;
}

/// What is served, and where.
fn router(rpc: Rpc) -> Router {
    Router::new()
        .route("/", get(page).post(call))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/metrics/consensus", get(consensus_metrics))
        .route("/snapshots", get(begin::snapshots))
        .route("/snapshots/{height}/{part}", get(begin::part))
        .route("/decided/{height}", get(begin::decided))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
        .route("/events", get(events))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(rpc)
}

/// The page, which loads nothing and asks its own node only. Scripts and styles that do not know this answer's nonce are not obeyed.
async fn page() -> Response {
    let mut nonce = [0; 16];
    if getrandom::fill(&mut nonce).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let nonce = crate::keys::hex(&nonce);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, PAGE.replace("NONCE", &nonce)).into_response()
}

async fn health(State(rpc): State<Rpc>) -> Response {
    let (chain, still) = (rpc.shared.chain(), rpc.shared.still());
    let diverged = rpc.shared.diverged();
    let well = still < STILL && diverged.is_none();
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "well": well,
        "height": chain.height(),
        "last_block_ms_ago": still.as_millis() as u64,
        "diverged": diverged,
    });
    (status, axum::Json(body)).into_response()
}

async fn metrics(State(rpc): State<Rpc>) -> String {
    rpc.figures.run_upkeep();
    rpc.figures.render()
}

async fn consensus_metrics() -> String {
    let mut text = String::new();
    arc_malachitebft_app_channel::app::metrics::export(&mut text);
    text
}

/// What happens from now on. Who reads too slowly is dropped, and may come again.
async fn events(State(rpc): State<Rpc>, Extension(client): Extension<Client>) -> Response {
    if !rpc.limits.allow(client, 1) {
        return too_many();
    }
    let Ok(place) = Arc::clone(&rpc.listeners).try_acquire_owned() else {
        metrics::counter!("node_rpc_refused_total", "why" => "listeners").increment(1);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many listen already: try another node\n").into_response();
    };
    let told = rpc.shared.listen();
    let events = stream::unfold((told, place), next);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))).into_response()
}

type Listening = (broadcast::Receiver<Arc<str>>, OwnedSemaphorePermit);

async fn next((mut told, place): Listening) -> Option<(Result<Event, Infallible>, Listening)> {
    match told.recv().await {
        Ok(text) => Some((Ok(Event::default().data(&*text)), (told, place))),
        Err(broadcast::error::RecvError::Lagged(_)) => {
            metrics::counter!("node_rpc_refused_total", "why" => "slow").increment(1);
            None
        }
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

fn too_many() -> Response {
    let later = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
    (
        StatusCode::TOO_MANY_REQUESTS,
        later,
        axum::Json(failure(&Value::Null, -32_005, "too many requests of this client: wait a second", None)),
    )
        .into_response()
}

/// JSON-RPC.
async fn call(
    State(rpc): State<Rpc>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // A page of another site cannot send this type without being asked for leave, and nobody gives it.
    let json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON-RPC as content-type: application/json\n")
            .into_response();
    }
    let (calls, batch) = match serde_json::from_slice(&body) {
        Ok(Value::Array(calls)) if calls.is_empty() || calls.len() > BATCH => {
            let text = format!("a batch has 1 to {BATCH} calls, not {}", calls.len());
            return axum::Json(failure(&Value::Null, -32_600, &text, None)).into_response();
        }
        Ok(Value::Array(calls)) => (calls, true),
        Ok(one) => (vec![one], false),
        Err(error) => {
            return axum::Json(failure(&Value::Null, -32_700, &format!("not JSON: {error}"), None)).into_response();
        }
    };
    if !rpc.limits.allow(client, calls.len() as u32) {
        return too_many();
    }
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        answers.extend(answer(&rpc.shared, call).await);
    }
    match (batch, answers.pop()) {
        (_, None) => StatusCode::NO_CONTENT.into_response(),
        (false, Some(one)) => axum::Json(one).into_response(),
        (true, Some(last)) => {
            answers.push(last);
            axum::Json(Value::Array(answers)).into_response()
        }
    }
}

/// The answer to one call; none to a notification.
async fn answer(shared: &Arc<Shared>, call: Value) -> Option<Value> {
    let id = call.get("id").filter(|id| id.is_string() || id.is_number() || id.is_null()).cloned();
    let (Some("2.0"), Some(method)) = (call["jsonrpc"].as_str(), call["method"].as_str()) else {
        let text = "not a call: it takes {\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"...\", \"params\": {}}";
        return Some(failure(&id.unwrap_or_default(), -32_600, text, None));
    };
    let began = std::time::Instant::now();
    let done = methods::call(shared, method, &call["params"]).await;
    let known = methods::NAMES.iter().find(|name| **name == method).unwrap_or(&"unknown");
    metrics::histogram!("node_rpc_seconds", "method" => *known).record(began.elapsed().as_secs_f64());
    let id = id?;
    Some(match done {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(methods::Error { code, text, data }) => failure(&id, code, &text, data),
    })
}

fn failure(id: &Value, code: i64, message: &str, data: Option<Value>) -> Value {
    let mut error = json!({"code": code, "message": message});
    if let Some(data) = data {
        error["data"] = data;
    }
    json!({"jsonrpc": "2.0", "id": id, "error": error})
}
