//! Observability is inert: whoever watches, and however that fails, a run comes to the same. And it shows what happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::fingerprint::Fingerprint;
use subvm_core::host::{Call, Event, Node, Observer, State};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Engine, Entry, Message, Outcome, Parts, Role, Run, run};
use subvm_host_mock::trace::Trace;
use subvm_host_mock::{MemoryHost, ScriptedEngine};
use subvm_host_std::{WasmtimeEngine, observe};

mod board;
mod figures;
mod subscriber;
mod threads;

use figures::{Broken, Figures};
use subscriber::{METHODS, Watch};

const CONTRACT: Address = Address([0xc0; 20]);

/// Tests count panics, and install things for the process: one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What consensus knows of a run.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    outcome: Outcome,
    digest: [u8; 32],
    fingerprint: Option<Fingerprint>,
}

struct World {
    engine: Arc<WasmtimeEngine>,
}

impl World {
    fn new() -> Self {
        Self { engine: Arc::new(WasmtimeEngine::new().unwrap()) }
    }

    fn host(&self) -> MemoryHost {
        let host = MemoryHost::new();
        let page = Map::from([
            ("body", Value::Bytes(b"101.25".to_vec())),
            ("headers", Value::Map(Map::new())),
            ("status", Value::from(200)),
        ]);
        host.answer(Value::from(Map::from([("ok", Value::from(page))])).encode().unwrap());
        let parts = Parts { start: include_bytes!("../../examples/oracle/oracle.wasm")[..].into(), ..Parts::default() };
        host.deploy(CONTRACT, Arc::new(parts.check(&Refused::default()).unwrap()));
        host
    }

    fn run(&self, method: &str, observer: Option<Box<dyn Observer>>) -> Known {
        let url = "https://example.org/price";
        let call = Map::from([("method", Value::from(method)), ("url", url.into()), ("message", "no".into())]);
        transact(self.engine.clone(), Node { observer, ..self.host().node() }, &call)
    }
}

/// A call of the contract by a leader.
fn leader(call: &Map) -> Run {
    Run {
        message: Message {
            contract_address: CONTRACT,
            entry_data: Value::from(call.clone()).encode().unwrap(),
            ..Message::default()
        },
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::default(),
        state: State::Accepted,
        deadline: Some(Duration::from_secs(120)),
        cancel: None,
    }
}

/// One transaction as a leader.
fn transact(engine: Arc<dyn Engine>, node: Node, call: &Map) -> Known {
    let watched = node.observer.is_some();
    let (node, result) = run(engine, node, leader(call));
    assert_eq!(node.observer.is_some(), watched, "the observer comes back with the node");
    let report = result.unwrap();
    Known { digest: report.receipt.digest(), outcome: report.outcome, fingerprint: report.fingerprint }
}

/// A transaction that returns, one that asks the web in a non-deterministic block, a user error, a trap.
const METHODS_OF_CONTRACT: [&str; 4] = ["get", "ask", "fail", "trap"];

/// Every kind of end, with and without watching it as `watch` says.
#[track_caller]
fn inert(world: &World, what: &str, watch: impl Fn(&mut dyn FnMut(Option<Box<dyn Observer>>))) {
    for method in METHODS_OF_CONTRACT {
        let unwatched = world.run(method, None);
        let mut watched = None;
        watch(&mut |observer| watched = Some(world.run(method, observer)));
        assert_eq!(watched, Some(unwatched), "{what}: {method}");
    }
}

#[test]
fn telemetry_without_anybody_who_listens_changes_nothing() {
    let _alone = alone();
    inert(&World::new(), "on", |run| {
        subscriber::none(|| {
            metrics::with_local_recorder(&metrics::NoopRecorder, || run(Some(observe::telemetry(None))))
        });
    });
}

#[test]
fn a_subscriber_that_sees_everything_changes_nothing() {
    let _alone = alone();
    inert(&World::new(), "everything", |run| {
        let watch = Watch::new("");
        watch.during(|| run(Some(observe::telemetry(Some(Box::new(Trace::new()))))));
        assert!(watch.seen().iter().any(|line| line.starts_with("new host_call")));
    });
}

#[test]
fn a_subscriber_that_panics_changes_nothing() {
    let _alone = alone();
    let world = World::new();
    for method in METHODS {
        inert(&world, method, |run| {
            let before = observe::panics();
            Watch::new(method).during(|| run(Some(observe::telemetry(None))));
            assert!(observe::panics() > before, "{method} panicked, or nothing was tried");
        });
    }
}

#[test]
fn a_recorder_that_panics_changes_nothing() {
    let _alone = alone();
    let world = World::new();
    for broken in [Broken::Registering, Broken::Counting] {
        inert(&world, "recorder", |run| {
            let (before, watch) = (observe::panics(), Watch::new(""));
            metrics::with_local_recorder(&broken, || watch.during(|| run(Some(observe::telemetry(None)))));
            assert!(observe::panics() > before, "nothing was tried");
            let seen = watch.seen();
            assert!(seen.iter().any(|line| line.contains("the transaction ended")), "tracing goes on: {seen:?}");
        });
    }
}

