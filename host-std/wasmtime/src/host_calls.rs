//! The host functions that guests import, made from the core's two lists.

use subvm_core::{End, Guest, SubVm, sdk, wasi};
use wasmtime::{AsContextMut, Caller, Linker, StoreContextMut, Val};

use super::engines::Silent;
use super::float_state;
use super::running::{Counters, Running};
use subvm_lower::host_import_name;
use subvm_profile::Watcher;

/// Defines every host function for the module with this ordinal.
pub(super) fn define(linker: &mut Linker<Running>, ordinal: u32) -> wasmtime::Result<()> {
    define_wasi(linker, ordinal)?;
    define_sdk(linker, ordinal)
}

/// What a closure gives back to wasmtime for a function that returns an errno, and for one that never returns. The ticks
/// come last (`lower/imports.rs`).
macro_rules! answer {
    (never, $result:expr) => {
        $result.map(|(_, ticks): (u32, i64)| ticks)
    };
    ($errno:ident, $result:expr) => {
        $result.map(|(errno, ticks): (u32, i64)| (errno as i32, ticks))
    };
}

macro_rules! link_wasi {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $ty:ident),* $(,)?) -> $answer:ident, $price:ident;)*) => {
        fn define_wasi(linker: &mut Linker<Running>, ordinal: u32) -> wasmtime::Result<()> {
            $(
                linker.func_wrap(
                    wasi::MODULE,
                    &host_import_name(stringify!($name), ordinal),
                    move |caller: Caller<'_, Running>, $($param: $ty,)* ticks: i64| {
                        answer!($answer, host_call(caller, stringify!($name), ordinal, ticks, None, move |guest| {
                            const STAYS: Option<wasi::Kept> = wasi::Kept::of(stringify!($name));
                            let mut cx = guest.cx()?;
                            let errno = wasi::entry::$name(&mut cx, $($param as _),*)?;
                            Ok(STAYS.map_or(errno, |kept| kept.mark(&cx, stringify!($name), errno)))
                        }))
                    },
                )?;
            )*
            Ok(())
        }
    };
}
subvm_core::wasi_functions!(link_wasi);

macro_rules! link_sdk {
    ($($name:ident($($param:ident),*) = $price:ident;)*) => {
        fn define_sdk(linker: &mut Linker<Running>, ordinal: u32) -> wasmtime::Result<()> {
            $(
                linker.func_wrap(
                    sdk::MODULE,
                    &host_import_name(stringify!($name), ordinal),
                    move |caller: Caller<'_, Running>, $($param: i32,)* ticks: i64| {
                        let args = [$($param as u32),*];
                        answer!(errno, host_call(caller, stringify!($name), ordinal, ticks, Some(&args), move |guest| {
                            sdk::entry::$name(guest, $($param as u32),*)
                        }))
                    },
                )?;
            )*
            Ok(())
        }
    };
}
subvm_core::sdk_functions!(link_sdk);

/// One host call: hands the core the caller's memory and ticks, and gives back what is left of these. Reading a counter
/// takes as long as many a call, so that the stack's is read only where the function is of `genlayer_sdk`, whose `args` these
/// are, and may start a sub-VM.
#[inline]
fn host_call(
    mut caller: Caller<'_, Running>,
    name: &'static str,
    ordinal: u32,
    mut ticks: i64,
    args: Option<&[u32]>,
    function: impl FnOnce(&mut Guest<'_>) -> Result<u32, End>,
) -> wasmtime::Result<(u32, i64)> {
    let memory = caller.data().memories.get(ordinal as usize).copied().flatten();
    let spawns = args.zip(memory).is_some_and(|(args, memory)| sdk::spawns(name, memory.data(&caller), args));
    let stack_units = if spawns { counters(caller.data())?.stack.get(&mut caller).unwrap_i32() } else { -1 };
    let mut store = caller.as_context_mut();
    let (mem, running) = match memory {
        Some(memory) => memory.data_and_store_mut(&mut store),
        None => (&mut [][..], store.data_mut()),
    };
    let before = running.watcher.as_ref().map(|watcher| begins(watcher, &running.vm, name, ticks));
    let mut guest = Guest { mem, ticks: &mut ticks, stack_units: stack_units.into(), vm: &mut running.vm };
    let result = function(&mut guest);
    if let (Some(watcher), Some(before)) = (&running.watcher, before) {
        watcher.charged(running.vm.ram_used().saturating_sub(before));
        watcher.host_ends(ticks);
    }
    let errnos = running.errnos;
    if running.hardware_floats {
        float_state::restore_for_guests();
    }
    match result {
        Ok(errno) => Ok((errno & errnos, ticks)),
        Err(end) => ended(store, ticks, end),
    }
}

/// Tells who watches, and gives back what RAM is in use.
#[cold]
fn begins(watcher: &Watcher, vm: &SubVm, name: &'static str, ticks: i64) -> u64 {
    watcher.host_begins(name, ticks);
    vm.ram_used()
}

/// Notes in the store why the sub-VM ended, and in the counter what was left: no result takes it back. What wasmtime gets
/// only unwinds the guest.
#[cold]
fn ended<T>(mut store: StoreContextMut<'_, Running>, ticks: i64, end: End) -> wasmtime::Result<T> {
    counters(store.data())?.gas.set(&mut store, Val::I64(ticks))?;
    let (result, running) = (end.into_result(), store.data_mut());
    // wasmtime captures no frames for an error that has some already: to look up those of a contract that returned took a tenth of its run.
    let frames = running.silent.as_ref().filter(|_| !running.vm.may_want_fingerprint(&result)).map(Silent::frames);
    running.end = Some(result);
    let error = wasmtime::Error::msg("the sub-VM ended in a host call");
    Err(match frames {
        Some(none) => error.context(none),
        None => error,
    })
}

fn counters(running: &Running) -> wasmtime::Result<Counters> {
    let unset = || wasmtime::Error::msg("a host function was called before the counters were set");
    running.counters.ok_or_else(unset)
}
