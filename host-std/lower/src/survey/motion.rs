//! What a compiler may move: pure work that would run where the text has not reached, and so unpaid
//! (`docs/RATIONALE.md#work-that-compilers-move`).
//!
//! Compilers lift pure instructions to the entry of the outermost loop in which their operands do not change, and place
//! them where they are used, once for each of several places. Both are bounded here by totals over all values together:
//!
//! - what may be found again behind a place where control divides: the cones of all locals, and of the operands that go on.
//!   Where they are beyond [`PENDING_TICKS`], all of them go through a *barrier* before it, and are computed there;
//! - what may be lifted out of a loop: beyond [`LIFTED_TICKS`], every local that is read in the loop with a value from
//!   outside goes through a barrier at its head, in each round;
//! - what depends on no local (constants that no compiler folds, loads that may be found again): beyond [`ADRIFT_TICKS`],
//!   an operand of each further instruction goes through a barrier of its own.
//!
//! A function with loops is walked twice: the first walk learns what each loop writes.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use wasmparser::{FunctionBody, Operator, ValType};

use super::notes::{Passed, Pin};
use crate::gas;
use crate::limits::{Limit, Refusal};
use crate::options::{Floats, Options};
use catching::Try;
use loops::{Learned, Loops};
use state::State;
use value::Value;

mod catching;
mod loops;
mod moved;
mod state;
mod value;
mod ways;
mod work;

/// Ticks of pure work that may be pending where control divides.
const PENDING_TICKS: u64 = 24;
/// Ticks of pure work that a compiler may lift out of one loop.
const LIFTED_TICKS: u64 = 12;
/// The same of work that no barrier at a loop's head holds, in an outermost loop and all within.
const ADRIFT_TICKS: u64 = 16;
/// Operands of a block that are looked at where control divides; deeper ones are kept when they are put down.
const OPERANDS: usize = 256;
/// Bytes that a local takes in a barrier at least.
const PASSED_BYTES: usize = 4;

/// What the validator saw of each instruction of a function.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    steps: Vec<Step>,
    /// The types of what each gives, from the bottom.
    types: Vec<Option<ValType>>,
}

/// An instruction: what it takes and gives, the operands behind it, and whether it reads what a call may change.
#[derive(Clone, Copy, Debug)]
struct Step {
    takes: u32,
    gives: u32,
    height: u32,
    changes: bool,
}

impl Recorded {
    /// Notes the next instruction; `ty` says of an operand behind it what type it has, from the top.
    pub(super) fn push(
        &mut self,
        (takes, gives): (u32, u32),
        height: u32,
        changes: bool,
        ty: impl Fn(usize) -> Option<ValType>,
    ) {
        self.steps.push(Step { takes, gives, height, changes });
        // What is beyond that is refused, before anybody reads this.
        if (self.types.len() as u64) < Limit::Values.value() {
            self.types.extend((0..gives as usize).rev().map(ty));
        }
    }
}

/// Barriers in a function, in the order of its instructions, and what goes through them, one after the other.
#[derive(Debug, Default)]
pub(super) struct Barriers {
    pub(super) pins: Vec<Pin>,
    pub(super) passed: Vec<Passed>,
}

/// What one function is, for [`barriers`].
pub(super) struct Subject<'a, 'b> {
    pub(super) body: &'a FunctionBody<'b>,
    pub(super) recorded: &'a Recorded,
    /// The types of parameters and locals.
    pub(super) locals: &'a [ValType],
    pub(super) parameters: u32,
    pub(super) loops: bool,
}

/// Where a function needs barriers.
pub(super) fn barriers(subject: &Subject<'_, '_>, options: &Options) -> Result<Barriers, Refusal> {
    let mut learned = Vec::new();
    if subject.loops {
        learned = Walk::new(subject, options, None).run()?.learned;
    }
    let mut walk = Walk::new(subject, options, Some(learned)).run()?;
    // Those at heads of loops were found at their ends.
    walk.found.sort_by_key(|(instruction, _)| *instruction);
    let mut barriers = Barriers::default();
    for (instruction, passed) in walk.found {
        barriers.pins.push(Pin { instruction, passed: passed.len() as u32 });
        barriers.passed.extend(passed);
    }
    Ok(barriers)
}

