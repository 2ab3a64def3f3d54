//! Finding the fingerprint in what a user has.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use subvm_core::Receipt;
use subvm_core::calldata::Value;

use crate::report::hex;
use crate::{Failure, input};

/// A fingerprint, and what the run failed with where that is known.
pub(super) struct Taken {
    pub(super) message: Option<String>,
    pub(super) fingerprint: Fingerprint,
}

/// A fingerprint as `--json` prints it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fingerprint {
    pub(super) frames: Vec<Frame>,
    pub(super) module_instances: BTreeMap<String, Instance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) module_name: String,
    pub(super) func: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance {
    /// Hexadecimal.
    pub(super) memories: Vec<String>,
}

impl Taken {
    /// Reads a JSON result, a receipt, or the fingerprint itself in calldata's text form or as JSON.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = input::file_or_stdin(Some(path))?;
        let found = match Receipt::from_bytes(&bytes) {
            Ok(receipt) => Self::of_receipt(&receipt),
            Err(_) => text(&bytes).and_then(Self::of_json),
        };
        found.map_err(|why| Failure::usage(format_args!("no fingerprint is to be had from {}", path.display()), why))
    }

    fn of_receipt(receipt: &Receipt) -> Result<Self, String> {
        match receipt.result.split_first() {
            Some((1 | 2, failure)) => {
                Self::of_json(as_json(&Value::decode(failure).map_err(|error| error.to_string())?))
            }
            _ => Err(RETURNED.into()),
        }
    }

    /// From an object that has a fingerprint, or is one.
    fn of_json(mut json: Json) -> Result<Self, String> {
        let message = json.get("message").and_then(Json::as_str).map(str::to_owned);
        let fingerprint = match json.get_mut("fingerprint").map(Json::take) {
            Some(Json::Null) if json.get("outcome").is_some_and(|outcome| *outcome == "internal_error") => {
                return Err("the run ended in an internal error, which has none".into());
            }
            Some(Json::Null) if message.is_some() => return Err("the run was made without fingerprints".into()),
            Some(Json::Null) => return Err(RETURNED.into()),
            Some(fingerprint) => fingerprint,
            None => json,
        };
        let fingerprint = serde_json::from_value(fingerprint).map_err(|error| format!("{error}; {WANTED}"))?;
        Ok(Self { message, fingerprint })
    }
}

const RETURNED: &str = "the run returned, and only failures have one";
const WANTED: &str = "give what --json printed, a receipt, or a fingerprint as calldata text";

/// JSON, or calldata's text form.
fn text(bytes: &[u8]) -> Result<Json, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("it is neither text nor a receipt; {WANTED}"))?;
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(json);
    }
    let value: Value = text.parse().map_err(|_| format!("it is neither JSON nor calldata text; {WANTED}"))?;
    Ok(as_json(&value))
}

/// Calldata as JSON, bytes as hexadecimal. What no fingerprint has is null.
fn as_json(value: &Value) -> Json {
    match value {
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => json!(hex(bytes)),
        Value::Int(int) => u64::try_from(int).map_or(Json::Null, |int| json!(int)),
        Value::Array(items) => items.iter().map(as_json).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.to_owned(), as_json(value))).collect(),
        _ => Json::Null,
    }
}
