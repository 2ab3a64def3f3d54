//! Where personalities differ: the one table, a row for each. `docs/spec/wasi.md`, *Personalities*, has the same.

use crate::consensus::params::Personality;
use crate::errno::Errno;
use crate::fd::Rights;

/// A row of the table. A field in the name of a function says whether its arguments are looked at.
#[derive(Debug)]
pub(super) struct Rules {
    /// Whether descriptor 3 is announced as a preopened directory, and the roots that the tree has beside it are open and announced.
    pub(super) announces_roots: bool,
    /// What descriptors may be used for beside what their rights say.
    pub(super) beside: Rights,
    /// `atim`, `mtim` and `ctim` of everything, in nanoseconds since the epoch.
    pub(super) times: u64,
    pub(super) fd_fdstat_set_flags: Answer,
    pub(super) path_readlink: Answer,
    pub(super) path_remove_directory: Answer,
    pub(super) path_rename: Answer,
    pub(super) path_unlink_file: Answer,
    pub(super) poll_oneoff: Answer,
    pub(super) sched_yield: Answer,
}

/// What a call comes to that a personality may refuse.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// This, whatever its arguments are; it touches nothing and costs its base alone.
    Always(Errno),
    /// What its arguments come to.
    Judged,
}

use Answer::{Always, Judged};

impl Rules {
    /// Whether the function of this name answers one errno, whatever its arguments are.
    pub(super) fn always(&self, name: &str) -> bool {
        let answer = match name {
            "fd_fdstat_set_flags" => self.fd_fdstat_set_flags,
            "path_readlink" => self.path_readlink,
            "path_remove_directory" => self.path_remove_directory,
            "path_rename" => self.path_rename,
            "path_unlink_file" => self.path_unlink_file,
            "poll_oneoff" => self.poll_oneoff,
            "sched_yield" => self.sched_yield,
            _ => Judged,
        };
        matches!(answer, Always(_))
    }
}

/// The seed to the letter.
const SEED: Rules = Rules {
    announces_roots: false,
    beside: Rights::empty(),
    times: 0,
    fd_fdstat_set_flags: Always(Errno::Rofs),
    path_readlink: Always(Errno::Badf),
    path_remove_directory: Always(Errno::Rofs),
    path_rename: Always(Errno::Rofs),
    path_unlink_file: Always(Errno::Rofs),
    poll_oneoff: Always(Errno::Notsup),
    sched_yield: Always(Errno::Notsup),
};

/// What programs of stock libcs expect.
const PROGRAM: Rules = Rules {
    announces_roots: true,
    beside: Rights::all(),
    // 1980-01-01T00:00:00Z, before which ZIP knows no date.
    times: 315_532_800 * 1_000_000_000,
    fd_fdstat_set_flags: Judged,
    path_readlink: Judged,
    path_remove_directory: Judged,
    path_rename: Judged,
    path_unlink_file: Judged,
    poll_oneoff: Judged,
    sched_yield: Judged,
};

/// The row of a personality.
pub(super) const fn rules(personality: Personality) -> &'static Rules {
    match personality {
        Personality::Seed => &SEED,
        Personality::Program => &PROGRAM,
    }
}
