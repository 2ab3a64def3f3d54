//! What new nodes take: snapshots in parts, and decided blocks with the votes for them.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::serve::Client;
use super::{Rpc, too_many};

/// Which snapshots there are, and how high the chain is.
pub(super) async fn snapshots(State(rpc): State<Rpc>, Extension(client): Extension<Client>) -> Response {
    if !rpc.limits.allow(client, 1) {
        return too_many();
    }
    let one = |(height, bytes): (u64, u64)| json!({"height": height, "bytes": bytes});
    let all: Vec<_> = rpc.shared.snapshots.kept().into_iter().map(one).collect();
    axum::Json(json!({"height": rpc.shared.chain().height(), "snapshots": all})).into_response()
}

/// A part of a snapshot.
pub(super) async fn part(
    State(rpc): State<Rpc>,
    Extension(client): Extension<Client>,
    Path((height, number)): Path<(u64, u64)>,
) -> Response {
    if !rpc.limits.allow(client, 1) {
        return too_many();
    }
    let snapshots = std::sync::Arc::clone(&rpc.shared.snapshots);
    bytes(tokio::task::spawn_blocking(move || snapshots.part(height, number)).await)
}

/// A decided block, with the votes for it.
pub(super) async fn decided(
    State(rpc): State<Rpc>,
    Extension(client): Extension<Client>,
    Path(height): Path<u64>,
) -> Response {
    if !rpc.limits.allow(client, 1) {
        return too_many();
    }
    let store = std::sync::Arc::clone(&rpc.shared.store);
    let read = move || -> eyre::Result<Option<Vec<u8>>> {
        Ok(store.decided(height)?.map(|decided| borsh::to_vec(&decided)).transpose()?)
    };
    bytes(tokio::task::spawn_blocking(read).await)
}

fn bytes(read: Result<eyre::Result<Option<Vec<u8>>>, tokio::task::JoinError>) -> Response {
    match read.map_err(eyre::Report::from).and_then(|read| read) {
        Ok(Some(bytes)) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "what a new node asks for could not be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