/// An operand.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: Value,
    /// The local that was read, or has been written with it.
    local: Option<u32>,
    ty: Option<ValType>,
}

/// What is known on the ways to a label: the locals, and the operands that they bring.
#[derive(Debug)]
struct Meeting {
    state: State,
    operands: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    If,
}

/// An open block.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// The operands below it.
    base: usize,
    /// Whether control reaches it.
    alive: bool,
    /// What is known where the `else` of an `if` starts.
    otherwise: Option<Meeting>,
    /// What is known at its label, on the ways so far; of a loop, what was known before it.
    label: Option<Meeting>,
    /// The number of a loop, in the order of the text.
    number: usize,
    /// The loop in which its label stands, and of a loop the newest value when it was opened.
    within: u16,
    clock: u32,
}

/// A walk through a function.
struct Walk<'a, 'b> {
    subject: &'a Subject<'a, 'b>,
    options: &'a Options,
    float_calls: bool,
    /// What the first walk learned of each loop; `None` in the first.
    known: Option<Vec<Learned>>,
    learned: Vec<Learned>,
    /// The instruction, by number.
    now: u32,
    /// The newest value.
    clock: u32,
    stack: Vec<Entry>,
    state: State,
    alive: bool,
    frames: Vec<Frame>,
    loops: Loops,
    /// The loops that are open, by their number in the text.
    open: Vec<usize>,
    /// Each `try_table` that is open.
    tries: Vec<Try>,
    /// The last instruction at which control divided.
    divided: u32,
    /// Ticks of work adrift since no loop was open.
    adrift: u64,
    /// Where types of what is given are read next.
    typed: usize,
    found: Vec<(u32, Vec<Passed>)>,
    /// How many values go through barriers.
    through: usize,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn new(subject: &'a Subject<'a, 'b>, options: &'a Options, known: Option<Vec<Learned>>) -> Self {
        let count = subject.locals.len() as u32;
        let parameter = |local| Value::fresh(local, 0);
        // Locals may share one and the same zero.
        let zero = |local| Value { firm: false, ..Value::constant(local, false) };
        let first = (0..count).map(|local| if local < subject.parameters { parameter(local) } else { zero(local) });
        let function = Frame {
            kind: Kind::Block,
            base: 0,
            alive: true,
            otherwise: None,
            label: None,
            number: 0,
            within: 0,
            clock: 0,
        };
        Walk {
            subject,
            options,
            float_calls: matches!(options.floats, Floats::Soft | Floats::Trap),
            known,
            learned: Vec::new(),
            now: 0,
            clock: count,
            stack: Vec::new(),
            state: State::new(first),
            alive: true,
            frames: vec![function],
            loops: Loops::new(),
            open: Vec::new(),
            tries: Vec::new(),
            divided: 0,
            adrift: 0,
            typed: 0,
            found: Vec::new(),
            through: 0,
        }
    }

    fn run(mut self) -> Result<Self, Refusal> {
        let mut reader = self.subject.body.get_operators_reader()?;
        for step in &self.subject.recorded.steps {
            let operator = reader.read()?;
            self.step(&operator, *step)?;
            self.settle(*step);
            Limit::LoweredFunctionSize.check(self.through * PASSED_BYTES)?;
            self.now += 1;
        }
        Ok(self)
    }

