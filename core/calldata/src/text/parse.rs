//! From text to a value.

use super::super::build::Open;
use super::super::key::Key;
use super::super::{DecodeLimits, Map, Value};
use super::TextError;
use super::TextErrorKind as Kind;
use super::scan::Scanner;
use alloc::vec::Vec;
use core::str::FromStr;

impl Value {
    /// The value of a text form, within `limits`. Parsing by [`FromStr`] has the default limits.
    ///
    /// # Errors
    /// See [`TextErrorKind`](super::TextErrorKind).
    ///
    /// # Cost
    /// Linear, but for sorting the keys of maps, and for integers beyond 127 bits: see
    /// [`Int`](super::super::Int).
    ///
    /// ```
    /// use subvm_calldata::{DecodeLimits, TextErrorKind, Value};
    /// let flat = DecodeLimits { max_depth: 1, ..DecodeLimits::DEFAULT };
    /// assert_eq!(Value::parse_with("[1, 2]", &flat), Ok(Value::array([1, 2])));
    /// assert_eq!(Value::parse_with("[[]]", &flat).unwrap_err().kind, TextErrorKind::TooDeep);
    /// ```
    pub fn parse_with(text: &str, limits: &DecodeLimits) -> Result<Self, TextError> {
        let mut parser = Parser { scanner: Scanner::new(text), limits };
        let value = parser.value()?;
        match parser.scanner.peek() {
            None => Ok(value),
            Some(_) => Err(Kind::Trailing.at(parser.scanner.at())),
        }
    }
}

/// ```
/// use subvm_calldata::{TextErrorKind, Value};
///
/// let value: Value = r#"{"to": addr#00112233445566778899aabbccddeeff00112233, "data": b#beef}"#.parse().unwrap();
/// assert_eq!(value["data"].as_bytes(), Some(&[0xbe, 0xef][..]));
/// assert_eq!(value.to_string().parse(), Ok(value));
/// assert_eq!("1.5".parse::<Value>().unwrap_err().kind, TextErrorKind::NotAnInteger);
/// ```
impl FromStr for Value {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse_with(text, &DecodeLimits::DEFAULT)
    }
}

struct Parser<'t, 'l> {
    scanner: Scanner<'t>,
    limits: &'l DecodeLimits,
}

/// A container whose end has not been read.
struct Level {
    open: Open,
    closer: &'static str,
    /// Where the keys of a map stand, to say which one is repeated.
    offsets: Vec<usize>,
}

impl Parser<'_, '_> {
    fn value(&mut self) -> Result<Value, TextError> {
        let mut outer: Vec<Level> = Vec::new();
        loop {
            let mut value = if let Some(mut level) = self.open() {
                if outer.len() >= self.limits.max_depth as usize {
                    return Err(Kind::TooDeep.at(self.scanner.at() - 1));
                }
                if !self.scanner.take(level.closer) {
                    level.begin(&mut self.scanner)?;
                    outer.push(level);
                    continue;
                }
                level.close()?
            } else {
                self.scalar()?
            };
            loop {
                let Some(mut level) = outer.pop() else {
                    return Ok(value);
                };
                level.open.add(value);
                if self.scanner.take(",") {
                    level.begin(&mut self.scanner)?;
                    outer.push(level);
                    break;
                }
                self.scanner.expect(level.closer)?;
                value = level.close()?;
            }
        }
    }

    fn open(&mut self) -> Option<Level> {
        let (open, closer) = if self.scanner.take("[") {
            (Open::Array(Vec::new()), "]")
        } else if self.scanner.take("{") {
            (Open::Map(Vec::new(), Key::default()), "}")
        } else {
            return None;
        };
        Some(Level { open, closer, offsets: Vec::new() })
    }

    fn scalar(&mut self) -> Result<Value, TextError> {
        match self.scanner.peek() {
            Some(b'"') => self.scanner.string().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.scanner.int(self.limits).map(Value::Int),
            _ if self.scanner.take("b#") => self.scanner.bytes().map(Value::Bytes),
            _ if self.scanner.take("addr#") => self.scanner.address().map(Value::Address),
            _ if self.scanner.take("null") => Ok(Value::Null),
            _ if self.scanner.take("true") => Ok(Value::Bool(true)),
            _ if self.scanner.take("false") => Ok(Value::Bool(false)),
            _ => Err(self.scanner.unexpected()),
        }
    }
}

impl Level {
    /// Reads what stands before a value: in a map, a key and a colon.
    fn begin(&mut self, scanner: &mut Scanner<'_>) -> Result<(), TextError> {
        if let Open::Map(_, key) = &mut self.open {
            scanner.peek();
            self.offsets.push(scanner.at());
            *key = scanner.string()?.into();
            scanner.expect(":")?;
        }
        Ok(())
    }

    fn close(self) -> Result<Value, TextError> {
        match self.open {
            Open::Map(entries, _) if !entries.is_sorted_by(|(a, _), (b, _)| a < b) => {
                let mut entries: Vec<_> = entries.into_iter().zip(self.offsets).collect();
                entries.sort_by(|((a, _), _), ((b, _), _)| a.cmp(b));
                let repeated = entries.windows(2).filter_map(|pair| match pair {
                    [((a, _), _), ((b, _), at)] if a == b => Some(*at),
                    _ => None,
                });
                match repeated.min() {
                    Some(at) => Err(Kind::DuplicateKey.at(at)),
                    None => Ok(Map(entries.into_iter().map(|(entry, _)| entry).collect()).into()),
                }
            }
            open => Ok(open.close()),
        }
    }
}
