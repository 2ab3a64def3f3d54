//! Ticks, as `docs/spec/gas.md` has them.

/// The base of a function that has a fixed answer.
pub(super) const ANSWER: u64 = 18;
/// The base of a function that looks at a descriptor.
pub(super) const DESCRIPTOR: u64 = 20;
/// The base of a function that moves bytes.
pub(super) const TRANSFER: u64 = 30;
/// The base of a function that walks a path.
pub(super) const WALK: u64 = 60;
/// A subscription.
pub(super) const SUBSCRIPTION: u64 = 16;
/// An iovec, whatever its length.
pub(super) const IOVEC: u64 = 8;
/// A byte of a path.
pub(super) const PATH_BYTE: u64 = 16;
/// A byte of a directory listing's buffer.
pub(super) const LISTING_BYTE: u64 = 1;
/// A byte of randomness.
pub(super) const RANDOM_BYTE: u64 = 1;
/// Seeding the deterministic generator of a sub-VM.
pub(super) const RANDOM_SEED: u64 = 6000;
/// Asking the node's own generator.
pub(super) const RANDOM_NODE: u64 = 600;

/// Copying bytes: one tick for 16, rounded up.
pub(super) fn copying(bytes: u64) -> u64 {
    bytes.div_ceil(16)
}

/// The base of a function.
pub(super) fn base(name: &str) -> u64 {
    match name {
        "args_sizes_get" | "environ_sizes_get" | "clock_res_get" | "clock_time_get" | "proc_exit" => 20,
        "fd_close" | "fd_prestat_get" | "fd_prestat_dir_name" | "fd_renumber" | "fd_seek" | "fd_tell" => 20,
        "fd_fdstat_get" | "fd_filestat_get" => 25,
        "args_get" | "environ_get" | "fd_pread" | "fd_read" | "fd_readdir" | "fd_write" | "random_get" => 30,
        "path_filestat_get" | "path_open" => 60,
        // Those with one answer, under one personality at least.
        _ => 18,
    }
}
