//! Linking the modules of a package: what one imports is looked up in those before it when it is instantiated, and in nothing that is kept.
//!
//! An own linker for each sub-VM would hold every export of every library as long as the guest runs: 109 MB for 16 libraries of 49,990
//! exports, in each sub-VM of a nest (`docs/RATIONALE.md#linking-keeps-nothing`).

use std::sync::Arc;

use subvm_core::{InternalError, InternalErrorKind, Invalid};
use subvm_link::{Import, Library, Refused, Type, unlinkable};
use subvm_lower::{
    CALLS_GLOBAL, COUNTERS_MODULE, GAS_GLOBAL, HOST_MODULES, MARK_GLOBAL, STACK_GLOBAL, TRAP_GLOBAL, WATCH_MODULE,
};
use wasmtime::{Extern, ExternType, ImportType, Linker, Module, Mutability, RefType, Store, ValType};

use super::Stopped;
use super::running::Running;
use super::unit::Unit;

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
        if mismatch { self.refused(store, module, &error).into() } else { Stopped::Unwound(error) }
    }

    fn refused(&self, store: &mut Store<Running>, module: &Module, error: &wasmtime::Error) -> Refused {
        refused(module, |from, name| self.library(store, from, name), error)
    }

    /// What the libraries that are linked already have for an import.
    fn library(&self, store: &mut Store<Running>, from: &str, name: &str) -> Library {
        let Some(at) = self.before.iter().position(|(taken, _)| taken == from) else { return Library::Unknown };
        let instance = store.data().instances[at];
        instance.get_export(&mut *store, name).map_or(Library::Lacks, |found| Library::Has(there(store, &found)))
    }

    fn look_up(&self, store: &mut Store<Running>, import: &ImportType<'_>) -> Result<Option<Extern>, Stopped> {
        let (from, name) = (import.module(), import.name());
        if HOST_MODULES.contains(&from) || from == WATCH_MODULE {
            return self.host.try_get_by_import(store, import).map_err(Stopped::Unwound);
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
        MARK_GLOBAL => Some(counters.mark),
        TRAP_GLOBAL => Some(counters.trap),
        CALLS_GLOBAL => counters.calls,
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

/// The refusal of a module that wasmtime did not take, for the `error` that it gave. `library` says what libraries have.
pub(super) fn refused(module: &Module, library: impl FnMut(&str, &str) -> Library, error: &wasmtime::Error) -> Refused {
    unlinkable(imports(module), library).unwrap_or_else(|| Refused::new(Invalid::WasmLinking, format!("{error:#}")))
}

/// What `module` imports, as its guest wrote it.
fn imports(module: &Module) -> impl Iterator<Item = Import> {
    module.imports().map(|import| match import.ty() {
        ExternType::Func(ty) => {
            let (params, results): (Vec<_>, Vec<_>) =
                (ty.params().map(name).collect(), ty.results().map(name).collect());
            Import::lowered(import.module(), import.name(), &params, &results)
        }
        other => Import::of_other(import.module(), import.name(), described(&other)),
    })
}

/// What is there now: a memory or a table is as large as it is.
fn there(store: &mut Store<Running>, found: &Extern) -> Type {
    match (found, described(&found.ty(&*store))) {
        (Extern::Memory(memory), Type::Memory { most, .. }) => Type::Memory { least: memory.size(&*store), most },
        (Extern::Table(table), Type::Table { element, most, .. }) => {
            Type::Table { element, least: table.size(&*store), most }
        }
        (_, ty) => ty,
    }
}

fn described(ty: &ExternType) -> Type {
    match ty {
        ExternType::Func(ty) => Type::function(ty.params().map(name), ty.results().map(name)),
        ExternType::Global(ty) => {
            Type::Global { value: name(ty.content().clone()), mutable: ty.mutability() == Mutability::Var }
        }
        ExternType::Table(ty) => {
            Type::Table { element: reference(ty.element()), least: ty.minimum(), most: ty.maximum() }
        }
        ExternType::Memory(ty) => Type::Memory { least: ty.minimum(), most: ty.maximum() },
        ExternType::Tag(_) => Type::Tag,
    }
}

/// A type, as the text format names it.
fn name(ty: ValType) -> String {
    match ty {
        ValType::Ref(ty) => reference(&ty),
        other => other.to_string(),
    }
}

/// wasmtime writes references out.
fn reference(ty: &RefType) -> String {
    if RefType::eq(ty, &RefType::FUNCREF) {
        "funcref".into()
    } else if RefType::eq(ty, &RefType::EXTERNREF) {
        "externref".into()
    } else {
        ty.to_string()
    }
}
