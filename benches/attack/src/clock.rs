//! What a process used: processor time of a thread and of all its threads, and resident memory.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

fn seconds(clock: ClockId) -> f64 {
    Duration::from(clock_gettime(clock).expect("a clock of Unix")).as_secs_f64()
}

/// Seconds of the processor that this thread has used.
pub(crate) fn thread_seconds() -> f64 {
    seconds(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Seconds of the processor that all threads of this process have used.
pub(crate) fn process_seconds() -> f64 {
    seconds(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Which part of all processors' time is idle, over a second from now. Nothing where there is no `/proc/stat`, as on other systems than Linux.
pub(crate) fn idle() -> Option<f64> {
    let before = ticks()?;
    std::thread::sleep(Duration::from_secs(1));
    let after = ticks()?;
    let [idle, all] = std::array::from_fn(|at| after[at].saturating_sub(before[at]));
    (all > 0).then(|| idle as f64 / all as f64)
}

/// What all processors had until now, in ticks of the system: idle, and in all.
fn ticks() -> Option<[u64; 2]> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let words = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    // user, nice, system, idle, waiting for devices, interrupts, stolen; what comes then is in user already.
    let times: Vec<u64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some([times.get(3)? + times.get(4)?, times.iter().sum()])
}

/// A line of `/proc/self/status`, in bytes. 0 where there is none, as on other systems than Linux.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Bytes that are resident now, after which [`peak`] starts anew.
pub(crate) fn resident() -> u64 {
    // Where it is not allowed the peak is that of the whole process, which is no less.
    let _ = fs::write("/proc/self/clear_refs", "5");
    status("VmRSS")
}

/// The most bytes that were resident at once since [`resident`].
pub(crate) fn peak() -> u64 {
    status("VmHWM")
}
