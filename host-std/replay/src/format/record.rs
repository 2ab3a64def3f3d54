//! What a recording consists of.

use std::time::Duration;

use subvm_core::host::{EthAnswer, State};
use subvm_core::{Address, Entry, InternalErrorKind, Invalid, Mode, Permissions, Role, SlotId};

use super::function::{ARGS, Function};
use super::sample::Sample;

/// One thing that a run was told or did, in the order in which it was. Source: `docs/spec/recording.md`, *Records*.
///
/// ```
/// use subvm_replay::{Reader, Record, Recorder, Options};
/// # use subvm_core::{Entry, Message, Role, Run, host::State};
/// # use subvm_host_mock::{MemoryHost, ScriptedEngine};
/// # let (host, mut engine) = (MemoryHost::new(), ScriptedEngine::new());
/// # let transaction = Run {
/// #     message: Message::default(),
/// #     entry: Entry::Contract,
/// #     role: Role::Leader,
/// #     params: Default::default(),
/// #     state: State::Accepted,
/// #     deadline: None,
/// #     cancel: None,
/// # };
/// # host.deploy(transaction.message.contract_address, engine.script(|machine| machine.wasi("sched_yield", &[]).map(drop)));
/// # let sink = subvm_replay::Buffer::default();
/// let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), Options::default());
/// let (node, _) = subvm_core::run(std::sync::Arc::new(engine), node, transaction);
/// recorder.finish(node);
/// let bytes = sink.bytes();
/// let records = Reader::new(&*bytes).unwrap().map(Result::unwrap);
/// assert_eq!(records.filter(|record| matches!(record, Record::Enters(call) if call.function.name() == "sched_yield")).count(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// What every node is given.
    Given(Given),
    /// What this node's part was.
    Part(Part),
    /// A sub-VM begins.
    Begins(Begins),
    /// The sub-VM that began last ends.
    Ends(Ends),
    /// A host call begins.
    Enters(Enters),
    /// The host call that began last in the sub-VM ends.
    Exits(Exits),
    /// The node was asked, and answered.
    Asked(Asked),
    /// A package, for who has only its digest.
    Package(Vec<u8>),
    /// The run ends; the last record.
    RunEnds(RunEnds),
}

/// What every node of a chain is given for a transaction.
///
/// ```
/// use subvm_core::{Entry, host::State};
/// use subvm_replay::Given;
/// let given = Given { message: Vec::new(), entry: Entry::Contract, state: State::Accepted, params: Vec::new() };
/// assert_eq!(given.clone(), given);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The message: its bytes as of descriptor 0, without an instant.
    pub message: Vec<u8>,
    /// What runs.
    pub entry: Entry,
    /// The state that the run reads.
    pub state: State,
    /// The bytes of the consensus parameters.
    pub params: Vec<u8>,
}

/// What differs between nodes from the start.
///
/// ```
/// use subvm_core::Role;
/// let part = subvm_replay::Part { role: Role::Leader, deadline: None };
/// assert_eq!(part.clone(), part);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The role, with the leader's results where there are some.
    pub role: Role,
    /// How long the run might take.
    pub deadline: Option<Duration>,
}

/// The beginning of a sub-VM.
///
/// ```
/// use subvm_core::{Address, Mode, Permissions};
/// use subvm_replay::Begins;
/// let begins = Begins { mode: Mode::Deterministic, contract: Address::default(), permissions: Permissions::all(), ticks: 1_000 };
/// assert_eq!(begins, begins.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begins {
    /// Its mode.
    pub mode: Mode,
    /// The contract that it runs.
    pub contract: Address,
    /// What it may do.
    pub permissions: Permissions,
    /// Its limit of time gas, in ticks.
    pub ticks: i64,
}

/// The end of a sub-VM.
///
/// ```
/// use subvm_replay::{Ends, Sample};
/// let ends = Ends { result: Ok(Sample::of(&[0, 0])), ticks: 20 };
/// assert_eq!(ends, ends.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The bytes of its outcome, or whose fault it is that there is none.
    pub result: Result<Sample, InternalErrorKind>,
    /// Time gas that it used, in ticks.
    pub ticks: u64,
}

/// The beginning of a host call.
///
/// ```
/// use subvm_replay::{Enters, Function};
/// let call = Enters { function: Function::named("fd_close").unwrap(), ticks: 7, args: Enters::args_of(&[4]), given: None };
/// assert_eq!(call.to_string(), "fd_close(fd=4) with 7 ticks left");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enters {
    /// What is called.
    pub function: Function,
    /// Time gas left before it, in ticks.
    pub ticks: i64,
    /// Its arguments, each widened without sign; zeros behind the last.
    pub args: [u64; ARGS],
    /// What it is given in memory: a path, a slot, an address, a request. Nothing for other functions.
    pub given: Option<Sample>,
}

