//! The transactions of a block, optimistically and in parallel, with the receipts of one after the other.
//!
//! Transactions are begun ahead of their turn, on what those before them have written so far. What each reads is written down; when its turn comes,
//! and all before it are settled, it is checked that it would read the same now. If not, it is run again, on the settled state. So whatever threads
//! do, what comes out is what comes out of one after the other, and each transaction runs at most twice.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_block::{Effects, Executor};
//! use subvm_core::{Address, Entry, InternalError, Message, Role, Run, host::State, run};
//! use subvm_host_mock::{MemoryHost, ScriptedEngine};
//!
//! // A contract that counts, on a chain in memory and an engine for tests, where yours stand in a node.
//! let (mut engine, host) = (ScriptedEngine::new(), MemoryHost::new());
//! let counter = engine.script(|machine| {
//!     let count = machine.storage_read(0, 0, 1)?.unwrap()[0];
//!     machine.storage_write(0, 0, &[count + 1])?;
//!     machine.end_with("Return", count)
//! });
//! let (engine, contracts) = (Arc::new(engine), [1, 2, 1, 3, 1].map(|number| Address([number; 20])));
//! contracts.iter().for_each(|contract| host.deploy(*contract, counter.clone()));
//!
//! let block = Executor::new(2).execute(contracts.len(), |view| {
//!     let contract_address = contracts[view.number()];
//!     let (message, cancel) = (Message { contract_address, ..Message::default() }, Some(view.cancel().clone()));
//!     let (entry, role, state) = (Entry::Contract, Role::Sync { results: Vec::new() }, State::Accepted);
//!     // Made here, for each attempt, of a state that does not move meanwhile.
//!     let node = view.node(host.node());
//!     let report = run(engine.clone(), node, Run { message, entry, role, params: Arc::default(), state, deadline: None, cancel }).1?;
//!     let mut effects = Effects::new();
//!     effects.receipt(contract_address, &report.receipt);
//!     Ok::<_, InternalError>((report.receipt, effects))
//! });
//! assert!(matches!(block.end, subvm_block::End::Done));
//! for (contract, receipt) in contracts.iter().zip(&block.kept) {
//!     host.apply(State::Accepted, *contract, receipt);
//! }
//! # let mut byte = [0];
//! # host.node().storage.read(State::Accepted, &contracts[0], &Default::default(), 0, &mut byte).unwrap();
//! # assert_eq!(byte, [3]);
//! ```

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use subvm_core::Cancel;

mod attempt;
mod item;
mod memory;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod numbers;
mod pace;
mod schedule;
mod sync;
mod view;
mod work;

pub use attempt::Overtaken;
pub use item::{Effects, Held, Item};
pub use memory::Change;
pub use view::View;

use attempt::Attempt;
use work::Work;

/// Parts of the memory of versions, each with a lock of its own.
const PARTS: usize = 64;
/// Transactions begun ahead, for each thread, where one does not choose.
const AHEAD: usize = 8;

/// Executes blocks. It holds nothing but its choices.
///
/// ```
/// use subvm_block::{Effects, Executor};
/// let squares = Executor::new(2).execute(4, |view| Ok::<_, ()>((view.number().pow(2), Effects::new())));
/// assert_eq!(squares.kept, [0, 1, 4, 9]);
/// ```
#[derive(Clone, Debug)]
pub struct Executor {
    threads: usize,
    ahead: usize,
    cancel: Cancel,
}

