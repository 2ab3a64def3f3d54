//! The package's exceptions, which stand in `python/pysubvm/errors.py`.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;

/// An exception of the package with one text: `raise(py, "CalldataError", "..")`.
pub(crate) fn raise(py: Python<'_>, name: &str, text: impl Into<String>) -> PyErr {
    raise_with(py, name, (text.into(),))
}

/// An exception of the package with these arguments; what hinders that is raised instead.
pub(crate) fn raise_with<'py>(py: Python<'py>, name: &str, args: impl PyCallArgs<'py>) -> PyErr {
    let made = move || -> PyResult<PyErr> {
        let class = py.import("pysubvm.errors")?.getattr(name)?;
        Ok(PyErr::from_value(class.call1(args)?))
    };
    made().unwrap_or_else(|error| error)
}
