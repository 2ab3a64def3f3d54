//! Randomness.

use super::HostError;

/// Makes bytes nobody can foresee, for non-deterministic mode.
///
/// ```
/// use std::{fs::File, io::Read};
/// use subvm_core::host::{HostError, Rng};
///
/// struct Urandom(File);
///
/// impl Rng for Urandom {
///     fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
///         Ok(self.0.read_exact(into)?)
///     }
/// }
/// # if cfg!(unix) {
///
/// let mut bytes = [0; 32];
/// Urandom(File::open("/dev/urandom")?).fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 32]);
/// # }
/// # Ok::<(), HostError>(())
/// ```
pub trait Rng: Send + 'static {
    /// Fills `into` with cryptographically secure random bytes.
    ///
    /// # Errors
    /// When there are none; the guest sees errno `io`.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError>;
}
