//! The second pass: writes the module again, section by section, with what lowering adds at the end of each.
//!
//! Custom sections are dropped: what they say of offsets is no longer true, and none has a meaning to the engine. The
//! name section stays where it is well-formed.

use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, EntityType, ExportKind, ExportSection, FunctionSection,
    GlobalSection, ImportSection, MemorySection, Module, TableSection, TagSection, TypeSection,
};
use wasmparser::Import;

use super::body::Context;
use super::counters::{self, Globals};
use super::frames::Notebook;
use super::helpers::Helpers;
use super::imports::is_host_function;
use super::limits::Refusal;
use super::look::Place;
use super::names::{FRAMES_MEMORY, START_EXPORT, host_import_name, memory_export};
use super::options::{Counters, Options};
use super::segments;
use super::survey::Survey;

/// The module rewritten, and how much was added.
pub(super) struct Rewritten {
    pub(super) wasm: Vec<u8>,
    /// How many functions were appended.
    pub(super) helpers: u32,
    /// Where blocks begin that tell of themselves.
    pub(super) blocks: Vec<u32>,
    /// Where the instructions of each defined function came to stand, where that was asked for.
    pub(super) places: Vec<Vec<Place>>,
}

/// Writes the surveyed module.
pub(super) fn rewrite(survey: &Survey<'_>, options: &Options, placed: bool) -> Result<Rewritten, Refusal> {
    let globals = Globals::place(survey.imported_globals, survey.globals, options);
    let notebook = Notebook::of(survey, options);
    let helpers = Helpers::make(survey, options, &globals, notebook);
    let count = helpers.appended.functions().len() as u32;
    let context = Context { survey, options, globals, helpers, notebook, placed };
    let data = segments::merged(survey, context.memory(0))?;
    let mut writer = Writer { context, data, blocks: Vec::new() };
    let mut module = Module::new();
    writer.declarations(&mut module).map_err(refusal)?;
    let places = writer.definitions(&mut module)?;
    Ok(Rewritten { wasm: module.finish(), helpers: count, blocks: writer.blocks, places })
}

/// An error of the encoder: the survey has accepted the module, so only its parser can still object.
fn refusal(error: reencode::Error) -> Refusal {
    match error {
        reencode::Error::ParseError(error) => error.into(),
        other => Refusal::Validating { message: other.to_string(), offset: 0 },
    }
}

struct Writer<'a> {
    context: Context<'a>,
    /// The data section, where it is another one than the guest's.
    data: Option<DataSection>,
    blocks: Vec<u32>,
}

impl Reencode for Writer<'_> {
    type Error = core::convert::Infallible;

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(self.context.globals.map(global))
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
        Ok(self.context.memory(memory))
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.context.helpers.imports.function(function))
    }
}

