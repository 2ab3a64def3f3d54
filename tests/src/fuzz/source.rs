//! Bytes to be made into something.

use arbitrary::Unstructured;

/// An input that is used up as it is read; zeros follow its last byte, so that every input means something.
pub(super) struct Source<'a>(Unstructured<'a>);

impl<'a> Source<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// One byte, modulo `bound`.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// Yes, once in so many.
    pub(super) fn once_in(&mut self, bound: u8) -> bool {
        self.below(bound) == bound - 1
    }

    pub(super) fn choose<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()].clone()
    }

    pub(super) fn u16(&mut self) -> u16 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// As many bytes as the next one says, or are there.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte()).min(self.0.len());
        self.0.bytes(len).unwrap_or_default().to_vec()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.0.bytes(self.0.len()).unwrap_or_default().to_vec()
    }
}
