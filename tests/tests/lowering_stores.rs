//! Stores that straddle the end of a memory write nothing, whatever the processor.

use subvm_host_std::lower::{Floats, Lowered, Options, STACK_UNITS, lower};
use subvm_tests::lowered::{Ending, GAS, Generator, Machine, Observed};
use wasmtime::{Trap, Val};

/// Every store of more than a byte: its name, its operand, the bytes it writes.
const STORES: [(&str, &str, i32); 11] = [
    ("i32.store16", "(i32.const -1)", 2),
    ("i64.store16", "(i64.const -1)", 2),
    ("v128.store16_lane", "(v128.const i64x2 -1 -1)", 2),
    ("i32.store", "(i32.const -1)", 4),
    ("f32.store", "(f32.const -nan:0x7fffff)", 4),
    ("i64.store32", "(i64.const -1)", 4),
    ("v128.store32_lane", "(v128.const i64x2 -1 -1)", 4),
    ("i64.store", "(i64.const -1)", 8),
    ("f64.store", "(f64.const -nan:0xfffffffffffff)", 8),
    ("v128.store64_lane", "(v128.const i64x2 -1 -1)", 8),
    ("v128.store", "(v128.const i64x2 -1 -1)", 16),
];

const PAGE: i32 = 65_536;

fn lowered(wat: &str, probe_stores: bool) -> Lowered {
    let wasm = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}: {wat}"));
    lower(&wasm, &Options { floats: Floats::Soft, probe_stores, ..Options::default() }).expect("an acceptable module")
}

/// Calls `f` with `address` under every generator, with probes and without (where the processor does not tear stores), and holds all
/// to one observation.
fn observe(wat: &str, address: i32) -> Observed {
    let mut observed = Vec::new();
    for probe_stores in [Options::default().probe_stores, true] {
        for generator in Generator::ALL {
            let lowered = lowered(wat, probe_stores);
            let mut machine = Machine::new(&generator.engine(), lowered, GAS, STACK_UNITS).expect("an instance");
            observed.push(machine.call("f", &[Val::I32(address)]));
        }
    }
    assert!(observed.iter().all(|other| *other == observed[0]), "{wat}: {observed:?}");
    observed.swap_remove(0)
}

/// One function that stores at its argument plus `offset` in the second of two memories.
fn storing(name: &str, operand: &str, offset: u32) -> String {
    let lane = if name.ends_with("lane") { " 0" } else { "" };
    format!(
        "(module (memory 1) (memory 1) (func (export \"f\") (param i32)
            ({name} 1 offset={offset}{lane} (local.get 0) {operand})))"
    )
}

#[test]
fn a_store_that_straddles_the_end_traps_and_writes_nothing() {
    let untouched = *blake3::hash(&[0; PAGE as usize]).as_bytes();
    for (name, operand, width) in STORES {
        for offset in [0, 3] {
            let wat = storing(name, operand, offset);
            let last = PAGE - width - offset as i32;
            let fits = observe(&wat, last);
            assert_eq!(fits.ending, Ending::Returned(vec![]), "{name}");
            assert_eq!(fits.memories[0], untouched);
            assert_ne!(fits.memories[1], untouched, "{name}");
            for address in [last + 1, last + width - 1, last + width, -1] {
                let seen = observe(&wat, address);
                assert_eq!(seen.ending, Ending::Trapped(Trap::MemoryOutOfBounds), "{name} at {address}");
                assert_eq!((seen.memories, seen.frames), (vec![untouched; 2], vec![0]), "{name} at {address}");
            }
        }
    }
}

