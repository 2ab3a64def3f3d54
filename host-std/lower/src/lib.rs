//! Lowering: determinism as a property of the module.
//!
//! [`lower`] validates a module against a pinned set of features and limits and rewrites it, WebAssembly to WebAssembly,
//! so that a stock engine executes it identically on every machine: floats by a policy, a bounded stack, metered time,
//! memories and the start function under the engine's control (`docs/spec/lowering.md`).
//!
//! What the engine does with a lowered module:
//!
//! 1. supply the imports; those of host functions bear [`host_import_name`], take the remaining ticks as their last
//!    parameter (`i64`) and give them back as their last result, and under [`Counters::Imported`] the counters come
//!    from the exports of the sub-VM's first module; what a function of WASI answers may bear [`KEPT`](subvm_core::wasi::KEPT), where
//!    [`Kept::mark`](subvm_core::wasi::Kept::mark) says so and [`Options::keeps_answers`], to a module that has a memory: it need not ask again;
//! 2. instantiate; no guest code runs, for there is no start section any more;
//! 3. set [`GAS_GLOBAL`] (`i64`, remaining ticks), [`STACK_GLOBAL`] (`i32`, remaining stack units) and [`MARK_GLOBAL`] (`i32`, to what
//!    [`stack_mark`] says of these units);
//! 4. call the export [`START_EXPORT`] where [`Lowered::has_start`] says so, then what it came for;
//! 5. write [`GAS_GLOBAL`] in a host function that does not return, for its result is lost;
//! 6. after a trap of any kind, read the counters, and [`TRAP_GLOBAL`] through [`TrapKind::from_marker`] to tell an
//!    `unreachable` of the guest from one of lowering. A negative gas counter is `out_of gas time` whatever else happened.
//!
//! ```
//! use subvm_lower::{lower, Options};
//!
//! let guest = wat::parse_str("(module (memory 1) (func (export \"f\") (result f32) (f32.sqrt (f32.const 2))))")?;
//! let lowered = lower(&guest, &Options::default()).expect("a valid module");
//! assert_eq!(lowered.memories, 1);
//! assert_eq!(lowered.functions.original(0), Some(0)); // the guest's function keeps its index
//! assert_eq!(lowered.functions.original(1), None); // the square root in integer arithmetic is no guest frame
//! # Ok::<(), wat::Error>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

mod active;
mod answers;
mod appended;
mod blocks;
mod body;
mod bulk;
mod counters;
mod exports;
mod floats;
mod frames;
mod gas;
mod helpers;
mod imports;
mod instance;
mod limits;
mod look;
mod module;
mod names;
mod options;
mod origins;
mod owed;
mod pins;
mod report;
mod schema;
mod scratch;
mod segments;
mod stack;
mod stores;
mod survey;
mod traps;
mod unwound;
mod watch;

pub use active::{Active, OnFailure};
pub use exports::retain_exports;
pub use frames::{Noted, Walk};
pub use limits::{EXCEPTIONS, FEATURES, Limit, Refusal};
pub use look::{Global, Instance, Look, Machine, Place, lower_placed};
pub use names::{
    CALLS_GLOBAL, COUNTERS_MODULE, FRAMES_MEMORY, GAS_GLOBAL, HOST_MODULES, MARK_GLOBAL, RESERVED, STACK_GLOBAL,
    START_EXPORT, TRAP_GLOBAL, WATCH_FUNCTIONS, WATCH_MODULE, host_import_name, memory_export,
};
pub use options::{Counters, Floats, KEY_BYTES, Options, Watch};
pub use origins::{Origins, origins};
pub use report::{Frame, Import, Report};
pub use schema::{SchemaError, schema};
pub use stack::{BYTES_PER_UNIT, RESERVED_BYTES, STACK_UNITS, stack_mark};
use subvm_core::costs::SetUp;
pub use traps::TrapKind;
pub use unwound::unwinding_ticks;

/// The version of lowering: it changes whenever any module would be lowered to other bytes. It belongs to the key of the
/// module cache. What chains agree on is [`LOWERING_VERSION`](subvm_core::LOWERING_VERSION), which changes only when any
/// module's results do.
pub const VERSION: u32 = 23;

/// Bytes of a page of memory (WebAssembly 2.0, 4.2.8).
pub const WASM_PAGE: u64 = 65_536;

/// A module that behaves the same on every machine, and what the engine must know of it.
///
/// ```
/// use subvm_lower::{Options, lower};
/// let module = wat::parse_str("(module $named (memory 1) (func $f) (start $f))")?;
/// let lowered = lower(&module, &Options::default()).unwrap();
/// assert!(lowered.has_start && lowered.memories == 1);
/// assert_eq!(lowered.module_name.as_deref(), Some("named"));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lowered {
    /// The rewritten module.
    pub wasm: Vec<u8>,
    /// Which of its functions are the guest's.
    pub functions: FunctionMap,
    /// How many memories it has, imported ones first; memory `i` is exported as [`memory_export`]`(i)`.
    pub memories: u32,
    /// How many of them it defines itself: a package may have [`MEMORIES`](subvm_core::costs::MEMORIES) in all.
    pub defined_memories: u32,
    /// What an instance sets up, to be charged before it is made: the bytes as RAM, and all of it as time.
    pub set_up: SetUp,
    /// Whether the guest had a start function, now exported as [`START_EXPORT`].
    pub has_start: bool,
    /// The module's name from its name section, where that is well-formed and has one.
    pub module_name: Option<String>,
    /// Where its straight-line blocks begin, in bytes of the guest's module, ascending; only under [`Watch::Blocks`].
    pub blocks: Vec<u32>,
    /// What was found and changed, for `subvm inspect`.
    pub report: Report,
}

