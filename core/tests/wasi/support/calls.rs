//! Any calls with any arguments, made from octets: what must hold whatever they are.

use subvm_core::Mode;
use subvm_core::wasi::{Config, Errno, FUNCTIONS, Function};

use super::ops::Source;
use super::*;

impl Source<'_> {
    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.octet()))
    }

    /// Mostly small, mostly at an edge of something.
    fn argument(&mut self, mem: u64) -> u64 {
        let small = u64::from(self.octet());
        match self.below(8) {
            0..=2 => small,
            3 => small * 8,
            4 => mem.wrapping_sub(small),
            5 => u64::from(u32::MAX) - small,
            6 => 1 << (small % 64),
            _ => self.word(),
        }
    }
}

/// Makes the calls of two guests that are alike. They must see the same, a call that fails must have no effect, and each must pay its base.
pub(crate) fn any(octets: &[u8]) {
    let mut source = Source(octets);
    let setting = source.octet();
    let mut guests = [guest(setting), guest(setting)];
    while !source.0.is_empty() {
        let function = &FUNCTIONS[usize::from(source.below(46))];
        let mem = guests[0].mem.len() as u64;
        let args: Vec<u64> = function.params.iter().map(|_| source.argument(mem)).collect();
        let [one, two] = &mut guests;
        let seen = step(one, function, &args);
        assert_eq!(seen, step(two, function, &args), "{}({args:?})", function.name);
        assert_eq!(one.ram.used(), two.ram.used(), "{}({args:?})", function.name);
        assert!(one.mem == two.mem, "{}({args:?}) writes something else", function.name);
    }
}

fn guest(setting: u8) -> Guest {
    let mode = if setting & 1 == 0 { Mode::Deterministic } else { Mode::NonDeterministic };
    let mut guest = Guest::with(Config { mode, announce_root: setting & 2 != 0, ..config() });
    guest.mem = vec![0; [0, 64, 1024, 4096][usize::from(setting >> 2 & 3)]];
    // Something to point to: paths, and iovecs.
    for (place, text) in
        guest.mem.chunks_mut(16).zip([&b"a.txt"[..], b"dir", b"dir/sub/deep", b"../a.txt"].iter().cycle())
    {
        place.iter_mut().zip(*text).for_each(|(octet, text)| *octet = *text);
    }
    for (index, iovec) in guest.mem.chunks_exact_mut(8).enumerate().skip(16).take(16) {
        iovec[..4].copy_from_slice(&(index as u32 * 7).to_le_bytes());
        iovec[4..].copy_from_slice(&(index as u32).to_le_bytes());
    }
    guest
}

/// What the call comes to, and what it paid.
fn step(guest: &mut Guest, function: &Function, args: &[u64]) -> (Result<Errno, Outcome>, i64) {
    let (mem, ram, ticks) = (guest.mem.clone(), guest.ram.used(), guest.ticks);
    let result = guest.call(function.name, args);
    let paid = ticks - guest.ticks;
    assert!(paid >= function.base as i64, "{}({args:?}) paid {paid}", function.name);
    if result != Ok(Errno::Success) {
        assert!(guest.mem == mem && guest.ram.used() == ram, "{}({args:?}) fails and has an effect", function.name);
    }
    if let Some(always) = function.always {
        assert_eq!(result, Ok(always));
    }
    // Charges are at most 16 ticks for each of 2^32 octets; what is left must not run out on the way.
    guest.ticks = i64::MAX;
    (result, paid)
}
