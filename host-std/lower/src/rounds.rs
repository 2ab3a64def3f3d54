//! Small loops that are written several times, so that the counter is compared once for several rounds:
//!
//! ```text
//!     block
//!       loop
//!         block            ;; the loop's label in this round
//!           ... the body ...
//!           br 2
//!         end
//!         ...              ;; more of them
//!         ... the body, whose label is the loop's own ...
//!       end
//!     end
//! ```
//!
//! Branches to the loop's head keep their depths, and those beyond it pass what was added. No block is within.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::slice::Iter;

use wasm_encoder::InstructionSink;
use wasmparser::{FunctionBody, Operator, OperatorsReader};

use super::blocks::Blocks;
use super::owed::Named;
use super::survey::{Canonicalise, FUNCTION_LABEL, Moving, Notes, Passed, Pin, Unrolled};

/// The bytes of a `block` without parameters and results.
const BLOCK: &[u8] = &[0x02, 0x40];

/// Where the second pass is in a function: at which instruction, and which of its notes come next.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub(super) reader: OperatorsReader<'a>,
    /// How many instructions came before.
    pub(super) number: u32,
    pub(super) canonicalise: Peekable<Iter<'a, Canonicalise>>,
    pub(super) moving: Peekable<Iter<'a, Moving>>,
    switched: Peekable<Iter<'a, u32>>,
    caught: Peekable<Iter<'a, u32>>,
    pins: Peekable<Iter<'a, Pin>>,
    passed: &'a [Passed],
    unrolled: Peekable<Iter<'a, Unrolled>>,
}

impl<'a> Cursor<'a> {
    /// At the first instruction of `body`.
    pub(super) fn new(body: &FunctionBody<'a>, notes: Notes<'a>) -> wasmparser::Result<Self> {
        let labels = |named: &'a [u32]| {
            let own = named.partition_point(|opener| *opener == FUNCTION_LABEL);
            named[own..].iter().peekable()
        };
        Ok(Cursor {
            reader: body.get_operators_reader()?,
            number: 0,
            canonicalise: notes.canonicalise.iter().peekable(),
            moving: notes.moving.iter().peekable(),
            switched: labels(notes.switched),
            caught: labels(notes.caught),
            pins: notes.pins.iter().peekable(),
            passed: notes.passed,
            unrolled: notes.unrolled.iter().peekable(),
        })
    }

    /// What names the label of the block that the instruction opens.
    pub(super) fn named(&mut self) -> Named {
        let label = self.number + 1;
        Named {
            switched: self.switched.next_if(|opener| **opener == label).is_some(),
            caught: self.caught.next_if(|opener| **opener == label).is_some(),
        }
    }

    /// What goes through the next barrier before the instruction.
    pub(super) fn barrier(&mut self) -> Option<&'a [Passed]> {
        let pin = self.pins.next_if(|pin| pin.instruction == self.number)?;
        let (through, rest) = self.passed.split_at(pin.passed as usize);
        self.passed = rest;
        Some(through)
    }

    /// How often the loop is written that the instruction opens, where that is more than once.
    pub(super) fn rounds(&mut self) -> Option<u32> {
        let label = self.number + 1;
        self.unrolled.next_if(|unrolled| unrolled.number == label).map(|unrolled| unrolled.rounds)
    }
}

/// A loop of which a round is being written.
pub(super) struct Rounds<'a> {
    /// At the first instruction behind the `loop`.
    pub(super) first: Cursor<'a>,
    /// How many rounds are to follow.
    more: u32,
}

impl<'a> Rounds<'a> {
    /// Opens a loop that is written so many times: `bytes` is its instruction, which was counted, and `first` what comes behind it.
    pub(super) fn open(blocks: &mut Blocks, bytes: &[u8], rounds: u32, first: Cursor<'a>) -> Self {
        blocks.block(BLOCK, Named::default());
        blocks.loop_(bytes, Named::default());
        add_block(blocks);
        Rounds { first, more: rounds - 1 }
    }

    /// Writes what ends a round, of which the `end` was counted. Says whether another one is to be written.
    pub(super) fn end(&mut self, blocks: &mut Blocks) -> bool {
        if self.more == 0 {
            blocks.end();
            blocks.count(0, false);
            blocks.end();
            return false;
        }
        if blocks.reachable() {
            blocks.code().br(2);
            blocks.after_br(2);
        }
        blocks.count(0, false);
        blocks.end();
        self.more -= 1;
        if self.more > 0 {
            add_block(blocks);
        }
        true
    }

    /// An instruction as it is written in this round.
    pub(super) fn moved<'b>(&self, operator: Operator<'b>, bytes: &'b [u8]) -> (Operator<'b>, Cow<'b, [u8]>) {
        let added = if self.more == 0 { 1 } else { 2 };
        let mut moved = Vec::new();
        let mut sink = InstructionSink::new(&mut moved);
        let operator = match operator {
            Operator::Br { relative_depth } if relative_depth > 0 => {
                sink.br(relative_depth + added);
                Operator::Br { relative_depth: relative_depth + added }
            }
            Operator::BrIf { relative_depth } if relative_depth > 0 => {
                sink.br_if(relative_depth + added);
                Operator::BrIf { relative_depth: relative_depth + added }
            }
            other => return (other, Cow::Borrowed(bytes)),
        };
        (operator, Cow::Owned(moved))
    }
}

/// Opens a block that the guest does not have, and that costs nothing.
fn add_block(blocks: &mut Blocks) {
    blocks.count(0, false);
    blocks.block(BLOCK, Named::default());
}
