//! `poll_oneoff` under the personality `program`: nothing waits, and time passes as far as was asked.

use subvm_core::costs::WAITING;
use subvm_core::costs::calls::{SUBSCRIPTION, TRANSFER};
use subvm_core::fd::Content;
use subvm_core::host::RequestId;
use subvm_core::wasi::Errno;
use subvm_core::{Ram, Resource, Trap, VmError};

use crate::support::{Guest, MESSAGE, NOW};

const SECOND: u64 = 1_000_000_000;
const SUBSCRIPTIONS: u32 = 0x2000;
const EVENTS: u32 = 0x3000;
const COUNT: u32 = 0x4000;

type Words = [u64; 6];

/// Waits for so many nanoseconds.
fn relative(userdata: u64, nanoseconds: u64) -> Words {
    [userdata, 0, 1, nanoseconds, 7, 0]
}

/// Waits for an instant.
fn absolute(userdata: u64, instant: u64) -> Words {
    [userdata, 0, 0, instant, 0, 1]
}

fn readable(userdata: u64, fd: u64) -> Words {
    [userdata, 1, fd, 0, 0, 0]
}

fn writable(userdata: u64, fd: u64) -> Words {
    [userdata, 2, fd, 0, 0, 0]
}

fn args(count: usize) -> [u64; 4] {
    [SUBSCRIPTIONS.into(), EVENTS.into(), count as u64, COUNT.into()]
}

