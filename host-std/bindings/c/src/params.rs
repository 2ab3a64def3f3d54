//! The consensus parameters.

use std::ptr;

use subvm_core::costs::Limits;
use subvm_core::wasi::{Pattern, Refused};
use subvm_core::{FloatPolicy, Params, Personality, Profile};

use crate::border::{Sized_, argument, array, guard, put, sized, slice, text, written};
use crate::buffer::subvm_buffer_t;
use crate::error::{SUBVM_ERROR_PARAMS, subvm_error_t};
use crate::{subvm_bytes_t, subvm_word_t};

/// Floats are IEEE 754 in integer arithmetic: the default.
pub const SUBVM_FLOATS_SOFT: u32 = 0;
/// To reach a float instruction is a trap.
pub const SUBVM_FLOATS_TRAP: u32 = 1;
/// Floats are the hardware's, with canonical NaNs.
pub const SUBVM_FLOATS_CANONICAL: u32 = 2;
/// The rules for contracts are subvm's own: the default.
pub const SUBVM_PROFILE_SEED: u32 = 0;
/// The rules for contracts are those of GenVM 0.1.
pub const SUBVM_PROFILE_GENVM_0_1: u32 = 1;
/// The rules for contracts are those of GenVM 0.2.
pub const SUBVM_PROFILE_GENVM_0_2: u32 = 2;
/// The rules for contracts are those of GenVM 0.3.
pub const SUBVM_PROFILE_GENVM_0_3: u32 = 3;
/// Files and processes read as the specification says to the letter: the default.
pub const SUBVM_PERSONALITY_SEED: u32 = 0;
/// Files and processes read as programs of stock libcs expect.
pub const SUBVM_PERSONALITY_PROGRAM: u32 = 1;
/// Files and processes read as GenVM 0.3 says.
pub const SUBVM_PERSONALITY_GENVM: u32 = 2;

/// What all nodes of a chain must have in common. subvm_params_default fills it in; `docs/spec/bundle.md` says what each means.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_params_t {
    /// sizeof(subvm_params_t).
    pub size: usize,
    /// SUBVM_FLOATS_SOFT or another.
    pub floats: u32,
    /// SUBVM_PROFILE_SEED or another.
    pub profile: u32,
    /// SUBVM_PERSONALITY_SEED or another.
    pub personality: u32,
    /// The version of the price table.
    pub schedule: u32,
    /// The version of lowering.
    pub lowering: u32,
    /// Whether a failed run carries a fingerprint.
    pub fingerprints: bool,
    /// Whether modules may use exceptions.
    pub exceptions: bool,
    /// Bytes of RAM for each mode.
    pub ram: u64,
    /// Stack units for each mode.
    pub stack_units: u64,
    /// Bytes of one non-deterministic result.
    pub nondet_result: u64,
    /// Time gas of the deterministic side, in ticks.
    pub gas_time: u64,
    /// Time gas of all non-deterministic sub-VMs together, in ticks.
    pub gas_time_nondet: u64,
    /// Storage gas, in pages.
    pub gas_storage: u64,
    /// Data gas, in bytes.
    pub gas_data: u64,
    /// Descriptors open at once.
    pub open_fds: u32,
    /// Nested sub-VMs.
    pub depth: u32,
    /// Non-deterministic blocks in a transaction.
    pub nondet_blocks: u32,
    /// Innermost frames that a fingerprint lists.
    pub fingerprint_frames: u32,
    /// Names that an environment may not hold, as patterns ("LD_*"). NULL: those of the default; none at all: any pointer, and a length of 0.
    pub refused_env: *const subvm_bytes_t,
    /// How many.
    pub refused_env_len: usize,
}

impl Sized_ for subvm_params_t {
    const NAME: &'static str = "subvm_params_t";
}

const FLOATS: [FloatPolicy; 3] = [FloatPolicy::Soft, FloatPolicy::Trap, FloatPolicy::Canonical];
const PROFILES: [Profile; 4] = [Profile::Seed, Profile::GenVm0_1, Profile::GenVm0_2, Profile::GenVm0_3];
const PERSONALITIES: [Personality; 3] = [Personality::Seed, Personality::Program, Personality::GenVm];

