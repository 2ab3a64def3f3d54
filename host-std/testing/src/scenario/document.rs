//! A file of TOML or JSON, and the line of each thing in it.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A line, and what is wrong there.
pub(super) type Wrong = (usize, String);

/// Containers within one another that a file may have: scenarios have six.
const DEPTH: usize = 32;

/// Something of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) is: Is,
}

#[derive(Clone, Debug)]
pub(super) enum Is {
    Text(String),
    Int(i128),
    Bool(bool),
    List(Vec<Node>),
    /// Keys, their lines, values.
    Table(Vec<(String, usize, Node)>),
    /// What no scenario has: its type.
    Other(&'static str),
}

impl Is {
    /// The type, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Int(_) => "an integer",
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Where lines begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

pub(super) fn toml(text: &str, lines: &Lines) -> Result<Node, Wrong> {
    let table = DeTable::parse(text)
        .map_err(|error| (lines.at(error.span().map_or(0, |span| span.start)), error.message().to_owned()))?;
    table_of(table.get_ref(), 1, lines, DEPTH)
}

fn table_of(table: &DeTable<'_>, line: usize, lines: &Lines, depth: usize) -> Result<Node, Wrong> {
    let entry = |(key, value): (&Spanned<_>, _)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        Ok((key.get_ref().to_string(), lines.at(key.span().start), value_of(value, lines, depth)?))
    };
    Ok(Node { line, is: Is::Table(table.iter().map(entry).collect::<Result<_, Wrong>>()?) })
}

fn value_of(value: &Spanned<DeValue<'_>>, lines: &Lines, depth: usize) -> Result<Node, Wrong> {
    let line = lines.at(value.span().start);
    let deeper = depth.checked_sub(1).ok_or_else(|| too_deep(line))?;
    let is = match value.get_ref() {
        DeValue::String(text) => Is::Text(text.to_string()),
        DeValue::Integer(int) => {
            let parsed = i128::from_str_radix(int.as_str(), int.radix());
            Is::Int(parsed.map_err(|error| (line, error.to_string()))?)
        }
        DeValue::Boolean(bool) => Is::Bool(*bool),
        DeValue::Array(items) => {
            Is::List(items.iter().map(|item| value_of(item, lines, deeper)).collect::<Result<_, Wrong>>()?)
        }
        DeValue::Table(table) => return table_of(table, line, lines, deeper),
        DeValue::Float(_) => Is::Other("a number with a fraction"),
        DeValue::Datetime(_) => Is::Other("a date"),
    };
    Ok(Node { line, is })
}

fn too_deep(line: usize) -> Wrong {
    (line, format!("more than {DEPTH} lists and tables within one another"))
}

pub(super) fn json(text: &str, lines: &Lines) -> Result<Node, Wrong> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| (error.line(), error.to_string()))?;
    raw(whole, text, lines, DEPTH)
}

/// A value, whose place is that of its text in the whole.
fn raw(value: &RawValue, whole: &str, lines: &Lines, depth: usize) -> Result<Node, Wrong> {
    let text = value.get();
    let line = lines.at(text.as_ptr().addr() - whole.as_ptr().addr());
    let deeper = depth.checked_sub(1).ok_or_else(|| too_deep(line))?;
    let wrong = |error: serde_json::Error| (line + error.line().saturating_sub(1), error.to_string());
    let is = match text.as_bytes().first() {
        Some(b'"') => Is::Text(serde_json::from_str(text).map_err(wrong)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            Is::List(items.into_iter().map(|item| raw(item, whole, lines, deeper)).collect::<Result<_, Wrong>>()?)
        }
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(text).map_err(wrong)?;
            let mut table: Vec<(String, usize, Node)> = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                let value = raw(value, whole, lines, deeper)?;
                if table.iter().any(|(other, ..)| *other == key) {
                    return Err((value.line, format!("the key {key} stands here twice")));
                }
                table.push((key, value.line, value));
            }
            Is::Table(table)
        }
        Some(b't') => Is::Bool(true),
        Some(b'f') => Is::Bool(false),
        Some(b'n') => Is::Other("null"),
        _ => text.parse().map_or(Is::Other("a number that is no integer of 128 bits"), Is::Int),
    };
    Ok(Node { line, is })
}

/// The entries of an object, in their order.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_with_their_lines() {
        let toml_text = "a = 1\nb = [\n  { c = \"x\" },\n]\n[d]\ne = true\n";
        let json_text = "{\"a\": 1,\n\"b\":\n  [{\n\"c\": \"x\"}],\n\"d\": {\"e\": true}}";
        let [toml, json] =
            [toml(toml_text, &Lines::of(toml_text)).unwrap(), json(json_text, &Lines::of(json_text)).unwrap()];
        let plain = |node: &Node| format!("{:?}", node.is).replace(char::is_numeric, "");
        assert_eq!(plain(&toml), plain(&json));
        let Is::Table(entries) = &json.is else { panic!("no table") };
        assert_eq!(entries.iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [1, 3, 5]);
        let Is::Table(entries) = &toml.is else { panic!("no table") };
        assert_eq!(entries.iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [1, 2, 5]);
    }

    #[test]
    fn what_is_neither_says_where() {
        for (text, line) in [("a = 1\nb = ", 2), ("a = 1\na = 2", 2)] {
            assert_eq!(toml(text, &Lines::of(text)).unwrap_err().0, line, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        for (text, line) in [("{\n\"a\": }", 2), ("{\"a\": 1,\n\"a\": 2}", 2), ("[\n\n\"\\ud800\"]", 3), (&*deep, 1)] {
            assert_eq!(json(text, &Lines::of(text)).unwrap_err().0, line, "{text}");
        }
    }
}
