//! `--trace`: a line on standard error for each call of the host, as `strace` prints calls of the system.

use subvm_core::host::{Call, Event, Guarded, Observer};
use subvm_core::wasi::trace::{Enter, Exit};

use super::terminal;
use subvm_host_std::observe::catch;

/// Prints calls as they end, those of a child before the call that started it, and further right. Another observer may watch beside it.
pub(super) struct Calls {
    beside: Option<Guarded>,
    /// Sub-VMs that are open.
    depth: usize,
}

impl Calls {
    pub(super) fn new(beside: Option<Box<dyn Observer>>) -> Self {
        Self { beside: beside.map(|beside| Guarded::new(beside, catch)), depth: 0 }
    }
}

impl Observer for Calls {
    fn enter(&mut self, call: &Call<'_>, mem: &[u8], ticks: i64) {
        if let Some(beside) = &mut self.beside {
            beside.enter(call, mem, ticks);
        }
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        let (enter, exit) = (Enter(call).to_string(), Exit { call, errno, mem }.to_string());
        let (enter, exit) = (enter.trim_start_matches("==> "), exit.trim_start_matches("<== "));
        let right = "  ".repeat(self.depth.saturating_sub(1));
        terminal::err(&format!("{right}{enter} = {exit}"));
        if let Some(beside) = &mut self.beside {
            beside.exit(call, errno, mem, ticks);
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::SubVmBegins { .. } => self.depth += 1,
            Event::SubVmEnds { .. } => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if let Some(beside) = &mut self.beside {
            beside.event(event);
        }
    }
}
