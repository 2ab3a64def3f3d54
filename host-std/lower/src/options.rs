//! What a caller of lowering chooses.

use subvm_core::costs::instructions::Schedule;
use subvm_core::{FloatPolicy, Mode, Params};

/// What becomes of floating-point instructions (`docs/spec/lowering.md`, floats).
///
/// ```
/// use subvm_lower::{Floats, Options, lower};
/// let module = wat::parse_str("(module (func (result f32) (f32.sqrt (f32.const 2))))")?;
/// let helpers = |floats| lower(&module, &Options { floats, ..Options::default() }).unwrap().report.helpers;
/// assert!(helpers(Floats::Soft) > helpers(Floats::Native));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Floats {
    /// IEEE 754 in integer arithmetic; no hardware float ever executes.
    #[default]
    Soft,
    /// Reaching one is `wasm_trap nondet_instruction`.
    Trap,
    /// Hardware arithmetic; a NaN is made canonical where its bits can be seen.
    Canonical,
    /// Left alone: for non-deterministic mode.
    Native,
}

impl Floats {
    /// What becomes of floats in a sub-VM of this mode, under the consensus parameters' policy.
    ///
    /// ```
    /// use subvm_core::{FloatPolicy, Mode};
    /// use subvm_lower::Floats;
    /// assert_eq!(Floats::of(Mode::Deterministic, FloatPolicy::Trap), Floats::Trap);
    /// assert_eq!(Floats::of(Mode::NonDeterministic, FloatPolicy::Trap), Floats::Native);
    /// ```
    #[must_use]
    pub fn of(mode: Mode, policy: FloatPolicy) -> Self {
        match (mode, policy) {
            (Mode::NonDeterministic, _) => Self::Native,
            (Mode::Deterministic, FloatPolicy::Soft) => Self::Soft,
            (Mode::Deterministic, FloatPolicy::Trap) => Self::Trap,
            (Mode::Deterministic, FloatPolicy::Canonical) => Self::Canonical,
        }
    }
}

/// Where a module's counters live. The instances of one sub-VM share one set.
///
/// ```
/// use subvm_lower::{Counters, GAS_GLOBAL, Options, lower};
/// let library = wat::parse_str("(module (func (export \"f\")))")?;
/// let options = Options { counters: Counters::Imported, ordinal: 1, ..Options::default() };
/// let text = String::from_utf8_lossy(&lower(&library, &options).unwrap().wasm).into_owned();
/// assert!(text.contains(GAS_GLOBAL));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Counters {
    /// The module defines them and exports them: the first module of a sub-VM.
    #[default]
    Defined,
    /// The module imports them from [`COUNTERS_MODULE`](super::COUNTERS_MODULE): the modules after the first.
    Imported,
}

impl Counters {
    /// Where they live, for the first module of a sub-VM or one after it.
    ///
    /// ```
    /// assert_eq!(subvm_lower::Counters::of(true), subvm_lower::Counters::Defined);
    /// ```
    #[must_use]
    pub fn of(first: bool) -> Self {
        if first { Self::Defined } else { Self::Imported }
    }
}

/// What a module tells of itself as it runs, by calling functions of [`WATCH_MODULE`](super::WATCH_MODULE) that no guest can name.
///
/// It changes neither results nor gas, stack units or which modules are refused, but for one that lowering makes as large as a function may
/// be: that one may not compile.
///
/// ```
/// use subvm_lower::{Options, WATCH_MODULE, Watch, lower};
/// let module = wat::parse_str("(module (func))")?;
/// let watched = lower(&module, &Options { watch: Watch::Calls, ..Options::default() }).unwrap();
/// assert!(String::from_utf8_lossy(&watched.wasm).contains(WATCH_MODULE));
/// // Functions that are imported stand before all others: the guest's is the sixth now, and is known as what it was.
/// assert_eq!((watched.functions.original(0), watched.functions.original(5)), (None, Some(0)));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Watch {
    /// Nothing.
    #[default]
    Nothing,
    /// Each function that is entered or left, with the ticks that remain.
    Calls,
    /// And each straight-line block that is begun, by the byte of the guest's module at which it begins.
    Blocks,
}

