//! How often a client may ask.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::serve::Client;

/// Clients that are remembered before those that were quiet are forgotten.
const REMEMBERED: usize = 10_000;

/// A bucket for each client.
pub(super) struct Limits(DefaultKeyedRateLimiter<IpAddr>);

impl Limits {
    /// `each_second` requests, and that many at once after a pause of `burst / each_second` seconds.
    pub(super) fn new(each_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_second(each_second).allow_burst(burst)))
    }

    /// Takes `count` requests from the client's bucket, or none.
    pub(super) fn allow(&self, client: Client, count: u32) -> bool {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
        }
        let allowed = NonZeroU32::new(count).is_none_or(|n| matches!(self.0.check_key_n(&client.0, n), Ok(Ok(()))));
        if !allowed {
            metrics::counter!("node_rpc_refused_total", "why" => "rate").increment(1);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_does_not_use_what_is_anothers() {
        let number = |n| NonZeroU32::new(n).expect("above 0");
        let limits = Limits::new(number(1), number(5));
        let [a, b] = [1, 2].map(|last| Client::of(([10, 0, 0, last], 80).into()));
        assert!(limits.allow(a, 3) && limits.allow(a, 2) && !limits.allow(a, 1));
        assert!(limits.allow(b, 5) && !limits.allow(b, 1));
        assert!(!limits.allow(b, 100), "more than there ever is");
        assert!(limits.allow(b, 0));
    }
}
