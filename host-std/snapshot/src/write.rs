//! The module that has started already.

use std::collections::{BTreeMap, BTreeSet};

use subvm_lower::Global;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementSection, Elements, GlobalSection, Ieee32, Ieee64, MemorySection,
    TableSection,
};
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, ValType, Validator};

use crate::custom;
use crate::error::SnapshotError;
use crate::module::{DATA, DATA_COUNT, ELEMENT, START};
use crate::plan::Plan;
use crate::rewrite::Sections;
use crate::seen::State;

/// What was written of memories and tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Pages of 65,536 bytes that its memories have from the start, in all.
    pub pages: u64,
    /// Active data segments.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Entries of tables that are not null, where tables were written anew.
    pub entries: u64,
}

/// What comes of writing: the module, what was kept, and the custom sections that were left out.
type Written = (Vec<u8>, Kept, Vec<custom::LeftOut>);

pub(crate) fn write(plan: &Plan<'_>, state: &State) -> Result<Written, SnapshotError> {
    let references = References::of(plan, state)?;
    let exports = plan.kept_exports();
    let mut sections = Sections::new(plan);
    let mut kept = Kept::default();
    sections.exports(&exports);
    sections.leave_out(START);
    memories(plan, state, &mut sections, &mut kept)?;
    globals(plan, state, &references, &mut sections)?;
    if plan.moves_references() {
        tables(plan, state, &references, &exports, &mut sections, &mut kept)?;
    } else {
        sections.declare(&exports)?;
    }
    data(plan, state, &mut sections, &mut kept)?;
    let (customs, left_out) = custom::kept(plan);
    let wasm = sections.with(&customs);
    // What was read was valid: what is not now would be this crate's bug.
    Validator::new_with_features(subvm_lower::FEATURES.union(subvm_lower::EXCEPTIONS))
        .validate_all(&wasm)
        .map_err(|error| SnapshotError::Engine(format!("what was written is not valid: {error}")))?;
    Ok((wasm, kept, left_out))
}

/// Which functions references are of.
struct References(BTreeMap<u64, u32>);

impl References {
    fn of(plan: &Plan<'_>, state: &State) -> Result<Self, SnapshotError> {
        if !plan.moves_references() {
            return Ok(Self(BTreeMap::new()));
        }
        let shown = state.tables.get(&(plan.tables.len() as u32)).ok_or_else(|| unseen("the functions"))?;
        Ok(Self(shown.iter().copied().zip(plan.known()).collect()))
    }

    /// The function behind a reference, nothing for null.
    fn function(&self, reference: u64, place: impl FnOnce() -> String) -> Result<Option<u32>, SnapshotError> {
        match (reference, self.0.get(&reference)) {
            (0, _) => Ok(None),
            (_, Some(function)) => Ok(Some(*function)),
            _ => Err(SnapshotError::Reference(format!(
                "{} holds a reference to what is no function of the module",
                place()
            ))),
        }
    }
}

fn unseen(what: &str) -> SnapshotError {
    SnapshotError::Engine(format!("{what} of the machine were not shown"))
}

fn memories(
    plan: &Plan<'_>,
    state: &State,
    sections: &mut Sections<'_, '_>,
    kept: &mut Kept,
) -> Result<(), SnapshotError> {
    if plan.memories.is_empty() {
        return Ok(());
    }
    let mut section = MemorySection::new();
    for (index, ty) in plan.memories.iter().enumerate() {
        let pages = state.memories.get(index).ok_or_else(|| unseen("the memories"))?.pages;
        kept.pages += pages;
        section.memory(RoundtripReencoder.memory_type(wasmparser::MemoryType { initial: pages, ..*ty })?);
    }
    sections.put(&section);
    Ok(())
}

fn globals(
    plan: &Plan<'_>,
    state: &State,
    references: &References,
    sections: &mut Sections<'_, '_>,
) -> Result<(), SnapshotError> {
    let Some(reader) = &plan.global_section else { return Ok(()) };
    let held = state.tables.get(&(plan.tables.len() as u32 + 1));
    let mut held = plan.held().zip(held.into_iter().flatten());
    let mut section = GlobalSection::new();
    for (index, global) in (0u32..).zip(reader.clone()) {
        let global = global?;
        if !global.ty.mutable {
            RoundtripReencoder.parse_global(&mut section, global)?;
            continue;
        }
        let init = match global.ty.content_type {
            ValType::Ref(ty) if ty.is_func_ref() => {
                let (_, reference) = held.next().ok_or_else(|| unseen("the references in globals"))?;
                match references.function(*reference, || format!("global {index}"))? {
                    Some(function) => ConstExpr::ref_func(function),
                    None => ConstExpr::ref_null(wasm_encoder::HeapType::FUNC),
                }
            }
            // The host gives nobody one: it is null, as it was.
            ValType::Ref(ty) if ty.is_extern_ref() => ConstExpr::ref_null(wasm_encoder::HeapType::EXTERN),
            ValType::Ref(_) => {
                return Err(SnapshotError::Reference(format!(
                    "global {index} may hold an exception, which is not kept"
                )));
            }
            _ => number(state.globals.get(&index).ok_or_else(|| unseen("the globals"))?),
        };
        section.global(RoundtripReencoder.global_type(global.ty)?, &init);
    }
    sections.put(&section);
    Ok(())
}

