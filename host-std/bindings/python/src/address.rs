//! Addresses.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use subvm_core::Address as Core;

use crate::error::raise;

/// The 20 bytes that name an account or a contract: made of bytes, of 40 hexadecimal digits, or of another address.
#[pyclass(frozen, eq, ord, hash, module = "pysubvm")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(pub(crate) Core);

#[pymethods]
impl Address {
    #[new]
    fn new(of: &Bound<'_, PyAny>) -> PyResult<Self> {
        address(of).map(Self)
    }

    /// The 20 bytes.
    #[getter]
    fn as_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.0)
    }

    /// 0x and 40 digits, in lower case.
    #[getter]
    fn as_hex(&self) -> String {
        format!("0x{}", self.0)
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.as_bytes(py)
    }

    fn __str__(&self) -> String {
        self.as_hex()
    }

    fn __repr__(&self) -> String {
        format!("Address(\"{}\")", self.as_hex())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (String,)) {
        (slf.get_type().into_any(), (slf.get().as_hex(),))
    }
}

/// What an argument names: an address, its bytes, its digits, or anything that has an attribute `address`, such as a contract.
pub(crate) fn address(of: &Bound<'_, PyAny>) -> PyResult<Core> {
    let py = of.py();
    if let Ok(address) = of.cast::<Address>() {
        return Ok(address.get().0);
    }
    if let Ok(bytes) = of.cast::<PyBytes>() {
        let len = bytes.as_bytes().len();
        let bytes = bytes.as_bytes().try_into();
        return bytes.map(Core).map_err(|_| raise(py, "AddressError", format!("an address has 20 bytes, not {len}")));
    }
    if let Ok(text) = of.extract::<String>() {
        let read = hex(text.strip_prefix("0x").unwrap_or(&text));
        return read
            .map(Core)
            .ok_or_else(|| raise(py, "AddressError", format!("{text:?} is no address: it has 40 hexadecimal digits")));
    }
    if let Ok(address) = of.getattr("address") {
        return self::address(&address);
    }
    let kind = of.get_type().name()?;
    Err(raise(
        py,
        "AddressError",
        format!("a {kind} is no address: give an Address, 20 bytes, 40 hexadecimal digits, or a contract"),
    ))
}

/// Bytes from exactly so many digits.
pub(crate) fn hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Lower-case digits.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
