//! The methods of JSON-RPC.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use subvm_chain::{Block, Outside, TxId};
use subvm_core::{Address, Cancel, Outcome, calldata};

use super::prepare;
use crate::keys::{hex, hex_bytes};
use crate::records;
use crate::shared::{Refused, Shared};

/// They.
pub(super) const NAMES: &[&str] = &[
    "status",
    "submit",
    "relay",
    "prepare",
    "transaction",
    "receipt",
    "block",
    "blocks",
    "account",
    "contract",
    "contracts",
    "view",
];
/// Blocks in one answer.
const BLOCKS: u64 = 50;
/// How long a view may take.
const VIEW: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) code: i64,
    pub(super) text: String,
    pub(super) data: Option<Value>,
}

impl Error {
    pub(super) fn params(text: impl Into<String>) -> Self {
        Self { code: -32_602, text: text.into(), data: None }
    }

    fn absent(text: impl Into<String>) -> Self {
        Self { code: -32_004, text: text.into(), data: None }
    }

    /// It was there, and is kept no more.
    fn gone(text: impl Into<String>) -> Self {
        Self { code: -32_010, text: text.into(), data: Some(json!({"code": "pruned"})) }
    }

    fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self { code: -32_603, text: "this node could not answer: its log says why".into(), data: None }
    }

    pub(super) fn refused(refused: Refused) -> Self {
        Self { code: -32_000, text: refused.text, data: Some(json!({"code": refused.code})) }
    }
}

pub(super) type Answer = Result<Value, Error>;

/// Answers one call.
pub(super) async fn call(shared: &Arc<Shared>, method: &str, params: &Value) -> Answer {
    match method {
        "status" => status(shared),
        "submit" => submit(shared, params),
        "relay" => relay(shared, params),
        "prepare" => prepare::prepare(shared, params),
        "transaction" | "receipt" => transaction(shared, params),
        "block" => block(shared, params),
        "blocks" => blocks(shared, params),
        "account" => account(shared, params),
        "contract" => contract(shared, params),
        "contracts" => contracts(shared),
        "view" => view(shared, params).await,
        other => {
            // Not all of what may be long.
            let other: String = other.chars().take(40).collect();
            let text = format!("there is no method {other:?}: there are {}", NAMES.join(", "));
            Err(Error { code: -32_601, text, data: None })
        }
    }
}

pub(super) fn text<'a>(params: &'a Value, name: &str) -> Result<&'a str, Error> {
    params[name].as_str().ok_or_else(|| Error::params(format!("params.{name} must be a text")))
}

pub(super) fn bytes(params: &Value, name: &str) -> Result<Vec<u8>, Error> {
    hex_bytes(text(params, name)?).ok_or_else(|| Error::params(format!("params.{name} must be hexadecimal digits")))
}

pub(super) fn address(params: &Value, name: &str) -> Result<Address, Error> {
    crate::files::address(text(params, name)?).map_err(|error| Error::params(format!("params.{name}: {error}")))
}

fn status(shared: &Shared) -> Answer {
    let chain = shared.chain();
    let validators = shared.genesis.validators.iter().map(|validator| {
        json!({"key": hex(&validator.key), "address": subvm_chain::address(&validator.key).to_string(), "power": validator.power})
    });
    Ok(json!({
        "name": shared.name,
        "chain_id": chain_id(shared),
        "height": chain.height(),
        "finalized": chain.finalized(),
        "lowest": lowest(shared)?,
        "diverged": shared.diverged(),
        "block": chain.last().to_string(),
        "root": hex(&chain.root()),
        "last_block_ms_ago": shared.still().as_millis() as u64,
        "validators": validators.collect::<Vec<_>>(),
    }))
}

/// As text: it has 64 bits, and JavaScript's numbers have 53.
fn chain_id(shared: &Shared) -> Value {
    json!(shared.genesis.chain_id.to_string())
}

fn submit(shared: &Shared, params: &Value) -> Answer {
    let mut bytes = bytes(params, "tx")?;
    if !params["signature"].is_null() {
        bytes.extend(self::bytes(params, "signature")?);
    }
    let id = shared.submit(bytes, true).map_err(Error::refused)?;
    Ok(json!({"id": id.to_string()}))
}

/// What another node passes on: taken in, and passed on to nobody.
fn relay(shared: &Shared, params: &Value) -> Answer {
    let txs = params["txs"].as_array().filter(|txs| txs.len() <= super::BATCH);
    let txs = txs.ok_or_else(|| Error::params(format!("params.txs must be a list of at most {}", super::BATCH)))?;
    let bytes = |tx: &Value| tx.as_str().and_then(hex_bytes);
    let taken = txs.iter().filter_map(bytes).filter(|bytes| shared.submit(bytes.clone(), false).is_ok()).count();
    Ok(json!({"taken": taken}))
}

fn transaction(shared: &Shared, params: &Value) -> Answer {
    let id: TxId = text(params, "id")?.parse().map_err(|error| Error::params(format!("params.id: {error}")))?;
    if let Some(record) = shared.store.record(&id.0).map_err(Error::internal)? {
        return serde_json::from_slice(&record).map_err(Error::internal);
    }
    if shared.waits(&id) {
        return Ok(json!({"id": id.to_string(), "status": "waiting", "ended": false, "steps": []}));
    }
    Err(Error::absent(format!(
        "this node knows no transaction {id}: it may be on its way, was never sent, or what became of it is kept no more"
    )))
}

