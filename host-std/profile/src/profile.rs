//! What was gathered.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use subvm_core::{Mode, Wasm};

/// What a profile counts.
///
/// ```
/// use subvm_profile::{Unit, Watcher};
/// assert_eq!(Watcher::calls().take().total(Unit::Bytes), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Time gas, in ticks.
    Ticks,
    /// RAM that was charged as memories and tables grew, and in host calls, in bytes; what was given back is not taken off.
    Bytes,
}

/// What something was spent in.
///
/// ```
/// use subvm_profile::Frame;
/// assert!(Frame::Host("fd_read") != Frame::Function { module: 0, index: 3 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frame {
    /// A sub-VM: setting up its instances, and what its functions have no path for.
    SubVm(Mode),
    /// A function of the guest's.
    Function {
        /// Which of [`Profile::modules`].
        module: u32,
        /// Its index in the module as the contract supplied it.
        index: u32,
    },
    /// A call of the host.
    Host(&'static str),
}

/// A path of calls: a frame below those of its parents.
///
/// ```
/// use subvm_profile::{Frame, Node};
/// let node = Node { parent: None, frame: Frame::Host("fd_read"), ticks: 100, bytes: 0, calls: 1 };
/// assert_eq!(node.calls, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which of [`Profile::nodes`] it was called from; an earlier one.
    pub parent: Option<u32>,
    /// The innermost frame.
    pub frame: Frame,
    /// Ticks that were spent in it, without those that it calls.
    pub ticks: u64,
    /// Bytes of RAM, likewise.
    pub bytes: u64,
    /// How often it was called on this path.
    pub calls: u64,
}

/// A module that ran.
///
/// ```
/// use subvm_profile::LinkedModule;
/// let module = LinkedModule { name: "main".into(), wasm: subvm_core::Wasm::from(vec![]) };
/// assert!(module.wasm.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct LinkedModule {
    /// Under which name it was linked.
    pub name: String,
    /// As the contract supplied it.
    pub wasm: Wasm,
}

/// The blocks of a module that were begun, by the byte of the module at which they begin.
pub type Coverage = BTreeSet<u32>;

/// Where a run's gas and memory went.
///
/// ```
/// use subvm_profile::Watcher;
/// let profile = Watcher::calls().take();
/// assert!(profile.nodes().is_empty() && profile.modules().is_empty() && !profile.is_folded());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub(super) modules: Vec<LinkedModule>,
    pub(super) nodes: Vec<Node>,
    pub(super) begun: BTreeMap<u32, Coverage>,
    pub(super) folded: bool,
}

impl Profile {
    /// The modules that ran, each once.
    #[must_use]
    pub fn modules(&self) -> &[LinkedModule] {
        &self.modules
    }

    /// The paths, each behind its parent.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether there were more paths, or deeper ones, than are kept: what was spent in those counts for the nearest frame that is.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.folded
    }

    /// The blocks of [`modules`](Self::modules)`[module]` that were begun; nothing unless blocks were watched.
    #[must_use]
    pub fn begun(&self, module: u32) -> Option<&Coverage> {
        self.begun.get(&module)
    }

    /// All that was spent, by all sub-VMs.
    #[must_use]
    pub fn total(&self, unit: Unit) -> u64 {
        self.nodes.iter().map(|node| node.spent(unit)).sum()
    }

    /// What deterministic sub-VMs spent: of ticks, exactly the time gas in the receipt.
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_profile::{Unit, Watcher};
    /// let watcher = Watcher::calls();
    /// watcher.begins(Mode::NonDeterministic, 10);
    /// watcher.ends(0);
    /// let profile = watcher.take();
    /// assert_eq!((profile.total(Unit::Ticks), profile.of_mode(Mode::Deterministic, Unit::Ticks)), (10, 0));
    /// ```
    #[must_use]
    pub fn of_mode(&self, mode: Mode, unit: Unit) -> u64 {
        let mut modes: Vec<Option<Mode>> = Vec::with_capacity(self.nodes.len());
        let mut spent = 0;
        for node in &self.nodes {
            let own = match node.frame {
                Frame::SubVm(mode) => Some(mode),
                _ => node.parent.and_then(|parent| modes.get(parent as usize).copied().flatten()),
            };
            modes.push(own);
            spent += if own == Some(mode) { node.spent(unit) } else { 0 };
        }
        spent
    }

    /// The frames in which most was spent by themselves, on all paths together, largest first: frame, what was spent, calls.
    ///
    /// ```
    /// use subvm_profile::{Unit, Watcher};
    /// assert!(Watcher::calls().take().top(Unit::Ticks, 10).is_empty());
    /// ```
    #[must_use]
    pub fn top(&self, unit: Unit, most: usize) -> Vec<(Frame, u64, u64)> {
        let mut frames: BTreeMap<Frame, (u64, u64)> = BTreeMap::new();
        for node in &self.nodes {
            let (spent, calls) = frames.entry(node.frame).or_default();
            *spent += node.spent(unit);
            *calls += node.calls;
        }
        let mut top: Vec<_> = frames.into_iter().map(|(frame, (spent, calls))| (frame, spent, calls)).collect();
        top.retain(|(_, spent, _)| *spent > 0);
        top.sort_by_key(|(frame, spent, _)| (core::cmp::Reverse(*spent), *frame));
        top.truncate(most);
        top
    }
}

impl Node {
    /// What was spent in it.
    ///
    /// ```
    /// use subvm_profile::{Frame, Node, Unit};
    /// let node = Node { parent: None, frame: Frame::Host("fd_read"), ticks: 100, bytes: 8, calls: 1 };
    /// assert_eq!(node.spent(Unit::Bytes), 8);
    /// ```
    #[must_use]
    pub fn spent(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Ticks => self.ticks,
            Unit::Bytes => self.bytes,
        }
    }
}
