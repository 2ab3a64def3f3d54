//! Runs as spans of [`tracing`].

use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use subvm_core::host::{Call, Event, Observer};
use subvm_core::{InternalError, Report, Run};
use tracing::{Span, debug, debug_span, info, info_span, trace, trace_span, warn};

use super::catch;
use super::outcome::{chain, mode, outcome, reason, role};

/// One span for the transaction (`transaction`, info), for each sub-VM (`sub_vm`, debug) and for each host call (`host_call`, trace), each
/// inside the one around it and entered while it lasts, so that what the node's parts and the engine say stands in it. An event says how each ended.
///
/// What guests choose, such as the text of a user error, is no part of any field.
///
/// ```
/// use subvm_host_mock::MemoryHost;
/// use subvm_observe::Spans;
/// let mut node = MemoryHost::new().node();
/// node.observer = Some(Box::new(Spans::new()));
/// ```
#[derive(Debug, Default)]
pub struct Spans {
    open: Vec<Span>,
    begun: Option<Instant>,
}

impl Spans {
    /// No span is open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&mut self, span: Span) {
        // It is kept before it is entered: where entering panics, unwinding must not drop it, since that could panic, too.
        self.open.push(span);
        if let Some(span) = self.open.last() {
            span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
        }
    }

    fn close(&mut self) {
        if let Some(span) = self.open.pop() {
            let span = ManuallyDrop::new(span);
            span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
            drop(ManuallyDrop::into_inner(span));
        }
    }

    fn run_begins(&mut self, run: &Run) {
        self.begun = Some(Instant::now());
        let contract = run.message.contract_address;
        self.open(info_span!("transaction", role = role(&run.role), %contract));
    }

    fn run_ends(&mut self, result: Result<&Report, &InternalError>) {
        let wall = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        match result {
            Ok(report) => {
                let end = Ok(&report.outcome);
                let gas = report.receipt.gas;
                info!(
                    outcome = outcome(end),
                    reason = reason(end),
                    gas_time = gas.time,
                    gas_storage = gas.storage,
                    gas_data = gas.data,
                    ram_peak = report.ram_peak,
                    ?wall,
                    "the transaction ended"
                );
            }
            Err(error) => {
                warn!(reason = reason(Err(error)), error = chain(error), ?wall, "the transaction has no result here");
            }
        }
        self.close();
    }
}

impl Observer for Spans {
    fn enter(&mut self, call: &Call<'_>, _: &[u8], _: i64) {
        self.open(trace_span!("host_call", function = call.name, args = ?call.args));
    }

    fn exit(&mut self, _: &Call<'_>, errno: Option<u32>, _: &[u8], ticks: i64) {
        trace!(errno, ticks, "the host call ended");
        self.close();
    }

    fn event(&mut self, event: &Event<'_>) {
        match *event {
            Event::RunBegins(run) => self.run_begins(run),
            Event::SubVmBegins { mode: of, depth, contract, permissions, ticks } => {
                self.open(debug_span!("sub_vm", mode = mode(of), depth, %contract, ?permissions, ticks));
            }
            Event::SubVmEnds { result, ticks, .. } => {
                debug!(outcome = outcome(result), reason = reason(result), ticks, "the sub-VM ended");
                self.close();
            }
            Event::RunEnds(result) => self.run_ends(result),
            _ => {}
        }
    }
}

impl Drop for Spans {
    /// Leaves what a panic left open: one of the subscriber's, after which nothing is closed any more, or one that unwound out of the run.
    fn drop(&mut self) {
        while !self.open.is_empty() {
            catch(&mut || self.close());
        }
    }
}
