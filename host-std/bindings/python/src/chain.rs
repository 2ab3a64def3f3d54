//! A chain in memory; `python/pysubvm/chain.py` gives it its manners.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use subvm_core::Address as CoreAddress;
use subvm_core::calldata::Value;
use subvm_testing::{Answer, Chain as Core, Node, Snapshot as CoreSnapshot, asked};

use crate::address::{Address, address};
use crate::aside::aside;
use crate::error::raise;
use crate::kept::{Kept, locked};
use crate::package::Package;
use crate::receipt::Receipt;
use crate::settings::Settings;
use crate::transaction::{Transaction, all};
use crate::value::{encoded, to_object, to_value};

/// A chain in memory.
///
/// Python's garbage collector does not see what functions it holds: they must hold nothing that holds the chain, as `pysubvm.Chain` sees to.
#[pyclass(frozen, module = "pysubvm._native")]
pub(crate) struct Chain {
    /// Nothing while something is done with it.
    core: Mutex<Option<Box<Core>>>,
    /// The exception of a function of Python that a run called.
    fault: Kept,
    /// The function that lies for leaders, which the chain has, too: so it is not dropped within the lock.
    liar: Mutex<Option<Arc<Py<PyAny>>>>,
}

/// What a chain was.
#[pyclass(frozen, module = "pysubvm._native")]
pub(crate) struct Snapshot(CoreSnapshot);

#[pymethods]
impl Chain {
    /// A chain with these parameters, whose web and models are a function: it is given who asks (nothing: the leader) and the request, and gives
    /// an answer, `False` where the module is down, or nothing.
    #[new]
    fn new(settings: Settings<'_>, validators: usize, world: Py<PyAny>) -> PyResult<Self> {
        let mut core = Core::with_params(settings.params()?);
        core.validators = validators;
        core.tolerate_endless();
        let fault = Kept::default();
        let here = fault.clone();
        core.world(asked(move |node, request| {
            Python::attach(|py| {
                answer(py, &world, node, request).unwrap_or_else(|error| {
                    here.keep(error);
                    Some(Answer::Down)
                })
            })
        }));
        Ok(Self { core: Mutex::new(Some(Box::new(core))), fault, liar: Mutex::default() })
    }

    #[getter]
    fn validators(&self, py: Python<'_>) -> PyResult<usize> {
        self.look(py, |core| core.validators)
    }

    #[setter]
    fn set_validators(&self, py: Python<'_>, validators: usize) -> PyResult<()> {
        self.look(py, |core| core.validators = validators)
    }

    /// The instant of the next block, in nanoseconds since 1970.
    #[getter]
    fn now(&self, py: Python<'_>) -> PyResult<u64> {
        self.look(py, |core| core.now())
    }

    #[setter]
    fn set_now(&self, py: Python<'_>, now: u64) -> PyResult<()> {
        self.look(py, |core| core.set_now(now))
    }

    fn account(&self, py: Python<'_>, name: &str, balance: u128) -> PyResult<Address> {
        self.look(py, |core| Address(core.account(name, balance)))
    }

    fn balance(&self, of: &Bound<'_, PyAny>) -> PyResult<u128> {
        let address = address(of)?;
        self.look(of.py(), |core| core.balance(address))
    }

    fn fund(&self, account: &Bound<'_, PyAny>, balance: u128) -> PyResult<()> {
        let address = address(account)?;
        self.look(account.py(), |core| core.fund(address, balance))
    }

    fn install(&self, py: Python<'_>, package: &Package) -> PyResult<Address> {
        self.look(py, |core| Address(core.install_package(Arc::clone(&package.0))))
    }

    fn deploy(
        &self,
        package: &Bound<'_, Package>,
        arguments: &Bound<'_, PyAny>,
        sender: &Bound<'_, PyAny>,
        value: u128,
    ) -> PyResult<Transaction> {
        let (py, sender) = (package.py(), address(sender)?);
        encoded(arguments)?;
        let arguments = to_value(arguments)?;
        let package = Arc::clone(&package.get().0);
        self.pay(py, sender, value, move |core| core.deploy_package(sender, package, &arguments, value))
    }

    /// Sends calldata, and money along.
    fn send(
        &self,
        sender: &Bound<'_, PyAny>,
        contract: &Bound<'_, PyAny>,
        value: u128,
        calldata: &Bound<'_, PyAny>,
    ) -> PyResult<Transaction> {
        self.send_bytes(sender, contract, value, encoded(calldata)?)
    }

    /// Sends any bytes in the place of calldata.
    fn send_bytes(
        &self,
        sender: &Bound<'_, PyAny>,
        contract: &Bound<'_, PyAny>,
        value: u128,
        data: Vec<u8>,
    ) -> PyResult<Transaction> {
        let (py, sender, contract) = (sender.py(), address(sender)?, address(contract)?);
        self.pay(py, sender, value, move |core| core.send_bytes(sender, contract, value, &data))
    }

    /// Sends calldata, and keeps nothing of what it did.
    fn view(
        &self,
        sender: &Bound<'_, PyAny>,
        contract: &Bound<'_, PyAny>,
        calldata: &Bound<'_, PyAny>,
    ) -> PyResult<Transaction> {
        let (py, sender, contract) = (sender.py(), address(sender)?, address(contract)?);
        encoded(calldata)?;
        let calldata = to_value(calldata)?;
        let transaction = self.work(py, move |core| core.view_as(sender, contract, &calldata))?;
        Transaction::of(py, transaction)
    }

