//! Records as people read them.

use std::fmt;

use subvm_core::host::{EthAnswer, State};

use super::record::*;

fn state(state: &State) -> &'static str {
    match state {
        State::Accepted => "accepted",
        State::Finalized => "finalized",
    }
}

/// The first bytes as hexadecimal, and how many there are where that is not all.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        self.0.iter().take(SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if self.0.len() > SHOWN { write!(f, ".. ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("what the run is given"),
            Self::Part(part) => write!(f, "the part of a {}", part.role_name()),
            Self::Begins(begins) => {
                let Begins { mode, contract, permissions, ticks } = begins;
                write!(
                    f,
                    "a sub-VM begins: {mode:?}, contract {contract}, permissions {:#x}, {ticks} ticks",
                    permissions.bits()
                )
            }
            Self::Ends(Ends { result: Ok(outcome), ticks }) => {
                write!(f, "the sub-VM ends after {ticks} ticks with the outcome {outcome}")
            }
            Self::Ends(Ends { result: Err(kind), ticks }) => {
                write!(f, "the sub-VM ends after {ticks} ticks with an internal error ({kind:?})")
            }
            Self::Enters(call) => write!(f, "{call}"),
            Self::Exits(exits) => write!(f, "{exits}"),
            Self::Asked(asked) => write!(f, "{asked}"),
            Self::Package(bytes) => write!(f, "a package of {} bytes", bytes.len()),
            Self::RunEnds(RunEnds(Ok(digest))) => write!(f, "the run ends with the receipt {}", Hex(digest)),
            Self::RunEnds(RunEnds(Err((kind, text)))) => {
                write!(f, "the run ends with an internal error ({kind:?}): {text}")
            }
        }
    }
}

impl Part {
    pub(crate) fn role_name(&self) -> &'static str {
        match self.role {
            subvm_core::Role::Leader => "leader",
            subvm_core::Role::Validator { .. } => "validator",
            subvm_core::Role::Sync { .. } => "node that catches up",
        }
    }
}

impl fmt::Display for Enters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        for (number, (name, arg)) in self.function.params().iter().zip(&self.args).enumerate() {
            write!(f, "{}{name}={arg}", if number == 0 { "" } else { ", " })?;
        }
        write!(f, ") with {} ticks left", self.ticks)?;
        self.given.iter().try_for_each(|given| write!(f, ", given {given}"))
    }
}

impl fmt::Display for Exits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => write!(f, "errno {errno}")?,
            None => f.write_str("the sub-VM is ended")?,
        }
        write!(f, " with {} ticks left", self.ticks)?;
        self.moved.iter().try_for_each(|moved| write!(f, ", moved {moved}"))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.ask, self.answer)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage { state: of, contract, slot, index, len } => {
                write!(f, "{len} bytes of storage from {index} on, slot {slot} of {contract}, {}", state(of))
            }
            Self::TransactionTime => f.write_str("the transaction's time"),
            Self::Elapsed => f.write_str("elapsed time"),
            Self::Random { len } => write!(f, "{len} random bytes"),
            Self::Balance { state: of, address } => write!(f, "the balance of {address}, {}", state(of)),
            Self::Code { state: of, address } => write!(f, "the code at {address}, {}", state(of)),
            Self::LockedSlots { contract } => write!(f, "the locked slots of {contract}"),
            Self::EthCall { state: of, address, calldata } => {
                write!(f, "a call below of {address}, {}, with {}", state(of), Hex(calldata))
            }
            Self::Start { request } => write!(f, "a request to a module, {}", Hex(request)),
            Self::Wait { id } => write!(f, "the result of request {id}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{}", Hex(bytes)),
            Self::Nanos(nanos) => write!(f, "{nanos} ns"),
            Self::Code(CodeAnswer::Nothing) => f.write_str("nothing"),
            Self::Code(CodeAnswer::Package(digest)) => write!(f, "package {}", Hex(digest)),
            Self::Code(CodeAnswer::Malformed(invalid)) => write!(f, "malformed: {}", invalid.text()),
            Self::Slots(slots) => {
                write!(f, "{} slots", slots.len())?;
                slots.iter().take(4).try_for_each(|slot| write!(f, " {slot}"))
            }
            Self::Eth(EthAnswer::Returned(bytes)) => write!(f, "returned {}", Hex(bytes)),
            Self::Eth(EthAnswer::Reverted(bytes)) => write!(f, "reverted with {}", Hex(bytes)),
            Self::Eth(EthAnswer::Refused) => f.write_str("refused"),
            Self::Id(id) => write!(f, "request {id}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Panicked => f.write_str("panicked"),
        }
    }
}
