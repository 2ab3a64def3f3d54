//! Blocks: records that are kept together, with what says that they are whole. Source: `docs/spec/recording.md`, *Blocks*.

use std::cell::RefCell;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// What a recording begins with.
pub(crate) const MAGIC: [u8; 8] = *b"subvmrec";
/// The version of the format.
pub(crate) const VERSION: u8 = 1;
/// Bytes before the first block.
pub(crate) const OPENING: usize = MAGIC.len() + 1;
/// Bytes of a head.
pub(crate) const HEAD: usize = 64;
/// A block ends with the record with which it has so many bytes.
pub(crate) const FULL: usize = 64 << 10;
/// A block ends with the step whose number is a multiple of this.
pub(crate) const STEPS: u64 = 1024;
/// The most bytes that a record has.
pub(crate) const RECORD: usize = 256 << 20;
/// Bytes of a block beside its last record: what a place and records below [`FULL`] take.
const MOST: usize = RECORD + FULL + (64 << 10);
/// How hard packing tries: more finds little in digests and numbers.
const EFFORT: i32 = 1;

/// A block of fewer bytes is stored as it is. A short run has one block; to pack that would take longer than all else that recording it
/// takes, and its file has a block of the disk's either way.
const PACKED_FROM: usize = 4096;

thread_local! {
    /// Of the recordings that this thread writes. To make one takes longer than to pack a block with it: it has 300 KB.
    static PACKER: RefCell<Option<Packer>> = const { RefCell::new(None) };
}

/// The block as it is stored.
fn packed(raw: &[u8]) -> Vec<u8> {
    if raw.len() < PACKED_FROM {
        return raw.to_vec();
    }
    // Where the thread ends, its own is gone.
    PACKER.try_with(|packer| packer.borrow_mut().get_or_insert_default().pack(raw)).unwrap_or_else(|_| raw.to_vec())
}

/// What packs blocks.
struct Packer(Box<CompressorOxide>);

impl Default for Packer {
    fn default() -> Self {
        // Without a window of its own: a raw stream.
        Self(Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(EFFORT, 0, 0))))
    }
}

impl Packer {
    /// The block as a raw DEFLATE stream, or as it is where that is not shorter.
    fn pack(&mut self, raw: &[u8]) -> Vec<u8> {
        self.0.reset();
        let (mut packed, mut taken, mut written) = (vec![0; raw.len()], 0, 0);
        loop {
            let (from, to) = (raw.get(taken..).unwrap_or_default(), packed.get_mut(written..).unwrap_or_default());
            let (status, more_taken, more_written) = compress(&mut self.0, from, to, TDEFLFlush::Finish);
            (taken, written) = (taken + more_taken, written + more_written);
            match status {
                TDEFLStatus::Done if written < raw.len() => break,
                TDEFLStatus::Okay if written < raw.len() && (more_taken, more_written) != (0, 0) => {}
                _ => return raw.to_vec(),
            }
        }
        packed.truncate(written);
        packed
    }
}

/// What stands before a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The first bytes of BLAKE3 of the check before (zeros at first) and of what follows here.
    pub(crate) check: [u8; 8],
    /// The first bytes of BLAKE3 of the block as it is stored.
    content: [u8; 8],
    /// Bytes of the block.
    pub(crate) raw: u32,
    /// Bytes that are stored: fewer where it is packed, as many where it is not.
    pub(crate) stored: u32,
    /// Steps up to its end.
    pub(crate) steps: u64,
    /// The trace digest up to its end.
    pub(crate) trace: [u8; 32],
}

/// Why bytes are no head.
pub(crate) type Wrong = &'static str;

impl Head {
    /// Packs a block. Gives its head, and the bytes that follow.
    pub(crate) fn seal(before: [u8; 8], raw: &[u8], steps: u64, trace: [u8; 32]) -> ([u8; HEAD], Vec<u8>) {
        let stored = packed(raw);
        let mut head = [0; HEAD];
        head[8..16].copy_from_slice(&short(&[&stored]));
        head[16..20].copy_from_slice(&(raw.len() as u32).to_le_bytes());
        head[20..24].copy_from_slice(&(stored.len() as u32).to_le_bytes());
        head[24..32].copy_from_slice(&steps.to_le_bytes());
        head[32..].copy_from_slice(&trace);
        let check = short(&[&before, &head[8..]]);
        head[..8].copy_from_slice(&check);
        (head, stored)
    }

