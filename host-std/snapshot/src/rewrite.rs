//! The modules that call the initialisation: one that shows what it became, and one that goes on.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, InstructionSink, Module, RawSection, RefType, Section, TableSection,
    TableType, ValType,
};
use wasmparser::{ExternalKind, FunctionBody, Operator};

use crate::error::SnapshotError;
use crate::module::ORDER;
use crate::plan::Plan;

/// The module whose run begins and ends with the initialisation, and which shows beside its own state which segments were dropped (globals
/// behind its own), which functions there are to refer to, and which ones its globals hold (tables behind its own).
pub(crate) fn showing(plan: &Plan<'_>) -> Result<Vec<u8>, SnapshotError> {
    let mut exports: Vec<_> =
        plan.exports.iter().filter(|(name, ..)| !["", "_start"].contains(name)).copied().collect();
    let wrapper = plan.functions.len() as u32;
    exports.push(("_start", ExternalKind::Func, wrapper));
    let known = plan.tables.len() as u32;
    let held: Vec<u32> = plan.held().collect();
    let mut sections = Sections::new(plan);
    if plan.moves_references() {
        let functions = plan.known();
        let mut tables = TableSection::new();
        if let Some(reader) = &plan.table_section {
            RoundtripReencoder.parse_table_section(&mut tables, reader.clone())?;
        }
        [functions.len(), held.len()].iter().for_each(|entries| _ = tables.table(of_functions(*entries)));
        sections.put(&tables);
        let mut elements = ElementSection::new();
        if let Some(reader) = &plan.element_section {
            RoundtripReencoder.parse_element_section(&mut elements, reader.clone())?;
        }
        elements.active(Some(known), &ConstExpr::i32_const(0), Elements::Functions(functions.into()));
        sections.put(&elements);
    }
    if plan.flags() > 0 {
        let mut globals = GlobalSection::new();
        if let Some(reader) = &plan.global_section {
            RoundtripReencoder.parse_global_section(&mut globals, reader.clone())?;
        }
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        (0..plan.flags()).for_each(|_| _ = globals.global(ty, &ConstExpr::i32_const(0)));
        sections.put(&globals);
    }
    sections.wrapper(plan.flags() > 0, |sink| {
        for (entry, global) in (0..).zip(held) {
            sink.i32_const(entry).global_get(global).table_set(known + 1);
        }
    })?;
    sections.exports(&exports);
    Ok(sections.finish())
}

/// The module that initialises itself, and goes on.
pub(crate) fn self_starting(plan: &Plan<'_>) -> Result<Vec<u8>, SnapshotError> {
    let wrapper = plan.functions.len() as u32;
    let entry = if plan.resumes { "_start" } else { plan.entry.name };
    let mut exports: Vec<_> = plan.kept_exports().into_iter().filter(|(name, ..)| *name != entry).collect();
    exports.push((entry, ExternalKind::Func, wrapper));
    exports.extend(plan.exports.iter().filter(|(name, ..)| *name == "_initialize"));
    let mut sections = Sections::new(plan);
    sections.wrapper(false, |sink| _ = sink.call(plan.entry.index))?;
    sections.exports(&exports);
    // Functions may be referred to that are exported no more.
    sections.declare(&exports)?;
    Ok(sections.finish())
}

fn of_functions(entries: usize) -> TableType {
    let entries = entries as u64;
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: entries,
        maximum: Some(entries),
        shared: false,
    }
}

/// The sections of a module, some of which are others than the plan's.
pub(crate) struct Sections<'p, 'a> {
    plan: &'p Plan<'a>,
    /// Number and whole of each that is another, or nothing where it is left out.
    others: Vec<(u8, Vec<u8>)>,
}

impl<'p, 'a> Sections<'p, 'a> {
    pub(crate) fn new(plan: &'p Plan<'a>) -> Self {
        Self { plan, others: Vec::new() }
    }

    /// Puts a section in the place of the one of its kind, or where one of its kind would stand.
    pub(crate) fn put(&mut self, section: &impl Section) {
        let mut whole = Vec::new();
        section.append_to(&mut whole);
        self.others.push((section.id(), whole));
    }

