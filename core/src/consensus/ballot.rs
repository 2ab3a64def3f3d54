//! A vote that cannot be copied: committed to before anybody shows what they came to. Source: `docs/spec/sub-vm.md`, *Ballot*.

use alloc::vec::Vec;
use core::fmt;

use crate::consensus::proposal::Proposal;
use crate::consensus::report::Report;

/// What a node says of a [`Proposal`], without having seen what others came to.
///
/// ```
/// use subvm_core::Ballot;
/// # let report = subvm_host_mock::play(&subvm_host_mock::MemoryHost::new(), |_| Ok(()));
/// let proposal = report.receipt.proposal();
/// let (key, salt) = (b"the voter's public key", [7; 32]);
///
/// // First everybody, the leader too, sends this.
/// let ballot = report.ballot(&proposal);
/// let commitment = ballot.commit(&proposal.digest(), key, &salt);
///
/// // Then, when all are in or time is up, the ballot and the salt; the leader its receipt.
/// let opened = Ballot::from_bytes(&ballot.to_bytes()).unwrap();
/// assert!(commitment.opens(&opened, &proposal.digest(), key, &salt));
/// assert!(!commitment.opens(&opened, &proposal.digest(), b"another's key", &salt));
/// assert!(opened.agrees(&report.receipt.digest()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ballot {
    /// All results were accepted.
    Accept {
        /// The digest of the node's own receipt.
        receipt: [u8; 32],
    },
    /// A result was not, or the proposal is for something else.
    Reject {
        /// The digest of the node's own receipt.
        receipt: [u8; 32],
        /// The number of the first non-deterministic block whose result is not accepted; `None`: the proposal is for another message.
        call: Option<u32>,
    },
    /// The node cannot say: an internal error, or other consensus parameters.
    Timeout,
}

impl Ballot {
    /// Whether this is a vote for the leader, whose receipt has this digest.
    #[must_use]
    pub fn agrees(&self, leaders_receipt: &[u8; 32]) -> bool {
        matches!(self, Self::Accept { receipt } if receipt == leaders_receipt)
    }

    /// The one encoding: a code byte, then for `Accept` the digest, for `Reject` a byte that says whether a number follows, the number
    /// as four bytes, low byte first, and the digest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(38);
        match self {
            Self::Accept { receipt } => {
                bytes.push(0);
                bytes.extend(receipt);
            }
            Self::Reject { receipt, call } => {
                bytes.extend([1, u8::from(call.is_some())]);
                bytes.extend(call.iter().flat_map(|call| call.to_le_bytes()));
                bytes.extend(receipt);
            }
            Self::Timeout => bytes.push(2),
        }
        bytes
    }

    /// Reads what another node wrote; `None` where it is no ballot.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0, receipt @ ..] => Self::Accept { receipt: receipt.try_into().ok()? },
            [1, 0, receipt @ ..] => Self::Reject { receipt: receipt.try_into().ok()?, call: None },
            [1, 1, rest @ ..] => {
                let (call, receipt) = rest.split_first_chunk()?;
                Self::Reject { receipt: receipt.try_into().ok()?, call: Some(u32::from_le_bytes(*call)) }
            }
            [2] => Self::Timeout,
            _ => return None,
        })
    }

    /// Binds the voter to this ballot on the proposal with that digest, and shows nothing of it.
    ///
    /// `voter` is what others know the voter by, as its public key: under another key the commitment opens nothing, so that it is of no use
    /// to whom it does not belong. `salt` is from the node's own random source, new for each ballot: without it, who ran the
    /// transaction could find out what others are going to say.
    #[must_use]
    pub fn commit(&self, proposal: &[u8; 32], voter: &[u8], salt: &[u8; 32]) -> Commitment {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        // The ballot is last: all before it is of a known length or says its own.
        hasher.update(proposal).update(salt).update(&(voter.len() as u64).to_le_bytes()).update(voter);
        hasher.update(&self.to_bytes());
        Commitment(*hasher.finalize().as_bytes())
    }
}

/// What tells these hashes from all others.
const CONTEXT: &str = "subvm 2026-11-29 commitment to a ballot, version 1";

impl Report {
    /// This node's ballot on a proposal. A node without a report casts [`Ballot::Timeout`].
    ///
    /// # Cost
    /// Encodes and hashes the receipt.
    #[must_use]
    pub fn ballot(&self, proposal: &Proposal) -> Ballot {
        let own = &self.receipt;
        if own.params != proposal.params {
            return Ballot::Timeout;
        }
        let receipt = own.digest();
        if own.message != proposal.message {
            return Ballot::Reject { receipt, call: None };
        }
        let unlike = || {
            let same = own.nondet.iter().zip(&proposal.nondet).take_while(|(own, leaders)| own == leaders).count();
            (own.nondet != proposal.nondet).then(|| u32::try_from(same).unwrap_or(u32::MAX))
        };
        match self.disagreed_at.or_else(unlike) {
            Some(call) => Ballot::Reject { receipt, call: Some(call) },
            None => Ballot::Accept { receipt },
        }
    }
}

/// A hash that binds a voter to a [`Ballot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// Whether it was made of these.
    #[must_use]
    pub fn opens(&self, ballot: &Ballot, proposal: &[u8; 32], voter: &[u8], salt: &[u8; 32]) -> bool {
        *self == ballot.commit(proposal, voter, salt)
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { .. } => f.write_str("accept"),
            Self::Reject { call: Some(call), .. } => write!(f, "reject call {call}"),
            Self::Reject { call: None, .. } => f.write_str("reject: for another message"),
            Self::Timeout => f.write_str("timeout"),
        }
    }
}
