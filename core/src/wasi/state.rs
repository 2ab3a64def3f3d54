//! What a sub-VM's WASI calls share.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::consensus::params::Personality;
use crate::consensus::profile::Seed;
use crate::costs::budget::Ram;
use crate::costs::calls::Price;
use crate::costs::instructions::Schedule;
use crate::costs::{FD_ALLOCATION, Limits};
use crate::fd::{Content, Descriptor, Fd, File, Object, Rights, Source, Table};
use crate::host::Modules;
use crate::ids::Mode;
use crate::outcome::{Resource, VmError};
use crate::vfs::Tree;
use crate::wasi::personality::{Rules, rules};
use crate::wasi::random::Generator;
use crate::wasi::refusals::Refusals;
use crate::wasi::{Args, Env, Errno};

/// What a sub-VM starts with.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::{Mode, Personality, Ram, vfs::Tree, wasi::{Args, Config, Env, State}};
///
/// let mut files = Tree::builder();
/// files.map("/data", b"x"[..].into()).unwrap();
/// let config = Config {
///     mode: Mode::Deterministic,
///     stdin: b"message"[..].into(),
///     files: Arc::new(files.build()),
///     args: Arc::new(Args::new(["prog"]).unwrap()),
///     env: Arc::new(Env::default()),
///     personality: Personality::Program,
///     now: 1_704_067_200_000_000_000,
///     schedule: &subvm_core::costs::instructions::Schedule::V1,
/// };
/// let mut ram = Ram::new(1_000);
/// let state = State::new(config, &mut ram).unwrap();
/// assert_eq!(ram.used(), 256 + 5, "for the mapped file");
/// # drop(state);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Decides where random bytes come from.
    pub mode: Mode,
    /// What descriptor 0 reads.
    pub stdin: Vec<u8>,
    /// The file tree.
    pub files: Arc<Tree>,
    /// The arguments.
    pub args: Arc<Args>,
    /// The environment.
    pub env: Arc<Env>,
    /// How the interface reads (`docs/spec/wasi.md`, *Personalities*).
    pub personality: Personality,
    /// The transaction's instant, in nanoseconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// What calls cost.
    pub schedule: &'static Schedule,
}

/// A sub-VM's descriptors, file tree, arguments, environment and random state.
///
/// ```
/// use subvm_core::{Ram, costs::Limits, fd::{Content, Fd}, wasi::{Config, State}};
/// # let config = Config {
/// #     mode: subvm_core::Mode::Deterministic,
/// #     stdin: b""[..].into(),
/// #     files: subvm_core::vfs::Tree::builder().build().into(),
/// #     args: Default::default(),
/// #     env: Default::default(),
/// #     personality: Default::default(),
/// #     now: 0,
/// #     schedule: &subvm_core::costs::instructions::Schedule::V1,
/// # };
/// let mut ram = Ram::new(1_000);
/// let mut state = State::new(config, &mut ram).unwrap();
/// let result = Content::Bytes(b"\x00\x00"[..].into());
/// assert_eq!(state.attach(result, &mut ram, &Limits::default()), Ok(Fd(4)));
/// assert!(!state.prestat_refused() && state.refusals().is_empty());
/// // At the end:
/// state.cancel_pending(&mut *subvm_host_mock::MemoryHost::new().node().modules);
/// ```
#[derive(Debug)]
pub struct State {
    /// Its `stdin` is the message below.
    pub(super) config: Config,
    /// What descriptor 0 reads, and what may seed the deterministic generator.
    pub(super) message: Arc<Vec<u8>>,
    /// The schedule's prices of calls, which every call looks at.
    prices: [i64; Price::ALL.len()],
    /// What its personality says.
    pub(super) rules: &'static Rules,
    pub(crate) fds: Table,
    /// Nanoseconds that were waited for since the transaction's instant. With it they are at most 2^64 - 1.
    pub(super) passed: u64,
    /// What seeds the deterministic generator.
    pub(super) seed: Seed,
    /// Made at the first use: most sub-VMs need none.
    pub(super) random: Option<Box<Generator>>,
    /// The iovecs of the call that is being made, kept so that calls in loops allocate nothing.
    pub(super) iovecs: Vec<(u32, u32)>,
    pub(super) prestat_refused: bool,
    pub(super) refusals: Refusals,
}

