//! Known answers for complete transactions, in `tests/vectors/transactions.json`: run here on wasmtime in every role, and worked out from the
//! specification alone by `check_transactions.py`, which shares no code with this.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test transaction_vectors` records anew; a line in `CHANGELOG.md` says why.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;

use serde_json::{Value as Json, json};
use subvm_core::calldata::Value;
use subvm_core::host::{Node, State};
use subvm_core::wasi::Refused;
use subvm_core::{
    Entry, Gas, Library, Message, Outcome, PageWrite, Params, Parts, Receipt, Report, Role, Run, SlotId, Vote, run,
};
use subvm_host_mock::MemoryHost;
use subvm_host_std::{Codegen, WasmtimeEngine};
use subvm_replay::{Buffer, Options, Recorder, Replay, Verdict};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

#[test]
fn transactions_come_to_what_is_recorded() {
    let path = Path::new(VECTORS).join("transactions.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut vectors: Json = serde_json::from_str(&text).unwrap();
    for transaction in vectors["transactions"].as_array_mut().unwrap() {
        fill(&mut transaction["given"]);
        let reports = Codegen::ALL.map(|codegen| run_given(&transaction["given"], &engine(codegen), Role::Leader));
        let report = &reports[0];
        reports.iter().for_each(|other| assert_eq!(other.receipt, report.receipt));
        check_followers(&transaction["given"], report);
        check_machine(&transaction["effects"]["machine"], report);
        transaction["expected"] = expected(&transaction["given"], report);
    }
    let computed = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, &computed).unwrap();
    } else {
        let differs = text.lines().zip(computed.lines()).find(|(recorded, computed)| recorded != computed);
        assert_eq!(differs, None, "recorded, computed: {}", path.display());
        assert_eq!(text.len(), computed.len());
    }
}

fn engine(codegen: Codegen) -> Arc<WasmtimeEngine> {
    Arc::new(WasmtimeEngine::with(codegen).unwrap())
}

/// 64 threads over one engine, whose code is cold at first, each running both transactions in one of the roles.
#[test]
fn many_threads_come_to_what_is_recorded() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("transactions.json")).unwrap();
    let vectors: Json = serde_json::from_str(&recorded).unwrap();
    let engine = engine(Codegen::ALL[0]);
    thread::scope(|threads| {
        for number in 0..64 {
            let (engine, vectors) = (&engine, &vectors);
            threads.spawn(move || {
                for transaction in list(&vectors["transactions"]) {
                    let results = list(&transaction["effects"]["nondet"]).iter().map(|result| {
                        let code = u8::try_from(result[0].as_u64().unwrap()).unwrap();
                        [vec![code], value(&result[1]).encode().unwrap()].concat()
                    });
                    let results: Vec<Vec<u8>> = results.collect();
                    let roles = [Role::Leader, Role::Validator { results: results.clone() }, Role::Sync { results }];
                    let report = run_given(&transaction["given"], engine, roles[number % 3].clone());
                    assert_eq!(hex(&report.receipt.digest()), text(&transaction["expected"]["receipt_digest"]));
                }
            });
        }
    });
}

/// What follows from other fields: modules in bytes, and the parameters.
fn fill(given: &mut Json) {
    given["params"] = Value::decode(&Params::default().to_bytes()).unwrap().to_string().into();
    let assembled = |module: &Json| hex(&wat::parse_file(Path::new(VECTORS).join(text(&module["wat"]))).unwrap());
    given["start"]["wasm"] = assembled(&given["start"]).into();
    for library in given["libraries"].as_array_mut().unwrap() {
        library["wasm"] = assembled(library).into();
    }
}

fn run_given(given: &Json, engine: &Arc<WasmtimeEngine>, role: Role) -> Report {
    let (host, node, transaction) = setting(given, role);
    let asks = !matches!(transaction.role, Role::Sync { .. });
    let (_, report) = run(engine.clone(), node, transaction);
    let modules = if asks { list(&given["modules"]) } else { &[] };
    let asked: Vec<Vec<u8>> = modules.iter().map(|pair| value(&pair[0]).encode().unwrap()).collect();
    assert_eq!(host.asked(), asked);
    report.unwrap()
}

