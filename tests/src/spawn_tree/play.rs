//! A node of a tree, played by a script.

use subvm_core::calldata::{Map, Value};
use subvm_core::{End, Outcome, Role, Trap};
use subvm_host_mock::Machine;

use super::chain::{LOCKED, Setting, address};
use super::model::{Expected, Model, Seen, Spawn};
use super::{Ending, NODES, Node, Place, Step, requests};

type Answer = Result<Result<Option<u32>, u32>, End>;

/// Plays the node that the message names.
pub(super) fn play(setting: &Setting, machine: &mut Machine<'_>) -> Result<(), End> {
    let ticks = machine.ticks();
    let begun = begin(setting, machine, ticks);
    let played = begun.and_then(|(node, says)| match says {
        // A validator's function.
        Some(agrees) => request(setting, machine, &end_request("Return", Value::Bool(agrees))),
        None => run(setting, machine, &setting.tree.nodes[node]),
    });
    let (outcome, played) = match played {
        Ok(()) => (Some(Outcome::null().to_bytes()), Ok(())),
        Err(end) => match end.into_result() {
            Ok(outcome) => (Some(outcome.to_bytes()), Err(outcome.into())),
            Err(error) => (None, Err(error.into())),
        },
    };
    setting.model().leave(machine.ticks(), outcome);
    played
}

/// Reads the message. Gives the node to play, or what a validator's function says.
fn begin(setting: &Setting, machine: &mut Machine<'_>, ticks: i64) -> Result<(usize, Option<bool>), End> {
    let used = machine.guest().cx()?.ram.used();
    let bytes = machine.read(0);
    let message = bytes.as_ref().ok().and_then(|bytes| Value::decode(bytes).ok());
    let length = bytes.as_ref().map_or(0, Vec::len);
    setting.model().enter(ticks, message.as_ref(), length);
    if message.is_none() {
        setting.model().unread(used);
    }
    setting.model().check_ram(used);
    bytes?;
    let message = message.unwrap_or_default();
    let data = message["entry_data"].as_bytes().unwrap_or_default();
    let called = Value::decode(data).ok().and_then(|value| value.as_int().and_then(|int| usize::try_from(int).ok()));
    Ok(match (message["entry_kind"] == Value::from(0), data) {
        (true, _) => (called.unwrap_or(0), None),
        (false, [_, says]) => (0, Some(*says == 1)),
        (false, _) => (data.first().copied().unwrap_or(0).into(), None),
    })
}

fn run(setting: &Setting, machine: &mut Machine<'_>, node: &Node) -> Result<(), End> {
    for step in &node.steps {
        take(setting, machine, step)?;
        let used = machine.guest().cx()?.ram.used();
        setting.model().check_ram(used);
    }
    end(setting, machine, node.ending)
}

fn take(setting: &Setting, machine: &mut Machine<'_>, step: &Step) -> Result<(), End> {
    match *step {
        Step::Read(slot, place, len) => {
            let found = machine.storage_read(number(slot), index(place), len.into())?;
            let mut model = setting.model();
            let expected = model.read(number(slot), index(place), len.into());
            model.expect("storage_read", &found, &expected);
            Ok(())
        }
        Step::Write(slot, place, len, fill) => {
            write(setting, machine, number(slot), index(place), &vec![fill; len.into()])
        }
        Step::OwnBalance => {
            let found = machine.own_balance()?;
            let mut model = setting.model();
            let expected = model.balance().map(u128::from);
            model.expect("get_self_balance", &found, &expected);
            Ok(())
        }
        Step::Send(value) => {
            let bytes = requests::send(value);
            ask(setting, machine, &bytes, |model| model.message(value.into(), &bytes)).map(drop)
        }
        Step::Emit => {
            let bytes = requests::emit();
            ask(setting, machine, &bytes, |model| model.message(0, &bytes)).map(drop)
        }
        Step::CallBelow => ask(setting, machine, &requests::call_below(), Model::call_below).map(drop),
        Step::Prompt(read) => prompt(setting, machine, read),
        Step::Malformed => ask(setting, machine, &requests::malformed(), |_| Model::malformed()).map(drop),
        Step::Close => {
            let fd = setting.model().close();
            let Some(fd) = fd else { return Ok(()) };
            let errno = machine.wasi("fd_close", &[fd.into()])?;
            setting.model().expect("fd_close", &errno, &0);
            Ok(())
        }
        Step::Grow(kilobytes) => {
            let bytes = u64::from(kilobytes) << 10;
            let grown = machine.grow(bytes);
            let mut model = setting.model();
            let expected = model.grow(bytes);
            model.expect("memory.grow", &grown, &expected);
            Ok(())
        }
        Step::Work(kiloticks) => machine.work(i64::from(kiloticks) * 1000),
        _ => spawn(setting, machine, step),
    }
}

/// One slot for most, so that they meet there.
pub(super) fn number(slot: u8) -> u8 {
    if slot.is_multiple_of(4) { LOCKED } else { 0 }
}

pub(super) fn index(place: Place) -> u32 {
    match place {
        Place::Start(at) => u32::from(at) % 64,
        Place::End(before) => u32::MAX - u32::from(before),
    }
}

fn write(setting: &Setting, machine: &mut Machine<'_>, slot: u8, index: u32, bytes: &[u8]) -> Result<(), End> {
    let answer = machine.storage_write(slot, index, bytes).map(|errno| if errno == 0 { Ok(None) } else { Err(errno) });
    let (seen, answer) = seen(answer);
    // Paid for first: without ticks nothing happened.
    if machine.ticks() >= 0 && seen != Seen::Internal {
        let mut model = setting.model();
        let expected = match model.write(slot, index, bytes) {
            None => Seen::Nothing,
            Some(Expected::Errno(errno)) => Seen::Errno(errno),
            Some(Expected::End(end)) => Seen::End(end),
            Some(expected) => unreachable!("{expected:?}"),
        };
        model.expect("storage_write", &seen, &expected);
    }
    answer.map(drop)
}

