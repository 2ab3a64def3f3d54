//! One transaction on a node whose parts are Python.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use subvm_core::calldata::{Int, Value};
use subvm_core::host::Node;
use subvm_core::{Entry, InternalError, Message, Mode, Role, Run, run as core_run};
use subvm_observe::{chain, kind};

use crate::address::address;
use crate::aside::aside;
use crate::error::raise_with;
use crate::kept::Kept;
use crate::parts::{Part, state};
use crate::settings::Settings;
use crate::transaction::Report;
use crate::value::to_value;

/// Runs one transaction on these parts; `python/pysubvm/node.py` gives it its manners.
///
/// # Errors
/// `NodeError` with its kind, the exception of a part as its cause; or the exception of a part's method that cannot fail.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each part of a node; Python names them")]
pub(crate) fn run(
    py: Python<'_>,
    settings: Settings<'_>,
    message: &Bound<'_, PyDict>,
    role: &str,
    results: Vec<Vec<u8>>,
    entry: (String, Option<Vec<u8>>),
    read_state: &str,
    deadline: Option<u64>,
    parts: [Py<PyAny>; 5],
) -> PyResult<Report> {
    let kept = Kept::default();
    let cancel = kept.begin();
    let transaction = Run {
        message: message_of(message)?,
        entry: entry_of(&entry.0, entry.1)?,
        role: role_of(role, results)?,
        params: Arc::new(settings.params()?),
        state: state(read_state)?,
        deadline: deadline.map(Duration::from_nanos),
        cancel: Some(cancel.clone()),
    };
    let [storage, clock, rng, host, modules] = parts.map(|object| Box::new(Part::of_run(object, &kept)));
    let node = Node { storage, clock, rng, host, modules, observer: None };
    let report = aside(py, &cancel, move || core_run(subvm_testing::engine(), node, transaction).1)?;
    if let Some(error) = kept.take() {
        return Err(error);
    }
    report.map(Report::of).map_err(|error| node_error(py, &error))
}

fn node_error(py: Python<'_>, error: &InternalError) -> PyErr {
    let raised = raise_with(py, "NodeError", (chain(error), kind(error.kind())));
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<PyErr>() {
            raised.set_cause(py, Some(error.clone_ref(py)));
            break;
        }
        cause = error.source();
    }
    raised
}

/// The message of a dict, whose keys have all been given.
fn message_of(dict: &Bound<'_, PyDict>) -> PyResult<Message> {
    let need = |key: &str| dict.get_item(key)?.ok_or_else(|| PyValueError::new_err(format!("a message needs {key}")));
    let int = |key: &str| match to_value(&need(key)?)? {
        Value::Int(int) => Ok(int),
        other => Err(PyValueError::new_err(format!("{key} is an integer, not {other}"))),
    };
    let signer = need("signer")?;
    let value = int("value")?;
    if value < Int::from(0) {
        return Err(PyValueError::new_err(format!("value: {value} is less than nothing")));
    }
    Ok(Message {
        contract_address: address(&need("contract")?)?,
        sender_address: address(&need("sender")?)?,
        origin_address: address(&need("origin")?)?,
        signer_address: (!signer.is_none()).then(|| address(&signer)).transpose()?,
        stack: Vec::new(),
        chain_id: int("chain_id")?,
        value,
        is_init: need("is_init")?.extract()?,
        entry_data: need("data")?.extract()?,
    })
}

fn entry_of(name: &str, stdin: Option<Vec<u8>>) -> PyResult<Entry> {
    let program = |mode| Ok(Entry::Program { mode, stdin: stdin.map(Into::into) });
    match name {
        "contract" => Ok(Entry::Contract),
        "deterministic" => program(Mode::Deterministic),
        "nondeterministic" => program(Mode::NonDeterministic),
        _ => Err(PyValueError::new_err(format!(
            "there is no entry {name:?}; there are contract, deterministic, nondeterministic"
        ))),
    }
}

fn role_of(name: &str, results: Vec<Vec<u8>>) -> PyResult<Role> {
    match name {
        "leader" if results.is_empty() => Ok(Role::Leader),
        "leader" => Err(PyValueError::new_err("a leader makes its results: give none")),
        "validator" => Ok(Role::Validator { results }),
        "sync" => Ok(Role::Sync { results }),
        _ => Err(PyValueError::new_err(format!("there is no role {name:?}; there are leader, validator, sync"))),
    }
}
