//! Locals that lowered code needs for the length of a few instructions: one for each use and type, appended to a
//! function that needs it. Nothing in them lives on from one straight-line block to the next.

use alloc::vec::Vec;

use wasm_encoder::ValType;

/// What a scratch local is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The address of a store.
    Address,
    /// An operand of a bulk instruction on a memory, by its place.
    Operand(u8),
    /// A value of this type: one that is stored, or made canonical.
    Value(ValType),
    /// An operand of this type that goes through a barrier, by its place from the top.
    Passed(u32, ValType),
}

impl Use {
    fn ty(self) -> ValType {
        match self {
            Use::Address | Use::Operand(_) => ValType::I32,
            Use::Value(ty) | Use::Passed(_, ty) => ty,
        }
    }
}

/// The scratch locals of a function in the making.
#[derive(Debug)]
pub(super) struct Scratch {
    next: u32,
    uses: Vec<Use>,
}

impl Scratch {
    /// Locals from `next` on.
    pub(super) fn after(next: u32) -> Self {
        Scratch { next, uses: Vec::new() }
    }

    /// The index of the local for `purpose`.
    pub(super) fn local(&mut self, purpose: Use) -> u32 {
        let place = self.uses.iter().position(|used| *used == purpose).unwrap_or_else(|| {
            self.uses.push(purpose);
            self.uses.len() - 1
        });
        self.next + place as u32
    }

    /// The locals in use, as declarations.
    pub(super) fn locals(&self) -> impl Iterator<Item = (u32, ValType)> {
        self.uses.iter().map(|used| (1, used.ty()))
    }
}
