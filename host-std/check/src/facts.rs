//! What a module says of itself: read as far as it can be, since what is wrong with it is for lowering to say.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::ops::Range;

use subvm_lower::signature;
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
    pub(super) imports: Vec<Import<'a>>,
    pub(super) exports: HashMap<&'a str, Export>,
    /// The memories that it defines.
    pub(super) memories: Vec<MemoryType>,
    /// The tables that it defines.
    pub(super) tables: Vec<TableType>,
    imported_functions: u32,
    bodies: Vec<Range<usize>>,
    function_names: HashMap<u32, String>,
}

/// Something imported.
pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) offset: usize,
    pub(super) ty: Type,
}

/// Something exported.
pub(super) struct Export {
    pub(super) offset: usize,
    pub(super) ty: Type,
}

/// What something is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// With its signature.
    Function(String),
    Global(GlobalType),
    Table(TableType),
    Memory(MemoryType),
    Tag,
}

impl Type {
    /// Whether something of this type may be imported as `wanted`.
    pub(super) fn fits(&self, wanted: &Self) -> bool {
        let limits = |is: (u64, Option<u64>), wanted: (u64, Option<u64>)| {
            is.0 >= wanted.0 && wanted.1.is_none_or(|most| is.1.is_some_and(|is| is <= most))
        };
        match (self, wanted) {
            (Self::Memory(is), Self::Memory(wanted)) => {
                limits((is.initial, is.maximum), (wanted.initial, wanted.maximum))
            }
            (Self::Table(is), Self::Table(wanted)) => {
                is.element_type == wanted.element_type
                    && limits((is.initial, is.maximum), (wanted.initial, wanted.maximum))
            }
            _ => self == wanted,
        }
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = |initial: u64, maximum: Option<u64>| match maximum {
            Some(maximum) => format!("{initial} {maximum}"),
            None => initial.to_string(),
        };
        match self {
            Self::Function(signature) => f.write_str(signature),
            Self::Global(GlobalType { content_type, mutable: true, .. }) => write!(f, "(global (mut {content_type}))"),
            Self::Global(GlobalType { content_type, .. }) => write!(f, "(global {content_type})"),
            Self::Table(it) => write!(f, "(table {} {})", limits(it.initial, it.maximum), it.element_type),
            Self::Memory(it) => write!(f, "(memory {})", limits(it.initial, it.maximum)),
            Self::Tag => f.write_str("a tag"),
        }
    }
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
        Some(Type::Function(signature(ty.params(), ty.results())))
    }

    fn import(&mut self, ty: TypeRef) -> Option<Type> {
        Some(match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                return self.function(ty);
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                Type::Global(ty)
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                Type::Table(ty)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                Type::Memory(ty)
            }
            TypeRef::Tag(_) => Type::Tag,
        })
    }

    fn exported(&self, kind: ExternalKind, index: u32) -> Option<Type> {
        let index = index as usize;
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => self.function(*self.functions.get(index)?),
            ExternalKind::Global => self.globals.get(index).copied().map(Type::Global),
            ExternalKind::Table => self.tables.get(index).copied().map(Type::Table),
            ExternalKind::Memory => self.memories.get(index).copied().map(Type::Memory),
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
        Some(Function { index, name: self.function_names.get(&index).cloned() })
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
                    self.imports.push(Import { module: import.module, name: import.name, offset, ty });
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
