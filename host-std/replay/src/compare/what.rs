//! What of two records differs.

use std::fmt;

use crate::format::record::{Answer, Ask, Asked, Enters, Exits, Given, Record};

/// What of a run differs first, and so who is to be asked.
///
/// ```
/// use subvm_replay::compare::What;
/// assert_eq!(What::Answer("storage").to_string(), "the answer of storage");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// What the run is given: the named part of it. Two transactions, or two chains.
    Given(&'static str),
    /// Time gas: a price, or what lowering makes of a module.
    Ticks,
    /// The arguments of a call: the guest's state.
    Arguments,
    /// The memory that a call is given, or that it took: the guest's state.
    Memory,
    /// Another call, or none: the guest's state.
    Call,
    /// What the node is asked: the guest's state, or how a call is carried out.
    Question,
    /// What the named part of the node answered.
    Answer(&'static str),
    /// What a call came to, though the node answered the same: how it is carried out.
    Result,
    /// How a sub-VM begins or ends.
    SubVm,
    /// One of them ends, and the other goes on.
    End,
    /// The receipts, though every step is the same.
    Receipt,
}

impl What {
    /// Its name, for machines.
    ///
    /// ```
    /// assert_eq!(subvm_replay::compare::What::Ticks.name(), "ticks");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Ticks => "ticks",
            Self::Arguments => "arguments",
            Self::Memory => "memory",
            Self::Call => "call",
            Self::Question => "question",
            Self::Answer(_) => "answer",
            Self::Result => "result",
            Self::SubVm => "sub_vm",
            Self::End => "end",
            Self::Receipt => "receipt",
        }
    }

    /// What differs between two records at the same place; nothing for one that has no other.
    pub(super) fn of(a: Option<&Record>, b: Option<&Record>) -> Self {
        let (Some(a), Some(b)) = (a, b) else { return Self::End };
        match (a, b) {
            (Record::Given(a), Record::Given(b)) => Self::Given(given(a, b)),
            (Record::Enters(a), Record::Enters(b)) => enters(a, b),
            (Record::Exits(a), Record::Exits(b)) => exits(a, b),
            (Record::Asked(a), Record::Asked(b)) => asked(a, b),
            (Record::Begins(a), Record::Begins(b)) if a.ticks != b.ticks => Self::Ticks,
            (Record::Ends(a), Record::Ends(b)) if a.result == b.result => Self::Ticks,
            (Record::Begins(_) | Record::Ends(_), Record::Begins(_) | Record::Ends(_)) => Self::SubVm,
            (Record::Asked(_), _) | (_, Record::Asked(_)) => Self::Question,
            _ => Self::Call,
        }
    }
}

fn given(a: &Given, b: &Given) -> &'static str {
    if a.message != b.message {
        "message"
    } else if a.entry != b.entry {
        "entry"
    } else if a.state != b.state {
        "state"
    } else {
        "parameters"
    }
}

fn enters(a: &Enters, b: &Enters) -> What {
    if a.function != b.function {
        What::Call
    } else if a.args != b.args {
        What::Arguments
    } else if a.given != b.given {
        What::Memory
    } else {
        What::Ticks
    }
}

fn exits(a: &Exits, b: &Exits) -> What {
    if a.errno != b.errno {
        What::Result
    } else if a.moved != b.moved {
        What::Memory
    } else {
        What::Ticks
    }
}

fn asked(a: &Asked, b: &Asked) -> What {
    if a.ask != b.ask { What::Question } else { What::Answer(part(&a.ask, &a.answer)) }
}

/// Which part of the node answers a question.
fn part(ask: &Ask, _: &Answer) -> &'static str {
    match ask {
        Ask::Storage { .. } => "storage",
        Ask::TransactionTime | Ask::Elapsed => "the clock",
        Ask::Random { .. } => "the generator",
        Ask::Balance { .. } => "the chain: a balance",
        Ask::Code { .. } => "the chain: code",
        Ask::LockedSlots { .. } => "the chain: locked slots",
        Ask::EthCall { .. } => "the chain: a call below",
        Ask::Start { .. } | Ask::Wait { .. } => "a module",
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(part) => write!(f, "what the run is given: {part}"),
            Self::Ticks => f.write_str("ticks: a price, or the lowering"),
            Self::Arguments => f.write_str("arguments: the guest's state"),
            Self::Memory => f.write_str("memory: the guest's state"),
            Self::Call => f.write_str("another call: the guest's state"),
            Self::Question => f.write_str("what the node is asked"),
            Self::Answer(part) => write!(f, "the answer of {part}"),
            Self::Result => f.write_str("what the call came to"),
            Self::SubVm => f.write_str("a sub-VM"),
            Self::End => f.write_str("one ends, and the other goes on"),
            Self::Receipt => f.write_str("the receipts, though every step is the same"),
        }
    }
}
