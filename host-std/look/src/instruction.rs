//! Instructions of a module as the contract supplied it, by the byte where they begin.

use std::fmt;

use wasm_encoder::ValType;
use wasmparser::{Operator, Parser, Payload};

/// An instruction, and where it is.
///
/// ```
/// use subvm_look::instruction;
/// let wasm = wat::parse_str("(module (func) (func (drop (i32.add (i32.const 5) (i32.const 6)))))")?;
/// let add = wasm.iter().rposition(|byte| *byte == 0x6a).unwrap();
/// let found = instruction(&wasm, add as u32).expect("there is one");
/// assert_eq!((found.function, found.number, found.text.as_str()), (1, 2, "i32.add"));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The function that it is in, by its index.
    pub function: u32,
    /// Its place among the function's instructions, from 0.
    pub number: u32,
    /// The byte of the module where it begins.
    pub offset: u32,
    /// The instruction in the text format, without its operands but those of variables and calls.
    pub text: String,
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, number, offset, text } = self;
        write!(f, "{text}, instruction {number} of function {function}, byte {offset:#x}")
    }
}

/// The instruction that begins at `offset` of a module; nothing where none does.
///
/// See [`Instruction`] for an example.
#[must_use]
pub fn instruction(wasm: &[u8], offset: u32) -> Option<Instruction> {
    let (function, body) = bodies(wasm).find(|(_, body)| body.range().contains(&(offset as usize)))?;
    let mut reader = body.get_operators_reader().ok()?;
    let mut number = 0;
    while !reader.eof() {
        let at = reader.original_position();
        let operator = reader.read().ok()?;
        if at == offset as usize {
            return Some(Instruction { function, number, offset, text: text(&operator) });
        }
        number += 1;
    }
    None
}

/// The bodies of a module's functions, with their indices.
pub(crate) fn bodies(wasm: &[u8]) -> impl Iterator<Item = (u32, wasmparser::FunctionBody<'_>)> {
    let mut next = 0;
    Parser::new(0).parse_all(wasm).map_while(Result::ok).filter_map(move |payload| match payload {
        Payload::ImportSection(imports) => {
            let functions = imports.into_imports().filter_map(Result::ok);
            next = functions.filter(|import| matches!(import.ty, wasmparser::TypeRef::Func(_))).count() as u32;
            None
        }
        Payload::CodeSectionEntry(body) => {
            next += 1;
            Some((next - 1, body))
        }
        _ => None,
    })
}

/// The name of an operator, as `visit_` has it.
fn name(operator: &Operator<'_>) -> &'static str {
    macro_rules! names {
        ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            match operator {
                $(Operator::$operator { .. } => stringify!($visit),)*
                _ => "visit_unknown",
            }
        };
    }
    wasmparser::for_each_operator!(names).trim_start_matches("visit_")
}

const GROUPS: [&str; 16] = [
    "i32", "i64", "f32", "f64", "local", "global", "memory", "table", "ref", "elem", "v128", "i8x16", "i16x8", "i32x4",
    "i64x2", "f32x4",
];

/// An operator in the text format.
pub(crate) fn text(operator: &Operator<'_>) -> String {
    let name = name(operator);
    let name = match name.split_once('_') {
        Some((group, rest)) if GROUPS.contains(&group) || matches!(group, "f64x2" | "data") => {
            format!("{group}.{rest}")
        }
        _ => name.to_owned(),
    };
    match *operator {
        Operator::LocalGet { local_index }
        | Operator::LocalSet { local_index }
        | Operator::LocalTee { local_index } => {
            format!("{name} {local_index}")
        }
        Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => format!("{name} {global_index}"),
        Operator::Call { function_index } => format!("{name} {function_index}"),
        _ => name,
    }
}

/// The type of the number that `operator` computes: of every one, or only of those that are computed with floats, multiplied or divided.
/// Nothing for constants, variables and calls, which are not computed here.
pub(crate) fn gives(operator: &Operator<'_>, every: bool) -> Option<ValType> {
    let (group, rest) = name(operator).split_once('_')?;
    let own = match group {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        _ => return None,
    };
    let first = rest.split('_').next().unwrap_or_default();
    if matches!(first, "const") || first.starts_with("store") || first == "atomic" {
        return None;
    }
    let chosen =
        own == ValType::F32 || own == ValType::F64 || matches!(first, "mul" | "div" | "rem" | "trunc" | "reinterpret");
    let compares = matches!(first, "eq" | "ne" | "lt" | "gt" | "le" | "ge" | "eqz");
    (every || chosen).then_some(if compares { ValType::I32 } else { own })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_named_and_typed() {
        assert_eq!(text(&Operator::F64Nearest), "f64.nearest");
        assert_eq!(text(&Operator::CallIndirect { type_index: 0, table_index: 0 }), "call_indirect");
        assert_eq!(text(&Operator::LocalTee { local_index: 7 }), "local.tee 7");
        assert_eq!(text(&Operator::I32TruncSatF64S), "i32.trunc_sat_f64_s");
        assert_eq!(gives(&Operator::F64Lt, false), Some(ValType::I32));
        assert_eq!(gives(&Operator::I64Eqz, true), Some(ValType::I32));
        assert_eq!(gives(&Operator::I32WrapI64, true), Some(ValType::I32));
        assert_eq!((gives(&Operator::I32Add, false), gives(&Operator::I32Add, true)), (None, Some(ValType::I32)));
        assert_eq!(gives(&Operator::I32Const { value: 1 }, true), None);
        assert_eq!(gives(&Operator::F64x2Nearest, true), None);
    }
}
