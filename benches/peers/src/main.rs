//! Measures everything that docs/benchmarks.md shows, and writes its tables and pictures anew:
//!
//! ```text
//! cargo run --release --locked --manifest-path benches/peers/Cargo.toml [syscalls|growth|calibration]
//! ```
//!
//! The machine should have nothing else to do. It takes some minutes, beside compiling wasmtime once more.

mod wasmtime_wasi;

use wasmtime_wasi::WasmtimeWasi;

fn main() -> std::io::Result<()> {
    let only = std::env::args().nth(1);
    subvm_tables::report::write(&[&WasmtimeWasi::new()?], only.as_deref())
}
