//! What an initialised machine shows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use subvm_lower::{Global, Look, Lowered, Machine, Options, Refusal, WASM_PAGE, lower, memory_export};

use crate::expose;

/// Bytes between two stretches that are not zero from which on each is a segment of its own: about what a segment takes in the module.
const GAP: usize = 16;
/// Segments from which on larger gaps are written as well.
const SEGMENTS: usize = 10_000;
/// Bytes that are compared with zero at once.
const BLOCK: usize = 4_096;

/// Looks into the initialisations of one engine, which is made with it: `EngineBuilder::look` of wasmtime's, `WasmiEngine::looked_into` of
/// wasmi's. One goes after the other.
///
/// ```
/// use std::sync::Arc;
/// let seen = Arc::new(subvm_snapshot::Seen::new());
/// let engine = subvm_wasmi::WasmiEngine::looked_into(seen.clone());
/// # drop(engine);
/// ```
#[derive(Debug, Default)]
pub struct Seen(Mutex<Option<State>>);

/// A memory: its pages, and what is not zero, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) pages: u64,
    pub(crate) segments: Vec<(u64, Vec<u8>)>,
}

/// The machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) memories: Vec<Memory>,
    pub(crate) globals: BTreeMap<u32, Global>,
    /// The entries of tables: 0 for null, equal numbers for the same function.
    pub(crate) tables: BTreeMap<u32, Vec<u64>>,
}

impl Seen {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn take(&self) -> Option<State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Look for Seen {
    fn lower(&self, wasm: &[u8], options: &Options) -> Result<Lowered, Refusal> {
        let mut lowered = lower(wasm, options)?;
        // What cannot be read was written by lowering, which would be its bug: then nothing is seen.
        if let Ok(exposed) = expose::expose(wasm, &lowered.wasm) {
            lowered.wasm = exposed;
        }
        Ok(lowered)
    }

    fn ended(&self, machine: &Machine<'_>) {
        let state = machine.instances.last().map(|instance| {
            let memories = (0..).map_while(|index| instance.memory(&memory_export(index))).map(Memory::of).collect();
            let globals = instance.globals.iter();
            let globals = globals.filter_map(|(name, value)| Some((expose::index(name)?, *value)));
            let tables = (0..).map_while(|index| Some((index, instance.table(&expose::table(index))?.to_vec())));
            State { memories, globals: globals.collect(), tables: tables.collect() }
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Memory {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut gap = GAP;
        let mut stretches = stretches(bytes, gap);
        while stretches.len() > SEGMENTS {
            gap *= 4;
            stretches = joined(&stretches, gap);
        }
        let segments =
            stretches.iter().map(|(start, end)| (*start as u64, bytes.get(*start..*end).unwrap_or_default().to_vec()));
        Self { pages: bytes.len() as u64 / WASM_PAGE, segments: segments.collect() }
    }
}

/// The stretches of bytes that begin and end with one that is not zero and have fewer than `gap` zeros in a row, in order.
fn stretches(bytes: &[u8], gap: usize) -> Vec<(usize, usize)> {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if block == ZEROS.get(..block.len()).unwrap_or_default() {
            continue;
        }
        for (at, byte) in block.iter().enumerate() {
            if *byte == 0 {
                continue;
            }
            let at = number * BLOCK + at;
            match stretches.last_mut() {
                Some((_, end)) if at - *end < gap => *end = at + 1,
                _ => stretches.push((at, at + 1)),
            }
        }
    }
    stretches
}

/// Stretches with fewer than `gap` bytes between them are one.
fn joined(stretches: &[(usize, usize)], gap: usize) -> Vec<(usize, usize)> {
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for &(start, end) in stretches {
        match joined.last_mut() {
            Some((_, last)) if start - *last < gap => *last = end,
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_all_that_is_not_zero_and_gaps_are_not_written() {
        let mut bytes = vec![0; 2 * 65_536];
        for at in [0, 15, 4_095, 4_096, 65_000, 131_071] {
            bytes[at] = 7;
        }
        let memory = Memory::of(&bytes);
        let places: Vec<_> = memory.segments.iter().map(|(at, bytes)| (*at, bytes.len())).collect();
        assert_eq!((memory.pages, places), (2, vec![(0, 16), (4_095, 2), (65_000, 1), (131_071, 1)]));
        assert_eq!(Memory::of(&[0; 65_536]), Memory { pages: 1, segments: Vec::new() });
        assert_eq!(Memory::of(&[]), Memory::default());
    }

    #[test]
    fn where_there_are_too_many_segments_gaps_are_written() {
        let bytes: Vec<u8> = (0..40 * 65_536).map(|at| u8::from(at % 64 == 0)).collect();
        let memory = Memory::of(&bytes);
        assert!(memory.segments.len() <= SEGMENTS);
        let mut again = vec![0; bytes.len()];
        for (at, segment) in &memory.segments {
            again[*at as usize..][..segment.len()].copy_from_slice(segment);
        }
        assert_eq!(again, bytes);
    }
}
