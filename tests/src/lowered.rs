//! Runs lowered modules directly on wasmtime, and takes down everything that determinism speaks of.

use subvm_host_std::lower::{
    COUNTERS_MODULE, Counters, Floats, GAS_GLOBAL, Lowered, MARK_GLOBAL, Options, STACK_GLOBAL, START_EXPORT,
    TRAP_GLOBAL, TrapKind, Watch, memory_export, stack_mark,
};
use wasmtime::{Collector, Config, Engine, Extern, Inlining, Instance, Linker, Module, OptLevel, Store, Trap, Val};

/// Floats left alone, counters of its own, no probes: the least that lowering does.
pub const NATIVE: Options = Options {
    floats: Floats::Native,
    counters: Counters::Defined,
    ordinal: 0,
    schedule: subvm_core::costs::instructions::Schedule::V1,
    probe_stores: false,
    own_values: false,
    frames: false,
    watch: Watch::Nothing,
    exceptions: false,
    calls: false,
};

/// Ticks that tests grant where they do not say otherwise.
pub const GAS: i64 = 1_000_000_000;

/// A code generator and its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// Cranelift without optimisation.
    None,
    /// Cranelift, optimising.
    Speed,
    /// The portable interpreter.
    Pulley,
}

impl Generator {
    /// All of them.
    pub const ALL: [Generator; 3] = [Generator::None, Generator::Speed, Generator::Pulley];

    /// An engine with this generator and the settings that lowering asks for.
    pub fn engine(self) -> Engine {
        self.engine_with_stack(NATIVE_STACK)
    }

    /// The same, for guests that have `native` bytes of stack.
    pub fn engine_with_stack(self, native: usize) -> Engine {
        let mut config = Config::new();
        config.cranelift_opt_level(if self == Generator::None { OptLevel::None } else { OptLevel::Speed });
        if self == Generator::Pulley {
            config
                .target(if cfg!(target_endian = "big") { "pulley64be" } else { "pulley64" })
                .expect("a target of this build");
        }
        config.wasm_multi_memory(true).wasm_tail_call(true).wasm_extended_const(true).wasm_relaxed_simd(false);
        config.wasm_gc(false).wasm_function_references(false).wasm_exceptions(true);
        config.compiler_inlining(Inlining::No).memory_init_cow(false).collector(Collector::Null);
        config.max_wasm_stack(native).async_stack_size(native + (2 << 20));
        config.memory_reservation(1 << 32).memory_guard_size(1 << 25);
        config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(1 << 20));
        Engine::new(&config).expect("an engine")
    }
}

/// The native stack of a test, in bytes.
pub const NATIVE_STACK: usize = 256 << 20;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It returned these bits.
    Returned(Vec<u128>),
    /// It trapped for a reason of lowering's.
    Lowering(TrapKind),
    /// It trapped by itself.
    Trapped(Trap),
    /// Nothing caught an exception.
    Uncaught,
}

/// Everything that a call leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// How it ended.
    pub ending: Ending,
    /// Remaining ticks; all that are negative are one.
    pub gas: i64,
    /// Remaining stack units.
    pub stack: i32,
    /// The digest of each memory.
    pub memories: Vec<[u8; 32]>,
    /// The frames of a trap, innermost first, in the guest's numbering.
    pub frames: Vec<u32>,
}

/// A lowered module, instantiated.
pub struct Machine {
    store: Store<()>,
    instance: Instance,
    lowered: Lowered,
}

impl Machine {
    /// Instantiates `lowered` with `linker`'s imports, grants gas and stack, and calls the start function.
    ///
    /// # Errors
    ///
    /// wasmtime's, of compiling, linking and starting.
    pub fn new(engine: &Engine, lowered: Lowered, gas: i64, stack: i32) -> wasmtime::Result<Machine> {
        Machine::link(engine, &Linker::new(engine), lowered, gas, stack)
    }

