//! What validators sign, and how it is checked. Each kind of message has a tag, and the chain's number comes first: what is signed for one
//! chain or one purpose is worth nothing for another.

use std::fmt;

use arc_malachitebft_core_types::{SignedMessage, ValidatorProof, VoteExtensionScope};
use arc_malachitebft_signing::{Error, Signer, VerificationResult, Verifier};
use arc_malachitebft_signing_ed25519 as ed;
use async_trait::async_trait;
use borsh::BorshSerialize;
use subvm_chain::{BlockId, extension_bytes, signed};
use subvm_core::Address;

use crate::types::{Ctx, Proposal, Sig, Vote};

const VOTE: u8 = 1;
const PROPOSAL: u8 = 2;

fn sealed(chain: u64, tag: u8, body: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(&("subvm consensus, version 1", chain, tag, body)).expect("a vector takes everything")
}

/// What is signed of a vote: all but its extension, which has a signature of its own.
#[must_use]
pub fn vote_bytes(chain: u64, vote: &Vote) -> Vec<u8> {
    sealed(chain, VOTE, &(vote.kind, vote.height, vote.round, vote.value, vote.addr))
}

/// What is signed of a proposal: all of it.
#[must_use]
pub fn proposal_bytes(chain: u64, proposal: &Proposal) -> Vec<u8> {
    sealed(chain, PROPOSAL, proposal)
}

/// What is signed of a vote's extension: itself, and which vote of whom it belongs to.
#[must_use]
pub fn vote_extension_bytes(chain: u64, scope: &VoteExtensionScope<Ctx>, ext: &[u8]) -> Vec<u8> {
    let round = scope.round.as_u32().unwrap_or(u32::MAX);
    let (block, validator) = (BlockId(scope.value_id.0), Address(scope.validator_address.0));
    extension_bytes(chain, scope.height.0, round, &block, &validator, ext)
}

/// Whether the signature is that key's on these bytes: as strictly as blocks are checked, or a vote could be good for consensus and spoil the
/// block that carries its extension.
#[must_use]
pub fn good(bytes: &[u8], sig: &Sig, key: &ed::PublicKey) -> bool {
    signed(key.as_bytes(), bytes, &sig.0)
}

fn verdict(bytes: &[u8], sig: &Sig, key: &ed::PublicKey) -> Result<VerificationResult, Error> {
    Ok(VerificationResult::from_bool(good(bytes, sig, key)))
}

/// Checks what others signed for one chain.
#[derive(Clone, Debug)]
pub struct Check {
    /// The chain's number.
    pub chain: u64,
}

/// Signs for one chain. What it prints as holds no secret.
#[derive(Clone)]
pub struct Keys {
    /// The chain's number.
    pub chain: u64,
    /// The validator's key.
    pub secret: ed::PrivateKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Keys {
    fn sign(&self, bytes: &[u8]) -> Sig {
        Sig(self.secret.sign(bytes).to_bytes())
    }

    /// The vote with this validator's signature.
    #[must_use]
    pub fn vote(&self, vote: Vote) -> SignedMessage<Ctx, Vote> {
        let sig = self.sign(&vote_bytes(self.chain, &vote));
        SignedMessage::new(vote, sig)
    }

    /// The proposal with this validator's signature.
    #[must_use]
    pub fn proposal(&self, proposal: Proposal) -> SignedMessage<Ctx, Proposal> {
        let sig = self.sign(&proposal_bytes(self.chain, &proposal));
        SignedMessage::new(proposal, sig)
    }

    /// The extension with this validator's signature, for the vote that it belongs to.
    #[must_use]
    pub fn extension(&self, scope: &VoteExtensionScope<Ctx>, ext: Vec<u8>) -> SignedMessage<Ctx, Vec<u8>> {
        let sig = self.sign(&vote_extension_bytes(self.chain, scope, &ext));
        SignedMessage::new(ext, sig)
    }
}

#[async_trait]
impl Verifier<Ctx> for Check {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        sig: &Sig,
        key: &ed::PublicKey,
    ) -> Result<VerificationResult, Error> {
        verdict(&vote_bytes(self.chain, vote), sig, key)
    }
    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        sig: &Sig,
        key: &ed::PublicKey,
    ) -> Result<VerificationResult, Error> {
        verdict(&proposal_bytes(self.chain, proposal), sig, key)
    }
    async fn verify_signed_vote_extension(
        &self,
        scope: &VoteExtensionScope<Ctx>,
        ext: &Vec<u8>,
        sig: &Sig,
        key: &ed::PublicKey,
    ) -> Result<VerificationResult, Error> {
        verdict(&vote_extension_bytes(self.chain, scope, ext), sig, key)
    }
    async fn verify_validator_proof(&self, proof: &ValidatorProof<Ctx>) -> Result<VerificationResult, Error> {
        match proof.decoded_public_key() {
            Ok(key) => verdict(&proof.preimage(), &proof.signature, &key),
            Err(_) => Ok(VerificationResult::Invalid),
        }
    }
}

