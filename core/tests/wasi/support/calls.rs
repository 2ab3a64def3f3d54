//! Any calls with any arguments, made from bytes, against the reference model.

use subvm_core::wasi::{Args, Config, Env, FUNCTIONS, Refused};
use subvm_core::{Mode, Personality};

use super::files::Files;
use super::model::Model;
use super::ops::Source;
use super::preview1::{Reference, Settings};
use super::*;

/// Descriptors that are looked at: the first, and one that no input gets to.
const DESCRIPTORS: [u32; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, u32::MAX];

/// The bit of an input's first byte that chooses the personality.
const PROGRAM: u8 = 2;

/// Makes calls of a guest and of the reference model, which says of each, from memory, arguments and what was called before: its errno or how it ends the
/// sub-VM, all of memory, ticks, RAM, what is printed, and what can be seen of descriptors. Calls go on after one that ends the sub-VM: what was left
/// behind would show.
///
/// All 46 functions are modelled whole. What no sequence of calls comes to is not: content attached to descriptors (the body `descriptors` attaches it),
/// results that are pending, the observer, and paths longer than a guest's memory.
pub(crate) fn any(bytes: &[u8]) {
    with_roots(bytes, &[]);
    // Only a program sees them.
    if bytes.first().is_some_and(|setting| setting & PROGRAM != 0) {
        with_roots(bytes, &super::ops::ROOTS);
    }
}

fn with_roots(bytes: &[u8], roots: &[&str]) {
    let mut source = Source(bytes);
    let mut pair = Pair::new(source.byte(), roots);
    while !source.0.is_empty() {
        let function = &FUNCTIONS[usize::from(source.below(46))];
        let mem = pair.guest.mem.len() as u64;
        let args: Vec<u64> = function.params.iter().map(|_| source.argument(mem)).collect();
        pair.step(function.name, &args);
    }
    pair.descriptors(&DESCRIPTORS);
}

impl Source<'_> {
    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Mostly small, mostly at an edge of something. What most bytes make is what most calls can use.
    fn argument(&mut self, mem: u64) -> u64 {
        let small = u64::from(self.byte());
        match self.byte() {
            0..=2 => small,
            3 => small * 8,
            4 => mem.wrapping_sub(small),
            5 => u64::from(u32::MAX) - small,
            6 => 1 << (small % 64),
            7 => self.word(),
            kind => match kind % 8 {
                0..=2 => small % 8,
                3 => small * 8,
                4 => small * 16 % mem.max(1),
                5 => READABLE ^ (1 << (small % 30)),
                6 => (small << 32) | (small % 8),
                _ => (small % 16).wrapping_neg(),
            },
        }
    }
}

/// A guest, and what the specification says of it.
struct Pair {
    guest: Guest,
    reference: Reference,
    /// The ticks that each call has.
    ticks: i64,
}

impl Pair {
    /// The byte's bits: mode, personality, two for the size of memory, two for ticks, little RAM, few descriptors.
    fn new(setting: u8, roots: &[&str]) -> Self {
        let (deterministic, program) = (setting & 1 == 0, setting & PROGRAM != 0);
        let mem = memory([0, 64, 1024, 4096][usize::from(setting >> 2 & 3)]);
        let ticks = [i64::MAX, 100, 500, 6100][usize::from(setting >> 4 & 3)];
        let ram = if setting & 64 == 0 { 1 << 30 } else { 200 };
        let fds = if setting & 128 == 0 { 1024 } else { 6 };

        let args = ["prog", "", "ünï"];
        let env = Env::new([("Z", "last"), ("A", ""), ("LANG", "de_DE"), ("_", "=")], &Refused::default()).unwrap();
        let mut tree = tree_of_files();
        roots.iter().for_each(|path| tree.announce(path).unwrap());
        let mut guest = Guest::with(Config {
            files: Arc::new(tree.build()),
            mode: if deterministic { Mode::Deterministic } else { Mode::NonDeterministic },
            personality: if program { Personality::Program } else { Personality::Seed },
            args: Arc::new(Args::new(args).unwrap()),
            env: Arc::new(env),
            ..config()
        });
        guest.mem.clone_from(&mem);
        guest.ram = Ram::new(ram);
        guest.limits.open_fds = fds;
        let settings = Settings {
            deterministic,
            program,
            args: args.map(str::to_owned).into(),
            env: ["A=", "LANG=de_DE", "LC_ALL=C.UTF-8", "TZ=UTC", "Z=last", "_=="].map(str::to_owned).into(),
            now: NOW,
            host_random: 1000,
        };
        *guest.script.random_until.lock().unwrap() = Some(settings.host_random as usize);
        let descriptors = Model::new(program, Files::usual(), roots, ram, fds as usize);
        Self { guest, reference: Reference::new(settings, mem, descriptors), ticks }
    }

