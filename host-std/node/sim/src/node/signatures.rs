//! Signatures of consensus, as the node looks at them; but where a scenario says that nobody does.

use std::future::Future;

use arc_malachitebft_core_consensus::{ConsensusMsg, VoteExtensionError};
use arc_malachitebft_core_types::{
    CertificateError, CommitCertificate, ExtendedCommitCertificate, PolkaCertificate, RoundCertificate, SignedMessage,
    ThresholdParams, VoteExtensionPolicy, VoteExtensionScope,
};
use arc_malachitebft_signing::VerifierExt;
use arc_malachitebft_signing_ed25519 as ed;
use futures::FutureExt;
use subvm_bft::sign::{good, proposal_bytes, vote_bytes, vote_extension_bytes};
use subvm_bft::{Check, Ctx, Set};
use subvm_chain::Extension;

use super::World;
use crate::slip::Slip;

type Checked = Result<(), CertificateError<Ctx>>;

/// Who looks at them.
pub(super) struct Signatures {
    check: Check,
    trusting: bool,
}

impl World<'_> {
    pub(super) fn signatures(&self) -> Signatures {
        let check = Check { chain: self.beginning.genesis.chain_id };
        Signatures { check, trusting: self.scenario.slip == Some(Slip::Trusting) }
    }
}

/// What is known at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("to look at a signature waits for nothing")
}

impl Signatures {
    fn unless_trusting(&self, checked: impl Future<Output = Checked>) -> Checked {
        if self.trusting { Ok(()) } else { now(checked) }
    }

    pub(super) fn message(&self, message: &SignedMessage<Ctx, ConsensusMsg<Ctx>>, key: &ed::PublicKey) -> bool {
        let bytes = match &message.message {
            ConsensusMsg::Vote(vote) => vote_bytes(self.check.chain, vote),
            ConsensusMsg::Proposal(proposal) => proposal_bytes(self.check.chain, proposal),
        };
        self.trusting || good(&bytes, &message.signature, key)
    }

    pub(super) fn extension(
        &self,
        scope: &VoteExtensionScope<Ctx>,
        extension: &SignedMessage<Ctx, Vec<u8>>,
        key: &ed::PublicKey,
    ) -> Result<(), VoteExtensionError> {
        let formed = Extension::from_bytes(&extension.message).is_ok();
        let bytes = vote_extension_bytes(self.check.chain, scope, &extension.message);
        if formed && (self.trusting || good(&bytes, &extension.signature, key)) {
            Ok(())
        } else {
            Err(VoteExtensionError::InvalidVoteExtension)
        }
    }

    pub(super) fn commit(&self, it: &CommitCertificate<Ctx>, set: &Set, thresholds: ThresholdParams) -> Checked {
        self.unless_trusting(self.check.verify_commit_certificate(&Ctx, it, set, thresholds))
    }

    pub(super) fn extended(
        &self,
        it: &ExtendedCommitCertificate<Ctx>,
        set: &Set,
        thresholds: ThresholdParams,
        policy: VoteExtensionPolicy,
    ) -> Checked {
        self.unless_trusting(self.check.verify_extended_commit_certificate(&Ctx, it, set, thresholds, policy))
    }

    pub(super) fn polka(&self, it: &PolkaCertificate<Ctx>, set: &Set, thresholds: ThresholdParams) -> Checked {
        self.unless_trusting(self.check.verify_polka_certificate(&Ctx, it, set, thresholds))
    }

    pub(super) fn round(&self, it: &RoundCertificate<Ctx>, set: &Set, thresholds: ThresholdParams) -> Checked {
        self.unless_trusting(self.check.verify_round_certificate(&Ctx, it, set, thresholds))
    }
}
