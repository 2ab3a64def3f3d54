//! The shortest way to a run.

use std::sync::Arc;

use subvm_core::host::State;
use subvm_core::{End, Entry, Message, Report, Role, Run, run};

use crate::{Machine, MemoryHost, ScriptedEngine};

/// Runs `script` as the contract at the default address of a chain, by a leader, under the default parameters: for examples and small tests.
///
/// ```
/// use subvm_core::Outcome;
/// use subvm_host_mock::{MemoryHost, play};
///
/// let host = MemoryHost::new();
/// let report = play(&host, |machine| machine.end_with("UserError", "no funds"));
/// assert_eq!(report.outcome, Outcome::UserError("no funds".into()));
/// ```
///
/// # Panics
/// Where the run is an internal error: so that what a script asserts counts.
pub fn play(host: &MemoryHost, script: impl Fn(&mut Machine<'_>) -> Result<(), End> + Send + Sync + 'static) -> Report {
    let mut engine = ScriptedEngine::new();
    let message = Message::default();
    host.deploy(message.contract_address, engine.script(script));
    let transaction = Run {
        message,
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::default(),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    let (_, report) = run(Arc::new(engine), host.node(), transaction);
    report.expect("a run without an internal error")
}
