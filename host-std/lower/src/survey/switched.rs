//! Which labels of a function a `br_table` names.

use alloc::vec;
use alloc::vec::Vec;

use wasmparser::Operator;

use super::notes::FUNCTION_LABEL;

/// The labels of one function, in the making.
#[derive(Debug)]
pub(super) struct Switched {
    /// The open blocks: their numbers, and whether a `br_table` has named them.
    open: Vec<(u32, bool)>,
    /// The closed ones that were named.
    named: Vec<u32>,
}

impl Switched {
    pub(super) fn new() -> Self {
        Switched { open: vec![(FUNCTION_LABEL, false)], named: Vec::new() }
    }

    /// Follows instruction `number`, which is valid.
    pub(super) fn step(&mut self, number: u32, operator: &Operator<'_>) -> wasmparser::Result<()> {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.open.push((number + 1, false)),
            Operator::End => {
                let closed = self.open.pop();
                self.named.extend(closed.filter(|(_, named)| *named).map(|(number, _)| number));
            }
            Operator::BrTable { targets } => {
                self.name(targets.default());
                targets.targets().try_for_each(|target| target.map(|target| self.name(target)))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What was named, in ascending order.
    pub(super) fn finish(&mut self) -> &[u32] {
        self.named.sort_unstable();
        &self.named
    }

    fn name(&mut self, depth: u32) {
        let place = self.open.len().checked_sub(1 + depth as usize);
        if let Some((_, named)) = place.and_then(|place| self.open.get_mut(place)) {
            *named = true;
        }
    }
}