impl State {
    /// The state in which a sub-VM starts: descriptors 0 to 3, and one for each further root where the personality announces them.
    ///
    /// # Errors
    /// `out_of memory` where the file mappings and the further roots cannot be charged.
    ///
    /// # Cost
    /// [`Tree::ram`] bytes of RAM, and [`FD_ALLOCATION`] for each further root; descriptors 0 to 3 are free.
    pub fn new(mut config: Config, ram: &mut Ram) -> Result<Self, VmError> {
        let rules = rules(config.personality);
        let roots = if rules.announces_roots { config.files.announced() } else { &[] };
        let charge = config.files.ram().saturating_add(FD_ALLOCATION * roots.len() as u64);
        ram.charge(charge).map_err(|_| VmError::OutOf(Resource::Memory))?;
        let prices = config.schedule.calls();
        let message = Arc::new(mem::take(&mut config.stdin));
        let fds = Table::new(Source::Message(Arc::clone(&message)), rules.beside, roots.iter().map(|root| root.node));
        Ok(Self {
            config,
            message,
            prices,
            rules,
            fds,
            passed: 0,
            seed: Seed::Fixed,
            random: None,
            iovecs: Vec::new(),
            prestat_refused: false,
            refusals: Refusals::default(),
        })
    }

    /// What calls cost.
    #[inline]
    pub(crate) fn schedule(&self) -> &'static Schedule {
        self.config.schedule
    }

    /// The price of a call, in ticks. It has 32 bits.
    #[inline]
    pub(crate) fn price(&self, price: Price) -> i64 {
        self.prices[price as usize]
    }

    /// Gives `content` a descriptor with the rights of descriptor 0.
    ///
    /// # Errors
    /// `out_of fds`, then `out_of memory`. Nothing has changed then.
    ///
    /// # Cost
    /// Its bytes of RAM, until it is closed (for a pending content, first what the request holds), and
    /// [`FD_ALLOCATION`] for a number never used before.
    pub fn attach(&mut self, content: Content, ram: &mut Ram, limits: &Limits) -> Result<Fd, Resource> {
        let (source, bytes) = match content {
            Content::Bytes(bytes) => {
                let charged = bytes.len() as u64;
                (Source::Held { bytes, charged }, charged)
            }
            Content::Pending { id, held } => (Source::Pending { id, charged: held }, held),
        };
        let object = Object::File(File { source, offset: 0 });
        let (base, inheriting) = (Rights::CONTENT, Rights::empty());
        let descriptor = Descriptor { base, inheriting, allowed: base | self.rules.beside, object };
        self.fds.allocate(descriptor, bytes, ram, limits.open_fds)
    }

    /// Gives up the module requests whose results nobody will ask for: to be called when the sub-VM ends.
    pub fn cancel_pending(&mut self, modules: &mut dyn Modules) {
        self.fds.cancel_pending(modules);
    }

    /// Whether `fd_prestat_get` ever answered `Notsup`, which a libc takes for a fatal error and exits with code 71: the diagnostics of such an
    /// end name [`Config::personality`].
    #[must_use]
    pub fn prestat_refused(&self) -> bool {
        self.prestat_refused
    }

    /// What the diagnostics of a program that failed say of the last calls that a rule of this machine refused: a line for each, naming the
    /// call, the errno and what helps.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.refusals.lines()
    }

    /// What all clocks show: the transaction's instant, and what was waited for since.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.config.now.saturating_add(self.passed)
    }

    /// Has the deterministic generator, which was not used yet, seeded by this.
    pub(crate) fn set_seed(&mut self, seed: Seed) {
        self.seed = seed;
    }

    /// Nanoseconds that were waited for since the transaction's instant.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Lets the clocks show what another sub-VM of the same run came to.
    pub(crate) fn set_passed(&mut self, passed: u64) {
        self.passed = passed;
    }

    #[inline]
    pub(super) fn descriptor(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.fds.get(Fd(fd)).ok_or(Errno::Badf)
    }
}
