//! Functions of the host are handed the ticks, and hand them back.
//!
//! To read or write a global from outside takes several times as long as a call. So each function that a module imports
//! from [`HOST_MODULES`] gets one more parameter and one more result than the guest knows, and a wrapper of the guest's
//! own type passes the counter through:
//!
//! ```text
//!     (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i64 i32) (result i32 i64)))
//!
//!     (func $wrapper (param i32) (result i32)
//!       global.get $gas
//!       local.get 0
//!       call $fd_close
//!       global.set $gas)
//! ```
//!
//! The wrapper takes the import's place wherever the guest refers to that: nobody else calls it. Wrappers are appended, so
//! that they are no frames of the guest. Whatever an import's type is becomes another, and different ones stay different: an
//! import that is not of the host's type still is not, and no guest can ask for the function that takes ticks. Only types
//! with more than [`MOST_PARAMETERS`] stay what they are, which no function of the host has with ticks or without.

use std::iter::once;

use wasm_encoder::{Function, InstructionSink, ValType};
use wasmparser::{FuncType, Import, Operator, TypeRef};

use super::body::encoded;
use super::helpers::{Helpers, Signature};
use super::memories::Globals;
use super::names::HOST_MODULES;
use super::survey::Survey;

/// What bounds the size of a wrapper: more parameters than any function of the host has, the ticks among them.
const MOST_PARAMETERS: usize = 16;

/// An imported function of the host.
#[derive(Clone, Copy, Debug)]
struct Wrapped {
    /// The import's new type.
    ty: u32,
    /// The function that calls it.
    wrapper: u32,
}

/// Which of the imported functions are the host's, in the order of their indices.
#[derive(Default)]
pub(super) struct HostImports(Vec<Option<Wrapped>>);

impl HostImports {
    /// The type of imported function `index`, where it is no longer the guest's.
    pub(super) fn ty(&self, index: u32) -> Option<u32> {
        self.wrapped(index).map(|wrapped| wrapped.ty)
    }

    /// The function that stands where the guest refers to `index`.
    pub(super) fn function(&self, index: u32) -> u32 {
        self.wrapped(index).map_or(index, |wrapped| wrapped.wrapper)
    }

    /// An instruction that refers to a wrapper, written in the place of one that refers to its import.
    pub(super) fn redirected(&self, operator: &Operator<'_>) -> Option<Vec<u8>> {
        let mut code = Vec::new();
        let mut sink = InstructionSink::new(&mut code);
        match *operator {
            Operator::Call { function_index } => sink.call(self.wrapped(function_index)?.wrapper),
            Operator::ReturnCall { function_index } => sink.return_call(self.wrapped(function_index)?.wrapper),
            Operator::RefFunc { function_index } => sink.ref_func(self.wrapped(function_index)?.wrapper),
            _ => return None,
        };
        Some(code)
    }

    fn wrapped(&self, index: u32) -> Option<Wrapped> {
        self.0.get(index as usize).copied().flatten()
    }
}

/// Whether the host supplies what is imported: a function from one of its modules.
pub(super) fn is_host_function(import: &Import<'_>) -> bool {
    HOST_MODULES.contains(&import.module) && matches!(import.ty, TypeRef::Func(_))
}

/// Appends a wrapper for each imported function of the host.
pub(super) fn append(helpers: &mut Helpers, survey: &Survey<'_>, globals: &Globals) {
    let imports = survey.sections.imports.iter().flat_map(|imports| imports.clone().into_imports().flatten());
    for import in imports {
        let TypeRef::Func(ty) = import.ty else { continue };
        let ty = &survey.types[ty as usize];
        let wrapped = is_host_function(&import) && ty.params().len() <= MOST_PARAMETERS;
        let function = helpers.imports.0.len() as u32;
        let wrapped = wrapped.then(|| Wrapped {
            ty: helpers.types.index(with_ticks(ty)),
            wrapper: helpers.push(plain(ty), wrapper(function, ty.params().len() as u32, globals.gas)),
        });
        helpers.imports.0.push(wrapped);
    }
}

fn plain(ty: &FuncType) -> Signature {
    let encode = |types: &[wasmparser::ValType]| types.iter().copied().map(encoded).collect();
    (encode(ty.params()), encode(ty.results()))
}

/// Ticks are the first parameter and the last result.
fn with_ticks(ty: &FuncType) -> Signature {
    let (parameters, results) = plain(ty);
    let ticks = || once(ValType::I64);
    (ticks().chain(parameters).collect(), results.into_iter().chain(ticks()).collect())
}

fn wrapper(import: u32, parameters: u32, gas: u32) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    sink.global_get(gas);
    for parameter in 0..parameters {
        sink.local_get(parameter);
    }
    sink.call(import).global_set(gas).end();
    function
}
