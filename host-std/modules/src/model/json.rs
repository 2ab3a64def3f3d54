//! JSON as models and their providers write it, read strictly and within bounds: what others send must neither cost more than its bytes
//! are worth nor mean two things. Source: RFC 8259.

use std::collections::BTreeMap;

use subvm_core::calldata::Value;

use super::BAD_ANSWER;
use crate::Failure;

/// Nested arrays and objects: calldata has 128, one of which is around an answer.
const DEPTH: u32 = 127;
/// Values in one text, each of which takes many times the memory of the two bytes it is written in.
const VALUES: u32 = 1 << 17;
/// Characters of a number: reading one takes the square of its length.
const NUMBER: usize = 1024;

/// A JSON value.
#[derive(Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(&'a str),
    String(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl<'a> Json<'a> {
    /// Reads a text that is one value, with nothing but white space around it.
    ///
    /// # Errors
    /// `bad_answer` when it is none; when an object has a key twice, since readers differ on which of them counts; when it has more than
    /// 131,072 values, or nests deeper than 127; when a number has more than 1,024 characters.
    ///
    /// # Cost
    /// Linear in the text.
    pub(super) fn read(text: &'a str) -> Result<Self, Failure> {
        let mut reader = Reader { text, at: 0, values: 0 };
        let json = reader.value(DEPTH).ok_or(BAD_ANSWER)?;
        reader.space();
        if reader.at == text.len() { Ok(json) } else { Err(BAD_ANSWER) }
    }

    /// The value under a key of an object; nothing where there is none.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Object(entries) = self { entries.get(key) } else { None }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        if let Self::Number(text) = self { text.parse().ok() } else { None }
    }

    /// The calldata of it. Calldata has no fractions: a number with a fraction or an exponent becomes the string that was written.
    fn into_calldata(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Number(text) => text.parse().map_or_else(|_| Value::from(text), Value::Int),
            Self::String(text) => Value::Str(text),
            Self::Array(items) => Value::Array(items.into_iter().map(Self::into_calldata).collect()),
            Self::Object(entries) => {
                Value::Map(entries.into_iter().map(|(key, json)| (key, json.into_calldata())).collect())
            }
        }
    }
}

/// The calldata of a JSON object.
///
/// # Errors
/// As [`Json::read`], and `bad_answer` when it is another value.
pub(super) fn object(text: &str) -> Result<Value, Failure> {
    match Json::read(text)? {
        json @ Json::Object(_) => Ok(json.into_calldata()),
        _ => Err(BAD_ANSWER),
    }
}

/// A text, and how far it was read. Nothing is what is not JSON, or out of bounds.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: u32,
}

impl<'a> Reader<'a> {
    /// A value, in which `depth` more may be nested. Recursion is bounded by that.
    fn value(&mut self, depth: u32) -> Option<Json<'a>> {
        self.values += 1;
        if self.values > VALUES {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'"' => self.string().map(Json::String),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
                words.into_iter().find_map(|(word, json)| self.word(word).then_some(json))
            }
        }
    }

    fn object(&mut self, depth: u32) -> Option<Json<'a>> {
        let mut entries = BTreeMap::new();
        self.items(b'{', b'}', |reader| {
            reader.space();
            let key = reader.string()?;
            reader.space();
            reader.byte(b':').then_some(())?;
            entries.insert(key, reader.value(depth)?).is_none().then_some(())
        })?;
        Some(Json::Object(entries))
    }

    fn array(&mut self, depth: u32) -> Option<Json<'a>> {
        let mut items = Vec::new();
        self.items(b'[', b']', |reader| {
            items.push(reader.value(depth)?);
            Some(())
        })?;
        Some(Json::Array(items))
    }

    /// What stands between two brackets, with commas between.
    fn items(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.byte(open).then_some(())?;
        self.space();
        if self.byte(close) {
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            if !self.byte(b',') {
                return self.byte(close).then_some(());
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.byte(b'"').then_some(())?;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.at..)?;
            let plain = rest.bytes().take_while(|byte| *byte >= b' ' && !matches!(byte, b'"' | b'\\')).count();
            // What ends it is ASCII, or the end.
            text.push_str(rest.get(..plain)?);
            self.at += plain;
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => text.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.unit()? {
                high @ 0xd800..0xdc00 => {
                    (self.byte(b'\\') && self.byte(b'u')).then_some(())?;
                    let low = self.unit().filter(|low| (0xdc00..0xe000).contains(low))?;
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                }
                unit => char::from_u32(unit)?,
            },
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | char::from(self.next()?).to_digit(16)?))
    }

    fn number(&mut self) -> Option<Json<'a>> {
        let start = self.at;
        self.byte(b'-');
        if !self.byte(b'0') {
            self.digits()?;
        }
        if self.byte(b'.') {
            self.digits()?;
        }
        if self.byte(b'e') || self.byte(b'E') {
            let _ = self.byte(b'-') || self.byte(b'+');
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        (text.len() <= NUMBER).then_some(Json::Number(text))
    }

    /// At least one.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn byte(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests;
