//! Types of values.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::web::{HostPattern, Network};

/// What float instructions do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Floats {
    /// Integer arithmetic in their place.
    #[default]
    Soft,
    /// They trap.
    Trap,
    /// The machine's, with canonical NaNs.
    Canonical,
}

/// A length of time, written `30s`, `500ms` or `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time: Option<SignedDuration> = text.parse().ok();
        let time = time.filter(SignedDuration::is_positive).and_then(|time| Duration::try_from(time).ok());
        time.map(Self).ok_or_else(|| format!("{text:?} is no length of time: write it as 30s, 500ms or 1m 30s"))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{time:#}")
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

/// A value that is written as a string.
macro_rules! as_string {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|error| serde::de::Error::custom(format_args!("{text:?} is {error}")))
            }
        }
    };
}

as_string!(Network);
as_string!(HostPattern);
