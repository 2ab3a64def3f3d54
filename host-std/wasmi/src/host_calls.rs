//! The host functions that guests import, made from the core's two lists.

use subvm_core::{End, Guest, SubVm, sdk, wasi};
use subvm_lower::RESERVED;
use subvm_profile::Watcher;
use wasmi::{AsContextMut, Caller, Error, Func, Store, StoreContextMut, Val};

use crate::running::{Counters, Running};

/// The function of the host that the module with this ordinal imports under a name, where there is one.
pub(crate) fn function(store: &mut Store<Running>, module: &str, import: &str, ordinal: u32) -> Option<Func> {
    let name = import.split(RESERVED).next()?;
    if module == wasi::MODULE { wasi_function(store, name, ordinal) } else { sdk_function(store, name, ordinal) }
}

/// What a closure gives back to wasmi for a function that returns an errno, and for one that never returns. The ticks come
/// last (`lower/imports.rs`).
macro_rules! answer {
    (never, $result:expr) => {
        $result.map(|(_, ticks): (u32, i64)| ticks)
    };
    ($errno:ident, $result:expr) => {
        $result.map(|(errno, ticks): (u32, i64)| (errno as i32, ticks))
    };
}

macro_rules! make_wasi {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $ty:ident),* $(,)?) -> $answer:ident, $price:ident;)*) => {
        fn wasi_function(store: &mut Store<Running>, wanted: &str, ordinal: u32) -> Option<Func> {
            $(
                if wanted == stringify!($name) {
                    let call = move |caller: Caller<'_, Running>, $($param: $ty,)* ticks: i64| {
                        answer!($answer, host_call(caller, stringify!($name), ordinal, ticks, None, move |guest| {
                            const STAYS: Option<wasi::Kept> = wasi::Kept::of(stringify!($name));
                            let mut cx = guest.cx()?;
                            let errno = wasi::entry::$name(&mut cx, $($param as _),*)?;
                            Ok(STAYS.map_or(errno, |kept| kept.mark(&cx, stringify!($name), errno)))
                        }))
                    };
                    return Some(Func::wrap(store, call));
                }
            )*
            None
        }
    };
}
subvm_core::wasi_functions!(make_wasi);

macro_rules! make_sdk {
    ($($name:ident($($param:ident),*) = $price:ident;)*) => {
        fn sdk_function(store: &mut Store<Running>, wanted: &str, ordinal: u32) -> Option<Func> {
            $(
                if wanted == stringify!($name) {
                    let call = move |caller: Caller<'_, Running>, $($param: i32,)* ticks: i64| {
                        let args = [$($param as u32),*];
                        answer!(errno, host_call(caller, stringify!($name), ordinal, ticks, Some(&args), move |guest| {
                            sdk::entry::$name(guest, $($param as u32),*)
                        }))
                    };
                    return Some(Func::wrap(store, call));
                }
            )*
            None
        }
    };
}
subvm_core::sdk_functions!(make_sdk);

/// One host call: hands the core the caller's memory and ticks, and gives back what is left of these. The stack's counter is
/// read only where the function is of `genlayer_sdk`, whose `args` these are, and may start a sub-VM.
#[inline]
fn host_call(
    mut caller: Caller<'_, Running>,
    name: &'static str,
    ordinal: u32,
    mut ticks: i64,
    args: Option<&[u32]>,
    function: impl FnOnce(&mut Guest<'_>) -> Result<u32, End>,
) -> Result<(u32, i64), Error> {
    let memory = caller.data().memories.get(ordinal as usize).copied().flatten();
    let spawns = args.zip(memory).is_some_and(|(args, memory)| sdk::spawns(name, memory.data(&caller), args));
    let stack_units = if spawns { counters(caller.data())?.stack_units(&caller) } else { -1 };
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
    (running.restore)();
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

/// Notes in the store why the sub-VM ended, and in the counter what was left: no result takes it back. What wasmi gets only
/// unwinds the guest.
#[cold]
fn ended<T>(mut store: StoreContextMut<'_, Running>, ticks: i64, end: End) -> Result<T, Error> {
    counters(store.data())?.gas.set(&mut store, Val::I64(ticks))?;
    store.data_mut().end = Some(end);
    Err(Error::new("the sub-VM ended in a host call"))
}

fn counters(running: &Running) -> Result<Counters, Error> {
    running.counters.ok_or_else(|| Error::new("a host function was called before the counters were set"))
}
