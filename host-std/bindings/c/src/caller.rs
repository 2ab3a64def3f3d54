//! On which thread, and on which stack, callbacks are called.

use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::error::{SUBVM_ERROR_ENGINE, subvm_error_t};

/// A callback to call; nothing: there will be no more.
type Job = Option<Box<dyn FnOnce() + Send>>;

/// Where callbacks are called.
#[derive(Clone)]
pub(crate) enum Place {
    /// Wherever the engine asks: on stacks of its own, and on threads of its own for nests of sub-VMs.
    Anywhere,
    /// On the thread that called the library, and its own stack.
    Callers(Sender<Job>),
}

impl Place {
    /// What `callback` gives, called in its place.
    ///
    /// # Panics
    /// Where the caller's thread listens no more, which it does for as long as a run has its node.
    pub(crate) fn call<R: Send + 'static>(&self, callback: impl FnOnce() -> R + Send + 'static) -> R {
        let Self::Callers(jobs) = self else { return callback() };
        let (answer, answered) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            // Whoever asks waits for the answer, below.
            let _ = answer.send(callback());
        });
        let sent = jobs.send(Some(job)).is_ok();
        let answer = if sent { answered.recv().ok() } else { None };
        answer.unwrap_or_else(|| panic!("the thread that called the library has left"))
    }
}

/// Says in the end, however that comes, that there will be no more callbacks: what holds a [`Place`] may have been left behind by a panic.
struct Last(Sender<Job>);

impl Drop for Last {
    fn drop(&mut self) {
        // The caller's thread listens until it hears this.
        let _ = self.0.send(None);
    }
}

/// Runs `act` on a thread of its own, and callbacks on this one meanwhile.
pub(crate) fn on_another_thread<R: Send>(act: impl FnOnce(Place) -> R + Send) -> Result<R, subvm_error_t> {
    thread::scope(|scope| {
        let (jobs, asked) = mpsc::channel::<Job>();
        // As large as a main thread's: what is not touched takes no memory.
        let thread = thread::Builder::new().name("subvm-run".into()).stack_size(8 << 20);
        let thread = thread.spawn_scoped(scope, move || {
            let _last = Last(jobs.clone());
            act(Place::Callers(jobs))
        });
        let thread = thread.map_err(|error| {
            subvm_error_t::new(SUBVM_ERROR_ENGINE, &format!("starting a thread for the run: {error}"))
        })?;
        asked.into_iter().map_while(|job| job).for_each(|job| job());
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_come_home() {
        let here = thread::current().id();
        let there = on_another_thread(|place| {
            let other = place.clone();
            let nested = thread::spawn(move || other.call(|| thread::current().id()));
            (thread::current().id(), place.call(|| thread::current().id()), nested.join().unwrap())
        });
        let (run, asked, nested) = there.unwrap();
        assert_ne!(run, here);
        assert_eq!((asked, nested), (here, here));
    }

    #[test]
    fn who_leaves_a_place_behind_holds_nobody_up() {
        let panicked = std::panic::catch_unwind(|| {
            on_another_thread(|place| {
                std::mem::forget(place);
                panic!("in the middle");
            })
            .is_ok()
        });
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the middle"));
    }

    #[test]
    fn anywhere_is_where_one_is() {
        assert_eq!(Place::Anywhere.call(|| thread::current().id()), thread::current().id());
    }
}
