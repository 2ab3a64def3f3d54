//! A subscriber that writes down what it sees, and panics where it is told to.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Every method that a run comes to each time, by name, and all of them.
pub(crate) const METHODS: [&str; 7] = ["enabled", "new_span", "event", "enter", "exit", "try_close", "all"];

/// A subscriber; its clones share what was seen.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Shared>);

struct Shared {
    panics_in: &'static str,
    armed: AtomicBool,
    spans: AtomicU64,
    entered: Mutex<Vec<u64>>,
    names: Mutex<Vec<&'static str>>,
    seen: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something while nobody listens.
pub(crate) fn none(act: impl FnOnce()) {
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), act);
}

impl Watch {
    /// One that panics in this method, or in none.
    pub(crate) fn new(panics_in: &'static str) -> Self {
        Self(Arc::new(Shared {
            panics_in,
            armed: AtomicBool::new(false),
            spans: AtomicU64::new(1),
            entered: Mutex::default(),
            names: Mutex::default(),
            seen: Mutex::default(),
        }))
    }

    /// Lets it panic from now on.
    pub(crate) fn arm(&self) {
        self.0.armed.store(true, Ordering::SeqCst);
    }

    /// Does something while it watches this thread.
    pub(crate) fn during(&self, act: impl FnOnce()) {
        tracing::subscriber::with_default(self.clone(), || {
            // What is known already would not be asked for again.
            tracing::callsite::rebuild_interest_cache();
            self.arm();
            act();
            self.0.armed.store(false, Ordering::SeqCst);
        });
    }

    /// What it saw.
    pub(crate) fn seen(&self) -> Vec<String> {
        lock(&self.0.seen).clone()
    }

    fn pass(&self, method: &str) {
        let panics = [method, "all"].contains(&self.0.panics_in) && self.0.armed.load(Ordering::SeqCst);
        assert!(!panics, "{method} panics on purpose");
    }

    fn place(&self) -> String {
        let names = lock(&self.0.names);
        let inner = lock(&self.0.entered).last().map(|id| names[*id as usize - 1]);
        inner.map_or_else(String::new, |name| format!("in {name} "))
    }
}

/// Fields, the message first.
#[derive(Default)]
struct Fields(String, String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?} ").unwrap();
        } else {
            write!(self.1, "{}={value:?} ", field.name()).unwrap();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.1, "{}={value} ", field.name()).unwrap();
    }
}

impl Subscriber for Watch {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        self.pass("register_callsite");
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        self.pass("enabled");
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.pass("new_span");
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name = attributes.metadata().name();
        let line = format!("new {name} {}{}", self.place(), fields.1);
        lock(&self.0.seen).push(line);
        lock(&self.0.names).push(name);
        Id::from_u64(self.0.spans.fetch_add(1, Ordering::SeqCst))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.pass("record");
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        self.pass("record_follows_from");
    }

    fn event(&self, event: &Event<'_>) {
        self.pass("event");
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = format!("event {}{}{}", self.place(), fields.0, fields.1);
        lock(&self.0.seen).push(line);
    }

    fn enter(&self, span: &Id) {
        self.pass("enter");
        lock(&self.0.entered).push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        self.pass("exit");
        assert_eq!(lock(&self.0.entered).pop(), Some(span.into_u64()), "spans are left in order");
    }

    fn try_close(&self, id: Id) -> bool {
        self.pass("try_close");
        let name = lock(&self.0.names)[id.into_u64() as usize - 1];
        lock(&self.0.seen).push(format!("close {name}"));
        true
    }
}
