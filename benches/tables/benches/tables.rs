//! The tables of `docs/benchmarks.md`, as far as they need no other runtime:
//!
//! ```text
//! cargo bench --workspace --bench tables [-- NAME]           prints them
//! cargo bench --workspace --bench tables -- --write [NAME]   writes them into the document, without wasmtime-wasi
//! ```
//!
//! The name is `syscalls`, `growth` or `calibration`, or part of a system call's.

use subvm_tables::{calibration, growth, report, syscalls};

fn main() -> std::io::Result<()> {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let only = only.as_deref();
    if std::env::args().any(|argument| argument == "--write") {
        return report::write(&[], only);
    }
    let is = |name| only.is_none_or(|only| only == name);
    if !matches!(only, Some("growth")) {
        let call = only.filter(|only| !matches!(*only, "syscalls" | "calibration"));
        let measured = syscalls::measure_all(&[], report::ROUNDS, call);
        println!("{}", syscalls::table(&measured));
        if is("calibration") {
            let mut priced = calibration::measure(report::KERNEL_ROUNDS);
            priced.extend(calibration::host_calls(&measured));
            println!("{}", calibration::table(priced));
        }
    }
    if is("growth") {
        growth::measure().iter().for_each(|growth| println!("{}", growth.table()));
    }
    Ok(())
}
