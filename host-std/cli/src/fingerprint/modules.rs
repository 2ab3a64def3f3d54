//! The functions of the modules that a user names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use wasmparser::{ExternalKind, KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

use crate::{Failure, input};

/// What a start module is called that has no name of its own.
const MAIN: &str = "main";

/// Modules by the name under which they were linked.
#[derive(Default)]
pub(super) struct Modules {
    start: Option<Module>,
    others: HashMap<String, Module>,
}

struct Module {
    path: PathBuf,
    /// From the name section.
    name: Option<String>,
    functions: u32,
    /// From the name section, else from exports.
    names: HashMap<u32, String>,
}

impl Modules {
    /// Reads `FILE` and `NAME=FILE` arguments. The first bare file is the start module; the others have their file's name.
    pub(super) fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut modules = Self::default();
        for argument in arguments {
            let (name, path) = match argument.split_once('=').filter(|_| !Path::new(argument).exists()) {
                Some((name, file)) => (Some(name.to_owned()), Path::new(file)),
                None => (None, Path::new(argument)),
            };
            let module = Module::read(path)?;
            if name.is_none() && modules.start.is_none() {
                modules.start = Some(module);
            } else {
                let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                modules.others.insert(name.unwrap_or_else(stem), module);
            }
        }
        Ok(modules)
    }

    /// The module of this name. A start module's is its own where that is valid and free, which is what a fingerprint then says.
    fn named(&self, name: &str) -> Option<&Module> {
        let start = || self.start.as_ref().filter(|start| name == MAIN || start.name.as_deref() == Some(name));
        self.others.get(name).or_else(start)
    }

    /// A function as people know it.
    pub(super) fn function(&self, module: &str, index: u32) -> Result<String, Failure> {
        let Some(Module { path, functions, names, .. }) = self.named(module) else {
            return Ok(format!("function {index} (give the module as {module}=FILE to see its name)"));
        };
        if index >= *functions {
            let why = format!("it has {functions} functions, and {module} failed in function {index}");
            return Err(Failure::usage(format_args!("{} is not the module that ran", path.display()), why));
        }
        Ok(names.get(&index).map_or_else(|| format!("function {index}"), |name| format!("{name} (function {index})")))
    }
}

impl Module {
    fn read(path: &Path) -> Result<Self, Failure> {
        let wasm = input::module(path)?;
        let mut module = Self { path: path.to_owned(), name: None, functions: 0, names: HashMap::new() };
        match module.parse(&wasm) {
            Ok(()) => Ok(module),
            Err(error) => Err(Failure::usage(format_args!("cannot read the module {}", path.display()), error)),
        }
    }

    fn parse(&mut self, wasm: &[u8]) -> wasmparser::Result<()> {
        let mut exports = HashMap::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        self.functions += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(functions) => self.functions += functions.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            exports.insert(export.index, format!("export {:?}", export.name));
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(section) = section.as_known() {
                        self.note_names(section);
                    }
                }
                _ => {}
            }
        }
        for (index, export) in exports {
            self.names.entry(index).or_insert(export);
        }
        Ok(())
    }

    /// Takes names as far as they can be read: a broken name section is no reason to show nothing.
    fn note_names(&mut self, section: NameSectionReader<'_>) {
        for name in section.into_iter().map_while(Result::ok) {
            match name {
                Name::Module { name, .. } => self.name = Some(name.to_owned()),
                Name::Function(functions) => {
                    let named = functions.into_iter().map_while(Result::ok);
                    self.names.extend(named.map(|function| (function.index, function.name.to_owned())));
                }
                _ => {}
            }
        }
    }
}