#[async_trait]
impl Signer<Ctx> for Keys {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Ctx, Vote>, Error> {
        Ok(self.vote(vote))
    }
    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Ctx, Proposal>, Error> {
        Ok(self.proposal(proposal))
    }
    async fn sign_vote_extension(
        &self,
        scope: VoteExtensionScope<Ctx>,
        ext: Vec<u8>,
    ) -> Result<SignedMessage<Ctx, Vec<u8>>, Error> {
        Ok(self.extension(&scope, ext))
    }
    async fn sign_validator_proof(&self, key: Vec<u8>, peer: Vec<u8>) -> Result<ValidatorProof<Ctx>, Error> {
        let sig = self.sign(&ValidatorProof::<Ctx>::signing_bytes(&key, &peer));
        Ok(ValidatorProof::new(key, peer, sig))
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_core_types::{NilOrVal, Round, VoteType};
    use futures::executor::block_on;

    use super::*;
    use crate::types::{Addr, H, Id};

    fn keys(chain: u64) -> Keys {
        Keys { chain, secret: ed::PrivateKey::from([7; 32]) }
    }

    #[test]
    fn a_signature_is_worth_nothing_on_another_chain_or_message() {
        let (keys, other) = (keys(1), keys(2));
        let key = keys.secret.public_key();
        let vote = Vote {
            kind: VoteType::Precommit,
            height: H(3),
            round: Round::new(0),
            value: NilOrVal::Val(Id([1; 32])),
            addr: Addr::of(&key),
            ext: None,
        };
        let signed = block_on(keys.sign_vote(vote.clone())).expect("signs");
        let by = |chain: u64, vote: &Vote| {
            let check = Check { chain };
            block_on(check.verify_signed_vote(vote, &signed.signature, &key)).expect("answers").is_valid()
        };
        assert!(by(1, &vote));
        assert!(!by(other.chain, &vote));
        assert!(!by(1, &Vote { kind: VoteType::Prevote, ..vote.clone() }));
        assert!(!by(1, &Vote { height: H(4), ..vote.clone() }));
        assert!(!by(1, &Vote { value: NilOrVal::Nil, ..vote }));
    }

    #[test]
    fn an_extension_is_bound_to_its_vote() {
        let keys = keys(1);
        let key = keys.secret.public_key();
        let scope = |round| VoteExtensionScope::<Ctx>::new(H(3), Round::new(round), Id([1; 32]), Addr::of(&key));
        let signed = block_on(keys.sign_vote_extension(scope(0), vec![1, 2])).expect("signs");
        let check = |round, ext: &[u8]| good(&vote_extension_bytes(1, &scope(round), ext), &signed.signature, &key);
        assert!(check(0, &[1, 2]));
        assert!(!check(1, &[1, 2]) && !check(0, &[1, 3]));
    }

    #[test]
    fn no_secret_is_printed() {
        assert_eq!(format!("{:?}", keys(1)), "Keys { chain: 1, .. }");
    }
}
