//! Exceptions: what may be known where one is caught.
//!
//! Within a `try_table` control divides at each call, for as far as a compiler knows any may throw, and at what throws. What was computed
//! before it may then be found again at the clause's label, and again behind the next one: it is bounded like work that is pending before a
//! branch. Only locals reach a label so; operands of the block within are gone.

use alloc::collections::BTreeSet;
use wasmparser::{Catch, TryTable};

use super::super::switched::label;
use super::state::State;
use super::{Kind, Step, Walk};

/// An open `try_table`.
#[derive(Debug)]
pub(super) struct Try {
    /// How many blocks are open around it, the function's own included.
    frame: usize,
    /// The labels that its clauses name, as it counts them.
    labels: BTreeSet<u32>,
    /// Whether nothing that is thrown within goes further.
    catches_all: bool,
    /// What is known where something within throws.
    thrown: Option<State>,
}

impl Walk<'_, '_> {
    /// `try_table`.
    pub(super) fn open_try(&mut self, try_table: &TryTable, step: Step) {
        if self.alive {
            // What lies below it is there at its labels, too.
            self.pin(self.operands_of_block(), None);
        }
        let catches_all = |catch: &Catch| matches!(catch, Catch::All { .. } | Catch::AllRef { .. });
        self.tries.push(Try {
            frame: self.frames.len(),
            labels: try_table.catches.iter().map(label).collect(),
            catches_all: try_table.catches.iter().any(catches_all),
            thrown: None,
        });
        self.open(Kind::Block, step);
    }

    /// Where something throws, or may.
    pub(super) fn may_throw(&mut self) {
        if self.tries.is_empty() {
            return;
        }
        self.pin(0, None);
        let within = self.loops.innermost();
        self.thrown(&self.state.clone(), within);
    }

    /// A way to the innermost `try_table`, with what is known.
    fn thrown(&mut self, state: &State, within: u16) {
        let Walk { tries, clock, loops, .. } = self;
        let Some(innermost) = tries.last_mut() else { return };
        match &mut innermost.thrown {
            None => innermost.thrown = Some(state.clone()),
            Some(thrown) => thrown.meet(state, within, clock, loops),
        }
    }

    /// The end of the innermost block, which may be a `try_table`: ways lead to the labels of its clauses.
    pub(super) fn end_try(&mut self) {
        let Some(ended) = self.tries.pop_if(|open| open.frame == self.frames.len()) else { return };
        let Some(thrown) = ended.thrown else { return };
        let around = core::mem::replace(&mut self.state, thrown);
        ended.labels.iter().for_each(|label| self.caught(*label));
        let thrown = core::mem::replace(&mut self.state, around);
        if !ended.catches_all {
            let within = self.loops.innermost();
            self.thrown(&thrown, within);
        }
    }

    /// A way to the label at `depth`, with operands that an exception brings: they are made there.
    fn caught(&mut self, depth: u32) {
        let Some(place) = self.frames.len().checked_sub(1 + depth as usize) else { return };
        if let Some(label) = &self.frames[place].label
            && self.frames[place].kind != Kind::Loop
        {
            let operands = label.operands.len();
            for _ in 0..operands {
                let value = self.fresh();
                self.push(value, None);
            }
            self.way(depth, operands);
            self.take(operands as u32);
        } else {
            self.way(depth, 0);
        }
    }
}
