//! The first pass: validates the module as the guest supplied it, holds it to the limits, and notes what the second pass
//! must know before it writes the first section.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use wasmparser::{
    BinaryReader, CodeSectionReader, DataSectionReader, ElementSectionReader, ExportSectionReader, ExternalKind,
    FuncType, FuncValidatorAllocations, FunctionSectionReader, GlobalSectionReader, ImportSectionReader, KnownCustom,
    MemorySectionReader, Name, NameSectionReader, Parser, Payload, RefType, TableSectionReader, TagSectionReader,
    TypeRef, TypeSectionReader, ValidPayload, Validator,
};

use super::bulk::Bulk;
use super::floats::FloatOp;
use super::floats::canonical::Flow;
use super::limits::{EXCEPTIONS, FEATURES, Limit, Refusal};
use super::names::RESERVED;
use super::options::{Floats, Options};
use notes::{Canonicalise, Moving};

mod beside;
mod function;
mod motion;
mod notes;
mod switched;
mod work;

pub(super) use function::Facts;
pub(super) use notes::{FUNCTION_LABEL, Notes, Passed, Pin};

/// The sections of a module that the second pass rewrites.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) types: Option<TypeSectionReader<'a>>,
    pub(super) imports: Option<ImportSectionReader<'a>>,
    pub(super) functions: Option<FunctionSectionReader<'a>>,
    pub(super) tables: Option<TableSectionReader<'a>>,
    pub(super) memories: Option<MemorySectionReader<'a>>,
    pub(super) tags: Option<TagSectionReader<'a>>,
    pub(super) globals: Option<GlobalSectionReader<'a>>,
    pub(super) exports: Option<ExportSectionReader<'a>>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) data_count: Option<u32>,
    pub(super) code: Option<CodeSectionReader<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,
    /// Whether a well-formed name section was read: another one is ignored.
    named: bool,
}

/// What the first pass found.
#[derive(Default)]
pub(super) struct Survey<'a> {
    pub(super) sections: Sections<'a>,
    pub(super) types: Vec<FuncType>,
    /// The type of each imported function, by index into `types`.
    imported_function_types: Vec<u32>,
    pub(super) imported_globals: u32,
    pub(super) globals: u32,
    pub(super) memories: u32,
    pub(super) imported_memories: u32,
    /// Imports of every kind.
    pub(super) imports: u64,
    /// Pages that the memories which it defines have from the start, and entries that its own tables have.
    pub(super) initial_pages: u64,
    pub(super) initial_entries: u64,
    pub(super) tables: Vec<RefType>,
    /// The type of each tag, imported ones included, by index into `types`.
    pub(super) tags: Vec<u32>,
    /// How many instructions throw, and how many catch.
    pub(super) throws: u64,
    pub(super) tries: u64,
    /// The type of each defined function, by index into `types`.
    pub(super) function_types: Vec<u32>,
    pub(super) facts: Vec<Facts>,
    /// Where NaNs are made canonical, function after function.
    pub(super) canonicalise: Vec<Canonicalise>,
    /// The labels that a `br_table` names, function after function.
    switched: Vec<u32>,
    /// The labels that a `try_table` names, function after function.
    caught: Vec<u32>,
    /// The instructions that move many values, function after function.
    moving: Vec<Moving>,
    /// Where work is kept from being moved, function after function.
    pub(super) pins: Vec<Pin>,
    /// What goes through the barriers there, one after the other.
    pub(super) passed: Vec<Passed>,
    /// Parameters and declared locals of all functions.
    locals: u64,
    /// The estimated values of all functions.
    pub(super) values: u64,
    /// The most of them in one function.
    pub(super) most_values: u64,
    /// The estimated values of the function that sets an instance up.
    startup: u64,
    /// The defined functions that may be called from outside.
    escaping: BTreeSet<u32>,
    /// The sum of the sizes of imports and exports.
    type_size: u64,
    /// Items of all element segments.
    pub(super) element_items: u64,
    /// The squares of each function's branches and labels, together.
    pub(super) branch_squares: u64,
    /// The squares of the slots of operands, beyond [`SLOTS_INCLUDED`](function::SLOTS_INCLUDED), that each function has at once, together.
    pub(super) operand_squares: u64,
    /// The float operators in use.
    pub(super) floats: BTreeSet<FloatOp>,
    pub(super) float_sites: u64,
    pub(super) vector_float_sites: u64,
    /// The bulk and growth instructions in use.
    pub(super) bulk: BTreeSet<Bulk>,
    /// Whether an instruction names a data segment.
    pub(super) names_data: bool,
    pub(super) start: Option<u32>,
    pub(super) module_name: Option<String>,
    /// The names of custom sections that are not kept.
    pub(super) dropped: Vec<String>,
}

