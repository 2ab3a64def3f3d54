//! What watched modules call, and what they are lowered for.

use subvm_lower::{WATCH_FUNCTIONS, WATCH_MODULE, Watch};
use subvm_profile::Watcher;
use wasmtime::{Caller, Linker};

use super::running::Running;

/// What a watcher wants modules to tell.
pub(super) fn wanted(watcher: &Watcher) -> Watch {
    if watcher.wants_blocks() { Watch::Blocks } else { Watch::Calls }
}

/// Defines what watched modules call.
pub(super) fn define(linker: &mut Linker<Running>) -> wasmtime::Result<()> {
    let [(enter, _), (leave, _), (at, _), (tries, _), (caught, _)] = WATCH_FUNCTIONS;
    linker.func_wrap(WATCH_MODULE, enter, |caller: Caller<'_, Running>, who: i32, ticks: i64| {
        caller.data().tell(|watcher| watcher.enter(who as u32, ticks));
    })?;
    linker.func_wrap(WATCH_MODULE, leave, |caller: Caller<'_, Running>, ticks: i64| {
        caller.data().tell(|watcher| watcher.leave(ticks));
    })?;
    linker.func_wrap(WATCH_MODULE, at, |caller: Caller<'_, Running>, offset: i32| {
        caller.data().tell(|watcher| watcher.at(offset as u32));
    })?;
    linker.func_wrap(WATCH_MODULE, tries, |caller: Caller<'_, Running>, units: i32| {
        caller.data().tell(|watcher| watcher.tries(units as u32));
    })?;
    linker.func_wrap(WATCH_MODULE, caught, |caller: Caller<'_, Running>, who: i32, ticks: i64, units: i32| {
        caller.data().tell(|watcher| watcher.caught(who as u32, ticks, units as u32));
    })?;
    Ok(())
}
