//! `clock_*`.

use subvm_core::Mode;
use subvm_core::wasi::Errno;

use crate::support::{Guest, NOW, config};

#[test]
fn clock_res_get_is_1_for_all_four_clocks() {
    for id in 0..4 {
        Guest::new().writes("clock_res_get", &[id, 8], &[(8, &1_u64.to_le_bytes())]);
    }
}

#[test]
fn clock_res_get_of_another_clock_is_inval() {
    for id in [4, 5, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Inval, "clock_res_get", &[id, 8]);
    }
}

#[test]
fn clock_time_get_is_the_transactions_instant_in_both_modes() {
    for mode in [Mode::Deterministic, Mode::NonDeterministic] {
        let mut guest = Guest::with(subvm_core::wasi::Config { mode, ..config() });
        for id in 0..4 {
            for precision in [0, 1, u64::MAX] {
                guest.mem.fill(crate::support::FILL);
                guest.writes("clock_time_get", &[id, precision, 16], &[(16, &NOW.to_le_bytes())]);
            }
        }
    }
}

#[test]
fn clock_time_get_of_another_clock_is_inval_before_the_pointer_is_looked_at() {
    for id in [4, 0x100, 0xFFFF_FFFF] {
        Guest::new().fails(Errno::Inval, "clock_time_get", &[id, 0, 0xFFFF_FFFF]);
    }
}