fn number(value: &Global) -> ConstExpr {
    match *value {
        Global::I32(value) => ConstExpr::i32_const(value.cast_signed()),
        Global::I64(value) => ConstExpr::i64_const(value.cast_signed()),
        Global::F32(bits) => ConstExpr::f32_const(Ieee32::new(bits)),
        Global::F64(bits) => ConstExpr::f64_const(Ieee64::new(bits)),
        Global::V128(bits) => ConstExpr::v128_const(bits.cast_signed()),
    }
}

/// Tables as long as they became, and segments that write their entries: the passive ones that were not dropped keep their numbers, in the
/// place of the others stand empty ones.
fn tables(
    plan: &Plan<'_>,
    state: &State,
    references: &References,
    exports: &[(&str, ExternalKind, u32)],
    sections: &mut Sections<'_, '_>,
    kept: &mut Kept,
) -> Result<(), SnapshotError> {
    let mut elements = ElementSection::new();
    if let Some(reader) = &plan.element_section {
        for (segment, element) in reader.clone().into_iter().enumerate() {
            let element = element?;
            let passive = matches!(element.kind, ElementKind::Passive);
            if passive && !dropped(plan, state, plan.passive_data.len() + segment) {
                RoundtripReencoder.parse_element(&mut elements, element)?;
            } else if let ElementItems::Expressions(ty, _) = element.items {
                elements.passive(Elements::Expressions(RoundtripReencoder.ref_type(ty)?, [].as_slice().into()));
            } else {
                elements.passive(Elements::Functions([].as_slice().into()));
            }
        }
    }
    let mut named = BTreeSet::new();
    if let Some(reader) = &plan.table_section {
        let mut section = TableSection::new();
        for (index, table) in (0u32..).zip(reader.clone()) {
            let ty = table?.ty;
            let entries = state.tables.get(&index).ok_or_else(|| unseen("the tables"))?;
            let initial = entries.len() as u64;
            section.table(RoundtripReencoder.table_type(wasmparser::TableType { initial, ..ty })?);
            for (at, run) in runs(index, entries, ty.element_type.is_func_ref().then_some(references))? {
                kept.entries += run.len() as u64;
                named.extend(run.iter().copied());
                let offset = ConstExpr::i32_const(at.cast_signed());
                elements.active((index > 0).then_some(index), &offset, Elements::Functions(run.into()));
            }
        }
        sections.put(&section);
    }
    let undeclared = plan.undeclared(exports, &named);
    if !undeclared.is_empty() {
        elements.declared(Elements::Functions(undeclared.into()));
    }
    if elements.is_empty() {
        sections.leave_out(ELEMENT)
    } else {
        sections.put(&elements)
    }
    Ok(())
}

/// The functions in a table: where each run of them begins, and which they are. Without `references`, it is one that holds none.
fn runs(table: u32, entries: &[u64], references: Option<&References>) -> Result<Vec<(u32, Vec<u32>)>, SnapshotError> {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut before = None;
    for (at, entry) in (0u32..).zip(entries) {
        let place = || format!("entry {at} of table {table}");
        let function = match references {
            Some(references) => references.function(*entry, place)?,
            None if *entry == 0 => None,
            None => {
                let what = format!("{} holds what is no function, which is not kept", place());
                return Err(SnapshotError::Reference(what));
            }
        };
        match (before, function, runs.last_mut()) {
            (Some(_), Some(function), Some((_, run))) => run.push(function),
            (_, Some(function), _) => runs.push((at, vec![function])),
            _ => {}
        }
        before = function;
    }
    Ok(runs)
}

/// Whether a segment was dropped, data first.
fn dropped(plan: &Plan<'_>, state: &State, segment: usize) -> bool {
    let flag = plan.globals.len() + segment;
    plan.flags() > 0 && state.globals.get(&(flag as u32)) == Some(&Global::I32(1))
}

/// Segments that write what memories hold. Where code names segments, the passive ones that were not dropped keep their numbers, and those that
/// write stand in the place of the others: they are dropped when the module starts.
fn data(plan: &Plan<'_>, state: &State, sections: &mut Sections<'_, '_>, kept: &mut Kept) -> Result<(), SnapshotError> {
    let mut active = Vec::new();
    for (memory, seen) in (0u32..).zip(&state.memories).take(plan.memories.len()) {
        for (at, bytes) in &seen.segments {
            kept.bytes += bytes.len() as u64;
            active.push((memory, ConstExpr::i32_const((*at as u32).cast_signed()), bytes));
        }
    }
    kept.segments = active.len() as u64;
    let mut active = active.into_iter();
    let mut section = DataSection::new();
    if plan.uses.names_data
        && let Some(reader) = &plan.data_section
    {
        for (segment, data) in reader.clone().into_iter().enumerate() {
            let data = data?;
            if matches!(data.kind, DataKind::Passive) && !dropped(plan, state, segment) {
                section.passive(data.data.iter().copied());
            } else if let Some((memory, offset, bytes)) = active.next() {
                section.active(memory, &offset, bytes.iter().copied());
            } else {
                section.passive([]);
            }
        }
    }
    for (memory, offset, bytes) in active {
        section.active(memory, &offset, bytes.iter().copied());
    }
    if plan.sections.iter().any(|(id, _)| *id == DATA_COUNT) {
        sections.put(&DataCountSection { count: section.len() });
    }
    if section.is_empty() {
        sections.leave_out(DATA)
    } else {
        sections.put(&section)
    }
    Ok(())
}
