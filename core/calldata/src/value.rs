//! The owned value.

use super::{Array, Int, Map};
use crate::Address;
use alloc::string::String;
use alloc::vec::Vec;

/// A calldata value.
///
/// Equality is by content, and equal values have equal encodings. A value can be of any depth:
/// what [`encode`](Self::encode) refuses can still be built, compared, cloned, printed and dropped.
///
/// ```
/// use subvm_calldata::{Map, Value};
///
/// let value = Value::from(Map::from([("list", Value::array([1, 2, 3]))]));
/// assert_eq!(value["list"][2], Value::from(3));
/// assert_eq!(value.get("list").and_then(|list| list.index(9)), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of any size.
    Int(Int),
    /// An account or a contract.
    Address(Address),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Str(String),
    /// Values in order.
    Array(Array),
    /// Values by key.
    Map(Map),
}

/// The answer of an index that is not there, as it is for JSON.
static NULL: Value = Value::Null;

impl Value {
    /// An array of whatever can become values.
    pub fn array<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(items.into_iter().collect())
    }

    /// The name of the value's type: `null`, `bool`, `int`, `address`, `bytes`, `str`, `array`, `map`.
    ///
    /// ```
    /// use subvm_calldata::Value;
    /// assert_eq!(Value::from("x").type_name(), "str");
    /// ```
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Address(_) => "address",
            Self::Bytes(_) => "bytes",
            Self::Str(_) => "str",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
        }
    }

    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The item at `position`, if this is an array that is long enough.
    #[must_use]
    pub fn index(&self, position: usize) -> Option<&Value> {
        self.as_array()?.get(position)
    }

    /// Whether this is null.
    ///
    /// ```
    /// use subvm_calldata::{Address, Int, Value};
    /// assert!(Value::Null.is_null() && !Value::from(false).is_null());
    /// assert_eq!(Value::from(true).as_bool(), Some(true));
    /// assert_eq!(Value::from(7).as_int(), Some(&Int::from(7)));
    /// assert_eq!(Value::from(Address([7; 20])).as_address(), Some(Address([7; 20])));
    /// assert_eq!((Value::from(b"ab").as_bytes(), Value::from("ab").as_bytes()), (Some(&b"ab"[..]), None));
    /// assert_eq!(Value::from("ab").as_str(), Some("ab"));
    /// ```
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The integer, if this is one. Native types: `value.as_int()?.try_into()`.
    #[must_use]
    pub const fn as_int(&self) -> Option<&Int> {
        match self {
            Self::Int(int) => Some(int),
            _ => None,
        }
    }

    /// The address, if this is one.
    #[must_use]
    pub const fn as_address(&self) -> Option<Address> {
        match self {
            Self::Address(address) => Some(*address),
            _ => None,
        }
    }

    /// The bytes, if these are bytes (a string or an address is not).
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The array, if this is one.
    ///
    /// ```
    /// use subvm_calldata::{Map, Value};
    /// let mut value = Value::from(Map::from([("list", Value::array([1]))]));
    /// value.as_map_mut().unwrap().get_mut("list").unwrap().as_array_mut().unwrap().push(2);
    /// assert_eq!(value.as_map().unwrap().get("list").unwrap().as_array().unwrap().len(), 2);
    /// ```
    #[must_use]
    pub const fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The array, to be changed, if this is one.
    pub const fn as_array_mut(&mut self) -> Option<&mut Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The map, if this is one.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, to be changed, if this is one.
    pub const fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

/// The value under the key; null if there is none or this is no map. Never panics.
impl core::ops::Index<&str> for Value {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}

/// The item at the position; null if there is none or this is no array. Never panics.
impl core::ops::Index<usize> for Value {
    type Output = Value;

    fn index(&self, position: usize) -> &Value {
        self.as_array().and_then(|array| array.get(position)).unwrap_or(&NULL)
    }
}
