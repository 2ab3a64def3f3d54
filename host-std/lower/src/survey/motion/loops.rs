//! The loops of a function, and how much pure work a compiler may lift out of each.

use alloc::vec;
use alloc::vec::Vec;
use wasmparser::ValType;

/// A set of locals.
#[derive(Clone, Debug, Default)]
pub(super) struct Locals(Vec<u64>);

impl Locals {
    pub(super) fn insert(&mut self, local: u32) {
        let place = local as usize / 64;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= 1 << (local % 64);
    }

    pub(super) fn contains(&self, local: u32) -> bool {
        self.0.get(local as usize / 64).is_some_and(|bits| bits >> (local % 64) & 1 == 1)
    }

    fn extend(&mut self, other: &Locals) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    /// Its members, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let places = self.0.iter().enumerate().filter(|(_, bits)| **bits != 0);
        places.flat_map(|(place, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| (place * 64) as u32 + bit)
        })
    }
}

/// What is learned of a loop before it is walked again.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    /// Locals that are written in it.
    pub(super) written: Locals,
    /// Locals that certainly come back to its head with a value made in it, and so have one of their own there.
    pub(super) varying: Locals,
    /// Whether a call comes back to its head, or a store to the first memory.
    pub(super) calls: bool,
    pub(super) stores: bool,
}

/// An open loop, or the function itself.
#[derive(Debug)]
pub(super) struct Loop {
    /// The number of its instruction.
    pub(super) instruction: u32,
    /// The types of its parameters.
    pub(super) parameters: Vec<ValType>,
    /// The newest value when it was opened.
    pub(super) clock: u32,
    /// Locals that are read in it with values from outside.
    pub(super) reads: Locals,
    /// Ticks that may be lifted out of it, by how many loops are around what they are computed from.
    liftable: Vec<u64>,
}

impl Loop {
    /// All ticks that may be lifted out of it.
    pub(super) fn liftable(&self) -> u64 {
        self.liftable.iter().fold(0, |sum, ticks| sum.saturating_add(*ticks))
    }
}

/// The loops of a function.
#[derive(Debug)]
pub(super) struct Loops {
    /// The innermost open loop around each, or that it is open itself; by number, the function's own first.
    around: Vec<u16>,
    /// The open ones, the function first.
    open: Vec<(u16, Loop)>,
    /// By number: how many loops are around each.
    depths: Vec<u16>,
}

impl Loops {
    pub(super) fn new() -> Self {
        let mut loops = Loops { around: Vec::new(), open: Vec::new(), depths: Vec::new() };
        loops.enter(0, 0, Vec::new());
        loops
    }

    /// Enters the next loop, and gives its number.
    pub(super) fn enter(&mut self, instruction: u32, clock: u32, parameters: Vec<ValType>) -> usize {
        let number = self.around.len();
        self.around.push(number as u16);
        self.depths.push(self.open.len() as u16);
        let liftable = vec![0; self.open.len()];
        self.open.push((number as u16, Loop { instruction, parameters, clock, reads: Locals::default(), liftable }));
        number
    }

    /// Leaves the innermost loop: behind it, what was made in it is of the loop around.
    pub(super) fn leave(&mut self) -> Option<(u16, Loop)> {
        if self.open.len() < 2 {
            return None;
        }
        let (number, left) = self.open.pop()?;
        self.around[number as usize] = self.innermost();
        Some((number, left))
    }

    /// Counts for the loop around what may be lifted out of the one that was left, as far as it may go further.
    pub(super) fn pass_on(&mut self, left: &Loop) {
        let (_, outer) = &mut self.open[left.liftable.len() - 1];
        outer.liftable.iter_mut().zip(&left.liftable).for_each(|(sum, ticks)| *sum = sum.saturating_add(*ticks));
        outer.reads.extend(&left.reads);
    }

    /// The number of the innermost loop.
    pub(super) fn innermost(&self) -> u16 {
        self.open.last().map_or(0, |(number, _)| *number)
    }

    /// How many loops are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len() - 1
    }

    /// The innermost loop.
    pub(super) fn current(&mut self) -> &mut Loop {
        let last = self.open.len() - 1;
        &mut self.open[last].1
    }

    /// The open loop that has `depth` others around it, the function's own included.
    pub(super) fn at(&self, depth: usize) -> Option<&Loop> {
        self.open.get(depth).map(|(_, it)| it)
    }

    /// How many open loops are around what was made in loop `within`.
    pub(super) fn depth_of(&self, within: u16) -> usize {
        if within == u16::MAX {
            return self.depth();
        }
        let mut within = within;
        while self.around[within as usize] != within {
            within = self.around[within as usize];
        }
        self.depths[within as usize] as usize
    }

    /// The outer of two loops.
    pub(super) fn outer(&self, one: u16, other: u16) -> u16 {
        if self.depth_of(one) <= self.depth_of(other) { one } else { other }
    }

    /// The inner of two loops.
    pub(super) fn inner(&self, one: u16, other: u16) -> u16 {
        if self.depth_of(one) >= self.depth_of(other) { one } else { other }
    }

    /// Counts `ticks` that may be lifted to where `depth` loops are around.
    pub(super) fn lift(&mut self, depth: usize, ticks: u64) {
        if let Some(sum) = self.current().liftable.get_mut(depth) {
            *sum = sum.saturating_add(ticks);
        }
    }
}
