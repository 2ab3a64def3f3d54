//! Calldata of Python's values: `None`, `bool`, `int`, `Address`, `bytes`, `str`, `list`, `dict`.

use num_bigint::BigInt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};
use subvm_core::calldata::{DecodeLimits, Int, Map, Value};

use crate::address::Address;
use crate::error::raise;

/// The bytes of a value.
#[pyfunction]
pub(crate) fn encode<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &encoded(value)?))
}

/// The value of bytes.
#[pyfunction]
pub(crate) fn decode<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let value = Value::decode(data).map_err(|error| raise(py, "CalldataError", error.to_string()))?;
    to_object(py, &value)
}

/// A value's text form, a superset of JSON.
#[pyfunction]
pub(crate) fn to_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    to_value(value).map(|value| value.to_string())
}

/// The value of a text form.
#[pyfunction]
pub(crate) fn parse<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let value: Value = text.parse().map_err(|error| raise(py, "CalldataError", format!("{error}")))?;
    to_object(py, &value)
}

/// The bytes of a value of Python.
pub(crate) fn encoded(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let py = value.py();
    to_value(value)?.encode().map_err(|error| raise(py, "CalldataError", error.to_string()))
}

/// The calldata of a value of Python.
///
/// # Errors
/// `CalldataError`, or `TypeError` where calldata has no such type; both say where.
pub(crate) fn to_value(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    take(value, &mut Vec::new())
}

/// `path` is where the value stands: keys, and positions.
fn take(value: &Bound<'_, PyAny>, path: &mut Vec<String>) -> PyResult<Value> {
    let py = value.py();
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if let Ok(int) = value.cast::<PyInt>() {
        return to_int(int).map(Value::Int);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::Str(text.to_cow()?.into_owned()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Value::Bytes(bytes.to_vec()));
    }
    if let Ok(address) = value.cast::<Address>() {
        return Ok(Value::Address(address.get().0));
    }
    if path.len() > DecodeLimits::DEFAULT.max_depth as usize {
        return Err(raise(
            py,
            "CalldataError",
            format!("more than {} lists and dicts within one another", DecodeLimits::DEFAULT.max_depth),
        ));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let mut items = Vec::new();
        for (number, item) in value.try_iter()?.enumerate() {
            items.push(within(path, format!("[{number}]"), |path| take(&item?, path))?);
        }
        return Ok(Value::array(items));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut map = Map::new();
        for (key, item) in dict.iter() {
            let Ok(key) = key.extract::<String>() else {
                return Err(PyTypeError::new_err(format!(
                    "calldata{}: a key is a str, not {}",
                    path.concat(),
                    key.repr()?
                )));
            };
            let item = within(path, format!("[{key:?}]"), |path| take(&item, path))?;
            map.insert(key, item);
        }
        return Ok(Value::Map(map));
    }
    // A contract is its address.
    if let Ok(address) = value.getattr("address").and_then(|address| Ok(address.cast::<Address>()?.get().0)) {
        return Ok(Value::Address(address));
    }
    let kind = value.get_type().name()?;
    let known = "None, bool, int, str, bytes, Address, list, dict";
    Err(PyTypeError::new_err(format!("calldata{}: there is no {kind}; there are {known}", path.concat())))
}

fn within<T>(path: &mut Vec<String>, step: String, take: impl FnOnce(&mut Vec<String>) -> PyResult<T>) -> PyResult<T> {
    path.push(step);
    let taken = take(path);
    path.pop();
    taken
}

fn to_int(int: &Bound<'_, PyInt>) -> PyResult<Int> {
    if let Ok(small) = int.extract::<i64>() {
        return Ok(Int::from(small));
    }
    let bits: usize = int.call_method0("bit_length")?.extract()?;
    let kwargs = PyDict::new(int.py());
    kwargs.set_item("signed", true)?;
    let bytes = int.call_method("to_bytes", (bits / 8 + 1, "little"), Some(&kwargs))?;
    Ok(Int::from(BigInt::from_signed_bytes_le(bytes.cast::<PyBytes>()?.as_bytes())))
}

/// The value of Python that calldata is.
pub(crate) fn to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Int(int) => from_int(py, int)?,
        Value::Address(address) => Bound::new(py, Address(*address))?.into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Str(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items.iter() {
                list.append(to_object(py, item)?)?;
            }
            list.into_any()
        }
        Value::Map(map) => {
            let dict = PyDict::new(py);
            for (key, item) in map.iter() {
                dict.set_item(key, to_object(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

fn from_int<'py>(py: Python<'py>, int: &Int) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(small) = i64::try_from(int) {
        return Ok(small.into_pyobject(py)?.into_any());
    }
    let bytes = BigInt::from(int.clone()).to_signed_bytes_le();
    let kwargs = PyDict::new(py);
    kwargs.set_item("signed", true)?;
    py.get_type::<PyInt>().call_method("from_bytes", (PyBytes::new(py, &bytes), "little"), Some(&kwargs))
}