    fn step(&mut self, operator: &Operator<'_>, step: Step) -> Result<(), Refusal> {
        match operator {
            Operator::Block { .. } => self.open(Kind::Block, step),
            Operator::TryTable { try_table } => self.open_try(try_table, step),
            Operator::Loop { .. } => self.open(Kind::Loop, step),
            Operator::If { .. } => self.open(Kind::If, step),
            Operator::Else => self.otherwise(step),
            Operator::End => self.end(step),
            _ if !self.alive => {}
            Operator::Br { relative_depth } => {
                self.way(*relative_depth, step.takes as usize);
                self.alive = false;
            }
            Operator::BrIf { relative_depth } => {
                self.stack.pop();
                self.divide(self.operands_of_block());
                self.way(*relative_depth, (step.takes as usize).saturating_sub(1));
            }
            Operator::BrTable { targets } => {
                self.stack.pop();
                self.divide(self.operands_of_block());
                let mut all: BTreeSet<u32> = targets.targets().collect::<Result<_, _>>()?;
                all.insert(targets.default());
                for target in all {
                    self.way(target, (step.takes as usize).saturating_sub(1));
                }
                self.alive = false;
            }
            Operator::Return | Operator::Unreachable => self.alive = false,
            Operator::Throw { .. } | Operator::ThrowRef => {
                self.take(step.takes).iter().for_each(|entry| self.needed(entry));
                self.may_throw();
                self.alive = false;
            }
            Operator::LocalGet { local_index } => self.get(*local_index),
            Operator::LocalSet { local_index } => {
                if let Some(entry) = self.stack.pop() {
                    self.set(*local_index, entry.value);
                }
            }
            Operator::LocalTee { local_index } => {
                if let Some(entry) = self.stack.last_mut() {
                    entry.local = Some(*local_index);
                    let value = entry.value;
                    self.set(*local_index, value);
                }
            }
            _ => {
                let ticks = gas::ticks(&self.options.schedule, operator);
                self.plain(work::doing(operator, ticks, self.float_calls), step);
                if matches!(operator, Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. }) {
                    self.alive = false;
                }
            }
        }
        Ok(())
    }

    /// Brings the operands to the height that the validator saw, and gives those that were put down their types.
    fn settle(&mut self, step: Step) {
        let (height, gives) = (step.height as usize, step.gives as usize);
        let unknown = Entry { value: Value::fresh(0, 0), local: None, ty: None };
        self.stack.resize(height, unknown);
        let types = self.subject.recorded.types.get(self.typed..self.typed + gives).unwrap_or_default();
        for (entry, ty) in self.stack.iter_mut().rev().zip(types.iter().rev()) {
            entry.ty = *ty;
        }
        self.typed += gives;
    }

    /// A number for a new value.
    fn new_id(&mut self) -> u32 {
        self.clock += 1;
        self.clock
    }

    fn fresh(&mut self) -> Value {
        Value::fresh(self.new_id(), self.loops.innermost())
    }

    fn push(&mut self, value: Value, local: Option<u32>) {
        self.stack.push(Entry { value, local, ty: None });
    }

    fn take(&mut self, count: u32) -> Vec<Entry> {
        let from = self.stack.len().saturating_sub(count as usize);
        self.stack.split_off(from)
    }

    fn get(&mut self, local: u32) {
        let mut value = self.state.get(local);
        let depth = self.loops.depth();
        if depth > 0 && (!value.sure || self.loops.depth_of(value.high) < depth) {
            self.loops.current().reads.insert(local);
            // What comes from outside goes through the barrier at the head.
            value.adrift &= value.born > self.loops.current().clock;
        }
        self.push(value, Some(local));
    }

    fn set(&mut self, local: u32, value: Value) {
        self.state.set(local, value);
        if let Some(innermost) = self.open.last() {
            self.learned[*innermost].written.insert(local);
        }
    }

    /// What an instruction with an effect needs is computed where it stands. Not so what a store needs, which may be removed,
    /// nor a condition, of which compilers take off layer after layer.
    fn needed(&mut self, entry: &Entry) {
        if let Some(local) = entry.local {
            let held = self.state.get(local);
            if held.id == entry.value.id && held.cone > 0 {
                self.state.set(local, Value { cone: 0, ..held });
            }
        }
    }

    /// A barrier before instruction `at`.
    fn barrier(&mut self, at: u32, passed: Vec<Passed>) {
        if self.known.is_some() {
            self.through += passed.len();
            self.found.push((at, passed));
        }
    }
}
