//! WASI Preview 1: the 46 functions of `wasi_snapshot_preview1`.
//!
//! [`wasi_functions!`](crate::wasi_functions) lists them in the order of the specification; [`entry`] has one typed entry for each, which the
//! engine's linker calls; [`FUNCTIONS`] describes them; [`dispatch`] calls one by its name.
//! What each does stands in the file of its prefix: `args`, `clock`, `environ`, `fd`, `path`, `proc`, `random`.
//! Small ones are inlined into the engine's linker (`docs/RATIONALE.md#what-a-host-call-is-made-of`).
//! Those that always answer the same (`sock_*`, `fd_allocate` and others) are rows of the table and nothing more.
//! Which answers stay what they are, so that lowered code may give them itself, says `kept`.
//! What a [`Personality`](crate::Personality) decides stands in `personality`, one row for each; the functions that it may refuse outright in `read_only` and `poll`.
//!
//! Source: `docs/spec/wasi.md`.
//!
//! ```
//! use subvm_core::wasi::{Errno, FUNCTIONS, MODULE};
//! use subvm_host_mock::{MemoryHost, play};
//!
//! assert_eq!((MODULE, FUNCTIONS.len()), ("wasi_snapshot_preview1", 46));
//! play(&MemoryHost::new(), |machine| {
//!     assert_eq!(machine.wasi("proc_raise", &[6])?, Errno::Notsup.number());
//!     Ok(())
//! });
//! ```

mod args;
pub(crate) mod call;
mod clock;
mod environ;
mod fd;
mod flags;
mod functions;
mod kept;
pub(crate) mod mem;
mod path;
mod personality;
mod poll;
mod proc;
mod random;
mod read_only;
mod refusals;
mod state;
mod strings;
mod table;
pub mod trace;

pub use crate::consensus::config::{Args, ArgsError, Env, EnvError, Pattern, PatternError, Refused};
pub use crate::errno::Errno;
pub use functions::{FUNCTIONS, Function, MODULE, ParamType, dispatch, entry, function};
pub use kept::{KEPT, Kept, changes};
pub use state::{Config, State};

/// What every function has to be found in by its name.
mod implementation {
    pub(super) use super::args::{args_get, args_sizes_get};
    pub(super) use super::clock::{clock_res_get, clock_time_get};
    pub(super) use super::environ::{environ_get, environ_sizes_get};
    pub(super) use super::fd::*;
    pub(super) use super::path::{path_filestat_get, path_open};
    pub(super) use super::poll::poll_oneoff;
    pub(super) use super::proc::{proc_exit, sched_yield};
    pub(super) use super::random::random_get;
    pub(super) use super::read_only::{
        fd_fdstat_set_flags, path_readlink, path_remove_directory, path_rename, path_unlink_file,
    };
}

/// What a function comes to: success, an errno, or the end of the sub-VM.
type Done = Result<(), crate::wasi::call::Stop<Errno>>;
