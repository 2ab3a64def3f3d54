//! `subvm calldata`: between bytes and the text form.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use subvm_core::calldata::Value;

use super::report::hex;
use super::{Failure, escaped, input, terminal};

#[derive(Debug, Subcommand)]
pub(super) enum Calldata {
    /// Text form to hexadecimal
    #[command(after_help = "Examples:
  echo '{\"method\": \"get\"}' | subvm calldata encode
  subvm calldata encode --raw call.txt > call.calldata")]
    Encode(Conversion),
    /// Hexadecimal to text form
    #[command(after_help = "Examples:
  echo 0e01 | subvm calldata decode
  subvm calldata decode --raw leader.receipt")]
    Decode(Conversion),
}

#[derive(Debug, Args)]
pub(super) struct Conversion {
    /// What to convert [default: standard input]
    file: Option<PathBuf>,
    /// Bytes in place of hexadecimal
    #[arg(long)]
    raw: bool,
}

impl Calldata {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        match self {
            Self::Encode(Conversion { file, raw }) => {
                let text = input::text(input::file_or_stdin(file.as_deref())?, "the text form")?;
                let value: Value = text.parse().map_err(|error| Failure::usage("not calldata", error))?;
                let bytes = value.encode().map_err(|error| Failure::usage("cannot be encoded", error))?;
                if raw { terminal::out(bytes)? } else { terminal::out(format!("{}\n", hex(&bytes)))? }
            }
            Self::Decode(Conversion { file, raw }) => {
                let input = input::file_or_stdin(file.as_deref())?;
                let bytes = if raw { input } else { from_hex(&input)? };
                let value = Value::decode(&bytes).map_err(|error| Failure::usage("not calldata", error))?;
                terminal::out(escaped(&value.to_string()) + "\n")?;
            }
        }
        Ok(0)
    }
}

/// The bytes that pairs of digits stand for, with white space anywhere. A refusal names the byte of `text` at which it was found.
fn from_hex(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let refused = |at: usize, what: &str| Failure::usage("not hexadecimal", format_args!("byte {at}: {what}"));
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, digit) in text.iter().enumerate().filter(|(_, byte)| !b" \t\n\r".contains(byte)) {
        let nibble = char::from(*digit).to_digit(16).map(|nibble| nibble as u8);
        let nibble = nibble.ok_or_else(|| refused(at, "no digit stands there; use --raw for bytes"))?;
        match high.take() {
            None => high = Some(nibble),
            Some(high) => bytes.push(high << 4 | nibble),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(refused(text.len(), "the text ends within a byte: the number of digits is odd")),
    }
}
