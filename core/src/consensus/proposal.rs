//! What a leader sends to those who check it, before anybody votes. Source: `docs/spec/sub-vm.md`, *Proposal*.

use alloc::vec::Vec;
use core::fmt;

use crate::consensus::fields::{all_bytes, array, bytes_of_all, uint};
use crate::consensus::input::Role;
use crate::consensus::receipt::Receipt;
use crate::own;
use subvm_calldata::{DecodeError, DecodeLimits, Map, Value};

/// The results that a leader proposes: all that a validator needs, and nothing that it could copy a vote from.
///
/// A receipt says what a validator should come to by itself, a failure's fingerprint included. So a leader shows it when the votes are
/// committed, not before: see [`Ballot`](crate::Ballot).
///
/// ```
/// use subvm_core::{Proposal, Role};
/// # let report = subvm_host_mock::play(&subvm_host_mock::MemoryHost::new(), |_| Ok(()));
/// let sent = report.receipt.proposal().to_bytes();
/// let proposal = Proposal::from_bytes(&sent)?;
/// assert_eq!(proposal.digest(), report.receipt.proposal().digest());
/// assert_eq!(proposal.validator(), Role::Validator { results: Vec::new() });
/// # Ok::<(), subvm_core::ProposalError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// BLAKE3 of the consensus parameters that the leader ran under.
    pub params: [u8; 32],
    /// BLAKE3 of descriptor 0 of the main sub-VM: which transaction this is for.
    pub message: [u8; 32],
    /// Each non-deterministic result, code byte ++ data.
    pub nondet: Vec<Vec<u8>>,
}

impl Proposal {
    /// The version of the layout.
    pub const VERSION: u32 = 1;

    /// The canonical encoding: one calldata map.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        own::encode(&Value::Map(Map::from([
            ("message", Value::Bytes(self.message.to_vec())),
            ("nondet", all_bytes(&self.nondet)),
            ("params", Value::Bytes(self.params.to_vec())),
            ("version", Value::Int(Self::VERSION.into())),
        ])))
    }

    /// Reads what another node wrote. Nothing in it is believed beyond its shape.
    ///
    /// # Errors
    /// [`ProposalError`] when the bytes are not canonical calldata of the layout.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProposalError> {
        let value = Value::decode_with(bytes, &DecodeLimits::default()).map_err(ProposalError::Calldata)?;
        Self::from_value(&value).map_err(ProposalError::Field)
    }

    fn from_value(value: &Value) -> Result<Self, &'static str> {
        let map = value.as_map().filter(|map| map.len() == 4).ok_or("a map of four fields")?;
        let field = |name: &'static str| map.get(name).ok_or(name);
        if uint(field("version")?) != Some(Self::VERSION.into()) {
            return Err("version");
        }
        Ok(Self {
            params: array(field("params")?).ok_or("params")?,
            message: array(field("message")?).ok_or("message")?,
            nondet: bytes_of_all(field("nondet")?).ok_or("nondet")?,
        })
    }

    /// BLAKE3 of the encoding: what ballots are about.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// The role of a node that checks it.
    #[must_use]
    pub fn validator(&self) -> Role {
        Role::Validator { results: self.nondet.clone() }
    }
}

impl Receipt {
    /// What a leader with this receipt sends first.
    #[must_use]
    pub fn proposal(&self) -> Proposal {
        Proposal { params: self.params, message: self.message, nondet: self.nondet.clone() }
    }
}

/// Why bytes are no proposal.
///
/// ```
/// use subvm_core::{Proposal, ProposalError};
/// assert_eq!(Proposal::from_bytes(b"\x06"), Err(ProposalError::Field("a map of four fields")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProposalError {
    /// They are not canonical calldata.
    Calldata(DecodeError),
    /// The named field is missing or of another shape.
    Field(&'static str),
}

impl fmt::Display for ProposalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calldata(error) => write!(f, "not a proposal: {error}"),
            Self::Field(name) => {
                write!(f, "not a proposal of version {}: {name} is missing or malformed", Proposal::VERSION)
            }
        }
    }
}

impl core::error::Error for ProposalError {}
