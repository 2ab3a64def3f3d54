//! What a run is given.

use alloc::sync::Arc;
use core::time::Duration;

use crate::host::State;
use crate::{Message, Mode, Params, Role};

/// What runs.
///
/// ```
/// use subvm_core::{Entry, Mode};
/// let program = Entry::Program { mode: Mode::Deterministic, stdin: Some(b"1 2 3"[..].into()) };
/// assert_ne!(program, Entry::Contract);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The contract at the message's address, deterministic, with all permissions.
    Contract,
    /// A plain program, without permissions beyond its mode: the package at the message's address, with this on its standard input
    /// (nothing: the extended message).
    Program {
        /// Its mode.
        mode: Mode,
        /// Descriptor 0.
        stdin: Option<Arc<[u8]>>,
    },
}

/// One transaction to run.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use subvm_core::{Entry, Message, Params, Role, Run, host::State};
/// let leader = Run {
///     message: Message::default(),
///     entry: Entry::Contract,
///     role: Role::Leader,
///     params: Arc::new(Params::default()),
///     state: State::Accepted,
///     deadline: Some(Duration::from_secs(10)),
/// };
/// let validator = Run { role: Role::Validator { results: vec![vec![0, 0]] }, ..leader };
/// # assert_eq!(validator.entry, Entry::Contract);
/// ```
#[derive(Clone, Debug)]
pub struct Run {
    /// The message.
    pub message: Message,
    /// What runs.
    pub entry: Entry,
    /// The part that this node plays.
    pub role: Role,
    /// The consensus parameters.
    pub params: Arc<Params>,
    /// The state that the run reads.
    pub state: State,
    /// How long the run may take, by the clock's elapsed time. Longer is an internal error.
    pub deadline: Option<Duration>,
}
