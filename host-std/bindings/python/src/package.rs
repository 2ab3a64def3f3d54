//! Contracts' code.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use subvm_core::vfs::Tree;
use subvm_core::wasi::Refused;
use subvm_core::{Cancel, Library, Package as Core, Parts};
use subvm_observe::chain;
use subvm_testing::python;

use crate::address::digits;
use crate::aside::aside;
use crate::error::raise;

/// What a bundle begins with (`docs/spec/bundle.md`), and no module does.
const BUNDLE: &[u8] = b"subvm";

/// What runs: a module and all that it needs.
#[pyclass(frozen, module = "pysubvm")]
pub(crate) struct Package(pub(crate) Arc<Core>);

#[pymethods]
impl Package {
    /// Of a module alone, or of a bundle.
    #[new]
    fn new(py: Python<'_>, code: &[u8]) -> PyResult<Self> {
        let wrong = |error: &(dyn std::error::Error + 'static)| raise(py, "PackageError", chain(error));
        if code.starts_with(BUNDLE) {
            return Core::from_bundle(code).map(Self::of).map_err(|error| wrong(&error));
        }
        let parts = Parts { start: code.into(), ..Parts::default() };
        parts.check(&Refused::default()).map(Self::of).map_err(|error| wrong(&error))
    }

    /// Of its parts.
    #[staticmethod]
    fn of_parts(
        py: Python<'_>,
        start: Vec<u8>,
        files: BTreeMap<String, Vec<u8>>,
        libraries: Vec<(String, Vec<u8>)>,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let libraries = libraries.into_iter().map(|(name, wasm)| Library { name, wasm: wasm.into() }).collect();
        let files = files.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
        let parts = Parts { start: start.into(), libraries, files, args, env, ..Parts::default() };
        parts.check(&Refused::default()).map(Self::of).map_err(|error| raise(py, "PackageError", chain(&error)))
    }

    /// Of a contract's source in Python and a runner. The interpreter may have to be compiled, so that it is done aside.
    #[staticmethod]
    fn of_python(py: Python<'_>, source: Vec<u8>, runner: &Self) -> PyResult<Self> {
        let runner = Arc::clone(&runner.0);
        let cancel = Cancel::new();
        let parts = aside(py, &cancel, || python(&source, &runner, None, Some(cancel.clone())))?;
        let parts = parts.map_err(|error| raise(py, "PackageError", chain(&error)))?;
        parts.check(&Refused::default()).map(Self::of).map_err(|error| raise(py, "PackageError", chain(&error)))
    }

    /// The same package with more files.
    fn with_files(&self, py: Python<'_>, files: BTreeMap<String, Vec<u8>>) -> PyResult<Self> {
        let wrong = |path: &str, error: &(dyn std::error::Error + 'static)| {
            raise(py, "PackageError", format!("{path}: {}", chain(error)))
        };
        let (kept, mut tree) = (&self.0.files, Tree::builder());
        for (path, bytes) in kept.files() {
            tree.map(&path, Arc::clone(bytes)).map_err(|error| wrong(&path, &error))?;
        }
        for (path, bytes) in files {
            tree.map(&path, bytes.into()).map_err(|error| wrong(&path, &error))?;
        }
        for path in kept.empty_directories() {
            tree.make_directory(&path).map_err(|error| wrong(&path, &error))?;
        }
        for path in kept.roots() {
            tree.announce(path).map_err(|error| wrong(path, &error))?;
        }
        Ok(Self::of(Core { files: Arc::new(tree.build()), ..(*self.0).clone() }))
    }

    /// The digest by which nodes know it, in hexadecimal.
    #[getter]
    fn digest(&self) -> String {
        digits(&self.0.digest())
    }

    /// The module that starts.
    #[getter]
    fn start<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.start)
    }

    /// The files of its tree.
    #[getter]
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.files.files().into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect()
    }

    /// The bytes of a bundle: what is deployed.
    fn to_bundle<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bundle())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }

    fn __hash__(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0.digest();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn __repr__(&self) -> String {
        format!("<Package {}>", &self.digest()[..16])
    }
}

impl Package {
    fn of(package: Core) -> Self {
        Self(Arc::new(package))
    }
}

/// Keeps compiled modules in a directory too; whether that counts from now on, or from the next process on.
#[pyfunction]
pub(crate) fn keep_compiled(py: Python<'_>, directory: PathBuf) -> PyResult<bool> {
    subvm_testing::keep_compiled(&directory).map_err(|error| raise(py, "Error", chain(&error)))
}
