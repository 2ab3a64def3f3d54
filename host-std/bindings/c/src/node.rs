//! What a node supplies to a run: the five traits of the core, as tables of functions.

use std::ffi::c_void;

use crate::border::Sized_;
use crate::buffer::subvm_buffer_t;
use crate::package::subvm_package_t;
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// The state with all that was accepted, and may still be rolled back.
pub const SUBVM_STATE_ACCEPTED: u32 = 0;
/// The state with what was finalized only.
pub const SUBVM_STATE_FINALIZED: u32 = 1;

/// Descriptor 1 of a guest.
pub const SUBVM_STREAM_STDOUT: u32 = 0;
/// Descriptor 2 of a guest.
pub const SUBVM_STREAM_STDERR: u32 = 1;
/// `Trace` requests of a guest.
pub const SUBVM_STREAM_TRACE: u32 = 2;

/// A contract is not malformed.
pub const SUBVM_INVALID_NOT: u32 = 0;
/// A contract has a module that is not WebAssembly of the enabled features, or exceeds a limit.
pub const SUBVM_INVALID_WASM_VALIDATING: u32 = 1;
/// A contract has an import that nothing satisfies, or a bad module name.
pub const SUBVM_INVALID_WASM_LINKING: u32 = 2;
/// A contract has no entry.
pub const SUBVM_INVALID_WASM_ENTRYPOINT: u32 = 3;
/// A contract has arguments that the rules refuse.
pub const SUBVM_INVALID_ARGS: u32 = 4;
/// A contract has environment variables that the rules refuse.
pub const SUBVM_INVALID_ENV: u32 = 5;
/// A contract's package is malformed: what a bundle is that cannot be read.
pub const SUBVM_INVALID_PACKAGE: u32 = 6;

/// A call of the layer below was not made, and would be on no node.
pub const SUBVM_ETH_REFUSED: u32 = 0;
/// A call of the layer below returned.
pub const SUBVM_ETH_RETURNED: u32 = 1;
/// A call of the layer below reverted.
pub const SUBVM_ETH_REVERTED: u32 = 2;

/// Reads contracts' storage as it was before the run. Nothing may be NULL but `context`.
///
/// A callback returns 0 where it succeeded. Anything else is a failure of this node, which makes the run an error, and the node's vote a *timeout*;
/// why, in UTF-8, goes into `error`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_storage_t {
    /// sizeof(subvm_storage_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// Fills all `len` bytes of `into` from `slot` of `contract`, starting at byte `index`; `index + len` is at most 2^32. Bytes never written are
    /// zero. The same arguments give the same bytes throughout a run.
    pub read: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            state: u32,
            contract: *const subvm_address_t,
            slot: *const subvm_word_t,
            index: u32,
            into: *mut u8,
            len: usize,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
}

/// Tells time. Nothing may be NULL but `context`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_clock_t {
    /// sizeof(subvm_clock_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// The transaction's instant, in nanoseconds since 1970-01-01T00:00:00Z: the same on every node, and throughout a run.
    pub transaction_time: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Nanoseconds since a fixed moment, never going backwards: for deadlines, never for results.
    pub elapsed: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
}

/// Makes bytes that nobody can foresee, for non-deterministic mode. Nothing may be NULL but `context`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_rng_t {
    /// sizeof(subvm_rng_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// Fills all `len` bytes of `into`; 0 where it did. Else the guest sees errno `io`, and the run goes on.
    pub fill: Option<
        unsafe extern "C" fn(context: *mut c_void, into: *mut u8, len: usize, error: *mut subvm_buffer_t) -> i32,
    >,
}

/// Knows the chain, and takes what guests print. Nothing may be NULL but `context`. What callbacks return is as for subvm_storage_t, and every answer
/// is the same on every node.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_host_t {
    /// sizeof(subvm_host_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// Writes the balance of `address`: an integer, low byte first. It holds 0 before.
    pub balance: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            state: u32,
            address: *const subvm_address_t,
            balance: *mut subvm_word_t,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// What stands at `address`: sets `package`, which stays the callback's own and must live until the run has ended; or sets `malformed` to
    /// SUBVM_INVALID_*, for a contract that breaks the rules of packages; or leaves both as they are, NULL and SUBVM_INVALID_NOT, where there is no
    /// contract.
    pub code: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            state: u32,
            address: *const subvm_address_t,
            package: *mut *const subvm_package_t,
            malformed: *mut u32,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// Appends to `slots` the slots of `contract` that a run may not write, 32 bytes each.
    pub locked_slots: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            contract: *const subvm_address_t,
            slots: *mut subvm_buffer_t,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// A read-only call of the layer below: sets `answer` to SUBVM_ETH_*, which holds SUBVM_ETH_REFUSED before, and puts what it returned or reverted
    /// with into `data`. A call that reverts is an answer, not a failure.
    pub eth_call: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            state: u32,
            address: *const subvm_address_t,
            calldata: subvm_bytes_t,
            answer: *mut u32,
            data: *mut subvm_buffer_t,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// Takes what a guest printed to SUBVM_STREAM_*. What is not wanted is dropped; a host caps what it keeps.
    pub output: Option<unsafe extern "C" fn(context: *mut c_void, stream: u32, bytes: subvm_bytes_t)>,
}

/// Reaches the web and language models, for non-deterministic mode. Nothing may be NULL but `context`. What callbacks return is as for
/// subvm_storage_t; what the world answers, failures included, is a result.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subvm_modules_t {
    /// sizeof(subvm_modules_t).
    pub size: usize,
    /// Handed to each callback.
    pub context: *mut c_void,
    /// Starts a request without waiting for it: its canonical calldata, `{"<name>": {fields}}`. Sets `id`, unique within the run. A failure where
    /// there is no such module.
    pub start: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            request: subvm_bytes_t,
            id: *mut u64,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// Waits for a request, `at_most_nanos` long. Where it is done, sets `ready` and puts the canonical calldata of its result into `answer`,
    /// `{"ok": ..}` or `{"error": ..}`; the number is spent then. Where it is not, leaves `ready` false. A failure where the number was never started,
    /// or is spent.
    pub wait: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            id: u64,
            at_most_nanos: u64,
            ready: *mut bool,
            answer: *mut subvm_buffer_t,
            error: *mut subvm_buffer_t,
        ) -> i32,
    >,
    /// Gives up a started request, whose result nobody will ask for.
    pub cancel: Option<unsafe extern "C" fn(context: *mut c_void, id: u64)>,
}

/// All that a node supplies to one run. No pointer may be NULL. Tables and contexts are used until subvm_run returns, and not after.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_node_t {
    /// sizeof(subvm_node_t).
    pub size: usize,
    /// The state before the run.
    pub storage: *const subvm_storage_t,
    /// The transaction's instant, and elapsed time.
    pub clock: *const subvm_clock_t,
    /// The secure generator.
    pub rng: *const subvm_rng_t,
    /// Balances, code, output.
    pub host: *const subvm_host_t,
    /// Web and models.
    pub modules: *const subvm_modules_t,
}

impl Sized_ for subvm_storage_t {
    const NAME: &'static str = "subvm_storage_t";
}
impl Sized_ for subvm_clock_t {
    const NAME: &'static str = "subvm_clock_t";
}
impl Sized_ for subvm_rng_t {
    const NAME: &'static str = "subvm_rng_t";
}
impl Sized_ for subvm_host_t {
    const NAME: &'static str = "subvm_host_t";
}
impl Sized_ for subvm_modules_t {
    const NAME: &'static str = "subvm_modules_t";
}
impl Sized_ for subvm_node_t {
    const NAME: &'static str = "subvm_node_t";
}
