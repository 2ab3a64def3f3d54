//! Random trees of sub-VMs on the scripted engine, beside a model that says what each of their requests must come to.
//!
//! A [`Tree`] is a plain value, to be made from bytes by `arbitrary`, so that a property test and a fuzz target share it. [`check`] runs it
//! in every role, twice, and with a part of the node failing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arbitrary::Arbitrary;
use subvm_core::costs::NONDET_RESULT_LEAST;
use subvm_core::host::{Node as NodeParts, State};
use subvm_core::{InternalError, InternalErrorKind, Params, Report, Role, Vote};
use subvm_host_mock::fault::{Fault, failing_at};

mod chain;
mod model;
mod play;
mod recorded;
mod requests;
#[cfg(feature = "engine")]
mod wasm;

use chain::{Setting, run_tree};
pub use recorded::{check_located, check_recorded};
#[cfg(feature = "engine")]
pub use wasm::{check_engines, check_wasmi};

/// Nodes of a tree.
pub const NODES: usize = 6;
/// Steps of a node.
pub const STEPS: usize = 6;

/// What the sub-VMs of a run do: node 0 is the main sub-VM's. A node may be run by many sub-VMs, and may spawn itself: budgets end that.
#[derive(Clone, Debug, Arbitrary)]
pub struct Tree {
    /// The nodes.
    pub nodes: [Node; NODES],
    /// What they may use.
    pub budgets: Budgets,
    /// What the model module says to validators.
    pub model_agrees: bool,
    /// Which fallible call of the node's parts fails in a run of its own, and whether it panics.
    pub fault: (u8, bool),
}

/// What one sub-VM does.
#[derive(Clone, Debug, Arbitrary)]
pub struct Node {
    /// First this, in order.
    pub steps: [Step; STEPS],
    /// Then this.
    pub ending: Ending,
}

/// Where bytes lie in a slot: near its beginning, or reaching beyond its end.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Place {
    /// This byte, modulo 64.
    Start(u8),
    /// So many bytes before the last.
    End(u8),
}

/// One thing that a sub-VM does.
#[derive(Clone, Debug, Arbitrary)]
pub enum Step {
    /// `storage_read`.
    Read(u8, Place, u8),
    /// `storage_write` of so many bytes of one value.
    Write(u8, Place, u8, u8),
    /// `get_self_balance`.
    OwnBalance,
    /// `EthSend` of a value.
    Send(u8),
    /// `EmitEvent`.
    Emit,
    /// `EthCall`.
    CallBelow,
    /// `ExecPrompt`; its answer is read or left pending.
    Prompt(bool),
    /// A request that is none.
    Malformed,
    /// Closes the descriptor that was opened first.
    Close,
    /// Grows a memory by so many kilobytes.
    Grow(u8),
    /// Uses so many thousand ticks.
    Work(u8),
    /// `Sandbox`.
    Sandbox {
        /// The node that it runs.
        child: u8,
        /// `allow_write_storage`.
        write: bool,
        /// `allow_send_messages`.
        send: bool,
        /// `gas_time`, in hundreds of ticks.
        time: Option<u16>,
    },
    /// `CallContract`.
    Call {
        /// The node that it runs.
        child: u8,
        /// Which address.
        callee: Callee,
        /// Which state, modulo 3.
        state: u8,
    },
    /// `RunNondet`.
    Block {
        /// The node that a leader runs.
        child: u8,
        /// What a validator's function says.
        agree: bool,
    },
    /// `RunNondetWith`.
    BlockWith {
        /// The node that it runs.
        child: u8,
        /// How validators compare.
        strategy: Strategy,
    },
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub enum Callee {
    /// The contract that runs.
    Own,
    /// Another contract.
    Other,
    /// An address without a contract.
    Nobody,
}

/// How validators compare.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Strategy {
    /// Byte for byte.
    StrictEq,
    /// Within tolerances.
    Numeric {
        /// Absolute, modulo 4.
        abs: u8,
        /// Relative, in thousandths, modulo 16.
        rel: u8,
    },
    /// By a model, from both answers.
    Comparative,
    /// By a model, from the leader's.
    NonComparative,
}

/// How a sub-VM ends.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Ending {
    /// It falls off the end.
    FallOff,
    /// `Return` of a number.
    Return(u8),
    /// `Return` of a number to which a leader adds another, modulo 4.
    Drift(u8, u8),
    /// `Return` of as many bytes.
    Long(u16),
    /// `UserError`.
    UserError(u8),
    /// `proc_exit`.
    Exit(u8),
    /// A read beyond its memory.
    Trap,
    /// A loop without end.
    Spin,
}

