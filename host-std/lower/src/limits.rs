//! What a module may be: the pinned feature set, and a limit for everything that could cost unbounded time or memory to
//! validate, lower or compile.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use wasmparser::WasmFeatures;

/// WebAssembly 2.0, tail calls, multiple memories and extended constants.
pub const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST);

/// What a module may use besides where [`Options::exceptions`](super::Options::exceptions) says so: `try_table`, `throw`, `throw_ref`, tags and
/// `exnref`.
pub const EXCEPTIONS: WasmFeatures = WasmFeatures::EXCEPTIONS;

/// Declares the limits, their names and values.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $limit:ident, $name:literal, $value:literal;)+) => {
        /// A limit on modules. Each is inclusive.
        ///
        /// ```
        /// use subvm_lower::Limit;
        /// assert_eq!((Limit::Locals.name(), Limit::Locals.value()), ("slots of locals", 20_000));
        /// assert!(Limit::ALL.contains(&Limit::Locals));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Limit {
            $($(#[doc = $doc])+ $limit,)+
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &'static [Limit] = &[$(Limit::$limit,)+];

            /// What it counts.
            pub const fn name(self) -> &'static str {
                match self { $(Limit::$limit => $name,)+ }
            }

            /// The largest value allowed.
            pub const fn value(self) -> u64 {
                match self { $(Limit::$limit => $value,)+ }
            }
        }
    };
}

limits! {
    /// Bytes of a module.
    ModuleSize, "bytes of the module", 134_217_728;
    /// Types.
    Types, "types", 20_000;
    /// Imports of every kind.
    Imports, "imports", 10_000;
    /// Defined functions.
    Functions, "functions", 100_000;
    /// Tables, imported ones included.
    Tables, "tables", 16;
    /// Memories, imported ones included.
    Memories, "memories", 16;
    /// Tags, imported ones included.
    Tags, "tags", 1_000;
    /// Defined globals.
    Globals, "globals", 50_000;
    /// Exports.
    Exports, "exports", 50_000;
    /// Element segments.
    ElementSegments, "element segments", 50_000;
    /// Data segments: Go writes one for each stretch of bytes between zeros.
    DataSegments, "data segments", 100_000;
    /// Entries that a table has from the start.
    TableEntries, "initial table entries", 10_000_000;
    /// Bytes of an import's or export's name, or of its module's.
    NameLength, "bytes of a name", 4_096;
    /// Parameters of a function type.
    Parameters, "parameters", 256;
    /// Results of a function type.
    Results, "results", 256;
    /// Parameters and declared locals of a function, in slots of 8 bytes: a vector counts two. An interpreter has 65,535 places for these,
    /// for each of them once more, and for operands.
    Locals, "slots of locals", 20_000;
    /// Parameters and declared locals of all functions together.
    ModuleLocals, "locals of all functions", 10_000_000;
    /// Bytes of a function's body.
    FunctionSize, "bytes of a function", 1_048_576;
    /// Blocks, loops and ifs around an instruction.
    Nesting, "nested blocks", 10_000;
    /// Operands on the stack at once, in slots of 8 bytes.
    OperandHeight, "operands on the stack", 20_000;
    /// Blocks, loops, ifs and conditional branches of a function, two for each instruction on a table, four for a bulk
    /// instruction on a memory, one for `memory.grow`, for a tail call and for each fourth direct call, and one for each barrier
    /// that lowering sets: compilers take time by their square.
    Branches, "branches and labels of a function", 32_768;
    /// The squares of each function's branches and labels, together.
    BranchSquares, "squares of functions' branches and labels", 2_147_483_648;
    /// Targets of one `br_table`, apart from the default: what wasmtime 48 compiles
    /// (`MAX_BR_TABLE_TARGETS` of its translator).
    BranchTargets, "targets of a br_table", 65_520;
    /// Loops of a function: compilers take time by the product of loops and blocks.
    Loops, "loops of a function", 1_024;
    /// Loops around an instruction: compilers take time by the product of values and the depth of loops.
    LoopNesting, "nested loops", 64;
    /// Values that a compiler makes of a function, estimated: what its operators take and give, and what meets at labels.
    Values, "values of a function", 6_000_000;
    /// Values of all functions together.
    ModuleValues, "values of all functions", 144_000_000;
    /// The sum over imports and exports of what they are: 1, and for a function 2 and its parameters and results. The
    /// parser stops at 1,000,000; lowering adds 20,024 at most (16 memories, five counters, the start function, and 2 for
    /// each import that is a function of the host).
    TypeSize, "parameters and results of imports and exports", 900_000;
    /// Bytes of a function's body after lowering; what engines accept.
    LoweredFunctionSize, "bytes of a lowered function", 7_654_321;
}

