//! `random_get`.

use subvm_core::Mode;
use subvm_core::wasi::{Config, Errno};

use crate::support::{FILL, Guest, config};

/// Written by `random_vectors.py`, from another implementation.
const VECTORS: &str = include_str!("random_get.hex");

fn lines() -> Vec<(usize, Vec<u8>)> {
    let line = |line: &str| {
        let (length, hex) = line.split_once(' ').unwrap_or((line, ""));
        let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..][..2], 16).unwrap());
        (length.parse().unwrap(), bytes.collect())
    };
    VECTORS.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

fn nondeterministic() -> Guest {
    Guest::with(Config { mode: Mode::NonDeterministic, ..config() })
}

#[test]
fn random_get_gives_the_known_first_4_kib() {
    let (length, bytes) = &lines()[0];
    assert_eq!((*length, bytes.len()), (4096, 4096));
    Guest::new().writes("random_get", &[64, 4096], &[(64, bytes)]);
}

#[test]
fn random_get_starts_each_call_on_a_fresh_word() {
    let lines = &lines()[1..];
    assert_eq!(lines.iter().map(|(length, _)| *length).collect::<Vec<_>>(), [1, 3, 4, 5, 0, 20, 4, 7, 8, 2499, 2, 64]);
    let mut guest = Guest::new();
    for (length, bytes) in lines {
        assert_eq!(*length, bytes.len());
        guest.mem.fill(FILL);
        guest.writes("random_get", &[3, *length as u64], &[(3, bytes)]);
    }
}

#[test]
fn random_get_of_another_sub_vm_starts_afresh() {
    let mut first = Guest::new();
    first.ok("random_get", &[0, 100]);
    let mut second = Guest::new();
    second.ok("random_get", &[0, 100]);
    assert_eq!(first.mem, second.mem);
}

#[test]
fn random_get_that_traps_does_not_advance() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    guest.traps(subvm_core::Trap::MemoryOutOfBounds, "random_get", &[end - 3, 4]);
    let (_, bytes) = &lines()[0];
    guest.writes("random_get", &[0, 8], &[(0, &bytes[..8])]);
}

#[test]
fn random_get_asks_the_host_in_non_deterministic_mode() {
    nondeterministic().writes("random_get", &[16, 5], &[(16, &[1, 2, 3, 4, 5])]);
    let large: Vec<u8> = (1..=255).cycle().take(1000).collect();
    nondeterministic().writes("random_get", &[16, 1000], &[(16, &large)]);
    nondeterministic().writes("random_get", &[16, 0], &[]);
}

#[test]
fn random_get_is_io_when_the_host_fails_and_what_it_had_written_does_not_show() {
    for (until, length) in [(0, 1), (3, 8), (63, 64), (64, 65), (500, 1000)] {
        let mut guest = nondeterministic();
        *guest.script.random_until.lock().unwrap() = Some(until);
        guest.fails(Errno::Io, "random_get", &[16, length]);
    }
}
