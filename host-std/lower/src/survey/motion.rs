//! What a compiler may move: pure work that would run where the text has not reached, and so unpaid
//! (`docs/RATIONALE.md#work-that-compilers-move`).
//!
//! Compilers lift pure instructions to the entry of the outermost loop in which their operands do not change, and place
//! them, once for each place, where they are used. Both are bounded here, by an estimate from above of what could be
//! lifted out of each loop, and of the *cone* of pure work behind each value:
//!
//! - what is beyond [`LOOP_TICKS`] in a loop is *bound* to where it stands: an operand is made to depend on a global that
//!   is always 0, which no compiler knows and no load of which it moves out of a loop that writes globals, as each does;
//! - a local with a cone beyond [`LOCAL_TICKS`], and an operand beyond [`OPERAND_TICKS`], is *kept*: stored to a global that
//!   nobody reads, so that it is computed there, once, and whatever uses it later finds it.

use alloc::vec;
use alloc::vec::Vec;

use wasmparser::{Operator, ValType};

use super::notes::{Pin, Pinned};
use super::work::GUARD;
use crate::floats::float_op;
use crate::gas::memory_offset;

/// Ticks of pure work that a compiler may lift out of one loop.
const LOOP_TICKS: u64 = 64;
/// Ticks of pure work behind a local, which may run again at each use.
const LOCAL_TICKS: u64 = 32;
/// Ticks of pure work behind an operand, which is used once.
const OPERAND_TICKS: u64 = 64;

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
struct Value {
    ty: Option<ValType>,
    /// The innermost loop that it may not be lifted out of, by number; 0 is the function.
    within: u32,
    /// Ticks of pure work behind it.
    cone: u64,
}

/// What is known of a local.
#[derive(Clone, Copy, Debug, Default)]
struct Local {
    /// When it was written last, in instructions.
    written: u32,
    within: u32,
    cone: u64,
    /// The most that any value of it had.
    most: u64,
}

/// A loop, or the function itself.
#[derive(Debug)]
struct Loop {
    parent: u32,
    /// How many loops are around it; `None` once it has ended.
    depth: Option<usize>,
    /// Ticks that may be lifted out of it.
    movable: u64,
}

/// An open block.
#[derive(Debug)]
struct Frame {
    opened: u32,
    is_loop: bool,
    /// The operands that an `else` gets.
    taken: Vec<Value>,
    /// The largest cone that a branch carries to its label.
    carried: u64,
}

/// Follows one function.
#[derive(Debug)]
pub(super) struct Motion {
    now: u32,
    stack: Vec<Value>,
    locals: Vec<Local>,
    frames: Vec<Frame>,
    loops: Vec<Loop>,
    /// The open loops, the function first.
    open: Vec<u32>,
    /// When the blocks that have ended were open: what was written there may not be what is there now.
    ended: Vec<(u32, u32)>,
    /// Whether float instructions become calls, which no compiler moves.
    float_calls: bool,
    pins: Vec<Pin>,
}

/// An operator as the validator sees it: what it takes and gives, and whether control can reach it.
pub(super) struct Seen<'a, 'b> {
    pub(super) operator: &'a Operator<'b>,
    pub(super) arity: (u32, u32),
    pub(super) falls: bool,
    pub(super) ticks: u64,
    /// The operands afterwards, and the type of each from the top.
    pub(super) height: u32,
    pub(super) types: &'a dyn Fn(usize) -> Option<ValType>,
}

impl Motion {
    pub(super) fn new(locals: u32, float_calls: bool) -> Self {
        Motion {
            now: 0,
            stack: Vec::new(),
            locals: vec![Local::default(); locals as usize],
            frames: vec![Frame { opened: 0, is_loop: false, taken: Vec::new(), carried: 0 }],
            loops: vec![Loop { parent: 0, depth: Some(0), movable: 0 }],
            open: vec![0],
            ended: Vec::new(),
            float_calls,
            pins: Vec::new(),
        }
    }

    /// Where the function is to be changed, in the order of its instructions.
    pub(super) fn finish(self) -> Vec<Pin> {
        self.pins
    }

