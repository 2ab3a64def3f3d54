//! Writes down every host call, in the form of golden traces.

use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Call, Observer};
use subvm_core::wasi::trace::{Enter, Exit};

/// The lines of a trace. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Arc<Mutex<Vec<String>>>,
    ticks: bool,
}

impl Trace {
    /// A trace without costs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A trace that ends each line of an answer with the time gas left.
    #[must_use]
    pub fn with_costs() -> Self {
        Self { ticks: true, ..Self::default() }
    }

    /// The lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl Observer for Trace {
    fn enter(&mut self, call: &Call<'_>, _: i64) {
        self.push(Enter(call).to_string());
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        let exit = Exit { call, errno, mem };
        self.push(if self.ticks { format!("{exit} ticks={ticks}") } else { exit.to_string() });
    }
}
