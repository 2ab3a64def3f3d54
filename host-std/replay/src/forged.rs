//! Recordings that no run made, for tests of who reads them.

use crate::buffer::Buffer;
use crate::format::block::{HEAD, Head, MAGIC, OPENING, VERSION};
use crate::format::record::Record;
use crate::reader::Reader;
use crate::writer::Writer;

/// The blocks of a recording, unpacked; up to the first that is none.
#[must_use]
pub fn blocks(recording: &[u8]) -> Vec<Vec<u8>> {
    let (mut blocks, mut check, mut rest) = (Vec::new(), [0; 8], recording.get(OPENING..).unwrap_or_default());
    while let Some((bytes, after)) = rest.split_first_chunk::<HEAD>() {
        let Ok(head) = Head::read(check, bytes) else { break };
        let Some((stored, after)) = after.split_at_checked(head.stored as usize) else { break };
        let Ok(raw) = head.open(stored) else { break };
        (check, rest) = (head.check, after);
        blocks.push(raw);
    }
    blocks
}

/// A recording of these blocks, each with a head that fits it, as far as its records make sense.
#[must_use]
pub fn sealed(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut told = vec![(0, [0; 32]); blocks.len()];
    let seal = |told: &[(u64, [u8; 32])]| {
        let (mut file, mut check) = ([&MAGIC[..], &[VERSION]].concat(), [0; 8]);
        for (raw, (steps, trace)) in blocks.iter().zip(told) {
            let (head, stored) = Head::seal(check, raw, *steps, *trace);
            check.copy_from_slice(&head[..8]);
            file.extend_from_slice(&head);
            file.extend_from_slice(&stored);
        }
        file
    };
    // A block's head is known once those before it are.
    for number in 0..blocks.len() {
        let file = seal(&told);
        let Ok(mut reader) = Reader::new(&*file) else { break };
        while reader.blocks() <= number as u64 + 1 && matches!(reader.next(), Some(Ok(_))) {}
        if let Some(told) = told.get_mut(number) {
            *told = (reader.steps(), reader.trace());
        }
    }
    seal(&told)
}

/// A recording of these records.
#[must_use]
pub fn written(records: &[Record]) -> Vec<u8> {
    let sink = Buffer::default();
    let mut writer = Writer::new(Box::new(sink.clone()), u64::MAX, false);
    records.iter().for_each(|record| writer.push(record));
    drop(writer);
    sink.bytes()
}
