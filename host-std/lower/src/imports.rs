//! Functions of the host are handed the ticks, and hand them back.
//!
//! To read or write a global from outside takes several times as long as a call. So each function that a module imports
//! from [`HOST_MODULES`] gets one more parameter and one more result than the guest knows, both of them last, and a call of
//! it passes the counter through:
//!
//! ```text
//!     (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32 i64) (result i32 i64)))
//!
//!     global.get $gas
//!     call $fd_close
//!     global.set $gas
//! ```
//!
//! Where the guest refers to it in another way, a wrapper of the guest's own type that does the same takes the import's
//! place: as an export, in a table, as a value, or called last. Wrappers are appended, so that they are no frames of the guest.
//!
//! Whatever an import's type is becomes another, and different ones stay different: an
//! import that is not of the host's type still is not, and no guest can ask for the function that takes ticks. Only types
//! with more than [`MOST_PARAMETERS`] stay what they are, which no function of the host has with ticks or without.

use std::iter::once;

use wasm_encoder::{Function, InstructionSink, ValType};
use wasmparser::{FuncType, Import, Operator, TypeRef};

use super::appended::{Appended, Signature, signature};
use super::counters::Globals;
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

/// Which of the imported functions are the host's.
pub(super) struct HostImports {
    /// In the order of their indices.
    functions: Vec<Option<Wrapped>>,
    /// The global that counts ticks.
    gas: u32,
}

impl HostImports {
    /// Finds them, and appends a wrapper for each.
    pub(super) fn append(appended: &mut Appended, survey: &Survey<'_>, globals: &Globals) -> HostImports {
        let mut functions = Vec::new();
        let imports = survey.sections.imports.iter().flat_map(|imports| imports.clone().into_imports().flatten());
        for import in imports {
            let TypeRef::Func(ty) = import.ty else { continue };
            let ty = &survey.types[ty as usize];
            let wrapped = is_host_function(&import) && ty.params().len() <= MOST_PARAMETERS;
            let function = functions.len() as u32;
            functions.push(wrapped.then(|| Wrapped {
                ty: appended.ty(with_ticks(ty)),
                wrapper: appended.function(signature(ty), wrapper(function, ty.params().len() as u32, globals.gas)),
            }));
        }
        HostImports { functions, gas: globals.gas }
    }

    /// The type of imported function `index`, where it is no longer the guest's.
    pub(super) fn ty(&self, index: u32) -> Option<u32> {
        self.wrapped(index).map(|wrapped| wrapped.ty)
    }

    /// The function that stands where the guest refers to `index` without calling it.
    pub(super) fn function(&self, index: u32) -> u32 {
        self.wrapped(index).map_or(index, |wrapped| wrapped.wrapper)
    }

    /// What is written in the place of an instruction that refers to a function of the host.
    pub(super) fn redirected(&self, operator: &Operator<'_>) -> Option<Vec<u8>> {
        let mut code = Vec::new();
        let mut sink = InstructionSink::new(&mut code);
        match *operator {
            Operator::Call { function_index } => {
                self.wrapped(function_index)?;
                call(&mut sink, function_index, self.gas)
            }
            Operator::ReturnCall { function_index } => sink.return_call(self.wrapped(function_index)?.wrapper),
            Operator::RefFunc { function_index } => sink.ref_func(self.wrapped(function_index)?.wrapper),
            _ => return None,
        };
        Some(code)
    }

    fn wrapped(&self, index: u32) -> Option<Wrapped> {
        self.functions.get(index as usize).copied().flatten()
    }
}

/// Whether the host supplies what is imported: a function from one of its modules.
pub(super) fn is_host_function(import: &Import<'_>) -> bool {
    HOST_MODULES.contains(&import.module) && matches!(import.ty, TypeRef::Func(_))
}

/// Ticks are the last parameter and the last result.
fn with_ticks(ty: &FuncType) -> Signature {
    let (parameters, results) = signature(ty);
    let with = |types: Vec<ValType>| types.into_iter().chain(once(ValType::I64)).collect();
    (with(parameters), with(results))
}

fn wrapper(import: u32, parameters: u32, gas: u32) -> Function {
    let mut function = Function::new([]);
    let mut sink = function.instructions();
    for parameter in 0..parameters {
        sink.local_get(parameter);
    }
    call(&mut sink, import, gas).end();
    function
}

/// Calls a function of the host, which is handed the ticks and hands them back.
fn call<'a, 'b>(sink: &'a mut InstructionSink<'b>, import: u32, gas: u32) -> &'a mut InstructionSink<'b> {
    sink.global_get(gas).call(import).global_set(gas)
}
