//! One pass over a module: its functions, their names and bodies, and its DWARF.

use std::collections::BTreeMap;
use std::ops::Range;

use wasmparser::{ExternalKind, KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

/// Sections of DWARF by name.
pub(super) type Sections<'a> = BTreeMap<&'a str, &'a [u8]>;

/// What a module says of its functions.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) name: Option<String>,
    /// How many there are, imported ones included.
    pub(super) functions: u32,
    pub(super) imported: u32,
    /// Bytes of the bodies of those that it defines, in order.
    pub(super) bodies: Vec<Range<usize>>,
    /// From the name section, else from exports, else from imports; as they stand there.
    pub(super) names: BTreeMap<u32, String>,
    /// Where its code section's content begins, from which DWARF counts.
    pub(super) code: usize,
}

/// Names by the section that they are from.
#[derive(Default)]
struct Named {
    own: BTreeMap<u32, String>,
    exports: BTreeMap<u32, String>,
    imports: BTreeMap<u32, String>,
}

impl Module {
    /// Reads as far as can be read: a broken section is no reason to show nothing.
    pub(super) fn read(wasm: &[u8]) -> (Self, Sections<'_>) {
        let (mut module, mut named, mut sections) = (Self::default(), Named::default(), Sections::new());
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            module.note(payload, &mut named, &mut sections);
        }
        let Named { own, exports, imports } = named;
        module.names = imports;
        module.names.extend(exports);
        module.names.extend(own);
        let functions = module.functions;
        module.names.retain(|index, name| *index < functions && !name.is_empty());
        (module, sections)
    }

    fn note<'a>(&mut self, payload: Payload<'a>, named: &mut Named, sections: &mut Sections<'a>) {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports().map_while(Result::ok) {
                    if let TypeRef::Func(_) | TypeRef::FuncExact(_) = import.ty {
                        named.imports.insert(self.functions, format!("{}.{}", import.module, import.name));
                        self.functions += 1;
                    }
                }
                self.imported = self.functions;
            }
            Payload::FunctionSection(functions) => {
                self.functions += functions.into_iter().map_while(Result::ok).count() as u32;
            }
            Payload::ExportSection(exports) => {
                let functions = exports.into_iter().map_while(Result::ok);
                let functions = functions.filter(|export| export.kind == ExternalKind::Func);
                for export in functions {
                    named.exports.entry(export.index).or_insert_with(|| export.name.to_owned());
                }
            }
            Payload::CodeSectionStart { range, .. } => self.code = range.start,
            Payload::CodeSectionEntry(body) => self.bodies.push(body.range()),
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                sections.entry(section.name()).or_insert(section.data());
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    self.note_names(section, &mut named.own);
                }
            }
            _ => {}
        }
    }

    fn note_names(&mut self, section: NameSectionReader<'_>, names: &mut BTreeMap<u32, String>) {
        for name in section.into_iter().map_while(Result::ok) {
            match name {
                Name::Module { name, .. } => self.name = Some(name.to_owned()),
                Name::Function(functions) => {
                    for function in functions.into_iter().map_while(Result::ok) {
                        names.insert(function.index, function.name.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
}
