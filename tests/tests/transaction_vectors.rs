//! Known answers for complete transactions, in `tests/vectors/transactions.json`: run here on wasmtime and on wasmi
//! in every role, and worked out from the specification alone by `check_transactions.py`, which shares no code with this.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test transaction_vectors` records anew; a line in `CHANGELOG.md` says why.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;

use serde_json::{Value as Json, json};
use subvm_core::calldata::Value;
use subvm_core::{Outcome, Params, Receipt, Report, Role, Vote, run};
use subvm_replay::{Buffer, Options, Recorder, Replay, Verdict};
use subvm_tests::engines::{engines, every_engine, same, wasmtime};
use subvm_tests::vectors::{bytes, hex, list, run_given, setting, text, value};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

#[test]
fn transactions_come_to_what_is_recorded() {
    let path = Path::new(VECTORS).join("transactions.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut vectors: Json = serde_json::from_str(&text).unwrap();
    for transaction in vectors["transactions"].as_array_mut().unwrap() {
        fill(&mut transaction["given"]);
        let report = &run_given(&transaction["given"], &wasmtime(), Role::Leader).unwrap();
        for (name, engine) in every_engine() {
            same(&name, report, &run_given(&transaction["given"], &engine, Role::Leader).unwrap());
        }
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

/// 64 threads over the two engines, each running both transactions in one of the roles.
#[test]
fn many_threads_come_to_what_is_recorded() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("transactions.json")).unwrap();
    let vectors: Json = serde_json::from_str(&recorded).unwrap();
    let engines = engines();
    thread::scope(|threads| {
        for number in 0..64 {
            let (engine, vectors) = (&engines[number % 2].1, &vectors);
            threads.spawn(move || {
                for transaction in list(&vectors["transactions"]) {
                    let results = list(&transaction["effects"]["nondet"]).iter().map(|result| {
                        let code = u8::try_from(result[0].as_u64().unwrap()).unwrap();
                        [vec![code], value(&result[1]).encode().unwrap()].concat()
                    });
                    let results: Vec<Vec<u8>> = results.collect();
                    let roles = [Role::Leader, Role::Validator { results: results.clone() }, Role::Sync { results }];
                    let report = run_given(&transaction["given"], engine, roles[number % 3].clone()).unwrap();
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

/// In every role, recorded on one engine and replayed on each: one receipt, and one trace for all roles.
#[test]
fn recordings_of_transactions_replay_to_them() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("transactions.json")).unwrap();
    let vectors: Json = serde_json::from_str(&recorded).unwrap();
    for transaction in list(&vectors["transactions"]) {
        let given = &transaction["given"];
        let results = run_given(given, &wasmtime(), Role::Leader).unwrap().receipt.nondet;
        let roles = [Role::Leader, Role::Validator { results: results.clone() }, Role::Sync { results }];
        let traces = roles.map(|role| {
            let (recording, options) = (Buffer::default(), Options { code: true, ..Options::default() });
            let (_, node, transaction_) = setting(given, role);
            let (node, recorder) = Recorder::wrap(node, recording.clone(), options);
            let (node, report) = run(wasmtime(), node, transaction_);
            let recorded = recorder.finish(node).1;
            assert_eq!(hex(&report.unwrap().receipt.digest()), text(&transaction["expected"]["receipt_digest"]));
            for (name, engine) in every_engine() {
                let replay = Replay::open(std::io::Cursor::new(recording.bytes())).unwrap();
                let replayed = replay.on(engine).unwrap();
                assert!(matches!(replayed.verdict, Verdict::Same), "{name}: {}", replayed.verdict);
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
        for (name, engine) in engines() {
            assert_eq!(run_given(given, &engine, role.clone()).unwrap().vote(&leader.receipt), Vote::Agree, "{name}");
        }
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

/// Descriptor 0 of the main sub-VM, put together by its own text.
fn stdin(given: &Json) -> Vec<u8> {
    let Value::Map(mut fields) = value(&given["message"]) else { panic!("a message is a map") };
    fields.insert("datetime", subvm_core::datetime(given["now"].as_u64().unwrap()));
    fields.insert("entry_kind", 0);
    fields.insert("entry_stage_data", Value::Null);
    fields.insert("stack", Value::array([0i64; 0]));
    Value::Map(fields).encode().unwrap()
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
