//! Failures in the words of who wrote the code: on wasmtime with lines, on wasmi with names.

use std::sync::{Arc, Mutex};

use subvm_core::{Engine, Outcome, Parts, Trap, VmError, run};
use subvm_host_std::lower::{Active, Floats, Options, lower, origins};
use subvm_host_std::{WasmiEngine, WasmtimeEngine};
use subvm_symbols::{Symbols, stack};
use subvm_tests::engines::engines;
use subvm_tests::transaction::{deployed, transaction};

/// A program of C++ with DWARF.
const LINES: &[u8] = include_bytes!("../guests/lines/lines.wasm");

type Noted = Arc<Mutex<Vec<Active>>>;

fn note(noted: &Noted) -> impl Fn(&[Active]) + Send + Sync + 'static {
    let noted = Arc::clone(noted);
    move |active| *noted.lock().unwrap() = active.to_vec()
}

fn parts(arguments: usize) -> Parts {
    Parts { start: LINES.into(), args: vec!["x".into(); arguments], ..Parts::default() }
}

/// Both engines, each with what it told last.
fn telling() -> [(&'static str, Arc<dyn Engine>, Noted); 2] {
    let [first, second] = [Noted::default(), Noted::default()];
    let wasmtime = WasmtimeEngine::builder().on_failure(note(&first)).build().expect("this machine runs wasmtime");
    let wasmi = WasmiEngine::new().on_failure(note(&second));
    [("wasmtime", Arc::new(wasmtime), first), ("wasmi", Arc::new(wasmi), second)]
}

#[test]
fn a_trap_is_told_by_names_and_lines_and_changes_no_receipt() {
    let [(_, plain), _] = engines();
    let report = |engine, arguments| run(engine, deployed(parts(arguments)).node(), transaction()).1.expect("no error");
    let expected = report(plain, 5);
    assert_eq!(expected.outcome, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
    for (name, engine, noted) in telling() {
        let told = report(engine.clone(), 5);
        assert_eq!(told.receipt, expected.receipt, "{name}");
        let active = noted.lock().unwrap().clone();
        let frames = expected.fingerprint.as_ref().expect("it failed").frames.iter();
        let frames: Vec<_> = frames.map(|frame| (frame.module_name.clone(), frame.func)).collect();
        assert_eq!(active.iter().map(|active| (active.module_name.clone(), active.func)).collect::<Vec<_>>(), frames);
        let lines = stack(&active);
        let transfer = "in main: ledger::transfer(unsigned int, unsigned int volatile*) (function";
        assert!(lines[0].starts_with(transfer), "{name}: {lines:#?}");
        if name == "wasmtime" {
            assert_eq!(lines[1], "    ledger::checked(unsigned int, unsigned int) at guest/lines.cc:12:9, inlined");
            assert!(
                lines[2].starts_with("    ledger::transfer(unsigned int, unsigned int volatile*) at guest/lines.cc:17"),
                "{lines:#?}"
            );
            assert!(lines[3].starts_with("called by main: start (function"), "{lines:#?}");
            assert!(
                lines[4].starts_with("    start at guest/lines.cc:35"),
                "the call, not what comes after it: {lines:#?}"
            );
        } else {
            assert!(lines.iter().all(|line| !line.contains("lines.cc")));
        }
        // What returned is no failure.
        noted.lock().unwrap().clear();
        assert_eq!(report(engine, 1).outcome, Outcome::null());
        assert!(noted.lock().unwrap().is_empty(), "{name}");
    }
}

/// Every instruction that is copied stands, in the lowered module, at a place that is known to come from it.
#[test]
fn every_instruction_has_its_origin() {
    let symbols = Symbols::read(LINES);
    for floats in [Floats::Soft, Floats::Native] {
        let options = Options { floats, ..Options::default() };
        let (lowered, origins) = (lower(LINES, &options).unwrap(), origins(LINES, &options).unwrap());
        let mut found = std::collections::BTreeSet::new();
        for place in 0..lowered.wasm.len() {
            let Some(original) = origins.original(place) else { continue };
            assert!(symbols.function_at(original).is_some());
            found.insert(original);
        }
        let bodies = (0..symbols.functions()).filter_map(|index| symbols.body(index));
        let bytes: usize = bodies.map(|body| body.len()).sum();
        assert!(found.len() > bytes / 5, "{} of {bytes}", found.len());
    }
}

/// A chain's tests see the stack, where the gas went, and which lines were reached; with coverage on, receipts are what they are without.
#[test]
fn a_chain_tells_why_and_where() {
    use subvm_testing::{Chain, Map};

    let spins = wat::parse_str(r#"(module (func $spin (loop (br 0))) (func (export "_start") (call $spin)))"#).unwrap();
    let mut receipts = Vec::new();
    for covered in [false, true] {
        let mut params = subvm_core::Params::default();
        params.limits.gas_time = 100_000;
        let mut chain = Chain::with_params(params);
        if covered {
            chain.cover();
        }
        let alice = chain.account("alice", 0);
        let (program, spins) = (chain.install(LINES), chain.install(&spins));
        let failed = chain.call(alice, spins, "any", Map::new());
        assert_eq!(failed.failed(), "out_of gas time");
        assert_eq!(failed.stack[0], "in main: spin (function 0)", "{:#?}", failed.stack);
        assert!(failed.stack.iter().any(|line| line.ends_with(" ticks in 1 calls of spin")), "{:#?}", failed.stack);
        let called = chain.call(alice, program, "any", Map::new());
        assert!(called.stack.is_empty());
        receipts.push((failed.receipt(), called.receipt()));
        if covered {
            let lines = chain.coverage().lines();
            let source = include_str!("../guests/lines/lines.cc");
            let line = |text: &str| source.lines().position(|line| line.contains(text)).unwrap() as u32 + 1;
            let of = |text: &str| lines["guest/lines.cc"].get(&line(text)).copied();
            assert_eq!(of("u32 count = 0"), Some(true));
            assert_eq!(of("*amount = 0"), Some(false), "nobody called `refill`");
            assert_eq!(of("namespace ledger"), None, "no instruction was made of it");
        }
    }
    assert_eq!(receipts[0], receipts[1]);
}
