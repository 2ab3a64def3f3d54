//! What guests may ask of the web.

use std::net::IpAddr;

use url::{Host, Url};

use super::network::inner;
use super::{HostPattern, Network, is_public};
use crate::Failure;

/// The code of what is malformed.
pub(super) const BAD_REQUEST: Failure = Failure::Code("bad_request");
/// The code of what the rules refuse.
pub(super) const FORBIDDEN: Failure = Failure::Code("forbidden");

/// What is allowed, for each request and again for each redirect.
///
/// ```
/// use subvm_modules::web::Rules;
/// let mut rules = Rules { ports: vec![443], ..Rules::default() };
/// let loopback = "127.0.0.1".parse()?;
/// assert!(!rules.reaches(loopback));
/// rules.allow_networks.push("127.0.0.0/8".parse()?);
/// assert!(rules.reaches(loopback));
/// rules.deny_networks.push("127.0.0.1".parse()?);
/// assert!(!rules.reaches(loopback));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    /// Allowed schemes, of `http` and `https`.
    pub schemes: Vec<String>,
    /// Allowed ports.
    pub ports: Vec<u16>,
    /// Allowed hosts; empty for all.
    pub allow_hosts: Vec<HostPattern>,
    /// Refused hosts, also where they are allowed. An address among them is refused as in `deny_networks`; a name refuses the name alone.
    pub deny_hosts: Vec<HostPattern>,
    /// Addresses that are allowed although they are not public.
    pub allow_networks: Vec<Network>,
    /// Refused addresses, also where they are public or allowed, and whichever name leads there: such as the node's own public address.
    pub deny_networks: Vec<Network>,
    /// Allowed methods, in capitals.
    pub methods: Vec<String>,
    /// Refused request headers, in small letters, beside those of the connection itself, which are always refused.
    pub deny_headers: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Self {
            schemes: strings(&["http", "https"]),
            ports: vec![80, 443],
            allow_hosts: Vec::new(),
            deny_hosts: Vec::new(),
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
            methods: strings(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            deny_headers: Vec::new(),
        }
    }
}

