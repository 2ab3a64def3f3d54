//! A fuzz target, and the memory that it may hold.

/// A body under the name of its target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    name: &'static str,
    body: fn(&[u8]),
    memory: Option<Memory>,
}

/// A bound on the memory held at once, in bytes.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// For each byte of the input.
    per_byte: u64,
    /// Beside.
    base: u64,
}

impl Target {
    /// A target whose memory nobody watches.
    #[must_use]
    pub const fn new(name: &'static str, body: fn(&[u8])) -> Self {
        Self { name, body, memory: None }
    }

    /// The target with a bound on the bytes that its thread holds at once: `per_byte` for each of the input's, and `base`.
    #[must_use]
    pub const fn holding(self, per_byte: u64, base: u64) -> Self {
        Self { memory: Some(Memory { per_byte, base }), ..self }
    }

    /// Its name: of the fuzz target, of its corpus, and of its regressions.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the body. Gives the most bytes of memory that it held at once.
    ///
    /// # Panics
    /// Where something is wrong, or more memory was held than the input may bring about.
    pub fn check(&self, data: &[u8]) -> u64 {
        let held = allocation_counter::measure(|| (self.body)(data)).bytes_max;
        if let Some(Memory { per_byte, base }) = self.memory {
            let allowed = base + per_byte * data.len() as u64;
            assert!(
                held <= allowed,
                "{}: {held} bytes of memory for {} of input, {allowed} allowed",
                self.name,
                data.len()
            );
        }
        held
    }
}
