//! `gl_call`: any call of `genlayer_sdk`, by a guest with any permissions, does what a small model of the specification says; one that is
//! refused has no effect but its charge.
//!
//! A transaction on the scripted engine spawns its way to some place (a sandbox of a called contract of ...), and makes calls there.

mod calls;
mod field;
mod model;
mod request;
mod scene;

use std::sync::{Arc, Mutex};

use subvm_core::host::{Node, Observer, State};
use subvm_core::{Address, End, Message, Outcome, Report, Resource, Role, Run, SlotId, VmError, run};
use subvm_host_mock::trace::Trace;
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};

use self::calls::Guest;
use self::model::{Model, Stop, take};
use self::scene::{Scene, Step};
use crate::fuzz::source::Source;

const CONTRACT: Address = Address([1; 20]);
const OTHER: Address = Address([2; 20]);
const NOBODY: Address = Address([3; 20]);
/// The slot that the host lists as locked.
const LOCKED: SlotId = SlotId([9; 32]);
/// What every module answers: null.
const MODULES_ANSWER: [u8; 1] = [0];

/// The storage before the run: the first page of slot 1 of either contract.
fn base_byte(state: State, contract: Address, slot: SlotId, byte: u64) -> u8 {
    let page = if slot == SlotId([1; 32]) && byte < 32 { base_page(state, contract) } else { None };
    page.map_or(0, |page| page[0])
}

fn base_page(state: State, contract: Address) -> Option<[u8; 32]> {
    match (contract, state) {
        (CONTRACT, State::Accepted) => Some([0xa1; 32]),
        (CONTRACT, State::Finalized) => Some([0xf1; 32]),
        (OTHER, State::Accepted) => Some([0xa2; 32]),
        (OTHER, State::Finalized) => Some([0xf2; 32]),
        _ => None,
    }
}

/// Where a run of the scripts is, and what the model came to.
struct Progress {
    /// Sub-VMs started so far.
    started: usize,
    source: Vec<u8>,
    /// The model at the end of the calls, and how their sub-VM ended. Nothing where the model could not follow.
    ended: Option<(Model, Outcome)>,
}

/// The body of the target.
pub(super) fn gl_call(data: &[u8]) {
    let mut source = Source::new(data);
    let scene = Scene::new(&mut source);
    let progress = Arc::new(Mutex::new(Progress { started: 0, source: source.rest(), ended: None }));
    let mut engine = ScriptedEngine::new();
    let script = {
        let (scene, progress) = (scene.clone(), Arc::clone(&progress));
        engine.script(move |machine| script(&scene, &progress, machine))
    };
    let host = MemoryHost::new();
    for contract in [CONTRACT, OTHER] {
        host.deploy(contract, Arc::clone(&script));
        for state in [State::Accepted, State::Finalized] {
            scene::store(&host, state, contract);
        }
    }
    host.set_balance(CONTRACT, scene.balance);
    host.lock(CONTRACT, LOCKED);
    (0..data.len()).for_each(|_| host.answer(MODULES_ANSWER.to_vec()));
    let observer = scene.observed.then(|| Box::new(Trace::with_costs()) as Box<dyn Observer>);
    let (_, report) = run(
        Arc::new(engine),
        Node { observer, ..host.node() },
        Run {
            message: message(),
            entry: scene.entry.clone(),
            role: Role::Leader,
            params: Arc::new(scene.params()),
            state: State::Accepted,
            deadline: None,
            cancel: None,
        },
    );
    let report = report.expect("nothing of the node fails");
    let ended = progress.lock().expect("no script panicked").ended.take();
    if let Some((model, outcome)) = ended {
        compare(&scene, &report, model, outcome);
    }
}

fn message() -> Message {
    Message { contract_address: CONTRACT, sender_address: OTHER, ..Message::default() }
}

/// What every sub-VM runs: a step on the way, or the calls, or nothing.
fn script(scene: &Scene, progress: &Mutex<Progress>, machine: &mut Machine<'_>) -> Result<(), End> {
    let (started, source) = {
        let mut progress = progress.lock().expect("no script panicked");
        progress.started += 1;
        (progress.started - 1, progress.source.clone())
    };
    let place = scene.place(started);
    match scene.path.get(started) {
        Some(step) if step.may(&place) => step.take(machine).map(drop),
        None if started > scene.path.len() => Ok(()),
        step => {
            if let Some(step) = step {
                assert_eq!(step.take(machine)?, Err(6), "{step:?} is not allowed here");
                // No further sub-VM is on the way.
                progress.lock().expect("no script panicked").started = scene.path.len() + 1;
            }
            let model = scene.model(place, machine);
            let (ended, result) = Guest::new(model, machine).make_calls(&mut Source::new(&source));
            progress.lock().expect("no script panicked").ended = ended;
            result
        }
    }
}

/// Holds the receipt to what the model came to: nothing was left of what was refused.
fn compare(scene: &Scene, report: &Report, mut model: Model, outcome: Outcome) {
    let taken = scene.steps_taken();
    let mut outcome = Some(outcome);
    // Those who spawned post the results of blocks, and return null.
    for step in scene.path[..taken].iter().rev() {
        let ended = outcome.take().unwrap_or_else(Outcome::null);
        if let Step::Block = step {
            model.nondet.push(ended.to_bytes());
            let posted = take(&mut model.data, ended.to_bytes().len() as u64, Resource::GasData);
            outcome = posted.err().map(|_| Outcome::VmError(VmError::OutOf(Resource::GasData)));
        }
    }
    let outcome = outcome.unwrap_or_else(Outcome::null);
    let bytes = if let Outcome::VmError(_) = outcome { 0 } else { outcome.to_bytes().len() as u64 };
    let outcome = match take(&mut model.data, bytes, Resource::GasData) {
        Err(Stop::Ends(exceeded)) => exceeded,
        _ => outcome,
    };
    assert_eq!(report.outcome, outcome);
    let receipt = &report.receipt;
    assert_eq!(receipt.gas.data, scene.gas_data - model.data);
    assert_eq!(receipt.gas.storage, scene.gas_storage - model.storage);
    assert_eq!(receipt.nondet, model.nondet);
    if receipt.returned() {
        assert_eq!(receipt.messages, model.messages);
        assert!(receipt.storage.iter().map(|write| ((write.slot, write.page), write.content)).eq(model.pages));
    } else {
        assert!(receipt.messages.is_empty() && receipt.storage.is_empty());
    }
}
