//! Functions that answer the same whatever their arguments are, at least under the personality `seed`: a test for each, under its name.

use subvm_core::wasi::{Errno, function};

use crate::support::Guest;

/// Calls it with arguments that are absurd in every way, without memory, and with none at all.
fn answers(name: &str, errno: Errno, always: bool) {
    let function = function(name).unwrap();
    assert_eq!(function.always, always.then_some(errno));
    answers_to(Guest::new(), name, errno);
    if always {
        answers_to(Guest::program(), name, errno);
    }
}

fn answers_to(mut guest: Guest, name: &str, errno: Errno) {
    let function = function(name).unwrap();
    for arg in [0, 1, 2, 3, 4, 9, u64::from(u32::MAX), 1 << 31, u64::MAX] {
        let args = vec![arg; function.params.len()];
        if errno == Errno::Success { guest.writes(name, &args, &[]) } else { guest.fails(errno, name, &args) }
    }
    guest.mem.clear();
    assert_eq!(guest.call(name, &[u64::MAX; 7]), Ok(errno));
}

macro_rules! answers {
    ($errno:ident: $($name:ident)*) => {
        $(#[test] fn $name() { answers(stringify!($name), Errno::$errno, true) })*
    };
    (seed $errno:ident: $($name:ident)*) => {
        $(#[test] fn $name() { answers(stringify!($name), Errno::$errno, false) })*
    };
}

answers!(Acces: sock_accept sock_recv sock_send sock_shutdown);
answers!(Rofs: fd_allocate fd_fdstat_set_rights fd_filestat_set_size fd_filestat_set_times);
answers!(Rofs: path_create_directory path_filestat_set_times path_link path_symlink);
answers!(Notsup: proc_raise fd_pwrite);
answers!(Success: fd_advise fd_datasync fd_sync);
answers!(seed Rofs: fd_fdstat_set_flags path_remove_directory path_rename path_unlink_file);
answers!(seed Badf: path_readlink);
answers!(seed Notsup: poll_oneoff sched_yield);
