//! Hosts as a node's configuration names them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

use super::Network;

/// A host, or `*.` and a domain for all hosts below it. It is taken apart as a URL's host is, so that all spellings of one are the same:
/// capitals, a dot at the end, Unicode and Punycode, the forms of an address.
///
/// ```
/// use subvm_modules::web::{HostPattern, Rules};
/// let below: HostPattern = "*.Bücher.example.".parse()?;
/// assert_eq!(below.to_string(), "*.xn--bcher-kva.example");
/// let address: HostPattern = "[::ffff:127.0.0.1]".parse()?;
/// assert_eq!(address.to_string(), "127.0.0.1");
/// let rules = Rules { allow_hosts: vec![below], deny_hosts: vec![address], ..Rules::default() };
/// # Ok::<(), subvm_modules::web::HostPatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// In ASCII, in small letters, without a dot at its end.
    Name(String),
    /// What is below this name.
    Below(String),
    /// Not IPv4-mapped.
    Address(IpAddr),
}

/// The text stands for no hosts: it says what to write instead.
///
/// ```
/// use subvm_modules::web::HostPattern;
/// let error = "*example.com".parse::<HostPattern>().unwrap_err();
/// assert!(error.to_string().contains(r#"write "*.example.com""#), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPatternError(String);

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostPatternError {}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let pattern = match text.strip_prefix("*.") {
            Some(below) if below.contains('*') => None,
            Some(below) => match host(below) {
                Some(Pattern::Name(name)) => Some(Pattern::Below(name)),
                _ => None,
            },
            None if text.contains('*') => None,
            None => host(text),
        };
        pattern.map(Self).ok_or_else(|| HostPatternError(advice(text)))
    }
}

/// A name or an address, in the one form of it.
fn host(text: &str) -> Option<Pattern> {
    let address = |address: IpAddr| Some(Pattern::Address(address.to_canonical()));
    if let Ok(bare) = text.parse() {
        return address(bare);
    }
    match Host::parse(text).ok()? {
        Host::Ipv4(v4) => address(v4.into()),
        Host::Ipv6(v6) => address(v6.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name.split('.').all(|label| !label.is_empty()).then(|| Pattern::Name(name.to_owned()))
        }
    }
}

/// What is wrong with a text that is no pattern, and what to write.
fn advice(text: &str) -> String {
    let rest = text.trim_start_matches(['*', '.']);
    if text.parse::<Network>().is_ok() {
        return "a range of addresses, not a host: write it into allow_networks or deny_networks".into();
    }
    match host(rest) {
        Some(Pattern::Name(name)) if text.starts_with('*') => format!(
            "no pattern of hosts: write \"*.{name}\" for all hosts below {name}, and \"{name}\" beside it for that host itself"
        ),
        Some(Pattern::Address(address)) => format!("no pattern of hosts: nothing is below an address, write \"{address}\""),
        _ if text == "*" => "no pattern of hosts: an empty allow_hosts allows all of them, enabled = false none".into(),
        _ => "no host: write example.com, *.example.com for all hosts below it, or an address, without scheme, port and path".into(),
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Name(name) => f.write_str(name),
            Pattern::Below(name) => write!(f, "*.{name}"),
            Pattern::Address(address) => write!(f, "{address}"),
        }
    }
}

impl HostPattern {
    /// Whether it means `host`, which a URL's parser took apart.
    pub(super) fn matches<S: AsRef<str>>(&self, host: &Host<S>) -> bool {
        match (&self.0, host) {
            (Pattern::Name(name), Host::Domain(host)) => host.as_ref().trim_end_matches('.') == name,
            (Pattern::Below(name), Host::Domain(host)) => {
                let below = host.as_ref().trim_end_matches('.').strip_suffix(name.as_str());
                below.is_some_and(|below| below.ends_with('.'))
            }
            (Pattern::Address(_), Host::Ipv4(v4)) => self.is_address((*v4).into()),
            (Pattern::Address(_), Host::Ipv6(v6)) => self.is_address((*v6).into()),
            _ => false,
        }
    }

    /// Whether it is this address.
    pub(super) fn is_address(&self, address: IpAddr) -> bool {
        self.0 == Pattern::Address(address.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(&Host::parse(host).unwrap())
    }

    #[test]
    fn all_spellings_of_a_host_are_one() {
        for (pattern, host) in [
            ("Example.COM", "example.com."),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example.", "Bücher.example"),
            ("xn--bcher-kva.example", "bücher。example"),
            ("%65xample.com", "example.com"),
            ("*.bücher.example", "a.b.bücher.example"),
            ("*.example.com", "a.EXAMPLE.com."),
            ("127.0.0.1", "0x7f.1"),
            ("127.1", "127.0.0.1."),
            ("127.0.0.1", "[::ffff:7f00:1]"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("[::1]", "[0:0:0:0:0:0:0:1]"),
            ("::1", "[::1]"),
        ] {
            assert!(matches(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", "evilexample.com"),
            ("*.example.com", "example.com.evil.test"),
            ("example.com", "a.example.com"),
            ("127.0.0.1", "127.0.0.2"),
            ("::1", "127.0.0.1"),
        ] {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn what_means_no_host_says_what_to_write() {
        for (text, says) in [
            ("*example.com", "write \"*.example.com\""),
            ("*.*.example.com", "write \"*.example.com\""),
            ("a.*.example.com", "without scheme"),
            ("**.example.com", "write \"*.example.com\""),
            ("*", "empty allow_hosts"),
            ("*.", "without scheme"),
            ("", "without scheme"),
            (".", "without scheme"),
            (".example.com", "without scheme"),
            ("https://example.com", "without scheme"),
            ("example.com:443", "without scheme"),
            ("example.com/a", "without scheme"),
            ("a b", "without scheme"),
            ("[::1", "without scheme"),
            ("1.2.3.400", "without scheme"),
            ("*.127.0.0.1", "write \"127.0.0.1\""),
            ("10.0.0.0/8", "deny_networks"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["*.Bücher.example", "a.test.", "::ffff:1.2.3.4", "[2001:db8::1]"] {
            let pattern: HostPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }
}
