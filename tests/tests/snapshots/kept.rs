//! What is kept of a machine.

use subvm_core::{Outcome, VmError};
use subvm_host_std::snapshot::Options;
use subvm_tests::engines;

use crate::{BOTH, did, same, text};

/// A module that prints the first `len` bytes of its memory.
fn printing(len: u32, module: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (func $print
            (i32.store (i32.const 65000) (i32.const 0)) (i32.store (i32.const 65004) (i32.const {len}))
            (if (call $fd_write (i32.const 1) (i32.const 65000) (i32.const 1) (i32.const 65008)) (then unreachable)))
        {module})"#
    )
}

#[test]
fn memories_are_as_long_and_hold_the_same() {
    let module = printing(
        24,
        r#"(memory (export "memory") 1 9) (memory $other 1 3) (data (i32.const 4) "before")
        (func (export "snapshot")
            (i64.store (i32.const 0) (i64.const 0x3132333435363738))
            (drop (memory.grow (i32.const 2))) (drop (memory.grow $other (i32.const 1)))
            (i32.store (i32.const 190000) (i32.const 77)) (i32.store $other (i32.const 131068) (i32.const 88)))
        (func (export "_start")
            (i32.store (i32.const 8) (i32.load (i32.const 190000))) (i32.store (i32.const 12) (i32.load $other (i32.const 131068)))
            (i32.store (i32.const 16) (memory.size)) (i32.store (i32.const 20) (memory.size $other)) (call $print))"#,
    );
    let (snapshot, did) = same(&BOTH, &text(&module), &Options::default()).unwrap();
    assert_eq!(did.stdout, b"87654321\x4d\0\0\0\x58\0\0\0\x03\0\0\0\x02\0\0\0");
    assert_eq!((snapshot.kept.pages, snapshot.kept.segments), (5, 3), "what is zero is left out");
    assert!(snapshot.ticks > 0);
}

#[test]
fn globals_of_every_type_are_kept_to_the_bit() {
    let module = printing(
        44,
        r#"(memory 1) (table 1 funcref) (type $v (func (result i32)))
        (global $a (mut i32) (i32.const 1)) (global $b (mut i64) (i64.const 1)) (global $c (mut f32) (f32.const 1)) (global $d (mut f64) (f64.const 1))
        (global $e (mut v128) (v128.const i64x2 1 2)) (global $f (mut funcref) (ref.null func)) (global $g (mut externref) (ref.null extern)) (global $h i32 (i32.const 9))
        (func $seven (result i32) i32.const 7) (elem declare func $seven)
        (func (export "snapshot") (global.set $a (i32.const -5)) (global.set $b (i64.const -6)) (global.set $c (f32.const nan:0x200001))
            (global.set $d (f64.const -nan:0x4000000000001)) (global.set $e (v128.const i64x2 -1 -3)) (global.set $f (ref.func $seven)))
        (func (export "_start")
            (i32.store (i32.const 0) (global.get $a)) (i64.store (i32.const 4) (global.get $b)) (f32.store (i32.const 12) (global.get $c)) (f64.store (i32.const 16) (global.get $d))
            (v128.store (i32.const 24) (global.get $e)) (table.set (i32.const 0) (global.get $f))
            (i32.store (i32.const 40) (i32.add (call_indirect (type $v) (i32.const 0)) (i32.add (ref.is_null (global.get $g)) (global.get $h)))) (call $print))"#,
    );
    let (_, did) = same(&BOTH, &text(&module), &Options::default()).unwrap();
    assert_eq!(did.stdout[..4], (-5i32).to_le_bytes());
    assert_eq!(did.stdout[40..], 17u32.to_le_bytes(), "7, null, 9");
}

#[test]
fn tables_are_kept_with_functions_of_the_host_and_segments_that_were_dropped() {
    let module = printing(
        16,
        r#"(memory 1) (type $v (func (result i32))) (type $w (func (param i32 i32 i32 i32) (result i32)))
        (table $t 2 9 funcref) (table $u 3 funcref) (table $x 1 4 externref)
        (func $one (result i32) i32.const 1) (func $two (result i32) i32.const 2) (func $three (result i32) i32.const 3)
        (elem $passive func $three $two) (elem (table $t) (i32.const 0) func $one $two) (elem $gone func $one) (elem declare func $fd_write)
        (data (i32.const 500) "never seen") (data $bytes "abcd") (data $away "efgh")
        (func (export "snapshot")
            (drop (table.grow $t (ref.func $fd_write) (i32.const 3))) (drop (table.grow $x (ref.null extern) (i32.const 2)))
            (table.copy $u $t (i32.const 1) (i32.const 0) (i32.const 2)) (table.set $t (i32.const 0) (ref.null func))
            (elem.drop $gone) (data.drop $away) (i32.store (i32.const 500) (i32.const 0)) (i64.store (i32.const 502) (i64.const 0)))
        (func (export "_start")
            (i32.store8 (i32.const 0) (call_indirect $u (type $v) (i32.const 1))) (i32.store8 (i32.const 1) (ref.is_null (table.get $t (i32.const 0))))
            (i32.store8 (i32.const 2) (table.size $t)) (i32.store8 (i32.const 3) (table.size $x))
            (table.init $u $passive (i32.const 0) (i32.const 0) (i32.const 2)) (i32.store8 (i32.const 4) (call_indirect $u (type $v) (i32.const 0)))
            (i32.store8 (i32.const 5) (call_indirect $u (type $v) (i32.const 1))) (memory.init $bytes (i32.const 6) (i32.const 0) (i32.const 4))
            (memory.init $away (i32.const 6) (i32.const 0) (i32.const 0)) (table.init $u $gone (i32.const 0) (i32.const 0) (i32.const 0))
            (i32.store (i32.const 65000) (i32.const 0)) (i32.store (i32.const 65004) (i32.const 16))
            (drop (call_indirect $t (type $w) (i32.const 1) (i32.const 65000) (i32.const 1) (i32.const 65008) (i32.const 4)))
            (memory.init $away (i32.const 6) (i32.const 0) (i32.const 1)))"#,
    );
    let (snapshot, did) = same(&BOTH, &text(&module), &Options::default()).unwrap();
    assert_eq!(did.stdout, b"\x01\x01\x05\x03\x03\x02abcd\0\0\0\0\0\0");
    assert!(matches!(did.outcome, Outcome::VmError(VmError::Trap(_))), "the segment that was dropped is empty");
    assert_eq!(snapshot.kept.entries, 4 + 2);
}

