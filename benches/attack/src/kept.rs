//! The worst that searches found, as files beside this crate: `cases/NAME.wat`, with what was measured then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use subvm_core::{Library, Parts};

use crate::known::{BAR, Case};

/// Where they are.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// The line that says how many libraries stand before a module.
const LIBRARIES: &str = ";; libraries: ";

/// The line that says what a tick of a case may take where it is more than three of the kernel's, which a person writes.
const HIGHER: &str = ";; bar: ";

/// What a start module has around it: files, arguments, an environment, and so many libraries.
pub(crate) fn parts(start: Vec<u8>, libraries: usize) -> Parts {
    let empty: Arc<[u8]> = Arc::from(*b"");
    let mut files: Vec<_> = (0..1000).map(|number| (format!("/d/file_{number:06}"), Arc::clone(&empty))).collect();
    files.push(("/a/b/c/file.txt".into(), vec![7; 1 << 20].into()));
    let words = |count: usize| (0..count).map(|number| format!("word{number}"));
    let library = |number: usize| {
        let imports: String = match number {
            0 => String::new(),
            _ => (0..50).map(|name| format!("(import \"l0\" \"g{name}\" (global i32))")).collect(),
        };
        let exports: String = (0..200).map(|name| format!("(export \"g{name}\" (global 0))")).collect();
        let own = if number == 0 { "(global i32 (i32.const 0))" } else { "" };
        let wasm = wat::parse_str(format!("(module {imports} {own} {exports})")).expect("a module");
        Library { name: format!("l{number}"), wasm: wasm.into() }
    };
    Parts {
        start: start.into(),
        libraries: (0..libraries).map(library).collect(),
        files,
        args: words(20).collect(),
        env: words(20).map(|word| (word.to_uppercase(), word)).collect(),
        ..Parts::default()
    }
}

/// All of them, in the order of their names.
pub(crate) fn cases() -> Vec<Case> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory())
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let libraries = text.lines().find_map(|line| line.strip_prefix(LIBRARIES)?.parse().ok()).unwrap_or(0);
    let name = path.file_stem().expect("it ends in .wat").to_string_lossy().into_owned();
    let bar = text.lines().find_map(|line| line.strip_prefix(HIGHER)?.parse().ok()).unwrap_or(BAR);
    let make = move || parts(wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")), libraries);
    Case::new(&name, "found by the search", "", make).bar(bar)
}

/// Writes one down.
pub(crate) fn keep(name: &str, found: &str, libraries: usize, text: &str) -> io::Result<()> {
    fs::create_dir_all(directory())?;
    let text = format!(";; Found by `attack search`: {found}\n{LIBRARIES}{libraries}\n{text}");
    fs::write(directory().join(name).with_extension("wat"), text)
}
