//! Names and lines of real modules, and of those that nobody should have to read.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use subvm_symbols::{Place, Symbols};

/// A program of C++ with DWARF: `tests/guests/lines/lines.cc`.
const LINES: &[u8] = include_bytes!("../../../tests/guests/lines/lines.wasm");
const SOURCE: &str = include_str!("../../../tests/guests/lines/lines.cc");

/// The line of the source that has `text`.
fn line_of(text: &str) -> u32 {
    SOURCE.lines().position(|line| line.contains(text)).expect("the source has it") as u32 + 1
}

/// The first instruction at which `wanted` says yes to the places.
fn places_where(symbols: &Symbols, wanted: impl Fn(&[Place]) -> bool) -> Option<(usize, Vec<Place>)> {
    (0..LINES.len()).map(|offset| (offset, symbols.places(offset))).find(|(_, places)| wanted(places))
}

#[test]
fn functions_are_called_what_their_source_calls_them() {
    let symbols = Symbols::read(LINES);
    let names: Vec<String> = (0..symbols.functions()).map(|index| symbols.name(index)).collect();
    assert!(names.contains(&"ledger::transfer(unsigned int, unsigned int volatile*)".to_owned()), "{names:?}");
    assert!(names.contains(&"ledger::refill(unsigned int volatile*)".to_owned()), "{names:?}");
}

#[test]
fn an_instruction_has_its_line_and_what_is_inlined_stands_before_what_it_is_inlined_in() {
    let symbols = Symbols::read(LINES);
    let trap = line_of("__builtin_trap");
    let (offset, places) = places_where(&symbols, |places| places.first().is_some_and(|place| place.line == trap))
        .expect("an instruction of that line");
    let [checked, transfer] = &places[..] else { panic!("{places:?}") };
    assert_eq!(checked.function.as_deref(), Some("ledger::checked(unsigned int, unsigned int)"));
    assert_eq!((transfer.line, transfer.file.as_str()), (line_of("u32 rest = checked"), "guest/lines.cc"));
    let index = symbols.function_at(offset).expect("it is in a function");
    assert!(symbols.name(index).starts_with("ledger::transfer("));
    assert!(symbols.body(index).is_some_and(|body| body.contains(&offset)));
}

#[test]
fn rows_have_every_line_with_code() {
    let symbols = Symbols::read(LINES);
    let rows = symbols.rows();
    for text in ["__builtin_trap", "*amount = 0", "ledger::refill(&amount)"] {
        let line = line_of(text);
        let row = rows.iter().find(|row| row.line == line).unwrap_or_else(|| panic!("line {line} has no row"));
        assert!(symbols.function_at(row.code.start).is_some() && &*row.file == "guest/lines.cc");
    }
    assert!(rows.iter().all(|row| row.line != line_of("namespace ledger {")));
}

/// Where a custom section's content lies.
fn section(module: &[u8], name: &str) -> std::ops::Range<usize> {
    let at = module.windows(name.len()).position(|bytes| bytes == name.as_bytes()).expect("it has the section");
    // The length before the name is at most a few bytes of the number; what follows the name is content.
    at + name.len()..module.len()
}

#[test]
fn changed_dwarf_is_read_or_left_out() {
    for name in [".debug_info", ".debug_line", ".debug_abbrev", ".debug_ranges"] {
        let range = section(LINES, name);
        for at in range.clone().take(600).step_by(5) {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut module = LINES.to_vec();
                module[at] = byte;
                let symbols = Symbols::read(&module);
                let code = symbols.body(1).map_or(0, |body| body.start);
                let _ = (symbols.places(code + 8), symbols.rows());
            }
        }
    }
}

/// A custom section.
fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = vec![name.len() as u8];
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    let mut bytes = vec![0];
    let mut length = section.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(section);
    bytes
}

/// Twenty thousand units of 16 bytes, each with the same table of abbreviations and the same list of a hundred thousand ranges: to read the
/// list for each is two thousand million steps.
#[test]
fn what_many_units_name_is_not_read_for_each_for_ever() {
    let mut info = Vec::new();
    for _ in 0..20_000 {
        info.extend_from_slice(&[12, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4]);
        // DW_TAG_compile_unit with DW_AT_ranges at 0.
        info.extend_from_slice(&[1, 0, 0, 0, 0]);
    }
    let abbrev = [1, 0x11, 0, 0x55, 0x17, 0, 0, 0];
    let mut ranges = Vec::new();
    for at in 0..100_000_u32 {
        ranges.extend_from_slice(&(at * 2).to_le_bytes());
        ranges.extend_from_slice(&(at * 2 + 1).to_le_bytes());
    }
    ranges.extend_from_slice(&[0; 8]);
    let mut module = wat::parse_str("(module (func nop))").unwrap();
    for (name, content) in
        [(".debug_info", &info[..]), (".debug_abbrev", &abbrev), (".debug_ranges", &ranges), (".debug_line", &[0])]
    {
        module.extend(custom(name, content));
    }
    let symbols = Symbols::read(&module);
    assert!(symbols.has_lines());
    let before = Instant::now();
    let _ = (symbols.places(symbols.body(0).unwrap().start), symbols.rows());
    // No bar on time: without a budget this does not end while anybody waits.
    println!("read in {:?}", before.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_read_or_left_out(
        info in vec(any::<u8>(), 0..200), line in vec(any::<u8>(), 0..200), abbrev in vec(0..0x40_u8, 0..200),
        names in vec(any::<u8>(), 0..200), offset in 0..1000_usize,
    ) {
        let mut module = wat::parse_str("(module (func nop) (func nop))").unwrap();
        for (name, content) in
            [(".debug_info", &info), (".debug_line", &line), (".debug_abbrev", &abbrev), (".debug_str", &names), ("name", &names)]
        {
            module.extend(custom(name, content));
        }
        let symbols = Symbols::read(&module);
        let _ = (symbols.places(offset), symbols.rows());
        prop_assert!((0..3).all(|index| symbols.name(index).chars().all(|c| !c.is_control())));
    }

    #[test]
    fn names_never_fail(name in "(_Z|_R|__ZN|)[A-Za-z0-9_\\PC]{0,80}") {
        prop_assert!(subvm_symbols::demangled(&name).chars().count() <= 258);
    }
}
