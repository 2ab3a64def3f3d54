//! Calldata as far as this contract needs it (`docs/spec/calldata.md`): values, their encoding, and a reader that
//! trusts the host to send canonical bytes and gives `None` where they end too early.

use alloc::string::String;
use alloc::vec::Vec;

/// A calldata value.
pub enum Value {
    Null,
    Bool(bool),
    Address([u8; 20]),
    /// Up to 125 bits; a message with a greater one is refused.
    Int(i128),
    Bytes(Vec<u8>),
    Str(String),
    Array(Vec<Value>),
    /// Ascending by the bytes of the keys.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A map of these entries, which are in order.
    pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The entry of a map; `None` where there is none, or no map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (kind, payload, bytes): (u128, u128, &[u8]) = match self {
            Value::Null => (0, 0, &[]),
            Value::Bool(bool) => (0, 1 + u128::from(*bool), &[]),
            Value::Address(bytes) => (0, 3, bytes),
            Value::Int(int) if *int >= 0 => (1, *int as u128, &[]),
            Value::Int(int) => (2, !*int as u128, &[]),
            Value::Bytes(bytes) => (3, bytes.len() as u128, bytes),
            Value::Str(text) => (4, text.len() as u128, text.as_bytes()),
            Value::Array(items) => (5, items.len() as u128, &[]),
            Value::Map(entries) => (6, entries.len() as u128, &[]),
        };
        write_uleb(payload << 3 | kind, out);
        out.extend_from_slice(bytes);
        match self {
            Value::Array(items) => items.iter().for_each(|item| item.write(out)),
            Value::Map(entries) => entries.iter().for_each(|(key, value)| {
                write_uleb(key.len() as u128, out);
                out.extend_from_slice(key.as_bytes());
                value.write(out);
            }),
            _ => {}
        }
    }

    /// The value that these bytes, all of them, encode.
    pub fn decode(mut bytes: &[u8]) -> Option<Value> {
        let value = read(&mut bytes)?;
        bytes.is_empty().then_some(value)
    }
}

/// Appends `n` in groups of 7 bits, lowest first; the 8th bit says that another follows.
fn write_uleb(mut n: u128, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read(from: &mut &[u8]) -> Option<Value> {
    let head = read_uleb(from)?;
    let payload = head >> 3;
    Some(match (head & 7, payload) {
        (0, 0) => Value::Null,
        (0, 1 | 2) => Value::Bool(payload == 2),
        (0, 3) => Value::Address(take(from, 20)?.try_into().ok()?),
        (1, _) => Value::Int(payload as i128),
        (2, _) => Value::Int(!(payload as i128)),
        (3, len) => Value::Bytes(take(from, len)?.into()),
        (4, len) => Value::Str(read_text(from, len)?),
        (5, count) => Value::Array((0..count).map(|_| read(from)).collect::<Option<_>>()?),
        (6, count) => Value::Map((0..count).map(|_| read_entry(from)).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn read_entry(from: &mut &[u8]) -> Option<(String, Value)> {
    let len = read_uleb(from)?;
    Some((read_text(from, len)?, read(from)?))
}

fn read_text(from: &mut &[u8], len: u128) -> Option<String> {
    String::from_utf8(take(from, len)?.into()).ok()
}

fn read_uleb(from: &mut &[u8]) -> Option<u128> {
    let mut n = 0;
    for shift in (0..126).step_by(7) {
        let (&group, rest) = from.split_first()?;
        *from = rest;
        n |= u128::from(group & 0x7f) << shift;
        if group < 0x80 {
            return Some(n);
        }
    }
    None
}

fn take<'a>(from: &mut &'a [u8], len: u128) -> Option<&'a [u8]> {
    from.split_off(..usize::try_from(len).ok()?)
}
