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
    /// What `path_*` and `fd_readdir` of a descriptor that is no directory come to.
    pub(super) not_directory: Errno,
    /// What reading a stream comes to.
    pub(super) stream_read: Errno,
    /// What writing to a file or directory comes to.
    pub(super) file_write: Errno,
    /// What seeking a directory comes to.
    pub(super) directory_seek: Errno,
    /// What `fd_prestat_dir_name` comes to where the buffer is shorter than the name.
    pub(super) short_name: Errno,
    pub(super) seek: Seek,
    pub(super) paths: Paths,
    pub(super) attributes: Attributes,
    /// Whether `path_open` looks at what it is asked for: flags and rights. Else it opens what is there for all that its kind can do, and what
    /// descriptors hand on is what they have themselves.
    pub(super) open_as_asked: bool,
    /// Whether `fd_renumber` does anything.
    pub(super) renumbers: bool,
    pub(super) fd_fdstat_set_flags: Answer,
    pub(super) path_readlink: Answer,
    pub(super) path_remove_directory: Answer,
    pub(super) path_rename: Answer,
    pub(super) path_unlink_file: Answer,
    pub(super) poll_oneoff: Answer,
    pub(super) sched_yield: Answer,
}

/// How `fd_seek` moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seek {
    /// From the start, from where it is, and from the end; beyond the end too.
    Anywhere,
    /// From the start and from where it is, and never before the start or beyond the end: it stops there. From the end: `Notsup`.
    Within,
}

/// How a path leads to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paths {
    /// Component by component, from the descriptor's directory, above which it does not climb.
    Walked,
    /// As text: joined to the directory's own path unless it is absolute, `..` taken away with what is before it, and dropped where nothing
    /// is. What it comes to then has to lie in the descriptor's directory.
    Lexical,
}

/// What is told of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    /// A device and a number; streams are of an unknown kind.
    Numbered,
    /// Neither; links are counted of descriptors alone, and streams are character devices.
    Bare,
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
    not_directory: Errno::Notdir,
    stream_read: Errno::Badf,
    file_write: Errno::Badf,
    directory_seek: Errno::Notcapable,
    short_name: Errno::Nametoolong,
    seek: Seek::Anywhere,
    paths: Paths::Walked,
    attributes: Attributes::Numbered,
    open_as_asked: true,
    renumbers: true,
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
    ..SEED
};

/// What GenVM 0.3 says.
const GENVM: Rules = Rules {
    announces_roots: true,
    beside: Rights::all(),
    not_directory: Errno::Badf,
    stream_read: Errno::Acces,
    file_write: Errno::Rofs,
    directory_seek: Errno::Notsup,
    short_name: Errno::Overflow,
    seek: Seek::Within,
    paths: Paths::Lexical,
    attributes: Attributes::Bare,
    open_as_asked: false,
    renumbers: false,
    ..SEED
};

/// The row of a personality.
pub(super) const fn rules(personality: Personality) -> &'static Rules {
    match personality {
        Personality::Seed => &SEED,
        Personality::Program => &PROGRAM,
        Personality::GenVm => &GENVM,
    }
}
