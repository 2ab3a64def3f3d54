//! What watched modules call, and what they are lowered for.

use subvm_lower::{WATCH_FUNCTIONS, Watch};
use subvm_profile::Watcher;
use wasmi::{Caller, Func, Store};

use crate::running::Running;

/// What a watcher wants modules to tell.
pub(crate) fn wanted(watcher: &Watcher) -> Watch {
    if watcher.wants_blocks() { Watch::Blocks } else { Watch::Calls }
}

/// What a watched module calls under this name, where there is such a thing.
pub(crate) fn function(store: &mut Store<Running>, name: &str) -> Option<Func> {
    let [(enter, _), (leave, _), (at, _), (tries, _), (caught, _)] = WATCH_FUNCTIONS;
    Some(if name == enter {
        Func::wrap(store, |caller: Caller<'_, Running>, who: i32, ticks: i64| {
            caller.data().tell(|watcher| watcher.enter(who as u32, ticks));
        })
    } else if name == leave {
        Func::wrap(store, |caller: Caller<'_, Running>, ticks: i64| {
            caller.data().tell(|watcher| watcher.leave(ticks));
        })
    } else if name == at {
        Func::wrap(store, |caller: Caller<'_, Running>, offset: i32| {
            caller.data().tell(|watcher| watcher.at(offset as u32));
        })
    } else if name == tries {
        Func::wrap(store, |caller: Caller<'_, Running>, units: i32| {
            caller.data().tell(|watcher| watcher.tries(units as u32));
        })
    } else if name == caught {
        Func::wrap(store, |caller: Caller<'_, Running>, who: i32, ticks: i64, units: i32| {
            caller.data().tell(|watcher| watcher.caught(who as u32, ticks, units as u32));
        })
    } else {
        return None;
    })
}
