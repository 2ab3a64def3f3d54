//! A module, read as far as its snapshot needs to know it.

use std::collections::BTreeSet;

use subvm_lower::HOST_MODULES;
use wasmparser::{
    BinaryReaderError, CodeSectionReader, CompositeInnerType, ConstExpr, DataKind, DataSectionReader, ElementItems,
    ElementKind, ElementSectionReader, ExternalKind, FunctionSectionReader, GlobalSectionReader, GlobalType,
    ImportSectionReader, MemoryType, Operator, Parser, Payload, RefType, TableSectionReader, TypeRef,
};

use crate::error::SnapshotError;

/// The sections in the order of a module.
pub(crate) const ORDER: [u8; 13] =
    [TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE, DATA];
const TYPE: u8 = 1;
const IMPORT: u8 = 2;
pub(crate) const FUNCTION: u8 = 3;
pub(crate) const TABLE: u8 = 4;
pub(crate) const MEMORY: u8 = 5;
const TAG: u8 = 13;
pub(crate) const GLOBAL: u8 = 6;
pub(crate) const EXPORT: u8 = 7;
pub(crate) const START: u8 = 8;
pub(crate) const ELEMENT: u8 = 9;
pub(crate) const DATA_COUNT: u8 = 12;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;

/// A custom section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custom<'a> {
    pub(crate) name: &'a str,
    /// How many of [`ORDER`] may stand before it.
    pub(crate) rank: usize,
    /// Its name, and what is in it.
    pub(crate) content: &'a [u8],
    pub(crate) data: &'a [u8],
}

/// What code does that a snapshot must know of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Whether an instruction names a data segment: then they keep their numbers.
    pub(crate) names_data: bool,
    /// Whether tables or references in globals may become others than they were, or an element segment is named.
    pub(crate) moves_references: bool,
    /// Whether one drops a segment.
    pub(crate) drops: bool,
    /// The functions to which code refers.
    pub(crate) referred: BTreeSet<u32>,
}

/// A module.
#[derive(Debug, Default)]
pub(crate) struct Module<'a> {
    /// The content of each section there is, but for custom ones.
    pub(crate) sections: Vec<(u8, &'a [u8])>,
    pub(crate) customs: Vec<Custom<'a>>,
    /// For each type, whether it is of functions without parameters and results.
    pub(crate) plain: Vec<bool>,
    /// The type of each function, imported ones first.
    pub(crate) functions: Vec<u32>,
    pub(crate) imported: usize,
    pub(crate) tables: Vec<RefType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) exports: Vec<(&'a str, ExternalKind, u32)>,
    /// For each element segment, whether it is passive.
    pub(crate) passive_elements: Vec<bool>,
    /// For each data segment, whether it is passive.
    pub(crate) passive_data: Vec<bool>,
    /// The functions that element segments and initial values name.
    pub(crate) named: BTreeSet<u32>,
    pub(crate) uses: Uses,
    pub(crate) table_section: Option<TableSectionReader<'a>>,
    pub(crate) function_section: Option<FunctionSectionReader<'a>>,
    pub(crate) global_section: Option<GlobalSectionReader<'a>>,
    pub(crate) element_section: Option<ElementSectionReader<'a>>,
    pub(crate) data_section: Option<DataSectionReader<'a>>,
    pub(crate) code_section: Option<CodeSectionReader<'a>>,
}

impl From<BinaryReaderError> for SnapshotError {
    fn from(error: BinaryReaderError) -> Self {
        Self::Module(error.to_string())
    }
}

impl From<wasm_encoder::reencode::Error> for SnapshotError {
    fn from(error: wasm_encoder::reencode::Error) -> Self {
        Self::Module(error.to_string())
    }
}

