//! The *soft* policy: the functions of the float library that a module needs become part of it.
//!
//! The library exists once, in Rust (`host-std/softfloat/`); `softfloat.wasm` beside this file is what the compiler makes
//! of it, and a test builds it anew to compare. Its exports bear the names of the operators they carry out. What it
//! imports stands for what only lowering can write: see [`Intrinsic`].

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{Function, Instruction};
use wasmparser::{FuncType, FunctionBody, Operator, Parser, Payload};

use super::{FloatOp, Form, lanes};
use crate::appended::{Appended, signature};
use crate::counters::Globals;

/// The library, parsed: 16 KB, which only a module with float instructions waits for.
fn library() -> Library {
    Library::parse(include_bytes!("softfloat.wasm")).expect("the library is a module")
}

/// The parts of the library.
#[derive(Default)]
struct Library {
    types: Vec<FuncType>,
    /// The imported functions.
    intrinsics: Vec<Intrinsic>,
    /// The type of each function, the imported ones first.
    function_types: Vec<u32>,
    exports: BTreeMap<&'static str, u32>,
    /// The bodies of the defined functions.
    bodies: Vec<FunctionBody<'static>>,
}

/// A function that the library imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intrinsic {
    /// Ends the guest; takes a [`TrapKind`](crate::TrapKind). It becomes a helper.
    Trap,
    /// The bits of a float, or the float of bits. It becomes an instruction.
    BitsOfF32,
    BitsOfF64,
    F32OfBits,
    F64OfBits,
}

impl Intrinsic {
    fn of(name: &str) -> Intrinsic {
        match name {
            "trap" => Intrinsic::Trap,
            "bits_of_f32" => Intrinsic::BitsOfF32,
            "bits_of_f64" => Intrinsic::BitsOfF64,
            "f32_of_bits" => Intrinsic::F32OfBits,
            "f64_of_bits" => Intrinsic::F64OfBits,
            other => unreachable!("the library imports no {other}"),
        }
    }

    fn instruction(self) -> Option<Instruction<'static>> {
        match self {
            Intrinsic::Trap => None,
            Intrinsic::BitsOfF32 => Some(Instruction::I32ReinterpretF32),
            Intrinsic::BitsOfF64 => Some(Instruction::I64ReinterpretF64),
            Intrinsic::F32OfBits => Some(Instruction::F32ReinterpretI32),
            Intrinsic::F64OfBits => Some(Instruction::F64ReinterpretI64),
        }
    }
}

/// Appends what `operators` need, and gives the function for each by the operator's name.
pub(crate) fn append(
    appended: &mut Appended,
    operators: &BTreeSet<FloatOp>,
    globals: &Globals,
) -> BTreeMap<&'static str, u32> {
    let mut functions = BTreeMap::new();
    let roots: BTreeSet<&str> = operators.iter().filter_map(scalar_name).collect();
    if operators.is_empty() {
        return functions;
    }
    let scalars = library().merge(appended, &roots, globals).expect("the library needs nothing but itself");
    for operator in operators {
        let index = match (operator.form, scalar_name(operator)) {
            (Form::Bits, _) => continue,
            (Form::Scalar, Some(name)) => scalars[name],
            (Form::CopySign, _) => {
                let (signature, body) = lanes::copysign(operator);
                appended.function(signature, body)
            }
            (_, Some(name)) => {
                let (signature, body) = lanes::wrapper(operator, scalars[name]);
                appended.function(signature, body)
            }
            (_, None) => unreachable!("every other form names a scalar operator"),
        };
        functions.insert(operator.name, index);
    }
    functions
}

/// The function of the library that carries out `operator`, for each lane where it has several.
fn scalar_name(operator: &FloatOp) -> Option<&'static str> {
    match operator.form {
        Form::Scalar => Some(operator.name),
        Form::Lanes(name) | Form::Mask(name) | Form::Pick(name, _) => Some(name),
        Form::Bits | Form::CopySign => None,
    }
}

