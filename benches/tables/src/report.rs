//! Everything at once, into the document.

use std::io;

use crate::document::Document;
use crate::syscalls::Peer;
use crate::{calibration, growth, machine, syscalls};

/// Rounds of system calls.
pub const ROUNDS: usize = 101;
/// Rounds of kernels.
pub const KERNEL_ROUNDS: usize = 51;

/// Measures what `only` names (`syscalls`, `growth` or `calibration`; everything where it names nothing), system calls beside `others`, and
/// writes the tables and pictures of `docs/benchmarks.md` anew.
///
/// # Errors
/// Where they cannot be written.
pub fn write(others: &[&dyn Peer], only: Option<&str>) -> io::Result<()> {
    let is = |name| only.is_none_or(|only| only == name);
    let document = Document::here();
    document.put("machine", &machine::describe())?;
    if is("syscalls") || is("calibration") {
        let measured = syscalls::measure_all(others, ROUNDS, None);
        document.put("syscalls", &syscalls::table(&measured))?;
        document.draw("syscalls", &syscalls::picture(&measured))?;
        if is("calibration") {
            let mut priced = calibration::measure(KERNEL_ROUNDS);
            priced.extend(calibration::host_calls(&measured));
            document.put("calibration", &calibration::table(priced))?;
        }
    }
    if is("growth") {
        for growth in growth::measure() {
            document.put(growth.name, &growth.table())?;
            document.draw(growth.name, &growth.picture())?;
        }
    }
    Ok(())
}