fn block(shared: &Shared, params: &Value) -> Answer {
    let chain = shared.chain();
    let height = match &params["height"] {
        Value::Null => chain.height(),
        Value::Number(height) => {
            height.as_u64().ok_or_else(|| Error::params("params.height must be a number from 1"))?
        }
        _ => return Err(Error::params("params.height must be a number; without it, the last block is meant")),
    };
    if let Some(block) = one_block(shared, height)? {
        return Ok(block);
    }
    let lowest = lowest(shared)?;
    Err(if height > 0 && height < lowest {
        Error::gone(format!(
            "block {height} is kept no more: this node has those from {lowest} on; ask one that keeps all"
        ))
    } else {
        Error::absent(format!("there is no block {height}: the last one is {}", chain.height()))
    })
}

/// The lowest block that this node has.
fn lowest(shared: &Shared) -> Result<u64, Error> {
    Ok(shared.store.lowest().map_err(Error::internal)?.unwrap_or(1))
}

fn one_block(shared: &Shared, height: u64) -> Result<Option<Value>, Error> {
    let Some(decided) = shared.store.decided(height).map_err(Error::internal)? else { return Ok(None) };
    let block = Block::from_bytes(&decided.block, &shared.genesis.rules).map_err(Error::internal)?;
    Ok(Some(records::block(&block, Some(&decided))))
}

fn blocks(shared: &Shared, params: &Value) -> Answer {
    let last = params["last"].as_u64().unwrap_or(u64::MAX).min(shared.chain().height());
    let count = params["count"].as_u64().unwrap_or(20).min(BLOCKS);
    let mut blocks = Vec::new();
    for height in (last.saturating_sub(count) + 1..=last).rev() {
        blocks.extend(one_block(shared, height)?);
    }
    Ok(Value::Array(blocks))
}

fn account(shared: &Shared, params: &Value) -> Answer {
    let address = match &params["key"] {
        Value::Null => address(params, "address")?,
        _ => subvm_chain::address(
            &bytes(params, "key")?.try_into().map_err(|_| Error::params("params.key must be 64 digits"))?,
        ),
    };
    let chain = shared.chain();
    Ok(json!({
        "address": address.to_string(),
        "balance": chain.account(&address).balance.to_string(),
        "nonce": chain.account(&address).nonce,
        "next_nonce": shared.next_nonce(&address),
        "contract": chain.code(&address).is_some(),
    }))
}

/// What a contract says of itself: nothing, where it was not written with `subvm-sdk`.
fn schema(package: &subvm_core::Package) -> Value {
    let told = subvm_lower::schema(&package.start);
    // Names and types are all that is in it: its text form is JSON.
    told.ok().and_then(|schema| serde_json::from_str(&schema.to_string()).ok()).unwrap_or_default()
}

fn contract(shared: &Shared, params: &Value) -> Answer {
    let (chain, address) = (shared.chain(), address(params, "address")?);
    let package = chain.code(&address).ok_or_else(|| Error::absent(format!("there is no contract at {address}")))?;
    Ok(json!({
        "address": address.to_string(),
        "balance": chain.account(&address).balance.to_string(),
        "package": hex(&package.digest()),
        "schema": schema(package),
    }))
}

fn contracts(shared: &Shared) -> Answer {
    let chain = shared.chain();
    let one = |(address, package): (&Address, &Arc<subvm_core::Package>)| json!({"address": address.to_string(), "name": schema(package)["contract"]});
    Ok(Value::Array(chain.contracts().take(BLOCKS as usize).map(one).collect()))
}

/// Calldata, from its text form or from hexadecimal digits.
pub(super) fn data(params: &Value) -> Result<Vec<u8>, Error> {
    match &params["data"] {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => match text.strip_prefix("hex:") {
            Some(digits) => {
                hex_bytes(digits).ok_or_else(|| Error::params("params.data must be hexadecimal digits after hex:"))
            }
            None => {
                let value: calldata::Value =
                    text.parse().map_err(|error| Error::params(format!("params.data: {error}")))?;
                value.encode().map_err(|error| Error::params(format!("params.data: {error}")))
            }
        },
        _ => Err(Error::params("params.data must be a text: calldata in its text form, or hex: and digits")),
    }
}

async fn view(shared: &Arc<Shared>, params: &Value) -> Answer {
    let (address, data) = (address(params, "to")?, data(params)?);
    let data = calldata::Value::decode(&data).map_err(|error| Error::params(format!("params.data: {error}")))?;
    let busy =
        || Error { code: -32_005, text: "this node makes as many views as it can: try again".into(), data: None };
    let place = tokio::time::timeout(VIEW, shared.views.acquire()).await;
    let Ok(Ok(_place)) = place else { return Err(busy()) };
    let cancel = Cancel::new();
    // Called off when the client goes away.
    let _guard = CallOff(cancel.clone());
    let chain = shared.chain();
    let run = tokio::task::spawn_blocking(move || {
        let outside = Outside { deadline: Some(VIEW), cancel: Some(cancel), ..Outside::default() };
        chain.view(address, &data, outside)
    });
    let report = run.await.map_err(Error::internal)?;
    let report = report.map_err(|error| Error { code: -32_001, text: error.to_string(), data: None })?;
    let (kind, text) = match &report.outcome {
        Outcome::Return(value) => ("return", records::text(value)),
        Outcome::UserError(_) | Outcome::UserValue(_) => ("user_error", report.failure().unwrap_or_default()),
        Outcome::VmError(_) => ("vm_error", report.failure().unwrap_or_default()),
    };
    Ok(json!({"kind": kind, "text": text, "gas": report.receipt.gas.time, "data": hex(match &report.outcome {
        Outcome::Return(value) => value.as_slice(),
        _ => &[],
    })}))
}

struct CallOff(Cancel);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
