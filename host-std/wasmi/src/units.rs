//! Modules, lowered and translated: each once, as long as it is kept.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use spin::Mutex;
use subvm_core::costs::SetUp;
use subvm_core::{Cancel, InternalError, InternalErrorKind, Invalid, Wasm};
use subvm_lower::{
    Counters, FunctionMap, HOST_MODULES, KEY_BYTES, Kept, Look, Lowered, Options, Refusal, WATCH_MODULE, lower,
    memory_export,
};
use wasmi::{Engine, ExternType, Module};

use crate::guard;
use crate::host_calls::{self, Types};
use crate::stopped::{Refused, Stopped};

/// What decides how a module is translated: its digest, and how it is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    wasm: [u8; 32],
    options: [u8; KEY_BYTES],
}

/// Modules that are kept, and the bytes of code that they may have together, estimated.
const UNITS: (usize, usize) = (256, 1 << 30);
/// Refusals that are kept, and the bytes of their texts.
const REFUSALS: (usize, usize) = (4096, 1 << 20);
/// How many bytes wasmi's code may take for each byte of a lowered module, and what else it keeps of it.
const CODE_BYTES: usize = 4;
/// Bytes in a page of WebAssembly.
const WASM_PAGE: u64 = 65_536;

/// A translated module, and what the engine must know of it.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) module: Module,
    pub(crate) functions: FunctionMap,
    pub(crate) memories: u32,
    pub(crate) defined_memories: u32,
    /// What each memory that it defines has at first, in bytes.
    pub(crate) initial_memories: Vec<u64>,
    /// What an instance of it costs to set up.
    pub(crate) set_up: SetUp,
    pub(crate) has_start: bool,
    /// From its name section.
    pub(crate) own_name: Option<String>,
}

/// Makes units, and keeps them.
pub(crate) struct Units {
    maker: Arc<Maker>,
    /// Those that runs make which can be called off, each on a thread of its own.
    #[cfg(feature = "std")]
    jobs: subvm_lower::Jobs<Key, Result<Arc<Unit>, Failed>>,
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
    types: Types,
    units: Mutex<Kept<Key, Arc<Unit>>>,
    /// A module that is refused must not be validated at each spawn either.
    refusals: Mutex<Kept<Key, Refused>>,
}

impl Units {
    pub(crate) fn new(engine: Engine, look: Option<Arc<dyn Look>>) -> Self {
        let maker = Maker {
            engine,
            look,
            types: host_calls::types(),
            units: Mutex::new(Kept::new(UNITS.0, UNITS.1)),
            refusals: Mutex::new(Kept::new(REFUSALS.0, REFUSALS.1)),
        };
        Self {
            maker: Arc::new(maker),
            #[cfg(feature = "std")]
            jobs: subvm_lower::Jobs::new(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }

    /// The unit of a module.
    ///
    /// # Cost
    /// A look-up, where it is kept; its digest comes with it. Two threads that need a new one at once both make it, but for runs that can be
    /// called off: with `std`, these wait for a thread that makes it once for all of them, and goes on when they wait no more.
    pub(crate) fn get(&self, wasm: &Wasm, options: &Options, cancel: Option<&Cancel>) -> Result<Arc<Unit>, Stopped> {
        let key = Key { wasm: *wasm.digest(), options: options.key() };
        if let Some(known) = self.maker.known(&key) {
            return Ok(known?);
        }
        match cancel {
            None => self.maker.make_kept(wasm, options, key),
            Some(cancel) => self.wait(wasm, options, key, cancel),
        }
    }

    #[cfg(not(feature = "std"))]
    fn wait(&self, wasm: &Wasm, options: &Options, key: Key, _: &Cancel) -> Result<Arc<Unit>, Stopped> {
        self.maker.make_kept(wasm, options, key)
    }

    #[cfg(feature = "std")]
    fn wait(&self, wasm: &Wasm, options: &Options, key: Key, cancel: &Cancel) -> Result<Arc<Unit>, Stopped> {
        use core::time::Duration;

        use subvm_lower::Waited;

        let (maker, wasm, options) = (Arc::clone(&self.maker), wasm.clone(), *options);
        let work = move || {
            let made = guard::caught(|| maker.make_kept(&wasm, &options, key)).map_err(Stopped::from).flatten();
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

    fn make_kept(&self, wasm: &Wasm, options: &Options, key: Key) -> Result<Arc<Unit>, Stopped> {
        match self.make(wasm, options) {
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

    fn make(&self, wasm: &Wasm, options: &Options) -> Result<(Unit, usize), Stopped> {
        let lowered = lower_without_exceptions(options, |options| match &self.look {
            Some(look) => look.lower(wasm, options),
            None => lower(wasm, options),
        })?;
        let bytes = lowered.wasm.len().saturating_mul(CODE_BYTES);
        // What is valid before lowering is valid after it: what fails here is this node's fault, and no verdict on the contract.
        let module = guard::caught(|| Module::new(&self.engine, &lowered.wasm[..]))?
            .map_err(|error| untranslatable(&format!("{error}")))?;
        if options.ordinal == 0 && options.counters == Counters::Defined {
            self.check_imports(&module)?;
        }
        Ok((Unit::new(module, lowered), bytes))
    }

    /// Holds the imports of a module that is alone in its sub-VM to what the host has.
    fn check_imports(&self, module: &Module) -> Result<(), Refused> {
        // What a watched module calls is lowering's.
        for import in module.imports().filter(|import| import.module() != WATCH_MODULE) {
            let host = HOST_MODULES.iter().find(|host| **host == import.module());
            let known = host.and_then(|host| self.types.get(&(*host, import.name().into())));
            let wanted = match import.ty() {
                ExternType::Func(wanted) => Some(wanted),
                _ => None,
            };
            if known.is_none() || known != wanted {
                let why = format!("the host has no {}.{} of this type", import.module(), import.name());
                return Err(Refused::new(Invalid::WasmLinking, why));
            }
        }
        Ok(())
    }
}

impl Unit {
    fn new(module: Module, lowered: Lowered) -> Self {
        let Lowered { functions, memories, defined_memories, set_up, has_start, module_name, .. } = lowered;
        let initial =
            (memories - defined_memories..memories).map(|memory| match module.get_export(&memory_export(memory)) {
                Some(ExternType::Memory(ty)) => ty.minimum() * WASM_PAGE,
                _ => 0,
            });
        let initial_memories = initial.collect();
        let own_name = module_name;
        Self { module, functions, memories, defined_memories, initial_memories, set_up, has_start, own_name }
    }
}

/// Lowers a module. wasmi has no exceptions: where a chain allows them and a module has some, this node cannot say what comes of it.
fn lower_without_exceptions(
    options: &Options,
    lower: impl Fn(&Options) -> Result<Lowered, Refusal>,
) -> Result<Lowered, Stopped> {
    let refused = |refusal: Refusal| Refused::new(Invalid::WasmValidating, refusal.to_string()).into();
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