fn one_of<T: Copy>(all: &[T], number: u32, name: &str) -> Result<T, subvm_error_t> {
    all.get(number as usize).copied().ok_or_else(|| argument(format!("params.{name} is {number}, which means nothing")))
}

/// Fills in what chains have that choose nothing, `size` included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_params_default(params: *mut subvm_params_t) -> *mut subvm_error_t {
    guard(|| {
        let Params { schedule, lowering, limits, fingerprints, exceptions, .. } = Params::default();
        let filled = subvm_params_t {
            size: size_of::<subvm_params_t>(),
            floats: SUBVM_FLOATS_SOFT,
            profile: SUBVM_PROFILE_SEED,
            personality: SUBVM_PERSONALITY_SEED,
            schedule,
            lowering,
            fingerprints,
            exceptions,
            ram: limits.ram,
            stack_units: limits.stack_units,
            nondet_result: limits.nondet_result,
            gas_time: limits.gas_time,
            gas_time_nondet: limits.gas_time_nondet,
            gas_storage: limits.gas_storage,
            gas_data: limits.gas_data,
            open_fds: limits.open_fds,
            depth: limits.depth,
            nondet_blocks: limits.nondet_blocks,
            fingerprint_frames: limits.fingerprint_frames,
            refused_env: ptr::null(),
            refused_env_len: 0,
        };
        // SAFETY: by the rules for pointers.
        unsafe { put(params, "params", filled) }
    })
}

/// # Safety
/// The pointers in `params` are as the header says.
unsafe fn params(params: &subvm_params_t) -> Result<Params, subvm_error_t> {
    let refused_env = if params.refused_env.is_null() && params.refused_env_len == 0 {
        Refused::default()
    } else {
        // SAFETY: as the caller promises.
        let patterns = unsafe { array(params.refused_env, params.refused_env_len, "params.refused_env")? };
        let pattern = |bytes: &subvm_bytes_t| {
            // SAFETY: as the caller promises.
            let pattern = unsafe { text(*bytes, "params.refused_env")? };
            pattern.parse::<Pattern>().map_err(|error| argument(format!("params.refused_env: {error}")))
        };
        Refused::new(patterns.iter().map(pattern).collect::<Result<Vec<_>, _>>()?)
    };
    Ok(Params {
        floats: one_of(&FLOATS, params.floats, "floats")?,
        profile: one_of(&PROFILES, params.profile, "profile")?,
        personality: one_of(&PERSONALITIES, params.personality, "personality")?,
        schedule: params.schedule,
        lowering: params.lowering,
        limits: Limits {
            ram: params.ram,
            open_fds: params.open_fds,
            depth: params.depth,
            nondet_blocks: params.nondet_blocks,
            stack_units: params.stack_units,
            nondet_result: params.nondet_result,
            fingerprint_frames: params.fingerprint_frames,
            gas_time: params.gas_time,
            gas_time_nondet: params.gas_time_nondet,
            gas_storage: params.gas_storage,
            gas_data: params.gas_data,
        },
        refused_env,
        fingerprints: params.fingerprints,
        exceptions: params.exceptions,
    })
}

/// The canonical bytes of parameters: what a run is given, and what their digest is of.
///
/// SUBVM_ERROR_PARAMS where this release cannot run under them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_params_encode(
    chosen: *const subvm_params_t,
    bytes: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (params, bytes) = unsafe { (params(&sized(chosen)?)?, written(bytes, "bytes")?) };
        supported(&params)?;
        bytes.set(params.to_bytes());
        Ok(())
    })
}

fn supported(params: &Params) -> Result<(), subvm_error_t> {
    params.supported().map_err(|why| subvm_error_t::new(SUBVM_ERROR_PARAMS, &why))
}

/// The digest of parameters, which stands in every receipt. Their canonical bytes are checked, and whether this release can run under them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_params_digest(params: subvm_bytes_t, digest: *mut subvm_word_t) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let params = decoded(unsafe { slice(params, "params")? })?;
        supported(&params)?;
        // SAFETY: by the rules for pointers.
        unsafe { put(digest, "digest", subvm_word_t { bytes: params.digest() }) }
    })
}

pub(crate) fn decoded(bytes: &[u8]) -> Result<Params, subvm_error_t> {
    Params::from_bytes(bytes).map_err(|error| subvm_error_t::format("params", &error))
}
