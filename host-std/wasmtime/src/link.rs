//! Linking the modules of a package: what one imports is looked up in those before it when it is instantiated, and in nothing that is kept.
//!
//! An own linker for each sub-VM would hold every export of every library as long as the guest runs: 109 MB for 16 libraries of 49,990
//! exports, in each sub-VM of a nest (`docs/RATIONALE.md#linking-keeps-nothing`).

use std::sync::Arc;

use subvm_core::{InternalError, InternalErrorKind};
use subvm_lower::{COUNTERS_MODULE, GAS_GLOBAL, HOST_MODULES, STACK_GLOBAL, TRAP_GLOBAL, WATCH_MODULE};
use wasmtime::{Extern, ImportType, Linker, Module, Store};

use super::running::Running;
use super::stopped::{Refused, Stopped};
use super::units::Unit;
use super::unlinkable::{self, Library};

/// Where a module of a package finds what it imports.
pub(super) struct Linking<'a> {
    /// The host's functions, for every module of the package.
    pub(super) host: &'a Linker<Running>,
    /// The modules before it, whose instances stand in the store in the same order.
    pub(super) before: &'a [(String, Arc<Unit>)],
}

impl Linking<'_> {
    /// What `module` imports, in its order.
    ///
    /// # Errors
    /// A refusal, where something is not there; types are not looked at.
    ///
    /// # Cost
    /// A look-up by name for each import, paid by the sub-VM when it was set up. Memory: what is given back.
    pub(super) fn resolve(&self, store: &mut Store<Running>, module: &Module) -> Result<Vec<Extern>, Stopped> {
        let mut imports = Vec::with_capacity(module.imports().len());
        for import in module.imports() {
            let Some(found) = self.look_up(store, &import)? else {
                return Err(self.refused(store, module, &missing(&import)).into());
            };
            imports.push(found);
        }
        Ok(imports)
    }

    /// What a failure to instantiate `module` is: a refusal, or whatever unwound the guest.
    pub(super) fn failed(&self, store: &mut Store<Running>, module: &Module, error: wasmtime::Error) -> Stopped {
        let mismatch = error.to_string().starts_with(OF_ANOTHER_TYPE);
        if mismatch { self.refused(store, module, &error).into() } else { error.into() }
    }

    fn refused(&self, store: &mut Store<Running>, module: &Module, error: &wasmtime::Error) -> Refused {
        unlinkable::refused(module, |from, name| self.library(store, from, name), error)
    }

    /// What the libraries that are linked already have for an import.
    fn library(&self, store: &mut Store<Running>, from: &str, name: &str) -> Library {
        let Some(at) = self.before.iter().position(|(taken, _)| taken == from) else { return Library::Unknown };
        let instance = store.data().instances[at];
        instance.get_export(&mut *store, name).map_or(Library::Lacks, |found| Library::Has(found.ty(&*store)))
    }

    fn look_up(&self, store: &mut Store<Running>, import: &ImportType<'_>) -> Result<Option<Extern>, Stopped> {
        let (from, name) = (import.module(), import.name());
        if HOST_MODULES.contains(&from) || from == WATCH_MODULE {
            return Ok(self.host.try_get_by_import(store, import)?);
        }
        if from == COUNTERS_MODULE {
            return counter(store.data(), name).map(Some);
        }
        let Some(at) = self.before.iter().position(|(taken, _)| taken == from) else { return Ok(None) };
        let instance = store.data().instances[at];
        Ok(instance.get_export(store, name))
    }
}

/// A counter, which the first module defined. No guest can ask for one by itself: its name is reserved.
fn counter(running: &Running, name: &str) -> Result<Extern, Stopped> {
    let counters = running.counters.as_ref();
    let found = counters.and_then(|counters| match name {
        GAS_GLOBAL => Some(counters.gas),
        STACK_GLOBAL => Some(counters.stack),
        TRAP_GLOBAL => Some(counters.trap),
        _ => None,
    });
    let unset = || InternalError::new(InternalErrorKind::Bug, format!("a lowered module lacks the counter {name}"));
    Ok(found.ok_or_else(unset)?.into())
}

fn missing(import: &ImportType<'_>) -> wasmtime::Error {
    wasmtime::Error::msg(format!("{:?} does not export {:?}, which a module imports", import.module(), import.name()))
}

/// How wasmtime 48 words the one failure to instantiate that is the package's and no trap: an import of another type. It is found before
/// anything is made.
const OF_ANOTHER_TYPE: &str = "incompatible import type for";
