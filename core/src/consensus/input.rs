//! What a run is given.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cancel::Cancel;
use crate::consensus::message::Message;
use crate::consensus::params::Params;
use crate::consensus::permissions::Permissions;
use crate::ids::Mode;
use crate::ids::State;

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
    /// The same with these permissions only: a node whose caller may read and nothing else. It is deterministic, whatever they say.
    ///
    /// ```
    /// use subvm_core::{Entry, Permissions};
    /// let view = Entry::Restricted(Permissions::READ_STORAGE | Permissions::CALL_OTHERS);
    /// assert_ne!(view, Entry::Contract);
    /// ```
    Restricted(Permissions),
    /// A plain program, without permissions beyond its mode: the package at the message's address, with this on its standard input
    /// (nothing: the extended message).
    Program {
        /// Its mode.
        mode: Mode,
        /// Descriptor 0.
        stdin: Option<Arc<[u8]>>,
    },
}

/// Which part a node plays.
///
/// ```
/// # use subvm_core::{Gas, Receipt, Role};
/// # let (params, message, result) = ([0; 32], [0; 32], vec![0, 0]);
/// # let (gas, storage, messages, nondet) = (Gas::default(), Vec::new(), Vec::new(), vec![vec![0, 0]]);
/// # let leaders = Receipt { params, message, result, gas, storage, messages, nondet };
/// let validator = leaders.proposal().validator();
/// assert_ne!(validator, Role::Leader);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs non-deterministic blocks and proposes their results.
    Leader,
    /// Checks the results that a leader proposed.
    Validator {
        /// The `nondet` of the leader's [`Proposal`](crate::Proposal), as it came.
        results: Vec<Vec<u8>>,
    },
    /// Takes the leader's results on trust: a node that catches up.
    Sync {
        /// The `nondet` of the leader's receipt, as it came.
        results: Vec<Vec<u8>>,
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
///     cancel: None,
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
    /// What calls the run off, where somebody may: an internal error, too.
    pub cancel: Option<Cancel>,
}
