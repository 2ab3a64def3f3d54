//! What an initialisation calls of the host: what it may, and what is refused, for a run would be told something else, or has to do it itself.

use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Call, Observer};
use subvm_core::{sdk, wasi};

use crate::error::SnapshotError;

/// What an initialisation asked for.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The first thing that it may not, beside printing.
    pub(crate) refused: Option<SnapshotError>,
    /// That it printed: who fails says so, too.
    pub(crate) printed: Option<SnapshotError>,
    pub(crate) paths: Vec<String>,
    pub(crate) arguments: bool,
    pub(crate) environment: bool,
    /// The numbers of descriptors that were freed and not given since: the last one is given next.
    free: Vec<u32>,
}

impl Told {
    /// The free numbers, in the order in which a program would be given them.
    pub(crate) fn freed(&self) -> impl Iterator<Item = u32> + '_ {
        self.free.iter().rev().copied()
    }
}

/// Notes the calls.
pub(crate) struct Calls(Arc<Mutex<Told>>);

impl Calls {
    pub(crate) fn new() -> (Self, Arc<Mutex<Told>>) {
        let told = Arc::default();
        (Self(Arc::clone(&told)), told)
    }
}

/// What was noted.
pub(crate) fn taken(told: &Mutex<Told>) -> Told {
    std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The number of the message.
const STDIN: u64 = 0;
/// The descriptors of the start.
const PREOPENED: u32 = 4;

/// Why an initialisation may not make a call; nothing where it may.
fn refusal(call: &Call<'_>) -> Option<&'static str> {
    let stdin = call.args.first() == Some(&STDIN);
    match call.name {
        _ if call.module == sdk::MODULE => {
            Some("storage, balances, messages and modules are for runs: leave them to the run")
        }
        "clock_time_get" | "poll_oneoff" => Some("the time is another one in each run: leave the clock to the run"),
        "random_get" => Some("random bytes are others in each run: leave them to the run"),
        "proc_exit" | "proc_raise" => Some("it has to return"),
        "fd_write" | "fd_pwrite" => Some("what it prints would be printed by no run: print nothing"),
        "fd_read" | "fd_pread" | "fd_seek" | "fd_tell" | "fd_filestat_get" | "fd_readdir" if stdin => {
            Some("descriptor 0 is the message, which is another one in each run: leave it to the run")
        }
        _ if call.module != wasi::MODULE => Some("it is no function of WASI"),
        _ => None,
    }
}

/// Where the path of a call stands among its arguments, and what its descriptor is.
fn path<'m>(call: &Call<'_>, mem: &'m [u8]) -> Option<&'m [u8]> {
    let at = call.params.iter().position(|name| *name == "path").filter(|_| call.name.starts_with("path_"))?;
    let (start, len) = (*call.args.get(at)?, *call.args.get(at + 1)?);
    let start = usize::try_from(start).ok()?;
    mem.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}

impl Observer for Calls {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], _: i64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = refusal(call) {
            let place = if call.name.ends_with("write") { &mut told.printed } else { &mut told.refused };
            let call = wasi::trace::Enter(call).to_string();
            place.get_or_insert_with(|| SnapshotError::Asked { call: call.trim_start_matches("==> ").to_owned(), why });
        }
        told.arguments |= call.name == "args_get";
        told.environment |= call.name == "environ_get";
        if let Some(path) = path(call, mem) {
            let path = String::from_utf8_lossy(path).into_owned();
            if !told.paths.contains(&path) {
                told.paths.push(path);
            }
        }
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, _: &[u8], _: i64) {
        if errno != Some(0) {
            return;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (call.name, call.args) {
            // The number freed last, or one that was never given.
            ("path_open", _) => _ = told.free.pop(),
            ("fd_close" | "fd_renumber", [fd, ..]) => told.free.push(*fd as u32),
            _ => {}
        }
    }
}

/// Whether numbers freed so would be given as to a program that has opened nothing: 4, 5, and so on.
pub(crate) fn in_order(mut freed: impl Iterator<Item = u32>) -> bool {
    (PREOPENED..).zip(&mut freed).all(|(number, freed)| number == freed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_where_the_next_ones_are_those_of_a_new_program() {
        assert!(in_order([].into_iter()) && in_order([4, 5, 6].into_iter()));
        assert!(!in_order([5, 4].into_iter()) && !in_order([5].into_iter()) && !in_order([3].into_iter()));
    }

    #[test]
    fn a_path_that_is_not_in_memory_is_none() {
        let call = |args| Call {
            module: wasi::MODULE,
            name: "path_open",
            params: &["dirfd", "dirflags", "path", "path_len"],
            args,
        };
        assert_eq!(path(&call(&[3, 0, 1, 2]), b"/ab/"), Some(&b"ab"[..]));
        assert_eq!(path(&call(&[3, 0, 3, 2]), b"/ab/"), None);
        assert_eq!(path(&call(&[3, 0, u64::MAX, u64::MAX]), b"/ab/"), None);
    }
}