/// Maps the function indices of a lowered module back to the guest's own.
///
/// ```
/// use subvm_lower::{Options, lower};
/// let module = wat::parse_str("(module (func) (func))")?;
/// let functions = lower(&module, &Options::default()).unwrap().functions;
/// assert_eq!((functions.guest_functions(), functions.original(1), functions.original(2)), (2, Some(1), None));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionMap {
    guest_functions: u32,
    /// Where functions were put before those that the guest defines, and how many.
    added: (u32, u32),
}

impl FunctionMap {
    /// The map of a module that was lowered before, and kept: it has so many functions of the guest's, imported ones included.
    ///
    /// ```
    /// use subvm_lower::FunctionMap;
    /// assert_eq!(FunctionMap::new(3).original(3), None);
    /// ```
    #[must_use]
    pub fn new(guest_functions: u32) -> Self {
        Self { guest_functions, added: (guest_functions, 0) }
    }

    /// The guest's index of function `lowered`, or `None` for a function that lowering added: its frames are not shown.
    ///
    /// Everything lowering adds is appended, so an index that is the guest's is unchanged, but for what it imports under [`Options::watch`].
    pub fn original(&self, lowered: u32) -> Option<u32> {
        let (at, count) = self.added;
        let index = if lowered < at { lowered } else { lowered.checked_sub(count).filter(|index| *index >= at)? };
        (index < self.guest_functions).then_some(index)
    }

    /// How many functions the guest has, imported ones included.
    pub fn guest_functions(&self) -> u32 {
        self.guest_functions
    }
}

/// Validates `wasm`, holds it to every [`Limit`] and rewrites it.
///
/// The result depends on nothing but the arguments and [`VERSION`].
///
/// # Errors
///
/// [`Refusal`] when the module is not valid under the pinned features, exceeds a limit or uses a reserved name. All of
/// them are `invalid_contract wasm validating` to consensus; what they say is diagnostics.
///
/// # Cost
///
/// Time and memory in proportion to the module, which [`Limit::ModuleSize`] bounds.
///
/// ```
/// use subvm_lower::{Options, Refusal, lower};
/// let module = wat::parse_str("(module (func))")?;
/// assert_eq!(lower(&module, &Options::default()), lower(&module, &Options::default()));
/// assert!(matches!(lower(b"\0asm", &Options::default()), Err(Refusal::Validating { .. })));
/// # Ok::<(), wat::Error>(())
/// ```
pub fn lower(wasm: &[u8], options: &Options) -> Result<Lowered, Refusal> {
    lowered(wasm, options, false).map(|(lowered, _)| lowered)
}

/// The module lowered, and, where it is to be `placed`, where its instructions came to stand.
fn lowered(wasm: &[u8], options: &Options, placed: bool) -> Result<(Lowered, Vec<Vec<Place>>), Refusal> {
    let survey = survey::survey(wasm, options)?;
    let mut lowered = module::rewrite(&survey, options, placed)?;
    let places = core::mem::take(&mut lowered.places);
    let lowered = Lowered {
        functions: FunctionMap {
            guest_functions: survey.function_count(),
            added: (survey.imported_functions(), watch::Watched::count(options)),
        },
        memories: survey.memories,
        defined_memories: survey.memories - survey.imported_memories,
        set_up: instance::set_up(&survey),
        has_start: survey.start.is_some(),
        module_name: survey.module_name.clone(),
        report: report::report(&survey, &lowered),
        blocks: lowered.blocks,
        wasm: lowered.wasm,
    };
    Ok((lowered, places))
}

/// Where a module that [`lower`] refuses begins to be refused: the first byte of the section, or of the function's body, that was looked at.
/// A [`Refusal::Validating`] knows the byte itself. Nothing where the module is lowered, or is refused for what lowering would make of it.
///
/// # Cost
/// As [`lower`].
///
/// ```
/// use subvm_lower::{Limit, Options, Refusal, lower, refused_at};
/// let many = "i64 ".repeat(20_001);
/// let module = wat::parse_str(format!("(module (func) (func (local {many})))"))?;
/// let options = Options::default();
/// assert!(matches!(lower(&module, &options), Err(Refusal::Limit { which: Limit::Locals, .. })));
/// let at = refused_at(&module, &options).expect("it is refused");
/// assert!(at > 0 && at < module.len());
/// # Ok::<(), wat::Error>(())
/// ```
#[must_use]
pub fn refused_at(wasm: &[u8], options: &Options) -> Option<usize> {
    let mut at = 0;
    survey::survey_noting(wasm, options, &mut at).is_err().then_some(at)
}