fn put(guest: &mut Guest, subscriptions: &[Words]) {
    let words = subscriptions.iter().flatten();
    guest.put(SUBSCRIPTIONS, &words.flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
}

/// The events as words, of which the call writes no more.
#[track_caller]
fn poll(guest: &mut Guest, subscriptions: &[Words]) -> Vec<[u64; 4]> {
    guest.mem.fill(crate::support::FILL);
    put(guest, subscriptions);
    let mut expected = guest.mem.clone();
    guest.ok("poll_oneoff", &args(subscriptions.len()));
    let count = guest.u32(COUNT);
    let written = [EVENTS as usize..(EVENTS + 32 * count) as usize, COUNT as usize..COUNT as usize + 4];
    written.into_iter().for_each(|range| expected[range.clone()].copy_from_slice(&guest.mem[range]));
    assert!(expected == guest.mem, "events and their number are all that is written");
    (0..count).map(|event| [0, 8, 16, 24].map(|at| guest.u64(EVENTS + 32 * event + at))).collect()
}

fn now(guest: &mut Guest) -> u64 {
    guest.aside(|guest| {
        guest.ok("clock_time_get", &[1, 0, 0]);
        guest.u64(0)
    })
}

/// An event of a clock.
fn tick(userdata: u64) -> [u64; 4] {
    [userdata, 0, 0, 0]
}

#[test]
fn poll_oneoff_lets_time_pass() {
    let mut guest = Guest::program();
    assert_eq!(poll(&mut guest, &[relative(7, 3 * SECOND)]), [tick(7)]);
    assert_eq!(now(&mut guest), NOW + 3 * SECOND);
    assert_eq!(poll(&mut guest, &[absolute(8, NOW + 5 * SECOND)]), [tick(8)]);
    assert_eq!(now(&mut guest), NOW + 5 * SECOND);
    // What is past is due, and time does not run back.
    assert_eq!(poll(&mut guest, &[absolute(9, 1), relative(10, 0)]), [tick(9), tick(10)]);
    assert_eq!(now(&mut guest), NOW + 5 * SECOND);
}

#[test]
fn poll_oneoff_waits_for_the_earliest() {
    let mut guest = Guest::program();
    let asked = [relative(1, 3 * SECOND), absolute(2, NOW + SECOND), relative(3, u64::MAX), relative(4, SECOND)];
    assert_eq!(poll(&mut guest, &asked), [tick(2), tick(4)]);
    assert_eq!(now(&mut guest), NOW + SECOND);
}

#[test]
fn poll_oneoff_finds_descriptors_ready() {
    let mut guest = Guest::program();
    let file = guest.open("a.txt").into();
    let bytes = |userdata, tag: u64, errno: Errno, count| [userdata, u64::from(errno.number()) | tag << 16, count, 0];
    let asked = [readable(1, 0), relative(2, 1), writable(3, 1), relative(4, 0), readable(5, file)];
    let message = MESSAGE.len() as u64;
    let ready = |left| {
        [
            bytes(1, 1, Errno::Success, message),
            bytes(3, 2, Errno::Success, u64::from(u32::MAX)),
            tick(4),
            bytes(5, 1, Errno::Success, left),
        ]
    };
    assert_eq!(poll(&mut guest, &asked), ready(12));
    assert_eq!(now(&mut guest), NOW);
    guest.ok("fd_seek", &[file, 5, 0, 0]);
    assert_eq!(poll(&mut guest, &asked), ready(7));
    guest.ok("fd_seek", &[file, 50, 0, 0]);
    assert_eq!(poll(&mut guest, &asked), ready(0));
    // The errors are those of reading and of writing.
    let asked = [readable(1, 1), writable(2, 0), readable(3, 3), readable(4, 9), writable(5, 9), writable(6, 3)];
    let errnos = [Errno::Badf, Errno::Badf, Errno::Isdir, Errno::Badf, Errno::Badf, Errno::Badf];
    let tags = [1, 2, 1, 1, 2, 2];
    let expected: Vec<_> = (0..6).map(|at| bytes(at as u64 + 1, tags[at], errnos[at], 0)).collect();
    assert_eq!(poll(&mut guest, &asked), expected);
}

#[test]
fn poll_oneoff_waits_for_a_pending_result() {
    let mut guest = Guest::program();
    let id = RequestId(5);
    guest.script.results.lock().unwrap().insert(id, b"result".to_vec());
    let held = guest.ram.used();
    let fd = guest.state.attach(Content::Pending { id, held: 0 }, &mut guest.ram, &guest.limits).unwrap();
    assert_eq!(poll(&mut guest, &[readable(1, fd.0.into())]), [[1, 1 << 16, 6, 0]]);
    assert_eq!(guest.ram.used(), held + 96 + 6);
}

#[test]
fn poll_oneoff_is_out_of_memory_where_a_pending_result_is() {
    let mut guest = Guest::program();
    let id = RequestId(5);
    guest.script.results.lock().unwrap().insert(id, b"result".to_vec());
    guest.ram = Ram::new(100);
    let fd = guest.state.attach(Content::Pending { id, held: 0 }, &mut guest.ram, &guest.limits).unwrap();
    put(&mut guest, &[readable(1, fd.0.into())]);
    assert_eq!(
        guest.call("poll_oneoff", &args(1)),
        Err(subvm_core::Outcome::VmError(VmError::OutOf(Resource::Memory)))
    );
}

#[test]
fn poll_oneoff_is_bounded() {
    let mut guest = Guest::program();
    for too_long in [relative(1, WAITING + 1), relative(1, u64::MAX), absolute(1, u64::MAX)] {
        put(&mut guest, &[too_long]);
        guest.fails(Errno::Notsup, "poll_oneoff", &args(1));
        assert_eq!(now(&mut guest), NOW);
    }
    poll(&mut guest, &[relative(1, WAITING - 1)]);
    put(&mut guest, &[relative(1, 2)]);
    guest.fails(Errno::Notsup, "poll_oneoff", &args(1));
    poll(&mut guest, &[relative(1, 1)]);
    assert_eq!(now(&mut guest), NOW + WAITING);
    // Where nothing is waited for, the bound does not matter.
    poll(&mut guest, &[relative(1, u64::MAX), writable(2, 1)]);
    poll(&mut guest, &[relative(1, 0)]);
}

#[test]
fn poll_oneoff_at_the_end_of_time() {
    let config = subvm_core::wasi::Config {
        personality: subvm_core::Personality::Program,
        now: u64::MAX - 5,
        ..crate::support::config()
    };
    let mut guest = Guest::with(config);
    poll(&mut guest, &[relative(1, 3)]);
    assert_eq!(now(&mut guest), u64::MAX - 2);
    // What cannot be counted is as far as can be counted.
    poll(&mut guest, &[relative(1, 3)]);
    assert_eq!(now(&mut guest), u64::MAX);
    poll(&mut guest, &[relative(1, u64::MAX)]);
    assert_eq!(now(&mut guest), u64::MAX);
}

#[test]
fn poll_oneoff_is_inval_for_what_there_is_not() {
    let mut guest = Guest::program();
    for count in [0, 1025, u64::from(u32::MAX)] {
        guest.fails(Errno::Inval, "poll_oneoff", &[u64::from(u32::MAX), 0, count, 0]);
    }
    let clock = relative(1, 1);
    for wrong in [[1, 3, 0, 0, 0, 0], [1, 255, 0, 0, 0, 0], [1, 0, 4, 0, 0, 0], [1, 0, 0, 0, 0, 2]] {
        put(&mut guest, &[clock, wrong]);
        // Before what is written is looked at.
        guest.fails(Errno::Inval, "poll_oneoff", &[SUBSCRIPTIONS.into(), u64::from(u32::MAX), 2, 1]);
        assert_eq!(now(&mut guest), NOW);
    }
    // Padding does not count.
    poll(&mut guest, &[[1, 0x100, 1 << 32, 0, 0, 1 << 16]]);
}

#[test]
fn poll_oneoff_checks_its_ranges() {
    let mut guest = Guest::program();
    put(&mut guest, &[relative(1, 1); 2]);
    let end = guest.mem.len() as u64;
    let (from, to, count) = (u64::from(SUBSCRIPTIONS), u64::from(EVENTS), u64::from(COUNT));
    guest.traps(Trap::MemoryOutOfBounds, "poll_oneoff", &[end - 48, to, 2, count]);
    guest.traps(Trap::MemoryOutOfBounds, "poll_oneoff", &[from, end - 32, 2, count]);
    guest.traps(Trap::MemoryOutOfBounds, "poll_oneoff", &[from, to, 2, end]);
    guest.traps(Trap::HeapMisaligned, "poll_oneoff", &[from + 4, to, 1, count]);
    guest.traps(Trap::HeapMisaligned, "poll_oneoff", &[from, to + 4, 1, count]);
    guest.traps(Trap::HeapMisaligned, "poll_oneoff", &[from, to, 1, count + 2]);
    assert_eq!(now(&mut guest), NOW);
}

#[test]
fn poll_oneoff_writes_events_over_its_own_subscriptions() {
    let mut guest = Guest::program();
    put(&mut guest, &[relative(1, 1), relative(2, 1), relative(3, 1)]);
    guest.ok("poll_oneoff", &[SUBSCRIPTIONS.into(), u64::from(SUBSCRIPTIONS) + 8, 3, COUNT.into()]);
    assert_eq!([0, 32, 64].map(|at| guest.u64(SUBSCRIPTIONS + 8 + at)), [1, 2, 3]);
    assert_eq!(guest.u32(COUNT), 3);
}

#[test]
fn poll_oneoff_pays_for_each_subscription() {
    let mut guest = Guest::program();
    put(&mut guest, &[relative(1, 1); 3]);
    guest.ok("poll_oneoff", &args(3));
    assert_eq!((i64::MAX - guest.ticks) as u64, TRANSFER + 3 * SUBSCRIPTION);
    let mut guest = Guest::program();
    guest.ticks = (TRANSFER + SUBSCRIPTION) as i64 - 1;
    put(&mut guest, &[relative(1, 1)]);
    guest.ends(VmError::OutOf(Resource::GasTime), "poll_oneoff", &args(1));
}
