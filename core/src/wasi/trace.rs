//! Traces for people: a line where a call begins and a line where it ends, as an [`Observer`](crate::host::Observer) prints them.
//!
//! ```text
//! ==> path_open(dirfd=3, dirflags=1, path=1024, path_len=8, oflags=0, fs_rights_base=0x2, fs_rights_inheriting=0x0, fdflags=0, fd=2048)
//! <== ESUCCESS path="data.txt" fd=4
//! ```

use alloc::string::String;
use core::fmt;

use crate::host::Call;
use crate::wasi::{Errno, MODULE};

/// The line where a call begins, of any namespace.
///
/// ```
/// use subvm_core::{host::Call, wasi::{self, trace}};
/// let call = Call { module: wasi::MODULE, name: "fd_tell", params: &["fd", "offset"], args: &[3, 64] };
/// assert_eq!(trace::Enter(&call).to_string(), "==> fd_tell(fd=3, offset=64)");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Enter<'a>(pub &'a Call<'a>);

/// The line where a call ends: the errno's name (of another namespace than WASI's, its number), what the call wrote, and the paths it was given.
///
/// ```
/// use subvm_core::{host::Call, wasi::{self, trace}};
/// let call = Call { module: wasi::MODULE, name: "fd_tell", params: &["fd", "offset"], args: &[3, 0] };
/// let exit = |errno| trace::Exit { call: &call, errno, mem: &[7, 0, 0, 0, 0, 0, 0, 0] }.to_string();
/// assert_eq!(exit(Some(0)), "<== ESUCCESS offset=7");
/// assert_eq!(exit(Some(76)), "<== ENOTCAPABLE");
/// assert_eq!(exit(None), "<== ends the sub-VM");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exit<'a> {
    /// The call.
    pub call: &'a Call<'a>,
    /// Its errno, or nothing where it ended the sub-VM.
    pub errno: Option<u32>,
    /// The guest's memory afterwards.
    pub mem: &'a [u8],
}

/// What of a call's memory is shown, by the names of its parameters.
#[derive(Clone, Copy)]
enum Shown {
    /// A u32 that the call wrote.
    U32(&'static str),
    /// A u64 that the call wrote.
    U64(&'static str),
    /// The 24 bytes of a descriptor's attributes.
    Fdstat(&'static str),
    /// The 64 bytes of a file's attributes.
    Filestat(&'static str),
    /// The length in the 8 bytes about a preopened directory.
    Prestat(&'static str),
    /// A text that was given, and its length: shown for calls that fail, too.
    Given(&'static str, &'static str),
    /// A text that the call wrote, and the length of its buffer.
    Written(&'static str, &'static str),
}

const SHOWN: &[(&str, &[Shown])] = &[
    ("args_sizes_get", &[Shown::U32("argc"), Shown::U32("argv_buf_size")]),
    ("environ_sizes_get", &[Shown::U32("environc"), Shown::U32("environ_buf_size")]),
    ("clock_res_get", &[Shown::U64("resolution")]),
    ("clock_time_get", &[Shown::U64("time")]),
    ("fd_fdstat_get", &[Shown::Fdstat("stat")]),
    ("fd_filestat_get", &[Shown::Filestat("stat")]),
    ("fd_pread", &[Shown::U32("nread")]),
    ("fd_prestat_get", &[Shown::Prestat("prestat")]),
    ("fd_prestat_dir_name", &[Shown::Written("path", "path_len")]),
    ("fd_read", &[Shown::U32("nread")]),
    ("fd_readdir", &[Shown::U32("bufused")]),
    ("fd_seek", &[Shown::U64("newoffset")]),
    ("fd_tell", &[Shown::U64("offset")]),
    ("fd_write", &[Shown::U32("nwritten")]),
    ("path_create_directory", &[Shown::Given("path", "path_len")]),
    ("path_filestat_get", &[Shown::Given("path", "path_len"), Shown::Filestat("stat")]),
    ("path_filestat_set_times", &[Shown::Given("path", "path_len")]),
    ("path_link", &[Shown::Given("old_path", "old_path_len"), Shown::Given("new_path", "new_path_len")]),
    ("path_open", &[Shown::Given("path", "path_len"), Shown::U32("fd")]),
    ("path_readlink", &[Shown::Given("path", "path_len")]),
    ("path_remove_directory", &[Shown::Given("path", "path_len")]),
    ("path_rename", &[Shown::Given("old_path", "old_path_len"), Shown::Given("new_path", "new_path_len")]),
    ("path_symlink", &[Shown::Given("old_path", "old_path_len"), Shown::Given("new_path", "new_path_len")]),
    ("path_unlink_file", &[Shown::Given("path", "path_len")]),
];

impl fmt::Display for Enter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "==> {}(", self.0.name)?;
        for (index, (param, arg)) in self.0.params.iter().zip(self.0.args).enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            if param.starts_with("fs_rights") { write!(f, "{param}={arg:#x}")? } else { write!(f, "{param}={arg}")? }
        }
        f.write_str(")")
    }
}

impl fmt::Display for Exit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.errno else {
            return f.write_str("<== ends the sub-VM");
        };
        if self.call.module != MODULE {
            return write!(f, "<== {number}");
        }
        match Errno::from_number(number) {
            Some(errno) => write!(f, "<== {}", errno.name())?,
            None => write!(f, "<== {number}")?,
        }
        let shown = SHOWN.iter().find(|(name, _)| *name == self.call.name);
        shown.map_or(&[][..], |(_, shown)| shown).iter().try_for_each(|shown| self.show(f, *shown))
    }
}

