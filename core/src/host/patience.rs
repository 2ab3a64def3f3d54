//! How long a run may go on: until its deadline, and until it is called off.

use core::time::Duration;

use super::Clock;
use crate::cancel::Cancel;
use crate::outcome::{InternalError, InternalErrorKind};

/// How long a run may go on. Nothing in it decides a result.
///
/// ```
/// use std::time::Duration;
/// use subvm_core::{Cancel, InternalErrorKind, host::Patience};
/// # let clock = subvm_host_mock::MemoryHost::new();
/// let cancel = Cancel::new();
/// let patience = Patience { deadline: Some(Duration::from_secs(5)), cancel: Some(cancel.clone()) };
/// assert_eq!(patience.left(&clock)?, Some(Duration::from_secs(5)));
/// clock.pass(Duration::from_secs(5));
/// assert_eq!(patience.left(&clock).unwrap_err().kind(), InternalErrorKind::Deadline);
/// cancel.cancel();
/// assert_eq!(patience.left(&clock).unwrap_err().kind(), InternalErrorKind::Cancelled);
/// # Ok::<(), subvm_core::InternalError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Patience {
    /// The moment, in terms of [`Clock::elapsed`], after which the run is an internal error.
    pub deadline: Option<Duration>,
    /// What calls it off.
    pub cancel: Option<Cancel>,
}

impl Patience {
    /// How often whoever waits for long looks whether the run was called off.
    pub const LOOK: Duration = Duration::from_millis(4);

    /// How long the run may still go on; nothing where there is no deadline.
    ///
    /// # Errors
    /// An internal error where it was called off, or its deadline passed.
    pub fn left(&self, clock: &dyn Clock) -> Result<Option<Duration>, InternalError> {
        self.called_off()?;
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.checked_sub(clock.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(InternalError::new(InternalErrorKind::Deadline, "the run's deadline passed")),
        }
    }

    /// How long to wait for something at a time: not beyond what is left, nor so long that it would not be seen that the run is called off,
    /// nor longer than `at_most`.
    ///
    /// # Errors
    /// As [`left`](Self::left).
    pub fn slice(&self, clock: &dyn Clock, at_most: Duration) -> Result<Duration, InternalError> {
        let left = self.left(clock)?.unwrap_or(at_most).min(at_most);
        Ok(if self.cancel.is_some() { left.min(Self::LOOK) } else { left })
    }

    /// # Errors
    /// An internal error where the run was called off.
    pub fn called_off(&self) -> Result<(), InternalError> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(InternalError::new(InternalErrorKind::Cancelled, "the run was cancelled"));
        }
        Ok(())
    }
}