/// A prompt, whose answer is read or left pending.
fn prompt(setting: &Setting, machine: &mut Machine<'_>, read: bool) -> Result<(), End> {
    let fd = ask(setting, machine, &requests::prompt(), Model::prompt)?;
    let Some(fd) = fd.filter(|_| read) else { return Ok(()) };
    let bytes = machine.read(fd);
    if machine.ticks() < 0 {
        return bytes.map(drop);
    }
    let length = match bytes {
        Ok(bytes) => Ok(bytes.len() as u64),
        Err(end) => Err(end.into_result()),
    };
    if let Err(Err(error)) = length {
        return Err(error.into());
    }
    let mut model = setting.model();
    let fits = model.arrived(fd);
    model.expect("an answer that is read", &length.as_ref().ok().copied(), &fits.then_some(requests::MODULE_ANSWER));
    match length {
        Err(Ok(outcome)) => Err(outcome.into()),
        _ => Ok(()),
    }
}

/// Makes a request, and compares what it comes to.
fn ask(
    setting: &Setting,
    machine: &mut Machine<'_>,
    bytes: &[u8],
    expected: impl FnOnce(&mut Model) -> Expected,
) -> Result<Option<u32>, End> {
    let parsed = setting.model().parse(bytes, machine.ticks());
    let (seen, answer) = seen(machine.gl_call_bytes(bytes));
    setting.model().settle(parsed, machine.ticks(), &seen, expected);
    answer
}

fn seen(answer: Answer) -> (Seen, Result<Option<u32>, End>) {
    match answer {
        Ok(Ok(Some(fd))) => (Seen::Fd(fd), Ok(Some(fd))),
        Ok(Ok(None)) => (Seen::Nothing, Ok(None)),
        Ok(Err(errno)) => (Seen::Errno(errno), Ok(None)),
        Err(end) => match end.into_result() {
            Ok(outcome) => (Seen::End(outcome.to_bytes()), Err(outcome.into())),
            Err(error) => (Seen::Internal, Err(error.into())),
        },
    }
}

/// The request of a step that spawns.
pub(super) fn spawning(step: &Step) -> Option<(Vec<u8>, Spawn)> {
    let child = |child: u8| usize::from(child) % NODES;
    Some(match *step {
        Step::Sandbox { child: node, write, send, time } => {
            let time = time.map(|hundreds| i64::from(hundreds) * 100);
            (requests::sandbox(child(node), write, send, time), Spawn::Sandbox { write, send, time })
        }
        Step::Call { child: node, callee, state } => {
            let (address, state) = (address(callee), state % 3);
            (requests::call(child(node), address, state), Spawn::Call { address, state })
        }
        Step::Block { child: node, agree } => (requests::block(child(node), agree), Spawn::Block),
        Step::BlockWith { child: node, strategy } => {
            (requests::block_with(child(node), strategy), Spawn::BlockWith(strategy))
        }
        _ => return None,
    })
}

fn spawn(setting: &Setting, machine: &mut Machine<'_>, step: &Step) -> Result<(), End> {
    let Some((bytes, spawn)) = spawning(step) else { return Ok(()) };
    let made = setting.model().spawning(spawn, machine.ticks(), &bytes);
    let (seen, answer) = seen(machine.gl_call_bytes(&bytes));
    setting.model().spawned(spawn, made, machine.ticks(), &seen);
    let Some(fd) = answer? else { return Ok(()) };
    let found = machine.read(fd)?;
    setting.model().check_content(&found);
    Ok(())
}

fn end(setting: &Setting, machine: &mut Machine<'_>, ending: Ending) -> Result<(), End> {
    let drifts = setting.role == Role::Leader && !setting.model().is_deterministic();
    match (last_words(ending, drifts), ending) {
        (Some(last), _) => request(setting, machine, &last),
        (None, Ending::Trap) => Err(Trap::Unreachable.into()),
        (None, Ending::Spin) => machine.work(i64::MAX),
        (None, Ending::Exit(code)) => machine.wasi("proc_exit", &[code.into()]).map(drop),
        (None, _) => Ok(()),
    }
}

/// The request that ends a sub-VM, where it is one, and the outcome.
pub(super) fn last_words(ending: Ending, drifts: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    Some(match ending {
        Ending::FallOff | Ending::Trap | Ending::Spin | Ending::Exit(_) => return None,
        Ending::Return(number) => end_request("Return", i64::from(number).into()),
        Ending::Drift(number, by) => {
            let by = if drifts { i64::from(by % 4) } else { 0 };
            end_request("Return", (i64::from(number) + by).into())
        }
        Ending::Long(len) => end_request("Return", Value::Bytes(vec![7; len.into()])),
        Ending::UserError(number) => end_request("UserError", number.to_string().into()),
    })
}

pub(super) fn end_request(name: &str, value: Value) -> (Vec<u8>, Vec<u8>) {
    let outcome = match &value {
        Value::Str(text) if name == "UserError" => [&[1], text.as_bytes()].concat(),
        value => [&[0], value.encode().unwrap_or_default().as_slice()].concat(),
    };
    (Value::Map(Map::from([(name, value)])).encode().unwrap_or_default(), outcome)
}

/// Makes a request that ends the sub-VM.
fn request(setting: &Setting, machine: &mut Machine<'_>, (bytes, outcome): &(Vec<u8>, Vec<u8>)) -> Result<(), End> {
    ask(setting, machine, bytes, |_| Expected::End(outcome.clone())).map(drop)
}