impl Survey<'_> {
    /// The guest's functions, imported ones included.
    pub(super) fn function_count(&self) -> u32 {
        self.imported_functions() + self.function_types.len() as u32
    }

    /// How many functions are imported.
    pub(super) fn imported_functions(&self) -> u32 {
        self.imported_function_types.len() as u32
    }

    /// Data and element segments.
    pub(super) fn segments(&self) -> u64 {
        let data = self.sections.data.as_ref().map_or(0, DataSectionReader::count);
        let elements = self.sections.elements.as_ref().map_or(0, ElementSectionReader::count);
        u64::from(data) + u64::from(elements)
    }

    /// The type of function `index`, imported ones included.
    fn type_of(&self, index: u32) -> &FuncType {
        let imported = self.imported_function_types.len();
        let ty = match self.imported_function_types.get(index as usize) {
            Some(ty) => *ty,
            None => self.function_types[index as usize - imported],
        };
        &self.types[ty as usize]
    }

    /// The type of tag `index`, which has no results.
    fn tag(&self, index: u32) -> &FuncType {
        &self.types[self.tags[index as usize] as usize]
    }

    /// The type of defined function `index`.
    pub(super) fn function_type(&self, index: usize) -> &FuncType {
        &self.types[self.function_types[index] as usize]
    }
}

/// Validates and surveys `wasm`.
pub(super) fn survey<'a>(wasm: &'a [u8], options: &Options) -> Result<Survey<'a>, Refusal> {
    survey_noting(wasm, options, &mut 0)
}

/// Validates and surveys `wasm`, and notes where the section or function begins that is looked at.
pub(super) fn survey_noting<'a>(wasm: &'a [u8], options: &Options, at: &mut usize) -> Result<Survey<'a>, Refusal> {
    Limit::ModuleSize.check(wasm.len())?;
    let features = if options.exceptions { FEATURES.union(EXCEPTIONS) } else { FEATURES };
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut flow = (options.floats == Floats::Canonical).then(Flow::default);
    let mut survey = Survey::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        *at = match &payload {
            Payload::CodeSectionEntry(body) => body.range().start,
            payload => payload.as_section().map_or(*at, |(_, range)| range.start),
        };
        survey.limit(&payload)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            let validator = function.into_validator(allocations);
            allocations = survey.function(validator, &body, flow.as_mut(), options)?;
        }
        survey.note(wasm, payload)?;
    }
    Ok(survey)
}

