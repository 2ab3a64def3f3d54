//! The stack of a failure, in the words of who wrote the code.

use std::collections::BTreeMap;
use std::sync::Arc;

use subvm_core::Wasm;
use subvm_lower::{Active, Options, Origins, origins};

use super::{Symbols, shown};

/// Frames that are shown.
const MOST: usize = 32;

/// Symbols of the modules that somebody looks at, each read once.
///
/// ```
/// use subvm_symbols::Library;
/// let module = subvm_core::Wasm::from(wat::parse_str("(module (func $run))")?);
/// let mut library = Library::default();
/// assert_eq!(library.of(&module).name(0), "run");
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Library {
    modules: BTreeMap<[u8; 32], Arc<Symbols>>,
}

impl Library {
    /// The symbols of a module.
    pub fn of(&mut self, wasm: &Wasm) -> Arc<Symbols> {
        Arc::clone(self.modules.entry(*wasm.digest()).or_insert_with(|| Arc::new(Symbols::read(wasm))))
    }
}

/// A line for each function that was active, innermost first: its module, its name and index; then, where it has DWARF and the engine knew the
/// instruction, one for each function that was inlined there and for the function itself, with file and line. Of more than 32 frames only the
/// number is told.
///
/// # Cost
/// Lowers each module that has DWARF once more.
///
/// ```
/// use subvm_lower::{Active, Options};
/// use subvm_symbols::stack;
/// let wasm = subvm_core::Wasm::from(wat::parse_str("(module (func $pay unreachable))")?);
/// let active = Active { module_name: "main".into(), wasm, func: 0, lowered: None, options: Options::default() };
/// assert_eq!(stack(&[active]), ["in main: pay (function 0)"]);
/// # Ok::<(), wat::Error>(())
/// ```
#[must_use]
pub fn stack(active: &[Active]) -> Vec<String> {
    let mut library = Library::default();
    let mut lowered: Vec<([u8; 32], Options, Option<Origins>)> = Vec::new();
    let mut lines = Vec::new();
    for (depth, Active { module_name, wasm, func, lowered: at, options }) in active.iter().take(MOST).enumerate() {
        let symbols = library.of(wasm);
        let words = if depth == 0 { "in" } else { "called by" };
        let name = symbols.known_name(*func).map_or_else(String::new, |name| format!("{name} "));
        lines.push(format!("{words} {}: {name}(function {func})", shown(module_name)));
        let Some(at) = at.filter(|_| symbols.has_lines()) else { continue };
        let known = lowered.iter().position(|(digest, with, _)| digest == wasm.digest() && with == options);
        let known = known.unwrap_or_else(|| {
            lowered.push((*wasm.digest(), *options, origins(wasm, options).ok()));
            lowered.len() - 1
        });
        let origin = lowered.get(known).and_then(|(.., origins)| origins.as_ref()?.original(at));
        let places = origin.map_or_else(Vec::new, |offset| symbols.places(offset));
        let last = places.len().saturating_sub(1);
        let inlined = |place: usize| if place < last { ", inlined" } else { "" };
        lines.extend(places.iter().enumerate().map(|(number, place)| format!("    {place}{}", inlined(number))));
    }
    if active.len() > MOST {
        lines.push(format!("and {} more", active.len() - MOST));
    }
    lines
}
