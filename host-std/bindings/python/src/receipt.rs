//! What is voted on.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use subvm_core::{Gas as CoreGas, Receipt as Core, vote};

use crate::address::digits;
use crate::error::raise;
use crate::value::to_object;
use subvm_core::calldata::Value;

/// What the deterministic side used.
#[pyclass(frozen, eq, hash, get_all, module = "pysubvm")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Gas {
    /// Bytes handed over.
    data: u64,
    /// Pages written.
    storage: u64,
    /// Ticks.
    time: u64,
}

#[pymethods]
impl Gas {
    fn __repr__(&self) -> String {
        format!("Gas(time={}, storage={}, data={})", self.time, self.storage, self.data)
    }
}

impl From<CoreGas> for Gas {
    fn from(CoreGas { data, storage, time }: CoreGas) -> Self {
        Self { data, storage, time }
    }
}

/// A receipt: equal on every node.
#[pyclass(frozen, eq, module = "pysubvm")]
#[derive(PartialEq)]
pub(crate) struct Receipt(pub(crate) Core);

#[pymethods]
impl Receipt {
    /// Of its canonical bytes.
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        Core::from_bytes(data).map(Self).map_err(|error| raise(py, "ReceiptError", error.to_string()))
    }

    /// The canonical bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// The digest, in hexadecimal: the same as Rust's, and as every node's.
    #[getter]
    fn digest(&self) -> String {
        digits(&self.0.digest())
    }

    /// The digest of the consensus parameters, in hexadecimal.
    #[getter]
    fn params(&self) -> String {
        digits(&self.0.params)
    }

    /// The digest of the message, in hexadecimal.
    #[getter]
    fn message(&self) -> String {
        digits(&self.0.message)
    }

    /// How it ended: a code byte, and data.
    #[getter]
    fn result<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.result)
    }

    /// Whether it returned: then what it did counts.
    #[getter]
    fn returned(&self) -> bool {
        self.0.returned()
    }

    #[getter]
    fn gas(&self) -> Gas {
        self.0.gas.into()
    }

    /// What it wrote: slot, number of the page, its 32 bytes.
    #[getter]
    fn storage<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, u32, Bound<'py, PyBytes>)> {
        let page = |write: &subvm_core::PageWrite| {
            (PyBytes::new(py, &write.slot.0), write.page, PyBytes::new(py, &write.content))
        };
        self.0.storage.iter().map(page).collect()
    }

    /// What it sends, each a map from its name to its fields.
    #[getter]
    pub(crate) fn messages<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let decode = |bytes: &Vec<u8>| {
            let message = Value::decode(bytes).map_err(|error| raise(py, "CalldataError", error.to_string()))?;
            to_object(py, &message)
        };
        self.0.messages.iter().map(decode).collect()
    }

    /// The results of its non-deterministic blocks, each a code byte and data.
    #[getter]
    fn nondet<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.nondet.iter().map(|result| PyBytes::new(py, result)).collect()
    }

    /// The same receipt with other results of non-deterministic blocks: a leader that lies.
    fn with_nondet(&self, nondet: Vec<Vec<u8>>) -> Self {
        Self(Core { nondet, ..self.0.clone() })
    }

    /// How a node that came to this receipt votes on a leader's.
    fn vote(&self, leader: &Self) -> String {
        vote(Ok(&self.0), &leader.0).to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Receipt {}>", &self.digest()[..16])
    }
}