impl Default for Executor {
    /// As many threads as there are processors.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Executor {
    /// On so many threads, of which the caller's is one: at least 1.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Self { threads, ahead: (threads - 1) * AHEAD, cancel: Cancel::new() }
    }

    /// Transactions that may be begun ahead of the lowest that is not settled; eight for each further thread where nothing is said. What these
    /// have read and written is held: 16,384 readings each, and the pages that storage gas pays for.
    #[must_use]
    pub fn ahead(self, ahead: usize) -> Self {
        Self { ahead, ..self }
    }

    /// What calls blocks off: the runs under way end, as far as they were given [`View::cancel`], and the block with them.
    #[must_use]
    pub fn cancel(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Executes a block of `count` transactions. `run` runs one of them, which [`View::number`] names, and says what it comes to and what it
    /// changes. It is called from several threads at once, and at most twice for each transaction.
    ///
    /// `run` must come to the same whenever it learns the same through its view. An error ends the block only where it came on the settled
    /// state; one of an attempt ahead is thrown away as its result would be. The same is true of panics.
    ///
    /// # Panics
    /// Where `run` panics on the settled state: with what it panicked with, after all threads have ended.
    pub fn execute<T: Send, E: Send>(
        &self,
        count: usize,
        run: impl Fn(&View) -> Result<(T, Effects), E> + Sync,
    ) -> Executed<T, E> {
        self.execute_while(count, run, |_, _| true)
    }

    /// As [`execute`](Self::execute), and asks `keep` of each transaction whether the block goes on with it: in their order, once each, never two at
    /// once. Where it says no, that transaction and all after it are not of the block: for limits of a block that depend on what its transactions
    /// used.
    ///
    /// ```
    /// use subvm_block::{Effects, End, Executor};
    /// let mut left = 10;
    /// let keep = |_, used: &u64| {
    ///     left -= *used as i64;
    ///     left >= 0
    /// };
    /// let block = Executor::new(2).execute_while(9, |view| Ok::<_, ()>((view.number() as u64, Effects::new())), keep);
    /// assert_eq!(block.kept, [0, 1, 2, 3, 4]);
    /// assert!(matches!(block.end, End::Enough));
    /// ```
    ///
    /// # Panics
    /// As [`execute`](Self::execute), and where `keep` panics.
    pub fn execute_while<T: Send, E: Send>(
        &self,
        count: usize,
        run: impl Fn(&View) -> Result<(T, Effects), E> + Sync,
        keep: impl FnMut(usize, &T) -> bool + Send,
    ) -> Executed<T, E> {
        let run = |attempt: &Arc<Attempt<Item, Held>>| {
            run(&View(Arc::clone(attempt))).map(|(value, effects)| (value, effects.merged()))
        };
        let threads = self.threads.min(count);
        let ahead = if threads > 1 { self.ahead } else { 0 };
        let work = Work::new(count, PARTS, ahead, self.cancel.clone(), run, keep);
        thread::scope(|scope| {
            for number in 1..threads {
                let thread = thread::Builder::new().name(format!("subvm-block-{number}"));
                // Where the system gives no thread, those that there are do the work.
                if thread.spawn_scoped(scope, || work.work()).is_err() {
                    break;
                }
            }
            work.work();
        });
        let work::Outcome { kept, changes, end } = work.outcome();
        let end = match end {
            work::End::Done => End::Done,
            work::End::Enough => End::Enough,
            work::End::Error(error) => End::Error(error),
            work::End::Panic(panic) => resume_unwind(panic),
        };
        Executed { kept, changes, end }
    }
}

/// What a block came to.
///
/// ```
/// use subvm_block::{Change, Effects, Executor, Held, Item};
/// use subvm_core::Address;
/// let proposer = Address([7; 20]);
/// let block = Executor::default().execute(3, |_| {
///     let (mut effects, mut fee) = (Effects::new(), [0; 32]);
///     fee[0] = 5;
///     effects.credit(proposer, fee);
///     Ok::<_, ()>(((), effects))
/// });
/// let [(item, Change::Add(Held::Amount(fees)))] = &block.changes[..] else { unreachable!() };
/// assert_eq!((item, fees[0]), (&Item::Balance(proposer), 15));
/// ```
#[derive(Debug)]
#[must_use]
pub struct Executed<T, E> {
    /// What the transactions came to, in their order: all of the block, or those before the one that ended it.
    pub kept: Vec<T>,
    /// What they changed, all together: each item once, ascending.
    pub changes: Vec<(Item, Change<Held>)>,
    /// How it ended.
    pub end: End<E>,
}

/// How a block ended.
///
/// ```
/// use subvm_block::{Effects, End, Executor};
/// let block = Executor::new(2).execute(3, |view| if view.number() == 1 { Err("the disk is gone") } else { Ok(((), Effects::new())) });
/// assert_eq!((block.kept.len(), block.end), (1, End::Error("the disk is gone")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<E> {
    /// All of its transactions were executed.
    Done,
    /// The first that is not kept was refused by the caller.
    Enough,
    /// The first that is not kept came to this error, where all before it were settled.
    Error(E),
}
