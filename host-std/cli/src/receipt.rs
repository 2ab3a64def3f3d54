//! `subvm receipt`: receipts as JSON, and back. The form is `docs/schema/receipt.json`.

use std::fs;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value as Json, json};
use subvm_core::{Gas, PageWrite, Receipt, SlotId};

use super::report::hex;
use super::{Failure, input, line, terminal};

#[derive(Debug, Subcommand)]
pub(super) enum ReceiptCommand {
    /// Print a receipt as one JSON object
    #[command(after_help = "Examples:
  subvm receipt show leader.receipt")]
    Show {
        /// The receipt
        receipt: PathBuf,
    },
    /// Write the receipt of a JSON object
    #[command(after_help = "Examples:
  subvm receipt show leader.receipt > leader.json && subvm receipt pack --output same.receipt leader.json")]
    Pack {
        /// What `show` printed
        json: PathBuf,
        /// The file to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

impl ReceiptCommand {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        match self {
            Self::Show { receipt } => {
                let read = Receipt::from_bytes(&input::file(&receipt)?)
                    .map_err(|error| Failure::usage(format_args!("{} is no receipt", receipt.display()), error))?;
                terminal::json(&to_json(&read))?;
            }
            Self::Pack { json, output } => {
                let unusable =
                    |why: String| Failure::usage(format_args!("{} is no receipt as JSON", json.display()), line(&why));
                let object: Json =
                    serde_json::from_slice(&input::file(&json)?).map_err(|error| unusable(error.to_string()))?;
                let receipt = from_json(&object).map_err(unusable)?;
                fs::write(&output, receipt.to_bytes())
                    .map_err(|error| Failure::usage(format_args!("cannot write {}", output.display()), error))?;
                terminal::out(format!("{}\n", hex(&receipt.digest())))?;
            }
        }
        Ok(0)
    }
}

/// The receipt as `docs/schema/receipt.json` has it.
pub(super) fn to_json(receipt: &Receipt) -> Json {
    // Taken apart by name, so that a new field cannot be left out.
    let Receipt { params, message, result, gas, storage, messages, nondet } = receipt;
    let page =
        |write: &PageWrite| json!({ "slot": hex(&write.slot.0), "page": write.page, "content": hex(&write.content) });
    let all = |all: &[Vec<u8>]| all.iter().map(|bytes| Json::from(hex(bytes))).collect::<Json>();
    json!({
        "version": Receipt::VERSION,
        "params": hex(params),
        "message": hex(message),
        "result": hex(result),
        "gas": { "time": gas.time, "storage": gas.storage, "data": gas.data },
        "storage": storage.iter().map(page).collect::<Json>(),
        "messages": all(messages),
        "nondet": all(nondet),
        "digest": hex(&receipt.digest()),
    })
}

/// The receipt of an object: what [`to_json`] gives comes back, and what is none is refused by the name of its field.
pub(super) fn from_json(object: &Json) -> Result<Receipt, String> {
    let fields = known(object, "it", &FIELDS)?;
    if uint(fields, "version")? != u64::from(Receipt::VERSION) {
        return Err(format!("version is not {}", Receipt::VERSION));
    }
    let gas = known(&fields["gas"], "gas", &["time", "storage", "data"])?;
    let gas = Gas { time: uint(gas, "time")?, storage: uint(gas, "storage")?, data: uint(gas, "data")? };
    let page = |write: &Json| {
        let write = known(write, "storage", &["slot", "page", "content"])?;
        let page = u32::try_from(uint(write, "page")?).map_err(|_| "page is too large".to_owned())?;
        Ok(PageWrite { slot: SlotId(array(write, "slot")?), page, content: array(write, "content")? })
    };
    let receipt = Receipt {
        params: array(fields, "params")?,
        message: array(fields, "message")?,
        result: bytes(&fields["result"], "result")?,
        gas,
        storage: list(fields, "storage")?.iter().map(page).collect::<Result<_, String>>()?,
        messages: list(fields, "messages")?.iter().map(|it| bytes(it, "messages")).collect::<Result<_, _>>()?,
        nondet: list(fields, "nondet")?.iter().map(|it| bytes(it, "nondet")).collect::<Result<_, _>>()?,
    };
    // The rules of order and of pages are those of the bytes.
    let receipt = Receipt::from_bytes(&receipt.to_bytes()).map_err(|error| error.to_string())?;
    if array::<32>(fields, "digest")? != receipt.digest() {
        return Err("digest is not that of the other fields: something of them was changed".into());
    }
    Ok(receipt)
}

const FIELDS: [&str; 9] = ["version", "params", "message", "result", "gas", "storage", "messages", "nondet", "digest"];

/// An object of these fields and no others.
fn known<'j>(object: &'j Json, what: &str, names: &[&str]) -> Result<&'j Map<String, Json>, String> {
    let fields = object.as_object().ok_or_else(|| format!("{what} is no object"))?;
    if let Some(missing) = names.iter().find(|name| !fields.contains_key(**name)) {
        return Err(format!("{missing} is missing"));
    }
    match fields.keys().find(|key| !names.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{unknown} is no field of a receipt")),
        None => Ok(fields),
    }
}

fn uint(fields: &Map<String, Json>, name: &str) -> Result<u64, String> {
    fields[name].as_u64().ok_or_else(|| format!("{name} is no integer below 2^64"))
}

fn list<'j>(fields: &'j Map<String, Json>, name: &str) -> Result<&'j [Json], String> {
    fields[name].as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} is no array"))
}

fn array<const N: usize>(fields: &Map<String, Json>, name: &str) -> Result<[u8; N], String> {
    bytes(&fields[name], name)?.try_into().map_err(|_| format!("{name} has not {N} bytes"))
}

/// Bytes of lower-case hexadecimal, so that each receipt has one form.
fn bytes(text: &Json, name: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("{name} is no bytes in lower-case hexadecimal");
    let (pairs, []) = text.as_str().ok_or_else(wrong)?.as_bytes().as_chunks::<2>() else { return Err(wrong()) };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<_>>().ok_or_else(wrong)
}