#[test]
fn a_probe_loads_as_many_bytes_from_the_same_place() {
    for (name, operand, width) in STORES {
        let wat = storing(name, operand, 3);
        let (plain, probed) = (lowered(&wat, false).wasm, lowered(&wat, true).wasm);
        let text = |wasm: &[u8]| {
            let mut operators = Vec::new();
            for payload in wasmparser::Parser::new(0).parse_all(wasm) {
                if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("valid") {
                    let reader = body.get_operators_reader().expect("valid");
                    operators.extend(reader.into_iter().map(|operator| format!("{:?}", operator.expect("valid"))));
                }
            }
            operators
        };
        let loads =
            |wasm: &[u8]| text(wasm).into_iter().filter(|operator| operator.contains("Load")).collect::<Vec<_>>();
        assert!(loads(&plain).is_empty());
        let load = match width {
            2 => "I32Load16U",
            4 => "I32Load ",
            8 => "I64Load ",
            _ => "V128Load ",
        };
        let [found] = &loads(&probed)[..] else { panic!("{name}: {:?}", loads(&probed)) };
        assert!(found.starts_with(load) && found.contains("offset: 3, memory: 1"), "{name}: {found}");
    }
}

#[test]
fn a_store_of_one_byte_has_no_probe() {
    for (name, operand) in [
        ("i32.store8", "(i32.const 1)"),
        ("i64.store8", "(i64.const 1)"),
        ("v128.store8_lane", "(v128.const i64x2 0 0)"),
    ] {
        let wat = storing(name, operand, 0);
        assert_eq!(lowered(&wat, false).wasm, lowered(&wat, true).wasm);
    }
}

/// What probes rely on: no generator removes a load whose result is dropped, for it may trap.
#[test]
fn a_load_whose_result_is_dropped_still_traps() {
    for load in ["i32.load16_u", "i32.load", "i64.load", "v128.load"] {
        let wat = format!("(module (memory 1) (func (export \"f\") (param i32) (drop ({load} (local.get 0)))))");
        assert_eq!(observe(&wat, PAGE - 1).ending, Ending::Trapped(Trap::MemoryOutOfBounds), "{load}");
        assert_eq!(observe(&wat, 0).ending, Ending::Returned(vec![]), "{load}");
    }
}

#[test]
fn bulk_instructions_and_segments_write_nothing_when_they_trap() {
    let untouched = *blake3::hash(&[0; PAGE as usize]).as_bytes();
    for body in [
        "(memory.fill (local.get 0) (i32.const 1) (i32.const 8))",
        "(memory.copy 0 1 (local.get 0) (i32.const 0) (i32.const 8))",
        "(memory.init $d (local.get 0) (i32.const 0) (i32.const 8))",
        "(memory.init $d (i32.const 0) (i32.const 4) (local.get 0))",
    ] {
        let wat = format!(
            "(module (memory 1) (memory 1) (data (memory 1) (i32.const 0) \"01234567\") (data $d \"01234567\")
                (func (export \"f\") (param i32) {body}))"
        );
        let seen = observe(&wat, PAGE - 4);
        assert_eq!(seen.ending, Ending::Trapped(Trap::MemoryOutOfBounds), "{body}");
        assert_eq!(seen.memories[0], untouched, "{body}");
    }
}

/// What a probe needs must not move the locals of other code, whose indices would take more bytes: then the limit on a
/// lowered function would refuse on one processor what it accepts on another.
#[test]
fn probes_make_nothing_else_longer() {
    // The last index of one byte is 127: what is declared, the counter's, and then scratch locals around it.
    for locals in 110..128 {
        let wat = format!(
            "(module (memory 1) (func {} (i32.store (i32.const 0) (i32.const 1)) {}))",
            "(local i32)".repeat(locals),
            "(drop (i32.reinterpret_f32 (f32.sqrt (f32.const 1))))".repeat(100),
        );
        let wasm = wat::parse_str(wat).unwrap();
        let bytes = |probe_stores| {
            let options = Options { floats: Floats::Canonical, probe_stores, ..Options::default() };
            lower(&wasm, &options).unwrap().wasm.len()
        };
        let (plain, probed) = (bytes(false), bytes(true));
        assert!(probed - plain < 50, "{locals} locals: {plain} bytes, {probed} with a probe");
    }
}
