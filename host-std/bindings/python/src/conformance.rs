//! The conformance kit, on parts of Python: does each keep the promises that its trait makes?

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use subvm_core::host::State;
use subvm_host_mock::conformance::{self, Broken, HostSample, ModulesSample, Written};

use crate::address::{Address, address};
use crate::aside::aside;
use crate::error::raise;
use crate::kept::Kept;
use crate::parts::Part;

/// Does a check aside; what it finds broken is raised as `BrokenPromise`, and what `make` raises as it is. The kit cannot be called off: where it
/// is, nothing of Python is called any more, and so the check soon ends.
fn check(
    py: Python<'_>,
    make: Py<PyAny>,
    check: impl FnOnce(&dyn Fn(&[Written]) -> Part) -> Result<(), Broken> + Send,
    told: bool,
) -> PyResult<()> {
    let kept = Kept::default();
    let cancel = kept.begin();
    let result = aside(py, &cancel, || {
        check(&|written| {
            Python::attach(|py| {
                let object =
                    if kept.is_called_off() { Ok(py.None()) } else { made(py, &make, told.then_some(written)) };
                let object = object.unwrap_or_else(|error| {
                    kept.keep(error);
                    py.None()
                });
                Part::of_check(object, &kept)
            })
        })
    })?;
    if let Some(error) = kept.take() {
        return Err(error);
    }
    result.map_err(|broken| raise(py, "BrokenPromise", broken.to_string()))
}

fn made(py: Python<'_>, make: &Py<PyAny>, written: Option<&[Written]>) -> PyResult<Py<PyAny>> {
    let make = make.bind(py);
    let made = match written {
        Some(written) => make.call1((pages(py, written)?,)),
        None => make.call0(),
    };
    made.map(Bound::unbind)
}

/// What a storage is to hold: state, contract, slot, page, its 32 bytes.
type Page<'py> = (&'static str, Bound<'py, Address>, Bound<'py, PyBytes>, u32, Bound<'py, PyBytes>);

fn pages<'py>(py: Python<'py>, written: &[Written]) -> PyResult<Vec<Page<'py>>> {
    let page = |written: &Written| {
        let state = if written.state == State::Finalized { "finalized" } else { "accepted" };
        let contract = Bound::new(py, Address(written.contract))?;
        Ok((
            state,
            contract,
            PyBytes::new(py, &written.page.slot.0),
            written.page.page,
            PyBytes::new(py, &written.page.content),
        ))
    };
    written.iter().map(page).collect()
}

/// Checks what `make` makes of written pages.
#[pyfunction]
pub(crate) fn check_storage(py: Python<'_>, make: Py<PyAny>) -> PyResult<()> {
    check(py, make, |make| conformance::storage(make), true)
}

/// Checks a clock.
#[pyfunction]
pub(crate) fn check_clock(py: Python<'_>, make: Py<PyAny>) -> PyResult<()> {
    check(py, make, |make| conformance::clock(|| make(&[])), false)
}

/// Checks a generator.
#[pyfunction]
pub(crate) fn check_rng(py: Python<'_>, make: Py<PyAny>) -> PyResult<()> {
    check(py, make, |make| conformance::rng(|| make(&[])), false)
}

/// Checks a host, which has a contract at one address, and none at the other.
#[pyfunction]
pub(crate) fn check_host(
    make: &Bound<'_, PyAny>,
    contract: &Bound<'_, PyAny>,
    nobody: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let sample = HostSample { contract: address(contract)?, nobody: address(nobody)? };
    check(make.py(), make.clone().unbind(), move |make| conformance::host(sample, || make(&[])), false)
}

/// Checks modules, which answer one request, and do not know the other.
#[pyfunction]
pub(crate) fn check_modules(
    py: Python<'_>,
    make: Py<PyAny>,
    request: Vec<u8>,
    unknown: Option<Vec<u8>>,
) -> PyResult<()> {
    let sample = ModulesSample { request, unknown };
    check(py, make, move |make| conformance::modules(&sample, || make(&[])), false)
}
