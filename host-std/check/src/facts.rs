//! What a module says of itself: read as far as it can be, since what is wrong with it is for lowering to say.

use std::collections::HashMap;
use std::ops::Range;

use subvm_link::Type;
use subvm_symbols::demangled;
use wasmparser::{
    ExternalKind, FuncType, GlobalType, KnownCustom, MemoryType, Name, Parser, Payload, TableType, TypeRef,
};

use super::Function;

/// What a module imports, exports and defines.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub(super) size: usize,
    /// From the name section.
    pub(super) name: Option<String>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: HashMap<&'a str, Export>,
    /// The memories that it defines.
    pub(super) memories: Vec<MemoryType>,
    /// The tables that it defines.
    pub(super) tables: Vec<TableType>,
    imported_functions: u32,
    bodies: Vec<Range<usize>>,
    function_names: HashMap<u32, String>,
}

/// Something imported, and where.
pub(super) struct Import {
    pub(super) import: subvm_link::Import,
    pub(super) offset: usize,
}

/// Something exported.
pub(super) struct Export {
    pub(super) offset: usize,
    pub(super) ty: Type,
}

fn global(ty: GlobalType) -> Type {
    Type::Global { value: ty.content_type.to_string(), mutable: ty.mutable }
}

fn table(ty: TableType) -> Type {
    Type::Table { element: ty.element_type.to_string(), least: ty.initial, most: ty.maximum }
}

fn memory(ty: MemoryType) -> Type {
    Type::Memory { least: ty.initial, most: ty.maximum }
}

/// Index spaces, as far as they were read.
#[derive(Default)]
struct Spaces {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    globals: Vec<GlobalType>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
}

impl Spaces {
    fn function(&self, ty: u32) -> Option<Type> {
        let ty = self.types.get(ty as usize)?;
        Some(Type::function(ty.params(), ty.results()))
    }

    fn import(&mut self, ty: TypeRef) -> Option<Type> {
        Some(match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                return self.function(ty);
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                global(ty)
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                table(ty)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                memory(ty)
            }
            TypeRef::Tag(_) => Type::Tag,
        })
    }

    fn exported(&self, kind: ExternalKind, index: u32) -> Option<Type> {
        let index = index as usize;
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => self.function(*self.functions.get(index)?),
            ExternalKind::Global => self.globals.get(index).copied().map(global),
            ExternalKind::Table => self.tables.get(index).copied().map(table),
            ExternalKind::Memory => self.memories.get(index).copied().map(memory),
            ExternalKind::Tag => Some(Type::Tag),
        }
    }
}

impl<'a> Facts<'a> {
    /// Reads what can be read.
    pub(super) fn read(wasm: &'a [u8]) -> Self {
        let mut facts = Self { size: wasm.len(), ..Self::default() };
        let mut spaces = Spaces::default();
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            facts.note(&mut spaces, payload);
        }
        facts
    }

    /// The function whose code a byte belongs to.
    pub(super) fn function_at(&self, offset: usize) -> Option<Function> {
        let defined = self.bodies.iter().position(|body| body.contains(&offset))?;
        let index = self.imported_functions + u32::try_from(defined).ok()?;
        Some(self.function(index))
    }

    /// A function, by the name that people know it by.
    pub(super) fn function(&self, index: u32) -> Function {
        Function { index, name: self.function_names.get(&index).map(|name| demangled(name)) }
    }

    fn note(&mut self, spaces: &mut Spaces, payload: Payload<'a>) {
        match payload {
            Payload::TypeSection(types) => {
                spaces.types = types.into_iter_err_on_gc_types().map_while(Result::ok).collect();
            }
            Payload::ImportSection(imports) => {
                for (offset, import) in imports.into_imports_with_offsets().map_while(Result::ok) {
                    self.imported_functions += u32::from(matches!(import.ty, TypeRef::Func(_)));
                    let Some(ty) = spaces.import(import.ty) else { continue };
                    let import = subvm_link::Import { module: import.module.into(), name: import.name.into(), ty };
                    self.imports.push(Import { import, offset });
                }
            }
            Payload::FunctionSection(functions) => spaces.functions.extend(functions.into_iter().map_while(Result::ok)),
            Payload::TableSection(tables) => {
                self.tables = tables.into_iter().map_while(Result::ok).map(|table| table.ty).collect();
                spaces.tables.extend(&self.tables);
            }
            Payload::MemorySection(memories) => {
                self.memories = memories.into_iter().map_while(Result::ok).collect();
                spaces.memories.extend(&self.memories);
            }
            Payload::GlobalSection(globals) => {
                spaces.globals.extend(globals.into_iter().map_while(Result::ok).map(|global| global.ty));
            }
            Payload::ExportSection(exports) => {
                for (offset, export) in exports.into_iter_with_offsets().map_while(Result::ok) {
                    let Some(ty) = spaces.exported(export.kind, export.index) else { continue };
                    self.exports.insert(export.name, Export { offset, ty });
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body.range()),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    names.into_iter().map_while(Result::ok).for_each(|name| self.note_name(name));
                }
            }
            _ => {}
        }
    }

    fn note_name(&mut self, name: Name<'_>) {
        match name {
            Name::Module { name, .. } => self.name = Some(name.to_owned()),
            Name::Function(functions) => {
                let named = functions.into_iter().map_while(Result::ok);
                self.function_names.extend(named.map(|function| (function.index, function.name.to_owned())));
            }
            _ => {}
        }
    }
}
