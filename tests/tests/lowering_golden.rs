//! What lowering makes of a module, as text, one file for each thing that the pass does: `tests/golden/lowering/`.
//!
//! A file is a module in text form, and behind it what it becomes, commented out. A first line `;; options: ...` chooses what [`Options`]
//! does. `SUBVM_RECORD=1 cargo test --workspace --test lowering_golden` writes the second half anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use subvm_host_std::lower::{Counters, Floats, Options, lower};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/lowering");
/// What stands between a module and what it becomes.
const MARK: &str = "\n;; lowered:\n";

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(DIRECTORY).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Lines of an appended function that are worth showing.
const LIBRARY: usize = 32;

/// The options that the first line asks for; the same on every processor.
fn options(text: &str) -> Options {
    let mut options = Options { probe_stores: false, ..Options::default() };
    let asked = text.lines().next().and_then(|line| line.strip_prefix(";; options: ")).unwrap_or_default();
    for option in asked.split_whitespace() {
        match option.split_once('=').unwrap_or((option, "")) {
            ("floats", "soft") => options.floats = Floats::Soft,
            ("floats", "trap") => options.floats = Floats::Trap,
            ("floats", "canonical") => options.floats = Floats::Canonical,
            ("floats", "native") => options.floats = Floats::Native,
            ("counters", "imported") => options.counters = Counters::Imported,
            ("ordinal", ordinal) => options.ordinal = ordinal.parse().expect("a number"),
            ("probe_stores", "") => options.probe_stores = true,
            ("own_values", "") => options.own_values = true,
            ("frames", "") => options.frames = true,
            ("exceptions", "") => options.exceptions = true,
            _ => panic!("no such option: {option}"),
        }
    }
    options
}

/// A lowered module as text. What lowering appended from its library is left out where it is long: it is the same in every module.
fn printed(guest: &str) -> String {
    let module = wat::parse_str(guest).expect("a module");
    let lowered = lower(&module, &options(guest)).expect("it can be lowered");
    let text = wasmprinter::print_bytes(&lowered.wasm).expect("a module");
    let (mut shown, mut body, mut appended) = (String::new(), Vec::new(), false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("  (func (;") {
            let index = rest.split(';').next().and_then(|index| index.parse().ok()).expect("a function has a number");
            appended = lowered.functions.original(index).is_none();
        }
        if line.starts_with("    ") {
            body.push(line);
            continue;
        }
        if appended && body.len() > LIBRARY {
            body = vec!["    ..."];
        }
        for line in body.drain(..).chain([line]) {
            writeln!(shown, ";; {line}").expect("a string has room");
        }
    }
    shown
}

#[test]
fn each_thing_that_the_pass_does_is_written_down() {
    assert!(files().len() >= 16);
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let (guest, expected) = text.split_once(MARK).unwrap_or((&text, ""));
        let now = printed(guest);
        if std::env::var_os("SUBVM_RECORD").is_some() {
            fs::write(&path, format!("{}\n{MARK}{now}", guest.trim_end())).unwrap();
            continue;
        }
        let name = Path::new(&path).file_name().unwrap().display();
        for (line, (expected, now)) in expected.lines().zip(now.lines()).enumerate() {
            assert_eq!(expected, now, "{name}, line {} of what it becomes", line + 1);
        }
        assert_eq!(expected.lines().count(), now.lines().count(), "{name} becomes longer or shorter");
    }
}
