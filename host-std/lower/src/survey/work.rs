//! How much a compiler has to do for a function, estimated from what makes compilers slow: values, what flows into
//! labels, loops.
//!
//! Compilers turn locals into values that are written once. Where several ways meet (a label, a loop head) each local that
//! one of them has written becomes a value of its own there, with one operand for each way. A few bytes of code can ask
//! for hundreds of millions of these: each of ten thousand nested loops around a use of each of ten thousand locals.

use alloc::vec;
use alloc::vec::Vec;

use wasmparser::{Operator, TryTable};

use super::switched::label;
use crate::floats::float_op;
use crate::gas::memory_offset;
use crate::limits::{Limit, Refusal};

/// How much more the operands of calls, labels and float instructions (which may become calls) cost than others: they are
/// moved to where a convention has them.
const MOVED: u64 = 4;

/// For how many slots that may be alive across a branch a compiler does as much as for one value.
const SLOTS_PER_VALUE: u64 = 8;

/// What a branch or label costs beside its operands.
const BRANCH: u64 = 4;

/// What an instruction on a table or a bulk instruction costs beside its operands, for it hides branches and a call of the
/// engine; also a load or store beyond the guard, for it hides comparisons.
const HIDDEN: u64 = 16;

/// What a call costs beside its operands: the counter is brought up to date before it and read again behind.
const CALL: u64 = 24;

/// Of how many direct calls one hides a branch: no more small functions run before the counter is compared.
const CALLS_PER_BRANCH: u64 = 4;

/// What a load or store costs beside its operands.
const MEMORY: u64 = 2;

/// Offsets up to this one need no comparison on an engine with a guard of this size, as is usual.
pub(super) const GUARD: u64 = 32 << 20;

/// What an instruction on a global costs beside its operands.
const GLOBAL: u64 = 4;

/// How many branches an instruction on a table hides.
const TABLE_BRANCHES: u64 = 2;

/// The branch that an instruction hides because the counter is always compared before it runs.
const COMPARED: u64 = 1;

/// How many branches a bulk instruction hides: it is charged and compared where it stands.
const BULK_BRANCHES: u64 = 4;

/// For how many pairs of a loop and a branch or label a compiler does as much as for one value.
const LOOP_PAIRS_PER_VALUE: u64 = 64;

/// For how many pairs of a global and an instruction a compiler does as much as for one value: at each instruction it
/// knows of each global what was written to it last.
const GLOBAL_PAIRS_PER_VALUE: u64 = 128;

/// With as many slots a value costs twice what it costs in registers, and so on up to [`MOST_CROWDED`] times.
const CROWDED_SLOTS: u64 = 64;

/// How much more a value costs in the most crowded of functions.
const MOST_CROWDED: u64 = 8;

/// The estimate for one function, in the making.
#[derive(Debug)]
pub(super) struct Work {
    locals: u64,
    values: u64,
    operators: u64,
    /// Ways from one straight-line block to another.
    ways: u64,
    loops: u64,
    branches: u64,
    /// Direct calls.
    calls: u64,
    /// Instructions on globals, as far as the module has globals.
    globals: u64,
    module_globals: u64,
    /// The open blocks, the function's own first.
    open: Vec<Label>,
    open_loops: u64,
    /// The clauses of every `try_table` that is open.
    handlers: u64,
}

/// What a clause of a `try_table` costs at each call within it: an entry of a table, and a way.
const HANDLER: u64 = 2;

/// A block, loop or if that is open.
#[derive(Clone, Copy, Debug)]
struct Label {
    is_loop: bool,
    /// Ways that lead to its label.
    ways: u64,
    /// Writes of locals within.
    writes: u64,
    /// Reads and writes of locals within.
    uses: u64,
    /// Clauses of a `try_table`, and calls within it.
    clauses: u64,
    calls: u64,
}