    /// Follows the next instruction.
    pub(super) fn step(&mut self, seen: &Seen<'_, '_>) {
        let Seen { operator, arity, falls, .. } = *seen;
        let taken = self.take(arity.0 as usize);
        let given = match operator {
            Operator::LocalGet { local_index } if falls => Some(self.get(*local_index, (seen.types)(0))),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } if falls => {
                taken.first().map(|value| self.set(*local_index, *value))
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.open(matches!(operator, Operator::Loop { .. }), &taken);
                None
            }
            Operator::Else => self.else_(),
            Operator::End => self.end(&taken),
            _ if falls => self.plain(seen, &taken),
            _ => None,
        };
        self.give(seen, &taken, given);
        self.now += 1;
    }

    fn take(&mut self, count: usize) -> Vec<Value> {
        let from = self.stack.len().saturating_sub(count);
        self.stack.split_off(from)
    }

    /// Puts down what the instruction gives: `given` where it is one value, else what it took, as far as it goes.
    fn give(&mut self, seen: &Seen<'_, '_>, taken: &[Value], given: Option<Value>) {
        let (height, count) = (seen.height as usize, seen.arity.1 as usize);
        let through = matches!(seen.operator, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. });
        let unknown = Value { ty: None, within: self.innermost(), cone: 0 };
        self.stack.resize(height.saturating_sub(count), unknown);
        for place in self.stack.len()..height {
            let passed = if through {
                (place + taken.len()).checked_sub(height).and_then(|place| taken.get(place))
            } else {
                given.as_ref()
            };
            let ty = (seen.types)(height - 1 - place);
            self.stack.push(Value { ty, ..*passed.unwrap_or(&unknown) });
        }
    }

    fn innermost(&self) -> u32 {
        self.open.last().copied().unwrap_or_default()
    }

    /// How deep in loops that are still open something stands that was computed in loop `within`.
    fn depth(&self, mut within: u32) -> usize {
        loop {
            let Loop { parent, depth, .. } = self.loops[within as usize];
            match depth {
                Some(depth) => return depth,
                None => within = parent,
            }
        }
    }

    /// The outermost loop that work on something at `depth` may be lifted out of.
    fn lifted_from(&self, depth: usize) -> Option<u32> {
        self.open.get(depth + 1).copied()
    }

    fn is_full(&self, depth: usize) -> bool {
        self.lifted_from(depth).is_some_and(|from| self.loops[from as usize].movable >= LOOP_TICKS)
    }

    fn pin(&mut self, what: Pinned, ty: ValType) {
        self.pins.push(Pin { instruction: self.now, what, ty });
    }

    fn get(&mut self, index: u32, ty: Option<ValType>) -> Value {
        let local = self.locals[index as usize];
        let stale = self.ended.partition_point(|&(_, ended)| ended <= local.written);
        let is_stale = self.ended.get(stale).is_some_and(|&(opened, _)| opened < local.written);
        let (within, cone) = if is_stale { (0, local.most) } else { (local.within, local.cone) };
        let (Some(known), true) = (ty.filter(|ty| is_number(*ty)), self.is_full(self.depth(within))) else {
            return Value { ty, within, cone };
        };
        self.pin(Pinned::Local(index), known);
        let bound = Value { ty, within: self.innermost(), cone: cone.saturating_add(1) };
        self.write(index, bound);
        bound
    }

    fn set(&mut self, index: u32, mut value: Value) -> Value {
        if let Some(ty) = value.ty.filter(|ty| is_number(*ty) && value.cone > LOCAL_TICKS) {
            self.pin(Pinned::KeptLocal(index), ty);
            value.cone = 0;
        }
        self.write(index, value);
        value
    }

    fn write(&mut self, index: u32, value: Value) {
        let local = &mut self.locals[index as usize];
        let most = local.most.max(value.cone);
        // At the instruction's end: a block that it opens has not begun.
        *local = Local { written: self.now + 1, within: value.within, cone: value.cone, most };
    }

    fn open(&mut self, is_loop: bool, taken: &[Value]) {
        self.frames.push(Frame { opened: self.now + 1, is_loop, taken: taken.to_vec(), carried: 0 });
        if is_loop {
            self.loops.push(Loop { parent: self.innermost(), depth: Some(self.open.len()), movable: 0 });
            self.open.push((self.loops.len() - 1) as u32);
        }
    }

    /// What was written since `opened` need not be there any more.
    fn forget(&mut self, opened: u32) {
        while self.ended.last().is_some_and(|&(other, _)| other >= opened) {
            self.ended.pop();
        }
        self.ended.push((opened, self.now + 1));
    }

    fn else_(&mut self) -> Option<Value> {
        let frame = self.frames.last_mut()?;
        let (opened, taken) = (frame.opened, core::mem::take(&mut frame.taken));
        self.forget(opened);
        Some(Value { ty: None, within: 0, cone: widest(&taken) })
    }

    fn end(&mut self, taken: &[Value]) -> Option<Value> {
        let frame = self.frames.pop()?;
        if let Some(ended) = frame.is_loop.then(|| self.open.pop()).flatten() {
            self.loops[ended as usize].depth = None;
        }
        self.forget(frame.opened);
        Some(Value { ty: None, within: 0, cone: widest(taken).max(frame.carried) })
    }

    /// An instruction that stays within its block, or leaves it.
    fn plain(&mut self, seen: &Seen<'_, '_>, taken: &[Value]) -> Option<Value> {
        let here = Value { ty: None, within: self.innermost(), cone: 0 };
        match seen.operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.carry(*relative_depth, taken);
                // What `br_if` leaves is what it took.
                return Some(Value { ty: None, within: 0, cone: widest(taken) });
            }
            Operator::BrTable { targets } => {
                let all = targets.targets().flatten().chain([targets.default()]);
                all.for_each(|target| self.carry(target, taken));
            }
            _ => {}
        }
        let Some(work) = work(seen.operator, seen.ticks, self.float_calls) else { return Some(here) };
        if taken.is_empty() {
            // A constant, or something read anew.
            return Some(Value { within: if work.is_pure { 0 } else { self.innermost() }, ..here });
        }
        // What a memory or table instruction computes depends on its address alone.
        let (operands, under) = match work.address {
            Some(place) => (taken.get(place..=place).unwrap_or_default(), place + 1 < taken.len()),
            None => (taken, false),
        };
        let depth = operands.iter().map(|value| self.depth(value.within)).max().unwrap_or_default();
        let bound = self.is_full(depth) && self.bind(taken, under);
        if let Some(from) = self.lifted_from(depth).filter(|_| !bound) {
            self.loops[from as usize].movable += work.ticks;
        }
        if !work.is_pure {
            return Some(here);
        }
        let within = if bound { self.innermost() } else { self.open[depth] };
        let mut cone = taken.iter().fold(work.ticks, |cone, value| cone.saturating_add(value.cone));
        if let Some(ty) = (seen.types)(0).filter(|ty| is_number(*ty) && cone > OPERAND_TICKS) {
            self.pin(Pinned::Kept, ty);
            cone = 0;
        }
        Some(Value { ty: None, within, cone })
    }

    /// Binds the topmost operand, or the one below it; not a reference, on which there is little to compute.
    fn bind(&mut self, taken: &[Value], under: bool) -> bool {
        let [.., top] = taken else { return false };
        match (under, top.ty) {
            (false, Some(ty)) if is_number(ty) => self.pin(Pinned::Operand, ty),
            (true, Some(ty)) if is_number(ty) => self.pin(Pinned::Under, ty),
            _ => return false,
        }
        true
    }

    fn carry(&mut self, depth: u32, taken: &[Value]) {
        let place = self.frames.len().checked_sub(1 + depth as usize);
        if let Some(frame) = place.and_then(|place| self.frames.get_mut(place)) {
            frame.carried = frame.carried.max(widest(taken));
        }
    }
}

