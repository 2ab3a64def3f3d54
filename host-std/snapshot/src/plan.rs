//! What is to be done with a module: what is called, and what is written anew.

use std::collections::BTreeSet;
use std::ops::Deref;

use subvm_lower::{EXCEPTIONS, FEATURES};
use wasmparser::{ExternalKind, GlobalType, ValType, Validator};

use crate::error::SnapshotError;
use crate::module::Module;
use crate::{INITIALISATIONS, Options, WIZER_RESUME};

/// A function that is exported, of the module's own, without parameters and results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u32,
}

/// A module, and what is to be done with it.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) init: Function<'a>,
    /// What begins a run.
    pub(crate) entry: Function<'a>,
    /// Whether that is not what began them before.
    pub(crate) resumes: bool,
    /// `__wasm_call_ctors`, where it is for the one who starts the module to call.
    pub(crate) constructors: Option<Function<'a>>,
    module: Module<'a>,
}

impl<'a> Deref for Plan<'a> {
    type Target = Module<'a>;

    fn deref(&self) -> &Module<'a> {
        &self.module
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn read(wasm: &'a [u8], options: &Options) -> Result<Self, SnapshotError> {
        let features = if options.params.exceptions { FEATURES.union(EXCEPTIONS) } else { FEATURES };
        Validator::new_with_features(features).validate_all(wasm)?;
        Module::read(wasm)?.planned(options)
    }

    /// Whether tables, element segments and references in globals are written anew: what nobody writes to stays as segments make it.
    pub(crate) fn moves_references(&self) -> bool {
        let holds = |ty: &GlobalType| ty.mutable && matches!(ty.content_type, ValType::Ref(_));
        self.uses.moves_references || self.globals.iter().any(holds)
    }

    /// The mutable globals that hold references to functions.
    pub(crate) fn held(&self) -> impl Iterator<Item = u32> + '_ {
        let held = |ty: &GlobalType| ty.mutable && matches!(ty.content_type, ValType::Ref(ty) if ty.is_func_ref());
        (0u32..).zip(&self.globals).filter(move |(_, ty)| held(ty)).map(|(index, _)| index)
    }

    /// The functions to which a reference may be anywhere.
    pub(crate) fn known(&self) -> Vec<u32> {
        self.named.union(&self.uses.referred).copied().collect()
    }

    /// How many globals note of segments, data first, that they were dropped.
    pub(crate) fn flags(&self) -> usize {
        if self.uses.drops { self.passive_data.len() + self.passive_elements.len() } else { 0 }
    }

    /// The functions to which code refers, and which neither these exports nor what is named beside them declares.
    pub(crate) fn undeclared(&self, exports: &[(&str, ExternalKind, u32)], named: &BTreeSet<u32>) -> Vec<u32> {
        let exported =
            |function| exports.iter().any(|(_, kind, index)| *kind == ExternalKind::Func && *index == function);
        let referred = self.uses.referred.difference(named).copied();
        referred.filter(|function| !exported(*function)).collect()
    }

    /// The exports of the snapshot.
    pub(crate) fn kept_exports(&self) -> Vec<(&'a str, ExternalKind, u32)> {
        let done = |name: &str| {
            name == self.init.name
                || name == "_initialize"
                || self.constructors.is_some_and(|constructors| constructors.name == name)
                || self.resumes && ["", "_start", self.entry.name].contains(&name)
        };
        let mut exports: Vec<_> = self.module.exports.iter().filter(|(name, ..)| !done(name)).copied().collect();
        if self.resumes {
            exports.push(("_start", ExternalKind::Func, self.entry.index));
        }
        exports
    }
}

impl<'a> Module<'a> {
    fn planned(self, options: &Options) -> Result<Plan<'a>, SnapshotError> {
        let given = options.init.as_deref();
        let known = INITIALISATIONS.into_iter().find(|name| self.exports.iter().any(|(other, ..)| other == name));
        let name = given.or(known).unwrap_or(INITIALISATIONS[0]);
        let init = self.function("the initialisation", name)?;
        let wizer =
            (init.name == INITIALISATIONS[1]).then_some(WIZER_RESUME).filter(|name| self.exported(name).is_some());
        let resume = options.resume.as_deref().or(wizer);
        let entry = match resume {
            Some(name) => self.function("what begins a run", name)?,
            None => {
                let entry = ["", "_start"].into_iter().find(|name| self.exported(name).is_some());
                self.function("what begins a run", entry.ok_or(SnapshotError::NoEntry)?)?
            }
        };
        if entry.index == init.index {
            let found = "what begins a run as well: name another with `resume`";
            return Err(SnapshotError::Function { wanted: "the initialisation", name: name.to_owned(), found });
        }
        let constructors = self
            .exported("_initialize")
            .is_none()
            .then(|| self.function("the constructors", "__wasm_call_ctors").ok())
            .flatten();
        let resumes = resume.is_some_and(|name| name != "_start");
        Ok(Plan { init, entry, resumes, constructors, module: self })
    }

    fn exported(&self, name: &str) -> Option<(&'a str, ExternalKind, u32)> {
        self.exports.iter().find(|(other, ..)| *other == name).copied()
    }

    fn function(&self, wanted: &'static str, name: &str) -> Result<Function<'a>, SnapshotError> {
        let refused = |found| SnapshotError::Function { wanted, name: name.to_owned(), found };
        let Some((name, kind, index)) = self.exported(name) else { return Err(refused("not exported")) };
        if kind != ExternalKind::Func {
            return Err(refused("no function"));
        }
        if (index as usize) < self.imported {
            return Err(refused("imported"));
        }
        let ty = self.functions.get(index as usize).and_then(|ty| self.plain.get(*ty as usize));
        if ty != Some(&true) {
            return Err(refused("of another type"));
        }
        Ok(Function { name, index })
    }
}
