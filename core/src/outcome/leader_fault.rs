//! What is wrong with what a leader posted. Source: `docs/genvm.md`, *Profiles*.

use core::fmt;
use core::str::FromStr;

use crate::outcome::UnknownVmError;
use crate::{gvm32, sha3_256};

/// The first six characters of a SHA3-256 in [GVM32](gvm32): enough to tell what nodes saw, in a text that is bounded.
///
/// ```
/// use subvm_core::ShortHash;
/// let short = ShortHash::of(b"");
/// assert_eq!(short.to_string(), "mzzwdy");
/// assert_eq!("mzzwdy".parse(), Ok(short));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortHash([u8; Self::CHARACTERS]);

impl ShortHash {
    const CHARACTERS: usize = 6;

    /// That of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let text = gvm32::encode(&sha3_256::digest(bytes));
        Self(text.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for ShortHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for ShortHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortHash({self})")
    }
}

impl FromStr for ShortHash {
    type Err = UnknownVmError;

    fn from_str(text: &str) -> Result<Self, UnknownVmError> {
        let characters = text.as_bytes().try_into().map_err(|_| UnknownVmError)?;
        if text.bytes().all(|character| gvm32::ALPHABET.contains(&character)) {
            Ok(Self(characters))
        } else {
            Err(UnknownVmError)
        }
    }
}

/// Why a VM error stands in the place of what the leader posted, under the profiles that say so.
///
/// ```
/// use subvm_core::{LeaderFault, VmError};
/// let error = VmError::LeaderFault(LeaderFault::Absent);
/// assert_eq!(error.to_string(), "leader_fault nondet_output absent");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaderFault {
    /// There is no result of this block, or an empty one.
    Absent,
    /// It is no result.
    Malformed,
    /// It is one of these texts, which no leader comes to: the hash is the text's.
    UsesThisError(ShortHash),
    /// It is the text that would stand in its place.
    FixPoint,
    /// There are results of blocks that the run did not come to: the hash is the first one's.
    Extra(ShortHash),
}

impl LeaderFault {
    pub(crate) const CLASS: &'static str = "leader_fault nondet_output ";

    pub(super) fn parse(rest: &str) -> Option<Self> {
        Some(match rest {
            "absent" => Self::Absent,
            "malformed" => Self::Malformed,
            "uses_this_error fix_point" => Self::FixPoint,
            _ => match rest.split_once(' ')? {
                ("uses_this_error", hash) => Self::UsesThisError(hash.parse().ok()?),
                ("extra", hash) => Self::Extra(hash.parse().ok()?),
                _ => return None,
            },
        })
    }
}

impl fmt::Display for LeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::CLASS)?;
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Malformed => f.write_str("malformed"),
            Self::UsesThisError(hash) => write!(f, "uses_this_error {hash}"),
            Self::FixPoint => f.write_str("uses_this_error fix_point"),
            Self::Extra(hash) => write!(f, "extra {hash}"),
        }
    }
}