    /// Makes a call of both.
    fn step(&mut self, name: &str, args: &[u64]) {
        let Self { guest, reference, ticks } = self;
        let call = || format!("{name}({args:?})");
        (guest.ticks, reference.ticks) = (*ticks, *ticks);
        assert_eq!(guest.call(name, args), reference.call(name, args), "{}", call());
        // Where they do not suffice, how far they do not is nothing that can be seen.
        assert_eq!(guest.ticks.max(-1), reference.ticks.max(-1), "ticks left by {}", call());
        assert_eq!(guest.ram.used(), reference.descriptors.ram, "RAM after {}", call());
        if guest.mem != reference.mem {
            let at = (0..guest.mem.len()).find(|&at| guest.mem[at] != reference.mem[at]).unwrap();
            panic!("{}: byte {at} is {:#x}, not {:#x}", call(), guest.mem[at], reference.mem[at]);
        }
        assert_eq!(guest.state.prestat_refused(), reference.prestat_refused, "{}", call());
        let printed = std::mem::take(&mut *guest.script.output.lock().unwrap());
        let (stream, bytes) = reference.printed.as_ref().map_or((None, &[][..]), |(on, bytes)| (Some(*on), bytes));
        assert!(printed.iter().all(|(on, _)| Some(*on) == stream), "{} prints on another stream", call());
        assert!(printed.iter().flat_map(|(_, bytes)| bytes).eq(bytes), "{} prints something else", call());
        self.descriptors(&args.iter().take(2).map(|arg| *arg as u32).collect::<Vec<_>>());
    }

    /// What can be seen of these descriptors.
    fn descriptors(&mut self, fds: &[u32]) {
        self.guest.ticks = i64::MAX;
        for &fd in fds {
            let stat = self.reference.descriptors.call(&Op::Fdstat(fd)).ok();
            let offset = || self.reference.descriptors.tell(fd).map(|bytes| number(&bytes));
            let expected = stat.map(|stat| (stat, offset()));
            assert_eq!(self.guest.descriptor(fd), expected, "descriptor {fd}");
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Memory with something to point to: paths, iovecs, and subscriptions.
fn memory(len: usize) -> Vec<u8> {
    let mut mem = vec![0; len];
    for (place, text) in mem.chunks_mut(16).zip([&b"a.txt"[..], b"dir", b"dir/sub/deep", b"../a.txt"].iter().cycle()) {
        place.iter_mut().zip(*text).for_each(|(byte, text)| *byte = *text);
    }
    for (index, iovec) in mem.chunks_exact_mut(8).enumerate().skip(16).take(16) {
        iovec[..4].copy_from_slice(&(index as u32 * 7).to_le_bytes());
        iovec[4..].copy_from_slice(&(index as u32).to_le_bytes());
    }
    // To be waited for: what is half a second away; what is past; what never is; what can be read, written, neither.
    let half_second = [1, 0, 0, 500_000_000, 0, 0];
    let [past, never] = [[2, 0, 1, 1, 0, 1], [3, 0, 2, u64::MAX, 0, 0]];
    let [read, write, neither] = [[4, 1, 0, 0, 0, 0], [5, 2, 1, 0, 0, 0], [6, 1, 3, 0, 0, 0]];
    let subscriptions = [half_second, never, past, half_second, read, write, neither, never];
    for (place, subscription) in mem.chunks_exact_mut(48).skip(43).zip(subscriptions) {
        place.copy_from_slice(&super::files::words(&subscription));
    }
    mem
}
