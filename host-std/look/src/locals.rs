//! Locals of one function, kept in globals wherever it may stop.

use subvm_lower::{Global, Instance, Lowered, Place};
use wasm_encoder::{ConstExpr, Encode, Function, GlobalType, ValType};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use crate::module::{Sections, longer};
use crate::notes::{encoded as bytes_of, export};
use crate::watch::{Indices, code, locals_of};

/// What the exports of locals begin with.
const LOCAL: &str = "$subvm:look:local:";

/// The locals that an instance kept: their index, and what they held where the function stopped last.
pub(crate) fn read(instance: &Instance<'_>) -> Vec<(u32, Global)> {
    let own = instance.globals.iter();
    let numbered = own.filter_map(|(name, value)| Some((name.strip_prefix(LOCAL)?.parse().ok()?, *value)));
    let mut locals: Vec<(u32, Global)> = numbered.collect();
    locals.sort_unstable_by_key(|(index, _)| *index);
    locals
}

/// The lowered module, whose function keeps its locals before each instruction that may stop it: one that traps, calls, or runs out of time gas.
pub(crate) fn kept(
    original: &[u8],
    lowered: &Lowered,
    places: &[Vec<Place>],
    function: u32,
) -> Result<Vec<u8>, BinaryReaderError> {
    let indices = Indices::read(&lowered.wasm)?;
    let sections = Sections::read(&lowered.wasm)?;
    let mut exports = indices.exports();
    let Some(defined) =
        (function as usize).checked_sub(indices.imported_functions).filter(|index| *index < places.len())
    else {
        return Ok(sections.written(|number, content| if number == 7 { longer(content, &exports) } else { None }));
    };
    let empty = Default::default();
    let (params, _) = indices.function(function as usize).unwrap_or(&empty);
    let Some(body) = sections.bodies.get(defined) else { return Ok(lowered.wasm.clone()) };
    let (declared, mut types) = locals_of(body, params)?;
    // Behind the guest's own stand lowering's.
    let own = Sections::read(original)?;
    if let Some(body) = own.bodies.get(defined) {
        types.truncate(locals_of(body, params)?.1.len());
    }
    let first = indices.globals.len() as u32;
    let keeps: Vec<(u32, u32, ValType)> = (0u32..)
        .zip(&types)
        .filter(|(_, ty)| !matches!(ty, ValType::Ref(_)))
        .zip(first..)
        .map(|((local, ty), global)| (local, global, *ty))
        .collect();
    let globals: Vec<Vec<u8>> = keeps.iter().map(|(_, _, ty)| global(*ty)).collect();
    exports.extend(keeps.iter().map(|(local, global, _)| export(&format!("{LOCAL}{local}"), 3, *global)));
    let mut bodies = Vec::with_capacity(sections.bodies.len());
    for (index, body) in sections.bodies.iter().enumerate() {
        bodies.push(if index == defined {
            bytes_of(keeping(body, declared.clone(), &keeps)?)
        } else {
            bytes_of(body.as_bytes())
        });
    }
    Ok(sections.written(|number, content| match number {
        6 => longer(content, &globals),
        7 => longer(content, &exports),
        10 => Some(code(&bodies)),
        _ => None,
    }))
}

fn global(ty: ValType) -> Vec<u8> {
    let mut global = bytes_of(GlobalType { val_type: ty, mutable: true, shared: false });
    let zero = match ty {
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0.into()),
        ValType::F64 => ConstExpr::f64_const(0.0.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        _ => ConstExpr::i32_const(0),
    };
    zero.encode(&mut global);
    global
}

fn keeping(
    body: &FunctionBody<'_>,
    declared: Vec<(u32, ValType)>,
    keeps: &[(u32, u32, ValType)],
) -> Result<Function, BinaryReaderError> {
    let mut function = Function::new(declared);
    let mut reader = body.get_operators_reader()?;
    let base = body.range().start;
    while !reader.eof() {
        let from = reader.original_position() - base;
        let operator = reader.read()?;
        let to = reader.original_position() - base;
        if may_stop(&operator) {
            let mut sink = function.instructions();
            for (local, global, _) in keeps {
                sink.local_get(*local).global_set(*global);
            }
        }
        function.raw(body.as_bytes().get(from..to).unwrap_or_default().iter().copied());
    }
    Ok(function)
}

/// Whether the function may stop there.
fn may_stop(operator: &Operator<'_>) -> bool {
    let text = crate::instruction::text(operator);
    matches!(operator, Operator::Unreachable | Operator::Call { .. } | Operator::CallIndirect { .. })
        || ["load", "store", "div", "rem", "trunc", "memory", "table"].iter().any(|word| text.contains(word))
}
