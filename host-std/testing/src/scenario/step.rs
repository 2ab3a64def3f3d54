//! What a scenario consists of.

use std::time::Duration;

use super::calldata::Text;
use super::expect::Expect;
use crate::{Node, Script};

/// One step: what is done, and what must hold then.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    /// Its name, or what it does.
    pub(super) label: String,
    pub(super) action: Action,
    /// What the world answers from here on.
    pub(super) world: Vec<Script>,
    /// What the leader says in the place of its non-deterministic results: the number of the result, code and data.
    pub(super) lies: Vec<Lie>,
    /// Whose runs pass their deadline.
    pub(super) timeouts: Vec<Node>,
    pub(super) expect: Expect,
    pub(super) balances: Vec<(String, u128)>,
    pub(super) storage: Vec<Stored>,
}

/// What is done.
#[derive(Debug)]
pub(super) enum Action {
    /// Only to look at what is there, or to say what the world answers.
    Nothing,
    Deploy {
        contract: String,
        called: String,
        from: Option<String>,
        value: u128,
        arguments: Option<Text>,
    },
    Call {
        to: String,
        from: Option<String>,
        value: u128,
        data: Data,
    },
    View {
        to: String,
        data: Data,
    },
    Appeal(usize),
    Finalize,
    Pass(Duration),
    Snapshot(String),
    Restore(String),
    /// Past the contract: at most a page, from its first byte.
    Write {
        to: String,
        slot: [u8; 32],
        page: u32,
        bytes: Vec<u8>,
    },
}

/// What a call brings.
#[derive(Debug)]
pub(super) enum Data {
    Method(String, Option<Text>),
    Calldata(Text),
    Bytes(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Lie {
    pub(super) result: usize,
    pub(super) says: Said,
}

/// How something ends.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Returns(Text),
    Fails(String),
}

/// Bytes of a slot.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) line: usize,
    pub(super) of: String,
    pub(super) slot: [u8; 32],
    pub(super) from: u32,
    pub(super) bytes: Vec<u8>,
}
