//! Calls that a rule of this machine refused, for the diagnostics of a program that then failed. No part of any result.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::wasi::Errno;

/// Kinds of refusals that are told: the last ones.
const TOLD: usize = 4;

/// The last refusals, a call and its errno each once, the last one first.
#[derive(Debug, Default)]
pub(super) struct Refusals([Option<(&'static str, Errno)>; TOLD]);

impl Refusals {
    /// Notes what a call answered, where a rule of ours may have given it.
    #[inline]
    pub(super) fn note(&mut self, call: &'static str, errno: Errno) {
        if matches!(errno, Errno::Rofs | Errno::Notcapable | Errno::Notsup | Errno::Acces | Errno::Badf) {
            self.keep(call, errno);
        }
    }

    /// A guest may be refused all the time, by two calls in turn, for the price of a call that does nothing: so this takes a few nanoseconds.
    fn keep(&mut self, call: &'static str, errno: Errno) {
        let is_this = |kept: &Option<(&str, Errno)>| kept.is_some_and(|(name, why)| why == errno && name == call);
        let elsewhere_too = errno == Errno::Badf && call != "path_readlink";
        if self.0.first().is_some_and(is_this) || elsewhere_too || call.starts_with("fd_prestat") {
            return;
        }
        // What comes before the place of the same one, or else all but the last, moves on.
        let mut moved = Some((call, errno));
        for place in &mut self.0 {
            let kept = core::mem::replace(place, moved);
            if is_this(&kept) {
                break;
            }
            moved = kept;
        }
    }

    /// A line for each, the last one first.
    pub(super) fn lines(&self) -> Vec<String> {
        let told = self.0.iter().flatten().filter_map(|(call, errno)| Some((call, errno, rule(call, *errno)?)));
        told.map(|(call, errno, rule)| format!("before it failed, {call} answered {}: {rule}", errno.name())).collect()
    }
}

/// What people should know of a refusal: the rule (`docs/spec/wasi.md`), and what helps. Nothing where every runtime would have answered so.
fn rule(call: &str, errno: Errno) -> Option<&'static str> {
    Some(match (call, errno) {
        ("poll_oneoff", Errno::Notsup) => {
            "nothing waits: no time passes under the personality `seed`, 366 days at most under `program`; give `--personality program`, or do without sleeping"
        }
        ("sched_yield", Errno::Notsup) => "there is one thread; give `--personality program`, or do without yielding",
        ("proc_raise", Errno::Notsup) => "there are no signals",
        ("fd_renumber", Errno::Notsup) => "descriptors keep their numbers under the personality `genvm`; give another",
        ("path_readlink", Errno::Badf) => {
            "there are no symbolic links; give `--personality program`, or real paths (`--map` follows links)"
        }
        ("fd_fdstat_set_flags", Errno::Rofs) => {
            "flags cannot be changed; give `--personality program`, or open files without them"
        }
        ("fd_pwrite", Errno::Notsup) => "files cannot be written; write to standard output (descriptor 1)",
        (_, Errno::Rofs) => {
            "the file tree is read-only; write to standard output (descriptor 1), and map what is to be read (`--map`)"
        }
        ("sock_accept" | "sock_recv" | "sock_send" | "sock_shutdown", Errno::Acces) => {
            "there are no sockets; contracts ask through `gl_call`, in non-deterministic blocks"
        }
        ("path_open" | "path_filestat_get", Errno::Notcapable) => {
            "the path is absolute or leads above its directory, or the directory was opened without the right for it; name paths below `/`"
        }
        (_, Errno::Notcapable) => {
            "the descriptor was opened without the right for it; give `--personality program`, or ask `path_open` for the right"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::FUNCTIONS;

    #[test]
    fn every_call_that_always_refuses_has_a_rule() {
        let refusing = FUNCTIONS.iter().filter_map(|function| Some((function.name, function.always?)));
        let mut count = 0;
        for (name, errno) in refusing.filter(|(_, errno)| *errno != Errno::Success) {
            assert!(rule(name, errno).is_some(), "{name} {}", errno.name());
            count += 1;
        }
        assert_ne!(count, 0);
    }

    #[test]
    fn the_last_kinds_are_kept_once() {
        let mut refusals = Refusals::default();
        for call in
            ["path_link", "path_symlink", "path_link", "path_rename", "fd_allocate", "path_symlink", "sched_yield"]
        {
            let errno = if call == "sched_yield" { Errno::Notsup } else { Errno::Rofs };
            refusals.note(call, errno);
            refusals.note("fd_read", Errno::Badf);
            refusals.note("path_open", Errno::Noent);
        }
        let lines = refusals.lines();
        let calls: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(3)).collect();
        assert_eq!(calls, ["sched_yield", "path_symlink", "fd_allocate", "path_rename"]);
        assert!(lines.iter().all(|line| line.contains(" answered E")), "{lines:?}");
    }
}