impl Enters {
    /// Arguments, as a record has them.
    #[must_use]
    pub fn args_of(args: &[u64]) -> [u64; ARGS] {
        let mut all = [0; ARGS];
        all.iter_mut().zip(args).for_each(|(to, from)| *to = *from);
        all
    }

    /// As many arguments as the function has.
    pub(crate) fn own_args(&self) -> &[u64] {
        self.args.get(..self.function.params().len()).unwrap_or_default()
    }
}

/// The end of a host call.
///
/// ```
/// let exits = subvm_replay::Exits { errno: Some(8), ticks: 90, moved: None };
/// assert_eq!(exits.to_string(), "errno 8 with 90 ticks left");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exits {
    /// Its errno, or nothing where it ended the sub-VM.
    pub errno: Option<u32>,
    /// Time gas left after it, in ticks.
    pub ticks: i64,
    /// What a call that succeeded moved to or from memory. Nothing for functions that move nothing.
    pub moved: Option<Sample>,
}

/// A question to one of the node's five parts, and what it said.
///
/// ```
/// use subvm_replay::{Answer, Ask, Asked};
/// let asked = Asked { ask: Ask::TransactionTime, answer: Answer::Nanos(0) };
/// assert_eq!(asked.to_string(), "the transaction's time: 0 ns");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub ask: Ask,
    /// The answer.
    pub answer: Answer,
}

/// A question to one of the node's parts.
///
/// ```
/// use subvm_replay::Ask;
/// assert_eq!(Ask::Random { len: 16 }.to_string(), "16 random bytes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// `Storage::read`.
    Storage {
        /// The state.
        state: State,
        /// Whose.
        contract: Address,
        /// The slot.
        slot: SlotId,
        /// The first byte.
        index: u32,
        /// Bytes.
        len: u32,
    },
    /// `Clock::transaction_time`.
    TransactionTime,
    /// `Clock::elapsed`, within a `gl_call`: elsewhere it changes no result.
    Elapsed,
    /// `Rng::fill`.
    Random {
        /// Bytes.
        len: u64,
    },
    /// `Host::balance`.
    Balance {
        /// The state.
        state: State,
        /// Whose.
        address: Address,
    },
    /// `Host::code`.
    Code {
        /// The state.
        state: State,
        /// Whose.
        address: Address,
    },
    /// `Host::locked_slots`.
    LockedSlots {
        /// Whose.
        contract: Address,
    },
    /// `Host::eth_call`.
    EthCall {
        /// The state.
        state: State,
        /// Who is called.
        address: Address,
        /// With what.
        calldata: Vec<u8>,
    },
    /// `Modules::start`.
    Start {
        /// The request, as the guest made it.
        request: Vec<u8>,
    },
    /// `Modules::wait`, once there is an answer.
    Wait {
        /// The number of the request.
        id: u64,
    },
}

/// What a part of the node said. Which one fits which question stands in the specification.
///
/// ```
/// use subvm_replay::Answer;
/// assert_eq!(Answer::Failed("the disk is gone".into()).to_string(), "failed: the disk is gone");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Bytes of storage, random ones, a balance, a module's result.
    Bytes(Vec<u8>),
    /// An instant, or a span, in nanoseconds.
    Nanos(u64),
    /// What stands at an address.
    Code(CodeAnswer),
    /// Locked slots.
    Slots(Vec<SlotId>),
    /// What a call below came to.
    Eth(EthAnswer),
    /// The number of a request that was started.
    Id(u64),
    /// It failed, with this text.
    Failed(String),
    /// It panicked.
    Panicked,
}

/// What stands at an address.
///
/// ```
/// assert_ne!(subvm_replay::CodeAnswer::Nothing, subvm_replay::CodeAnswer::Package([0; 32]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeAnswer {
    /// No contract.
    Nothing,
    /// The package with this digest.
    Package([u8; 32]),
    /// No package.
    Malformed(Invalid),
}

/// The end of a run.
///
/// ```
/// let ends = subvm_replay::RunEnds(Ok([0; 32]));
/// assert_eq!(ends, ends.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnds(
    /// The receipt's digest, or whose fault it is that there is none, and what was said.
    pub Result<[u8; 32], (InternalErrorKind, String)>,
);
