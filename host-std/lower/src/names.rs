//! The names that lowering gives to what it adds. A guest's imports and exports may not contain [`RESERVED`].

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

/// What marks a name as lowering's own. A guest import or export whose name contains it is refused.
pub const RESERVED: &str = "$subvm:";

/// The module from which [`Counters::Imported`](super::Counters::Imported) modules import the counters, each under
/// the name of its export.
pub const COUNTERS_MODULE: &str = "$subvm:counters";

/// Remaining ticks: a mutable `i64`. Negative is `out_of gas time`.
pub const GAS_GLOBAL: &str = "$subvm:gas";

/// Remaining stack units: a mutable `i32`.
pub const STACK_GLOBAL: &str = "$subvm:stack";

/// Calls and values on the stack that are left, where they are counted ([`Options::calls`](super::Options::calls)): a mutable `i64`, which
/// begins as it has to. The high half is calls, the low half is values.
pub const CALLS_GLOBAL: &str = "$subvm:calls";

/// How many stack units were left at the deepest place that was paid for: a mutable `i32`, which [`stack_mark`](super::stack_mark) begins.
pub const MARK_GLOBAL: &str = "$subvm:mark";

/// Why lowered code executed `unreachable`: a mutable `i32` for [`TrapKind::from_marker`](super::TrapKind::from_marker),
/// 0 as long as it did not.
pub const TRAP_GLOBAL: &str = "$subvm:trap";

/// The memory in which functions note themselves under [`Options::frames`](super::Options::frames): the first module of a sub-VM
/// exports it, the others import it from [`COUNTERS_MODULE`]. [`Walk`](super::Walk) reads it.
pub const FRAMES_MEMORY: &str = "$subvm:frames";

/// The module from which a module under [`Options::watch`](super::Options::watch) imports [`WATCH_FUNCTIONS`].
pub const WATCH_MODULE: &str = "$subvm:watch";

/// What a watched module calls, in the order of its imports, with the types of their parameters; there are no results.
///
/// - `enter(who: i32, ticks: i64)`: a function was entered, and its frame charged. `who` is its index in the guest's module, and from bit 24 on
///   the module's [`ordinal`](super::Options::ordinal). The ticks are those that remain.
/// - `leave(ticks: i64)`: it is about to return, or to call another function in its place.
/// - `at(offset: i32)`: a straight-line block begins at this byte of the guest's module.
/// - `tries(units: i32)`: the function that was entered last may catch exceptions; its frame left so many stack units.
/// - `caught(who: i32, ticks: i64, units: i32)`: that function goes on where exceptions come in, whether one did or not: what it had called
///   is left.
pub const WATCH_FUNCTIONS: [(&str, &[wasm_encoder::ValType]); 5] = {
    use wasm_encoder::ValType::{I32, I64};
    [("enter", &[I32, I64]), ("leave", &[I64]), ("at", &[I32]), ("tries", &[I32]), ("caught", &[I32, I64, I32])]
};

/// The guest's start function: no parameters, no results.
pub const START_EXPORT: &str = "$subvm:start";

/// The modules whose functions the host supplies.
pub const HOST_MODULES: [&str; 2] = [subvm_core::wasi::MODULE, subvm_core::sdk::MODULE];

/// The export of memory `index`, in the order of the module's memory index space.
///
/// ```
/// assert_eq!(subvm_lower::memory_export(1), "$subvm:memory:1");
/// ```
pub fn memory_export(index: u32) -> String {
    format!("{RESERVED}memory:{index}")
}

/// The name under which module `ordinal` of a sub-VM imports the host function `name`.
///
/// ```
/// use subvm_lower::host_import_name;
///
/// assert_eq!(host_import_name("fd_read", 0), "fd_read");
/// assert_eq!(host_import_name("fd_read", 2), "fd_read$subvm:2");
/// ```
pub fn host_import_name(name: &str, ordinal: u32) -> String {
    if ordinal == 0 { name.to_owned() } else { format!("{name}{RESERVED}{ordinal}") }
}
