//! Why a transaction is not taken, and why a block is not valid. Each has a code, which stays; the text is for people.

use std::fmt;

/// Why a transaction is refused.
///
/// ```
/// use subvm_chain::Refusal;
/// let refusal = Refusal::Nonce { expected: 4, found: 3 };
/// assert_eq!(refusal.code(), "nonce");
/// assert_eq!(refusal.to_string(), "the transaction's nonce is 3, and its sender's next is 4: sign it anew with that");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its bytes are none.
    Malformed(&'static str),
    /// It has more bytes than a transaction may.
    TooLarge {
        /// Bytes that it has.
        bytes: u64,
        /// Bytes that it may have.
        most: u64,
    },
    /// It is for another chain.
    ChainId {
        /// This chain's.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// Its signature is not its sender's.
    Signature,
    /// It was there before, or others of its sender's come first.
    Nonce {
        /// The next one of the sender.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// Its sender cannot pay the most that it may cost.
    Balance {
        /// What it may cost, value and bond included.
        needs: u128,
        /// What the sender has.
        has: u128,
    },
    /// It asks for more gas than a call may have.
    Gas {
        /// Of which kind: `time`, `storage` or `data`.
        kind: &'static str,
        /// What it asks for.
        asked: u64,
        /// The most.
        most: u64,
    },
    /// What it deploys is no bundle, for this reason.
    Bundle(String),
    /// What it appeals against is not there to be appealed against, for this reason.
    Appeal(&'static str),
    /// More is waiting already than a chain keeps.
    Busy,
}

impl Refusal {
    /// The code, which does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::ChainId { .. } => "chain_id",
            Self::Signature => "signature",
            Self::Nonce { .. } => "nonce",
            Self::Balance { .. } => "balance",
            Self::Gas { .. } => "gas",
            Self::Bundle(_) => "bundle",
            Self::Appeal(_) => "appeal",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "not a transaction: {why}"),
            Self::TooLarge { bytes, most } => {
                write!(f, "the transaction has {bytes} bytes, and may have {most}: send less data, or several")
            }
            Self::ChainId { expected, found } => {
                write!(f, "the transaction is for chain {found}, and this is chain {expected}: sign it for this one")
            }
            Self::Signature => {
                f.write_str("the signature is not that of the transaction's sender: sign it with the key of `from`")
            }
            Self::Nonce { expected, found } => write!(
                f,
                "the transaction's nonce is {found}, and its sender's next is {expected}: sign it anew with that"
            ),
            Self::Balance { needs, has } => write!(
                f,
                "the transaction may cost {needs}, and its sender has {has}: ask for less gas, send less, or wait for money"
            ),
            Self::Gas { kind, asked, most } => {
                write!(f, "the transaction asks for {asked} of {kind} gas, and a call may have {most}: ask for less")
            }
            Self::Bundle(why) => write!(f, "what the transaction deploys is {why}"),
            Self::Appeal(why) => write!(f, "there is nothing to appeal against: {why}"),
            Self::Busy => f.write_str("the chain has more to do than it keeps in line: send it later"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a block may not follow. All nodes that are at the same height say the same.
///
/// ```
/// use subvm_chain::{InvalidBlock, Refusal};
/// let invalid = InvalidBlock::Tx { number: 2, why: Refusal::Signature };
/// assert_eq!((invalid.code(), invalid.to_string().starts_with("transaction 2")), ("tx", true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBlock {
    /// Its bytes are none.
    Malformed(&'static str),
    /// A field of its header is not what it has to be.
    Header(&'static str),
    /// The ballots that it carries are not those of a quorum on the block before, for this reason.
    Votes(&'static str),
    /// A transaction in it would be refused.
    Tx {
        /// Its place in the block.
        number: usize,
        /// Why.
        why: Refusal,
    },
    /// A proposal in it has no place there, for this reason.
    Proposal {
        /// Its place in the block.
        number: usize,
        /// Why.
        why: &'static str,
    },
}

impl InvalidBlock {
    /// The code, which does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Header(_) => "header",
            Self::Votes(_) => "votes",
            Self::Tx { .. } => "tx",
            Self::Proposal { .. } => "proposal",
        }
    }
}

impl fmt::Display for InvalidBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "not a block: {why}"),
            Self::Header(field) => write!(f, "the block's {field} is not what follows from the chain"),
            Self::Votes(why) => write!(f, "the block's ballots: {why}"),
            Self::Tx { number, why } => write!(f, "transaction {number} of the block: {why}"),
            Self::Proposal { number, why } => write!(f, "proposal {number} of the block: {why}"),
        }
    }
}

impl std::error::Error for InvalidBlock {}
