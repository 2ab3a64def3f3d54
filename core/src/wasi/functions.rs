//! Entries: from the table, for each function what the engine's linker calls, and what describes it.

use crate::costs::calls::Price;
use crate::host::Call;
use crate::outcome::{End, InternalError, InternalErrorKind};
use crate::wasi::call::{Cx, Stop};
use crate::wasi::kept::Kept;
use crate::wasi::personality::Answer;
use crate::wasi::{Done, Errno, implementation};
use crate::wasi_functions;

/// The namespace of these functions.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// A parameter's type in WebAssembly.
///
/// ```
/// use subvm_core::wasi::{ParamType, function};
/// assert_eq!(function("fd_seek").unwrap().types[1], ParamType::I64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// One function of the table.
///
/// ```
/// use subvm_core::costs::calls::Price;
/// use subvm_core::wasi::{Errno, FUNCTIONS};
/// let refusing = FUNCTIONS.iter().filter(|function| function.always == Some(Errno::Rofs));
/// assert!(refusing.clone().all(|function| function.base == Price::Answer && function.returns));
/// assert_eq!(refusing.count(), 8);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The names of its parameters.
    pub params: &'static [&'static str],
    /// Their types, in the same order.
    pub types: &'static [ParamType],
    /// Whether it comes back, with one i32. All do but `proc_exit`, which has no result.
    pub returns: bool,
    /// What it answers whatever its arguments and the personality are, where that is so.
    pub always: Option<Errno>,
    /// What a call costs before its arguments are looked at.
    pub base: Price,
    /// What of its answer stays, so that it may be given without asking again.
    pub kept: Option<Kept>,
    body: fn(&mut Cx<'_>, &[u64]) -> Done,
}

impl Function {
    /// Calls it with arguments widened without sign. Missing ones are 0, and of an i32 the upper half is ignored.
    ///
    /// # Errors
    /// When the call ends the sub-VM.
    ///
    /// ```
    /// use subvm_core::wasi::{Errno, function};
    /// use subvm_host_mock::{MemoryHost, play};
    /// play(&MemoryHost::new(), |machine| {
    ///     let errno = function("fd_tell").unwrap().call(&mut machine.guest().cx()?, &[9, 0])?;
    ///     assert_eq!(Errno::from_number(errno), Some(Errno::Badf));
    ///     Ok(())
    /// });
    /// ```
    pub fn call(&self, cx: &mut Cx<'_>, args: &[u64]) -> Result<u32, End> {
        if cx.node.observer.is_some() {
            return observed(cx.reborrow(), self, args);
        }
        charged(cx, self, |cx| (self.body)(cx, args))
    }
}

/// The function of this name.
///
/// ```
/// let write = subvm_core::wasi::function("fd_write").expect("it is one of the 46");
/// assert_eq!(write.params, ["fd", "iovs", "iovs_len", "nwritten"]);
/// ```
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Calls the function of this name, as [`Function::call`] does.
///
/// # Errors
/// When the call ends the sub-VM; an internal error when there is no such function.
///
/// ```
/// use subvm_core::wasi::dispatch;
/// use subvm_host_mock::{MemoryHost, play};
/// play(&MemoryHost::new(), |machine| {
///     assert_eq!(dispatch(&mut machine.guest().cx()?, "args_sizes_get", &[0, 4])?, 0);
///     assert_eq!(machine.mem()[..8], [0; 8], "no arguments");
///     Ok(())
/// });
/// ```
pub fn dispatch(cx: &mut Cx<'_>, name: &str, args: &[u64]) -> Result<u32, End> {
    let unknown = || InternalError::new(InternalErrorKind::Bug, "a WASI function that is not in the table was called");
    function(name).ok_or_else(unknown)?.call(cx, args)
}

/// The type by which Rust knows an unsigned parameter.
macro_rules! unsigned {
    (i32) => {
        u32
    };
    (i64) => {
        u64
    };
}

macro_rules! param_type {
    (i32) => {
        ParamType::I32
    };
    (i64) => {
        ParamType::I64
    };
}

macro_rules! returns {
    (never) => {
        false
    };
    ($answer:ident) => {
        true
    };
}

macro_rules! always {
    (errno) => {
        None
    };
    (never) => {
        None
    };
    (personal) => {
        None
    };
    ($answer:ident) => {
        Some(Errno::$answer)
    };
}

