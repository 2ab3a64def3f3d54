//! `clock_*`.

use crate::wasi::call::Cx;
use crate::wasi::mem::Place;
use crate::wasi::{Done, Errno};

/// Writes 1 to `resolution`, an aligned u64.
///
/// # Errors
/// `Inval` where there is no such clock.
#[inline]
pub(super) fn clock_res_get(cx: &mut Cx<'_>, id: u32, resolution: u32) -> Done {
    put(cx, id, resolution, 1)
}

/// Writes the transaction's instant, and what was waited for since, to `time`, an aligned u64, in nanoseconds since the epoch. All four clocks agree.
///
/// # Errors
/// `Inval` where there is no such clock.
#[inline]
pub(super) fn clock_time_get(cx: &mut Cx<'_>, id: u32, _precision: u64, time: u32) -> Done {
    put(cx, id, time, cx.wasi.now())
}

/// Clocks are 0 to 3: realtime, monotonic, the process's and the thread's CPU time.
#[inline]
fn put(cx: &mut Cx<'_>, id: u32, at: u32, value: u64) -> Done {
    if id > 3 {
        return Err(Errno::Inval.into());
    }
    Place::u64(cx.mem, at)?.put(cx.mem, value.to_le_bytes());
    Ok(())
}
