//! Between consensus and its network: beside what Malachite repeats go the own votes of the rounds before, [`subvm_bft::Again`] says why.

use arc_malachitebft_app_channel::app::engine::network::{NetworkMsg, NetworkRef};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_core_consensus::LivenessMsg;
use ractor::{Actor, ActorProcessingErr, ActorRef, async_trait};
use subvm_bft::{Again, Ctx};

/// Passes everything on, and has more to say where a vote is repeated.
pub(crate) struct SayAgain {
    network: NetworkRef<Ctx>,
}

impl SayAgain {
    /// In the place of this network. The two end together.
    pub(crate) async fn before(network: NetworkRef<Ctx>) -> eyre::Result<NetworkRef<Ctx>> {
        let (actor, _) = Actor::spawn(None, Self { network }, ()).await?;
        Ok(actor)
    }
}

#[async_trait]
impl Actor for SayAgain {
    type Msg = NetworkMsg<Ctx>;
    type State = Again;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Again, ActorProcessingErr> {
        self.network.link(myself.get_cell());
        Ok(Again::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        again: &mut Again,
    ) -> Result<(), ActorProcessingErr> {
        match &message {
            // After a restart, too: Malachite publishes what its log tells it once more.
            NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Vote(vote)) => again.said(vote),
            NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote)) => {
                for before in again.beside(vote) {
                    metrics::counter!("node_votes_again_total").increment(1);
                    self.network.cast(NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(before)))?;
                }
            }
            _ => {}
        }
        Ok(self.network.cast(message)?)
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_app_channel::app::types::core::{NilOrVal, Round, SignedMessage, VoteType};
    use subvm_bft::{Addr, H, Id, Sig, SignedVote, Vote};
    use tokio::sync::mpsc;

    use super::*;

    /// A network that tells what it is to send.
    struct Wire(mpsc::UnboundedSender<NetworkMsg<Ctx>>);

    #[async_trait]
    impl Actor for Wire {
        type Msg = NetworkMsg<Ctx>;
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<Self::Msg>,
            message: Self::Msg,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            self.0.send(message).map_err(|_| "the test is over")?;
            Ok(())
        }
    }

    fn vote(kind: VoteType, round: u32) -> SignedVote {
        let ext = (kind == VoteType::Precommit).then(|| SignedMessage::new(vec![7], Sig([7; 64])));
        let (height, round, value, addr) = (H(5), Round::new(round), NilOrVal::Val(Id([1; 32])), Addr([1; 20]));
        SignedMessage::new(Vote { kind, height, round, value, addr, ext }, Sig([9; 64]))
    }

    /// What kept six validators at one height: a precommit of a round before, which Malachite does not repeat.
    #[tokio::test]
    async fn a_precommit_of_the_round_before_goes_out_again_with_its_extension() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (wire, _) = Actor::spawn(None, Wire(tell), ()).await.expect("begins");
        let network = SayAgain::before(wire.clone()).await.expect("begins");
        let said = [vote(VoteType::Prevote, 0), vote(VoteType::Precommit, 0), vote(VoteType::Prevote, 1)];
        for vote in said.clone() {
            network.cast(NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Vote(vote))).expect("takes it");
        }
        network.cast(NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(said[2].clone()))).expect("takes it");
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push(match told.recv().await.expect("sends") {
                NetworkMsg::PublishConsensusMsg(SignedConsensusMsg::Vote(vote)) => (false, vote),
                NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote)) => (true, vote),
                _ => panic!("nobody said that"),
            });
        }
        let [first, second, third] = said;
        let published = [&first, &second, &third].map(|vote| (false, vote.clone()));
        assert_eq!(sent[..3], published);
        assert_eq!(sent[3..], [(true, first), (true, second), (true, third)]);
        // They end together.
        wire.stop(None);
        while network.cast(NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote(VoteType::Prevote, 2)))).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
