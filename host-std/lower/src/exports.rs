//! Exports that are left out of a lowered module, for an engine that keeps each export in each instance.

use alloc::vec::Vec;
use core::mem::take;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ElementMode, ElementSection, ElementSegment, Elements, ExportSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload, SectionLimited};

/// The module that [`lower`](super::lower) made, without the exports of the guest's whose names `keep` does not want. Lowering's own exports,
/// whose names hold [`RESERVED`](super::RESERVED), are for the caller to keep. Nothing where it is no lowered module.
///
/// A function that loses its export can still be referred to: a segment that declares it is added. No instruction changes.
///
/// # Cost
/// A copy of the module.
///
/// ```
/// use subvm_lower::{Options, RESERVED, lower, retain_exports};
/// let module = wat::parse_str(r#"(module (func (export "what nobody imports")) (func (export "g")))"#)?;
/// let lowered = lower(&module, &Options::default()).unwrap().wasm;
/// let retained = retain_exports(&lowered, |name| name == "g" || name.contains(RESERVED)).unwrap();
/// assert!(retained.len() < lowered.len());
/// # Ok::<(), wat::Error>(())
/// ```
#[must_use]
pub fn retain_exports(lowered: &[u8], keep: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut module = Module::new();
    // The functions that lost their exports, until a segment declares them.
    let mut dropped = Vec::new();
    for payload in Parser::new(0).parse_all(lowered) {
        let payload = payload.ok()?;
        match &payload {
            Payload::ExportSection(reader) => {
                let mut exports = ExportSection::new();
                for export in reader.clone() {
                    let export = export.ok()?;
                    if keep(export.name) {
                        RoundtripReencoder.parse_export(&mut exports, export).ok()?;
                    } else if export.kind == ExternalKind::Func {
                        dropped.push(export.index);
                    }
                }
                module.section(&exports);
                continue;
            }
            Payload::ElementSection(reader) => {
                module.section(&elements(Some(reader.clone()), take(&mut dropped))?);
                continue;
            }
            // What comes after the elements.
            Payload::DataCountSection { .. } | Payload::CodeSectionStart { .. } if !dropped.is_empty() => {
                module.section(&elements(None, take(&mut dropped))?);
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: lowered.get(range)? });
        }
    }
    Some(module.finish())
}

/// The segments there are, and one that declares these functions.
fn elements(there: Option<SectionLimited<'_, wasmparser::Element<'_>>>, functions: Vec<u32>) -> Option<ElementSection> {
    let mut elements = ElementSection::new();
    if let Some(there) = there {
        RoundtripReencoder.parse_element_section(&mut elements, there).ok()?;
    }
    if !functions.is_empty() {
        elements
            .segment(ElementSegment { mode: ElementMode::Declared, elements: Elements::Functions(functions.into()) });
    }
    Some(elements)
}
