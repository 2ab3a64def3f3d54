//! The context and its types.

use std::fmt;
use std::sync::Arc;

use arc_malachitebft_core_types as core;
use arc_malachitebft_signing_ed25519 as ed;
use borsh::{BorshDeserialize, BorshSerialize};
use core::{NilOrVal, Round, SignedMessage, VoteType};

/// A validator's address: that of its account, [`subvm_chain::address`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Addr(pub [u8; 20]);
/// A block's identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Id(pub [u8; 32]);
/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Sig(pub [u8; 64]);

macro_rules! hexadecimal {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hexadecimal!(Addr, Id, Sig);

impl Addr {
    /// The address of a public key.
    #[must_use]
    pub fn of(key: &ed::PublicKey) -> Self {
        Self(subvm_chain::address(key.as_bytes()).0)
    }
}

/// A height of the chain. The first block has height 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct H(pub u64);

impl fmt::Display for H {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Height for H {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);
    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }
    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl core::Address for Addr {}

impl core::Value for Id {
    type Id = Self;
    fn id(&self) -> Self {
        *self
    }
}

/// A part of a proposed block. Parts are not signed: what they add up to is what its identifier says, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Part {
    /// The block's height.
    pub height: H,
    /// The round in which it is proposed.
    pub round: Round,
    /// The round in which a quorum had prevoted it, where there is one.
    pub pol_round: Round,
    /// Who proposes it.
    pub proposer: Addr,
    /// Whether this is the first part.
    pub first: bool,
    /// Whether this is the last one.
    pub last: bool,
    /// A piece of the block.
    pub bytes: Vec<u8>,
}

impl core::ProposalPart<Ctx> for Part {
    fn is_first(&self) -> bool {
        self.first
    }
    fn is_last(&self) -> bool {
        self.last
    }
}

/// What a proposer signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The block's height.
    pub height: H,
    /// The round.
    pub round: Round,
    /// The block.
    pub value: Id,
    /// The round in which a quorum had prevoted it, where there is one.
    pub pol_round: Round,
    /// Who proposes it.
    pub addr: Addr,
}

impl core::Proposal<Ctx> for Proposal {
    fn height(&self) -> H {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &Id {
        &self.value
    }
    fn take_value(self) -> Id {
        self.value
    }
    fn pol_round(&self) -> Round {
        self.pol_round
    }
    fn validator_address(&self) -> &Addr {
        &self.addr
    }
}

/// A vote of consensus: on a block, never on what its leader claims. That is in the extension.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The height.
    pub height: H,
    /// The round.
    pub round: Round,
    /// The block, or none.
    pub value: NilOrVal<Id>,
    /// Who votes.
    pub addr: Addr,
    /// The validator's ballots and reveals, signed by themselves.
    pub ext: Option<SignedMessage<Ctx, Vec<u8>>>,
}

impl core::Vote<Ctx> for Vote {
    fn height(&self) -> H {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<Id> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<Id> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &Addr {
        &self.addr
    }
    fn extension(&self) -> Option<&SignedMessage<Ctx, Vec<u8>>> {
        self.ext.as_ref()
    }
    fn take_extension(&mut self) -> Option<SignedMessage<Ctx, Vec<u8>>> {
        self.ext.take()
    }
    fn extend(self, ext: SignedMessage<Ctx, Vec<u8>>) -> Self {
        Self { ext: Some(ext), ..self }
    }
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its address.
    pub addr: Addr,
    /// Its key.
    pub key: ed::PublicKey,
    /// Its share of the votes.
    pub power: u64,
}

impl core::Validator<Ctx> for Validator {
    fn address(&self) -> &Addr {
        &self.addr
    }
    fn public_key(&self) -> &ed::PublicKey {
        &self.key
    }
    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// The validators, in the order in which they take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set(Arc<Vec<Validator>>);

impl Set {
    /// A set of these.
    ///
    /// # Errors
    /// Where there is none, where one is there twice, or where nobody has power: consensus could decide nothing, and could not say so.
    pub fn new(validators: Vec<Validator>) -> Result<Self, SetError> {
        let mut addresses: Vec<Addr> = validators.iter().map(|v| v.addr).collect();
        addresses.sort_unstable();
        match addresses.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        }) {
            Some(twice) => Err(SetError::Twice(twice)),
            None if validators.iter().all(|v| v.power == 0) => Err(SetError::Powerless),
            None => Ok(Self(Arc::new(validators))),
        }
    }

