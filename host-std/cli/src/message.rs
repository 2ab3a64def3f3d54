//! The file that `--message` names.

use std::path::Path;

use subvm_core::calldata::{Int, Map, Value};
use subvm_core::{Address, Message};

use super::exec::EPOCH;
use super::{Failure, input};

/// A message and its instant.
pub(super) struct Transaction {
    pub(super) message: Message,
    pub(super) time: u64,
}

const FIELDS: [&str; 8] =
    ["contract_address", "sender_address", "origin_address", "chain_id", "value", "is_init", "datetime", "calldata"];

/// The transaction that the file at `path` describes.
pub(super) fn transaction(path: &Path) -> Result<Transaction, Failure> {
    let what = format!("the message {}", path.display());
    let parsed = input::text(input::file(path)?, &what)?;
    let value: Value = parsed.parse().map_err(|error| Failure::usage(&what, error))?;
    from_fields(&value).map_err(|error| Failure::usage(&what, error))
}

fn from_fields(value: &Value) -> Result<Transaction, String> {
    let map = value.as_map().ok_or("it has to be a map of fields")?;
    if let Some(unknown) = map.keys().find(|key| !FIELDS.contains(key)) {
        return Err(format!("unknown field {unknown:?}; there are {}", FIELDS.join(", ")));
    }
    let sender = address(map, "sender_address")?.ok_or("sender_address is missing")?;
    let calldata = map.get("calldata").ok_or("calldata is missing")?;
    let datetime = map.get("datetime").map_or(Some(EPOCH), Value::as_str).ok_or("datetime has to be a string")?;
    Ok(Transaction {
        message: Message {
            contract_address: address(map, "contract_address")?.ok_or("contract_address is missing")?,
            sender_address: sender,
            origin_address: address(map, "origin_address")?.unwrap_or(sender),
            stack: Vec::new(),
            chain_id: integer(map, "chain_id")?,
            value: integer(map, "value")?,
            is_init: map.get("is_init").map_or(Some(false), Value::as_bool).ok_or("is_init has to be true or false")?,
            entry_data: calldata.encode().map_err(|error| error.to_string())?,
            ..Message::default()
        },
        time: input::instant(datetime).map_err(|error| format!("datetime: {error}"))?,
    })
}

/// An address: calldata's own, or as JSON has it, 40 hexadecimal digits in a string.
fn address(map: &Map, name: &str) -> Result<Option<Address>, String> {
    let Some(value) = map.get(name) else { return Ok(None) };
    let address = value.as_address().or_else(|| value.as_str().and_then(input::address));
    address.map(Some).ok_or_else(|| format!("{name} has to be an address: 40 hexadecimal digits"))
}

fn integer(map: &Map, name: &str) -> Result<Int, String> {
    let Some(value) = map.get(name) else { return Ok(Int::from(0)) };
    let int = value.as_int().filter(|int| int.to_u256_le().is_some());
    int.cloned().ok_or_else(|| format!("{name} has to be an integer from 0 to 2^256 - 1"))
}
