//! Programs: a package's modules in the order of linking.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use subvm_core::Package;
use subvm_link::Beside;
use subvm_lower::{Look, Options, Watch};
use wasmi::Engine;

use crate::Stopped;
use crate::units::{Unit, Units, Wanted};

/// The modules of a package in the order of linking, the start module last.
pub(crate) type Program = subvm_link::Program<Unit>;

/// Makes programs.
pub(crate) struct Programs {
    engine: Engine,
    units: Units,
    /// What modules tell of themselves.
    watch: Watch,
}

impl Programs {
    pub(crate) fn new(engine: Engine, watch: Watch, look: Option<Arc<dyn Look>>) -> Self {
        Self { units: Units::new(engine.clone(), look), engine, watch }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The program of a package, lowered as `options` say; with `frames`, its functions note themselves. What takes long is done `beside` the run.
    pub(crate) fn load(
        &self,
        package: &Package,
        options: Options,
        frames: bool,
        beside: &mut Beside<'_>,
    ) -> Result<Program, Stopped> {
        // wasmi writes nothing of a store that traps.
        let options = Options { frames, watch: self.watch, own_values: true, probe_stores: false, ..options };
        let mut made = Vec::with_capacity(package.libraries.len() + 1);
        let mut program = Program::load(package, options, |wasm, options| {
            let wanted = Wanted { wasm: wasm.clone(), options: *options, exports: None };
            let unit = self.units.get(&wanted, beside)?;
            made.push(wanted);
            Ok(unit)
        })?;
        // Each instance holds all exports of its module by name.
        for (position, wanted) in made.into_iter().enumerate() {
            let (name, unit) = &program.parts[position];
            if unit.exports_too_much {
                let after = program.parts[position + 1..].iter();
                let imports =
                    after.flat_map(|(_, unit)| unit.module.imports()).filter(|import| import.module() == name);
                let exports = imports.map(|import| String::from(import.name())).collect();
                let wanted = Wanted { exports: Some(Arc::new(exports)), ..wanted };
                program.parts[position].1 = self.units.get(&wanted, beside)?;
            }
        }
        Ok(program)
    }
}
