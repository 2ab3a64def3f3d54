//! `docs/divergence.md`, gone through in a network: a node whose processor rounds wrongly stops taking part, and from the counter that says so its
//! operator comes to the instruction.
#![cfg(feature = "faults")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use subvm_core::{Engine, Receipt};
use subvm_look::{Bisected, Fault, Side, Watch, bisect};
use subvm_replay::{Replay, Verdict, compare};
use subvm_wasmtime::WasmtimeEngine;
use support::{Net, Site, alone, fault, until};

/// Keeps the rounded means of some prices in storage: that of `docs/divergence.md`.
const MEAN: &str = include_str!("../../../cli/examples/prices.wat");
/// `$mean`, in which the fault of these nodes is.
const FUNCTION: u32 = 2;
/// The node whose processor is at fault.
const WRONG: usize = 3;

/// The status and the text of an answer.
fn asked(net: &Net, index: usize, path: &str) -> Option<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(format!("{}{path}", net.url(index))).call().ok()?;
    Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
}

fn get(net: &Net, index: usize, path: &str) -> Option<String> {
    asked(net, index, path).map(|(_, text)| text)
}

/// Digests of the receipts and traces of the runs that all nodes make, as a node's log has them, by the recording's name.
fn runs(net: &Net, index: usize) -> BTreeMap<String, (String, String)> {
    let log = net.log(index);
    let lines = log.lines().filter(|line| line.contains("subvm_node::runs") && line.contains("purpose=\"block\""));
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {line}"));
        rest.split_once('"').expect("ends").0.to_owned()
    };
    lines.map(|line| (field(line, "file"), (field(line, "receipt"), field(line, "trace")))).collect()
}

#[test]
fn from_the_counter_to_the_instruction() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, |index, text| {
        *text = text.replace("runs = false", "runs = true");
        fault(WRONG as u16, "rounds-wrongly")(index, text);
    });
    net.start_all();
    net.grow(0, 2);
    let wasm = net.home().join("prices.wasm");
    std::fs::write(&wasm, wat::parse_str(MEAN).expect("is a module")).expect("writes");
    let record = net.sent(0, &["deploy", wasm.to_str().expect("text"), "{}"]);
    assert_eq!(record["status"], "returned", "{record:#}");

    // The counter fires; the node takes part no more, and is there to be asked.
    let counter = "subvm_votes_total{vote=\"disagree\",field=\"state\"}";
    until("the counter fires", || get(&net, WRONG, "/metrics").filter(|figures| figures.contains(counter)));
    let (status, health) = until("the node says that it has diverged", || {
        let (status, text) = asked(&net, WRONG, "/health")?;
        let health: Value = serde_json::from_str(&text).ok()?;
        health["diverged"].is_string().then_some((status, health))
    });
    assert_eq!((status, &health["well"]), (503, &Value::Bool(false)), "{health}");
    // The block after the last that it has: its header names the state of the others.
    let height = health["height"].as_u64().expect("a number") + 1;
    assert!(health["diverged"].as_str().is_some_and(|why| why.contains(&format!("block {height} "))), "{health}");
    let figures = get(&net, WRONG, "/metrics").expect("answers");
    assert!(figures.lines().any(|line| line == "node_diverged 1"), "{figures}");
    assert!(net.ended(WRONG).is_none(), "it is there to be asked");
    // The others are three of four: they go on.
    net.grow(0, 3);
    net.agree(&[0, 1, 2]);

    // Which transaction: the first whose receipt is another in the two logs. Before it, all is the same, traces included.
    let (ours, theirs) = (runs(&net, 0), runs(&net, WRONG));
    let (file, _) = theirs
        .iter()
        .find(|(file, digests)| ours.get(*file) != Some(digests))
        .unwrap_or_else(|| panic!("no run differs: {ours:?}, {theirs:?}"));
    assert!(file.contains(record["id"].as_str().expect("a name")), "{file}: {record:#}");
    let [ours, theirs] = [0, WRONG].map(|node| net.home().join(format!("node{node}/data/recordings")).join(file));

    // What the receipts differ in: storage, for the same gas.
    let receipt = |path: &Path| {
        Receipt::from_bytes(&std::fs::read(path.with_extension("receipt")).expect("is there")).expect("is a receipt")
    };
    let changes = compare::receipts(&receipt(&ours), &receipt(&theirs));
    assert!(!changes.is_empty() && changes.iter().all(|change| change.field.starts_with("storage")), "{changes:?}");

    // The first host call that differs: what the guest has in memory.
    let open = |path: &Path| File::open(path).expect("is there");
    let found = compare::recordings(open(&ours), open(&theirs)).expect("are recordings");
    let found = found.divergence.expect("they differ");
    assert_eq!(found.what.name(), "memory", "{found:?}");
    assert_eq!(found.a.within.map(|call| call.name()), Some("storage_write"));

    // Whose recording it is: ours is what the code does, on a sound machine.
    let replay = |path: &Path| {
        let engine = Arc::new(WasmtimeEngine::new().expect("runs here"));
        Replay::open(open(path)).expect("is a recording").on(engine).expect("has its package").verdict
    };
    assert!(matches!(replay(&ours), Verdict::Same));
    assert!(matches!(replay(&theirs), Verdict::Differs(_)));

    // The instruction, on the machine at fault.
    let side = |watch: Watch| {
        let watch = Arc::new(watch);
        let engine = WasmtimeEngine::builder().look(watch.clone()).build().expect("runs here");
        (Arc::new(engine) as Arc<dyn Engine>, watch)
    };
    let again = || Replay::open(open(&ours));
    let [a, b] = [Watch::new(), Watch::faulty(Fault { function: FUNCTION })].map(|watch| {
        let (engine, watch) = side(watch);
        Side { open: &again, engine, watch }
    });
    let Bisected::Differ(found) = bisect(&a, &b, &[0], &mut |_, _| ()).expect("can be replayed") else {
        panic!("nothing differs")
    };
    let instruction = found.instruction.expect("one gave another value");
    assert_eq!((instruction.text.as_str(), instruction.function), ("f64.nearest", FUNCTION));
}