/// Headers that say where a message begins and ends, or who is asked: never a guest's.
const CONNECTION_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Rules {
    /// Takes an address apart, where it is allowed.
    ///
    /// # Errors
    /// `bad_request` when it is none, or carries a user or password; `forbidden` by scheme, host or port.
    pub(super) fn url(&self, text: &str) -> Result<Url, Failure> {
        let url = Url::parse(text).map_err(|_| BAD_REQUEST)?;
        self.check(&url).map(|()| url)
    }

    /// As [`url`](Self::url), of an address taken apart.
    pub(super) fn check(&self, url: &Url) -> Result<(), Failure> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BAD_REQUEST);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(FORBIDDEN);
        };
        if !self.schemes.iter().any(|scheme| scheme == url.scheme()) {
            return Err(FORBIDDEN);
        }
        self.host_and_port(&host, port)
    }

    /// Refuses hosts and ports that are not allowed, and hosts that are addresses which are not.
    pub(super) fn host_and_port<S: AsRef<str>>(&self, host: &Host<S>, port: u16) -> Result<(), Failure> {
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(IpAddr::V4(*v4)),
            Host::Ipv6(v6) => Some(IpAddr::V6(*v6)),
        };
        let among = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(host));
        let allowed = self.ports.contains(&port)
            && (self.allow_hosts.is_empty() || among(&self.allow_hosts))
            && !among(&self.deny_hosts)
            && address.is_none_or(|address| self.reaches(address));
        if allowed { Ok(()) } else { Err(FORBIDDEN) }
    }

    /// Whether guests may reach `address`. Where it stands for an IPv4 address behind a gateway or in a tunnel (NAT64, 6to4, Teredo, ISATAP
    /// and other forms), they must be allowed to reach that one, too.
    #[must_use]
    pub fn reaches(&self, address: IpAddr) -> bool {
        let within = |networks: &[Network], address| networks.iter().any(|network| network.contains(address));
        std::iter::once(address).chain(inner(address).map(IpAddr::V4)).all(|address| {
            (is_public(address) || within(&self.allow_networks, address))
                && !within(&self.deny_networks, address)
                && !self.deny_hosts.iter().any(|host| host.is_address(address))
        })
    }

    /// Refuses methods that are not allowed. `CONNECT` and `TRACE` never are.
    pub(super) fn method(&self, method: &str) -> Result<(), Failure> {
        let never = matches!(method, "CONNECT" | "TRACE");
        if !never && self.methods.iter().any(|allowed| allowed == method) { Ok(()) } else { Err(FORBIDDEN) }
    }

    /// Refuses headers that are not allowed; `name` is in small letters.
    pub(super) fn header(&self, name: &str) -> Result<(), Failure> {
        let refused = CONNECTION_HEADERS.contains(&name)
            || name.starts_with("proxy-")
            || self.deny_headers.iter().any(|denied| denied == name);
        if refused { Err(FORBIDDEN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<Url, Failure>) -> &'static str {
        match result {
            Ok(_) => "ok",
            Err(Failure::Code(code)) => code,
            Err(Failure::Unavailable(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn addresses_have_many_spellings() {
        let rules = Rules::default();
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "https://017700000001/",
            "http://１２７.0.0.1/",
        ] {
            assert_eq!(code(rules.url(url)), "forbidden", "{url}");
        }
        for url in ["", "example.com", "http://", "http://a b/", "http://user@example.com/", "http://:p@example.com/"] {
            assert_eq!(code(rules.url(url)), "bad_request", "{url}");
        }
        for url in [
            "file:///etc/passwd",
            "ftp://example.com/",
            "data:,x",
            "http://example.com:22/",
            "gopher://example.com:80/",
        ] {
            assert_eq!(code(rules.url(url)), "forbidden", "{url}");
        }
        assert_eq!(code(rules.url("https://EXAMPLE.com:443/a?b#c")), "ok");
    }

    #[test]
    fn hosts_are_allowed_and_denied() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let rules = Rules {
            allow_hosts: patterns(&["example.com", "*.example.org"]),
            deny_hosts: patterns(&["bad.example.org", "böser.example.org"]),
            ..Rules::default()
        };
        for (url, expected) in [
            ("https://example.com/", "ok"),
            ("https://Example.Com./", "ok"),
            ("https://a.b.example.org/", "ok"),
            ("https://example.org/", "forbidden"),
            ("https://bad.example.org/", "forbidden"),
            ("https://bad.example.org./", "forbidden"),
            ("https://notexample.org/", "forbidden"),
            ("https://www.example.com/", "forbidden"),
            ("https://xn--bser-5qa.example.org/", "forbidden"),
            ("https://B%C3%96SER.example.org/", "forbidden"),
        ] {
            assert_eq!(code(rules.url(url)), expected, "{url}");
        }
    }

    #[test]
    fn denied_addresses_are_refused_in_every_form() {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let rules = Rules {
            deny_hosts: vec!["9.9.9.9".parse().unwrap(), "[2606:4700::1]".parse().unwrap()],
            allow_networks: networks(&["127.0.0.0/8", "::/0"]),
            deny_networks: networks(&["1.2.3.0/24", "2a00:1::/32", "127.0.0.1"]),
            ..Rules::default()
        };
        for (address, reached) in [
            ("1.2.3.4", false),
            ("::ffff:1.2.3.4", false),
            ("::1.2.3.4", false),
            ("64:ff9b::1.2.3.4", false),
            ("64:ff9b:1::1.2.3.4", false),
            ("2002:102:304::", false),
            ("2a00:1::1", false),
            ("9.9.9.9", false),
            ("64:ff9b::9.9.9.9", false),
            ("2606:4700::1", false),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::127.0.0.1", false),
            // Allowed, but what it stands for is not.
            ("64:ff9b::10.0.0.1", false),
            ("2002:a00:1::", false),
            ("1.2.4.4", true),
            ("127.0.0.2", true),
            ("64:ff9b::127.0.0.2", true),
            ("64:ff9b::1.2.4.4", true),
            ("2606:4700::2", true),
            ("::1", true),
            ("fd00::1", true),
        ] {
            assert_eq!(rules.reaches(address.parse().unwrap()), reached, "{address}");
        }
        for url in ["http://1.2.3.4/", "http://[::ffff:1.2.3.4]/", "http://0x1.2.772/", "http://[2606:4700:0::1]/"] {
            assert_eq!(code(rules.url(url)), "forbidden", "{url}");
        }
        assert_eq!(code(rules.url("http://127.0.0.2/")), "ok");
    }

    #[test]
    fn some_headers_and_methods_are_never_allowed() {
        let mut rules = Rules { deny_headers: vec!["cookie".into()], ..Rules::default() };
        rules.methods.push("CONNECT".into());
        assert!(rules.method("CONNECT").is_err());
        assert!(rules.method("get").is_err());
        assert!(rules.method("GET").is_ok());
        for name in ["host", "content-length", "proxy-authorization", "cookie"] {
            assert!(rules.header(name).is_err(), "{name}");
        }
        assert!(rules.header("authorization").is_ok());
    }
}
