//! What a WebAssembly instruction costs: one versioned table of prices by class.
//!
//! One tick is about half a nanosecond of work on the reference machine. Prices belong to the instructions that the guest
//! supplied, whatever lowering makes of them, and the floating-point classes are priced as the integer arithmetic of the
//! *soft* policy under every policy, so that policies agree on gas (`docs/spec/gas.md`).
//!
//! ```
//! use subvm_core::costs::instructions::{BULK_BYTES_SHIFT, Class, Schedule};
//!
//! // `memory.fill` of 1,024 bytes:
//! let ticks = |class| Schedule::V1.ticks(class);
//! assert_eq!(ticks(Class::Bulk) + (1024 >> BULK_BYTES_SHIFT) * ticks(Class::BulkBytes), 158);
//! ```

pub use super::schedule::Schedule;

/// Declares the classes, their names in the specification's table and their prices in version 1.
macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $class:ident, $name:literal, $ticks:literal;)+) => {
        /// A group of instructions that cost the same.
        ///
        /// ```
        /// use subvm_core::costs::instructions::Class;
        /// assert_eq!((Class::Divide.name(), Class::Divide.what().trim()), ("divide", "Integer division and remainder."));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[doc = $doc])+ $class,)+
        }

        impl Class {
            /// Every class, in the order of the specification's table.
            pub const ALL: &'static [Class] = &[$(Class::$class,)+];

            /// The name of the class in the specification's table.
            pub const fn name(self) -> &'static str {
                match self { $(Class::$class => $name,)+ }
            }

            /// What belongs to the class, in the specification's table.
            pub const fn what(self) -> &'static str {
                match self { $(Class::$class => concat!($($doc,)+),)+ }
            }
        }

        pub(super) const VERSION_1: [u32; Class::ALL.len()] = [$($ticks,)+];
    };
}

classes! {
    /// Structure without work: `nop`, `block`, `loop`, `else`, `end`, `drop`, `return`, `unreachable`.
    Structure, "structure", 0;
    /// Constants, locals, integer arithmetic, comparisons, shifts, `select`, reinterpretations.
    Simple, "simple", 1;
    /// Integer multiplication.
    Multiply, "multiply", 2;
    /// Integer division and remainder.
    Divide, "divide", 8;
    /// Loads and stores of scalars.
    Memory, "memory", 2;
    /// `global.get`, `global.set`, `memory.size`, `table.size`.
    Global, "global", 1;
    /// `br`, `br_if` and `if`.
    Branch, "branch", 1;
    /// `br_table`.
    BranchTable, "branch_table", 3;
    /// `call` and `return_call`, apart from the callee's entry.
    Call, "call", 3;
    /// `call_indirect` and `return_call_indirect`, apart from the callee's entry: three loads and a jump that may each be far away.
    CallIndirect, "call_indirect", 24;
    /// Entering a function, apart from the size of its frame.
    Entry, "entry", 2;
    /// 32 units of a function's frame (`docs/spec/lowering.md`, stack bound), charged at its entry.
    EntryFrame, "entry_frame", 1;
    /// 3 slots of a function's declared locals beyond the first 32 (a vector has two), charged at its entry: they are set to zero.
    EntryLocals, "entry_locals", 1;
    /// A value beyond eight that an instruction other than `else` and `end` takes or gives: calls and labels have places for values, to which they are moved.
    Value, "value", 2;
    /// `table.get` and `table.set`.
    Table, "table", 4;
    /// `ref.func`, `elem.drop` and `data.drop`: calls of the engine's run time.
    Runtime, "runtime", 100;
    /// Vector instructions that are not floating-point.
    Vector, "vector", 2;
    /// `abs`, `neg` and `copysign` of one float.
    FloatBits, "float_bits", 2;
    /// A comparison of two floats.
    FloatCompare, "float_compare", 6;
    /// `min` and `max`, `pmin` and `pmax` of two floats.
    FloatMinMax, "float_min_max", 6;
    /// `ceil`, `floor`, `trunc` and `nearest` of one float.
    FloatRound, "float_round", 6;
    /// A conversion between a float and an integer, or between floats.
    FloatConvert, "float_convert", 6;
    /// Addition and subtraction of two floats.
    FloatAdd, "float_add", 12;
    /// Multiplication of two floats.
    FloatMultiply, "float_multiply", 12;
    /// Division of two floats.
    FloatDivide, "float_divide", 30;
    /// The square root of one float.
    FloatSquareRoot, "float_square_root", 60;
    /// Taking one float out of a vector and putting one back, added to the price of what is done with it.
    FloatLane, "float_lane", 2;
    /// `memory.fill`, `memory.copy`, `memory.init`, `table.fill`, `table.copy`, `table.init`, apart from their size.
    Bulk, "bulk", 30;
    /// 8 bytes that a memory bulk instruction is asked to write.
    BulkBytes, "bulk_bytes", 1;
    /// One entry that a table bulk instruction is asked to write.
    BulkEntry, "bulk_entry", 8;
    /// `memory.grow` and `table.grow`, apart from their size.
    Grow, "grow", 2000;
    /// One page of 65,536 bytes that `memory.grow` is asked for, or that a memory has from the start: what it costs to touch it for the first time, and to hash it when the run fails.
    GrowPage, "grow_page", 32768;
    /// One entry that `table.grow` is asked for, or that a table has from the start.
    GrowEntry, "grow_entry", 12;
    /// `throw` and `throw_ref`, apart from the frames that are unwound.
    Throw, "throw", 500;
    /// A clause of a `try_table`, where it is entered.
    Catch, "catch", 8;
    /// 8 stack units of frames that an exception leaves, charged where it is caught, or where it ends the sub-VM.
    Unwind, "unwind", 64;
    /// A stack unit beyond the first 32,768 that no function of the sub-VM took before, but leaf functions: native stack is touched for the first time, and a trap walks the frames.
    Depth, "depth", 3;
}

/// The binary logarithm of the stack units that one [`Class::Unwind`] pays for.
pub const UNWIND_UNITS_SHIFT: u32 = 3;

/// Stack units of a sub-VM that cost no [`Class::Depth`].
pub const DEPTH_INCLUDED: u32 = 32_768;

/// Frame units that one [`Class::EntryFrame`] pays for.
pub const FRAME_UNITS_PER_PRICE: u32 = 32;

/// Slots of declared locals that entering a function sets to zero for its own price.
pub const LOCALS_INCLUDED: u32 = 32;

/// Further slots of declared locals that one [`Class::EntryLocals`] pays for.
pub const LOCALS_PER_PRICE: u32 = 3;

/// Values that an instruction takes and gives for its own price; each further one costs a [`Class::Value`].
pub const VALUES_INCLUDED: u32 = 8;

/// The binary logarithm of the bytes that one [`Class::BulkBytes`] pays for.
pub const BULK_BYTES_SHIFT: u32 = 3;