impl Writer<'_> {
    /// The sections before the code.
    fn declarations(&mut self, module: &mut Module) -> Result<(), reencode::Error> {
        let Context { survey, options, notebook, .. } = self.context;
        let sections = &survey.sections;
        module.section(&self.types()?);
        module.section(&self.imports()?);
        module.section(&self.functions());
        if let Some(reader) = &sections.tables {
            let mut tables = TableSection::new();
            utils::parse_table_section(self, &mut tables, reader.clone())?;
            module.section(&tables);
        }
        let mut memories = MemorySection::new();
        if let Some(reader) = &sections.memories {
            utils::parse_memory_section(self, &mut memories, reader.clone())?;
        }
        let noted = notebook.and_then(Notebook::defined);
        noted.iter().for_each(|_| _ = memories.memory(Notebook::ty()));
        if sections.memories.is_some() || noted.is_some() {
            module.section(&memories);
        }
        if let Some(reader) = &sections.tags {
            let mut tags = TagSection::new();
            utils::parse_tag_section(self, &mut tags, reader.clone())?;
            module.section(&tags);
        }
        let mut globals = GlobalSection::new();
        if let Some(reader) = &sections.globals {
            utils::parse_global_section(self, &mut globals, reader.clone())?;
        }
        if options.counters == Counters::Defined {
            counters::define_counters(&mut globals, options);
        }
        self.context.helpers.imports.answers.iter().for_each(|answers| answers.define(&mut globals));
        module.section(&globals);
        let mut exports = ExportSection::new();
        if let Some(reader) = &sections.exports {
            utils::parse_export_section(self, &mut exports, reader.clone())?;
        }
        self.exports(&mut exports);
        module.section(&exports);
        if let Some(reader) = &sections.elements {
            let mut elements = ElementSection::new();
            utils::parse_element_section(self, &mut elements, reader.clone())?;
            module.section(&elements);
        }
        if let Some(count) = sections.data_count {
            let count = self.data.as_ref().map_or(count, DataSection::len);
            module.section(&DataCountSection { count });
        }
        Ok(())
    }

    /// The code and what follows it; gives where instructions came to stand.
    fn definitions(&mut self, module: &mut Module) -> Result<Vec<Vec<Place>>, Refusal> {
        let (code, places) = self.code()?;
        module.section(&code);
        if let Some(data) = &self.data {
            module.section(data);
        } else if let Some(reader) = &self.context.survey.sections.data {
            let mut data = DataSection::new();
            utils::parse_data_section(self, &mut data, reader.clone()).map_err(refusal)?;
            module.section(&data);
        }
        Ok(places)
    }

    fn types(&mut self) -> Result<TypeSection, reencode::Error> {
        let mut types = TypeSection::new();
        if let Some(reader) = &self.context.survey.sections.types {
            utils::parse_type_section(self, &mut types, reader.clone())?;
        }
        for (parameters, results) in self.context.helpers.appended.types() {
            types.ty().function(parameters.iter().copied(), results.iter().copied());
        }
        Ok(types)
    }

    fn imports(&mut self) -> Result<ImportSection, reencode::Error> {
        let mut imports = ImportSection::new();
        let mut functions = 0;
        if let Some(reader) = &self.context.survey.sections.imports {
            for import in reader.clone().into_imports() {
                let import = import?;
                let name = self.import_name(&import);
                let mut entity = self.entity_type(import.ty)?;
                if let EntityType::Function(ty) = &mut entity {
                    *ty = self.context.helpers.imports.ty(functions).unwrap_or(*ty);
                    functions += 1;
                }
                imports.import(import.module, &name, entity);
            }
        }
        if self.context.options.counters == Counters::Imported {
            counters::import_counters(&mut imports, self.context.options);
        }
        if let Some(notebook) = self.context.notebook {
            notebook.import(&mut imports);
        }
        if let Some(watched) = &self.context.helpers.imports.watched {
            watched.import(&mut imports);
        }
        Ok(imports)
    }

    fn import_name(&self, import: &Import<'_>) -> String {
        host_import_name(import.name, if is_host_function(import) { self.context.options.ordinal } else { 0 })
    }

    /// What the engine must see of a module although the guest did not export it: its memories, its counters, and its start
    /// function, which becomes an export so that a start that fails still has an instance to fingerprint.
    fn exports(&self, exports: &mut ExportSection) {
        let Context { survey, options, globals, helpers, notebook, .. } = &self.context;
        for memory in 0..survey.memories {
            exports.export(&memory_export(memory), ExportKind::Memory, self.context.memory(memory));
        }
        if let Some(memory) = notebook.and_then(Notebook::defined) {
            exports.export(FRAMES_MEMORY, ExportKind::Memory, memory);
        }
        if options.counters == Counters::Defined {
            counters::export_counters(exports, globals);
        }
        if let Some(start) = survey.start {
            exports.export(START_EXPORT, ExportKind::Func, helpers.imports.function(start));
        }
    }

    fn functions(&self) -> FunctionSection {
        let mut functions = FunctionSection::new();
        for &ty in &self.context.survey.function_types {
            functions.function(ty);
        }
        for &(ty, _) in self.context.helpers.appended.functions() {
            functions.function(ty);
        }
        functions
    }

    fn code(&mut self) -> Result<(CodeSection, Vec<Vec<Place>>), Refusal> {
        let mut code = CodeSection::new();
        let mut places = Vec::new();
        let survey = self.context.survey;
        let mut notes = survey.notes();
        if let Some(reader) = &survey.sections.code {
            for (index, body) in reader.clone().into_iter().enumerate() {
                let own = notes.take(survey.facts[index]);
                let (function, placed) = self.context.rewrite(index, &body?, own, &mut self.blocks)?;
                code.function(&function);
                places.push(placed);
            }
        }
        for (_, function) in self.context.helpers.appended.functions() {
            code.function(function);
        }
        Ok((code, places))
    }
}
