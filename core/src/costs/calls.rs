//! What host calls cost, in ticks of time gas: a base for each call, and a price for the bytes it asks for.
//!
//! One tick is about half a nanosecond on the reference machine; `benches` measures it. Source: `docs/spec/gas.md`, *Host calls*.
//!
//! ```
//! use subvm_core::costs::calls::{IOVEC, TRANSFER, copying};
//! use subvm_host_mock::{MemoryHost, play};
//!
//! let report = play(&MemoryHost::new(), |machine| {
//!     machine.mem()[64..72].copy_from_slice(&[0, 16, 0, 0, 100, 0, 0, 0]); // 100 bytes at 4096
//!     machine.wasi("fd_write", &[1, 64, 1, 0]).map(drop)
//! });
//! assert_eq!(report.receipt.gas.time, TRANSFER + IOVEC + copying(100));
//! ```

/// Declares constants of ticks, or of bytes for a tick, and the list of them.
macro_rules! amounts {
    ($(#[$list_doc:meta])+ $list:ident: $($(#[doc = $doc:literal])+ $name:ident = $amount:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: u64 = $amount;)+

        $(#[$list_doc])+
        pub const $list: &[Amount] =
            &[$(Amount { name: stringify!($name), what: concat!($($doc,)+), amount: $name },)+];
    };
}

/// A constant, for the specification's table.
///
/// ```
/// use subvm_core::costs::calls::{PRICES, WALK};
/// let walk = PRICES.iter().find(|price| price.name == "WALK").unwrap();
/// assert_eq!((walk.amount, walk.what.trim()), (WALK, "Base of a call that walks a path."));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Its name here.
    pub name: &'static str,
    /// What it is charged for.
    pub what: &'static str,
    /// Ticks, or bytes for one tick.
    pub amount: u64,
}

amounts! {
    /// All prices, in ticks.
    PRICES:
    /// Base of a call that has a fixed answer.
    ANSWER = 18;
    /// Base of a call that writes a value of the sub-VM, or ends it.
    VALUE = 20;
    /// Base of a call that looks at one descriptor or changes it.
    DESCRIPTOR = 20;
    /// Base of a call that writes a descriptor's or a file's attributes.
    ATTRIBUTES = 25;
    /// Base of a call that moves bytes.
    TRANSFER = 30;
    /// Base of a call that walks a path.
    WALK = 60;
    /// Base of a call that makes random bytes.
    RANDOM = 30;
    /// Base of a call that asks the node's storage or chain.
    NODE = 1500;
    /// A call of a contract on the layer below, beside its base.
    ETH_CALL = 20_000;
    /// A page of storage that is read or written.
    STORAGE_PAGE = 150;
    /// A byte of a `gl_call` request: it is copied, checked and taken apart.
    REQUEST_BYTE = 4;
    /// A value or a key of a `gl_call` request that is calldata: each gets a place of its own, however few bytes it has.
    REQUEST_VALUE = 72;
    /// Starting a sub-VM.
    SUB_VM = 20_000;
    /// A byte of RAM beyond the first 16,384 that the instances of a sub-VM are charged together: what it stands for is set up anew at each start.
    INSTANCE_BYTE = 1;
    /// An import of a module that is not alone in its sub-VM: it is looked up by its name at each start.
    LINKED_IMPORT = 400;
    /// A module that is not alone in its sub-VM: its instance is made, and its exports are found by their module's name, at each start.
    LINKED_MODULE = 1500;
    /// A module that is prepared at deployment, for each mode, whatever is in it.
    COMPILE_MODULE = 5_000_000;
    /// A byte of a module that is prepared at deployment, for each mode: it is validated, lowered and kept.
    COMPILE_BYTE = 200;
    /// A function of a module that is prepared, imported ones included, for each mode.
    COMPILE_FUNCTION = 200_000;
    /// A value that a compiler makes of a module that is prepared, by the estimate of `docs/spec/lowering.md`, for each mode; 32 of the squares of its functions' branches count like one, and 4 of the squares of the slots of operands beyond 64 that a function has at once.
    COMPILE_VALUE = 1000;
    /// An iovec, whatever its length.
    IOVEC = 8;
    /// A subscription of `poll_oneoff`, where the personality judges it.
    SUBSCRIPTION = 16;
    /// A byte of a path: two of them may be a component to be looked up in the largest of directories.
    PATH_BYTE = 16;
    /// A byte of a directory listing's buffer.
    LISTING_BYTE = 1;
    /// A byte of randomness.
    RANDOM_BYTE = 1;
    /// Seeding the deterministic generator of a sub-VM.
    RANDOM_SEED = 6000;
    /// Asking the node's own generator, in non-deterministic mode: a call of the operating system.
    RANDOM_NODE = 600;
}

/// Bytes of a sub-VM's instances that cost no [`INSTANCE_BYTE`].
pub const INSTANCE_BYTES_INCLUDED: u64 = 16_384;

amounts! {
    /// All rates, in bytes for one tick.
    RATES:
    /// Bytes of a started sub-VM's modules for one tick: they are looked up by their digest, and their data is copied.
    MODULE_BYTES_PER_TICK = 4;
    /// Bytes that are copied for one tick.
    COPIED_PER_TICK = 16;
}

/// What copying `bytes` costs.
///
/// ```
/// use subvm_core::costs::calls::copying;
/// assert_eq!([copying(0), copying(1), copying(4096)], [0, 1, 256]);
/// ```
#[must_use]
pub const fn copying(bytes: u64) -> u64 {
    bytes.div_ceil(COPIED_PER_TICK)
}

/// What compiling a module costs, in one mode: a base, its bytes, its functions, imported ones included, and its values as lowering estimates
/// them for this price.
/// A chain charges it at deployment; no run pays it.
///
/// ```
/// use subvm_core::costs::calls::compiling;
/// // A contract in Rust, and the largest module that lowering accepts.
/// assert_eq!([compiling(200_000, 400, 120_000), compiling(64 << 20, 110_000, 48_000_000)], [245_000_000, 83_426_772_800]);
/// ```
#[must_use]
pub const fn compiling(bytes: u64, functions: u64, values: u64) -> u64 {
    let bytes = bytes.saturating_mul(COMPILE_BYTE);
    let functions = functions.saturating_mul(COMPILE_FUNCTION);
    COMPILE_MODULE.saturating_add(bytes).saturating_add(functions).saturating_add(values.saturating_mul(COMPILE_VALUE))
}
