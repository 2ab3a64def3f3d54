//! Random bytes that nobody can foresee, for non-deterministic mode.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use subvm_core::host::{HostError, Rng};

use subvm_observe::event;

/// The operating system's secure generator.
///
/// ```
/// use subvm_core::host::Rng;
/// use subvm_system::random::SystemRng;
///
/// let mut bytes = [0; 32];
/// SystemRng::new().fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 32]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct SystemRng {
    source: fn(&mut [u8]) -> Result<(), HostError>,
    fallback: Option<Pseudo>,
}

impl fmt::Debug for SystemRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The fall-back's key is nobody's business.
        f.debug_struct("SystemRng").field("pseudo_random_fallback", &self.fallback.is_some()).finish_non_exhaustive()
    }
}

impl Default for SystemRng {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemRng {
    /// Bytes of the operating system, or an error.
    #[must_use]
    pub fn new() -> Self {
        Self { source: from_system, fallback: None }
    }

    /// Falls back to pseudo-random bytes when the operating system has none, and warns of it each time. **They can be foreseen** by who
    /// knows when the process started: only for a chain whose contracts need no secrets.
    ///
    /// ```
    /// use subvm_core::host::Rng;
    /// use subvm_system::random::SystemRng;
    /// let mut bytes = [0; 32];
    /// SystemRng::new().or_pseudo_random().fill(&mut bytes)?;
    /// assert_ne!(bytes, [0; 32]);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn or_pseudo_random(mut self) -> Self {
        self.fallback = Some(Pseudo::new());
        self
    }
}

impl Rng for SystemRng {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        let Err(error) = (self.source)(into) else {
            return Ok(());
        };
        let Some(pseudo) = &mut self.fallback else {
            return Err(error);
        };
        event!(warn, %error, "the secure generator failed: these bytes are pseudo-random, as configured");
        pseudo.fill(into);
        Ok(())
    }
}

fn from_system(into: &mut [u8]) -> Result<(), HostError> {
    getrandom::fill(into).map_err(|error| format!("the operating system has no random bytes: {error}").into())
}

/// BLAKE3 in its extending form over the process' number, the time and a counter.
struct Pseudo {
    state: blake3::Hasher,
    calls: u64,
}

impl Pseudo {
    fn new() -> Self {
        let mut state = blake3::Hasher::new_derive_key("subvm 2026 pseudo-random fall-back");
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        state.update(&since.as_nanos().to_le_bytes());
        state.update(&std::process::id().to_le_bytes());
        Self { state, calls: 0 }
    }

    fn fill(&mut self, into: &mut [u8]) {
        self.calls += 1;
        self.state.update(&self.calls.to_le_bytes()).finalize_xof().fill(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing() -> SystemRng {
        SystemRng { source: |_| Err("none left".into()), fallback: None }
    }

    #[test]
    fn it_keeps_the_promises_of_a_generator() {
        subvm_host_mock::conformance::rng(SystemRng::new).unwrap();
    }

    #[test]
    fn failure_is_an_error() {
        let mut bytes = [5; 8];
        assert_eq!(failing().fill(&mut bytes).unwrap_err().to_string(), "none left");
        assert_eq!(bytes, [5; 8]);
    }

    #[test]
    fn the_fallback_steps_in_when_configured() {
        let mut rng = failing().or_pseudo_random();
        let (mut one, mut two) = ([0; 40], [0; 40]);
        rng.fill(&mut one).unwrap();
        rng.fill(&mut two).unwrap();
        assert_ne!(one, two);
        assert_ne!(one, [0; 40]);
    }

    #[test]
    fn the_fallback_stays_out_while_the_system_works() {
        let mut rng = SystemRng::new().or_pseudo_random();
        rng.fill(&mut [0; 8]).unwrap();
        assert_eq!(rng.fallback.unwrap().calls, 0);
    }
}
