//! What runs and transactions come to.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use subvm_core::calldata::Value;
use subvm_core::{Outcome, Report as CoreReport};
use subvm_testing::Transaction as Core;

use crate::address::Address;
use crate::error::{raise, raise_with};
use crate::receipt::{Gas, Receipt};
use crate::value::to_object;

/// What one run came to.
#[pyclass(frozen, module = "pysubvm")]
pub(crate) struct Report(Arc<CoreReport>);

#[pymethods]
impl Report {
    /// `return`, `user_error` or `vm_error`.
    #[getter]
    fn outcome(&self) -> &'static str {
        match self.0.outcome {
            Outcome::Return(_) => "return",
            Outcome::UserError(_) | Outcome::UserValue(_) => "user_error",
            Outcome::VmError(_) => "vm_error",
        }
    }

    /// What it returned. Where it failed, that is raised: `UserError` or `VmError`.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.0.outcome {
            Outcome::Return(bytes) => {
                let value = Value::decode(bytes).map_err(|error| raise(py, "CalldataError", error.to_string()))?;
                to_object(py, &value)
            }
            _ => Err(failed(py, &self.0, &[])),
        }
    }

    /// How it failed: the text of a user error, or the code of a VM error.
    #[getter]
    fn error(&self) -> Option<String> {
        self.0.failure()
    }

    #[getter]
    fn receipt(&self) -> Receipt {
        Receipt(self.0.receipt.clone())
    }

    #[getter]
    fn gas(&self) -> Gas {
        self.0.receipt.gas.into()
    }

    /// The most bytes of RAM that deterministic sub-VMs held.
    #[getter]
    fn ram_peak(&self) -> u64 {
        self.0.ram_peak
    }

    /// What people should know.
    #[getter]
    fn diagnostics(&self) -> Vec<String> {
        self.0.diagnostics.clone()
    }

    /// The machine at a failure, as calldata; nothing where the run returned, or the parameters do not ask for it.
    #[getter]
    fn fingerprint<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.fingerprint.as_ref().map(|fingerprint| to_object(py, &fingerprint.to_value())).transpose()
    }

    /// This node's vote on the leader's receipt.
    fn vote(&self, leader: &Receipt) -> String {
        self.0.vote(&leader.0).to_string()
    }

    fn __repr__(&self) -> String {
        let error = self.error().map(|error| format!(" {error:?}")).unwrap_or_default();
        format!("<Report {}{error} {}>", self.outcome(), self.gas_text())
    }
}

impl Report {
    pub(crate) fn of(report: CoreReport) -> Self {
        Self(Arc::new(report))
    }

    fn gas_text(&self) -> String {
        format!("time={}", self.0.receipt.gas.time)
    }
}

/// The exception for a run that did not return; `told` are lines for people.
fn failed(py: Python<'_>, report: &subvm_core::Report, told: &[String]) -> PyErr {
    let failure = report.failure().unwrap_or_default();
    match report.outcome {
        Outcome::UserError(_) | Outcome::UserValue(_) => raise_with(py, "UserError", (failure, told.to_vec())),
        Outcome::VmError(_) => raise_with(py, "VmError", (failure, told.to_vec())),
        Outcome::Return(_) => raise(py, "InternalError", "a run that returned has not failed"),
    }
}

/// What became of a transaction.
#[pyclass(frozen, module = "pysubvm")]
pub(crate) struct Transaction {
    core: Core,
    delivered: Py<PyList>,
    report: Option<Py<Report>>,
}

#[pymethods]
impl Transaction {
    /// The contract that ran.
    #[getter]
    fn contract(&self) -> Address {
        Address(self.core.contract)
    }

    /// The leader's run; nothing where its node failed.
    #[getter]
    fn report(&self, py: Python<'_>) -> Option<Py<Report>> {
        self.report.as_ref().map(|report| report.clone_ref(py))
    }

    /// What the leader's node lacked, where its run came to nothing.
    #[getter]
    fn internal(&self) -> Option<&str> {
        self.core.internal.as_deref()
    }