    /// Reads a head that follows one with the check `before`.
    pub(crate) fn read(before: [u8; 8], bytes: &[u8; HEAD]) -> Result<Self, Wrong> {
        fn part<const N: usize>(bytes: &[u8; HEAD], at: usize) -> [u8; N] {
            bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
        }
        let head = Self {
            check: part(bytes, 0),
            content: part(bytes, 8),
            raw: u32::from_le_bytes(part(bytes, 16)),
            stored: u32::from_le_bytes(part(bytes, 20)),
            steps: u64::from_le_bytes(part(bytes, 24)),
            trace: part(bytes, 32),
        };
        if head.check != short(&[&before, &bytes[8..]]) {
            return Err("a head does not have the digest that it should");
        }
        if head.raw as usize > MOST || head.stored > head.raw {
            return Err("a block is too large");
        }
        Ok(head)
    }

    /// The records of a block that is here as a whole.
    pub(crate) fn open(&self, stored: &[u8]) -> Result<Vec<u8>, Wrong> {
        if self.content != short(&[stored]) {
            return Err("a block does not have the digest that it should");
        }
        match self.unpack(stored) {
            (raw, true) if raw.len() == self.raw as usize => Ok(raw),
            _ => Err("a block is not packed as it should be"),
        }
    }

    /// What can be had of a block of which only the first bytes are here.
    pub(crate) fn open_cut(&self, stored: &[u8]) -> Vec<u8> {
        self.unpack(stored).0
    }

    /// Unpacks, and tells whether that came to the packed end.
    fn unpack(&self, stored: &[u8]) -> (Vec<u8>, bool) {
        if self.stored == self.raw {
            return (stored.to_vec(), true);
        }
        let mut state = InflateState::new_boxed(DataFormat::Raw);
        let (mut raw, mut left, mut piece) = (Vec::new(), stored, vec![0; 32 << 10]);
        loop {
            let done = inflate(&mut state, left, &mut piece, MZFlush::None);
            left = left.get(done.bytes_consumed..).unwrap_or_default();
            raw.extend_from_slice(piece.get(..done.bytes_written).unwrap_or_default());
            match done.status {
                _ if raw.len() > self.raw as usize => return (raw, false),
                Ok(MZStatus::StreamEnd) => return (raw, left.is_empty()),
                Ok(_) if done.bytes_written > 0 || done.bytes_consumed > 0 => {}
                Ok(_) | Err(MZError::Buf) | Err(_) => return (raw, false),
            }
        }
    }
}

fn short(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    let mut digest = [0; 8];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(raw: &[u8]) -> (Head, Vec<u8>) {
        let (head, stored) = Head::seal([1; 8], raw, 7, [9; 32]);
        (Head::read([1; 8], &head).unwrap(), stored)
    }

    #[test]
    fn a_block_is_packed_where_that_helps_and_opens_to_what_it_was() {
        let scattered = blake3::Hasher::new().finalize_xof().to_owned();
        let mut random = vec![0; 5_000];
        scattered.clone().fill(&mut random);
        let (least, small) = (vec![7; PACKED_FROM], vec![7; PACKED_FROM - 1]);
        for (raw, packs) in
            [(vec![7; 100_000], true), (least, true), (small, false), (random, false), (b"x".to_vec(), false)]
        {
            let (head, stored) = sealed(&raw);
            assert_eq!(head.stored < head.raw, packs, "{} bytes", raw.len());
            assert_eq!(head.open(&stored).unwrap(), raw);
        }
    }

    #[test]
    fn what_is_changed_is_found_and_what_is_cut_is_a_beginning() {
        let raw: Vec<u8> = (0..5_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let (head, stored) = sealed(&raw);
        for at in (0..stored.len()).step_by(97) {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(head.open(&changed).is_err());
            assert!(raw.starts_with(&head.open_cut(&stored[..at])));
        }
        assert!(!head.open_cut(&stored[..stored.len() / 2]).is_empty(), "half of it is worth something");
        let (bytes, _) = Head::seal([1; 8], &raw, 7, [9; 32]);
        for at in 0..HEAD {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert!(Head::read([1; 8], &changed).is_err());
        }
        assert!(Head::read([2; 8], &bytes).is_err());
    }
}
