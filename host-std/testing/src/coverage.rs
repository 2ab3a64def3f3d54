//! Which lines of contracts were reached.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use subvm_core::Wasm;
use subvm_lower::{Options, Watch, lower};
use subvm_profile::Profile;
use subvm_symbols::Symbols;

/// Which lines of contracts the leaders' runs reached, by the DWARF of their modules: those built without it are left out.
///
/// A line counts as reached when a straight-line block that has an instruction of it was begun. That is exact but for two things: what stands
/// behind a trap in its block counts as reached, and a line of which a compiler made no instruction of its own is in no list.
///
/// ```
/// use subvm_testing::{Chain, Map};
/// # let lines = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/lines/lines.wasm"));
/// let mut chain = Chain::new();
/// chain.cover();
/// let program = chain.install(lines);
/// let alice = chain.account("alice", 0);
/// chain.call(alice, program, "any", Map::new());
/// let lines = chain.coverage().lines();
/// let reached = &lines["guest/lines.cc"];
/// assert!(reached[&30] && !reached[&23], "the first line of `start`, and the body of `refill`");
/// assert!(chain.coverage().lcov().contains("SF:guest/lines.cc\nDA:"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    modules: BTreeMap<[u8; 32], (Wasm, BTreeSet<u32>)>,
}

impl Coverage {
    pub(crate) fn add(&mut self, profile: &Profile) {
        for (number, linked) in (0..).zip(profile.modules()) {
            let (_, begun) =
                self.modules.entry(*linked.wasm.digest()).or_insert_with(|| (linked.wasm.clone(), BTreeSet::new()));
            begun.extend(profile.begun(number).into_iter().flatten());
        }
    }

    /// By file and line, whether it was reached.
    #[must_use]
    pub fn lines(&self) -> BTreeMap<String, BTreeMap<u32, bool>> {
        let mut files: BTreeMap<String, BTreeMap<u32, bool>> = BTreeMap::new();
        for (wasm, begun) in self.modules.values() {
            let symbols = Symbols::read(wasm);
            let options = Options { watch: Watch::Blocks, ..Options::default() };
            let Ok(lowered) = lower(wasm, &options) else { continue };
            for row in symbols.rows() {
                let Some(function) = symbols.function_at(row.code.start) else { continue };
                // The block that is open where the row begins, and those that begin in it.
                let first = lowered.blocks.partition_point(|block| *block as usize <= row.code.start).saturating_sub(1);
                let blocks = lowered.blocks[first..].iter().take_while(|block| (**block as usize) < row.code.end);
                let reached = blocks
                    .filter(|block| symbols.function_at(**block as usize) == Some(function))
                    .any(|block| begun.contains(block));
                let line = files.entry(row.file.to_string()).or_default().entry(row.line).or_default();
                *line |= reached;
            }
        }
        files
    }

    /// In the format of `lcov`, which `genhtml` and editors read.
    #[must_use]
    pub fn lcov(&self) -> String {
        let mut text = String::new();
        for (file, lines) in self.lines() {
            let reached = lines.values().filter(|reached| **reached).count();
            let each: String =
                lines.iter().map(|(line, reached)| format!("DA:{line},{}\n", u32::from(*reached))).collect();
            write!(text, "TN:\nSF:{file}\n{each}LF:{}\nLH:{reached}\nend_of_record\n", lines.len())
                .expect("a string takes all");
        }
        text
    }
}
