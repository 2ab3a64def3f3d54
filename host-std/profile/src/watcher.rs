//! What an engine tells of a run as it goes.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use spin::Mutex;
use subvm_core::{Mode, Wasm};

use super::profile::{Frame, LinkedModule, Node, Profile};

/// Paths that are kept: a guest may call its functions in more ways than anybody could look at.
pub const MOST_PATHS: usize = 1 << 16;
/// Frames of a path that are kept.
pub const MOST_DEEP: u32 = 256;

/// Gathers what an engine tells. Clones share what they gathered; it is for one transaction at a time, whose sub-VMs run one within the other.
///
/// # Cost
/// For each call of a guest's some tens of nanoseconds, and 28 bytes while it is active; 88 bytes for each of [`MOST_PATHS`] paths.
///
/// ```
/// use subvm_profile::Watcher;
/// let watcher = Watcher::blocks();
/// assert!(watcher.wants_blocks() && watcher.take().nodes().is_empty());
/// ```
#[derive(Clone)]
pub struct Watcher {
    state: Arc<Mutex<State>>,
    blocks: bool,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    profile: Profile,
    children: BTreeMap<(Option<u32>, Frame), u32>,
    /// How deep each node is.
    depths: Vec<u32>,
    /// The nodes of the functions and host calls that are active, with the modules of their sub-VMs between them.
    active: Vec<Active>,
    sub_vms: Vec<SubVm>,
    /// Modules by digest.
    modules: BTreeMap<[u8; 32], u32>,
    /// The ticks that were left when something was told last.
    ticks: i64,
}

/// What is active.
#[derive(Clone, Copy)]
struct Active {
    node: u32,
    /// The module of a function.
    module: Option<u32>,
    /// What it called itself.
    who: u32,
    /// The stack units that it left, of a function that may catch exceptions.
    tries: Option<u32>,
}

/// A sub-VM that has begun.
struct SubVm {
    /// What was active before.
    height: usize,
    /// The ticks that it began with, and those that its parent had.
    began: i64,
    before: i64,
    mode: Mode,
    /// By ordinal: the start module's is 0.
    linked: Vec<u32>,
}

impl Watcher {
    /// One that wants to know of calls.
    #[must_use]
    pub fn calls() -> Self {
        Self { state: Arc::default(), blocks: false }
    }

    /// One that wants to know of each block of code as well: several times as slow.
    #[must_use]
    pub fn blocks() -> Self {
        Self { state: Arc::default(), blocks: true }
    }

    /// Whether it wants to know of blocks.
    #[must_use]
    pub fn wants_blocks(&self) -> bool {
        self.blocks
    }

    /// What was gathered since it was made or asked last.
    #[must_use]
    pub fn take(&self) -> Profile {
        core::mem::take(&mut *self.state.lock()).profile
    }

    /// A sub-VM begins with so many ticks.
    pub fn begins(&self, mode: Mode, ticks: i64) {
        let state = &mut *self.state.lock();
        let before = state.ticks;
        let height = state.active.len();
        state.push(Frame::SubVm(mode), None, 0);
        state.sub_vms.push(SubVm { height, began: ticks, before, mode, linked: Vec::new() });
        state.ticks = ticks;
    }

