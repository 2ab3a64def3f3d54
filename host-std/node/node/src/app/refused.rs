//! Blocks that were decided, and that this node had refused. Malachite decides nothing that its application calls invalid: where it is shown the
//! votes of more than two thirds for such a block it logs that, waits, and tells the application in no message. Its events have it.

use arc_malachitebft_app_channel::app::engine::util::events::Event;
use arc_malachitebft_app_channel::app::events::TxEvent;
use arc_malachitebft_app_channel::app::types::ProposedValue;
use arc_malachitebft_app_channel::app::types::core::ValueOrigin;
use subvm_bft::Ctx;
use subvm_chain::Fault;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::{App, Diverged};

/// Tells of each block that came with votes enough to be decided, and that this node calls invalid. Malachite has looked at the votes, and that
/// they are for this block, before it has a value of this origin: no single peer can make up one.
pub(super) fn watch(events: &TxEvent<Ctx>) -> mpsc::UnboundedReceiver<ProposedValue<Ctx>> {
    let (tell, told) = mpsc::unbounded_channel();
    let mut events = events.subscribe();
    // Beside the application, which may be slower than events are kept.
    tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(Event::ReceivedProposedValue(value, ValueOrigin::Sync)) if value.validity.is_invalid() => {
                    if tell.send(value).is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => tracing::warn!(count, "events of consensus were missed"),
                Err(RecvError::Closed) => return,
            }
        }
    });
    told
}

impl App {
    /// The others decided this block, and it still does not follow here: an error, after which this node takes part no more.
    pub(super) fn refused(&self, value: &ProposedValue<Ctx>) -> Result<(), Diverged> {
        let height = value.height.0;
        // This node has come further since, by another block that it was shown.
        let Some((block, _)) = self.blocks.get(&value.value).filter(|_| height == self.chain.height() + 1) else {
            return Ok(());
        };
        let verdict = tokio::task::block_in_place(|| self.chain.validate(block));
        verdict.map_err(|why| Diverged { height, fault: Fault::Block(why) })
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_app_channel::app::types::core::{Round, Validity};
    use subvm_bft::{Addr, H, Id};

    use super::*;

    #[tokio::test]
    async fn only_what_was_decided_and_is_invalid_here_is_told() {
        let events = TxEvent::new();
        let mut told = watch(&events);
        let value = |id: u8, validity| ProposedValue::<Ctx> {
            height: H(5),
            round: Round::new(0),
            valid_round: Round::Nil,
            proposer: Addr([1; 20]),
            value: Id([id; 32]),
            validity,
        };
        // A proposal that breaks a rule is its proposer's fault, as long as nobody decides it.
        events.send(|| Event::ReceivedProposedValue(value(1, Validity::Invalid), ValueOrigin::Consensus));
        events.send(|| Event::ReceivedProposedValue(value(2, Validity::Valid), ValueOrigin::Sync));
        events.send(|| Event::WalReplayDone(H(5)));
        events.send(|| Event::ReceivedProposedValue(value(3, Validity::Invalid), ValueOrigin::Sync));
        assert_eq!(told.recv().await.map(|value| value.value), Some(Id([3; 32])));
        drop(events);
        assert!(told.recv().await.is_none(), "consensus has ended");
    }
}