    /// What it returned. Raised instead: how it failed, what the node lacked (`NodeError`), or that the nodes disagree (`Undetermined`).
    #[getter]
    fn value<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let with = |error: PyErr| {
            // What failed knows of which transaction.
            error.value(py).setattr("transaction", slf).map_or_else(|failed| failed, |()| error)
        };
        let Some(report) = &this.report else {
            return Err(with(raise(py, "NodeError", this.core.internal.clone().unwrap_or_default())));
        };
        if !this.core.accepted {
            let votes = this.votes().join(", ");
            return Err(with(raise(py, "Undetermined", format!("most nodes do not agree with the leader: {votes}"))));
        }
        match &report.get().0.outcome {
            Outcome::Return(_) => report.get().value(py),
            _ => Err(with(failed(py, &report.get().0, &this.told()))),
        }
    }

    /// Whether it returned, and was accepted.
    #[getter]
    fn ok(&self) -> bool {
        self.core.accepted && self.report.as_ref().is_some_and(|report| report.get().0.receipt.returned())
    }

    /// How the run failed: the text of a user error, or the code of a VM error.
    #[getter]
    fn error(&self) -> Option<String> {
        self.report.as_ref()?.get().error()
    }

    /// How each validator voted.
    #[getter]
    fn votes(&self) -> Vec<String> {
        self.core.votes.iter().map(ToString::to_string).collect()
    }

    /// Whether most nodes agreed.
    #[getter]
    fn accepted(&self) -> bool {
        self.core.accepted
    }

    /// What the deterministic side used.
    #[getter]
    fn gas(&self, py: Python<'_>) -> PyResult<Gas> {
        self.reported(py).map(|report| report.0.receipt.gas.into())
    }

    /// What is voted on.
    #[getter]
    fn receipt(&self, py: Python<'_>) -> PyResult<Receipt> {
        self.reported(py).map(|report| Receipt(report.0.receipt.clone()))
    }

    /// All that it sends: events, messages, deployments; each a map from its name to its fields.
    #[getter]
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.receipt(py)?.messages(py)
    }

    /// The events it emitted, each a dict of `topics` and `blob`.
    #[getter]
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut events = Vec::new();
        for message in self.messages(py)? {
            if let Ok(event) = message.get_item("EmitEvent") {
                events.push(event);
            }
        }
        Ok(events)
    }

    /// What its messages led to that were delivered on acceptance.
    #[getter]
    fn delivered(&self, py: Python<'_>) -> Py<PyList> {
        self.delivered.clone_ref(py)
    }

    /// Where a trap or a budget ended it: the functions that were active, innermost first.
    #[getter]
    fn stack(&self) -> Vec<String> {
        self.core.stack.clone()
    }

    /// What the leader's run printed.
    #[getter]
    fn stdout<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.printed.stdout)
    }

    /// What the leader's run printed on standard error: a traceback of a contract in Python, for one.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.printed.stderr)
    }

    /// What `Trace` requests said.
    #[getter]
    fn trace(&self) -> Vec<String> {
        self.core.printed.trace.clone()
    }

    fn __repr__(&self) -> String {
        let end = match (&self.core.internal, self.error()) {
            (Some(internal), _) => format!("the node failed: {internal}"),
            (None, Some(error)) => format!("failed: {error}"),
            (None, None) => "returned".to_owned(),
        };
        let accepted = if self.core.accepted { "accepted" } else { "undetermined" };
        format!("<Transaction {end}, {accepted}>")
    }
}

impl Transaction {
    pub(crate) fn of(py: Python<'_>, mut core: Core) -> PyResult<Self> {
        let report = core.leader.take().map(|report| Py::new(py, Report::of(report))).transpose()?;
        let delivered = all(py, std::mem::take(&mut core.delivered))?.unbind();
        Ok(Self { core, delivered, report })
    }

    fn reported(&self, py: Python<'_>) -> PyResult<&Report> {
        let report = self.report.as_ref().map(Py::get);
        report.ok_or_else(|| raise(py, "NodeError", self.core.internal.clone().unwrap_or_default()))
    }

    /// What people should know of a failure: why a module was refused, where it was, the last lines that it printed on standard error.
    fn told(&self) -> Vec<String> {
        const LINES: usize = 20;
        let diagnostics = self.report.as_ref().map(|report| report.get().0.diagnostics.clone()).unwrap_or_default();
        let printed = String::from_utf8_lossy(&self.core.printed.stderr);
        let lines: Vec<&str> = printed.trim_end().lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].iter().map(ToString::to_string);
        diagnostics.into_iter().chain(self.core.stack.clone()).chain(last).collect()
    }
}

/// A list of transactions.
pub(crate) fn all(py: Python<'_>, transactions: Vec<Core>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for transaction in transactions {
        list.append(Transaction::of(py, transaction)?)?;
    }
    Ok(list)
}