    /// They, in their order.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.0
    }
}

/// Why validators make no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// One is named twice.
    Twice(Addr),
    /// None has any power.
    Powerless,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(addr) => {
                write!(f, "the validator {addr} is named twice: name each once, and give it the sum of its power")
            }
            Self::Powerless => f.write_str("no validator has any power: name at least one, with a power above 0"),
        }
    }
}

impl std::error::Error for SetError {}

impl core::ValidatorSet<Ctx> for Set {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn total_voting_power(&self) -> u64 {
        self.0.iter().fold(0, |sum, v| sum.saturating_add(v.power))
    }
    fn get_by_address(&self, addr: &Addr) -> Option<&Validator> {
        self.0.iter().find(|v| v.addr == *addr)
    }
    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.0.get(index)
    }
}

/// Ed25519, with a signature that Borsh can write: the one that is shipped cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme;

impl core::SigningScheme for Scheme {
    type DecodingError = String;
    type Signature = Sig;
    type PublicKey = ed::PublicKey;
    type PrivateKey = ed::PrivateKey;
    fn decode_signature(bytes: &[u8]) -> Result<Sig, String> {
        bytes.try_into().map(Sig).map_err(|_| format!("a signature has 64 bytes, not {}", bytes.len()))
    }
    fn encode_signature(sig: &Sig) -> Vec<u8> {
        sig.0.to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<ed::PublicKey, String> {
        let key = bytes.try_into().map_err(|_| format!("a public key has 32 bytes, not {}", bytes.len()))?;
        ed::PublicKey::from_bytes(key).map_err(|error| error.to_string())
    }
    fn encode_public_key(key: &ed::PublicKey) -> Vec<u8> {
        key.as_bytes().to_vec()
    }
}

/// What consensus is generic over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ctx;

impl core::Context for Ctx {
    type Address = Addr;
    type Height = H;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = Set;
    type Timeouts = core::LinearTimeouts;
    type Value = Id;
    type Vote = Vote;
    type Extension = Vec<u8>;
    type SigningScheme = Scheme;

    /// They take turns: with each height, and with each round of it.
    fn select_proposer<'a>(&self, set: &'a Set, height: H, round: Round) -> &'a Validator {
        let round = u64::from(round.as_u32().unwrap_or(0));
        let turn = height.0.wrapping_add(round) % set.0.len().max(1) as u64;
        &set.0[turn as usize]
    }
    fn new_proposal(&self, height: H, round: Round, value: Id, pol_round: Round, addr: Addr) -> Proposal {
        Proposal { height, round, value, pol_round, addr }
    }
    fn new_prevote(&self, height: H, round: Round, value: NilOrVal<Id>, addr: Addr) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, addr, ext: None }
    }
    fn new_precommit(&self, height: H, round: Round, value: NilOrVal<Id>, addr: Addr) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, addr, ext: None }
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_core_types::Context as _;

    use super::*;

    fn validators(n: u8) -> Vec<Validator> {
        let one = |seed| {
            let key = ed::PrivateKey::from([seed; 32]).public_key();
            Validator { addr: Addr::of(&key), key, power: 1 }
        };
        (1..=n).map(one).collect()
    }

    #[test]
    fn a_set_that_could_decide_nothing_is_refused() {
        assert_eq!(Set::new(vec![]), Err(SetError::Powerless));
        let mut twice = validators(3);
        twice.push(twice[0].clone());
        assert_eq!(Set::new(twice.clone()), Err(SetError::Twice(twice[0].addr)));
    }

    #[test]
    fn all_take_turns() {
        let set = Set::new(validators(4)).expect("four");
        let at = |height, round| Ctx.select_proposer(&set, H(height), Round::new(round)).addr;
        let heights: std::collections::BTreeSet<Addr> = (1..=4).map(|height| at(height, 0)).collect();
        assert_eq!(heights.len(), 4);
        assert_eq!(at(1, 1), at(2, 0));
        at(u64::MAX, u32::MAX);
    }
}