impl Label {
    fn new(is_loop: bool, ways: u64) -> Self {
        Label { is_loop, ways, writes: 0, uses: 0, clauses: 0, calls: 0 }
    }
}

impl Work {
    /// Nothing yet, of a function with `locals` parameters and locals in a module of `globals`.
    pub(super) fn new(locals: u32, globals: u32) -> Self {
        Work {
            locals: locals.into(),
            values: 0,
            operators: 0,
            ways: 0,
            loops: 0,
            branches: 0,
            calls: 0,
            globals: 0,
            module_globals: globals.into(),
            open: vec![Label::new(false, 0)],
            open_loops: 0,
            handlers: 0,
        }
    }

    /// Follows `operator`, which takes and gives as many operands as `arity` says, and whose clauses bring as many values to labels as are
    /// `caught`. `falls` says whether control can reach it.
    pub(super) fn step(
        &mut self,
        operator: &Operator<'_>,
        arity: (u32, u32),
        caught: u32,
        falls: bool,
    ) -> Result<(), Refusal> {
        let operands = u64::from(arity.0) + u64::from(arity.1);
        self.operators += 1;
        self.values += 1 + operands;
        match *operator {
            Operator::LocalGet { .. } => self.innermost(|label| label.uses += 1),
            Operator::LocalSet { .. } | Operator::LocalTee { .. } => self.innermost(|label| {
                label.uses += 1;
                label.writes += 1;
            }),
            Operator::Block { .. } => self.open(false, 0, operands),
            Operator::Loop { .. } => self.open(true, 1, operands),
            Operator::TryTable { ref try_table } => self.open_try(try_table, operands, caught.into()),
            Operator::Throw { .. } | Operator::ThrowRef => self.call(operands),
            // The way around it, which an `else` takes back.
            Operator::If { .. } => self.open(false, 1, operands),
            Operator::Else => {
                self.moved(operands);
                self.ways += 1;
                if !falls {
                    self.innermost(|label| label.ways = label.ways.saturating_sub(1));
                }
            }
            Operator::End => self.close(operands, falls),
            Operator::Br { relative_depth } => self.branch(relative_depth, operands),
            Operator::BrIf { relative_depth } => {
                self.block_ends(1);
                self.branch(relative_depth, operands);
            }
            Operator::BrTable { ref targets } => {
                self.block_ends(1);
                self.branch(targets.default(), operands);
                for target in targets.targets() {
                    self.branch(target?, operands);
                }
            }
            Operator::Return => self.branch(self.open.len().saturating_sub(1) as u32, operands),
            Operator::Call { .. } => self.call(operands),
            Operator::ReturnCall { .. } => {
                self.call(operands);
                self.block_ends(COMPARED);
            }
            Operator::CallIndirect { .. } => {
                self.moved(operands);
                self.hides(TABLE_BRANCHES);
                self.may_be_caught();
            }
            Operator::ReturnCallIndirect { .. } => {
                self.moved(operands);
                self.hides(TABLE_BRANCHES + COMPARED);
            }
            Operator::MemoryGrow { .. } => {
                self.hides(COMPARED);
                self.may_be_caught();
            }
            Operator::RefFunc { .. } | Operator::ElemDrop { .. } | Operator::DataDrop { .. } => self.values += HIDDEN,
            Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableSize { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => {
                self.hides(TABLE_BRANCHES);
                self.may_be_caught();
            }
            Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => {
                self.hides(BULK_BRANCHES);
                self.may_be_caught();
            }
            Operator::GlobalGet { .. } | Operator::GlobalSet { .. } => {
                self.values += GLOBAL;
                self.globals = self.module_globals.min(self.globals + 1);
            }
            _ if float_op(operator).is_some() => {
                self.moved(operands);
                self.may_be_caught();
            }
            _ => {
                self.values += memory_offset(operator).map_or(0, |offset| if offset > GUARD { HIDDEN } else { MEMORY })
            }
        }
        Limit::Loops.check(self.loops)?;
        Limit::LoopNesting.check(self.open_loops)?;
        Limit::Branches.check(self.branches)
    }

    /// The estimate, for a function of at most `slots` slots of locals and operands.
    pub(super) fn values(&self, slots: u32) -> u64 {
        let slots = u64::from(slots);
        let values = self.values
            + self.ways * slots / SLOTS_PER_VALUE
            + self.loops * self.branches / LOOP_PAIRS_PER_VALUE
            + self.globals * self.operators / GLOBAL_PAIRS_PER_VALUE;
        values * (CROWDED_SLOTS + slots).min(MOST_CROWDED * CROWDED_SLOTS) / CROWDED_SLOTS
    }

    /// Its blocks, loops, ifs and conditional branches, hidden ones included.
    pub(super) fn branches(&self) -> u64 {
        self.branches
    }

    fn innermost(&mut self, change: impl FnOnce(&mut Label)) {
        if let Some(label) = self.open.last_mut() {
            change(label);
        }
    }

    fn call(&mut self, operands: u64) {
        self.moved(operands);
        self.values += CALL;
        self.calls += 1;
        self.block_ends(u64::from(self.calls.is_multiple_of(CALLS_PER_BRANCH)));
        self.may_be_caught();
    }

    /// What may be a call within a `try_table` ends a block, with a way to each clause.
    fn may_be_caught(&mut self) {
        if self.handlers > 0 {
            self.block_ends(1);
            self.values += HANDLER * self.handlers;
            self.ways += self.handlers;
            self.innermost(|label| label.calls += 1);
        }
    }

    /// `try_table`: each clause is a block of its own, from which a way leads to its label.
    fn open_try(&mut self, try_table: &TryTable, operands: u64, caught: u64) {
        let clauses = try_table.catches.len() as u64;
        self.moved(operands + caught);
        self.block_ends(clauses);
        try_table.catches.iter().for_each(|catch| self.branch(label(catch), 0));
        self.open(false, 0, 0);
        self.handlers += clauses;
        self.innermost(|label| label.clauses = clauses);
    }

    fn moved(&mut self, operands: u64) {
        self.values += (MOVED - 1) * operands;
    }

    fn block_ends(&mut self, times: u64) {
        self.branches += times;
        self.values += times * BRANCH;
    }

    fn hides(&mut self, branches: u64) {
        self.block_ends(branches);
        self.values += HIDDEN;
    }

    fn open(&mut self, is_loop: bool, ways: u64, operands: u64) {
        self.moved(operands);
        self.ways += 1;
        self.block_ends(1);
        self.loops += u64::from(is_loop);
        self.open_loops += u64::from(is_loop);
        self.open.push(Label::new(is_loop, ways));
    }

    fn close(&mut self, operands: u64, falls: bool) {
        self.moved(operands);
        let Some(closed) = self.open.pop() else { return };
        self.open_loops -= u64::from(closed.is_loop);
        self.ways += 1;
        let ways = closed.ways + u64::from(falls && !closed.is_loop);
        // A loop is translated before its last way is known: whatever is used in it becomes a value at its head.
        let meeting = if closed.is_loop { closed.uses } else { closed.writes };
        if ways > 1 || closed.is_loop {
            self.values += ways * meeting.min(self.locals);
        }
        // What a clause finds in a local depends on the call that threw.
        self.values += closed.clauses * closed.calls * closed.writes.min(self.locals);
        self.handlers -= closed.clauses;
        self.innermost(|label| {
            label.writes += closed.writes;
            label.uses += closed.uses;
            label.calls += closed.calls;
        });
    }

    /// A way to the label at `depth`, which carries `operands`.
    fn branch(&mut self, depth: u32, operands: u64) {
        self.values += operands;
        self.ways += 1;
        let place = self.open.len().checked_sub(1 + depth as usize);
        if let Some(label) = place.and_then(|place| self.open.get_mut(place)) {
            label.ways += 1;
        }
    }
}
