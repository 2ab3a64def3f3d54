//! Diagnostics: who watches a run, and what keeps watching from changing it.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;

use super::Node;
use crate::consensus::input::Run;
use crate::consensus::permissions::Permissions;
use crate::consensus::report::Report;
use crate::ids::{Address, Mode};
use crate::outcome::{InternalError, Outcome};

/// One host call, as an [`Observer`] sees it.
///
/// ```
/// use subvm_core::{host::Call, wasi::trace::Enter};
/// let call = Call { module: "genlayer_sdk", name: "get_balance", params: &["address", "result"], args: &[16, 64] };
/// assert_eq!(Enter(&call).to_string(), "==> get_balance(address=16, result=64)");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The namespace it was imported from.
    pub module: &'static str,
    /// The function's name.
    pub name: &'static str,
    /// The names of its parameters.
    pub params: &'static [&'static str],
    /// Its arguments, each widened without sign.
    pub args: &'a [u64],
}

/// A moment of a run, as an [`Observer`] sees it. What begins, ends, in reverse order, unless a panic of the node's unwinds out of
/// [`run`](crate::run).
///
/// ```
/// use subvm_core::host::Event;
/// /// What a progress line could say.
/// fn line(event: &Event<'_>) -> Option<String> {
///     match event {
///         Event::SubVmBegins { depth, contract, .. } => Some(format!("{depth} {contract}")),
///         Event::RunEnds(Err(error)) => Some(format!("failed: {error}")),
///         _ => None,
///     }
/// }
/// # use subvm_core::{InternalError, InternalErrorKind};
/// let error = InternalError::new(InternalErrorKind::Deadline, "the deadline passed");
/// assert_eq!(line(&Event::RunEnds(Err(&error))).unwrap(), "failed: the deadline passed");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A transaction begins; nothing was asked of the node yet.
    RunBegins(&'a Run),
    /// A sub-VM is about to be entered.
    SubVmBegins {
        /// Its mode.
        mode: Mode,
        /// How many sub-VMs are above it: 0 for the main one.
        depth: u32,
        /// The contract that it runs.
        contract: &'a Address,
        /// What it may do.
        permissions: Permissions,
        /// Its limit of time gas, in ticks.
        ticks: i64,
    },
    /// The sub-VM that began last has ended, or could not be entered.
    SubVmEnds {
        /// Its mode.
        mode: Mode,
        /// What it came to.
        result: Result<&'a Outcome, &'a InternalError>,
        /// Time gas that it used, in ticks, its children's included where they share its budget.
        ticks: u64,
    },
    /// The transaction has ended.
    RunEnds(Result<&'a Report, &'a InternalError>),
}

/// Sees a run pass by: its sub-VMs, and each host call with its result. It changes nothing: with one or without, or with one that panics, the
/// receipt is the same.
///
/// It is called on the thread of the run, and while it works the run waits: its time counts for the deadline, and in host calls it shares the
/// native stack of the host (two MiB on wasmtime).
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
/// use subvm_core::host::{Call, Observer};
///
/// /// Counts the calls that end a sub-VM.
/// #[derive(Clone, Default)]
/// struct Ends(Arc<AtomicU32>);
///
/// impl Observer for Ends {
///     fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {}
///     fn exit(&mut self, _: &Call<'_>, errno: Option<u32>, _: &[u8], _: i64) {
///         self.0.fetch_add(errno.is_none().into(), Relaxed);
///     }
/// }
///
/// let ends = Ends::default();
/// let mut node = subvm_host_mock::MemoryHost::new().node();
/// node.observer = Some(Box::new(ends.clone()));
/// # let call = Call { module: "genlayer_sdk", name: "gl_call", params: &[], args: &[] };
/// # node.observer.unwrap().exit(&call, None, &[], 0);
/// # assert_eq!(ends.0.load(Relaxed), 1);
/// ```
pub trait Observer: Any + Send {
    /// A call begins, nothing of it is charged yet: `mem` is the guest's memory, time gas left is `ticks`.
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64);

    /// The call that was entered last ends: with its errno, or nothing where it ended the sub-VM. `mem` is the guest's memory afterwards.
    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64);

    /// A run or a sub-VM begins or ends.
    fn event(&mut self, event: &Event<'_>) {
        let _ = event;
    }
}

/// Calls what it is given, and tells whether that returned: a panic is caught. This crate cannot catch; who gives an [`Engine`](crate::Engine) can.
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
/// use subvm_core::host::Catch;
/// let catch: Catch = |call| catch_unwind(AssertUnwindSafe(call)).is_ok();
/// assert!(catch(&mut || ()) && !catch(&mut || panic!("caught")));
/// ```
pub type Catch = fn(&mut dyn FnMut()) -> bool;

/// An observer that does no harm: its panics are caught, and after the first one it is not called any more.
///
/// [`run`](crate::run) puts one around the node's observer, and takes it off in the end. Who calls several observers from one of its own puts
/// one around each, so that one's panic does not silence the others.
///
/// ```
/// use subvm_core::host::{Call, Guarded, Observer};
/// struct Clumsy;
/// impl Observer for Clumsy {
///     fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
///         panic!("it stumbles")
///     }
///     fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {}
/// }
///
/// let catch = |call: &mut dyn FnMut()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_ok();
/// let mut guarded = Guarded::new(Box::new(Clumsy), catch);
/// guarded.enter(&Call { module: "", name: "", params: &[], args: &[] }, &[], 0);
/// assert!(guarded.panicked());
/// ```
pub struct Guarded {
    observer: Box<dyn Observer>,
    catch: Catch,
    panicked: bool,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("panicked", &self.panicked).finish_non_exhaustive()
    }
}

impl Guarded {
    /// Puts a guard around `observer`.
    #[must_use]
    pub fn new(observer: Box<dyn Observer>, catch: Catch) -> Self {
        Self { observer, catch, panicked: false }
    }

    /// Whether the observer panicked, and is not called any more.
    #[must_use]
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    fn call(&mut self, mut call: impl FnMut(&mut dyn Observer)) {
        if !self.panicked {
            let observer = &mut *self.observer;
            self.panicked = !(self.catch)(&mut || call(observer));
        }
    }
}

impl Observer for Guarded {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64) {
        self.call(|observer| observer.enter(call, mem, ticks));
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        self.call(|observer| observer.exit(call, errno, mem, ticks));
    }

    fn event(&mut self, event: &Event<'_>) {
        self.call(|observer| observer.event(event));
    }
}

impl Node {
    /// Tells the observer, where there is one.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        if let Some(observer) = &mut self.observer {
            observer.event(event);
        }
    }

    /// Puts a guard around the observer.
    pub(crate) fn guard(&mut self, catch: Catch) {
        self.observer = self.observer.take().map(|observer| Box::new(Guarded::new(observer, catch)) as _);
    }

    /// Takes it off again; tells whether the observer panicked.
    pub(crate) fn unguard(&mut self) -> bool {
        let Some(observer) = self.observer.take() else { return false };
        let observer: Box<dyn Any> = observer;
        // What is not the guard was put there by a part of the node, and is none of ours.
        let Ok(guarded) = observer.downcast::<Guarded>() else { return false };
        self.observer = Some(guarded.observer);
        guarded.panicked
    }
}
