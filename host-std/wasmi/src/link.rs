//! Linking the modules of a package: what one imports is looked up in those before it when it is instantiated, and in nothing that is kept
//! (`docs/RATIONALE.md#linking-keeps-nothing`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use subvm_core::{InternalError, InternalErrorKind, Invalid};
use subvm_link::{Import, Library, Refused, Type, unlinkable};
use subvm_lower::{
    CALLS_GLOBAL, COUNTERS_MODULE, FRAMES_MEMORY, GAS_GLOBAL, HOST_MODULES, MARK_GLOBAL, STACK_GLOBAL, TRAP_GLOBAL,
    WATCH_MODULE,
};
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{Extern, ExternType, Func, Module, Store, ValType};

use crate::Stopped;
use crate::host_calls;
use crate::running::Running;
use crate::units::Unit;
use crate::watch;

/// Where a module of a package finds what it imports.
pub(crate) struct Linking<'a> {
    /// The modules before it, whose instances stand in the store in the same order.
    pub(crate) before: &'a [(String, Arc<Unit>)],
    /// Its own ordinal.
    pub(crate) ordinal: u32,
}

impl Linking<'_> {
    /// What `module` imports, in its order.
    ///
    /// # Errors
    /// A refusal, where something is not there; types are not looked at.
    ///
    /// # Cost
    /// A look-up by name for each import, paid by the sub-VM when it was set up. A function of the host's is made once, however often it is
    /// imported.
    pub(crate) fn resolve(&self, store: &mut Store<Running>, module: &Module) -> Result<Vec<Extern>, Stopped> {
        let mut made = BTreeMap::new();
        let mut imports = Vec::with_capacity(module.imports().len());
        for import in module.imports() {
            match self.look_up(store, &mut made, import.module(), import.name())? {
                Some(found) => imports.push(found),
                None => return Err(self.refused(store, module, "it imports what is not there").into()),
            }
        }
        Ok(imports)
    }

    /// What a failure to instantiate `module` is: a refusal, or whatever unwound the guest.
    pub(crate) fn failed(&self, store: &Store<Running>, module: &Module, error: wasmi::Error) -> Stopped {
        match error.kind() {
            ErrorKind::Instantiation(
                InstantiationError::ImportTypeMismatch { .. }
                | InstantiationError::GlobalTypeMismatch { .. }
                | InstantiationError::FuncTypeMismatch { .. }
                | InstantiationError::TableTypeMismatch { .. }
                | InstantiationError::MemoryTypeMismatch { .. },
            ) => self.refused(store, module, &error.to_string()).into(),
            _ => Stopped::Unwound(error),
        }
    }

    fn refused(&self, store: &Store<Running>, module: &Module, otherwise: &str) -> Refused {
        unlinkable(imports(module), |from, name| self.library(store, from, name))
            .unwrap_or_else(|| Refused::new(Invalid::WasmLinking, otherwise))
    }

    /// What the libraries that are linked already have for an import.
    fn library(&self, store: &Store<Running>, from: &str, name: &str) -> Library {
        let Some(at) = self.before.iter().position(|(taken, _)| taken == from) else { return Library::Unknown };
        let found = store.data().instances[at].get_export(store, name);
        found.map_or(Library::Lacks, |found| Library::Has(there(store, found)))
    }

    fn look_up<'m>(
        &self,
        store: &mut Store<Running>,
        made: &mut BTreeMap<(&'m str, &'m str), Func>,
        from: &'m str,
        name: &'m str,
    ) -> Result<Option<Extern>, Stopped> {
        if HOST_MODULES.contains(&from) {
            if let Some(function) = made.get(&(from, name)) {
                return Ok(Some((*function).into()));
            }
            let Some(function) = host_calls::function(store, from, name, self.ordinal) else { return Ok(None) };
            made.insert((from, name), function);
            return Ok(Some(function.into()));
        }
        if from == WATCH_MODULE {
            return Ok(watch::function(store, name).map(Extern::from));
        }
        if from == COUNTERS_MODULE {
            return counter(store.data(), name).map(Some);
        }
        let Some(at) = self.before.iter().position(|(taken, _)| taken == from) else { return Ok(None) };
        Ok(store.data().instances[at].get_export(&*store, name))
    }
}

/// A counter, or the memory where functions note themselves, which the first module defined. No guest can ask for one by itself: its name is
/// reserved.
fn counter(running: &Running, name: &str) -> Result<Extern, Stopped> {
    let counters = running.counters.as_ref();
    let found = counters.and_then(|counters| match name {
        GAS_GLOBAL => Some(counters.gas.into()),
        STACK_GLOBAL => Some(counters.stack.into()),
        MARK_GLOBAL => Some(counters.mark.into()),
        TRAP_GLOBAL => Some(counters.trap.into()),
        CALLS_GLOBAL => counters.calls.map(Extern::from),
        FRAMES_MEMORY => counters.frames.map(Extern::from),
        _ => None,
    });
    let unset = || InternalError::new(InternalErrorKind::Bug, format!("a lowered module lacks {name}"));
    Ok(found.ok_or_else(unset)?)
}

/// What `module` imports, as its guest wrote it.
pub(crate) fn imports(module: &Module) -> impl Iterator<Item = Import> {
    module.imports().map(|import| match import.ty() {
        ExternType::Func(ty) => {
            Import::lowered(import.module(), import.name(), &names(ty.params()), &names(ty.results()))
        }
        other => Import::of_other(import.module(), import.name(), described(other)),
    })
}

/// What is there now: a memory or a table is as large as it is.
fn there(store: &Store<Running>, found: Extern) -> Type {
    match (found, described(&found.ty(store))) {
        (Extern::Memory(memory), Type::Memory { most, .. }) => Type::Memory { least: memory.size(store), most },
        (Extern::Table(table), Type::Table { element, most, .. }) => {
            Type::Table { element, least: table.size(store), most }
        }
        (_, ty) => ty,
    }
}

fn described(ty: &ExternType) -> Type {
    match ty {
        ExternType::Func(ty) => Type::function(names(ty.params()), names(ty.results())),
        ExternType::Global(ty) => Type::Global { value: name(&ty.content()).into(), mutable: ty.mutability().is_mut() },
        ExternType::Table(ty) => {
            Type::Table { element: name(&ValType::from(ty.element())).into(), least: ty.minimum(), most: ty.maximum() }
        }
        ExternType::Memory(ty) => Type::Memory { least: ty.minimum(), most: ty.maximum() },
    }
}

fn names(types: &[ValType]) -> Vec<&'static str> {
    types.iter().map(name).collect()
}

/// A type, as the text format names it.
fn name(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::FuncRef => "funcref",
        ValType::ExternRef => "externref",
    }
}
