//! Trees that are recorded, and run again from their recordings.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use subvm_core::host::Node;
use subvm_core::{InternalError, Report, Role};
use subvm_host_mock::fault::{Fault, failing_at};
use subvm_replay::compare::{What, recordings};
use subvm_replay::{Buffer, Options, Recorded, Recorder, Replay, Verdict};

use super::chain::{Setting, engine, run_tree};
use super::{Tree, ran};
use crate::lying::{lying_at, told};

/// Records `tree` in every role and with a part of the node failing, and runs the recordings again; says where that is another run.
///
/// # Errors
/// What was found, for people.
pub fn check_recorded(tree: &Tree) -> Result<(), String> {
    let leader = ran(tree, Role::Leader)?;
    let results = leader.receipt.nondet.clone();
    let mut traces = Vec::new();
    for role in [Role::Leader, Role::Sync { results: results.clone() }, Role::Validator { results }] {
        let setting = Arc::new(Setting::new(tree, role.clone()));
        let (recording, recorded, result) = record(&setting, setting.node());
        setting.judge(&result).map_err(|wrong| format!("recorded as {role:x?}: {wrong}"))?;
        let report = result.as_ref().map_err(|error| format!("recorded as {role:x?}: {error}"))?;
        if report.receipt == leader.receipt {
            traces.push(recorded.trace);
        }
        replayed(tree, &role, &recording, &recorded, &result)?;
    }
    if traces.iter().any(|trace| *trace != traces[0]) {
        return Err(format!("one receipt, and several traces: {traces:x?}"));
    }
    failing(tree)
}

/// Runs the tree of `setting` on `node` with a recorder around it.
fn record(setting: &Arc<Setting>, node: Node) -> (Buffer, Recorded, Result<Report, InternalError>) {
    let recording = Buffer::default();
    let (node, recorder) = Recorder::wrap(node, recording.clone(), Options { code: true, ..Options::default() });
    let (node, result) = run_tree(setting, node);
    let (_, recorded) = recorder.finish(node);
    (recording, recorded, result)
}

fn replayed(
    tree: &Tree,
    role: &Role,
    recording: &Buffer,
    recorded: &Recorded,
    result: &Result<Report, InternalError>,
) -> Result<(), String> {
    if let Some(why) = &recorded.incomplete {
        return Err(format!("as {role:x?}: the recording is not whole: {why}"));
    }
    let setting = Arc::new(Setting::new(tree, role.clone()));
    let replay = Replay::open(Cursor::new(recording.bytes())).map_err(|error| error.to_string())?;
    let replay = replay.on(engine(&setting)).map_err(|error| error.to_string())?;
    let same = match (result, &replay.result) {
        (Ok(report), Ok(again)) => report.receipt == again.receipt,
        (Err(error), Err(again)) => error.kind() == again.kind(),
        _ => false,
    };
    if !matches!(replay.verdict, Verdict::Same)
        || !same
        || (replay.trace, replay.calls) != (recorded.trace, recorded.calls)
    {
        return Err(format!("as {role:x?}: {}: {result:?}, replayed: {:?}", replay.verdict, replay.result));
    }
    Ok(())
}

/// A run in which a part of the node fails or panics is run again to the same end.
fn failing(tree: &Tree) -> Result<(), String> {
    let (nth, panics) = tree.fault;
    let fault = if panics { Fault::Panic } else { Fault::Error };
    let setting = Arc::new(Setting::new(tree, Role::Leader));
    let (node, _) = failing_at(setting.node(), nth.into(), fault);
    let (recording, recorded, result) = record(&setting, node);
    replayed(tree, &Role::Leader, &recording, &recorded, &result)
        .map_err(|wrong| format!("call {nth}, {fault:?}: {wrong}"))
}

/// Records `tree` on a node that answers truly, and on one that lies once; says where a comparison does not find the lie. Gives whether there
/// was one: a tree may ask for nothing.
///
/// # Errors
/// What was found, for people.
pub fn check_located(tree: &Tree) -> Result<bool, String> {
    let setting = || Arc::new(Setting::new(tree, Role::Leader));
    let (honest, first) = (setting(), setting());
    let (node, answers) = lying_at(honest.node(), u64::MAX, 0);
    let (truth, ..) = record(&honest, node);
    let answers = answers.load(Ordering::Relaxed);
    if answers == 0 {
        return Ok(false);
    }
    let nth = u64::from(tree.fault.0) % answers;
    let (lied, ..) = record(&first, lying_at(first.node(), nth, tree.nodes.len() + usize::from(tree.fault.0)).0);
    let (truth, lied) = (truth.bytes(), lied.bytes());
    let place = told(&truth, nth).ok_or("the recording has fewer answers than were given")?;
    let found =
        recordings(Cursor::new(&truth), Cursor::new(&lied)).map_err(|(side, error)| format!("{side}: {error}"))?;
    let divergence = if place.is_step { found.divergence } else { found.beside };
    let divergence = divergence.ok_or_else(|| format!("answer {nth} of {answers}: nothing is found: {place:?}"))?;
    let there = (divergence.step, divergence.a.call, &divergence.a.path, divergence.a.record.as_ref());
    if there != (place.steps, place.call, &place.path, Some(&place.record))
        || !matches!(divergence.what, What::Answer(_))
    {
        return Err(format!("answer {nth} of {answers}: {place:?}, found {divergence:?}"));
    }
    Ok(true)
}
