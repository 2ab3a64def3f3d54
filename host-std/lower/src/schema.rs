//! What a contract says of itself: the custom section `subvm.schema`.

use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use subvm_core::calldata::{Map, Value};
use wasmparser::{Parser, Payload};

/// The section that `subvm-sdk` writes: JSON objects, one a line.
const SECTION: &str = "subvm.schema";

/// Why a module tells no schema.
///
/// ```
/// use subvm_lower::{SchemaError, schema};
/// assert_eq!(schema(b"\0asm\x01\0\0\0"), Err(SchemaError::Missing));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// The module is malformed.
    Module(String),
    /// It has no such section.
    Missing,
    /// A line of the section, counted from 1, is not what it should be.
    Line(usize),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(why) => write!(f, "the module is malformed: {why}"),
            Self::Missing => write!(f, "the module has no section {SECTION}: contracts of subvm-sdk have one"),
            Self::Line(line) => write!(f, "section {SECTION}, line {line}, is neither a contract nor an event"),
        }
    }
}

impl core::error::Error for SchemaError {}

/// What a contract says of itself: a map of `contract`, its name; `init` and `fallback`, each a method or null; `methods` by name, each of
/// `arguments`, `payable`, `returns` and `view`; and `events` by name, each of `fields` and `topics`. Types are those of `subvm_sdk::Describe`.
/// Nothing holds the contract to it.
///
/// # Errors
/// See [`SchemaError`].
///
/// # Cost
/// Linear in the module.
///
/// ```
/// use subvm_lower::schema;
/// let module = wat::parse_str(r#"(module (@custom "subvm.schema" "{\"event\": \"Sold\", \"fields\": {}, \"topics\": []}\n{\"contract\": \"Shop\"}\n"))"#)?;
/// assert_eq!(schema(&module).unwrap().to_string(), r#"{"contract":"Shop","events":{"Sold":{"fields":{},"topics":[]}}}"#);
/// # Ok::<(), wat::Error>(())
/// ```
pub fn schema(module: &[u8]) -> Result<Value, SchemaError> {
    let mut text = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| SchemaError::Module(error.to_string()))? {
            Payload::CustomSection(section) if section.name() == SECTION => text.extend_from_slice(section.data()),
            _ => {}
        }
    }
    if text.is_empty() {
        return Err(SchemaError::Missing);
    }
    let (mut all, mut events) = (Map::new(), Map::new());
    for (number, line) in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let wrong = || SchemaError::Line(number + 1);
        let line = str::from_utf8(line).map_err(|_| wrong())?.parse().map_err(|_| wrong())?;
        let Value::Map(mut line) = line else { return Err(wrong()) };
        match line.remove("event") {
            Some(Value::Str(name)) => drop(events.insert(name, line)),
            None if line.get("contract").is_some() && all.is_empty() => all = line,
            _ => return Err(wrong()),
        }
    }
    all.insert("events", events);
    Ok(all.into())
}
