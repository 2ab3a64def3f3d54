//! What an operator sees of runs: spans and events through [`tracing`], figures through [`metrics`]. Nothing of it reaches a result.
//!
//! | what | where | level |
//! |---|---|---|
//! | transactions | [`Spans`], [`Meters`] | info; warn where this node cannot say how one ends |
//! | sub-VMs | [`Spans`], [`Meters`] | debug |
//! | host calls | [`Spans`]; [`Meters`], counted for each transaction | trace |
//! | web and model requests | the services themselves | debug; tokens info; providers that fail warn |
//!
//! A node gives its runs [`telemetry`] as their observer, and calls [`names::describe`] once its recorder is installed. All names and units of
//! metrics stand in [`names`].
//!
//! # Inert
//!
//! A subscriber, recorder or observer that panics changes no result, wherever the panic comes from: [`run`](subvm_core::run) puts a
//! [`Guarded`] around the node's observer, of whatever origin, with the [`Catch`](subvm_core::host::Catch) of its engine; [`Together`] puts
//! one around each of its parts, so that a broken recorder does not end tracing; and events outside of a run's own thread go through
//! `event!`. After its first panic an observer is left alone for the rest of the run. Who builds with `panic = "abort"` has chosen
//! otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use subvm_core::host::{Call, Event, Guarded, Observer};

mod gauges;
mod meters;
mod outcome;
mod spans;

pub mod names;

pub use gauges::{changed_ledger, heights, kept, params, pool, process, queued_for, task_panicked, voted};
pub use meters::{Compiled, Found, Meters, answered, compiled, looked_for, tokens};
pub use outcome::{chain, kind};
pub use spans::Spans;

/// Panics that were caught in this process.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many panics of subscribers, recorders and observers, and of a node's parts before a run's first sub-VM, were caught in this process
/// so far. Each was told of by the process's panic hook.
///
/// ```
/// use subvm_observe as observe;
/// // What an operator should be woken by.
/// assert_eq!(observe::panics(), 0);
/// ```
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Calls diagnostics, and catches their panic: the [`Catch`](subvm_core::host::Catch) of this crate.
///
/// ```
/// use subvm_observe as observe;
///
/// assert!(observe::catch(&mut || ()));
/// assert!(!observe::catch(&mut || panic!("on purpose")));
/// assert_eq!(observe::panics(), 1);
/// ```
pub fn catch(diagnostics: &mut dyn FnMut()) -> bool {
    let Err(panic) = catch_unwind(AssertUnwindSafe(diagnostics)) else { return true };
    PANICS.fetch_add(1, Ordering::Relaxed);
    // To drop what was thrown could panic again.
    std::mem::forget(panic);
    false
}

/// Calls diagnostics once, whatever becomes of them.
///
/// ```
/// subvm_observe::quietly(|| panic!("a broken recorder"));
/// assert_eq!(subvm_observe::panics(), 1);
/// ```
pub fn quietly(diagnostics: impl FnOnce()) {
    let mut diagnostics = Some(diagnostics);
    catch(&mut || {
        if let Some(diagnostics) = diagnostics.take() {
            diagnostics();
        }
    });
}

#[doc(hidden)]
pub use tracing;

/// An event of [`tracing`] from a place that results come from: its level, then what `tracing`'s own macro takes. A subscriber that
/// panics changes nothing.
///
/// ```
/// subvm_observe::event!(debug, answered = true, "a module answered");
/// ```
#[macro_export]
macro_rules! event {
    ($level:ident, $($field:tt)*) => {
        $crate::quietly(|| $crate::tracing::$level!($($field)*))
    };
}

/// [`Spans`] and [`Meters`], and the node's own observer `beside` them where it has one.
///
/// ```
/// use subvm_host_mock::MemoryHost;
/// use subvm_observe as observe;
///
/// let mut node = MemoryHost::new().node();
/// node.observer = Some(observe::telemetry(node.observer));
/// ```
#[must_use]
pub fn telemetry(beside: Option<Box<dyn Observer>>) -> Box<dyn Observer> {
    let own: [Box<dyn Observer>; 2] = [Box::new(Spans::new()), Box::new(Meters::new())];
    Box::new(Together::new(own.into_iter().chain(beside)))
}

/// Several observers in the place of one. One that panics does not silence the others.
///
/// ```
/// use subvm_core::host::{Call, Observer};
/// use subvm_host_mock::trace::Trace;
/// use subvm_observe::Together;
/// # struct Broken;
/// # impl Observer for Broken {
/// #     fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
/// #         panic!("broken")
/// #     }
/// #     fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {}
/// # }
///
/// let trace = Trace::new();
/// let mut together = Together::new([Box::new(Broken) as Box<dyn Observer>, Box::new(trace.clone())]);
/// together.enter(&Call { module: "m", name: "f", params: &[], args: &[] }, &[], 0);
/// assert_eq!(trace.lines(), ["==> f()"]);
/// ```
#[derive(Debug)]
pub struct Together(Vec<Guarded>);

impl Together {
    /// These observers, told in this order.
    pub fn new(observers: impl IntoIterator<Item = Box<dyn Observer>>) -> Self {
        Self(observers.into_iter().map(|observer| Guarded::new(observer, catch)).collect())
    }
}

impl Observer for Together {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64) {
        self.0.iter_mut().for_each(|observer| observer.enter(call, mem, ticks));
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        self.0.iter_mut().for_each(|observer| observer.exit(call, errno, mem, ticks));
    }

    fn event(&mut self, event: &Event<'_>) {
        self.0.iter_mut().for_each(|observer| observer.event(event));
    }
}
