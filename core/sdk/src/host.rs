//! What the host offers (`docs/spec/sdk.md`, `docs/spec/wasi.md`): the imports, each behind a safe function.

use alloc::vec::Vec;

use crate::data::Writer;
use crate::{Error, ErrorKind, Result};

/// Says that a request has no result.
const NO_RESULT: u32 = u32::MAX;

/// A range of memory to read into or to write from.
#[repr(C)]
struct Iovec {
    buf: *const u8,
    len: usize,
}

macro_rules! imports {
    ($($module:literal { $(fn $name:ident($($param:ident: $type:ty),*);)* })*) => {
        #[cfg(target_arch = "wasm32")]
        mod imported {
            use super::Iovec;
            $(
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    $(pub(super) fn $name($($param: $type),*) -> u32;)*
                }
            )*
        }

        /// Outside WebAssembly there is no host.
        #[cfg(not(target_arch = "wasm32"))]
        mod imported {
            use super::Iovec;
            $($(
                pub(super) unsafe fn $name($(_: $type),*) -> u32 {
                    panic!(concat!(stringify!($name), " is there in a sub-VM only: run the contract with subvm-testing"))
                }
            )*)*
        }
    };
}

imports! {
    "genlayer_sdk" {
        fn storage_read(slot: *const [u8; 32], index: u32, buf: *mut u8, len: u32);
        fn storage_write(slot: *const [u8; 32], index: u32, buf: *const u8, len: u32);
        fn get_balance(address: *const [u8; 20], result: *mut [u8; 32]);
        fn get_self_balance(result: *mut [u8; 32]);
        fn gl_call(request: *const u8, len: u32, result_fd: *mut u32);
    }
    "wasi_snapshot_preview1" {
        fn fd_read(fd: u32, iovecs: *const Iovec, count: usize, read: *mut usize);
        fn fd_write(fd: u32, iovecs: *const Iovec, count: usize, written: *mut usize);
        fn fd_close(fd: u32);
        fn random_get(buf: *mut u8, len: usize);
        fn clock_time_get(clock: u32, precision: u64, time: *mut u64);
    }
}

fn check(call: &'static str, errno: u32) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(refused(call, errno)) }
}

#[cold]
#[inline(never)]
fn refused(call: &'static str, errno: u32) -> Error {
    ErrorKind::Refused(call, errno).into()
}

/// Fills `buf` from the slot's bytes at `index`; what was never written is zero.
pub(crate) fn storage_read(slot: &[u8; 32], index: u32, buf: &mut [u8]) -> Result<()> {
    // SAFETY: the host reads the slot's name and writes `buf`, no more.
    check("storage_read", unsafe { imported::storage_read(slot, index, buf.as_mut_ptr(), buf.len() as u32) })
}

/// Writes `bytes` to the slot at `index`.
pub(crate) fn storage_write(slot: &[u8; 32], index: u32, bytes: &[u8]) -> Result<()> {
    // SAFETY: the host reads these ranges, no more.
    check("storage_write", unsafe { imported::storage_write(slot, index, bytes.as_ptr(), bytes.len() as u32) })
}

/// 256 bits, least significant first.
pub(crate) fn balance(address: Option<&[u8; 20]>) -> Result<[u8; 32]> {
    let mut word = [0; 32];
    // SAFETY: the host reads the address and writes `word`, no more.
    let errno = unsafe {
        match address {
            Some(address) => imported::get_balance(address, &mut word),
            None => imported::get_self_balance(&mut word),
        }
    };
    check("balance", errno)?;
    Ok(word)
}

/// Makes the request `{name: value}`, whose value is written by `fields`, and reads its result: empty where it has none.
pub(crate) fn request(name: &'static str, fields: impl FnOnce(&mut Writer)) -> Result<Vec<u8>> {
    let mut to = Writer::default();
    to.map(1).key(name);
    fields(&mut to);
    call(name, &to.into_bytes())
}

fn call(name: &'static str, request: &[u8]) -> Result<Vec<u8>> {
    let mut fd = NO_RESULT;
    // SAFETY: the host reads the request and writes `fd`, no more.
    check(name, unsafe { imported::gl_call(request.as_ptr(), request.len() as u32, &mut fd) })?;
    if fd == NO_RESULT {
        return Ok(Vec::new());
    }
    let result = read_to_end(fd)?;
    // SAFETY: a number, no memory.
    check("fd_close", unsafe { imported::fd_close(fd) })?;
    Ok(result)
}

/// All that is left to read of a descriptor.
pub(crate) fn read_to_end(fd: u32) -> Result<Vec<u8>> {
    let mut all = Vec::with_capacity(1024);
    loop {
        all.reserve(1024);
        let room = all.spare_capacity_mut();
        let iovec = Iovec { buf: room.as_ptr().cast(), len: room.len() };
        let mut len = 0;
        // SAFETY: the host writes at most `room.len()` bytes of the spare capacity, and `len`.
        unsafe {
            check("fd_read", imported::fd_read(fd, &iovec, 1, &mut len))?;
            all.set_len(all.len() + len);
        }
        if len == 0 {
            return Ok(all);
        }
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let iovec = Iovec { buf: text.as_ptr(), len: text.len() };
    let mut written = 0;
    // SAFETY: the host reads `text` and writes `written`, no more.
    check("fd_write", unsafe { imported::fd_write(1, &iovec, 1, &mut written) })
}

/// Fills `buf` with random bytes.
pub(crate) fn random(buf: &mut [u8]) -> Result<()> {
    // SAFETY: the host writes `buf`, no more.
    check("random_get", unsafe { imported::random_get(buf.as_mut_ptr(), buf.len()) })
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> Result<u64> {
    let mut time = 0;
    // SAFETY: the host writes `time`, no more.
    check("clock_time_get", unsafe { imported::clock_time_get(0, 1, &mut time) })?;
    Ok(time)
}

/// Ends the sub-VM by the request `name`, whose value is written by `value`.
pub(crate) fn end(name: &'static str, value: &dyn Fn(&mut Writer)) -> ! {
    // What the host refuses is told in its place; a host that returns from this is none.
    if let Err(error) = request(name, value) {
        let text = error.text();
        let _ = request("UserError", |to| {
            to.str(&text);
        });
    }
    stop()
}

/// Traps.
pub(crate) fn stop() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("the sub-VM has ended")
}
