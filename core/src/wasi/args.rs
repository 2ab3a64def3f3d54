//! `args_*`.

use crate::wasi::call::Cx;
use crate::wasi::{Done, strings};

/// Writes to `argv` a pointer for each argument, and to `argv_buf` the arguments, each ended by a NUL.
pub(super) fn args_get(cx: &mut Cx<'_>, argv: u32, argv_buf: u32) -> Done {
    strings::get(cx, |config| config.args.strings(), argv, argv_buf)
}

/// Writes the number of arguments to `argc`, and to `argv_buf_size` the bytes that they take, NULs included.
#[inline]
pub(super) fn args_sizes_get(cx: &mut Cx<'_>, argc: u32, argv_buf_size: u32) -> Done {
    let (count, bytes) = cx.wasi.config.args.strings().sizes();
    strings::put_sizes(cx, (count, bytes), argc, argv_buf_size)
}
