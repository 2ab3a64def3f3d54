//! How costs grow with what a guest, a package or a chain may make large.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use subvm_core::calldata::{Map, Value};
use subvm_core::{Engine, Outcome, Parts};
use subvm_host_std::WasmtimeEngine;

use crate::chart::Curves;
use crate::measure::{Spread, nanoseconds};
use crate::node::Marks;
use crate::program::{package, succeed, transact};

/// One thing that grows, and what it does to some costs.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The name of its picture.
    pub name: &'static str,
    /// What grows.
    pub what: &'static str,
    /// What is measured, and nanoseconds at each size.
    pub curves: Vec<(String, Vec<(f64, f64)>)>,
}

const ROUNDS: usize = 15;
const CALLS: u32 = 2_000;

/// Measures everything that grows.
#[must_use]
pub fn measure() -> Vec<Growth> {
    let engine: Arc<dyn Engine> = Arc::new(WasmtimeEngine::new().expect("wasmtime runs here"));
    vec![descriptors(&engine), files(&engine), nesting(&engine), memories(&engine)]
}

impl Growth {
    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let heads: Vec<_> = self.curves.iter().map(|(name, _)| name.as_str()).collect();
        let mut text = format!("| {} | {} |\n|--:|{}\n", self.what, heads.join(" | "), "--:|".repeat(heads.len()));
        let Some((_, first)) = self.curves.first() else { return text };
        for (row, (size, _)) in first.iter().enumerate() {
            let cells: Vec<_> = self.curves.iter().map(|(_, points)| nanoseconds(points[row].1)).collect();
            let _ = writeln!(text, "| {size} | {} |", cells.join(" | "));
        }
        text
    }

    /// The picture.
    #[must_use]
    pub fn picture(&self) -> String {
        let title = format!("Nanoseconds, by {} (both logarithmic)", self.what);
        Curves { title, across: self.what.to_owned(), series: self.curves.clone() }.svg()
    }
}

/// Measures curves at sizes, sizes in turns.
fn curves<T>(
    names: &[&str],
    sizes: &[u64],
    prepare: impl Fn(u64) -> T,
    mut sample: impl FnMut(&mut T) -> Vec<f64>,
) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut subjects: Vec<T> = sizes.iter().map(|size| prepare(*size)).collect();
    let mut samples = vec![vec![Vec::new(); sizes.len()]; names.len()];
    for _ in 0..ROUNDS {
        for (at, subject) in subjects.iter_mut().enumerate() {
            for (curve, value) in sample(subject).into_iter().enumerate() {
                samples[curve][at].push(value);
            }
        }
    }
    let points = samples.into_iter().map(|samples| {
        let medians = samples.into_iter().map(|samples| Spread::of(samples).median);
        sizes.iter().map(|size| *size as f64).zip(medians).collect()
    });
    names.iter().map(|name| (*name).to_owned()).zip(points).collect()
}

/// Nanoseconds between each mark and the next.
fn between(marks: &Marks) -> Vec<f64> {
    marks.take().windows(2).map(|pair| (pair[1] - pair[0]).as_nanos() as f64).collect()
}

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (func $mark (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 24))))
    (func $open (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0)
        (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 1024))))
    (data (i32.const 16) "\00\10\00\00\01\00\00\00") (data (i32.const 64) "file")"#;

fn repeat(times: u64, body: &str) -> String {
    format!(
        "(local.set $n (i32.const {times})) (loop {body} (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    )
}

fn descriptors(engine: &Arc<dyn Engine>) -> Growth {
    let prepare = |open: u64| {
        let text = format!(
            "(module {IMPORTS} (memory (export \"memory\") 1) (func (export \"_start\") (local $n i32)
                {} (call $mark) {} (call $mark) {} (call $mark)))",
            repeat(open, "(call $open)"),
            repeat(CALLS.into(), "(drop (call $fd_tell (i32.load (i32.const 1024)) (i32.const 1032)))"),
            repeat(CALLS.into(), "(call $open) (drop (call $fd_close (i32.load (i32.const 1024))))"),
        );
        let files = vec![("/file".to_owned(), Arc::from(*b"bytes"))];
        (package(&text, Parts { files, ..Parts::default() }), Marks::default())
    };
    let curves =
        curves(&["`fd_tell`", "`path_open` + `fd_close`"], &[1, 4, 16, 64, 256, 1019], prepare, |(package, marks)| {
            succeed(engine, package, marks);
            between(marks).iter().map(|time| time / f64::from(CALLS)).collect()
        });
    Growth { name: "descriptors", what: "open descriptors beside four", curves }
}

