//! Between consensus and its network: beside what Malachite repeats go the own votes of the rounds before, [`subvm_bft::Again`] says why.

use arc_malachitebft_app_channel::app::engine::network::{NetworkMsg, NetworkRef};
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_core_consensus::LivenessMsg;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent, async_trait};
use subvm_bft::{Again, Ctx};

/// How long the network has to hang up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

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

    /// The network ended: whoever watches over it from above is told why, as if this were not between them.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        _: &mut Again,
    ) -> Result<(), ActorProcessingErr> {
        let ended = matches!(event, SupervisionEvent::ActorTerminated(..) | SupervisionEvent::ActorFailed(..));
        myself.notify_supervisor_and_monitors(event);
        if ended {
            myself.stop(Some("its network ended".into()));
        }
        Ok(())
    }

    /// The network hangs up before this is over: whoever waits for one waits for both.
    async fn post_stop(&self, _: ActorRef<Self::Msg>, _: &mut Again) -> Result<(), ActorProcessingErr> {
        // An error says that it is over already, or hangs: there is nothing left to do about it then.
        let _ = self.network.stop_and_wait(None, Some(PATIENCE)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use arc_malachitebft_app_channel::app::types::core::{NilOrVal, Round, SignedMessage, VoteType};
    use subvm_bft::{Addr, H, Id, Sig, SignedVote, Vote};
    use tokio::sync::mpsc;

    use super::*;

    /// A network that tells what it is to send, and takes its time to hang up.
    struct Wire(mpsc::UnboundedSender<NetworkMsg<Ctx>>, Arc<AtomicBool>);

    impl Wire {
        fn new() -> (Self, mpsc::UnboundedReceiver<NetworkMsg<Ctx>>, Arc<AtomicBool>) {
            let ((tell, told), over) = (mpsc::unbounded_channel(), Arc::<AtomicBool>::default());
            (Self(tell, Arc::clone(&over)), told, over)
        }
    }

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
            self.0.send(message).map_err(|_| "the line is dead")?;
            Ok(())
        }

        async fn post_stop(&self, _: ActorRef<Self::Msg>, (): &mut ()) -> Result<(), ActorProcessingErr> {
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.1.store(true, Ordering::SeqCst);
            Ok(())
        }
    }

    /// Whoever watches over a node's parts: tells how they end.
    struct Above(mpsc::UnboundedSender<String>);

    #[async_trait]
    impl Actor for Above {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle_supervisor_evt(
            &self,
            _: ActorRef<()>,
            event: SupervisionEvent,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            let text = match event {
                SupervisionEvent::ActorFailed(_, why) => format!("failed: {why}"),
                SupervisionEvent::ActorTerminated(.., why) => format!("ended: {}", why.unwrap_or_default()),
                _ => return Ok(()),
            };
            Ok(self.0.send(text)?)
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
        let (wire, mut told, _) = Wire::new();
        let (wire, _) = Actor::spawn(None, wire, ()).await.expect("begins");
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
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn who_stops_it_has_waited_for_the_network_too() {
        let (wire, _told, over) = Wire::new();
        let (wire, _) = Actor::spawn(None, wire, ()).await.expect("begins");
        let network = SayAgain::before(wire).await.expect("begins");
        network.stop_and_wait(None, None).await.expect("stops");
        assert!(over.load(Ordering::SeqCst), "the network had not hung up yet");
    }

    #[tokio::test]
    async fn why_the_network_failed_is_told_above() {
        let (tell, mut ends) = mpsc::unbounded_channel();
        let (above, _) = Actor::spawn(None, Above(tell), ()).await.expect("begins");
        let (wire, told, _) = Wire::new();
        let (wire, _) = Actor::spawn(None, wire, ()).await.expect("begins");
        let network = SayAgain::before(wire).await.expect("begins");
        network.link(above.get_cell());
        drop(told);
        network.cast(NetworkMsg::PublishLivenessMsg(LivenessMsg::Vote(vote(VoteType::Prevote, 0)))).expect("takes it");
        assert_eq!(ends.recv().await.as_deref(), Some("failed: the line is dead"));
        assert_eq!(ends.recv().await.as_deref(), Some("ended: its network ended"));
    }
}
