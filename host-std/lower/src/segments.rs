//! Data segments made few: Go writes one for each stretch of bytes between zeros, 46,150 of them, and engines compile code
//! for each.

use alloc::vec::Vec;
use wasm_encoder::{ConstExpr, DataSection};
use wasmparser::{DataKind, Operator};

use super::WASM_PAGE;
use super::survey::Survey;

/// As many zeros between two segments are written out.
const GAP: usize = 256;

/// Some bytes, and where they go.
struct Segment {
    offset: u64,
    bytes: Vec<u8>,
}

/// The data section with fewer segments, where that is the same: all segments are active, on a first memory that the
/// module defines, at constants, and within it; and no instruction names a segment. Nothing else. That memory is number
/// `at` after lowering.
pub(super) fn merged(survey: &Survey<'_>, at: u32) -> wasmparser::Result<Option<DataSection>> {
    let (Some(reader), Some(memories)) = (&survey.sections.data, &survey.sections.memories) else { return Ok(None) };
    if survey.names_data || survey.imported_memories > 0 {
        return Ok(None);
    }
    let Some(memory) = memories.clone().into_iter().next().transpose()? else { return Ok(None) };
    let bytes = memory.initial.saturating_mul(WASM_PAGE);
    let mut segments: Vec<Segment> = Vec::new();
    // Behind it, memory is zero still.
    let mut highest = 0;
    for segment in reader.clone() {
        let segment = segment?;
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else { return Ok(None) };
        let mut operators = offset_expr.get_operators_reader();
        let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
        if !matches!(operators.read()?, Operator::End) {
            return Ok(None);
        }
        let (offset, length) = (u64::from(value as u32), segment.data.len() as u64);
        if offset + length > bytes {
            return Ok(None);
        }
        if length == 0 {
            continue;
        }
        match segments.last_mut().filter(|last| may_join(last, highest, offset)) {
            Some(last) => {
                last.bytes.resize((offset - last.offset) as usize, 0);
                last.bytes.extend_from_slice(segment.data);
            }
            None => segments.push(Segment { offset, bytes: segment.data.to_vec() }),
        }
        highest = highest.max(offset + length);
    }
    let mut section = DataSection::new();
    for Segment { offset, bytes } in segments {
        section.active(at, &ConstExpr::i32_const(offset as u32 as i32), bytes);
    }
    Ok(Some(section))
}

/// Whether what goes to `offset` can follow in the same segment: nothing was written from its end on, so that what lies
/// between is zero.
fn may_join(last: &Segment, highest: u64, offset: u64) -> bool {
    let end = last.offset + last.bytes.len() as u64;
    end == highest && offset >= end && offset - end <= GAP as u64
}