    /// Leaves a section out.
    pub(crate) fn leave_out(&mut self, id: u8) {
        self.others.push((id, Vec::new()));
    }

    pub(crate) fn exports(&mut self, exports: &[(&str, ExternalKind, u32)]) {
        let mut section = ExportSection::new();
        for (name, kind, index) in exports {
            let kind = match kind {
                ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Memory => ExportKind::Memory,
                ExternalKind::Global => ExportKind::Global,
                ExternalKind::Tag => ExportKind::Tag,
            };
            section.export(name, kind, *index);
        }
        self.put(&section);
    }

    /// Adds a segment that declares the functions to which code refers, where element segments, exports and initial values do not.
    pub(crate) fn declare(&mut self, exports: &[(&str, ExternalKind, u32)]) -> Result<(), SnapshotError> {
        let undeclared = self.plan.undeclared(exports, &self.plan.named);
        if !undeclared.is_empty() {
            let mut elements = ElementSection::new();
            if let Some(reader) = &self.plan.element_section {
                RoundtripReencoder.parse_element_section(&mut elements, reader.clone())?;
            }
            elements.declared(Elements::Functions(undeclared.into()));
            self.put(&elements);
        }
        Ok(())
    }

    /// Adds a function without parameters and results, which calls the constructors and the initialisation, and then does the rest; dropped segments are
    /// `noted`.
    fn wrapper(&mut self, noted: bool, rest: impl FnOnce(&mut InstructionSink<'_>)) -> Result<(), SnapshotError> {
        let plan = self.plan;
        let mut functions = FunctionSection::new();
        if let Some(reader) = &plan.function_section {
            RoundtripReencoder.parse_function_section(&mut functions, reader.clone())?;
        }
        functions.function(plan.functions.get(plan.init.index as usize).copied().unwrap_or_default());
        self.put(&functions);
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        if let Some(constructors) = plan.constructors {
            sink.call(constructors.index);
        }
        sink.call(plan.init.index);
        rest(&mut sink);
        sink.end();
        let mut code = CodeSection::new();
        if let Some(reader) = &plan.code_section {
            let mut drops = Drops { first: plan.globals.len() as u32, data: plan.passive_data.len() as u32, noted };
            drops.parse_code_section(&mut code, reader.clone())?;
        }
        code.function(&function);
        self.put(&code);
        Ok(())
    }

    /// The module, without custom sections.
    pub(crate) fn finish(&self) -> Vec<u8> {
        self.with(&[])
    }

    /// The module, with custom sections where they stood.
    pub(crate) fn with(&self, customs: &[crate::custom::Kept]) -> Vec<u8> {
        let mut module = Module::new().finish();
        let put_customs = |module: &mut Vec<u8>, rank: usize| {
            for (_, data) in customs.iter().filter(|(other, _)| *other == rank) {
                RawSection { id: 0, data }.append_to(module);
            }
        };
        put_customs(&mut module, 0);
        for (rank, id) in (1..).zip(ORDER) {
            if let Some((_, other)) = self.others.iter().rfind(|(other, _)| *other == id) {
                module.extend_from_slice(other);
            } else if let Some((_, data)) = self.plan.sections.iter().find(|(other, _)| *other == id) {
                RawSection { id, data }.append_to(&mut module);
            }
            put_customs(&mut module, rank);
        }
        module
    }
}

/// Notes in a global for each segment, data first, that it was dropped.
struct Drops {
    first: u32,
    data: u32,
    noted: bool,
}

impl Reencode for Drops {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error> {
        if !self.noted {
            code.raw(body.as_bytes());
            return Ok(());
        }
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let segment = match operator {
                Operator::DataDrop { data_index } => Some(data_index),
                Operator::ElemDrop { elem_index } => Some(self.data + elem_index),
                _ => None,
            };
            function.instruction(&self.instruction(operator)?);
            if let Some(segment) = segment {
                function.instruction(&Instruction::I32Const(1));
                function.instruction(&Instruction::GlobalSet(self.first + segment));
            }
        }
        code.function(&function);
        Ok(())
    }
}
