//! Reading a table key by key, so that what nobody asked for is found.

use super::document::{Is, Node, Wrong};

/// A table that is being read.
pub(super) struct Table<'d> {
    /// What it is, for people.
    what: &'static str,
    pub(super) line: usize,
    left: Vec<(&'d str, usize, &'d Node)>,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn of(node: &'d Node, what: &'static str) -> Result<Self, Wrong> {
        match &node.is {
            Is::Table(entries) => {
                let left = entries.iter().map(|(key, line, value)| (&**key, *line, value)).collect();
                Ok(Self { what, line: node.line, left, asked: Vec::new() })
            }
            other => Err((node.line, format!("{what} is a table, not {}", other.kind()))),
        }
    }

    /// What a key has.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'d Node> {
        self.asked.push(key);
        let at = self.left.iter().position(|(other, ..)| *other == key)?;
        Some(self.left.remove(at).2)
    }

    /// What a key has that must be there.
    pub(super) fn need(&mut self, key: &'static str) -> Result<&'d Node, Wrong> {
        let line = self.line;
        self.take(key).ok_or_else(|| (line, format!("{} needs the key {key}", self.what)))
    }

    /// What a key has, read by a function.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'d Node, &'static str) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        self.take(key).map(|node| read(node, key)).transpose()
    }

    /// All that is left, whatever its keys.
    pub(super) fn rest(&mut self) -> Vec<(&'d str, usize, &'d Node)> {
        std::mem::take(&mut self.left)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Wrong> {
        let Some((key, line, _)) = self.left.first() else { return Ok(()) };
        let near = self.asked.iter().map(|known| (strsim::damerau_levenshtein(known, key), *known)).min();
        let hint = match near.filter(|(distance, _)| *distance <= 1 + key.len() / 4) {
            Some((_, near)) => format!("; did you mean {near}?"),
            None => format!("; there are: {}", self.asked.join(", ")),
        };
        Err((*line, format!("unknown key {key} of {}{hint}", self.what)))
    }
}

fn expected(node: &Node, key: &str, what: &str) -> Wrong {
    (node.line, format!("{key} is {what}, not {}", node.is.kind()))
}

pub(super) fn text(node: &Node, key: &str) -> Result<String, Wrong> {
    match &node.is {
        Is::Text(text) => Ok(text.clone()),
        _ => Err(expected(node, key, "a string")),
    }
}

pub(super) fn truth(node: &Node, key: &str) -> Result<bool, Wrong> {
    match node.is {
        Is::Bool(truth) => Ok(truth),
        _ => Err(expected(node, key, "true or false")),
    }
}

/// A small number.
pub(super) fn number<T: TryFrom<i128>>(node: &Node, key: &str) -> Result<T, Wrong> {
    match node.is {
        Is::Int(int) => T::try_from(int).map_err(|_| (node.line, format!("{key}: {int} is out of range"))),
        _ => Err(expected(node, key, "an integer")),
    }
}

/// An amount: an integer, or its digits in a string where the file's integers are too small for it.
pub(super) fn amount(node: &Node, key: &str) -> Result<u128, Wrong> {
    match &node.is {
        Is::Text(digits) => {
            digits.parse().map_err(|_| (node.line, format!("{key}: {digits:?} is no amount of 128 bits")))
        }
        _ => number(node, key),
    }
}

pub(super) fn list<'d>(node: &'d Node, key: &str) -> Result<&'d [Node], Wrong> {
    match &node.is {
        Is::List(items) => Ok(items),
        _ => Err(expected(node, key, "a list")),
    }
}

pub(super) fn texts(node: &Node, key: &str) -> Result<Vec<String>, Wrong> {
    list(node, key)?.iter().map(|item| text(item, key)).collect()
}

/// Bytes in hexadecimal.
pub(super) fn hex(node: &Node, key: &str) -> Result<Vec<u8>, Wrong> {
    let text = text(node, key)?;
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let whole = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = whole.then(|| text.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>()).flatten();
    bytes.ok_or_else(|| (node.line, format!("{key}: bytes are pairs of hexadecimal digits")))
}
