//! What a sub-VM knows by itself: arguments and environment, clocks, randomness.

use rand_mt::Mt;
use subvm_core::wasi::Errno;

use super::{Done, Reference, prices};

/// MT19937 by `init_by_array` with the octets of `GenLayer`. That `rand_mt` is that is held by `random_get.hex`, which CPython wrote.
pub(super) struct Generator(Mt);

impl Generator {
    fn seeded() -> Self {
        Self(Mt::new_with_key(b"GenLayer".iter().map(|octet| u32::from(*octet))))
    }

    /// As many words as are touched, the last one's other octets dropped.
    fn octets(&mut self, len: usize) -> Vec<u8> {
        let mut octets = vec![];
        while octets.len() < len {
            octets.extend(self.0.next_u32().to_le_bytes());
        }
        octets.truncate(len);
        octets
    }
}

impl Reference {
    /// How many there are, and their octets with the NULs.
    pub(super) fn sizes(&mut self, strings: &[String], count: u32, size: u32) -> Done {
        self.range(count, 4, 4)?;
        self.range(size, 4, 4)?;
        let octets: usize = strings.iter().map(|string| string.len() + 1).sum();
        self.put(count, &(strings.len() as u32).to_le_bytes());
        self.put(size, &(octets as u32).to_le_bytes());
        Ok(())
    }

    /// The pointers, then the strings that they point to.
    pub(super) fn strings(&mut self, strings: Vec<String>, pointers: u32, buffer: u32) -> Done {
        let mut places = vec![];
        let mut octets = vec![];
        for string in strings {
            places.extend(buffer.wrapping_add(octets.len() as u32).to_le_bytes());
            octets.extend(string.into_bytes());
            octets.push(0);
        }
        self.charge(prices::copying((places.len() + octets.len()) as u64))?;
        self.range(pointers, places.len() as u64, 4)?;
        self.range(buffer, octets.len() as u64, 1)?;
        self.put(pointers, &places);
        self.put(buffer, &octets);
        Ok(())
    }

    /// `value`, of any of the four clocks.
    pub(super) fn clock(&mut self, id: u32, value: u64, at: u32) -> Done {
        if id > 3 {
            return Err(Errno::Inval.into());
        }
        self.range(at, 8, 8)?;
        self.put(at, &value.to_le_bytes());
        Ok(())
    }

    pub(super) fn random(&mut self, at: u32, len: u32) -> Done {
        let seeds = self.settings.deterministic && self.generator.is_none();
        self.charge(u64::from(len) * prices::RANDOM_OCTET + if seeds { prices::RANDOM_SEED } else { 0 })?;
        self.range(at, len.into(), 1)?;
        let octets = if self.settings.deterministic {
            self.generator.get_or_insert_with(Generator::seeded).octets(len as usize)
        } else if len > self.settings.host_random {
            return Err(Errno::Io.into());
        } else {
            (1..=255).cycle().take(len as usize).collect()
        };
        self.put(at, &octets);
        Ok(())
    }
}
