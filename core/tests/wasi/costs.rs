//! What calls cost, in ticks: the base, then what is asked for, charged even where the call fails.

use subvm_core::costs::calls::*;
use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::{Errno, FUNCTIONS};
use subvm_core::{Outcome, Resource, Trap, VmError};

use crate::support::Guest;

/// The base price of a function.
fn base(name: &str) -> u64 {
    Schedule::V1.call(subvm_core::wasi::function(name).unwrap().base)
}

/// The ticks that a call takes, and what it comes to.
fn cost(guest: &mut Guest, name: &str, args: &[u64]) -> (u64, Result<Errno, Outcome>) {
    let before = guest.ticks;
    let result = guest.call(name, args);
    ((before - guest.ticks) as u64, result)
}

#[test]
fn every_call_pays_its_base_even_where_it_fails() {
    for function in &FUNCTIONS {
        let mut guest = Guest::new();
        let args = vec![u64::MAX; function.params.len()];
        let requested = match function.name {
            "random_get" => RANDOM_SEED + u64::from(u32::MAX),
            "environ_get" => Schedule::V1.copying("LANG=C.UTF-8\0LC_ALL=C.UTF-8\0TZ=UTC\0".len() as u64 + 12),
            _ => 0,
        };
        assert_eq!(
            cost(&mut guest, function.name, &args).0,
            Schedule::V1.call(function.base) + requested,
            "{}",
            function.name
        );
    }
}

#[test]
fn bytes_cost_what_is_requested() {
    let mut guest = Guest::new();
    guest.put_iovecs(0x2000, &[(0x100, 100), (0x100, 60), (0x100, 1)]);
    guest.put(0x1004, b"a.txt");
    for (name, args, bytes) in [
        ("fd_read", &[0, 0x2000, 3, 0][..], 3 * IOVEC + 11),
        ("fd_pread", &[0, 0x2000, 2, 0, 0], 2 * IOVEC + 10),
        ("fd_write", &[1, 0x2000, 1, 0], IOVEC + 7),
        ("fd_write", &[1, 0x2000, 0, 0], 0),
        ("fd_readdir", &[3, 0x4000, 4096, 0, 0], 4096 * LISTING_BYTE),
        ("random_get", &[0, 77], RANDOM_SEED + 77 * RANDOM_BYTE),
        ("random_get", &[0, 77], 77 * RANDOM_BYTE),
        ("path_open", &[3, 0, 0x1004, 5, 0, 0, 0, 0, 0], 5 * PATH_BYTE),
        ("path_filestat_get", &[3, 0, 0x1004, 5, 0], 5 * PATH_BYTE),
        ("fd_tell", &[0, 0], 0),
    ] {
        assert_eq!(cost(&mut guest, name, args), (base(name) + bytes, Ok(Errno::Success)), "{name}");
    }
    let mut guest = Guest::program();
    assert_eq!(cost(&mut guest, "fd_prestat_dir_name", &[3, 0, 33]).0, base("fd_prestat_dir_name") + 3);
}

#[test]
fn random_get_pays_for_the_seeding_until_there_is_a_generator() {
    let base = base("random_get");
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    assert_eq!(cost(&mut guest, "random_get", &[end, 1]).0, base + RANDOM_SEED + 1);
    assert_eq!(cost(&mut guest, "random_get", &[0, 0]).0, base + RANDOM_SEED);
    assert_eq!(cost(&mut guest, "random_get", &[0, 1]).0, base + 1);
    let mode = subvm_core::Mode::NonDeterministic;
    let mut guest = Guest::with(subvm_core::wasi::Config { mode, ..crate::support::config() });
    // The node's own generator is asked each time.
    assert_eq!(cost(&mut guest, "random_get", &[0, 1]).0, base + RANDOM_NODE + 1);
    assert_eq!(cost(&mut guest, "random_get", &[0, 0]).0, base + RANDOM_NODE);
}

#[test]
fn bytes_are_charged_after_descriptor_and_rights_and_before_ranges() {
    let base = base("path_open");
    let mut guest = Guest::new();
    let huge = u64::from(u32::MAX);
    assert_eq!(cost(&mut guest, "path_open", &[9, 0, 0, huge, 0, 0, 0, 0, 0]), (base, Ok(Errno::Badf)));
    assert_eq!(cost(&mut guest, "path_open", &[0, 0, 0, huge, 0, 0, 0, 0, 0]), (base, Ok(Errno::Notdir)));
    let trap = Err(Outcome::VmError(VmError::Trap(Trap::MemoryOutOfBounds)));
    assert_eq!(cost(&mut guest, "path_open", &[3, 0, 0, huge, 0, 0, 0, 0, 0]), (base + huge * PATH_BYTE, trap));
}

#[test]
fn without_ticks_the_sub_vm_ends_before_any_effect() {
    let out = || VmError::OutOf(Resource::GasTime);
    for function in &FUNCTIONS {
        let mut guest = Guest::new();
        guest.ticks = Schedule::V1.call(function.base) as i64 - 1;
        guest.ends(out(), function.name, &vec![0; function.params.len()]);
        assert!(guest.ticks < 0);
    }
    let mut guest = Guest::new();
    let base = base("random_get");
    guest.ticks = (base + RANDOM_SEED + 7) as i64;
    guest.ends(out(), "random_get", &[0, 8]);
    guest.ticks = (base + RANDOM_SEED + 8) as i64;
    guest.ok("random_get", &[0, 8]);
    assert_eq!(guest.ticks, 0);
}