/// Panics at the `nth` thing that it is told.
#[derive(Default)]
struct Panicky {
    told: u32,
    nth: u32,
}

impl Panicky {
    fn tell(&mut self) {
        self.told += 1;
        assert!(self.told <= self.nth, "told after it panicked");
        assert!(self.told != self.nth, "on purpose");
    }
}

impl Observer for Panicky {
    fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
        self.tell();
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {
        self.tell();
    }

    fn event(&mut self, _: &Event<'_>) {
        self.tell();
    }
}

#[test]
fn a_nodes_own_observer_that_panics_changes_nothing() {
    let _alone = alone();
    let world = World::new();
    for nth in 1..12 {
        inert(&world, "observer", |run| run(Some(Box::new(Panicky { told: 0, nth }))));
    }
}

#[test]
fn the_observer_comes_back_as_it_went_and_its_panic_is_told() {
    let _alone = alone();
    let mut engine = ScriptedEngine::new();
    let host = MemoryHost::new();
    host.deploy(CONTRACT, engine.script(|machine| machine.end_with("Return", 1)));
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let mut node = host.node();
    node.observer = Some(Box::new(Panicky { told: 0, nth: 2 }));
    // A node may be used again and again.
    for told in [2, 3] {
        let (back, report) = run(Arc::clone(&engine), node, leader(&Map::new()));
        let diagnostics = report.unwrap().diagnostics;
        assert!(diagnostics.iter().any(|text| text.contains("observer panicked")), "{diagnostics:?}");
        node = back;
        let observer: &dyn std::any::Any = &**node.observer.as_ref().unwrap();
        assert_eq!(observer.downcast_ref::<Panicky>().map(|panicky| panicky.told), Some(told));
    }
}

#[test]
fn spans_nest_and_say_how_things_end() {
    let _alone = alone();
    let watch = Watch::new("");
    watch.during(|| {
        World::new().run("ask", Some(observe::telemetry(None)));
    });
    let seen = watch.seen();
    let begun = |line: &str| {
        seen.iter().position(|seen| seen.starts_with(line)).unwrap_or_else(|| panic!("{line} in {seen:#?}"))
    };
    let transaction = begun("new transaction role=leader contract=c0c0c0");
    let main = begun("new sub_vm in transaction mode=det depth=0");
    let nested = begun("new sub_vm in host_call mode=nondet depth=1");
    assert!(transaction < main && main < nested, "{seen:#?}");
    begun("event in sub_vm the sub-VM ended outcome=return");
    begun("event in transaction the transaction ended outcome=return");
    let (opened, closed) = seen.iter().fold((0, 0), |(opened, closed), line| {
        (opened + u32::from(line.starts_with("new ")), closed + u32::from(line.starts_with("close ")))
    });
    assert_eq!(opened, closed, "every span is closed");
}

#[test]
fn figures_are_those_of_the_receipt_and_the_trace() {
    let _alone = alone();
    let (figures, trace) = (Figures::default(), Trace::new());
    let report = metrics::with_local_recorder(&figures, || {
        let world = World::new();
        let node = Node { observer: Some(observe::telemetry(Some(Box::new(trace.clone())))), ..world.host().node() };
        let call = Map::from([("method", Value::from("ask")), ("url", Value::from("https://example.org/price"))]);
        run(world.engine.clone(), node, leader(&call)).1.unwrap()
    });
    let gas = report.receipt.gas;
    let transactions = "subvm_transactions_total{role=leader,outcome=return,reason=}";
    assert_eq!(figures.value(transactions), 1.0);
    for (name, value) in [("time", gas.time), ("storage", gas.storage), ("data", gas.data)] {
        assert_eq!(figures.value(&format!("subvm_gas_total{{dimension={name}}}")), value as f64, "{name}");
    }
    assert_eq!(figures.value("subvm_sub_vms_total{mode=nondet,outcome=return}"), 1.0);
    assert_eq!(figures.value("subvm_ram_peak_bytes{mode=det}"), report.ram_peak as f64);
    let calls = trace.lines().iter().filter(|line| line.starts_with("==>")).count();
    assert_eq!(figures.sum("subvm_host_calls_total"), calls as f64);
    let misses = figures.value("subvm_module_cache_total{answer=miss}");
    assert!(misses > 0.0);
    assert_eq!(figures.value("subvm_compiles_total{result=compiled}"), misses);
    figures.are_all_listed();
}

#[test]
fn the_page_of_metrics_says_what_is_so() {
    let _alone = alone();
    let mut page = String::from(
        "# Metrics\n\nWhat subvm tells the recorder of the [`metrics`](https://docs.rs/metrics) facade that a node installs: [integrators.md](integrators.md#looking-inside). \
         No guest can make a new value of a label. [A board for Grafana](grafana/subvm.json) shows all of them: import the file, and choose the source.\n\n\
         This page is made from the list in `host-std/observe/src/names.rs`, by `SUBVM_RECORD=1 cargo test --workspace --test observe`.\n\n\
         | name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in observe::names::METRICS {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let unit = metric.unit.as_str();
        page += &format!("| `{}` | {kind} | {unit} | {} | {} |\n", metric.name, labels.join(" "), metric.meaning);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page, "record it again, see the page");
}
