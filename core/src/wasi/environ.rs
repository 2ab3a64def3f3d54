//! `environ_*`.

use crate::wasi::call::Cx;
use crate::wasi::{Done, strings};

/// Writes to `environ` a pointer for each variable, and to `environ_buf` the variables, `NAME=value` and a NUL each.
pub(super) fn environ_get(cx: &mut Cx<'_>, environ: u32, environ_buf: u32) -> Done {
    strings::get(cx, |config| config.env.strings(), environ, environ_buf)
}

/// Writes the number of variables to `environc`, and to `environ_buf_size` the bytes that they take, NULs included.
#[inline]
pub(super) fn environ_sizes_get(cx: &mut Cx<'_>, environc: u32, environ_buf_size: u32) -> Done {
    let (count, bytes) = cx.wasi.config.env.strings().sizes();
    strings::put_sizes(cx, (count, bytes), environc, environ_buf_size)
}