    /// As [`Machine::new`], with imports.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn link(
        engine: &Engine,
        linker: &Linker<()>,
        lowered: Lowered,
        gas: i64,
        stack: i32,
    ) -> wasmtime::Result<Machine> {
        Machine::of(linker, &Module::new(engine, &lowered.wasm)?, lowered, gas, stack)
    }

    /// As [`Machine::link`], of what is compiled already: `module` is `lowered`'s.
    ///
    /// # Errors
    ///
    /// wasmtime's, of linking and starting.
    pub fn of(
        linker: &Linker<()>,
        module: &Module,
        lowered: Lowered,
        gas: i64,
        stack: i32,
    ) -> wasmtime::Result<Machine> {
        let mut store = Store::new(module.engine(), ());
        let instance = linker.instantiate(&mut store, module)?;
        let mut machine = Machine { store, instance, lowered };
        machine.grant(gas, stack);
        if machine.lowered.has_start {
            let start = machine.instance.get_typed_func::<(), ()>(&mut machine.store, START_EXPORT)?;
            start.call(&mut machine.store, ())?;
        }
        Ok(machine)
    }

    /// Sets the counters, as the engine does before each entry.
    pub fn grant(&mut self, gas: i64, stack: i32) {
        self.set(GAS_GLOBAL, Val::I64(gas));
        self.set(STACK_GLOBAL, Val::I32(stack));
        self.set(MARK_GLOBAL, Val::I32(stack_mark(stack)));
        self.set(TRAP_GLOBAL, Val::I32(0));
    }

    /// Pays for depth beyond so many units of `stack`, which were granted.
    pub fn pay_for_depth(&mut self, stack: i32, beyond: i32) {
        self.set(MARK_GLOBAL, Val::I32((stack - beyond).max(0)));
    }

    fn set(&mut self, name: &str, value: Val) {
        let global = self.instance.get_global(&mut self.store, name).expect("an injected global");
        global.set(&mut self.store, value).expect("its type");
    }

    fn global(&mut self, name: &str) -> Val {
        self.instance.get_global(&mut self.store, name).expect("an injected global").get(&mut self.store)
    }

    /// Calls the export `name`.
    pub fn call(&mut self, name: &str, arguments: &[Val]) -> Observed {
        let function = self.instance.get_func(&mut self.store, name).expect("an exported function");
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let ending = function.call(&mut self.store, arguments, &mut results);
        let mut frames = Vec::new();
        let ending = match ending {
            Ok(()) => Ending::Returned(results.iter().map(bits).collect()),
            Err(error) => {
                if let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
                    let functions = backtrace.frames().iter().map(|frame| frame.func_index());
                    frames.extend(functions.filter_map(|index| self.lowered.functions.original(index)));
                }
                let kind = TrapKind::from_marker(self.global(TRAP_GLOBAL).unwrap_i32());
                match (error.downcast_ref::<Trap>(), kind) {
                    (Some(Trap::UnreachableCodeReached), Some(kind)) => Ending::Lowering(kind),
                    (Some(trap), _) => Ending::Trapped(*trap),
                    (None, _) if error.is::<wasmtime::ThrownException>() => Ending::Uncaught,
                    (None, _) => panic!("no trap: {error:#}"),
                }
            }
        };
        Observed {
            ending,
            gas: self.global(GAS_GLOBAL).unwrap_i64().max(-1),
            stack: self.global(STACK_GLOBAL).unwrap_i32(),
            memories: self.memories().iter().map(|memory| *blake3::hash(memory).as_bytes()).collect(),
            frames,
        }
    }

    /// The bytes of each memory.
    pub fn memories(&mut self) -> Vec<Vec<u8>> {
        (0..self.lowered.memories)
            .map(|index| match self.instance.get_export(&mut self.store, &memory_export(index)) {
                Some(Extern::Memory(memory)) => memory.data(&self.store).to_vec(),
                other => panic!("memory {index} is {other:?}"),
            })
            .collect()
    }

    /// Instantiates another module in the same store.
    pub fn instantiate_beside(&mut self, linker: &Linker<()>, module: &Module) -> (Instance, &mut Store<()>) {
        (linker.instantiate(&mut self.store, module).expect("an instance"), &mut self.store)
    }

    /// Offers this machine's counters to another module of the sub-VM.
    pub fn share_counters(&mut self, linker: &mut Linker<()>) {
        for name in [GAS_GLOBAL, STACK_GLOBAL, MARK_GLOBAL, TRAP_GLOBAL] {
            let global = self.instance.get_global(&mut self.store, name).expect("an injected global");
            linker.define(&self.store, COUNTERS_MODULE, name, global).expect("a new name");
        }
    }
}

/// The bits of a number; 0 of a null reference, 1 of another.
pub(crate) fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => *value as u32 as u128,
        Val::I64(value) => *value as u64 as u128,
        Val::F32(bits) => u128::from(*bits),
        Val::F64(bits) => u128::from(*bits),
        Val::V128(value) => value.as_u128(),
        reference => u128::from(!matches!(reference, Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None))),
    }
}
