//! Which labels of a function a `br_table` names, and which ones a `try_table` does.

use alloc::vec;
use alloc::vec::Vec;

use wasmparser::{Catch, Operator};

use super::notes::FUNCTION_LABEL;

/// An open block: its number, and what has named it.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    switched: bool,
    caught: bool,
}

/// The labels of one function, in the making.
#[derive(Debug)]
pub(super) struct Switched {
    open: Vec<Open>,
    /// The closed ones that a `br_table` named.
    named: Vec<u32>,
    /// The closed ones that a `try_table` named.
    caught: Vec<u32>,
}

impl Switched {
    pub(super) fn new() -> Self {
        let function = Open { number: FUNCTION_LABEL, switched: false, caught: false };
        Switched { open: vec![function], named: Vec::new(), caught: Vec::new() }
    }

    /// Follows instruction `number`, which is valid.
    pub(super) fn step(&mut self, number: u32, operator: &Operator<'_>) -> wasmparser::Result<()> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.opens(number),
            Operator::TryTable { try_table } => {
                for catch in &try_table.catches {
                    self.label(label(catch)).into_iter().for_each(|open| open.caught = true);
                }
                self.opens(number);
            }
            Operator::End => {
                if let Some(closed) = self.open.pop() {
                    self.named.extend(closed.switched.then_some(closed.number));
                    self.caught.extend(closed.caught.then_some(closed.number));
                }
            }
            Operator::BrTable { targets } => {
                self.name(targets.default());
                targets.targets().try_for_each(|target| target.map(|target| self.name(target)))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What was named, by a `br_table` and by a `try_table`, in ascending order.
    pub(super) fn finish(&mut self) -> (&[u32], &[u32]) {
        self.named.sort_unstable();
        self.caught.sort_unstable();
        (&self.named, &self.caught)
    }

    fn opens(&mut self, number: u32) {
        self.open.push(Open { number: number + 1, switched: false, caught: false });
    }

    fn name(&mut self, depth: u32) {
        self.label(depth).into_iter().for_each(|open| open.switched = true);
    }

    fn label(&mut self, depth: u32) -> Option<&mut Open> {
        let place = self.open.len().checked_sub(1 + depth as usize)?;
        self.open.get_mut(place)
    }
}

/// The label that a clause names, as its `try_table` counts.
pub(super) fn label(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { label, .. } | Catch::OneRef { label, .. } | Catch::All { label } | Catch::AllRef { label } => {
            label
        }
    }
}