    fn finalize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let transactions = self.work(py, Core::finalize)?;
        all(py, transactions)
    }

    fn appeal(&self, py: Python<'_>, validators: usize) -> PyResult<Transaction> {
        self.needs_last(py, "to appeal")?;
        let transaction = self.work(py, move |core| core.appeal(validators))?;
        Transaction::of(py, transaction)
    }

    fn one_more(&self, py: Python<'_>, proposal: &Receipt) -> PyResult<String> {
        self.needs_last(py, "to vote on")?;
        let vote = self.work(py, |core| core.one_more(&proposal.0))?;
        Ok(vote.to_string())
    }

    fn tamper(&self, py: Python<'_>, how: Py<PyAny>) -> PyResult<()> {
        let (fault, how) = (self.fault.clone(), Arc::new(how));
        let liar = Arc::clone(&how);
        let tampered = move |results: &mut Vec<Vec<u8>>| {
            let lied = Python::attach(|py| {
                let honest: Vec<_> = results.iter().map(|result| PyBytes::new(py, result)).collect();
                how.call1(py, (honest,))?.extract(py)
            });
            match lied {
                Ok(lies) => *results = lies,
                Err(error) => fault.keep(error),
            }
        };
        self.look(py, |core| core.tamper(tampered))?;
        self.lies_by(Some(liar));
        Ok(())
    }

    fn honest(&self, py: Python<'_>) -> PyResult<()> {
        self.look(py, Core::honest)?;
        self.lies_by(None);
        Ok(())
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        self.look(py, |core| Snapshot(core.snapshot()))
    }

    fn restore(&self, py: Python<'_>, to: &Snapshot) -> PyResult<()> {
        self.look(py, |core| core.restore(&to.0))
    }

    fn read<'py>(
        &self,
        contract: &Bound<'py, PyAny>,
        slot: [u8; 32],
        start: u32,
        length: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if u64::from(start) + u64::from(length) > 1 << 32 {
            return Err(PyValueError::new_err(format!("a slot has 2^32 bytes: there are no {length} from {start} on")));
        }
        let (py, contract) = (contract.py(), address(contract)?);
        let bytes = self.look(py, |core| core.read(contract, slot, start, length as usize))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn write(&self, contract: &Bound<'_, PyAny>, slot: [u8; 32], page: u32, data: &[u8]) -> PyResult<()> {
        if data.len() > 32 {
            return Err(PyValueError::new_err(format!("a page has 32 bytes, not {}: write page by page", data.len())));
        }
        if page >= 1 << 27 {
            return Err(PyValueError::new_err(format!("a slot has 2^27 pages: there is no page {page}")));
        }
        let address = address(contract)?;
        self.look(contract.py(), |core| core.write(address, slot, page, data))
    }
}

impl Chain {
    /// Takes the chain, does what is quick and calls nothing of Python, and puts it back.
    fn look<T>(&self, py: Python<'_>, what: impl FnOnce(&mut Core) -> T) -> PyResult<T> {
        let done = locked(&self.core).as_mut().map(|core| what(core));
        done.ok_or_else(|| busy(py))
    }

    /// Does what may take long, aside; where it does not come to its end, the chain is what it was.
    fn work<T: Send>(&self, py: Python<'_>, what: impl FnOnce(&mut Core) -> T + Send) -> PyResult<T> {
        let taken = locked(&self.core).take();
        let mut core = taken.ok_or_else(|| busy(py))?;
        let (before, cancel) = (core.snapshot(), self.fault.begin());
        core.cancel = Some(cancel.clone());
        let result = aside(py, &cancel, || what(&mut core));
        let fault = self.fault.take();
        let endless = core.took_endless().then(|| raise(py, "Error", "messages beget messages without end"));
        let result = fault.or(endless).map_or(result, Err);
        if result.is_err() {
            core.restore(&before);
        }
        *locked(&self.core) = Some(core);
        result
    }

    /// Drops the function that lied before, which may look at the chain as it goes.
    fn lies_by(&self, how: Option<Arc<Py<PyAny>>>) {
        let before = std::mem::replace(&mut *locked(&self.liar), how);
        drop(before);
    }

    /// Does what sends money, where there is so much.
    fn pay(
        &self,
        py: Python<'_>,
        sender: CoreAddress,
        value: u128,
        what: impl FnOnce(&mut Core) -> subvm_testing::Transaction + Send,
    ) -> PyResult<Transaction> {
        let had = self.look(py, |core| core.balance(sender))?;
        if had < value {
            return Err(raise(py, "InsufficientFunds", format!("0x{sender} has {had}, and sends {value}")));
        }
        let transaction = self.work(py, what)?;
        Transaction::of(py, transaction)
    }

    fn needs_last(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        if self.look(py, |core| core.has_last())? {
            return Ok(());
        }
        Err(raise(
            py,
            "Error",
            format!("there is no transaction {what}: none yet, or all are final, or the chain went back since"),
        ))
    }
}

fn busy(py: Python<'_>) -> PyErr {
    raise(py, "Error", "the chain is at work: another thread has it, or a function that a run called asks for it")
}

/// What the world's function answers.
fn answer(py: Python<'_>, world: &Py<PyAny>, node: Node, request: &Value) -> PyResult<Option<Answer>> {
    let node = match node {
        Node::Leader => None,
        Node::Validator(number) => Some(number),
    };
    let answer = world.bind(py).call1((node, to_object(py, request)?))?;
    if answer.is_none() {
        return Ok(None);
    }
    if let Ok(false) = answer.extract::<bool>() {
        return Ok(Some(Answer::Down));
    }
    let value = to_value(&answer)?;
    let keys: Vec<&str> = value.as_map().map(|map| map.keys().collect()).unwrap_or_default();
    if !matches!(keys[..], ["ok"] | ["error"]) {
        return Err(PyTypeError::new_err(format!(
            "an answer is {{\"ok\": value}} or {{\"error\": code}}, not {value}"
        )));
    }
    encoded(&answer)?;
    Ok(Some(Answer::Exactly(value)))
}
