//! Modules, lowered and translated: each once, as long as it is kept.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use spin::Mutex;
use subvm_core::costs::SetUp;
use subvm_core::{Cancel, InternalError, InternalErrorKind, Wasm};
use subvm_link::{Beside, INITIALIZE, Kept, Library, Linked, Refused, unlinkable};
use subvm_lower::{
    Counters, FunctionMap, KEY_BYTES, Look, Lowered, Options, RESERVED, Refusal, WASM_PAGE, lower, memory_export,
    retain_exports,
};
use wasmi::{Engine, ExternType, Module};

use crate::{Stopped, guard, link};

/// What decides how a module is translated: its digest, how it is lowered, and the digest of the exports that it retains where that is not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    wasm: [u8; 32],
    options: [u8; KEY_BYTES],
    retained: Option<[u8; 32]>,
}

/// Modules that are kept, and the bytes of code that they may have together, estimated.
const UNITS: (usize, usize) = (256, 1 << 30);
/// Refusals that are kept, and the bytes of their texts.
const REFUSALS: (usize, usize) = (4096, 1 << 20);
/// How many bytes wasmi's code may take for each byte of a lowered module, and what else it keeps of it.
const CODE_BYTES: usize = 4;
/// Bytes that an instance takes for an export, beside those of its name: a place in a tree, and an allocation.
const EXPORT: u64 = 72;
/// Bytes of exports that an instance may take for each byte that it is charged.
const EXPORTS_CHARGED: u64 = 2;

/// A translated module, and what the engine must know of it.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) module: Module,
    pub(crate) functions: FunctionMap,
    pub(crate) memories: u32,
    /// What each memory that it defines has at first, in bytes.
    pub(crate) initial_memories: Vec<u64>,
    /// What an instance of it costs to set up.
    pub(crate) set_up: SetUp,
    /// Whether an instance would hold far more for its exports than it is charged.
    pub(crate) exports_too_much: bool,
    pub(crate) has_start: bool,
    /// From its name section.
    pub(crate) own_name: Option<String>,
    /// How it was lowered.
    pub(crate) options: Options,
}

/// A module that is to be translated.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) wasm: Wasm,
    pub(crate) options: Options,
    /// The exports that it retains beside those that are called from outside; nothing for all.
    pub(crate) exports: Option<Arc<BTreeSet<String>>>,
}

impl Wanted {
    fn key(&self) -> Key {
        let digest = |names: &Arc<BTreeSet<String>>| {
            let mut bytes = Vec::new();
            for name in names.iter() {
                bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
                bytes.extend_from_slice(name.as_bytes());
            }
            *Wasm::from(bytes).digest()
        };
        let retained = self.exports.as_ref().map(digest);
        Key { wasm: *self.wasm.digest(), options: self.options.key(), retained }
    }

    fn retains(&self, name: &str) -> bool {
        let called = ["", "_start", INITIALIZE].contains(&name) || name.contains(RESERVED);
        called || self.exports.as_ref().is_none_or(|exports| exports.contains(name))
    }
}

/// Makes units, and keeps them.
pub(crate) struct Units {
    maker: Arc<Maker>,
    /// Those that runs make which can be called off, each on a thread of its own.
    #[cfg(feature = "std")]
    jobs: subvm_link::Jobs<Key, Result<Arc<Unit>, Failed>>,
}

/// Why there is no unit, for all who wait for it.
#[cfg(feature = "std")]
#[derive(Clone)]
enum Failed {
    Refused(Refused),
    Internal(InternalErrorKind, String),
}

struct Maker {
    engine: Engine,
    look: Option<Arc<dyn Look>>,
    units: Mutex<Kept<Key, Arc<Unit>>>,
    /// A module that is refused must not be validated at each spawn either.
    refusals: Mutex<Kept<Key, Refused>>,
}