impl Exit<'_> {
    fn show(&self, f: &mut fmt::Formatter<'_>, shown: Shown) -> fmt::Result {
        let succeeded = self.errno == Some(Errno::Success.number());
        match shown {
            Shown::Given(text, len) => self.text(f, text, len),
            Shown::Written(text, len) if succeeded => self.text(f, text, len),
            Shown::U32(at) if succeeded => write!(f, " {at}={}", self.word(at, 0) as u32),
            Shown::U64(at) if succeeded => write!(f, " {at}={}", self.word(at, 0)),
            Shown::Prestat(at) if succeeded => write!(f, " name_len={}", self.word(at, 0) >> 32),
            Shown::Fdstat(at) if succeeded => {
                let (filetype, base, inheriting) = (self.word(at, 0) as u8, self.word(at, 8), self.word(at, 16));
                write!(f, " filetype={filetype} rights={base:#x} inheriting={inheriting:#x}")
            }
            Shown::Filestat(at) if succeeded => {
                let (dev, ino) = (self.word(at, 0), self.word(at, 8));
                let (filetype, size) = (self.word(at, 16) as u8, self.word(at, 32));
                write!(f, " dev={dev} ino={ino:#018x} filetype={filetype} size={size}")
            }
            _ => Ok(()),
        }
    }

    fn arg(&self, param: &str) -> usize {
        let arg = self.call.params.iter().zip(self.call.args).find(|(name, _)| **name == param);
        arg.and_then(|(_, arg)| usize::try_from(*arg).ok()).unwrap_or(usize::MAX)
    }

    /// The 8 bytes `offset` behind where a parameter points; what is beyond the memory reads as 0.
    fn word(&self, param: &str, offset: usize) -> u64 {
        let mut word = [0; 8];
        let there = self.arg(param).checked_add(offset).and_then(|from| self.mem.get(from..)).unwrap_or_default();
        word.iter_mut().zip(there).for_each(|(byte, there)| *byte = *there);
        u64::from_le_bytes(word)
    }

    /// A text in quotes, as far as it is of use; nothing where it is not inside the memory.
    fn text(&self, f: &mut fmt::Formatter<'_>, param: &str, len: &str) -> fmt::Result {
        const USEFUL: usize = 256;
        let len = self.arg(len);
        let there = self.arg(param).checked_add(len).and_then(|end| self.mem.get(self.arg(param)..end));
        let Some(there) = there else {
            return Ok(());
        };
        let text = String::from_utf8_lossy(there.get(..USEFUL).unwrap_or(there));
        write!(f, " {param}={text:?}{}", if len > USEFUL { ".." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasi::{FUNCTIONS, function};
    use alloc::string::ToString;

    fn exit(name: &str, args: &[u64], errno: u32, mem: &[u8]) -> String {
        let function = function(name).unwrap();
        let call = Call { module: MODULE, name: function.name, params: function.params, args };
        Exit { call: &call, errno: Some(errno), mem }.to_string()
    }

    #[test]
    fn what_is_shown_exists() {
        for (name, shown) in SHOWN {
            let params = function(name).unwrap().params;
            for shown in *shown {
                let (first, second) = match *shown {
                    Shown::U32(at) | Shown::U64(at) => (at, at),
                    Shown::Fdstat(at) | Shown::Filestat(at) | Shown::Prestat(at) => (at, at),
                    Shown::Given(text, len) | Shown::Written(text, len) => (text, len),
                };
                assert!(params.contains(&first) && params.contains(&second), "{name}: {first}, {second}");
            }
        }
    }

    #[test]
    fn a_path_is_shown_of_a_failing_call_and_a_result_is_not() {
        let mem = b"no/such\x00\x2a\0\0\0";
        assert_eq!(exit("path_open", &[3, 0, 0, 7, 0, 0, 0, 0, 8], 44, mem), "<== ENOENT path=\"no/such\"");
        assert_eq!(exit("path_open", &[3, 0, 0, 7, 0, 0, 0, 0, 8], 0, mem), "<== ESUCCESS path=\"no/such\" fd=42");
    }

    #[test]
    fn records_are_decoded() {
        let mem: [u8; 64] = core::array::from_fn(|at| at as u8);
        assert_eq!(exit("fd_prestat_get", &[3, 0], 0, &[0, 0, 0, 0, 1, 0, 0, 0]), "<== ESUCCESS name_len=1");
        assert_eq!(
            exit("fd_fdstat_get", &[3, 0], 0, &mem),
            "<== ESUCCESS filetype=0 rights=0xf0e0d0c0b0a0908 inheriting=0x1716151413121110"
        );
        assert_eq!(
            exit("fd_filestat_get", &[3, 0], 0, &mem),
            "<== ESUCCESS dev=506097522914230528 ino=0x0f0e0d0c0b0a0908 filetype=16 size=2820983053732684064"
        );
    }

    #[test]
    fn what_a_failing_call_did_not_write_is_not_shown() {
        assert_eq!(exit("fd_prestat_dir_name", &[3, 0, 1], 0, b"/"), "<== ESUCCESS path=\"/\"");
        assert_eq!(exit("fd_prestat_dir_name", &[3, 0, 1], 58, b"/"), "<== ENOTSUP");
        for (name, args) in [("fd_prestat_get", &[3, 0][..]), ("fd_fdstat_get", &[3, 0]), ("fd_filestat_get", &[3, 0])]
        {
            assert_eq!(exit(name, args, 8, &[1; 64]), "<== EBADF", "{name}");
        }
    }

    #[test]
    fn nonsense_is_shown_without_a_panic() {
        let args = [u64::MAX; 9];
        for function in &FUNCTIONS {
            let _ = exit(function.name, &args[..function.params.len()], 0, &[]);
            let _ = exit(function.name, &[], 99, &[1]);
        }
        assert_eq!(exit("fd_tell", &[], 99, &[]), "<== 99");
    }

    #[test]
    fn long_texts_are_cut() {
        let mem = [b'a'; 300];
        let line = exit("path_unlink_file", &[3, 0, 300], 69, &mem);
        assert_eq!(line.len(), "<== EROFS path=\"\"..".len() + 256);
    }

    #[test]
    fn other_namespaces_show_numbers() {
        let call = Call { module: "genlayer_sdk", name: "fd_tell", params: &["fd", "offset"], args: &[1, 0] };
        assert_eq!(Exit { call: &call, errno: Some(8), mem: &[] }.to_string(), "<== 8");
    }
}