impl<'a> Module<'a> {
    /// Reads a module that is valid.
    pub(crate) fn read(wasm: &'a [u8]) -> Result<Self, SnapshotError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.take(&payload?, wasm)?;
        }
        Ok(module)
    }

    fn take(&mut self, payload: &Payload<'a>, wasm: &'a [u8]) -> Result<(), SnapshotError> {
        if let Payload::CustomSection(custom) = payload {
            let last = self.sections.last().and_then(|(id, _)| ORDER.iter().position(|other| other == id));
            let content = wasm.get(payload.as_section().unwrap_or_default().1).unwrap_or_default();
            let rank = last.map_or(0, |last| last + 1);
            self.customs.push(Custom { name: custom.name(), rank, content, data: custom.data() });
            return Ok(());
        }
        if let Some((id, range)) = payload.as_section() {
            self.sections.push((id, wasm.get(range).unwrap_or_default()));
        }
        match payload {
            Payload::TypeSection(types) => {
                for group in types.clone() {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(ty) = ty.composite_type.inner else { continue };
                        self.plain.push(ty.params().is_empty() && ty.results().is_empty());
                    }
                }
            }
            Payload::ImportSection(imports) => self.imports(imports)?,
            Payload::FunctionSection(functions) => {
                self.function_section = Some(functions.clone());
                for ty in functions.clone() {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(tables) => {
                self.table_section = Some(tables.clone());
                for table in tables.clone() {
                    let table = table?;
                    self.tables.push(table.ty.element_type);
                    if let wasmparser::TableInit::Expr(init) = &table.init {
                        self.name(init)?;
                    }
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(globals) => {
                self.global_section = Some(globals.clone());
                for global in globals.clone() {
                    let global = global?;
                    self.globals.push(global.ty);
                    self.name(&global.init_expr)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::ElementSection(elements) => self.elements(elements)?,
            Payload::DataSection(data) => {
                self.data_section = Some(data.clone());
                for segment in data.clone() {
                    self.passive_data.push(matches!(segment?.kind, DataKind::Passive));
                }
            }
            Payload::CodeSectionStart { range, .. } => {
                let section = wasm.get(range.clone()).unwrap_or_default();
                let code = CodeSectionReader::new(wasmparser::BinaryReader::new(section, range.start))?;
                for body in code.clone() {
                    for operator in body?.get_operators_reader()? {
                        self.uses.of(&operator?);
                    }
                }
                self.code_section = Some(code);
            }
            _ => {}
        }
        Ok(())
    }

    fn imports(&mut self, imports: &ImportSectionReader<'a>) -> Result<(), SnapshotError> {
        for import in imports.clone().into_imports() {
            let import = import?;
            let kind = match import.ty {
                TypeRef::Func(ty) if HOST_MODULES.contains(&import.module) => {
                    self.functions.push(ty);
                    continue;
                }
                TypeRef::Func(_) | TypeRef::FuncExact(_) => "function",
                TypeRef::Table(_) => "table",
                TypeRef::Memory(_) => "memory",
                TypeRef::Global(_) => "global",
                TypeRef::Tag(_) => "tag",
            };
            let (module, name) = (import.module.to_owned(), import.name.to_owned());
            return Err(SnapshotError::Import { kind, module, name });
        }
        self.imported = self.functions.len();
        Ok(())
    }

    fn elements(&mut self, elements: &ElementSectionReader<'a>) -> Result<(), SnapshotError> {
        self.element_section = Some(elements.clone());
        for segment in elements.clone() {
            let segment = segment?;
            self.passive_elements.push(matches!(segment.kind, ElementKind::Passive));
            match segment.items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.named.insert(function?);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.name(&expression?)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes the functions that a constant expression names.
    fn name(&mut self, expression: &ConstExpr<'a>) -> Result<(), SnapshotError> {
        for operator in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } = operator? {
                self.named.insert(function_index);
            }
        }
        Ok(())
    }
}

impl Uses {
    fn of(&mut self, operator: &Operator<'_>) {
        match *operator {
            Operator::MemoryInit { .. } => self.names_data = true,
            Operator::DataDrop { .. } => (self.names_data, self.drops) = (true, true),
            Operator::ElemDrop { .. } => (self.moves_references, self.drops) = (true, true),
            Operator::TableInit { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. } => self.moves_references = true,
            Operator::RefFunc { function_index } => {
                self.referred.insert(function_index);
            }
            _ => {}
        }
    }
}
