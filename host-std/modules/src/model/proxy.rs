//! The way to an endpoint, where there is none without a proxy.

use std::fmt;
use std::str::FromStr;

/// An HTTP proxy that makes tunnels (`CONNECT`), written `http://proxy.example:3128`. Its password, where it has one, shows in no log and no
/// error.
///
/// ```
/// use subvm_modules::model::{Provider, Proxy};
/// let mut provider = Provider::new("https://api.example.com/v1", "some-model");
/// provider.proxy = Some("http://user:password@proxy.example:3128".parse()?);
/// assert_eq!(format!("{:?}", provider.proxy), "Some(Proxy(proxy.example:3128))");
/// assert!("socks5://proxy.example".parse::<Proxy>().is_err());
/// # Ok::<(), subvm_modules::model::ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(pub(super) ureq::Proxy);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.0.host(), self.0.port())
    }
}

/// The text is no proxy.
///
/// ```
/// use subvm_modules::model::{Proxy, ProxyError};
/// assert_eq!("ftp://proxy.example".parse::<Proxy>(), Err(ProxyError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyError;

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a proxy that is known: write it as http://proxy.example:3128")
    }
}

impl std::error::Error for ProxyError {}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let known = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        let proxy = ureq::Proxy::new(text).map_err(|_| ProxyError)?;
        if known && !proxy.host().is_empty() { Ok(Self(proxy)) } else { Err(ProxyError) }
    }
}