impl Limit {
    /// Refuses `found` when it is beyond the limit.
    pub(super) fn check(self, found: impl TryInto<u64>) -> Result<(), Refusal> {
        let found = found.try_into().unwrap_or(u64::MAX);
        if found > self.value() { Err(Refusal::Limit { which: self, found }) } else { Ok(()) }
    }
}

/// Why a module is not lowered. To consensus each is `invalid_contract wasm validating`; the rest is diagnostics.
///
/// ```
/// use subvm_lower::{Limit, Options, Refusal, lower};
/// let module = wat::parse_str(format!("(module (func (result{})unreachable))", " i32".repeat(257)))?;
/// let refusal = lower(&module, &Options::default()).unwrap_err();
/// assert_eq!(refusal, Refusal::Limit { which: Limit::Results, found: 257 });
/// assert_eq!(refusal.to_string(), "too many results: 257, where 256 are allowed");
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not a valid module under the pinned features.
    Validating {
        /// What the validator says.
        message: String,
        /// Where in the module, in bytes.
        offset: usize,
    },
    /// It is larger than allowed.
    Limit {
        /// In which way.
        which: Limit,
        /// How large it is, or as far as was counted.
        found: u64,
    },
    /// The name of an import or export contains [`RESERVED`](super::RESERVED).
    ReservedName {
        /// The name.
        name: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Validating { message, offset } => write!(f, "{message} (at offset {offset:#x})"),
            Refusal::Limit { which, found } => {
                write!(f, "too many {}: {found}, where {} are allowed", which.name(), which.value())
            }
            Refusal::ReservedName { name } => write!(f, "the name {name:?} is reserved"),
        }
    }
}

impl core::error::Error for Refusal {}

impl From<wasmparser::Error> for Refusal {
    fn from(error: wasmparser::Error) -> Self {
        Refusal::Validating { message: in_plain_words(error.message()), offset: error.offset() }
    }
}

/// What the validator says, without its advice to enable features: they are pinned, and nobody can.
fn in_plain_words(message: &str) -> String {
    if message.contains("encoded as a component") {
        return "a component, where a core module is wanted: build it for wasm32-wasip1, or take its core module"
            .to_owned();
    }
    let ends = [" support is not enabled", " proposal not enabled", " proposal to be enabled"];
    let before = ends.iter().find_map(|end| message.strip_suffix(end));
    let before = before.or_else(|| message.split_once(" must be enabled").map(|(before, _)| before));
    let feature = before.map(|before| before.rsplit(" requires ").next().unwrap_or(before));
    let feature =
        feature.map(|feature| feature.trim_start_matches("the ").trim_end_matches(" proposal").trim_matches('`'));
    match feature {
        Some("legacy exceptions") => {
            "exceptions in their legacy form: have the compiler make the new one (clang: -mllvm -wasm-use-legacy-eh=false), or \
             translate the module (wasm-opt --translate-to-exnref)"
                .to_owned()
        }
        Some("threads") => {
            "threads are no feature that a module may use, nor are shared memories and atomic instructions: build it without them \
             (clang: without -pthread, -matomics and -mshared-memory; Rust: without the target feature atomics)"
                .to_owned()
        }
        Some("exceptions") => {
            "exceptions are no feature that a module may use where the parameter `exceptions` is off".to_owned()
        }
        Some(feature) => format!("{feature} is no feature that a module may use"),
        None if message.starts_with("exception refs not supported") => in_plain_words("exceptions support is not enabled"),
        None => message.to_owned(),
    }
}