impl Units {
    pub(crate) fn new(engine: Engine, look: Option<Arc<dyn Look>>) -> Self {
        let maker = Maker {
            engine,
            look,
            units: Mutex::new(Kept::new(UNITS.0, UNITS.1)),
            refusals: Mutex::new(Kept::new(REFUSALS.0, REFUSALS.1)),
        };
        Self {
            maker: Arc::new(maker),
            #[cfg(feature = "std")]
            jobs: subvm_link::Jobs::new(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }

    /// The unit of a module. What takes long is done `beside` the run.
    ///
    /// # Cost
    /// A look-up, where it is kept; its digest comes with it. Two threads that need a new one at once both make it, but for runs that can be
    /// called off: with `std`, these wait for a thread that makes it once for all of them, and goes on when they wait no more.
    pub(crate) fn get(&self, wanted: &Wanted, beside: &mut Beside<'_>) -> Result<Arc<Unit>, Stopped> {
        let key = wanted.key();
        if let Some(known) = self.maker.known(&key) {
            return Ok(known?);
        }
        let cancel = beside.cancel.clone();
        beside.done(|| match &cancel {
            None => self.maker.make_kept(wanted, key),
            Some(cancel) => self.wait(wanted, key, cancel),
        })?
    }

    #[cfg(not(feature = "std"))]
    fn wait(&self, wanted: &Wanted, key: Key, _: &Cancel) -> Result<Arc<Unit>, Stopped> {
        self.maker.make_kept(wanted, key)
    }

    #[cfg(feature = "std")]
    fn wait(&self, wanted: &Wanted, key: Key, cancel: &Cancel) -> Result<Arc<Unit>, Stopped> {
        use alloc::string::ToString;
        use core::time::Duration;

        use subvm_link::Waited;

        let (maker, wanted) = (Arc::clone(&self.maker), wanted.clone());
        let work = move || {
            let made = guard::caught(|| maker.make_kept(&wanted, key)).map_err(Stopped::from).flatten();
            made.map_err(|stopped| match stopped {
                Stopped::Refused(refused) => Failed::Refused(refused),
                Stopped::Internal(error) => Failed::Internal(error.kind(), error.to_string()),
                Stopped::Unwound(error) => Failed::Internal(InternalErrorKind::Engine, format!("{error}")),
            })
        };
        let waited = self.jobs.wait(key, Duration::MAX, Some(cancel), work).map_err(|error| {
            let what = "starting a thread that translates a module";
            InternalError::caused_by(InternalErrorKind::Engine, what, error.into())
        })?;
        match waited {
            Waited::Done { value: Ok(unit), .. } => Ok(unit),
            Waited::Done { value: Err(Failed::Refused(refused)), .. } => Err(refused.into()),
            Waited::Done { value: Err(Failed::Internal(kind, what)), .. } => Err(InternalError::new(kind, what).into()),
            Waited::GaveUp => {
                let what = "the run was cancelled while a module was translated";
                Err(InternalError::new(InternalErrorKind::Cancelled, what).into())
            }
        }
    }
}

impl Maker {
    fn known(&self, key: &Key) -> Option<Result<Arc<Unit>, Refused>> {
        let unit = self.units.lock().get(key);
        unit.map(Ok).or_else(|| self.refusals.lock().get(key).map(Err))
    }

    fn make_kept(&self, wanted: &Wanted, key: Key) -> Result<Arc<Unit>, Stopped> {
        match self.make(wanted) {
            Ok((unit, bytes)) => {
                let unit = Arc::new(unit);
                self.units.lock().put(key, Arc::clone(&unit), bytes);
                Ok(unit)
            }
            Err(stopped) => {
                if let Stopped::Refused(refused) = &stopped {
                    self.refusals.lock().put(key, refused.clone(), refused.why.len());
                }
                Err(stopped)
            }
        }
    }

    fn make(&self, wanted: &Wanted) -> Result<(Unit, usize), Stopped> {
        let Wanted { wasm, options, exports } = wanted;
        let mut lowered = lower_without_exceptions(options, |options| match &self.look {
            Some(look) => look.lower(wasm, options),
            None => lower(wasm, options),
        })?;
        if exports.is_some() {
            let retained = retain_exports(&lowered.wasm, |name| wanted.retains(name));
            lowered.wasm = retained.ok_or_else(|| untranslatable("it cannot be read"))?;
        }
        let bytes = lowered.wasm.len().saturating_mul(CODE_BYTES);
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = guard::caught(|| Module::new(&self.engine, &lowered.wasm[..]))?
            .map_err(|error| untranslatable(&format!("{error}")))?;
        // A module that is alone in its sub-VM has nothing but the host to import from.
        if options.ordinal == 0
            && options.counters == Counters::Defined
            && let Some(refused) = unlinkable(link::imports(&module), |_, _| Library::Unknown)
        {
            return Err(refused.into());
        }
        Ok((Unit::new(module, lowered, *options), bytes))
    }
}

impl Linked for Unit {
    fn own_name(&self) -> Option<&str> {
        self.own_name.as_deref()
    }

    fn defined_memories(&self) -> u32 {
        self.initial_memories.len() as u32
    }

    fn set_up(&self) -> SetUp {
        self.set_up
    }
}

impl Unit {
    fn new(module: Module, lowered: Lowered, options: Options) -> Self {
        let Lowered { functions, memories, defined_memories, set_up, has_start, module_name, .. } = lowered;
        let initial =
            (memories - defined_memories..memories).map(|memory| match module.get_export(&memory_export(memory)) {
                Some(ExternType::Memory(ty)) => ty.minimum() * WASM_PAGE,
                _ => 0,
            });
        let initial_memories = initial.collect();
        let own_name = module_name;
        let exports: u64 = module.exports().map(|export| EXPORT + export.name().len() as u64).sum();
        let exports_too_much = exports > EXPORTS_CHARGED * set_up.bytes;
        Self { module, functions, memories, initial_memories, set_up, exports_too_much, has_start, own_name, options }
    }
}

/// Lowers a module. wasmi has no exceptions: where a chain allows them and a module has some, this node cannot say what comes of it.
fn lower_without_exceptions(
    options: &Options,
    lower: impl Fn(&Options) -> Result<Lowered, Refusal>,
) -> Result<Lowered, Stopped> {
    let refused = |refusal: Refusal| Refused::from(refusal).into();
    match lower(&Options { exceptions: false, ..*options }) {
        Err(_) if options.exceptions => match lower(options) {
            Ok(_) => {
                let what = "the module uses exceptions, which the parameter `exceptions` allows and wasmi has not: run it on wasmtime";
                Err(InternalError::new(InternalErrorKind::Engine, what).into())
            }
            Err(refusal) => Err(refused(refusal)),
        },
        lowered => lowered.map_err(refused),
    }
}

fn untranslatable(why: &str) -> InternalError {
    InternalError::new(InternalErrorKind::Engine, format!("wasmi cannot translate a lowered module: {why}"))
}