/// The chain, a node of it, and what it is to run.
fn setting(given: &Json, role: Role) -> (MemoryHost, Node, Run) {
    let message = message(given);
    let host = MemoryHost::new();
    host.set_now(given["now"].as_u64().unwrap());
    host.set_balance(message.contract_address, given["balance"].as_u64().unwrap().into());
    host.apply(State::Accepted, message.contract_address, &storage(given));
    let libraries = list(&given["libraries"])
        .iter()
        .map(|library| Library { name: text(&library["name"]).into(), wasm: bytes(&library["wasm"]).into() });
    let parts =
        Parts { start: bytes(&given["start"]["wasm"]).into(), libraries: libraries.collect(), ..Parts::default() };
    host.deploy(message.contract_address, Arc::new(parts.check(&Refused::default()).unwrap()));
    let asks = !matches!(role, Role::Sync { .. });
    let modules = if asks { list(&given["modules"]) } else { &[] };
    modules.iter().for_each(|pair| host.answer(value(&pair[1]).encode().unwrap()));
    let (entry, params, state) = (Entry::Contract, Arc::default(), State::Accepted);
    let node = host.node();
    (host, node, Run { message, entry, role, params, state, deadline: None })
}

/// In every role, recorded on one engine and replayed on each: one receipt, and one trace for all roles.
#[test]
fn recordings_of_transactions_replay_to_them() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("transactions.json")).unwrap();
    let vectors: Json = serde_json::from_str(&recorded).unwrap();
    for transaction in list(&vectors["transactions"]) {
        let given = &transaction["given"];
        let results = run_given(given, &engine(Codegen::ALL[0]), Role::Leader).receipt.nondet;
        let roles = [Role::Leader, Role::Validator { results: results.clone() }, Role::Sync { results }];
        let traces = roles.map(|role| {
            let (recording, options) = (Buffer::default(), Options { code: true, ..Options::default() });
            let (_, node, transaction_) = setting(given, role);
            let (node, recorder) = Recorder::wrap(node, recording.clone(), options);
            let (node, report) = run(engine(Codegen::ALL[0]), node, transaction_);
            let recorded = recorder.finish(node).1;
            assert_eq!(hex(&report.unwrap().receipt.digest()), text(&transaction["expected"]["receipt_digest"]));
            for codegen in Codegen::ALL {
                let replay = Replay::open(std::io::Cursor::new(recording.bytes())).unwrap();
                let replayed = replay.on(engine(codegen)).unwrap();
                assert!(matches!(replayed.verdict, Verdict::Same), "{codegen:?}: {}", replayed.verdict);
                assert_eq!(replayed.trace, recorded.trace);
                let receipt = replayed.result.unwrap().receipt;
                assert_eq!(hex(&receipt.digest()), text(&transaction["expected"]["receipt_digest"]));
            }
            recorded.trace
        });
        assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:x?}");
    }
}

/// A validator and a node that catches up come to the leader's receipt.
fn check_followers(given: &Json, leader: &Report) {
    let results = leader.receipt.nondet.clone();
    for role in [Role::Validator { results: results.clone() }, Role::Sync { results }] {
        assert_eq!(run_given(given, &engine(Codegen::ALL[0]), role).vote(&leader.receipt), Vote::Agree);
    }
}

/// The machine of a failure is as described: what the fingerprint hashes is what the description says.
fn check_machine(machine: &Json, report: &Report) {
    let Some(fingerprint) = &report.fingerprint else {
        assert!(machine.is_null());
        return;
    };
    let fingerprint = fingerprint.to_value();
    assert_eq!(fingerprint["frames"], value(&machine["frames"]));
    let memories = machine["memories"].as_object().unwrap();
    assert_eq!(fingerprint["module_instances"].as_map().unwrap().len(), memories.len());
    for (name, memories) in memories {
        let digests = list(memories).iter().map(|memory| Value::Bytes(blake3::hash(&held(memory)).as_bytes().to_vec()));
        assert_eq!(
            fingerprint["module_instances"][name.as_str()]["memories"],
            Value::Array(digests.collect()),
            "{name}"
        );
    }
}

fn held(memory: &Json) -> Vec<u8> {
    let mut all = vec![0; memory["bytes"].as_u64().unwrap() as usize];
    for piece in list(&memory["holds"]) {
        let content = bytes(&piece[1]).repeat(piece[2].as_u64().unwrap() as usize);
        let index = piece[0].as_u64().unwrap() as usize;
        all[index..index + content.len()].copy_from_slice(&content);
    }
    all
}

