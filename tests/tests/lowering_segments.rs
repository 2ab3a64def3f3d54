//! Data segments are merged where nobody can tell, and only there.

use std::fmt::Write;

use subvm_host_std::lower::{Options, STACK_UNITS, lower};
use subvm_tests::lowered::{GAS, Generator, Machine};
use wasmtime::{Instance, Module, Store};

/// How many data segments a module has, and how many its data count section says.
fn segments(wasm: &[u8]) -> (u32, Option<u32>) {
    let (mut segments, mut count) = (0, None);
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            wasmparser::Payload::DataSection(data) => segments = data.count(),
            wasmparser::Payload::DataCountSection { count: said, .. } => count = Some(said),
            _ => {}
        }
    }
    (segments, count)
}

/// The first memory of a module that is not lowered.
fn plain(wasm: &[u8]) -> Vec<u8> {
    let engine = Generator::None.engine();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, wasm).unwrap(), &[]).unwrap();
    instance.get_memory(&mut store, "memory").unwrap().data(&store).to_vec()
}

/// The same lowered, and its segments.
fn merged(text: &str) -> (Vec<u8>, u32) {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let lowered = lower(&wasm, &Options::default()).unwrap();
    let (found, count) = segments(&lowered.wasm);
    assert!(count.is_none_or(|count| count == found), "{text}");
    let engine = Generator::None.engine();
    let memory = Machine::new(&engine, lowered, GAS, STACK_UNITS).unwrap().memories().remove(0);
    assert!(memory == plain(&wasm), "memory differs: {text}");
    (memory, found)
}

fn with(data: &str) -> String {
    format!("(module (memory (export \"memory\") 2) {data})")
}

#[test]
fn what_follows_is_joined() {
    for (data, expected) in [
        ("", 0),
        (r#"(data (i32.const 10) "ab") (data (i32.const 12) "cd")"#, 1),
        (r#"(data (i32.const 10) "ab") (data (i32.const 268) "cd")"#, 1),
        (r#"(data (i32.const 10) "ab") (data (i32.const 269) "cd")"#, 2),
        (r#"(data (i32.const 10) "ab") (data (i32.const 11) "cd")"#, 2),
        (r#"(data (i32.const 50) "ab") (data (i32.const 10) "cd") (data (i32.const 49) "e")"#, 3),
        (r#"(data (i32.const 14) "zz") (data (i32.const 10) "ab") (data (i32.const 20) "cd")"#, 3),
        (r#"(data (i32.const 10) "") (data (i32.const 131072) "")"#, 0),
        (r#"(data (i32.const 131070) "ab")"#, 1),
    ] {
        assert_eq!(merged(&with(data)).1, expected, "{data}");
    }
}

/// Where a segment could be told from another, or could fail, all stay.
#[test]
fn what_could_be_told_stays() {
    let two = r#"(data $one (i32.const 10) "ab") (data (i32.const 12) "cd")"#;
    for text in [
        with(&format!("{two} (data \"passive\")")),
        with(&format!("{two} (func data.drop $one)")),
        with(&format!("{two} (func (memory.init $one (i32.const 0) (i32.const 0) (i32.const 0)))")),
        with(&format!(
            "(global $g i32 (i32.const 0)) {two} (data (offset (i32.add (i32.const 1) (i32.const 2))) \"x\")"
        )),
        format!("(module (memory (export \"memory\") 2) (memory 1) {two} (data (memory 1) (i32.const 0) \"x\"))"),
    ] {
        let module = wat::parse_str(&text).unwrap();
        assert_eq!(merged(&text).1, segments(&module).0, "{text}");
    }
    for text in [
        with(&format!("{two} (data (i32.const 131071) \"xy\")")),
        with(&format!("{two} (data (i32.const -1) \"\")")),
        format!("(module (import \"a\" \"m\" (memory 2)) {two})"),
    ] {
        let module = wat::parse_str(&text).unwrap();
        let lowered = lower(&module, &Options::default()).unwrap();
        assert_eq!(segments(&lowered.wasm), segments(&module), "{text}");
    }
}

/// Any segments leave the memory that they left before.
#[test]
fn memories_are_what_they_were() {
    let mut seed = 1u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut before, mut after) = (0, 0);
    for _ in 0..100 {
        let (mut data, mut at) = (String::new(), 0);
        let count = next(30);
        for number in 0..count {
            at = if next(4) == 0 { next(4_000) } else { at + next(300) };
            let bytes: String =
                (0..next(40)).map(|_| format!("\\{:02x}", if next(3) == 0 { 0 } else { number + 1 })).collect();
            write!(data, "(data (i32.const {at}) \"{bytes}\") ").unwrap();
            at += bytes.len() as u64 / 3;
        }
        before += count;
        after += u64::from(merged(&with(&data)).1);
    }
    assert!(0 < after && after < before, "{after} segments of {before}");
}