    /// Its modules, the start module last, by the names under which they are linked.
    pub fn links<'a>(&self, modules: impl IntoIterator<Item = (&'a str, &'a Wasm)>) {
        let state = &mut *self.state.lock();
        let mut linked: Vec<u32> = modules.into_iter().map(|(name, wasm)| state.module(name, wasm)).collect();
        // The start module has ordinal 0, and the others theirs from 1 on.
        let count = linked.len();
        linked.rotate_right(1.min(count));
        if let Some(sub_vm) = state.sub_vms.last_mut() {
            sub_vm.linked = linked;
        }
    }

    /// A function was entered: its index, and the ordinal of its module from bit 24 on.
    pub fn enter(&self, who: u32, ticks: i64) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        let ordinal = (who >> 24) as usize;
        let module = state.sub_vms.last().and_then(|sub_vm| sub_vm.linked.get(ordinal).copied()).unwrap_or(0);
        state.push(Frame::Function { module, index: who & 0xff_ffff }, Some(module), who);
    }

    /// It is left.
    pub fn leave(&self, ticks: i64) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        state.pop();
    }

    /// The function that was entered last may catch exceptions; its frame left so many stack units.
    pub fn tries(&self, units: u32) {
        if let Some(active) = self.state.lock().active.last_mut() {
            active.tries = Some(units);
        }
    }

    /// The function `who` goes on where exceptions come in: those that it had called are left, and what was spent up to now was spent in them.
    ///
    /// Which of its frames it is, its stack units tell: each of those below took some, but for one that calls nothing and so is no caller of
    /// the same function.
    pub fn caught(&self, who: u32, ticks: i64, units: u32) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        let height = state.height();
        let is_it = |active: &Active| active.who == who && active.tries == Some(units);
        if let Some(at) = state.active.iter().skip(height).rposition(is_it) {
            state.active.truncate(height + at + 1);
        }
    }

    /// A block begins, of the function that was entered last.
    pub fn at(&self, offset: u32) {
        let state = &mut *self.state.lock();
        if let Some(module) = state.active.last().and_then(|active| active.module) {
            state.profile.begun.entry(module).or_default().insert(offset);
        }
    }

    /// A call of the host begins.
    pub fn host_begins(&self, name: &'static str, ticks: i64) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        state.push(Frame::Host(name), None, 0);
    }

    /// It ends.
    pub fn host_ends(&self, ticks: i64) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        state.pop();
    }

    /// RAM was charged: for instances, as a memory or a table grew, or by a host call.
    pub fn charged(&self, bytes: u64) {
        let state = &mut *self.state.lock();
        if let Some(node) = state.top() {
            node.bytes = node.bytes.saturating_add(bytes);
        }
    }

    /// What was charged last was given back: the growth did not come about.
    pub fn refunded(&self, bytes: u64) {
        let state = &mut *self.state.lock();
        if let Some(node) = state.top() {
            node.bytes = node.bytes.saturating_sub(bytes);
        }
    }

    /// A sub-VM ends with so many ticks.
    pub fn ends(&self, ticks: i64) {
        let state = &mut *self.state.lock();
        state.spent_to(ticks);
        let Some(SubVm { height, began, before, mode, .. }) = state.sub_vms.pop() else { return };
        state.active.truncate(height);
        // What it used comes off its parent's counter, where both draw on one.
        let shared = state.sub_vms.last().is_some_and(|parent| parent.mode == mode);
        state.ticks = if shared { before.saturating_sub(began.saturating_sub(ticks)) } else { before };
    }
}

impl State {
    fn module(&mut self, name: &str, wasm: &Wasm) -> u32 {
        let modules = &mut self.profile.modules;
        *self.modules.entry(*wasm.digest()).or_insert_with(|| {
            modules.push(LinkedModule { name: name.to_owned(), wasm: wasm.clone() });
            modules.len() as u32 - 1
        })
    }

    fn top(&mut self) -> Option<&mut Node> {
        let active = self.active.last()?;
        self.profile.nodes.get_mut(active.node as usize)
    }

    /// What is gone since something was told last was spent in what is active.
    fn spent_to(&mut self, ticks: i64) {
        // What is charged beyond what there was is not spent.
        let ticks = ticks.max(0);
        let spent = self.ticks.saturating_sub(ticks);
        self.ticks = ticks;
        if let (Some(node), Ok(spent)) = (self.top(), u64::try_from(spent)) {
            node.ticks = node.ticks.saturating_add(spent);
        }
    }

    fn push(&mut self, frame: Frame, module: Option<u32>, who: u32) {
        let parent = self.active.last().map(|active| active.node);
        let node = self.child(parent, frame);
        // Where it is folded, the call counts for no path.
        if let Some(found) = self.profile.nodes.get_mut(node as usize).filter(|found| found.frame == frame) {
            found.calls += 1;
        }
        self.active.push(Active { node, module, who, tries: None });
    }

    fn pop(&mut self) {
        if self.active.len() > self.height() {
            self.active.pop();
        }
    }

    /// What is active outside of the functions of this sub-VM.
    fn height(&self) -> usize {
        self.sub_vms.last().map_or(0, |sub_vm| sub_vm.height + 1)
    }

    /// The node of `frame` below `parent`, or the nearest one that may be.
    fn child(&mut self, parent: Option<u32>, frame: Frame) -> u32 {
        if let Some(found) = self.children.get(&(parent, frame)) {
            return *found;
        }
        let depth = parent.and_then(|parent| self.depths.get(parent as usize)).map_or(0, |depth| depth + 1);
        if let Some(parent) = parent.filter(|_| self.depths.len() >= MOST_PATHS || depth >= MOST_DEEP) {
            self.profile.folded = true;
            return parent;
        }
        let node = self.profile.nodes.len() as u32;
        self.profile.nodes.push(Node { parent, frame, ticks: 0, bytes: 0, calls: 0 });
        self.depths.push(depth);
        self.children.insert((parent, frame), node);
        node
    }
}
