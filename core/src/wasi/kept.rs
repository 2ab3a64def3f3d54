//! Answers that stay what they are: who lowers modules may have them kept in the guest and given there, without leaving it
//! (`docs/spec/lowering.md`, *Answers that are kept*).

use crate::wasi::Errno;
use crate::wasi::call::Cx;
use crate::wasi::functions::FUNCTIONS;

/// What an engine sets in an answer that may be kept: a bit that no errno has.
pub const KEPT: u32 = 1 << 16;

/// What of a function's answer stays, and for how long.
///
/// ```
/// use subvm_core::wasi::Kept;
/// assert_eq!(Kept::of("sock_recv"), Some(Kept::Always));
/// assert_eq!(Kept::of("fd_read"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// The one errno that the function always answers, whatever the personality is.
    Always,
    /// The one errno that the personality has for it, where it looks at no argument.
    Personal,
    /// `clock_res_get`: 1, to a clock that there is.
    Resolution,
    /// `clock_time_get`: what a clock shows, until [`changes`] says otherwise.
    Time,
    /// `args_sizes_get` and `environ_sizes_get`: two numbers.
    Sizes,
    /// `fd_prestat_get`: the length of a name, or `Notsup`; for its descriptor, until [`changes`] says otherwise.
    Prestat,
    /// `fd_fdstat_get`: 24 bytes; for its descriptor, until [`changes`] says otherwise.
    Fdstat,
}

impl Kept {
    /// What stays of the answer of the function of this name.
    #[must_use]
    pub const fn of(name: &str) -> Option<Self> {
        let mut index = 0;
        while index < FUNCTIONS.len() {
            let function = &FUNCTIONS[index];
            if same(function.name, name) {
                return function.kept;
            }
            index += 1;
        }
        None
    }

    /// What stays of an answer that is worked out, by the function's name.
    pub(super) const fn of_value(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"clock_res_get" => Self::Resolution,
            b"clock_time_get" => Self::Time,
            b"args_sizes_get" | b"environ_sizes_get" => Self::Sizes,
            b"fd_prestat_get" => Self::Prestat,
            b"fd_fdstat_get" => Self::Fdstat,
            _ => return None,
        })
    }

    /// The answer of the function `name`, which came to `errno`, with [`KEPT`] where it may be kept. Where an observer listens nothing may:
    /// it is to see every call. An engine hands the mark on to a module that takes it, and to no other (`Options::keeps_answers` of
    /// `subvm-lower`, and a memory): others would take it for a part of the errno.
    ///
    /// ```
    /// use subvm_core::wasi::{Errno, KEPT, Kept, entry};
    /// use subvm_host_mock::{MemoryHost, play};
    /// play(&MemoryHost::new(), |machine| {
    ///     let mut guest = machine.guest();
    ///     let mut cx = guest.cx()?;
    ///     let errno = entry::clock_time_get(&mut cx, 0, 0, 64)?;
    ///     assert_eq!(Kept::Time.mark(&cx, "clock_time_get", errno), KEPT);
    ///     // No clock.
    ///     let errno = entry::clock_time_get(&mut cx, 4, 0, 64)?;
    ///     assert_eq!(Kept::Time.mark(&cx, "clock_time_get", errno), Errno::Inval.number());
    ///     Ok(())
    /// });
    /// ```
    #[inline]
    #[must_use]
    pub fn mark(self, cx: &Cx<'_>, name: &str, errno: u32) -> u32 {
        let stays = match self {
            Self::Always => true,
            Self::Personal => cx.wasi.rules.always(name),
            Self::Prestat => errno == Errno::Success.number() || errno == Errno::Notsup.number(),
            Self::Resolution | Self::Time | Self::Sizes | Self::Fdstat => errno == Errno::Success.number(),
        };
        if stays && cx.node.observer.is_none() { errno | KEPT } else { errno }
    }
}

/// Whether a call of this function, of whichever interface, may change what the clocks show or what a descriptor refers to.
///
/// ```
/// use subvm_core::wasi::changes;
/// assert!(changes("fd_close") && changes("gl_call") && !changes("fd_read") && !changes("path_open"));
/// ```
#[must_use]
pub const fn changes(name: &str) -> bool {
    matches!(name.as_bytes(), b"fd_close" | b"fd_renumber" | b"poll_oneoff" | b"gl_call")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}
