//! What is wrong with a configuration, and where.

use std::fmt;

/// Why a configuration cannot be used: one line that says where, what, and what to do.
///
/// ```
/// use subvm_config::Config;
/// let error = Config::parse("[web]\nports = \"all\"", "node.toml").unwrap_err();
/// assert!(error.to_string().starts_with("node.toml:2: invalid type"), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn unreadable(name: &str, error: &std::io::Error) -> Self {
        Self(format!("{name}: cannot be read: {error}"))
    }

    pub(super) fn toml(name: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(name, text, error.span().map_or(0, |span| span.start), error.message())
    }

    /// Something at byte `offset` of the file.
    pub(super) fn at(name: &str, text: &str, offset: usize, what: &str) -> Self {
        let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        // A parser's message may have several lines.
        Self(format!("{name}:{line}: {}", what.lines().collect::<Vec<_>>().join("; ")))
    }

    /// A value that makes no sense, though its type is right.
    pub(super) fn value(key: &str, what: impl fmt::Display) -> Self {
        Self(format!("{key}: {what}"))
    }
}
