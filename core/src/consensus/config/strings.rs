//! Lists of strings as guests get them: one block of bytes, prepared once, and where each string begins in it.

use alloc::vec::Vec;

/// Strings, each ended by a NUL, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    pub(crate) block: Vec<u8>,
    pub(crate) starts: Vec<u32>,
}

impl Strings {
    /// Adds a string, given in parts. The limits on arguments and environment keep the block far below 4 GiB.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        self.starts.push(u32::try_from(self.block.len()).unwrap_or(u32::MAX));
        parts.iter().for_each(|part| self.block.extend_from_slice(part));
        self.block.push(0);
    }

    /// The strings, without their NULs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let block = self.block.strip_suffix(&[0]).unwrap_or(&self.block);
        block.split(|&byte| byte == 0).take(self.starts.len())
    }

    /// How many, and the bytes that they take.
    #[inline]
    pub(crate) fn sizes(&self) -> (u32, u32) {
        let number = |len| u32::try_from(len).unwrap_or(u32::MAX);
        (number(self.starts.len()), number(self.block.len()))
    }
}
