//! Who runs the calls of a chain. A node that records its runs is one; without it, the core's own `run` does.

use std::fmt;
use std::sync::Arc;

use subvm_core::host::Node;
use subvm_core::{Address, Engine, InternalError, Report, Run};

use crate::ids::{CallId, TxId};

/// Which run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The height: of the block that the run is part of; of the last block, where it is beside the chain.
    pub height: u64,
    /// The call.
    pub call: CallId,
    /// The transaction that led to it.
    pub tx: TxId,
    /// The contract.
    pub contract: Address,
    /// What the run is for.
    pub purpose: Purpose,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Every node makes it when it applies the block, and all come to the same.
    Block,
    /// A leader makes it, and proposes what the web said.
    Lead,
    /// A validator makes it, to judge a leader's results.
    Judge,
}

impl Purpose {
    /// A word for it, which does not change.
    ///
    /// ```
    /// assert_eq!(subvm_chain::Purpose::Judge.name(), "judge");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Lead => "lead",
            Self::Judge => "judge",
        }
    }
}

/// What came of a run.
pub struct Ran {
    /// What it came to.
    pub report: Result<Report, InternalError>,
    /// Called where the result counts. Where calls run in parallel, one may run ahead of its turn, on a state that it does not meet: this is
    /// dropped then, and the call is run again.
    pub keep: Option<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ran").field("report", &self.report).finish_non_exhaustive()
    }
}

/// Runs the calls of a chain, in the place of [`run`](subvm_core::run). It has to come to what that comes to: it may watch, and no more.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use subvm_chain::{About, Action, Chain, Ran, Runner, sample};
/// use subvm_core::{Address, Engine, Run, host::Node};
/// use subvm_host_mock::ScriptedEngine;
///
/// /// Counts the ticks of all runs whose results count.
/// #[derive(Default)]
/// struct Ticks(Arc<AtomicU64>);
/// impl Runner for Ticks {
///     fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, _: &About) -> Ran {
///         let report = subvm_core::run(engine, node, run).1;
///         let (sum, ticks) = (Arc::clone(&self.0), report.as_ref().map_or(0, |report| report.receipt.gas.time));
///         Ran { report, keep: Some(Box::new(move || { sum.fetch_add(ticks, Ordering::Relaxed); })) }
///     }
/// }
///
/// let (mut engine, to, ticks) = (ScriptedEngine::new(), Address([7; 20]), Ticks::default());
/// let mut genesis = sample::genesis(1);
/// genesis.contracts.push((to, engine.script(|machine| machine.work(1_000))));
/// let mut chain = Chain::new(Arc::new(genesis), Arc::new(engine))?;
/// let sum = Arc::clone(&ticks.0);
/// chain.run_by(Arc::new(ticks));
/// let call = sample::tx(0, 0, false, Action::Call { to, value: 0, data: Vec::new() });
/// chain.apply(&chain.propose(sample::validator(0), None, [call], Vec::new()))?;
/// assert!(sum.load(Ordering::Relaxed) >= 1_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Runner: Send + Sync {
    /// Runs a call.
    fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, about: &About) -> Ran;
}

/// The core's `run`.
pub(crate) struct Plain;

impl Runner for Plain {
    fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, _: &About) -> Ran {
        Ran { report: subvm_core::run(engine, node, run).1, keep: None }
    }
}
