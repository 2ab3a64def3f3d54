//! Names to addresses, once for each connection, and none that guests may not reach.

use std::fmt;
use std::sync::Arc;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::Rules;

/// Refuses what another resolver finds where one of its addresses is not allowed. The client connects to what this returns and resolves
/// no more, so that a name cannot change its mind in between.
#[derive(Debug)]
pub(super) struct Checked<R> {
    pub(super) inner: Arc<R>,
    pub(super) rules: Arc<Rules>,
}

/// The name has an address that guests may not reach.
#[derive(Debug)]
pub(super) struct Unreachable;

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has an address that guests may not reach")
    }
}

impl std::error::Error for Unreachable {}

impl<R: Resolver> Resolver for Checked<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let allowed = addresses.iter().all(|address| self.rules.reaches(address.ip()));
        if allowed { Ok(addresses) } else { Err(Error::Other(Box::new(Unreachable))) }
    }
}
