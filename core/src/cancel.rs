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
pub struct Cancel(Arc<Token>);

#[derive(Debug, Default)]
struct Token {
    used: AtomicBool,
    above: Option<Cancel>,
}

impl Cancel {
    /// A token that nobody has used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token of its own, which is used as well once this one is: for one of several runs that belong together.
    ///
    /// ```
    /// let all = subvm_core::Cancel::new();
    /// let (first, second) = (all.child(), all.child());
    /// first.cancel();
    /// assert_eq!([&all, &first, &second].map(|token| token.is_cancelled()), [false, true, false]);
    /// all.cancel();
    /// assert!(second.is_cancelled());
    /// ```
    ///
    /// # Cost
    /// To look at a token looks at those above it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Token { used: AtomicBool::new(false), above: Some(self.clone()) }))
    }

    /// Calls off every run that has this token, or one below it, for good.
    pub fn cancel(&self) {
        self.0.used.store(true, Ordering::Release);
    }

    /// Whether it was used, or one above it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let mut token = Some(self);
        while let Some(Self(this)) = token {
            if this.used.load(Ordering::Acquire) {
                return true;
            }
            token = this.above.as_ref();
        }
        false
    }
}