impl Library {
    fn parse(wasm: &'static [u8]) -> wasmparser::Result<Library> {
        let mut library = Library::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    library.types = types.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        if let wasmparser::TypeRef::Func(ty) = import.ty {
                            library.intrinsics.push(Intrinsic::of(import.name));
                            library.function_types.push(ty);
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions {
                        library.function_types.push(ty?);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        library.exports.insert(export.name, export.index);
                    }
                }
                Payload::CodeSectionEntry(body) => library.bodies.push(body),
                _ => {}
            }
        }
        Ok(library)
    }

    /// Appends the functions named `roots` and all that they call, and gives the index of each root.
    fn merge(
        &self,
        appended: &mut Appended,
        roots: &BTreeSet<&'static str>,
        globals: &Globals,
    ) -> Result<BTreeMap<&'static str, u32>, reencode::Error> {
        let needed = self.reachable(roots.iter().map(|name| self.exports[name]))?;
        let first = appended.next_function();
        let map: BTreeMap<u32, u32> = needed.iter().copied().zip(first..).collect();
        for &index in &needed {
            let body = match self.defined(index) {
                Some(body) => self.rewrite(body, &map)?,
                None => trap(globals),
            };
            let ty = &self.types[self.function_types[index as usize] as usize];
            appended.function(signature(ty), body);
        }
        Ok(roots.iter().map(|name| (*name, map[&self.exports[name]])).collect())
    }

    /// The functions to append for `roots`: all that they call, but for what becomes an instruction.
    fn reachable(&self, roots: impl Iterator<Item = u32>) -> wasmparser::Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        let mut open: Vec<u32> = roots.collect();
        while let Some(index) = open.pop() {
            if self.instruction(index).is_some() || !found.insert(index) {
                continue;
            }
            let Some(body) = self.defined(index) else { continue };
            for operator in body.get_operators_reader()? {
                if let Operator::Call { function_index } = operator? {
                    open.push(function_index);
                }
            }
        }
        Ok(found)
    }

    /// The body of a function that is not imported.
    fn defined(&self, index: u32) -> Option<&FunctionBody<'static>> {
        self.bodies.get((index as usize).checked_sub(self.intrinsics.len())?)
    }

    /// What a call of function `index` becomes, where it is not another call.
    fn instruction(&self, index: u32) -> Option<Instruction<'static>> {
        self.intrinsics.get(index as usize)?.instruction()
    }

    fn rewrite(&self, body: &FunctionBody<'_>, map: &BTreeMap<u32, u32>) -> Result<Function, reencode::Error> {
        let mut renumber = Renumber(map);
        let mut function = renumber.new_function_with_parsed_locals(body)?;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let intrinsic = match operator {
                Operator::Call { function_index } => self.instruction(function_index),
                _ => None,
            };
            match intrinsic {
                Some(instruction) => function.instruction(&instruction),
                None => function.instruction(&renumber.instruction(operator)?),
            };
        }
        Ok(function)
    }
}

/// The function that the library calls where the guest's conversion traps.
fn trap(globals: &Globals) -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(0).global_set(globals.trap).unreachable().end();
    function
}

/// Gives the library's functions their indices in the guest's module. It has no types, globals or memories to refer to.
struct Renumber<'a>(&'a BTreeMap<u32, u32>);

impl Reencode for Renumber<'_> {
    type Error = core::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(self.0[&index])
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::floats::float_op;

    #[test]
    fn the_library_uses_integers_and_nothing_of_its_module() {
        let library = library();
        for body in &library.bodies {
            let mut before = None;
            for operator in body.get_operators_reader().unwrap() {
                let operator = operator.unwrap();
                assert!(float_op(&operator).is_none(), "{operator:?}");
                let text = format!("{operator:?}");
                for word in ["memarg", "mem", "Global", "Table", "Indirect", "V128"] {
                    assert!(!text.contains(word), "{operator:?}");
                }
                // What follows the trap is never reached; nothing else may end in one.
                if matches!(operator, Operator::Unreachable) {
                    let Some(Operator::Call { function_index }) = before else { panic!("after {before:?}") };
                    assert_eq!(library.intrinsics.get(function_index as usize), Some(&Intrinsic::Trap));
                }
                before = Some(operator);
            }
        }
    }

    #[test]
    fn every_operator_that_names_a_function_finds_it() {
        let library = library();
        assert_eq!(library.bodies.len(), 60, "29 operators a format, promotion and demotion");
        assert_eq!(library.function_types.len(), library.bodies.len() + 5);
    }
}
