//! An HTTP service that runs contracts: what a node does with callers that it does not know.
//!
//! | request | what |
//! |---|---|
//! | `PUT /contracts/{address}` | deploys the bundle in the body |
//! | `POST /contracts/{address}` | runs the contract with the calldata in the body; answers with the bytes of the receipt |
//! | `GET /metrics` | figures for Prometheus |
//! | `GET /health` | 200 while it takes requests in |
//!
//! A run takes a thread of the pool, never one of tokio's. When a client goes away, its request's future is dropped, the ticket with it, and
//! the run is called off. What is full says 503, and when to come back.
//!
//! The state and the engine are those that are quick to build: a node has its own parts and a `WasmtimeEngine` here, and nothing else changes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use subvm_core::host::{self, Node};
use subvm_core::{Address, Engine, Entry, InternalErrorKind, Message, Package, Params, Role, Run, run};
use subvm_host_mock::MemoryHost;
use subvm_observe as observe;
use subvm_pool::{Lost, Pool, Priority, Refusal, Task};
use subvm_wasmi::WasmiEngine;

/// Bytes of a request.
const BODY: usize = 32 << 20;
/// How long a run may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What all requests share.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

struct Shared {
    pool: Pool,
    engine: Arc<dyn Engine>,
    chain: MemoryHost,
    params: Arc<Params>,
    metrics: PrometheusHandle,
}

/// Installs the recorder of figures: once in a process.
///
/// # Errors
/// Where there is one already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    observe::names::describe();
    Ok(handle)
}

impl Service {
    /// A service on `pool`, under `params`.
    #[must_use]
    pub fn new(pool: Pool, params: Params, metrics: PrometheusHandle) -> Self {
        let (engine, chain) = (Arc::new(WasmiEngine::new()), MemoryHost::new());
        Self(Arc::new(Shared { pool, engine, chain, params: Arc::new(params), metrics }))
    }

    /// Its routes.
    #[must_use]
    pub fn router(&self) -> Router {
        Router::new()
            .route("/contracts/{address}", put(deploy).post(call))
            .route("/metrics", get(figures))
            .route("/health", get(|| async { "ok\n" }))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(self.clone())
    }

    /// What its pool holds.
    #[must_use]
    pub fn load(&self) -> subvm_pool::Load {
        self.0.pool.load()
    }
}

async fn figures(State(service): State<Service>) -> String {
    service.0.metrics.run_upkeep();
    service.0.metrics.render()
}

async fn deploy(State(service): State<Service>, Path(address): Path<String>, body: Bytes) -> Response {
    let Some(address) = parse(&address) else { return no_address() };
    match Package::from_bundle(&body) {
        Ok(package) => {
            service.0.chain.deploy(address, Arc::new(package));
            StatusCode::CREATED.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn call(State(service): State<Service>, Path(address): Path<String>, body: Bytes) -> Response {
    let Some(contract_address) = parse(&address) else { return no_address() };
    let Service(shared) = &service;
    let message = Message { contract_address, entry_data: body.to_vec(), ..Message::default() };
    let (engine, chain, params) = (shared.engine.clone(), shared.chain.clone(), shared.params.clone());
    let task = Task { contract: contract_address, priority: Priority::Normal, memory: Task::memory_of(&params) };
    let ticket = shared.pool.submit(task, move |cancel| {
        let node = Node { observer: Some(observe::telemetry(None)), ..chain.node() };
        let (entry, role, state) = (Entry::Contract, Role::Leader, host::State::Accepted);
        let cancel = Some(cancel.clone());
        run(engine, node, Run { message, entry, role, params, state, deadline: Some(DEADLINE), cancel }).1
    });
    let result = match ticket {
        // Dropped with this future when the client goes away: that calls the run off.
        Ok(ticket) => ticket.await,
        Err(refusal @ Refusal::Full { .. }) => {
            let later = [(header::RETRY_AFTER, "1")];
            return (StatusCode::SERVICE_UNAVAILABLE, later, format!("{refusal}\n")).into_response();
        }
        Err(refusal) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{refusal}\n")).into_response(),
    };
    match result {
        Ok(Ok(report)) => report.receipt.to_bytes().into_response(),
        Ok(Err(error)) if error.kind() == InternalErrorKind::Deadline => {
            (StatusCode::GATEWAY_TIMEOUT, format!("{error}\n")).into_response()
        }
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(Lost::NotBegun) => (StatusCode::SERVICE_UNAVAILABLE, "the service ends\n").into_response(),
        Err(lost) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{lost}\n")).into_response(),
    }
}

fn no_address() -> Response {
    (StatusCode::BAD_REQUEST, "an address is 40 hexadecimal digits\n").into_response()
}

fn parse(text: &str) -> Option<Address> {
    let digits = text.as_bytes();
    if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut address = [0; 20];
    for (byte, pair) in address.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Address(address))
}