fn files(engine: &Arc<dyn Engine>) -> Growth {
    const LISTINGS: u64 = 100;
    let prepare = |count: u64| {
        let text = format!(
            "(module {IMPORTS} (memory (export \"memory\") 1) (func (export \"_start\") (local $n i32)
                (call $mark) {} (call $mark) {} (call $mark)))",
            repeat(CALLS.into(), "(call $open) (drop (call $fd_close (i32.load (i32.const 1024))))"),
            repeat(
                LISTINGS,
                "(drop (call $fd_readdir (i32.const 3) (i32.const 8192) (i32.const 4096) (i64.const 0) (i32.const 1024)))"
            ),
        );
        let others = (1..count).map(|number| (format!("/other_{number:06}.txt"), Arc::from(*b"bytes")));
        let files = std::iter::once(("/file".to_owned(), Arc::from(*b"bytes"))).chain(others);
        (package(&text, Parts { files: files.collect(), ..Parts::default() }), Marks::default())
    };
    let names =
        ["`path_open` + `fd_close`", "`fd_readdir` of a page of 4 KiB", "starting and ending a sub-VM that sees them"];
    let curves = curves(&names, &[1, 10, 100, 1_000, 10_000, 100_000], prepare, |(package, marks)| {
        let start = Instant::now();
        succeed(engine, package, marks);
        let all = start.elapsed().as_nanos() as f64;
        let parts = between(marks);
        vec![parts[0] / f64::from(CALLS), parts[1] / LISTINGS as f64, all - parts[0] - parts[1]]
    });
    Growth { name: "files", what: "files in one directory", curves }
}

fn nesting(engine: &Arc<dyn Engine>) -> Growth {
    let fields = Map::from([
        ("data", Value::Bytes(Vec::new())),
        ("allow_write_storage", true.into()),
        ("allow_send_messages", false.into()),
    ]);
    let request = Value::from(Map::from([("Sandbox", Value::Map(fields))])).encode().expect("it is small");
    let quoted: String = request.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let prepare = |depth: u64| {
        // How deep it is, each finds in storage.
        let text = format!(
            r#"(module
                (import "genlayer_sdk" "storage_read" (func $read (param i32 i32 i32 i32) (result i32)))
                (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
                (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
                (memory (export "memory") 1) (data (i32.const 256) "{quoted}")
                (func (export "_start")
                    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 128) (i32.const 4)))
                    (i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))
                    (drop (call $write (i32.const 0) (i32.const 0) (i32.const 128) (i32.const 4)))
                    (if (i32.lt_u (i32.load (i32.const 128)) (i32.const {depth}))
                        (then (if (call $gl_call (i32.const 256) (i32.const {}) (i32.const 64)) (then unreachable))))))"#,
            request.len()
        );
        (depth, package(&text, Parts::default()), Marks::default())
    };
    let sizes = [1, 2, 8, 32, 128, 512];
    let curves = curves(&["the transaction", "for each sub-VM"], &sizes, prepare, |(depth, package, marks)| {
        let start = Instant::now();
        succeed(engine, package, marks);
        let all = start.elapsed().as_nanos() as f64;
        vec![all, all / *depth as f64]
    });
    Growth { name: "nesting", what: "sub-VMs inside each other", curves }
}

fn memories(engine: &Arc<dyn Engine>) -> Growth {
    let prepare = |kibibytes: u64| {
        let text = format!(
            "(module (memory (export \"memory\") {}) (func (export \"_start\") (i32.store (i32.const 4096) (i32.const 1)) unreachable))",
            kibibytes / 64
        );
        (package(&text, Parts::default()), Marks::default())
    };
    // One page less than 4 GiB: so much RAM there is.
    let sizes = [64, 1024, 16 << 10, 256 << 10, 1 << 20, (4 << 20) - 192];
    let names = ["failing, without a fingerprint", "with one"];
    let curves = curves(&names, &sizes, prepare, |(package, marks)| {
        [false, true]
            .map(|fingerprints| {
                let start = Instant::now();
                let report = transact(engine, package, marks, fingerprints);
                assert!(
                    matches!(report.outcome, Outcome::VmError(subvm_core::VmError::Trap(_))),
                    "{:?}",
                    report.outcome
                );
                start.elapsed().as_nanos() as f64
            })
            .to_vec()
    });
    Growth { name: "memories", what: "KiB of memory, of which one page was touched", curves }
}
