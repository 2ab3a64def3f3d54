//! What a block led to.

use std::fmt;
use std::sync::Arc;

use subvm_core::{Address, Ballot, InternalError, PageWrite, Receipt};

use crate::ids::{CallId, TxId};
use crate::refusal::Refusal;

/// How a call stands after a block. Those above `Pending` are its end, unless an appeal turns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It moved money, and ran nothing.
    Moved,
    /// It ran to its end and returned: what it did is done.
    Returned,
    /// It ran, and failed: its money is back.
    Failed,
    /// It could not begin: its money is back.
    Bounced(&'static str),
    /// The transaction counts no more, in a chain that was replayed after an appeal.
    Void(Refusal),
    /// It waits for a leader's results.
    Pending,
    /// A leader proposed results, and a committee votes.
    Proposed,
    /// A leader's results were none that the contract could have had: the next one's turn.
    Faulty,
    /// The committee did not accept the results: the next leader's turn.
    NextLeader,
    /// The committee accepted the results, and what the call did is done.
    Accepted,
    /// No leader's results were accepted: its money is back.
    Undetermined,
    /// Somebody appealed, and a larger committee votes.
    Appealed,
    /// The larger committee came to the same: the bond is lost.
    Upheld,
    /// The larger committee came to the opposite: the chain is replayed with that.
    Turned,
}

impl Status {
    /// A code, which does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::Bounced(_) => "bounced",
            Self::Void(_) => "void",
            Self::Pending => "pending",
            Self::Proposed => "proposed",
            Self::Faulty => "faulty",
            Self::NextLeader => "next_leader",
            Self::Accepted => "accepted",
            Self::Undetermined => "undetermined",
            Self::Appealed => "appealed",
            Self::Upheld => "upheld",
            Self::Turned => "turned",
        }
    }

    /// Whether the call has ended with it.
    #[must_use]
    pub fn ended(&self) -> bool {
        matches!(
            self,
            Self::Moved
                | Self::Returned
                | Self::Failed
                | Self::Bounced(_)
                | Self::Void(_)
                | Self::Accepted
                | Self::Undetermined
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bounced(why) => write!(f, "bounced: {why}"),
            Self::Void(why) => write!(f, "void: {why}"),
            other => f.write_str(other.code()),
        }
    }
}

/// What happened to a call in a block.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The call.
    pub call: CallId,
    /// The transaction that led to it.
    pub tx: TxId,
    /// The contract, or the account that got money.
    pub contract: Address,
    /// How it stands.
    pub status: Status,
    /// What its run came to, where it ran.
    pub receipt: Option<Arc<Receipt>>,
    /// What it cost, beside what its transaction cost at once.
    pub fee: u128,
    /// Whose results were voted on.
    pub leader: Option<Address>,
    /// What each member of the committee said, where there was a vote; `None`: nothing in time.
    pub votes: Vec<(u16, Option<Ballot>)>,
}

/// What a block led to.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The height.
    pub height: u64,
    /// The digest of the state after it.
    pub root: [u8; 32],
    /// What happened, in its order. Where the chain was rolled back, with what happened anew since.
    pub outcomes: Vec<(u64, Outcome)>,
    /// The pages that were written: at which height, and of which contract.
    pub writes: Vec<(u64, Address, Vec<PageWrite>)>,
    /// The height that the chain went back to before it came to this one again, after an appeal turned a result.
    pub rolled_back: Option<u64>,
    /// The highest block that is final.
    pub finalized: u64,
}

impl Applied {
    /// Of no block.
    pub(crate) fn nothing() -> Self {
        let (outcomes, writes) = (Vec::new(), Vec::new());
        Self { height: 0, root: [0; 32], outcomes, writes, rolled_back: None, finalized: 0 }
    }
}

/// Why this node cannot go on, through no fault of the block's. It must not vote any more, and does not know the state.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The block does not follow: it was not validated, or is not the one that was decided.
    Block(crate::InvalidBlock),
    /// A run that must come to the same everywhere came to nothing here.
    Execution(InternalError),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(invalid) => write!(
                f,
                "a block that was decided does not follow here: {invalid}; this node's state is not the others'"
            ),
            Self::Execution(error) => {
                write!(
                    f,
                    "a run that every node can make failed on this one: {error}; stop the node, and look at the machine"
                )
            }
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Block(invalid) => Some(invalid),
            Self::Execution(error) => Some(error),
        }
    }
}
