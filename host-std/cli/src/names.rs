//! What people call the functions of a package's modules, and where in its source an instruction stands.

use std::collections::HashMap;
use std::sync::Arc;

use subvm_core::fingerprint::Frame;
use subvm_core::{Package, Wasm};
use subvm_host_std::symbols::Symbols;

/// The symbols of modules, each read once.
#[derive(Default)]
pub(super) struct Names(HashMap<[u8; 32], Arc<Symbols>>);

impl Names {
    /// Those of a module, by the name under which it was linked: a library's, or else the start module's.
    pub(super) fn of(&mut self, package: &Package, module: &str) -> Arc<Symbols> {
        let wasm = self::module(package, module);
        Arc::clone(self.0.entry(*wasm.digest()).or_insert_with(|| Arc::new(Symbols::read(wasm))))
    }

    /// A function that was active: module, name, number.
    pub(super) fn frame(&mut self, package: &Package, Frame { module_name, func }: &Frame) -> String {
        let name = self.of(package, module_name).name(*func);
        format!("{module_name}: {name} (function {func})")
    }

    /// Where in the source an instruction stands, innermost first.
    pub(super) fn places(&mut self, package: &Package, module: &str, offset: u32) -> Vec<String> {
        let places = self.of(package, module).places(offset as usize);
        places.iter().map(ToString::to_string).collect()
    }
}

/// The module that was linked under this name.
pub(super) fn module<'a>(package: &'a Package, name: &str) -> &'a Wasm {
    let library = package.libraries.iter().find(|library| library.name == name);
    library.map_or(&package.start, |library| &library.wasm)
}
