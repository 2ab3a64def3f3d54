//! Writing a module again with something added: section by section, the rest byte for byte.

use wasm_encoder::Encode;
use wasmparser::{BinaryReaderError, FunctionBody, Parser, Payload};

/// The sections of a module, as they are.
pub(crate) struct Sections<'a> {
    wasm: &'a [u8],
    /// Number and content of each, in order.
    sections: Vec<(u8, &'a [u8])>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
}

/// What stands in a module for a section that it lacks.
const EMPTY: &[u8] = &[0];
const MEMORIES: u8 = 5;
const GLOBALS: u8 = 6;

impl<'a> Sections<'a> {
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let (mut sections, mut bodies) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((number, range)) = payload.as_section() {
                sections.push((number, wasm.get(range).unwrap_or_default()));
            }
            if let Payload::CodeSectionEntry(body) = payload {
                bodies.push(body);
            }
        }
        if !sections.iter().any(|(number, _)| *number == MEMORIES)
            && let Some(globals) = sections.iter().position(|(number, _)| *number == GLOBALS)
        {
            sections.insert(globals, (MEMORIES, EMPTY));
        }
        Ok(Self { wasm, sections, bodies })
    }

    /// The module again: `write` gives what a section becomes, where that is something else.
    pub(crate) fn written(&self, mut write: impl FnMut(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
        let mut module = self.wasm.get(..8).unwrap_or_default().to_vec();
        for (number, content) in &self.sections {
            let other = write(*number, content);
            let content = other.as_deref().unwrap_or(content);
            // Made for nothing.
            if content == EMPTY {
                continue;
            }
            module.push(*number);
            content.encode(&mut module);
        }
        module
    }
}

/// A section that is a vector, with `more` elements behind those that it has.
pub(crate) fn longer(content: &[u8], more: &[Vec<u8>]) -> Option<Vec<u8>> {
    let (count, rest) = leb(content)?;
    let mut section = Vec::with_capacity(content.len() + 16 * more.len());
    (count + more.len() as u32).encode(&mut section);
    section.extend_from_slice(rest);
    more.iter().for_each(|element| section.extend_from_slice(element));
    Some(section)
}

/// How many elements a section has that is a vector.
pub(crate) fn count(content: &[u8]) -> u32 {
    leb(content).map_or(0, |(count, _)| count)
}

fn leb(content: &[u8]) -> Option<(u32, &[u8])> {
    let mut reader = wasmparser::BinaryReader::new(content, 0);
    let count = reader.read_var_u32().ok()?;
    Some((count, content.get(reader.original_position()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_nothing_is_added_to_stays_what_it_is() {
        let wasm = wat::parse_str("(module (memory 1) (global i32 (i32.const 5)) (func nop) (export \"f\" (func 0)))")
            .unwrap();
        assert_eq!(Sections::read(&wasm).unwrap().written(|_, _| None), wasm);
        let wasm = wat::parse_str("(module (global i32 (i32.const 5)) (func nop))").unwrap();
        assert_eq!(Sections::read(&wasm).unwrap().written(|_, _| None), wasm, "without a section of memories");
    }

    #[test]
    fn a_vector_is_made_longer() {
        assert_eq!(longer(&[1, 7], &[vec![8], vec![9]]), Some(vec![3, 7, 8, 9]));
        assert_eq!((longer(&[], &[]), count(&[0x85, 0x01])), (None, 133));
    }
}
