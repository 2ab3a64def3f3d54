//! Lowered modules without subvm around them: the same engine in the same configuration, and functions that do nothing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use subvm_core::{sdk, wasi};
use subvm_host_std::lower::{GAS_GLOBAL, Options, STACK_GLOBAL, lower};
use wasmtime::{Caller, Config, Engine, Inlining, Instance, Linker, Module, Store, TypedFunc, Val};

use crate::node::Marks;

/// The namespace of the functions that do nothing. Lowering has functions of the host's own handed the ticks; that is subvm's cost, and no
/// part of the measure.
const NAMESPACE: &str = "plain";

/// wasmtime as subvm configures it, where it matters for speed.
///
/// # Panics
/// Where wasmtime cannot run here.
#[must_use]
pub fn engine() -> Engine {
    let mut config = Config::new();
    config.compiler_inlining(Inlining::No).memory_init_cow(false).epoch_interruption(true);
    Engine::new(&config).expect("wasmtime runs here")
}

/// An instance of a lowered module, ready to run.
pub struct Plain {
    store: Store<Marks>,
    instance: Instance,
    start: TypedFunc<(), ()>,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Plain {
    /// Lowers and compiles a module in the text format that exports `_start`.
    ///
    /// # Panics
    /// Where it cannot run.
    #[must_use]
    pub fn new(engine: &Engine, text: &str, options: &Options, marks: &Marks) -> Self {
        let text = text.replace(wasi::MODULE, NAMESPACE).replace(sdk::MODULE, NAMESPACE);
        let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let lowered = lower(&wasm, options).expect("it can be lowered");
        let module = Module::new(engine, lowered.wasm).expect("it compiles");
        let mut store = Store::new(engine, marks.clone());
        store.set_epoch_deadline(u64::MAX / 2);
        let linker = linker(engine);
        let instance = wait(linker.instantiate_async(&mut store, &module)).expect("it links");
        for (name, value) in [(GAS_GLOBAL, Val::I64(i64::MAX)), (STACK_GLOBAL, Val::I32(1 << 20))] {
            let global = instance.get_global(&mut store, name).expect("lowering adds it");
            global.set(&mut store, value).expect("it is of this type");
        }
        let start = instance.get_typed_func(&mut store, "_start").expect("it has an entry");
        Self { store, instance, start }
    }

    /// Runs it to its end, on a fiber as subvm does.
    ///
    /// # Panics
    /// Where it traps.
    pub fn run(&mut self) {
        wait(self.start.call_async(&mut self.store, ())).expect("it does not trap");
    }

    /// Ticks charged so far.
    ///
    /// # Panics
    /// Never: lowering adds the counter.
    pub fn ticks(&mut self) -> i64 {
        let global = self.instance.get_global(&mut self.store, GAS_GLOBAL).expect("lowering adds it");
        i64::MAX - global.get(&mut self.store).unwrap_i64()
    }
}

macro_rules! define_wasi {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $type:ident),*) -> $answer:ident, $price:ident;)*) => {
        fn define_wasi(linker: &mut Linker<Marks>) -> wasmtime::Result<()> {
            $(linker.func_wrap(NAMESPACE, stringify!($name), |_: Caller<'_, Marks>, $($param: $type),*| -> i32 {
                let _ = ($($param,)*);
                0
            })?;)*
            Ok(())
        }
    };
}
subvm_core::wasi_functions!(define_wasi);

macro_rules! define_sdk {
    ($($name:ident($($param:ident),*) = $price:ident;)*) => {
        fn define_sdk(linker: &mut Linker<Marks>) -> wasmtime::Result<()> {
            $(linker.func_wrap(NAMESPACE, stringify!($name), |_: Caller<'_, Marks>, $($param: i32),*| -> i32 {
                let _ = ($($param,)*);
                0
            })?;)*
            Ok(())
        }
    };
}
subvm_core::sdk_functions!(define_sdk);

fn linker(engine: &Engine) -> Linker<Marks> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    define_wasi(&mut linker).and_then(|()| define_sdk(&mut linker)).expect("they are distinct");
    let mark = |caller: Caller<'_, Marks>, fd: i32, _: i32, _: i32, _: i32| -> i32 {
        if fd == 2 {
            caller.data().mark();
        }
        0
    };
    linker.func_wrap(NAMESPACE, "fd_write", mark).expect("shadowing is allowed");
    linker
}

/// Runs a future that never waits.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