#[test]
fn what_runs_first_has_run_and_is_gone() {
    let module = printing(
        4,
        r#"(memory 1)
        (func $add (param i32) (i32.store8 (i32.load8_u (i32.const 9)) (local.get 0)) (i32.store8 (i32.const 9) (i32.add (i32.load8_u (i32.const 9)) (i32.const 1))))
        (func $first (call $add (i32.const 65))) (start $first)
        (func (export "_initialize") (call $add (i32.const 66)))
        (func (export "__wasm_call_ctors") (call $add (i32.const 67)))
        (func (export "wizer.initialize") (call $add (i32.const 68)))
        (func (export "wizer.resume") (call $add (i32.const 69)) (call $print))
        (func (export "_start") unreachable)"#,
    );
    let (snapshot, did) = same(&BOTH, &text(&module), &Options::default()).unwrap();
    assert_eq!(
        (&did.stdout[..], snapshot.init.as_str()),
        (&b"ABDE"[..], "wizer.initialize"),
        "where there is _initialize, constructors are its own"
    );
    let text_form = wasmprinter::print_bytes(&snapshot.wasm).unwrap();
    for gone in ["(start", "_initialize", "wizer", "unreachable)\n  (export"] {
        assert!(!text_form.contains(gone), "{gone}: {text_form}");
    }
    let (_, did) = same(&BOTH, &text(&module.replace("_initialize", "other")), &Options::default()).unwrap();
    assert_eq!(did.stdout, b"ACDE", "else they are called");
    let resume = Options { resume: Some("other".into()), ..Options::default() };
    let (_, did) =
        same(&BOTH, &text(&module.replace("_initialize", "other").replace("wizer.initialize", "snapshot")), &resume)
            .unwrap();
    assert!(did.stdout.is_empty(), "another export goes on");
}

#[test]
fn a_snapshot_costs_its_pages_and_spares_what_was_done() {
    let module = printing(
        4,
        r#"(memory 1) (func (export "snapshot") (local $n i32)
            (loop $more (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $more (i32.lt_u (local.get $n) (i32.const 100000))))
            (i32.store (i32.const 0) (local.get $n)))
        (func (export "_start") (call $print))"#,
    );
    let parts = text(&module);
    let (snapshot, _) = same(&BOTH, &parts, &Options::default()).unwrap();
    let params = Options::default().params;
    let [before, after] =
        [&subvm_host_std::snapshot::self_starting(&parts.start, &Options::default()).unwrap(), &snapshot.wasm]
            .map(|wasm| did(engines::wasmi(), wasm, &parts, &params).1);
    assert!(
        snapshot.ticks > 100_000 && before - after > snapshot.ticks - 40_000,
        "{before} {after} {}",
        snapshot.ticks
    );
}

#[test]
fn names_and_code_stay_where_they_are() {
    let module = printing(
        4,
        r#"(memory $named 1) (data $segment (i32.const 3) "x") (func $init (export "snapshot")) (func (export "_start") (call $print))"#,
    );
    let mut wasm = wat::parse_str(&module).unwrap();
    for (name, data) in [(".debug_info", &b"places"[..]), ("reloc.CODE", b"x"), ("linking", b"x"), ("of its own", b"y")]
    {
        wasm.extend([0, (name.len() + 1 + data.len()) as u8, name.len() as u8]);
        wasm.extend_from_slice(name.as_bytes());
        wasm.extend_from_slice(data);
    }
    let parts = subvm_core::Parts { start: wasm.clone().into(), ..Default::default() };
    let (snapshot, _) = same(&BOTH, &parts, &Options::default()).unwrap();
    let left_out: Vec<_> = snapshot.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["reloc.CODE", "linking"]);
    let section = |wasm: &[u8], wanted: u8| {
        let payloads = wasmparser::Parser::new(0).parse_all(wasm).map(|payload| payload.unwrap().as_section());
        payloads.flatten().filter(|(id, _)| *id == wanted).map(|(_, range)| wasm[range].to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(section(&wasm, 10), section(&snapshot.wasm, 10), "the code");
    let customs = section(&snapshot.wasm, 0);
    assert!(
        customs.iter().any(|custom| custom.ends_with(b"places")) && customs.iter().any(|custom| custom.ends_with(b"y"))
    );
    let names = wasmprinter::print_bytes(&snapshot.wasm).unwrap();
    assert!(names.contains("$init") && names.contains("$named") && !names.contains("$segment"), "{names}");
}
