//! Calling a run off.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// Calls a run off, from any thread: clones are one token. Handed to a run in [`Run::cancel`](crate::Run::cancel).
///
/// A run that is called off ends as an internal error of the kind [`Cancelled`](crate::InternalErrorKind::Cancelled) within 10 ms of a machine
/// that is not overloaded, whether a guest runs, a module is compiled, or an answer of the web or a model is waited for. What the node itself
/// is asked meanwhile (its storage, its host) is waited for, and so is the setting up or the fingerprint of one sub-VM. What was begun for
/// others too, as a compilation, goes on and is kept.
///
/// It is a wish: a run that had ended already has its result. It never changes one.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::{Cancel, Entry, InternalErrorKind, Message, Params, Role, Run, host::State, run};
/// use subvm_host_mock::{MemoryHost, ScriptedEngine};
///
/// let cancel = Cancel::new();
/// let transaction = Run {
///     message: Message::default(),
///     entry: Entry::Contract,
///     role: Role::Leader,
///     params: Arc::new(Params::default()),
///     state: State::Accepted,
///     deadline: None,
///     cancel: Some(cancel.clone()),
/// };
/// cancel.cancel();
/// let (_node, report) = run(Arc::new(ScriptedEngine::new()), MemoryHost::new().node(), transaction);
/// assert_eq!(report.unwrap_err().kind(), InternalErrorKind::Cancelled);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token that nobody has used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls off every run that has this token, for good.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
