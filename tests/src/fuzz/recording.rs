//! Recordings that somebody made up, damaged or cut: each is refused, or read and run again to a verdict; what is read is written to the same.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use subvm_core::calldata::{Map, Value};
use subvm_core::host::State;
use subvm_core::{End, Engine, Entry, Message, Role, Run, run};
use subvm_host_mock::{Machine, MemoryHost, ScriptedEngine};
use subvm_replay::compare::recordings;
use subvm_replay::{Buffer, Options, Reader, Record, Recorder, Replay, forged};

use super::source::Source;

/// The body of the target: the first byte says what the others are.
pub(super) fn recording(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 3 {
        // A file.
        0 => check(data),
        // The only block of a file, whose head fits it.
        1 => check(&forged::sealed(&[data.to_vec()])),
        // Changes to the blocks of a true recording, whose heads fit them again.
        _ => check(&changed(&mut Source::new(data))),
    }
}

/// A contract that asks for a little of everything.
fn contract(machine: &mut Machine<'_>) -> Result<(), End> {
    let message = machine.message()?;
    if message["entry_kind"] != Value::from(0) {
        machine.request("Trace", "RuntimeMicroSec")?.ok();
        machine.wasi("random_get", &[512, 20])?;
        let fields =
            [("body", Value::Null), ("headers", Map::new().into()), ("method", "GET".into()), ("url", "u:".into())];
        let page = machine.request("WebRequest", Map::from(fields))?.unwrap_or_default();
        return machine.end_with("Return", Value::Bytes(page));
    }
    for round in 0..4 {
        machine.storage_read(1, round * 7, 40)?.ok();
        machine.storage_write(1, round, b"abc")?;
    }
    machine.own_balance()?.ok();
    let sandbox =
        [("allow_send_messages", true.into()), ("allow_write_storage", true.into()), ("data", Value::Bytes(vec![]))];
    machine.request("Sandbox", Map::from(sandbox))?.ok();
    let block = [("data_leader", Value::Bytes(vec![1])), ("data_validator", Value::Bytes(vec![2]))];
    machine.request("RunNondet", Map::from(block))?.ok();
    Ok(())
}

/// The engine, and a recording of the contract on it.
static TRUE: LazyLock<(Arc<dyn Engine>, Vec<u8>)> = LazyLock::new(|| {
    let (host, mut engine, sink) = (MemoryHost::new(), ScriptedEngine::new(), Buffer::default());
    let message = Message::default();
    host.deploy(message.contract_address, engine.script(contract));
    host.answer(vec![0]);
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let options = Options { code: true, ..Options::default() };
    let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), options);
    let (entry, role, params, state) = (Entry::Contract, Role::Leader, Arc::default(), State::Accepted);
    let (node, report) =
        run(engine.clone(), node, Run { message, entry, role, params, state, deadline: None, cancel: None });
    assert!(report.is_ok());
    let _ = recorder.finish(node);
    (engine, sink.bytes())
});

/// The true recording with some bytes replaced, put in or taken out.
fn changed(source: &mut Source<'_>) -> Vec<u8> {
    let mut blocks = forged::blocks(&TRUE.1);
    while !source.is_empty() {
        let block = usize::from(source.byte()) % blocks.len();
        let block = &mut blocks[block];
        let at = usize::from(source.u16()) % (block.len() + 1);
        let (edit, byte) = (source.byte(), source.byte());
        match edit % 4 {
            0 if at < block.len() => block[at] = byte,
            1 => block.insert(at, byte),
            2 if at < block.len() => drop(block.remove(at)),
            _ => block.truncate(at),
        }
    }
    forged::sealed(&blocks)
}

fn check(bytes: &[u8]) {
    if let Ok(reader) = Reader::new(bytes)
        && let Ok(records) = reader.collect::<Result<Vec<Record>, _>>()
    {
        let again: Result<Vec<Record>, _> = Reader::new(&*forged::written(&records)).expect("it was written").collect();
        assert_eq!(again.expect("it was written"), records);
    }
    let (engine, other) = &*TRUE;
    if let Ok(replay) = Replay::open(Cursor::new(bytes.to_vec())) {
        let _ = replay.on(engine.clone());
    }
    for (a, b) in [(bytes, &other[..]), (&other[..], bytes)] {
        let _ = recordings(Cursor::new(a), Cursor::new(b));
    }
}
