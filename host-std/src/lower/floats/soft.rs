//! The *soft* policy: the functions of the float library that a module needs become part of it.
//!
//! The library exists once, in Rust (`host-std/softfloat/`); `softfloat.wasm` beside this file is what the compiler makes
//! of it, and a test builds it anew to compare. Its exports bear the names of the operators they carry out. It imports
//! one function, `trap`, which takes a [`TrapKind`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use wasm_encoder::Function;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{FuncType, FunctionBody, Operator, Parser, Payload};

use super::{FloatOp, Form, lanes};
use crate::lower::body::encoded;
use crate::lower::helpers::{Helpers, Signature};
use crate::lower::memories::Globals;

/// The library's functions import nothing but this.
const TRAP: u32 = 0;

static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::parse(include_bytes!("softfloat.wasm")).expect("the library is a module"));

/// The parts of the library.
#[derive(Default)]
struct Library {
    types: Vec<FuncType>,
    /// The type of each function, the imported one first.
    function_types: Vec<u32>,
    exports: BTreeMap<&'static str, u32>,
    /// The bodies of the defined functions.
    bodies: Vec<FunctionBody<'static>>,
}

/// Appends what `operators` need to `helpers`.
pub(crate) fn append(helpers: &mut Helpers, operators: &BTreeSet<FloatOp>, globals: &Globals) {
    let roots: BTreeSet<&str> = operators.iter().filter_map(scalar_name).collect();
    let scalars = LIBRARY.merge(helpers, &roots, globals).expect("the library needs nothing but itself");
    for operator in operators {
        let index = match (operator.form, scalar_name(operator)) {
            (Form::Bits, _) => continue,
            (Form::Scalar, Some(name)) => scalars[name],
            (Form::CopySign, _) => {
                let (signature, body) = lanes::copysign(operator);
                helpers.push(signature, body)
            }
            (_, Some(name)) => {
                let (signature, body) = lanes::wrapper(operator, scalars[name]);
                helpers.push(signature, body)
            }
            (_, None) => unreachable!("every other form names a scalar operator"),
        };
        helpers.floats.insert(operator.name, index);
    }
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
                        if let wasmparser::TypeRef::Func(ty) = import?.ty {
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
        helpers: &mut Helpers,
        roots: &BTreeSet<&'static str>,
        globals: &Globals,
    ) -> Result<BTreeMap<&'static str, u32>, reencode::Error> {
        let needed = self.reachable(roots.iter().map(|name| self.exports[name]))?;
        let first = helpers.next();
        let map: BTreeMap<u32, u32> = needed.iter().copied().zip(first..).collect();
        for &index in &needed {
            let body = if index == TRAP { trap(globals) } else { self.body(index, &map)? };
            helpers.push(self.signature(index), body);
        }
        Ok(roots.iter().map(|name| (*name, map[&self.exports[name]])).collect())
    }

    /// The functions that can be reached from `roots`.
    fn reachable(&self, roots: impl Iterator<Item = u32>) -> wasmparser::Result<BTreeSet<u32>> {
        let mut found = BTreeSet::new();
        let mut open: Vec<u32> = roots.collect();
        while let Some(index) = open.pop() {
            if found.insert(index) && index != TRAP {
                for operator in self.bodies[index as usize - 1].get_operators_reader()? {
                    if let Operator::Call { function_index } = operator? {
                        open.push(function_index);
                    }
                }
            }
        }
        Ok(found)
    }

    fn signature(&self, index: u32) -> Signature {
        let ty = &self.types[self.function_types[index as usize] as usize];
        let list = |types: &[wasmparser::ValType]| types.iter().copied().map(encoded).collect();
        (list(ty.params()), list(ty.results()))
    }

    fn body(&self, index: u32, map: &BTreeMap<u32, u32>) -> Result<Function, reencode::Error> {
        let body = &self.bodies[index as usize - 1];
        let mut renumber = Renumber(map);
        let mut function = renumber.new_function_with_parsed_locals(body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&renumber.parse_instruction(&mut reader)?);
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
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(self.0[&index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::floats::float_op;

    /// Every function of the library that lowering can append.
    fn library_operators() -> impl Iterator<Item = Operator<'static>> {
        LIBRARY.bodies.iter().flat_map(|body| body.get_operators_reader().unwrap()).map(Result::unwrap)
    }

    #[test]
    fn the_library_uses_integers_and_nothing_of_its_module() {
        for operator in library_operators() {
            assert!(float_op(&operator).is_none(), "{operator:?}");
            let text = format!("{operator:?}");
            for word in ["memarg", "mem", "Global", "Table", "Indirect", "Unreachable", "V128"] {
                assert!(!text.contains(word), "{operator:?}");
            }
        }
    }

    #[test]
    fn the_library_imports_only_the_trap() {
        assert_eq!(LIBRARY.function_types.len(), LIBRARY.bodies.len() + 1);
        assert_eq!(LIBRARY.types[LIBRARY.function_types[0] as usize].params(), [wasmparser::ValType::I32]);
    }
}