/// What a run may use; nothing is as much as could be wanted.
#[derive(Clone, Debug, Arbitrary)]
pub struct Budgets {
    /// RAM of each mode, in kilobytes.
    pub ram: Option<u16>,
    /// Time gas, in hundreds of ticks.
    pub time: Option<u16>,
    /// Time gas of non-deterministic sub-VMs, in hundreds of ticks.
    pub time_nondet: Option<u16>,
    /// Storage gas.
    pub storage: Option<u8>,
    /// Data gas.
    pub data: Option<u16>,
    /// Nested sub-VMs, modulo 20.
    pub depth: u8,
    /// Open descriptors, beside the first four.
    pub fds: Option<u8>,
    /// Non-deterministic blocks.
    pub blocks: Option<u8>,
    /// Bytes of a non-deterministic result, beside the fewest that parameters may allow.
    pub result: Option<u8>,
}

impl Budgets {
    /// The consensus parameters with these limits.
    #[must_use]
    pub fn params(&self) -> Params {
        /// As much time as 200 sub-VMs take: trees may be infinite.
        const TICKS: u64 = 4_000_000;
        let mut params = Params::default();
        let limits = &mut params.limits;
        limits.ram = self.ram.map_or(limits.ram, |kilobytes| u64::from(kilobytes) << 10);
        limits.gas_time = self.time.map_or(TICKS, |hundreds| u64::from(hundreds) * 100);
        limits.gas_time_nondet = self.time_nondet.map_or(TICKS, |hundreds| u64::from(hundreds) * 100);
        limits.gas_storage = self.storage.map_or(limits.gas_storage, u64::from);
        limits.gas_data = self.data.map_or(limits.gas_data, u64::from);
        limits.depth = u32::from(self.depth) % 20;
        limits.open_fds = self.fds.map_or(limits.open_fds, |fds| 4 + u32::from(fds));
        limits.nondet_blocks = self.blocks.map_or(limits.nondet_blocks, u32::from);
        limits.nondet_result = self.result.map_or(limits.nondet_result, |bytes| NONDET_RESULT_LEAST + u64::from(bytes));
        params
    }
}

/// Runs `tree` in every role, twice, and with a part of the node failing; says what is not as it must be.
///
/// # Errors
/// What was found, for people.
pub fn check(tree: &Tree) -> Result<(), String> {
    let leader = ran(tree, Role::Leader)?;
    same("a second run", &leader, &ran(tree, Role::Leader)?)?;
    let results = leader.receipt.nondet.clone();
    let follower = ran(tree, Role::Sync { results: results.clone() })?;
    same("a node that catches up", &leader, &follower)?;
    // Whether this validator should have agreed to each block is the model's to say, within.
    let validator = ran(tree, Role::Validator { results })?;
    if validator.receipt == leader.receipt && validator.vote(&leader.receipt) != Vote::Agree {
        return Err("a validator with the leader's receipt does not agree".into());
    }
    failing(tree, &leader)
}

fn ran(tree: &Tree, role: Role) -> Result<Report, String> {
    let setting = Arc::new(Setting::new(tree, role.clone()));
    let (_, result) = run_tree(&setting, setting.node());
    setting.judge(&result).map_err(|wrong| format!("as {role:x?}: {wrong}"))?;
    result.map_err(|error| format!("as {role:?}: internal error: {error}"))
}

fn same(who: &str, leader: &Report, other: &Report) -> Result<(), String> {
    if leader.receipt.digest() != other.receipt.digest() || other.vote(&leader.receipt) != Vote::Agree {
        return Err(format!("{who} comes to another receipt:\n{:?}\n{:?}", leader.receipt, other.receipt));
    }
    Ok(())
}

/// A run in which one call fails is an internal error, and the one after it is as ever.
fn failing(tree: &Tree, leader: &Report) -> Result<(), String> {
    let (nth, panics) = tree.fault;
    // The first two are asked before anything runs that could catch a panic.
    let fault = if panics && nth >= 2 { Fault::Panic } else { Fault::Error };
    let setting = Arc::new(Setting::new(tree, Role::Leader));
    let (node, calls) = failing_at(setting.node(), nth.into(), fault);
    let (node, result): (NodeParts, Result<Report, InternalError>) = run_tree(&setting, node);
    setting.judge(&result)?;
    let kind = result.as_ref().err().map(InternalError::kind);
    let reached = calls.load(Ordering::SeqCst) > nth.into();
    match (fault, kind) {
        (_, None) if !reached => {}
        (Fault::Error, Some(InternalErrorKind::Host | InternalErrorKind::Module)) if reached => {}
        (Fault::Panic, Some(InternalErrorKind::Bug)) if reached => {}
        found => return Err(format!("call {nth} failed, reached: {reached}, and the run came to {found:?}")),
    }
    if !reached {
        return Ok(());
    }
    let again = Arc::new(Setting::new(tree, Role::Leader));
    let (_, result) = run_tree(&again, node);
    match result {
        Ok(report) if report.receipt == leader.receipt => Ok(()),
        other => Err(format!("after a fault the same node comes to {other:?}")),
    }
}

/// The state that runs read.
const STATE: State = State::Accepted;
