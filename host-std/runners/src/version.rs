//! The version that a contract says it is written for.

use std::fmt;
use std::str::FromStr;

use crate::excerpt::excerpt;

/// `v<major>.<minor>.<patch>`; `v0.0.0` where a contract says none.
///
/// ```
/// use subvm_runners::Version;
/// assert_eq!("v0.2.16".parse(), Ok(Version { major: 0, minor: 2, patch: 16 }));
/// assert!("v1".parse::<Version>().is_err() && "v01.0.0".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// What decides which line of executors runs it.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(f, "v{major}.{minor}.{patch}")
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("the version {:?} is not v<major>.<minor>.<patch>", excerpt(text));
        let mut numbers = text.strip_prefix('v').ok_or_else(wrong)?.split('.').map(number);
        match (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten(), numbers.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self { major, minor, patch }),
            _ => Err(wrong()),
        }
    }
}

/// A number in its one spelling.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}
