//! What a validator says beside its precommit: its clock, and its ballots, first committed, then opened.

use subvm_core::wire::{Read, Source, Wrong};
use subvm_core::{Address, Ballot, Commitment};

use crate::form::{Form, put_list, take_list};
use crate::ids::{BlockId, CallId};
use crate::tx::said;

/// A ballot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The validator has decided.
    Commit {
        /// The call.
        call: CallId,
        /// Which of the votes on it.
        poll: u32,
        /// The commitment to the ballot, under the validator's public key.
        commitment: Commitment,
    },
    /// What it decided.
    Open {
        /// The call.
        call: CallId,
        /// Which of the votes on it.
        poll: u32,
        /// The ballot.
        ballot: Ballot,
        /// What hid it.
        salt: [u8; 32],
    },
}

/// A vote extension.
///
/// ```
/// use subvm_chain::Extension;
/// let extension = Extension { time: 5, items: Vec::new() };
/// assert_eq!(Extension::from_bytes(&extension.to_bytes()), Ok(extension));
/// assert!(Extension::from_bytes(b"garbage").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// The validator's clock, in nanoseconds since 1970. A block's instant is the median of those that it carries.
    pub time: u64,
    /// Its ballots, until blocks have them.
    pub items: Vec<Item>,
}

impl Extension {
    /// The most items in one; the rest waits for the next height.
    pub const ITEMS: usize = 128;
    /// The most bytes that one takes.
    pub const BYTES: usize = 10 + 2 + Self::ITEMS * 110;

    /// The encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes()
    }

    /// The extension of these bytes. All that a node has to check of one before it takes it, with its signature: what the items say is judged when
    /// a block has them, and what is of no use is passed over there.
    ///
    /// # Errors
    /// Why they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > Self::BYTES {
            return Err("it is larger than an extension may be");
        }
        Self::whole(bytes).map_err(said)
    }
}

/// What a validator signs for its extension: it is worth nothing at another height, for another block, or under another name.
#[must_use]
pub fn extension_bytes(
    chain_id: u64,
    height: u64,
    round: u32,
    block: &BlockId,
    validator: &Address,
    extension: &[u8],
) -> Vec<u8> {
    let mut out = b"subvm extension, version 1".to_vec();
    chain_id.put(&mut out);
    height.put(&mut out);
    round.put(&mut out);
    block.put(&mut out);
    validator.put(&mut out);
    out.extend_from_slice(extension);
    out
}

impl Form for Ballot {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_bytes().put(out);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Self::from_bytes(source.bytes()?).ok_or(Wrong::Malformed("it is no ballot"))
    }
}

impl Form for Item {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Commit { call, poll, commitment } => {
                out.push(0);
                call.put(out);
                poll.put(out);
                commitment.put(out);
            }
            Self::Open { call, poll, ballot, salt } => {
                out.push(1);
                call.put(out);
                poll.put(out);
                ballot.put(out);
                salt.put(out);
            }
        }
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(match source.byte()? {
            0 => Self::Commit { call: Form::take(source)?, poll: Form::take(source)?, commitment: Form::take(source)? },
            1 => Self::Open {
                call: Form::take(source)?,
                poll: Form::take(source)?,
                ballot: Form::take(source)?,
                salt: Form::take(source)?,
            },
            _ => return Err(Wrong::Malformed("an item is of no kind")),
        })
    }
}

impl Form for Extension {
    fn put(&self, out: &mut Vec<u8>) {
        self.time.put(out);
        put_list(out, &self.items);
    }

    fn take(source: &mut Source<'_>) -> Read<Self> {
        Ok(Self { time: Form::take(source)?, items: take_list(source, Self::ITEMS)? })
    }
}
