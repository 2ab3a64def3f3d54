//! What an observer sees of calls, and that it changes nothing.

use std::sync::{Arc, Mutex};

use subvm_core::Outcome;
use subvm_core::host::{Call, Observer};
use subvm_core::wasi::trace::{Enter, Exit};
use subvm_core::wasi::{Errno, FUNCTIONS};

use crate::support::Guest;

/// Writes down each line, with the ticks that the call took.
#[derive(Clone, Default)]
struct Recorder {
    lines: Arc<Mutex<Vec<String>>>,
    before: i64,
}

impl Observer for Recorder {
    fn enter(&mut self, call: &Call<'_>, _: &[u8], ticks: i64) {
        assert_eq!(call.params.len(), call.args.len());
        self.before = ticks;
        self.lines.lock().unwrap().push(Enter(call).to_string());
    }

    fn exit(&mut self, call: &Call<'_>, errno: Option<u32>, mem: &[u8], ticks: i64) {
        let exit = Exit { call, errno, mem };
        self.lines.lock().unwrap().push(format!("{exit} ({} ticks)", self.before - ticks));
    }
}

fn calls(guest: &mut Guest) -> Vec<Result<Errno, Outcome>> {
    guest.put(0x1000, b"dir/one");
    guest.put_iovecs(0x2000, &[(0x100, 16), (0x200, 0)]);
    [
        ("fd_prestat_get", &[3, 0][..]),
        ("path_open", &[3, 1, 0x1000, 7, 0, 0x26, 0, 0, 0x10]),
        ("fd_read", &[4, 0x2000, 2, 0x10]),
        ("fd_tell", &[4, 0x10]),
        ("fd_filestat_get", &[4, 0x40]),
        ("fd_fdstat_get", &[4, 0x40]),
        ("path_open", &[3, 1, 0x1000, 3, 1, 0x40, 0, 0, 0x10]),
        ("path_unlink_file", &[3, 0x1000, 7]),
        ("clock_time_get", &[0, 1000, 0x10]),
        ("fd_seek", &[4, u64::MAX, 2, 0x10]),
        ("sched_yield", &[]),
        ("fd_tell", &[4, 0x11]),
        ("proc_exit", &[71]),
    ]
    .map(|(name, args)| guest.call(name, args))
    .into()
}

const TRACE: &str = "\
==> fd_prestat_get(fd=3, prestat=0)
<== ENOTSUP (20 ticks)
==> path_open(dirfd=3, dirflags=1, path=4096, path_len=7, oflags=0, fs_rights_base=0x26, fs_rights_inheriting=0x0, fdflags=0, fd=16)
<== ESUCCESS path=\"dir/one\" fd=4 (172 ticks)
==> fd_read(fd=4, iovs=8192, iovs_len=2, nread=16)
<== ESUCCESS nread=1 (47 ticks)
==> fd_tell(fd=4, offset=16)
<== ESUCCESS offset=1 (20 ticks)
==> fd_filestat_get(fd=4, stat=64)
<== ENOTCAPABLE (25 ticks)
==> fd_fdstat_get(fd=4, stat=64)
<== ESUCCESS filetype=4 rights=0x26 inheriting=0x0 (25 ticks)
==> path_open(dirfd=3, dirflags=1, path=4096, path_len=3, oflags=1, fs_rights_base=0x40, fs_rights_inheriting=0x0, fdflags=0, fd=16)
<== EISDIR path=\"dir\" (108 ticks)
==> path_unlink_file(fd=3, path=4096, path_len=7)
<== EROFS path=\"dir/one\" (18 ticks)
==> clock_time_get(id=0, precision=1000, time=16)
<== ESUCCESS time=1700000000123456789 (20 ticks)
==> fd_seek(fd=4, offset=18446744073709551615, whence=2, newoffset=16)
<== ESUCCESS newoffset=0 (20 ticks)
==> sched_yield()
<== ENOTSUP (18 ticks)
==> fd_tell(fd=4, offset=17)
<== ends the sub-VM (20 ticks)
==> proc_exit(rval=71)
<== ends the sub-VM (20 ticks)
";

#[test]
fn an_observer_sees_each_call_and_what_it_comes_to() {
    let mut guest = Guest::new();
    let recorder = Recorder::default();
    guest.node.observer = Some(Box::new(recorder.clone()));
    calls(&mut guest);
    let lines: String = recorder.lines.lock().unwrap().iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(lines, TRACE);
}

#[test]
fn an_observer_changes_nothing() {
    let (mut with, mut without) = (Guest::new(), Guest::new());
    with.node.observer = Some(Box::new(Recorder::default()));
    assert_eq!(calls(&mut with), calls(&mut without));
    for function in &FUNCTIONS {
        let args = vec![8; function.params.len()];
        assert_eq!(with.call(function.name, &args), without.call(function.name, &args), "{}", function.name);
    }
    assert_eq!((with.ticks, with.ram.used()), (without.ticks, without.ram.used()));
    assert!(with.mem == without.mem);
}

#[test]
fn an_observer_sees_a_call_that_cannot_pay_its_base() {
    let mut guest = Guest::new();
    let recorder = Recorder::default();
    guest.node.observer = Some(Box::new(recorder.clone()));
    guest.ticks = 3;
    assert!(guest.call("sched_yield", &[]).is_err());
    assert_eq!(*recorder.lines.lock().unwrap(), ["==> sched_yield()", "<== ends the sub-VM (18 ticks)"]);
}

/// Keeps the byte at 0x10 as each call begins and ends.
#[derive(Clone, Default)]
struct Byte(Arc<Mutex<Vec<u8>>>);

impl Observer for Byte {
    fn enter(&mut self, _: &Call<'_>, mem: &[u8], _: i64) {
        self.0.lock().unwrap().push(mem[0x10]);
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, mem: &[u8], _: i64) {
        self.0.lock().unwrap().push(mem[0x10]);
    }
}

#[test]
fn an_observer_sees_the_memory_before_and_after_a_call() {
    let mut guest = Guest::new();
    let byte = Byte::default();
    guest.node.observer = Some(Box::new(byte.clone()));
    guest.put(0x10, &[9]);
    guest.call("args_sizes_get", &[0x20, 0x10]).unwrap();
    let after = guest.mem[0x10];
    assert_ne!(after, 9);
    assert_eq!(*byte.0.lock().unwrap(), [9, after]);
}
