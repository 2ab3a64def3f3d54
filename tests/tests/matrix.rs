//! The determinism matrix: both transactions of `tests/vectors/transactions.json` on every engine and way of making code, with no, a cold
//! and a warm cache, on one thread and on 64, traced, recorded, profiled and not watched at all. All come to the recorded digests.
//!
//! `docs/determinism.md` has the table; `.ci/matrix` writes it anew.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;

use serde_json::Value as Json;
use subvm_core::host::Node;
use subvm_core::{Engine, Role, run};
use subvm_host_mock::trace::Trace;
use subvm_host_std::cache::ModuleCache;
use subvm_host_std::profile::Watcher;
use subvm_host_std::{Codegen, WasmiEngine, WasmtimeEngine};
use subvm_replay::{Buffer, Options, Recorder};
use subvm_tests::matrix::{record, row};
use subvm_tests::vectors::{hex, list, setting, text};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const THREADS: usize = 64;

/// With their modules as bytes, and the digests that they must come to.
static TRANSACTIONS: LazyLock<Json> = LazyLock::new(|| {
    let recorded = fs::read_to_string(Path::new(ROOT).join("vectors/transactions.json")).unwrap();
    serde_json::from_str(&recorded).unwrap()
});

/// Who looks on.
#[derive(Clone, Copy, Debug)]
enum Watched {
    No,
    Traced,
    Recorded,
}

/// What a transaction comes to.
fn digest(engine: &Arc<dyn Engine>, transaction: &Json, watched: Watched) -> String {
    let (_, node, given) = setting(&transaction["given"], Role::Leader);
    let report = match watched {
        Watched::No => run(engine.clone(), node, given).1,
        Watched::Traced => run(engine.clone(), Node { observer: Some(Box::new(Trace::with_costs())), ..node }, given).1,
        Watched::Recorded => {
            let (node, recorder) =
                Recorder::wrap(node, Buffer::default(), Options { code: true, ..Options::default() });
            let (node, report) = run(engine.clone(), node, given);
            assert!(recorder.finish(node).1.incomplete.is_none());
            report
        }
    };
    hex(&report.unwrap().receipt.digest())
}

/// Runs both transactions, watched in each way. How many runs that were.
fn check(what: &str, engine: &Arc<dyn Engine>) -> usize {
    let transactions = list(&TRANSACTIONS["transactions"]);
    let watched = [Watched::No, Watched::Traced, Watched::Recorded];
    for transaction in transactions {
        for watched in watched {
            let expected = text(&transaction["expected"]["receipt_digest"]);
            assert_eq!(digest(engine, transaction, watched), expected, "{what}, watched: {watched:?}");
        }
    }
    transactions.len() * watched.len()
}

/// The same on 64 threads at once, after one.
fn check_threads(what: &str, engine: &Arc<dyn Engine>) -> usize {
    let alone = check(what, engine);
    thread::scope(|scope| {
        let started: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| check(&format!("{what}, of {THREADS} threads"), engine))).collect();
        alone + started.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    })
}

/// The same on an engine whose modules tell `watcher` where their gas goes: one transaction at a time, and no cache holds such modules.
fn check_profiled(what: &str, engine: &Arc<dyn Engine>, watcher: &Watcher) -> usize {
    let runs = check(&format!("{what}, profiled"), engine);
    assert!(!watcher.take().nodes().is_empty(), "{what}: nothing was profiled");
    runs
}

/// An engine that makes code in this way, with no cache, with an empty one, and with what that left.
fn check_caches(codegen: Codegen) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let engine = |cached: bool| -> Arc<dyn Engine> {
        let cache = cached.then(|| ModuleCache::open(folder.path(), 1 << 30).unwrap());
        Arc::new(WasmtimeEngine::builder().codegen(codegen).cache(cache).build().unwrap())
    };
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let mut runs = check_threads(&format!("{codegen:?}, no cache"), &engine(false));
    assert_eq!(files(), 0);
    runs += check_threads(&format!("{codegen:?}, cold cache"), &engine(true));
    let kept = files();
    assert!(kept > 0, "nothing was kept");
    runs += check_threads(&format!("{codegen:?}, warm cache"), &engine(true));
    assert_eq!(files(), kept, "a warm cache had to compile");
    let watcher = Watcher::calls();
    let profiled = WasmtimeEngine::builder().codegen(codegen).watcher(watcher.clone()).build().unwrap();
    let profiled: Arc<dyn Engine> = Arc::new(profiled);
    runs + check_profiled(&format!("{codegen:?}"), &profiled, &watcher)
}

/// The table's rows of this platform.
fn rows() -> Vec<String> {
    let platform = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
    let row = |engine: &str, runs: usize| row(&platform, engine, runs, &TRANSACTIONS);
    let mut rows: Vec<_> =
        Codegen::ALL.iter().map(|codegen| row(&format!("wasmtime, {codegen:?}"), check_caches(*codegen))).collect();
    let wasmi: Arc<dyn Engine> = Arc::new(WasmiEngine::new());
    let watcher = Watcher::calls();
    let profiled: Arc<dyn Engine> = Arc::new(WasmiEngine::watched(watcher.clone()));
    rows.push(row("wasmi", check_threads("wasmi", &wasmi) + check_profiled("wasmi", &profiled, &watcher)));
    rows
}

#[test]
fn every_way_to_run_comes_to_one_digest() {
    let rows = rows();
    println!("{}", rows.join("\n"));
    record(&rows, std::env::consts::ARCH == "x86_64");
}
