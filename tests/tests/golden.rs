//! Golden traces: every host call of whole programs, with its answer and the time gas left. A difference is a change of consensus.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test golden` records anew; a line in `CHANGELOG.md` says why.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::Node;
use subvm_core::{Engine, Entry, Message, Mode, Params, Parts, Personality, Report, Run, run};
use subvm_host_mock::trace::Trace;
use subvm_replay::{Buffer, Options, Recorded, Recorder, Replay, Verdict};
use subvm_tests::engines::{engines, every_engine};
use subvm_tests::transaction::{deployed, transaction};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// 2024-01-01T00:00:00Z.
const NOW: u64 = 1_704_067_200_000_000_000;

fn bytes(path: &str) -> Arc<[u8]> {
    fs::read(format!("{ROOT}/{path}")).unwrap().into()
}

/// What runs, and how.
type Kind = (Personality, Entry);

/// Runs a package on each engine and compares its trace and its receipt with what is recorded under `name`.
#[track_caller]
fn compare(name: &str, parts: Parts, kind: Kind, entry_data: Vec<u8>, answers: &[Value]) {
    for (engine_name, engine) in engines() {
        let of = (parts.clone(), kind.clone(), entry_data.clone());
        compare_on(&format!("{name} on {engine_name}"), engine, name, of, answers);
    }
}

#[track_caller]
fn compare_on(
    what: &str,
    engine: Arc<dyn Engine>,
    name: &str,
    (parts, (personality, entry), entry_data): (Parts, Kind, Vec<u8>),
    answers: &[Value],
) {
    let host = deployed(parts);
    host.set_now(NOW);
    answers.iter().for_each(|answer| host.answer(answer.encode().unwrap()));
    let trace = Trace::with_costs();
    let node = Node { observer: Some(Box::new(trace.clone())), ..host.node() };
    let message = Message { entry_data, ..transaction().message };
    let (recording, options) = (Buffer::default(), Options { code: true, ..Options::default() });
    let (node, recorder) = Recorder::wrap(node, recording.clone(), options);
    let params = Arc::new(Params { personality, ..Params::default() });
    let (node, report) = run(engine, node, Run { message, entry, params, ..transaction() });
    let (report, recorded) = (report.unwrap(), recorder.finish(node).1);
    replay(&recording, &report, &recorded);
    let digest: String = report.receipt.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut seen = trace.lines().join("\n");
    seen.push_str(&format!("\n{:?}\ngas {:?}\nreceipt {digest}\n", report.outcome, report.receipt.gas));

    let path = Path::new(ROOT).join("tests/golden").join(name).with_extension("txt");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, &seen).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(seen.lines()).position(|(expected, seen)| expected != seen);
    if let Some(line) = differs {
        let at = |text: &str| text.lines().nth(line).unwrap_or_default().to_owned();
        panic!("{what}, {}: line {}\nexpected {}\n    seen {}", path.display(), line + 1, at(&expected), at(&seen));
    }
    assert_eq!(expected.lines().count(), seen.lines().count(), "{} and the trace differ in length", path.display());
}

/// Whatever makes the code, a replay comes to the recorded run, and that without a node.
#[track_caller]
fn replay(recording: &Buffer, report: &Report, recorded: &Recorded) {
    assert!(recorded.incomplete.is_none(), "{recorded:?}");
    for (name, engine) in every_engine() {
        let replay = Replay::open(std::io::Cursor::new(recording.bytes())).unwrap();
        let replayed = replay.on(engine).unwrap();
        assert!(matches!(replayed.verdict, Verdict::Same), "{name}: {}", replayed.verdict);
        assert_eq!((replayed.trace, replayed.calls), (recorded.trace, recorded.calls));
        assert_eq!(replayed.result.unwrap().receipt, report.receipt);
    }
}

fn listing() -> Parts {
    let files = ["fruit.csv", "note.txt", "deep/er/leaf.txt"]
        .map(|path| (format!("/data/{path}"), bytes(&format!("tests/programs/data/{path}"))));
    Parts {
        start: bytes("tests/guests/listing/listing-c.wasm").into(),
        files: files.into(),
        args: vec!["listing-c.wasm".into(), "/data".into()],
        ..Parts::default()
    }
}

fn program(personality: Personality) -> Kind {
    (personality, Entry::Program { mode: Mode::Deterministic, stdin: Some(Arc::default()) })
}

#[test]
fn a_program_that_lists_and_reads() {
    compare("listing-c", listing(), program(Personality::Program), Vec::new(), &[]);
}

#[test]
fn a_program_whose_root_is_hidden() {
    compare("listing-c-hidden-root", listing(), program(Personality::Seed), Vec::new(), &[]);
}

#[test]
fn a_program_that_prints_floats() {
    let files = ["numbers.txt", "note.txt"]
        .map(|path| (format!("/data/{path}"), bytes(&format!("tests/guests/report/data/{path}"))));
    let parts = Parts {
        start: bytes("tests/guests/report/report.wasm").into(),
        files: files.into(),
        args: ["report.wasm", "/data/numbers.txt", "/data", "7"].map(String::from).into(),
        ..Parts::default()
    };
    compare("report", parts, program(Personality::Program), Vec::new(), &[]);
}

#[test]
fn a_contract_that_asks_the_web() {
    let parts = Parts { start: bytes("host-std/examples/oracle/oracle.wasm").into(), ..Parts::default() };
    let call = Map::from([("method", Value::from("ask")), ("url", Value::from("https://example.org/price"))]);
    let page = Map::from([
        ("body", Value::Bytes(b"101.25".to_vec())),
        ("headers", Value::Map(Map::new())),
        ("status", Value::from(200)),
    ]);
    let answer = Value::Map(Map::from([("ok", Value::Map(page))]));
    compare("oracle-ask", parts, (Personality::Seed, Entry::Contract), Value::Map(call).encode().unwrap(), &[answer]);
}
