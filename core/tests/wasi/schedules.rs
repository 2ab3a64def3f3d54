//! What calls cost is what the schedule of the run says: under doubled prices each takes exactly twice the ticks.

use subvm_core::costs::calls::Price;
use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::{Config, Errno, FUNCTIONS};
use subvm_core::{Mode, Personality};

use crate::support::{Guest, config};

/// All prices of host calls doubled, and all rates halved.
static DOUBLED: Schedule = {
    let (mut schedule, mut at) = (Schedule::V1.next(), 0);
    while at < Price::ALL.len() {
        let price = Price::ALL[at];
        let amount = Schedule::V1.call(price) as u32;
        schedule = schedule.call_priced(price, if price.is_rate() { amount / 2 } else { amount * 2 });
        at += 1;
    }
    schedule
};

/// The ticks that a call takes, in a guest as this one.
fn ticks(config: Config, name: &str, args: &[u64]) -> (u64, Option<Errno>) {
    let mut guest = Guest::with(config);
    // Lengths that both rates divide.
    guest.put_iovecs(0x2000, &[(0x100, 96), (0x100, 64)]);
    guest.put(0x1004, b"a.txt");
    let before = guest.ticks;
    let answer = guest.call(name, args).ok();
    ((before - guest.ticks) as u64, answer)
}

#[track_caller]
fn doubles(config: &Config, name: &str, args: &[u64]) -> (u64, Option<Errno>) {
    let (one, answer) = ticks(config.clone(), name, args);
    let (two, same) = ticks(Config { schedule: &DOUBLED, ..config.clone() }, name, args);
    assert_eq!((two, same), (2 * one, answer), "{name}{args:?} under {:?}", config.personality);
    (one, answer)
}

#[test]
fn every_call_costs_twice_as_much_under_doubled_prices() {
    for personality in [Personality::Seed, Personality::Program] {
        let config = Config { personality, ..config() };
        for function in &FUNCTIONS {
            // The strings of the environment are of any length.
            if function.name != "environ_get" {
                doubles(&config, function.name, &vec![0; function.params.len()]);
            }
        }
    }
}

#[test]
fn what_calls_ask_for_costs_twice_as_much_under_doubled_prices() {
    let seed = config();
    let program = Config { personality: Personality::Program, ..config() };
    for (config, name, args, parts) in [
        (&seed, "fd_read", &[0, 0x2000, 2, 0][..], 160 / 16 + 2 * 8),
        (&seed, "fd_write", &[1, 0x2000, 2, 0], 160 / 16 + 2 * 8),
        (&seed, "fd_write", &[1, 0x2000, 1, 0], 96 / 16 + 8),
        (&seed, "fd_readdir", &[3, 0x4000, 4096, 0, 0], 4096),
        (&seed, "random_get", &[0, 80], 6000 + 80),
        (&seed, "path_open", &[3, 0, 0x1004, 5, 0, 0, 0, 0, 0], 5 * 16),
        (&program, "fd_prestat_dir_name", &[3, 0, 32], 2),
        (&program, "path_rename", &[3, 0x1004, 5, 3, 0x1004, 5], 42 + 2 * 5 * 16),
        (&program, "path_readlink", &[3, 0x1004, 5, 0x100, 5, 0x200], 42 + 5 * 16),
        (&program, "fd_fdstat_set_flags", &[0, 0], 2),
        (&program, "poll_oneoff", &[0x3000, 0x5000, 1, 0x6000], 12 + 16),
    ] {
        let base = FUNCTIONS.iter().find(|function| function.name == name).unwrap().base;
        assert_eq!(doubles(config, name, args).0, Schedule::V1.call(base) + parts, "{name}{args:?}");
    }
    let nondet = Config { mode: Mode::NonDeterministic, ..config() };
    assert_eq!(doubles(&nondet, "random_get", &[0, 80]), (30 + 600 + 80, Some(Errno::Success)));
}
