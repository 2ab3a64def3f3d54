//! From a value to text.

use super::super::walk::{Event, Walk};
use super::super::{Array, Map, Value, ValueRef};
use core::fmt::{self, Display, Formatter, Write};

/// The text form, without spaces; with `{:#}`, on lines of their own and indented by two spaces.
///
/// # Cost
/// Linear, but for integers beyond 127 bits: see [`Int`](super::super::Int).
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print(Walk::of(self), f)
    }
}

/// The text form.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// The items in text form.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        print(Walk::of_items(self), f)?;
        f.write_char(']')
    }
}

/// The entries in text form.
impl fmt::Debug for Map {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        print(Walk::of_entries(self), f)?;
        f.write_char('}')
    }
}

/// The text form.
///
/// # Cost
/// As [`ValueRef::to_owned`] and printing that.
impl Display for ValueRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.to_owned(), f)
    }
}

/// The text form.
impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

fn print(walk: Walk<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let indented = f.alternate();
    let mut closers = alloc::vec::Vec::new();
    // Whether a value has been printed in the container around, so that a comma must follow it.
    let mut after_value = false;
    let mut after_key = false;
    for event in walk {
        if let Event::Close = event {
            let closer = closers.pop().unwrap_or(']');
            if indented && after_value {
                new_line(f, closers.len())?;
            }
            f.write_char(closer)?;
            after_value = true;
            continue;
        }
        if !after_key {
            separate(f, after_value, closers.len())?;
        }
        after_key = false;
        after_value = true;
        match event {
            Event::Leaf(leaf) => print_leaf(leaf, f)?,
            Event::Key(key) => {
                print_string(key.as_str(), f)?;
                f.write_str(if indented { ": " } else { ":" })?;
                after_key = true;
            }
            Event::Array(_) | Event::Map(_) => {
                let array = matches!(event, Event::Array(_));
                f.write_char(if array { '[' } else { '{' })?;
                closers.push(if array { ']' } else { '}' });
                after_value = false;
            }
            Event::Close => {}
        }
    }
    Ok(())
}

/// What stands before an item or a key.
fn separate(f: &mut Formatter<'_>, after_value: bool, depth: usize) -> fmt::Result {
    if after_value {
        f.write_char(',')?;
    }
    if f.alternate() && depth > 0 { new_line(f, depth) } else { Ok(()) }
}

fn new_line(f: &mut Formatter<'_>, depth: usize) -> fmt::Result {
    f.write_char('\n')?;
    (0..depth).try_for_each(|_| f.write_str("  "))
}

fn print_leaf(leaf: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    match leaf {
        Value::Null | Value::Array(_) | Value::Map(_) => f.write_str("null"),
        Value::Bool(b) => f.write_str(if *b { "true" } else { "false" }),
        Value::Int(int) => write!(f, "{int}"),
        Value::Address(address) => write!(f, "addr#{address}"),
        Value::Bytes(bytes) => {
            f.write_str("b#")?;
            print_hex(bytes, f)
        }
        Value::Str(text) => print_string(text, f),
    }
}

/// Two lower-case digits a byte, written by the chunk: to format each byte by itself takes ten times as long.
fn print_hex(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    const CHUNK: usize = 64;
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    for chunk in bytes.chunks(CHUNK) {
        let mut text = [0; 2 * CHUNK];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(chunk) {
            *pair = [digit(byte >> 4) as u8, digit(byte & 15) as u8];
        }
        let digits = text.get(..2 * chunk.len()).unwrap_or_default();
        f.write_str(core::str::from_utf8(digits).unwrap_or_default())?;
    }
    Ok(())
}

/// Escapes what JSON requires and nothing else, by the two-character escapes where there are any.
fn print_string(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0x00..=0x1f => "",
            _ => continue,
        };
        f.write_str(text.get(plain..at).unwrap_or_default())?;
        plain = at + 1;
        if escape.is_empty() { write!(f, "\\u{byte:04x}")? } else { f.write_str(escape)? }
    }
    f.write_str(text.get(plain..).unwrap_or_default())?;
    f.write_char('"')
}