/// The largest cone among them.
fn widest(values: &[Value]) -> u64 {
    values.iter().map(|value| value.cone).max().unwrap_or_default()
}

/// The work that an instruction does and that could be done elsewhere.
struct Work {
    ticks: u64,
    /// Whether all of it, its result included.
    is_pure: bool,
    /// The operand that it depends on, where that is one of several.
    address: Option<usize>,
}

fn work(operator: &Operator<'_>, ticks: u64, float_calls: bool) -> Option<Work> {
    let inner = |ticks, address| Some(Work { ticks, is_pure: false, address });
    if let Some(offset) = memory_offset(operator) {
        return inner(if offset > GUARD { 4 } else { 1 }, Some(0));
    }
    if float_op(operator).is_some() {
        return (!float_calls).then_some(Work { ticks, is_pure: true, address: None });
    }
    match operator {
        Operator::TableGet { .. } | Operator::TableSet { .. } => inner(8, Some(0)),
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } | Operator::BrTable { .. } => {
            inner(8, None)
        }
        Operator::I32DivS
        | Operator::I32DivU
        | Operator::I32RemS
        | Operator::I32RemU
        | Operator::I64DivS
        | Operator::I64DivU
        | Operator::I64RemS
        | Operator::I64RemU => inner(4, None),
        _ if is_rooted(operator) => None,
        _ => Some(Work { ticks: ticks.max(1), is_pure: true, address: None }),
    }
}

/// Whether an instruction is done where it stands: it has an effect, reads what may change, or transfers control.
fn is_rooted(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::ReturnCall { .. }
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableSize { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemorySize { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::RefFunc { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::Drop
            | Operator::Nop
    )
}

/// Whether values of this type can be computed with.
fn is_number(ty: ValType) -> bool {
    !matches!(ty, ValType::Ref(_))
}
