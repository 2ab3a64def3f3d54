//! The environment.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Refused;
use super::Strings;
use crate::costs::{ENV_BYTES, ENV_NAME, ENV_VALUE, ENV_VARIABLES};

/// What every environment starts from.
const DEFAULTS: [&str; 3] = ["LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC"];

/// A checked environment, laid out once as guests get it: sorted by name as bytes.
///
/// ```
/// use subvm_core::wasi::{Env, Refused};
/// let env = Env::new([("HOME", "/"), ("TZ", "CET")], &Refused::default()).unwrap();
/// assert_eq!(env.iter().collect::<Vec<_>>(), [&b"HOME=/"[..], b"LANG=C.UTF-8", b"LC_ALL=C.UTF-8", b"TZ=CET"]);
/// assert!(Env::new([("API_TOKEN", "x")], &Refused::default()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Env {
    strings: Strings,
    /// The list that its variables were checked by; nothing where it has none of its own.
    checked: Option<Refused>,
    /// Bytes of all values.
    values: u64,
}

/// A variable that is refused; each names it.
///
/// ```
/// use subvm_core::wasi::{Env, EnvError, Refused};
/// let error = Env::new([("LD_PRELOAD", "x.so")], &Refused::default()).unwrap_err();
/// assert_eq!(error, EnvError::Refused("LD_PRELOAD".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvError {
    /// The name is not 1 to 128 ASCII letters, digits and `_`, not starting with a digit.
    Name(String),
    /// The value has more than 32,768 bytes.
    TooLong(String),
    /// The value holds a NUL.
    Nul(String),
    /// The name is on the list of those that commonly carry secrets or steer a loader.
    Refused(String),
    /// There are more than 1024 variables.
    TooMany,
    /// They have more than 1 MiB.
    TooLongTogether,
}

impl Env {
    /// Checks variables, adds them to `LANG=C.UTF-8`, `LC_ALL=C.UTF-8`, `TZ=UTC`, and lays them out. A later value replaces an earlier one.
    ///
    /// # Errors
    /// For the first that the rules or `refused` refuse.
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(
        pairs: impl IntoIterator<Item = (N, V)>,
        refused: &Refused,
    ) -> Result<Self, EnvError> {
        let mut variables: BTreeMap<String, Vec<u8>> = DEFAULTS
            .iter()
            .filter_map(|variable| variable.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            check(name, value, refused)?;
            variables.insert(name.into(), value.into());
            if variables.len() > ENV_VARIABLES {
                return Err(EnvError::TooMany);
            }
        }
        Ok(Self::of(lay_out(&variables)?, Some(refused.clone())))
    }

    fn of(strings: Strings, checked: Option<Refused>) -> Self {
        let values = strings.iter().map(|variable| (variable.len() - name_of(variable).len()) as u64 - 1).sum();
        Self { strings, checked, values }
    }

    /// The variables, `NAME=value` each, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.strings.iter()
    }

    /// The names of the variables, sorted.
    ///
    /// ```
    /// use subvm_core::wasi::{Env, Refused};
    /// let env = Env::new([("HOME", "/")], &Refused::default()).unwrap();
    /// assert_eq!(env.names().collect::<Vec<_>>(), ["HOME", "LANG", "LC_ALL", "TZ"]);
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(name_of)
    }

    /// Whether `refused` covers the name of a variable beside those that every environment starts from: a list that covers `TZ` forbids
    /// setting it, not running.
    ///
    /// # Cost
    /// A comparison of two lists, where this is the one that the environment was checked by: every sub-VM that starts is asked this. Else all
    /// names are matched with all patterns.
    ///
    /// ```
    /// use subvm_core::wasi::{Env, Refused};
    /// let env = Env::new([("HOME", "/")], &Refused::default()).unwrap();
    /// assert!(env.is_refused(&Refused::new(["H*".parse().unwrap()])));
    /// assert!(!env.is_refused(&Refused::new(["TZ".parse().unwrap()])));
    /// ```
    #[must_use]
    pub fn is_refused(&self, refused: &Refused) -> bool {
        if self.checked.as_ref().is_none_or(|checked| checked == refused) {
            return false;
        }
        // Most environments hold nothing else, and comparing is less than matching patterns.
        let own = self.iter().filter(|variable| !DEFAULTS.iter().any(|default| default.as_bytes() == *variable));
        own.map(name_of).any(|name| refused.refuses(name))
    }

    /// Bytes of all values.
    pub(crate) const fn values_len(&self) -> u64 {
        self.values
    }

    #[inline]
    pub(crate) fn strings(&self) -> &Strings {
        &self.strings
    }
}

/// By their variables, whatever list they were checked by.
impl PartialEq for Env {
    fn eq(&self, other: &Self) -> bool {
        self.strings == other.strings
    }
}

impl Eq for Env {}

/// What every environment starts from, and nothing more.
impl Default for Env {
    fn default() -> Self {
        let mut strings = Strings::default();
        DEFAULTS.iter().for_each(|variable| strings.push(&[variable.as_bytes()]));
        Self::of(strings, None)
    }
}

/// The name of a variable, `NAME=value`.
fn name_of(variable: &[u8]) -> &str {
    let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
    // Names were checked to be ASCII.
    core::str::from_utf8(name).unwrap_or_default()
}

fn check(name: &str, value: &[u8], refused: &Refused) -> Result<(), EnvError> {
    if !is_name(name) {
        return Err(EnvError::Name(name.into()));
    }
    if value.len() > ENV_VALUE {
        return Err(EnvError::TooLong(name.into()));
    }
    if value.contains(&0) {
        return Err(EnvError::Nul(name.into()));
    }
    if refused.refuses(name) {
        return Err(EnvError::Refused(name.into()));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    (1..=ENV_NAME).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn lay_out(variables: &BTreeMap<String, Vec<u8>>) -> Result<Strings, EnvError> {
    let total: usize = variables.iter().map(|(name, value)| name.len() + 1 + value.len()).sum();
    if total > ENV_BYTES {
        return Err(EnvError::TooLongTogether);
    }
    let mut strings = Strings::default();
    variables.iter().for_each(|(name, value)| strings.push(&[name.as_bytes(), b"=", value]));
    Ok(strings)
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "{name:?} is no name of an environment variable: 1 to {ENV_NAME} ASCII letters, digits and _, not starting with a digit"
            ),
            Self::TooLong(name) => {
                write!(f, "the value of the environment variable {name} has more than {ENV_VALUE} bytes")
            }
            Self::Nul(name) => write!(f, "the value of the environment variable {name} holds a NUL"),
            Self::Refused(name) => write!(
                f,
                "the environment variable {name} is refused: such names commonly carry secrets or steer a loader"
            ),
            Self::TooMany => write!(f, "more than {ENV_VARIABLES} environment variables"),
            Self::TooLongTogether => write!(f, "the environment has more than {ENV_BYTES} bytes"),
        }
    }
}

impl core::error::Error for EnvError {}
