//! Operands at random, with a preference for those that go wrong.

/// A stream of operands, the same on every run.
pub(crate) struct Operands {
    state: u64,
}

/// Whether the environment asks for the long test.
pub(crate) fn is_exhaustive() -> bool {
    std::env::var_os("SUBVM_EXHAUSTIVE").is_some()
}

/// So many calls.
pub(crate) struct Count {
    operands: Operands,
    count: u64,
}

impl Count {
    pub(crate) fn for_each(mut self, mut check: impl FnMut(&mut Operands)) {
        (0..self.count).for_each(|_| check(&mut self.operands));
    }
}

impl Operands {
    pub(crate) fn new(seed: u64) -> Operands {
        Operands { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// `released` calls, fewer in an unoptimised build, a hundred times as many where all is asked for.
    pub(crate) fn count(self, released: u64) -> Count {
        let count = if is_exhaustive() { released * 100 } else { released };
        Count { operands: self, count: if cfg!(debug_assertions) { count / 10 } else { count } }
    }

    /// The next number of splitmix64 (S. Vigna, public domain).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// An integer of any length, with runs of equal bits.
    pub(crate) fn integer(&mut self) -> u64 {
        let shape = self.next();
        let bits = match shape & 3 {
            0 => self.next(),
            1 => self.next() & self.next() & self.next(),
            2 => self.next() | self.next() | self.next(),
            _ => u64::MAX << (shape >> 8 & 63) ^ (1 << (shape >> 16 & 63)),
        };
        if shape & 4 == 0 { bits } else { bits >> (shape >> 24 & 63) }
    }

    pub(crate) fn binary32(&mut self) -> u32 {
        let fraction = self.integer() as u32 & 0x007f_ffff;
        let choice = self.next() as u32;
        let exponent = match choice & 7 {
            0 => choice >> 8 & 3,          // subnormal and just above
            1 => 0xff - (choice >> 8 & 3), // not finite and just below
            2..=4 => 0x7f - 32 + (choice >> 8 & 63),
            _ => choice >> 8 & 0xff,
        };
        choice & 1 << 31 | exponent << 23 | fraction
    }

    pub(crate) fn binary64(&mut self) -> u64 {
        let fraction = self.integer() & 0x000f_ffff_ffff_ffff;
        let choice = self.next();
        let exponent = match choice & 7 {
            0 => choice >> 8 & 3,
            1 => 0x7ff - (choice >> 8 & 3),
            2 => 0x3ff - 160 + (choice >> 8 & 0x1ff), // around the subnormals of binary32
            3..=4 => 0x3ff - 64 + (choice >> 8 & 127),
            _ => choice >> 8 & 0x7ff,
        };
        choice & 1 << 63 | exponent << 52 | fraction
    }
}