impl<'a> Survey<'a> {
    /// Checks what must be small before the validator sees it.
    fn limit(&self, payload: &Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(types) => Limit::Types.check(types.count()),
            Payload::ImportSection(imports) => {
                let mut count = 0u32;
                for import in imports.clone().into_imports() {
                    let import = import?;
                    count += 1;
                    Limit::Imports.check(count)?;
                    check_name(import.module)?;
                    check_name(import.name)?;
                }
                Ok(())
            }
            Payload::FunctionSection(functions) => Limit::Functions.check(functions.count()),
            Payload::TableSection(tables) => Limit::Tables.check(self.tables.len() as u64 + u64::from(tables.count())),
            Payload::MemorySection(memories) => {
                Limit::Memories.check(u64::from(self.memories) + u64::from(memories.count()))
            }
            Payload::TagSection(tags) => Limit::Tags.check(self.tags.len() as u64 + u64::from(tags.count())),
            Payload::GlobalSection(globals) => Limit::Globals.check(globals.count()),
            Payload::ExportSection(exports) => {
                Limit::Exports.check(exports.count())?;
                exports.clone().into_iter().try_for_each(|export| check_name(export?.name))
            }
            Payload::ElementSection(segments) => Limit::ElementSegments.check(segments.count()),
            Payload::DataSection(segments) => Limit::DataSegments.check(segments.count()),
            Payload::DataCountSection { count, .. } => Limit::DataSegments.check(*count),
            Payload::CodeSectionEntry(body) => Limit::FunctionSize.check(body.as_bytes().len()),
            _ => Ok(()),
        }
    }

    /// Notes a validated section.
    fn note(&mut self, wasm: &'a [u8], payload: Payload<'a>) -> Result<(), Refusal> {
        let sections = &mut self.sections;
        match payload {
            Payload::TypeSection(types) => {
                sections.types = Some(types.clone());
                self.note_types(types)?;
            }
            Payload::ImportSection(imports) => {
                sections.imports = Some(imports.clone());
                self.note_imports(imports)?;
            }
            Payload::FunctionSection(functions) => {
                sections.functions = Some(functions.clone());
                self.function_types = functions.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::TableSection(tables) => {
                sections.tables = Some(tables.clone());
                for table in tables {
                    let ty = table?.ty;
                    self.note_table(ty)?;
                    self.initial_entries += ty.initial;
                }
            }
            Payload::MemorySection(memories) => {
                self.memories += memories.count();
                sections.memories = Some(memories.clone());
                for memory in memories {
                    self.initial_pages += memory?.initial;
                }
            }
            Payload::TagSection(tags) => {
                sections.tags = Some(tags.clone());
                for tag in tags {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(globals) => {
                self.globals = globals.count();
                sections.globals = Some(globals.clone());
                self.note_globals(globals)?;
            }
            Payload::ExportSection(exports) => {
                sections.exports = Some(exports.clone());
                self.note_exports(exports)?;
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                sections.elements = Some(elements.clone());
                self.note_elements(elements)?;
            }
            Payload::DataCountSection { count, .. } => sections.data_count = Some(count),
            Payload::CodeSectionStart { range, .. } => {
                // The section may claim more bytes than there are; the reader then says so.
                let bytes = wasm.get(range.clone()).unwrap_or_default();
                let reader = BinaryReader::new(bytes, range.start);
                sections.code = Some(CodeSectionReader::new(reader)?);
            }
            Payload::DataSection(data) => {
                sections.data = Some(data.clone());
                self.note_data(data)?;
            }
            Payload::CustomSection(custom) => match custom.as_known() {
                KnownCustom::Name(names) if !sections.named && self.note_names(names.clone()).is_ok() => {
                    self.sections.named = true;
                }
                _ => self.dropped.push(custom.name().chars().take(100).collect()),
            },
            _ => {}
        }
        Ok(())
    }

    fn note_types(&mut self, types: TypeSectionReader<'a>) -> Result<(), Refusal> {
        for ty in types.into_iter_err_on_gc_types() {
            let ty = ty?;
            Limit::Parameters.check(ty.params().len())?;
            Limit::Results.check(ty.results().len())?;
            self.types.push(ty);
        }
        self.types_beside()
    }

    fn note_imports(&mut self, imports: ImportSectionReader<'a>) -> Result<(), Refusal> {
        for import in imports.into_imports() {
            let ty = import?.ty;
            self.imports += 1;
            match ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.imported_function_types.push(ty),
                TypeRef::Global(_) => self.imported_globals += 1,
                TypeRef::Memory(_) => {
                    self.memories += 1;
                    self.imported_memories += 1;
                }
                TypeRef::Table(table) => self.note_table(table)?,
                TypeRef::Tag(tag) => self.tags.push(tag.func_type_idx),
            }
            self.type_size += match ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => type_size(&self.types[ty as usize]),
                TypeRef::Tag(tag) => type_size(&self.types[tag.func_type_idx as usize]),
                _ => 1,
            };
        }
        Limit::TypeSize.check(self.type_size)?;
        Limit::Memories.check(self.memories)?;
        Limit::Tags.check(self.tags.len())?;
        Limit::Tables.check(self.tables.len())
    }

    fn note_exports(&mut self, exports: ExportSectionReader<'a>) -> Result<(), Refusal> {
        for export in exports {
            let export = export?;
            self.type_size += match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    self.escapes(export.index);
                    type_size(self.type_of(export.index))
                }
                ExternalKind::Tag => type_size(self.tag(export.index)),
                _ => 1,
            };
        }
        Limit::ModuleValues.check(self.values)?;
        Limit::TypeSize.check(self.type_size)
    }

    fn note_table(&mut self, table: wasmparser::TableType) -> Result<(), Refusal> {
        self.tables.push(table.element_type);
        Limit::TableEntries.check(table.initial)
    }

    /// Reads the whole name section; what is malformed is no error of the module.
    fn note_names(&mut self, names: NameSectionReader<'a>) -> wasmparser::Result<()> {
        let mut module_name = None;
        for name in names {
            match name? {
                Name::Module { name, .. } => module_name = Some(name.to_owned()),
                Name::Local(functions) | Name::Label(functions) => {
                    for function in functions {
                        function?.names.into_iter().try_for_each(|naming| naming.map(drop))?;
                    }
                }
                Name::Function(map)
                | Name::Type(map)
                | Name::Table(map)
                | Name::Memory(map)
                | Name::Global(map)
                | Name::Element(map)
                | Name::Data(map)
                | Name::Tag(map) => map.into_iter().try_for_each(|naming| naming.map(drop))?,
                _ => {}
            }
        }
        self.module_name = module_name;
        Ok(())
    }
}

/// What the parser counts for an import or export of a function.
fn type_size(ty: &FuncType) -> u64 {
    2 + ty.params().len() as u64 + ty.results().len() as u64
}

fn check_name(name: &str) -> Result<(), Refusal> {
    Limit::NameLength.check(name.len())?;
    if name.contains(RESERVED) { Err(Refusal::ReservedName { name: name.to_owned() }) } else { Ok(()) }
}
