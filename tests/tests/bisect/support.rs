//! A recorded run of a module, and the engines that are compared.

use std::io::Cursor;
use std::sync::Arc;

use subvm_core::{Engine, Parts, Report, run};
use subvm_host_std::look::{Bisected, Fault, Seen, Side, Watch, bisect, look};
use subvm_host_std::lower::Look;
use subvm_host_std::replay::{Buffer, Options, Point, Recorder, Replay};
use subvm_host_std::{WasmiEngine, WasmtimeEngine};
use subvm_tests::engines::wasmtime;
use subvm_tests::transaction::{deployed, embedded, transaction};

/// A recording, with its code, and the report of the run.
pub(crate) fn recorded(parts: Parts) -> (Vec<u8>, Report) {
    let recording = Buffer::default();
    let options = Options { code: true, ..Options::default() };
    let (node, recorder) = Recorder::wrap(deployed(parts).node(), recording.clone(), options);
    let (node, report) = run(wasmtime(), node, transaction());
    let _ = recorder.finish(node);
    (recording.bytes(), report.expect("no internal error"))
}

pub(crate) fn replay(recording: &[u8]) -> Replay {
    Replay::open(Cursor::new(recording.to_vec())).unwrap()
}

pub(crate) fn on_wasmtime(look: Arc<dyn Look>) -> Arc<dyn Engine> {
    Arc::new(WasmtimeEngine::builder().look(look).build().unwrap())
}

pub(crate) fn on_wasmi(look: Arc<dyn Look>) -> Arc<dyn Engine> {
    Arc::new(WasmiEngine::looked_into(look))
}

pub(crate) type Makes = fn(Arc<dyn Look>) -> Arc<dyn Engine>;

/// Both, by name.
pub(crate) const ENGINES: [(&str, Makes); 2] = [("wasmtime", on_wasmtime), ("wasmi", on_wasmi)];

/// What two engines come to on one recording, the second with a fault where one is given.
pub(crate) fn bisected(recording: &[u8], [a, b]: [Makes; 2], fault: Option<Fault>) -> Bisected {
    let open = || Replay::open(Cursor::new(recording.to_vec()));
    let side = |makes: Makes, watch: Watch| {
        let watch = Arc::new(watch);
        Side { open: &open, engine: makes(watch.clone()), watch }
    };
    let other = fault.map_or_else(Watch::new, Watch::faulty);
    bisect(&side(a, Watch::new()), &side(b, other), &[0], &mut |low, high| assert!(low < high)).unwrap()
}

/// What is seen of the sub-VMs that execute at a point, innermost first.
pub(crate) fn seen(recording: &[u8], makes: Makes, watch: Watch, point: &Point) -> Vec<Seen> {
    let watch = Arc::new(watch);
    let mut looked = look(replay(recording), makes(watch.clone()), &watch, point).unwrap();
    let from = looked.ended.len() + looked.above.len() - looked.stack().len();
    looked.ended.append(&mut looked.above);
    looked.ended.split_off(from)
}

/// A contract that runs itself in a sandbox, where function 3 rounds a number, and then writes a slot.
pub(crate) fn sandboxed() -> String {
    let fields = r#"{"data": b#, "allow_write_storage": true, "allow_send_messages": false, "gas_time": 100000000}"#;
    let (request, length) = embedded(&format!(r#"{{"Sandbox": {fields}}}"#));
    format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_read" (func $storage_read (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $storage_write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "{request}")
        (func $rounds (param $from f64) (result i64) (local $doubled f64)
            (local.set $doubled (f64.mul (local.get $from) (f64.const 2)))
            (i64.trunc_f64_s (f64.nearest (local.get $doubled))))
        (func (export "_start")
            (drop (call $storage_read (i32.const 512) (i32.const 0) (i32.const 64) (i32.const 4)))
            (if (i32.load (i32.const 64))
                (then (i64.store (i32.const 128) (call $rounds (f64.const 2.875))))
                (else
                    (i32.store (i32.const 64) (i32.const 1))
                    (drop (call $storage_write (i32.const 512) (i32.const 0) (i32.const 64) (i32.const 4)))
                    (if (call $gl_call (i32.const 1024) (i32.const {length}) (i32.const 0)) (then (unreachable)))
                    (i64.store (i32.const 128) (i64.const 77))))))"#
    )
}
