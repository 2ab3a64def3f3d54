//! Which loops are written several times, so that the counter is compared once for several rounds
//! (`docs/spec/lowering.md`, *Time gas*).

use alloc::vec::Vec;

use wasmparser::{BlockType, Operator};

use super::notes::Unrolled;
use crate::gas;
use crate::owed::UNCOMPARED_TICKS;

/// How many instructions such a loop may have, its `end` included.
const MOST_INSTRUCTIONS: u32 = 32;

/// How many instructions the rounds that are written may have together.
const WRITTEN_INSTRUCTIONS: u32 = 128;

/// How many rounds are written at most.
const MOST_ROUNDS: u32 = 8;

/// The innermost block that is open, while it may be one of them.
#[derive(Debug)]
struct Open {
    /// The number of its instruction.
    number: u32,
    ticks: u64,
    /// Whether a branch goes back to its head.
    again: bool,
    /// Whether the last instruction was one that does so or not.
    divided: bool,
}

/// The loops of one function that are unrolled, in the making.
#[derive(Debug, Default)]
pub(super) struct Unrolling {
    open: Option<Open>,
    found: Vec<Unrolled>,
}

impl Unrolling {
    /// Follows instruction `number`, which is valid and costs `ticks`. Gives the loop whose end it is, if that is unrolled.
    pub(super) fn step(&mut self, number: u32, operator: &Operator<'_>, ticks: u64) -> Option<Unrolled> {
        if let Operator::Loop { blockty } = operator {
            let open = Open { number, ticks: 0, again: false, divided: false };
            self.open = (*blockty == BlockType::Empty).then_some(open);
            return None;
        }
        let open = self.open.as_mut()?;
        open.ticks += ticks;
        match operator {
            Operator::End => {
                let unrolled = self.open.take()?.unrolled(number);
                self.found.extend(unrolled);
                return unrolled;
            }
            // What divides within a round would have a compiler do the work of the rounds before it in each part.
            _ if open.divided => self.open = None,
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } | Operator::BrTable { .. } => {
                self.open = None;
            }
            Operator::Br { relative_depth: 0 } => open.again = true,
            Operator::BrIf { relative_depth: 0 } => (open.again, open.divided) = (true, true),
            _ if gas::shows(operator) && !matches!(operator, Operator::Unreachable) => self.open = None,
            _ => {}
        }
        None
    }

    /// What was found: innermost loops, and so in ascending order.
    pub(super) fn finish(self) -> Vec<Unrolled> {
        self.found
    }
}

impl Open {
    /// How often it is written, which ends with instruction `end`; nothing where that is once.
    fn unrolled(&self, end: u32) -> Option<Unrolled> {
        let instructions = end - self.number;
        let by_ticks = UNCOMPARED_TICKS / self.ticks.max(1);
        let rounds = MOST_ROUNDS.min(WRITTEN_INSTRUCTIONS / instructions).min(by_ticks.try_into().unwrap_or(u32::MAX));
        let unrolled = self.again && instructions <= MOST_INSTRUCTIONS && rounds > 1;
        unrolled.then_some(Unrolled { number: self.number + 1, end, rounds, divided: self.divided })
    }
}
