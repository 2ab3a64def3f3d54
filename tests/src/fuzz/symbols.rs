//! Modules whose names and DWARF somebody made up or damaged: what can be read is read, in bounded time and memory, and prints as one line.

use subvm_symbols::Symbols;

use super::source::Source;

/// A program of C++ with DWARF.
const LINES: &[u8] = include_bytes!("../../guests/lines/lines.wasm");

/// The body of the target: the first byte says whether the others are a module, or changes to one.
pub(super) fn symbols(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let module = if kind % 2 == 0 { data.to_vec() } else { changed(&mut Source::new(data)) };
    let symbols = Symbols::read(&module);
    for index in 0..symbols.functions().min(64) {
        assert_is_line(&symbols.name(index));
        let Some(body) = symbols.body(index) else { continue };
        assert_eq!(symbols.function_at(body.start), Some(index));
        for place in symbols.places(body.start).into_iter().chain(symbols.places(body.end - 1)) {
            assert_is_line(&place.to_string());
        }
    }
    symbols.rows().iter().for_each(|row| assert_is_line(&row.file));
}

fn assert_is_line(text: &str) {
    assert!(text.chars().count() <= 600 && !text.chars().any(char::is_control), "{text:?}");
}

/// The program with some bytes replaced.
fn changed(source: &mut Source<'_>) -> Vec<u8> {
    let mut module = LINES.to_vec();
    while !source.is_empty() {
        let at = usize::from(source.u16()) % module.len();
        module[at] = source.byte();
    }
    module
}