/// The choices of one lowering.
///
/// ```
/// use subvm_lower::{Floats, Options};
/// let options = Options { floats: Floats::Trap, ..Options::default() };
/// assert_eq!(options.ordinal, 0, "the first module of its sub-VM");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The policy for floats.
    pub floats: Floats,
    /// Whether the counters are defined or imported.
    pub counters: Counters,
    /// Which module of its sub-VM this is. Unless 0, it is appended to the names of host imports
    /// ([`host_import_name`](super::host_import_name)), so that the host knows which instance calls.
    pub ordinal: u32,
    /// What instructions cost.
    pub schedule: Schedule,
    /// Whether each store of more than a byte follows a load from the same place, so that a store that traps has
    /// written nothing, whatever the processor. It changes neither results nor gas nor which modules are refused.
    pub probe_stores: bool,
    /// Whether the value of a store of an integer is computed anew where its offset is 65,536 or more or its memory is not 0: wasmi 2.0.0
    /// cannot translate one whose address and value are the same local. It changes neither results nor gas nor which modules are
    /// refused.
    pub own_values: bool,
    /// Whether functions note themselves in [`FRAMES_MEMORY`](super::FRAMES_MEMORY), so that an engine that cannot list the frames of a
    /// trap finds them there. [`ordinal`](Self::ordinal) is then 255 at most. It changes neither results nor gas nor which modules are
    /// refused; a leaf function charges its frame like any other.
    pub frames: bool,
    /// What the module tells of itself as it runs. With something, [`ordinal`](Self::ordinal) is 255 at most.
    pub watch: Watch,
    /// Whether the module may use exceptions ([`EXCEPTIONS`](super::EXCEPTIONS)): a consensus parameter, which changes which modules are
    /// refused and nothing else.
    pub exceptions: bool,
    /// Whether calls and values are counted as GenVM's lines count them ([`CALLS_GLOBAL`](super::CALLS_GLOBAL)): a sub-VM has 1,024 calls and
    /// 65,535 values, declared locals and operands of the functions that are active. More is a stack overflow. It changes no gas.
    pub calls: bool,
}

/// Bytes of [`Options::key`].
pub const KEY_BYTES: usize = 18;

/// Whether this processor may write a part of a store that traps (bytecodealliance/wasmtime#7237). The interpreter Pulley,
/// which runs on any, does not.
const STORES_TEAR: bool = cfg!(not(target_arch = "x86_64"));

impl Default for Options {
    /// *Soft*, own counters, ordinal 0, the first price table, stores made whole where the processor may tear them, and nothing that only
    /// other engines than wasmtime need; no exceptions.
    fn default() -> Self {
        Options {
            floats: Floats::Soft,
            counters: Counters::Defined,
            ordinal: 0,
            schedule: Schedule::V1,
            probe_stores: STORES_TEAR,
            own_values: false,
            frames: false,
            watch: Watch::Nothing,
            exceptions: false,
            calls: false,
        }
    }
}

impl Options {
    /// What consensus says of lowering a module that runs in this mode; the rest is the default. A schedule that this release has not
    /// counts as the first: the core lets nothing run under one ([`Params::supported`]).
    ///
    /// ```
    /// use subvm_core::{FloatPolicy, Mode, Params};
    /// use subvm_lower::{Floats, Options};
    /// let params = Params { floats: FloatPolicy::Trap, exceptions: true, ..Params::default() };
    /// let options = Options::of(Mode::Deterministic, &params);
    /// assert_eq!((options.floats, options.exceptions), (Floats::Trap, true));
    /// ```
    #[must_use]
    pub fn of(mode: Mode, params: &Params) -> Self {
        let schedule = Schedule::of(params.schedule).copied().unwrap_or(Schedule::V1);
        let floats = Floats::of(mode, params.floats);
        let calls = params.profile.counts_calls();
        Options { floats, schedule, exceptions: params.exceptions, calls, ..Options::default() }
    }

    /// Whether a module that is lowered so keeps answers, where it has a memory (`docs/spec/lowering.md`, *Answers that are kept*). Only then may
    /// the host mark them: no other module takes [`KEPT`](subvm_core::wasi::KEPT) off an errno.
    ///
    /// ```
    /// use subvm_lower::{Counters, Options, Watch};
    /// let alone = Options::default();
    /// assert!(alone.keeps_answers());
    /// assert!(!Options { counters: Counters::Imported, ..alone }.keeps_answers());
    /// assert!(!Options { watch: Watch::Calls, ..alone }.keeps_answers());
    /// ```
    #[must_use]
    pub fn keeps_answers(&self) -> bool {
        self.counters == Counters::Defined && self.ordinal == 0 && self.watch == Watch::Nothing
    }

    /// These options and the [`VERSION`](super::VERSION) of lowering as bytes, for the key of a module cache: two
    /// lowerings of one module with equal keys have equal results.
    ///
    /// ```
    /// use subvm_lower::{Floats, Options};
    ///
    /// let soft = Options::default();
    /// assert_ne!(soft.key(), Options { floats: Floats::Trap, ..soft }.key());
    /// ```
    pub fn key(&self) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        key[0..4].copy_from_slice(&super::VERSION.to_le_bytes());
        key[4] = self.floats as u8;
        key[5] = self.counters as u8;
        key[6..10].copy_from_slice(&self.ordinal.to_le_bytes());
        key[10..14].copy_from_slice(&self.schedule.version().to_le_bytes());
        key[14] = self.probe_stores.into();
        key[15] = self.own_values.into();
        key[16] = u8::from(self.frames) | (self.watch as u8) << 1;
        key[17] = u8::from(self.exceptions) | u8::from(self.calls) << 1;
        key
    }
}