fn expected(given: &Json, report: &Report) -> Json {
    let Receipt { params, message: digest, result, gas, .. } = &report.receipt;
    let bytes = stdin(given);
    assert_eq!(blake3::hash(&bytes).as_bytes(), digest);
    assert_eq!(matches!(report.outcome, Outcome::Return(_)), result[0] == 0);
    json!({
        "params": hex(&Params::default().to_bytes()),
        "params_digest": hex(params),
        "message": hex(&bytes),
        "message_digest": hex(digest),
        "result": hex(result),
        "gas_data": gas.data,
        "gas_storage": gas.storage,
        "gas_time": gas.time,
        "receipt": hex(&report.receipt.to_bytes()),
        "receipt_digest": hex(&report.receipt.digest()),
    })
}

fn message(given: &Json) -> Message {
    let fields = value(&given["message"]);
    let address = |name: &str| fields[name].as_address().unwrap();
    Message {
        contract_address: address("contract_address"),
        sender_address: address("sender_address"),
        origin_address: address("origin_address"),
        stack: Vec::new(),
        chain_id: fields["chain_id"].as_int().unwrap().clone(),
        value: fields["value"].as_int().unwrap().clone(),
        is_init: fields["is_init"].as_bool().unwrap(),
        entry_data: fields["entry_data"].as_bytes().unwrap().to_vec(),
    }
}

/// Descriptor 0 of the main sub-VM, put together by its own text.
fn stdin(given: &Json) -> Vec<u8> {
    let Value::Map(mut fields) = value(&given["message"]) else { panic!("a message is a map") };
    fields.insert("datetime", subvm_core::datetime(given["now"].as_u64().unwrap()));
    fields.insert("entry_kind", 0);
    fields.insert("entry_stage_data", Value::Null);
    fields.insert("stack", Value::array([0i64; 0]));
    Value::Map(fields).encode().unwrap()
}

/// The storage before the run, as a receipt that writes whole pages.
fn storage(given: &Json) -> Receipt {
    let pages = list(&given["storage"]).iter().map(|write| PageWrite {
        slot: SlotId(bytes(&write[0]).try_into().unwrap()),
        page: (write[1].as_u64().unwrap() / 32).try_into().unwrap(),
        content: bytes(&write[2]).try_into().unwrap(),
    });
    let [params, message] = [[0; 32]; 2];
    let (result, gas, storage) = (vec![0, 0], Gas::default(), pages.collect());
    Receipt { params, message, result, gas, storage, messages: Vec::new(), nondet: Vec::new() }
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn value(json: &Json) -> Value {
    text(json).parse().unwrap()
}

fn bytes(json: &Json) -> Vec<u8> {
    format!("b#{}", text(json)).parse::<Value>().unwrap().try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the script over a file of vectors; nothing where there is no Python.
fn script(path: &Path) -> Option<(ExitStatus, String)> {
    let script = Path::new(VECTORS).join("check_transactions.py");
    match Command::new("python3").arg("-B").arg(script).arg(path).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((output.status, String::from_utf8_lossy(&said).into_owned()))
        }
        Err(error) => {
            eprintln!(
                "SKIPPED: transactions are not worked out from the specification: python3 does not start: {error}"
            );
            None
        }
    }
}

#[test]
fn another_language_works_them_out_from_the_specification() {
    let path = Path::new(VECTORS).join("transactions.json");
    let Some((status, said)) = script(&path) else { return };
    assert!(status.success(), "{said}");
    assert_eq!(said, "returns: as recorded\nfails: as recorded\n");
}

/// Each thing that the script works out is one that it finds when it is wrong.
#[test]
fn the_script_finds_what_is_wrong() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("transactions.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("transactions.json");
    let wrong = |change: &dyn Fn(&mut Json), field: &str| {
        let mut vectors: Json = serde_json::from_str(&recorded).unwrap();
        change(&mut vectors["transactions"]);
        fs::write(&path, vectors.to_string()).unwrap();
        let Some((status, said)) = script(&path) else { return };
        assert!(!status.success() && said.contains(&format!("{field}: ")), "{said}");
    };
    wrong(&|all| all[0]["given"]["now"] = 1.into(), "message");
    wrong(&|all| all[0]["effects"]["messages"] = json!([]), "gas_data");
    wrong(&|all| all[0]["given"]["storage"] = json!([]), "receipt");
    wrong(&|all| all[0]["effects"]["writes"] = json!([]), "gas_storage");
    wrong(&|all| all[1]["effects"]["machine"]["memories"]["teller"][1]["holds"][0][0] = 0.into(), "result");
    wrong(&|all| all[1]["expected"]["params_digest"] = "".into(), "params_digest");
    wrong(&|all| all[1]["expected"]["receipt_digest"] = "".into(), "receipt_digest");
}
