//! The calls that are measured.

/// What a call must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// So many times the empty function.
    Times(f64),
    /// Copying as many bytes, and so many times the empty function.
    CopyAnd(f64),
    /// So many nanoseconds for each of [`ENTRIES`] entries.
    PerEntry(f64),
}

/// A call, or two that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What the tables call it.
    pub name: &'static str,
    /// What is called: name and the types of its parameters.
    pub functions: &'static [(&'static str, &'static str)],
    /// Instructions that prepare it.
    pub setup: &'static str,
    /// Instructions that make the call, and leave an errno.
    pub call: &'static str,
    /// What it must not exceed, where that was promised.
    pub bar: Option<Bar>,
    /// How the peer on an operating system compares.
    pub peer: Comparison,
}

/// What a peer does for the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same. subvm must be eight times as fast.
    Alike,
    /// It works on a real file or asks the operating system, which subvm does not.
    RealWork,
    /// It has no such call.
    None,
}

/// Entries of the directory that is listed, beside `.` and `..`.
pub const ENTRIES: usize = 100;
/// Bytes that are read in one call.
pub(super) const READ: usize = 4096;
/// Bytes of the file that is read.
pub(super) const FILE: usize = 1 << 20;

/// fd_read, fd_seek, fd_tell, fd_filestat_get; what a libc asks for and more is refused by nobody.
const OPEN_FILE: &str = "(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 14) (i32.const 0)
    (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 1024)))
    (global.set $fd (i32.load (i32.const 1024)))";
/// fd_readdir.
const OPEN_DIRECTORY: &str =
    "(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 96) (i32.const 6) (i32.const 2)
    (i64.const 0x4000) (i64.const 0) (i32.const 0) (i32.const 1024)))
    (global.set $fd (i32.load (i32.const 1024)))";
const PATH_OPEN: (&str, &str) = ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32");
const FD_SEEK: (&str, &str) = ("fd_seek", "i32 i64 i32 i32");

const fn case(
    name: &'static str,
    functions: &'static [(&'static str, &'static str)],
    setup: &'static str,
    call: &'static str,
    bar: Option<Bar>,
    peer: Comparison,
) -> Case {
    Case { name, functions, setup, call, bar, peer }
}

/// Every case, in the order of the tables.
pub const CASES: &[Case] = &[
    case(
        "clock_time_get",
        &[("clock_time_get", "i32 i64 i32")],
        "",
        "(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 1024))",
        Some(Bar::Times(3.0)),
        Comparison::Alike,
    ),
    case(
        "fd_tell",
        &[PATH_OPEN, ("fd_tell", "i32 i32")],
        OPEN_FILE,
        "(call $fd_tell (global.get $fd) (i32.const 1024))",
        Some(Bar::Times(3.0)),
        Comparison::Alike,
    ),
    case(
        "fd_seek",
        &[PATH_OPEN, FD_SEEK],
        OPEN_FILE,
        "(call $fd_seek (global.get $fd) (i64.const 128) (i32.const 0) (i32.const 1024))",
        Some(Bar::Times(3.0)),
        Comparison::RealWork,
    ),
    case(
        "args_sizes_get",
        &[("args_sizes_get", "i32 i32")],
        "",
        "(call $args_sizes_get (i32.const 1024) (i32.const 1028))",
        Some(Bar::Times(3.0)),
        Comparison::Alike,
    ),
    case(
        "environ_get",
        &[("environ_get", "i32 i32")],
        "",
        "(call $environ_get (i32.const 1024) (i32.const 2048))",
        None,
        Comparison::Alike,
    ),
    case(
        "fd_prestat_get",
        &[("fd_prestat_get", "i32 i32")],
        "",
        "(call $fd_prestat_get (i32.const 3) (i32.const 1024))",
        Some(Bar::Times(3.0)),
        Comparison::Alike,
    ),
    case(
        "fd_fdstat_get",
        &[PATH_OPEN, ("fd_fdstat_get", "i32 i32")],
        OPEN_FILE,
        "(call $fd_fdstat_get (global.get $fd) (i32.const 1024))",
        Some(Bar::Times(3.0)),
        Comparison::RealWork,
    ),
    case(
        "fd_write, 64 bytes",
        &[("fd_write", "i32 i32 i32 i32")],
        "",
        "(call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 1024))",
        Some(Bar::Times(4.0)),
        Comparison::RealWork,
    ),
    case(
        "fd_filestat_get",
        &[PATH_OPEN, ("fd_filestat_get", "i32 i32")],
        OPEN_FILE,
        "(call $fd_filestat_get (global.get $fd) (i32.const 1024))",
        Some(Bar::Times(4.0)),
        Comparison::RealWork,
    ),
    case(
        "path_filestat_get",
        &[("path_filestat_get", "i32 i32 i32 i32 i32")],
        "",
        "(call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 14) (i32.const 1024))",
        Some(Bar::Times(6.0)),
        Comparison::RealWork,
    ),
    case(
        "path_open + fd_close",
        &[PATH_OPEN, ("fd_close", "i32")],
        "",
        "(i32.or (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 14) (i32.const 0)
            (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 1024)) (call $fd_close (i32.load (i32.const 1024))))",
        Some(Bar::Times(6.0)),
        Comparison::RealWork,
    ),
    case(
        "fd_read, 4 KiB",
        &[PATH_OPEN, FD_SEEK, ("fd_read", "i32 i32 i32 i32")],
        OPEN_FILE,
        // Back to the start at its end: one call in 256.
        "(if (i32.eqz (i32.and (local.get $n) (i32.const 255)))
            (then (drop (call $fd_seek (global.get $fd) (i64.const 0) (i32.const 0) (i32.const 1024)))))
        (call $fd_read (global.get $fd) (i32.const 40) (i32.const 1) (i32.const 1024))",
        Some(Bar::CopyAnd(4.0)),
        Comparison::RealWork,
    ),
    case(
        "fd_readdir, 100 entries",
        &[PATH_OPEN, ("fd_readdir", "i32 i32 i32 i64 i32")],
        OPEN_DIRECTORY,
        "(call $fd_readdir (global.get $fd) (i32.const 8192) (i32.const 8192) (i64.const 0) (i32.const 1024))",
        Some(Bar::PerEntry(10.0)),
        Comparison::RealWork,
    ),
    case(
        "random_get, 32 bytes",
        &[("random_get", "i32 i32")],
        "",
        "(call $random_get (i32.const 1024) (i32.const 32))",
        None,
        Comparison::RealWork,
    ),
    case(
        "storage_read, 32 bytes",
        &[("storage_read", "i32 i32 i32 i32")],
        "",
        "(call $storage_read (i32.const 4096) (i32.const 0) (i32.const 8192) (i32.const 32))",
        None,
        Comparison::None,
    ),
    case(
        "storage_write, 32 bytes",
        &[("storage_write", "i32 i32 i32 i32")],
        "",
        "(call $storage_write (i32.const 4096) (i32.const 0) (i32.const 8192) (i32.const 32))",
        None,
        Comparison::None,
    ),
];
