//! Writes down every host call, in the form of golden traces.
//!
//! ```
//! use std::sync::Arc;
//! use subvm_core::{host::Node, run};
//! use subvm_host_mock::{MemoryHost, ScriptedEngine, trace::Trace};
//! # use subvm_core::{Entry, Message, Role, Run, host::State};
//! # let transaction = Run {
//! #     message: Message::default(),
//! #     entry: Entry::Contract,
//! #     role: Role::Leader,
//! #     params: Arc::default(),
//! #     state: State::Accepted,
//! #     deadline: None,
//! #     cancel: None,
//! # };
//!
//! let (host, mut engine, trace) = (MemoryHost::new(), ScriptedEngine::new(), Trace::new());
//! host.deploy(transaction.message.contract_address, engine.script(|machine| machine.wasi("sched_yield", &[]).map(drop)));
//! let node = Node { observer: Some(Box::new(trace.clone())), ..host.node() };
//! let (_, report) = run(Arc::new(engine), node, transaction);
//! assert!(report.is_ok());
//! assert_eq!(trace.lines(), ["==> sched_yield()", "<== ENOTSUP"]);
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Call, Observer};
use subvm_core::wasi::trace::{Enter, Exit};

/// The lines of a trace. Clones share them.
///
/// ```
/// use subvm_core::host::{Call, Observer};
/// use subvm_host_mock::trace::Trace;
/// let (mut plain, mut costs) = (Trace::new(), Trace::with_costs());
/// let call = Call { module: "genlayer_sdk", name: "gl_call", params: &["request"], args: &[64] };
/// for trace in [&mut plain, &mut costs] {
///     trace.enter(&call, &[], 100);
///     trace.exit(&call, Some(2), &[], 70);
/// }
/// assert_eq!(plain.lines(), ["==> gl_call(request=64)", "<== 2"]);
/// assert_eq!(costs.lines()[1], "<== 2 ticks=70");
/// ```
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
    fn enter(&mut self, call: &Call<'_>, _: &[u8], _: i64) {
        self.push(Enter(call).to_string());
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        let exit = Exit { call, errno, mem };
        self.push(if self.ticks { format!("{exit} ticks={ticks}") } else { exit.to_string() });
    }
}
