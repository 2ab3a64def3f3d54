//! What the host offers: the imports this contract uses, each behind a safe function, and the memory to work in.

use crate::calldata::Value;
use alloc::string::String;
use alloc::{format, vec::Vec};
use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

// docs/spec/sdk.md
#[link(wasm_import_module = "genlayer_sdk")]
unsafe extern "C" {
    #[link_name = "storage_read"]
    fn sdk_storage_read(slot: *const Slot, index: u32, buf: *mut u8, len: u32) -> u32;
    #[link_name = "storage_write"]
    fn sdk_storage_write(slot: *const Slot, index: u32, buf: *const u8, len: u32) -> u32;
    #[link_name = "gl_call"]
    fn sdk_gl_call(request: *const u8, len: u32, result_fd: *mut u32) -> u32;
}

// docs/spec/wasi.md
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn fd_read(fd: u32, iovecs: *const Iovec, count: usize, read: *mut usize) -> u32;
    fn fd_write(fd: u32, iovecs: *const Iovec, count: usize, written: *mut usize) -> u32;
    safe fn fd_close(fd: u32) -> u32;
}

/// A range of memory to read into or to write from.
#[repr(C)]
struct Iovec {
    buf: *const u8,
    len: usize,
}

/// A storage slot's name.
pub type Slot = [u8; 32];

/// The slot with this number: it stands in the last byte.
pub const fn slot(number: u8) -> Slot {
    let mut slot = [0; 32];
    slot[31] = number;
    slot
}

/// Fills `buf` from the slot's bytes at `index`; what was never written is zero.
pub fn storage_read(slot: &Slot, index: u32, buf: &mut [u8]) -> Result<(), String> {
    // SAFETY: the host reads the slot's name and writes `buf`, no more.
    let errno = unsafe { sdk_storage_read(slot, index, buf.as_mut_ptr(), buf.len() as u32) };
    check("storage_read", errno)
}

/// Writes `bytes` to the slot at `index`.
pub fn storage_write(slot: &Slot, index: u32, bytes: &[u8]) -> Result<(), String> {
    // SAFETY: the host reads these ranges, no more.
    let errno = unsafe { sdk_storage_write(slot, index, bytes.as_ptr(), bytes.len() as u32) };
    check("storage_write", errno)
}

/// Makes the request `{name: fields}` and reads its result: empty where the request has none.
pub fn gl_call(name: &str, fields: Value) -> Result<Vec<u8>, String> {
    let request = Value::map([(name, fields)]).encode();
    let mut fd = u32::MAX;
    // SAFETY: the host reads the request and writes `fd`, no more.
    check(name, unsafe { sdk_gl_call(request.as_ptr(), request.len() as u32, &mut fd) })?;
    if fd == u32::MAX {
        return Ok(Vec::new());
    }
    let result = read_to_end(fd)?;
    check("fd_close", fd_close(fd))?;
    Ok(result)
}

/// Ends the sub-VM by the request `name`: `Return` or `UserError`.
pub fn end(name: &str, fields: Value) -> ! {
    let _ = gl_call(name, fields);
    wasm32::unreachable()
}

/// All that is left to read of a descriptor.
pub fn read_to_end(fd: u32) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let iovec = Iovec { buf: chunk.as_mut_ptr(), len: chunk.len() };
        let mut len = 0;
        // SAFETY: the host writes `chunk` and `len`, no more.
        check("fd_read", unsafe { fd_read(fd, &iovec, 1, &mut len) })?;
        if len == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&chunk[..len]);
    }
}

/// Writes `text` to standard output, for whoever runs the node: it is no part of the result.
pub fn print(text: &str) -> Result<(), String> {
    let iovec = Iovec { buf: text.as_ptr(), len: text.len() };
    let mut written = 0;
    // SAFETY: the host reads `text` and writes `written`, no more.
    check("fd_write", unsafe { fd_write(1, &iovec, 1, &mut written) })
}

/// A call that failed becomes the text of a user error.
fn check(call: &str, errno: u32) -> Result<(), String> {
    if errno == 0 { Ok(()) } else { Err(format!("{call} failed with errno {errno}")) }
}

/// Hands memory out upwards and takes none back: a sub-VM lives for one message.
struct Bump {
    /// Where the next block may start; 0 before the first.
    next: AtomicUsize,
}

#[global_allocator]
static MEMORY: Bump = Bump { next: AtomicUsize::new(0) };

// SAFETY: each block lies above the one before it, in memory grown for blocks alone, aligned as asked.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        const PAGE: usize = 65_536;
        let end = wasm32::memory_size(0) * PAGE;
        let start = match self.next.load(Relaxed) {
            0 => end,
            next => next.next_multiple_of(layout.align()),
        };
        let next = start.saturating_add(layout.size());
        let missing = next.saturating_sub(end).div_ceil(PAGE);
        if missing > 0 && wasm32::memory_grow(0, missing) == usize::MAX {
            return core::ptr::null_mut();
        }
        self.next.store(next, Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
