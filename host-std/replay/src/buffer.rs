//! A recording in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps a recording in memory: for tests, and for runs whose recording is wanted only where something went wrong. Clones share it.
///
/// ```
/// use std::io::Write;
/// let buffer = subvm_replay::Buffer::default();
/// buffer.clone().write_all(b"some bytes")?;
/// assert_eq!(buffer.bytes(), b"some bytes");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