macro_rules! kept {
    (errno $name:ident) => {
        Kept::of_value(stringify!($name))
    };
    (never $name:ident) => {
        None
    };
    (personal $name:ident) => {
        Some(Kept::Personal)
    };
    ($answer:ident $name:ident) => {
        Some(Kept::Always)
    };
}

/// What a function does: its own implementation, its one answer, or what the personality has of the two.
macro_rules! body {
    (errno $name:ident $cx:ident $($param:ident)*) => { implementation::$name($cx $(, $param)*) };
    (never $name:ident $cx:ident $($param:ident)*) => { implementation::$name($cx $(, $param)*) };
    (personal $name:ident $cx:ident $($param:ident)*) => {
        match $cx.wasi.rules.$name {
            Answer::Always(errno) => Err(errno.into()),
            Answer::Judged => implementation::$name($cx $(, $param)*),
        }
    };
    (Success $name:ident $cx:ident $($param:ident)*) => {{ let _ = ($cx, $($param),*); Ok(()) }};
    ($answer:ident $name:ident $cx:ident $($param:ident)*) => {{ let _ = ($cx, $($param),*); Err(Errno::$answer.into()) }};
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($param:ident: $type:ident),*) -> $answer:ident, $price:ident;)*) => {
        /// Every function, in the order of the specification.
        pub static FUNCTIONS: [Function; 46] = [$(described::$name),*];

        #[allow(non_upper_case_globals, unused_mut, reason = "each is named after its function, and one has no parameter")]
        mod described {
            use super::*;

            $(
                pub(super) const $name: Function = Function {
                    name: stringify!($name),
                    params: &[$(stringify!($param)),*],
                    types: &[$(param_type!($type)),*],
                    returns: returns!($answer),
                    always: always!($answer),
                    base: Price::$price,
                    kept: kept!($answer $name),
                    body: |cx, args| {
                        let mut args = args.iter().copied();
                        $(let $param = args.next().unwrap_or(0) as unsigned!($type);)*
                        let _ = args;
                        body!($answer $name cx $($param)*)
                    },
                };
            )*
        }

        /// One typed entry for each function: tells the observer, charges the base price, does the call, and returns the errno's number.
        #[allow(clippy::too_many_arguments, reason = "the signatures are the specification's")]
        pub mod entry {
            use super::*;

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When the call ends the sub-VM.
                ///
                /// ```
                /// use subvm_core::costs::{calls::Price, instructions::Schedule};
                /// use subvm_core::wasi::entry;
                /// use subvm_host_mock::{MemoryHost, play};
                $(#[doc = concat!("# let ", stringify!($param), " = 0;")])*
                /// play(&MemoryHost::new(), move |machine| {
                ///     let before = machine.ticks();
                #[doc = concat!("    entry::", stringify!($name), "(&mut machine.guest().cx()?", $(", ", stringify!($param),)* ")?;")]
                #[doc = concat!("    let price = Schedule::V1.call(Price::", stringify!($price), ");")]
                ///     assert!(before - machine.ticks() >= price as i64);
                ///     Ok(())
                /// });
                /// ```
                #[inline]
                pub fn $name(cx: &mut Cx<'_>, $($param: unsigned!($type)),*) -> Result<u32, End> {
                    const FUNCTION: &Function = &described::$name;
                    if cx.node.observer.is_some() {
                        return observed(cx.reborrow(), FUNCTION, &[$(u64::from($param)),*]);
                    }
                    charged(cx, FUNCTION, |cx| body!($answer $name cx $($param)*))
                }
            )*
        }
    };
}

wasi_functions!(functions);

#[inline]
fn charged(cx: &mut Cx<'_>, function: &Function, body: impl FnOnce(&mut Cx<'_>) -> Done) -> Result<u32, End> {
    cx.charge_base(function.base)?;
    match body(cx) {
        Ok(()) => Ok(Errno::Success.number()),
        Err(Stop::Errno(errno)) => {
            cx.wasi.refusals.note(function.name, errno);
            Ok(errno.number())
        }
        Err(Stop::End(end)) => Err(end),
    }
}

#[cold]
fn observed(mut cx: Cx<'_>, function: &Function, args: &[u64]) -> Result<u32, End> {
    let call = Call { module: MODULE, name: function.name, params: function.params, args };
    if let Some(observer) = &mut cx.node.observer {
        observer.enter(&call, cx.mem, *cx.ticks);
    }
    let result = charged(&mut cx, function, |cx| (function.body)(cx, args));
    if let Some(observer) = &mut cx.node.observer {
        observer.exit(&call, result.as_ref().ok().copied(), cx.mem, *cx.ticks);
    }
    result
}
