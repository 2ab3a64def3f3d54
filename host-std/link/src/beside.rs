//! What takes long and is no work of a run's own, such as compiling.

use subvm_core::{Cancel, InternalError, InternalErrorKind};

/// Does what it is handed, beside a run's own time, or fails where that is over.
pub type Act<'a> = dyn FnMut(&mut dyn FnMut()) -> Result<(), InternalError> + 'a;

/// How what may take long is done for a run.
///
/// ```
/// use subvm_link::Beside;
/// let mut act = |act: &mut dyn FnMut()| {
///     act();
///     Ok(())
/// };
/// let mut beside = Beside { act: &mut act, cancel: None };
/// assert_eq!(beside.done(|| 42)?, 42);
/// # Ok::<(), subvm_core::InternalError>(())
/// ```
pub struct Beside<'a> {
    /// Does it; fails where the run's time is over. As [`SubVm::beside_deadline`](subvm_core::SubVm::beside_deadline).
    pub act: &'a mut Act<'a>,
    /// What calls the run off.
    pub cancel: Option<Cancel>,
}

impl core::fmt::Debug for Beside<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Beside").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

impl Beside<'_> {
    /// What `act` comes to, done beside the run.
    ///
    /// # Errors
    /// Where the run's time is over.
    pub fn done<T>(&mut self, act: impl Fn() -> T) -> Result<T, InternalError> {
        let mut result = None;
        (self.act)(&mut || result = Some(act()))?;
        result.ok_or_else(|| InternalError::new(InternalErrorKind::Bug, "what was to be done beside a run was not"))
    }
}
