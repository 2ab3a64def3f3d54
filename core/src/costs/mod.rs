//! Every price and every limit, each a named constant.
//!
//! ```
//! use subvm_core::{Params, costs};
//!
//! // A node makes room for what the rules allow.
//! let limits = Params::default().limits;
//! assert_eq!((limits.ram, limits.depth, limits.open_fds), (costs::RAM, costs::DEPTH, costs::OPEN_FDS));
//! assert!(u64::from(costs::DEPTH) * costs::SUB_VM_STACK_UNITS <= costs::STACK_UNITS);
//! ```

pub(crate) mod budget;
pub mod calls;
pub mod instructions;
mod schedule;
mod set_up;

pub use set_up::SetUp;

/// Bytes of RAM that all deterministic sub-VMs of a run may hold together, and all non-deterministic ones.
pub const RAM: u64 = u32::MAX as u64;
/// Ticks of time gas of the deterministic side of a run, and of all its non-deterministic sub-VMs together, where a chain chooses nothing else.
/// How it was chosen stands at [`Params`](crate::Params).
pub const GAS_TIME: u64 = 800_000_000;
/// Bytes of RAM charged for a descriptor number used for the first time.
pub const FD_ALLOCATION: u64 = 96;
/// Bytes of RAM charged for a mapped file, beside those of its path.
pub const FILE_MAPPING: u64 = 256;
/// Bytes of RAM charged for an element of a wasm table.
pub const TABLE_ELEMENT: u64 = 64;
/// Bytes of RAM charged for a storage page at its first write: its 32 bytes, where it belongs, its place among what the run wrote, and the 68
/// bytes that the receipt has of it. One that has no neighbours takes some 240.
pub const STORAGE_PAGE: u64 = 256;
/// Bytes of RAM charged for what the receipt carries of a guest, beside its bytes: an accepted message, or a non-deterministic result.
pub const CARRIED: u64 = 64;
/// Bytes of RAM charged for a sub-VM.
pub const SUB_VM: u64 = 65_536;
/// Descriptors that may be open at once in a sub-VM.
pub const OPEN_FDS: u32 = 1024;
/// Libraries of a package.
pub const LIBRARIES: usize = 16;
/// Directories of a package, beside `/`, that are announced.
pub const ROOTS: usize = 64;
/// Memories that the modules of a package define together: each takes 4 GiB of a process's addresses, in every sub-VM of
/// a nest.
pub const MEMORIES: u32 = 16;
/// Sub-VMs that may be nested.
pub const DEPTH: u32 = 512;
/// Non-deterministic blocks in a transaction.
pub const NONDET_BLOCKS: u32 = 4096;
/// Stack units of all sub-VMs of a mode together.
pub const STACK_UNITS: u64 = 8_388_608;
/// Stack units that entering a sub-VM costs.
pub const SUB_VM_STACK_UNITS: u64 = 4096;
/// Bytes of one non-deterministic result, code byte included.
pub const NONDET_RESULT: u64 = 16 << 20;
/// The least that [`Limits::nondet_result`] may be: what stands for a larger result, code byte ++ `out_of memory`.
pub const NONDET_RESULT_LEAST: u64 = 14;
/// Innermost frames that a fingerprint lists.
pub const FINGERPRINT_FRAMES: u32 = 128;
/// The most that [`Limits::fingerprint_frames`] can come to; what is above counts as this.
pub const FINGERPRINT_FRAMES_MOST: u32 = 1024;
/// Bytes of one `gl_call` request.
pub const REQUEST: u64 = 32 << 20;
/// Bytes of RAM charged for a byte of a child's message: it stands in its parent's request, in its fields, and encoded on descriptor 0.
pub const MESSAGE_COPIES: u64 = 3;
/// Bytes of RAM charged for a byte of a request while it is taken apart: the largest that a value can become.
pub const REQUEST_RAM: u64 = 48;
/// Bytes of RAM charged for a byte that a model is shown, while it is asked: its value, and its text, which is up to six times as long, twice.
pub const SHOWN_RAM: u64 = 64;
/// What a `gl_call` request of so many bytes is charged in RAM while it is taken apart, and until a module has answered it.
pub(crate) fn request_ram(bytes: usize) -> u64 {
    bytes as u64 * REQUEST_RAM
}
/// Bits of an integer that is printed for a model, as [`Int::payload_bits`](crate::calldata::Int::payload_bits) counts them: 308 digits.
pub const PRINTED_INT_BITS: u64 = 1024;
/// iovecs in one call.
pub const IOVECS: u32 = 1024;
/// Subscriptions in one call.
pub const SUBSCRIPTIONS: u32 = 1024;
/// Nanoseconds that the clocks of a run may be ahead of its transaction's instant, for what its programs waited: 366 days.
pub const WAITING: u64 = 366 * 86_400 * 1_000_000_000;
/// Bytes in a path.
pub const PATH: usize = 4096;
/// Bytes in a component of a path.
pub const COMPONENT: usize = 255;
/// Components in the path of a mapped file.
pub const COMPONENTS: usize = 64;

/// Arguments of a sub-VM.
pub const ARGS: usize = 1024;
/// Bytes of one argument.
pub const ARG: usize = 65_536;
/// Bytes of all arguments together.
pub const ARGS_BYTES: usize = 1 << 20;
/// Variables in an environment.
pub const ENV_VARIABLES: usize = 1024;
/// Bytes of a variable's name.
pub const ENV_NAME: usize = 128;
/// Bytes of a variable's value.
pub const ENV_VALUE: usize = 32_768;
/// Bytes of all variables together, `NAME=value` each.
pub const ENV_BYTES: usize = 1 << 20;

/// The limits that a chain may choose: part of the consensus parameters.
///
/// ```
/// use subvm_core::{Params, costs::Limits};
/// let params = Params { limits: Limits { gas_time: 5_000_000_000, ..Limits::default() }, ..Params::default() };
/// assert_ne!(params.digest(), Params::default().digest());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of RAM for each mode.
    pub ram: u64,
    /// Descriptors open at once in a sub-VM.
    pub open_fds: u32,
    /// Nested sub-VMs.
    pub depth: u32,
    /// Non-deterministic blocks in a transaction.
    pub nondet_blocks: u32,
    /// Stack units for each mode.
    pub stack_units: u64,
    /// Bytes of one non-deterministic result; at least [`NONDET_RESULT_LEAST`].
    pub nondet_result: u64,
    /// Innermost frames that a fingerprint lists; above [`FINGERPRINT_FRAMES_MOST`] it counts as that.
    pub fingerprint_frames: u32,
    /// Time gas of the deterministic side, in ticks; at most `i64::MAX`.
    pub gas_time: u64,
    /// Time gas of all non-deterministic sub-VMs of a run together, in ticks; at most `i64::MAX`.
    pub gas_time_nondet: u64,
    /// Storage gas, in pages.
    pub gas_storage: u64,
    /// Data gas, in bytes.
    pub gas_data: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ram: RAM,
            open_fds: OPEN_FDS,
            depth: DEPTH,
            nondet_blocks: NONDET_BLOCKS,
            stack_units: STACK_UNITS,
            nondet_result: NONDET_RESULT,
            fingerprint_frames: FINGERPRINT_FRAMES,
            gas_time: GAS_TIME,
            gas_time_nondet: GAS_TIME,
            gas_storage: 1 << 20,
            gas_data: 64 << 20,
        }
    }
}

impl Limits {
    /// Frames that a fingerprint lists at most.
    pub(crate) fn frames_listed(&self) -> usize {
        self.fingerprint_frames.min(FINGERPRINT_FRAMES_MOST) as usize
    }
}
