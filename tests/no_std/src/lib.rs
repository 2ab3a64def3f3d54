//! The core, lowering and the engine on wasmi without std: this crate brings the panic handler and the allocator itself, which std would bring a second time.
#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use subvm_core::calldata::Value;

/// Gives no memory: this crate is linked, never run.
struct Nothing;

// SAFETY: a null pointer is how an allocator says that it has no memory.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Keeps a decoder linked in.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_decodes(bytes: &[u8; 64]) -> bool {
    Value::decode(bytes).is_ok()
}

/// Keeps lowering linked in.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_lowers(bytes: &[u8; 64]) -> bool {
    subvm_lower::lower(bytes, &subvm_lower::Options::default()).is_ok()
}

/// Keeps the float library linked in.
#[cfg(not(target_family = "wasm"))]
#[unsafe(no_mangle)]
pub extern "C" fn subvm_computes(bits: u64) -> u64 {
    subvm_softfloat::binary64::sqrt(bits)
}

/// Keeps the engine linked in.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_interprets(vm: Box<subvm_core::SubVm>) -> bool {
    subvm_core::Engine::run(&subvm_wasmi::WasmiEngine::new(), vm).result.is_ok()
}

/// Keeps the supervisor linked in.
#[unsafe(no_mangle)]
pub extern "C" fn subvm_runs() -> usize {
    subvm_core::run as *const () as usize
}
