//! Names that an environment must not hold.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Patterns of the names that are refused: those that commonly carry secrets or steer a loader. A consensus parameter.
///
/// ```
/// use subvm_core::wasi::Refused;
/// let refused = Refused::default();
/// assert!(refused.refuses("ld_preload") && refused.refuses("DB_PASSWORD_FILE"));
/// assert!(!refused.refuses("KEYBOARD"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Vec<Pattern>);

/// A name, case-insensitive, with `*` for anything before it, after it, or both.
///
/// ```
/// use subvm_core::wasi::Pattern;
/// let pattern: Pattern = "*_KEY".parse().unwrap();
/// assert!(pattern.matches("api_key") && !pattern.matches("KEYBOARD"));
/// assert!("A*B".parse::<Pattern>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

/// A pattern that is not letters, digits and `_` with a `*` before, after, or both.
///
/// ```
/// use subvm_core::wasi::{Pattern, PatternError};
/// assert_eq!("A-B".parse::<Pattern>(), Err(PatternError("A-B".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub String);

/// The list of the specification.
const DEFAULTS: [&str; 11] = [
    "LD_*",
    "DYLD_*",
    "*_KEY",
    "*_TOKEN",
    "*_SECRET",
    "*PASSWORD*",
    "*PASSWD*",
    "*CREDENTIAL*",
    "AWS_*",
    "SSH_*",
    "GPG_*",
];

impl Refused {
    /// A list of one's own.
    ///
    /// ```
    /// use subvm_core::wasi::{Pattern, Refused};
    /// let pattern: Pattern = "internal_*".parse().unwrap();
    /// let refused = Refused::new([pattern.clone()]);
    /// assert!(refused.refuses("INTERNAL_URL") && !refused.refuses("LD_PRELOAD"));
    /// assert_eq!((refused.patterns(), pattern.as_str()), (&[pattern.clone()][..], "INTERNAL_*"));
    /// ```
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// The patterns, in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }

    /// Whether a name is refused.
    #[must_use]
    pub fn refuses(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

impl Default for Refused {
    fn default() -> Self {
        Self(DEFAULTS.iter().map(|&pattern| Pattern(pattern.into())).collect())
    }
}

impl Pattern {
    /// Whether it covers a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let upper = name.to_ascii_uppercase();
        match (self.0.starts_with('*'), self.0.ends_with('*')) {
            (true, true) => upper.contains(self.core()),
            (true, false) => upper.ends_with(self.core()),
            (false, true) => upper.starts_with(self.core()),
            (false, false) => upper == self.0,
        }
    }

    /// As it is written, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn core(&self) -> &str {
        self.0.trim_matches('*')
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = name.strip_suffix('*').unwrap_or(name);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(PatternError(text.into()));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no pattern of refused names: ASCII letters, digits and _, with * before, after, or both",
            self.0
        )
    }
}

impl core::error::Error for PatternError {}
