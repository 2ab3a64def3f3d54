//! subvm for Python: the native half of the package `pysubvm`, whose other half stands in `python/pysubvm`.
//!
//! | file | what |
//! |---|---|
//! | [`value`] | calldata of Python's values |
//! | [`address`], [`package`], [`receipt`], [`transaction`] | what runs are made of, and what they come to |
//! | [`chain`] | a chain in memory, for tests of contracts |
//! | [`parts`], [`node`], [`conformance`] | the five traits in Python, a run on them, and the kit that checks them |
//! | [`kept`] | exceptions where nothing can fail: the run is called off, and they are raised after it |
//! | [`aside`] | work without the interpreter's lock, called off by Ctrl-C; no panic crosses |
//! | [`error`] | the package's exceptions |

mod address;
mod aside;
mod chain;
mod conformance;
mod error;
mod kept;
mod node;
mod package;
mod parts;
mod receipt;
mod settings;
mod transaction;
mod value;

/// The module `pysubvm._native`; its stubs, `_native.pyi`, say what each item is for.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::address::Address;
    #[pymodule_export]
    use super::chain::{Chain, Snapshot};
    #[pymodule_export]
    use super::conformance::{check_clock, check_host, check_modules, check_rng, check_storage};
    #[pymodule_export]
    use super::node::run;
    #[pymodule_export]
    use super::package::{Package, keep_compiled};
    #[pymodule_export]
    use super::receipt::{Gas, Receipt};
    #[pymodule_export]
    use super::transaction::{Report, Transaction};
    #[pymodule_export]
    use super::value::{decode, encode, parse, to_text};
}
