//! What the locals hold at a place, in pieces that places share until one of them writes.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::loops::Loops;
use super::value::Value;

/// Locals in a piece.
const PIECE: usize = 32;

/// What was done to memory last, as far as loads could find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// The loop in which nothing from before can be found.
    pub(super) within: u16,
    /// The newest value when it stood.
    pub(super) at: u32,
}

/// What is known at a place.
#[derive(Clone, Debug)]
pub(super) struct State {
    pieces: Rc<Vec<Rc<[Value; PIECE]>>>,
    /// The cones of all locals together.
    pending: u64,
    /// The last call.
    pub(super) call: Fence,
    /// The last call, or store to the first memory.
    pub(super) store: Fence,
    /// What was stored since the last call.
    pub(super) stored: Stored,
}

/// What was stored, and could be what a load gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// The roots of the values.
    pub(super) roots: u64,
    /// The roots of the addresses.
    pub(super) places: u64,
    /// The outermost loop in which one of the values was made.
    pub(super) high: u16,
    /// Whether none of them may be a constant.
    pub(super) sure: bool,
}

impl Stored {
    const NOTHING: Stored = Stored { roots: 0, places: 0, high: u16::MAX, sure: true };

    /// Both.
    fn with(self, other: Stored, loops: &Loops) -> Stored {
        let high = match (self.high, other.high) {
            (u16::MAX, high) | (high, u16::MAX) => high,
            (one, other) => loops.outer(one, other),
        };
        let (roots, places) = (self.roots | other.roots, self.places | other.places);
        Stored { roots, places, high, sure: self.sure && other.sure }
    }
}

impl State {
    /// The state at a function's entry.
    pub(super) fn new(locals: impl IntoIterator<Item = Value>) -> Self {
        let none = Value::constant(0, false);
        let mut pieces = Vec::new();
        for (place, value) in locals.into_iter().enumerate() {
            if place % PIECE == 0 {
                pieces.push([none; PIECE]);
            }
            if let Some(piece) = pieces.last_mut() {
                piece[place % PIECE] = value;
            }
        }
        let fence = Fence { within: 0, at: 0 };
        let pieces = Rc::new(pieces.into_iter().map(Rc::new).collect());
        State { pieces, pending: 0, call: fence, store: fence, stored: Stored::NOTHING }
    }

    pub(super) fn get(&self, local: u32) -> Value {
        self.pieces[local as usize / PIECE][local as usize % PIECE]
    }

    pub(super) fn set(&mut self, local: u32, value: Value) {
        let pieces = Rc::make_mut(&mut self.pieces);
        let place = &mut Rc::make_mut(&mut pieces[local as usize / PIECE])[local as usize % PIECE];
        self.pending = self.pending - u64::from(place.cone) + u64::from(value.cone);
        *place = value;
    }

    /// The cones of all locals together.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    /// The locals that have cones.
    pub(super) fn with_cones(&self) -> Vec<u32> {
        let values = self.pieces.iter().flat_map(|piece| piece.iter());
        values.enumerate().filter(|(_, value)| value.cone > 0).map(|(local, _)| local as u32).collect()
    }

    /// A call or the like: loads behind it find nothing from before.
    pub(super) fn fence(&mut self, within: u16, at: u32) {
        self.call = Fence { within, at };
        self.store = self.call;
        self.stored = Stored::NOTHING;
    }

    /// `value` is stored at what has `places` for roots.
    pub(super) fn store(&mut self, places: u64, value: Value, loops: &Loops) {
        let stored = Stored { roots: value.roots, places, high: value.high, sure: value.sure };
        self.stored = self.stored.with(stored, loops);
    }

    /// The locals that differ, with what they are here and there.
    pub(super) fn differing(&self, other: &State) -> Vec<(u32, Value, Value)> {
        let mut found = Vec::new();
        for (place, (piece, theirs)) in self.pieces.iter().zip(other.pieces.iter()).enumerate() {
            if Rc::ptr_eq(piece, theirs) {
                continue;
            }
            for (local, (value, their)) in piece.iter().zip(theirs.iter()).enumerate() {
                if value != their {
                    found.push(((place * PIECE + local) as u32, *value, *their));
                }
            }
        }
        found
    }

    /// Makes it what is known at a label in loop `within`, where a way with `other` meets the one with this.
    pub(super) fn meet(&mut self, other: &State, within: u16, clock: &mut u32, loops: &Loops) {
        for (local, value, their) in self.differing(other) {
            *clock += 1;
            self.set(local, value.meet(their, *clock, within, loops));
        }
        *clock += 1;
        let here = Fence { within, at: *clock };
        let meet = |one: Fence, other: Fence| if one == other { one } else { here };
        self.call = meet(self.call, other.call);
        self.store = meet(self.store, other.store);
        self.stored = self.stored.with(other.stored, loops);
    }
}
