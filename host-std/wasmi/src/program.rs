//! Programs: a package's modules in the order of linking.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use spin::Mutex;
use subvm_core::costs::MEMORIES;
use subvm_core::{Cancel, Invalid, Package};
use subvm_lower::{Counters, Look, Options, Watch, is_library_name, start_name};
use wasmi::{Engine, Linker};

use crate::host_calls;
use crate::running::Running;
use crate::stopped::{Refused, Stopped};
use crate::units::{Unit, Units};
use crate::watch;

/// The modules of a package in the order of linking, the start module last.
pub(crate) struct Program {
    /// Name and module.
    pub(crate) parts: Vec<(String, Arc<Unit>)>,
    /// Host functions for every ordinal.
    pub(crate) linker: Linker<Running>,
}

/// Makes programs.
pub(crate) struct Programs {
    engine: Engine,
    units: Units,
    /// By the number of libraries: to define host functions for each takes longer than to instantiate it.
    linkers: Mutex<BTreeMap<usize, Linker<Running>>>,
    /// What modules tell of themselves.
    watch: Watch,
}

impl Programs {
    pub(crate) fn new(engine: Engine, watch: Watch, look: Option<Arc<dyn Look>>) -> Self {
        Self { units: Units::new(engine.clone(), look), engine, linkers: Mutex::default(), watch }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The program of a package, lowered as `options` say; with `frames`, its functions note themselves.
    pub(crate) fn load(
        &self,
        package: &Package,
        options: Options,
        frames: bool,
        cancel: Option<&Cancel>,
    ) -> Result<Program, Stopped> {
        // wasmi writes nothing of a store that traps.
        let own = Options { frames, watch: self.watch, own_values: true, probe_stores: false, ..options };
        let options = |ordinal: usize| Options { ordinal: ordinal as u32, ..own };
        let mut parts: Vec<(String, Arc<Unit>)> = Vec::with_capacity(package.libraries.len() + 1);
        for library in &package.libraries {
            let name = &library.name;
            if !is_library_name(name, |name| is_taken(name, &parts)) {
                let why = format!("library name {name:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -");
                return Err(Refused::new(Invalid::WasmLinking, why).into());
            }
            let first = parts.is_empty();
            let options = Options { counters: Counters::of(first), ..options(parts.len() + 1) };
            parts.push((name.clone(), self.units.get(&library.wasm, &options, cancel)?));
        }
        let start = Options { counters: Counters::of(parts.is_empty()), ..options(0) };
        let start = self.units.get(&package.start, &start, cancel)?;
        let linker = self.linker(parts.len())?;
        let Some(name) = start_name(start.own_name.as_deref(), |name| is_taken(name, &parts)) else {
            let why = "a library is named main, which is the start module's name";
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        };
        parts.push((name.to_owned(), start));
        let memories: u32 = parts.iter().map(|(_, unit)| unit.defined_memories).sum();
        if memories > MEMORIES {
            let why = format!("its modules define {memories} memories; a package may have {MEMORIES}");
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        }
        Ok(Program { parts, linker })
    }

    /// Host functions for a start module and so many libraries.
    fn linker(&self, libraries: usize) -> Result<Linker<Running>, Refused> {
        if let Some(linker) = self.linkers.lock().get(&libraries) {
            return Ok(linker.clone());
        }
        let mut linker = Linker::new(&self.engine);
        (0..=libraries as u32)
            .try_for_each(|ordinal| host_calls::define(&mut linker, ordinal))
            .and_then(|()| watch::define(&mut linker))
            .map_err(|error| Refused::unlinkable(&error))?;
        self.linkers.lock().insert(libraries, linker.clone());
        Ok(linker)
    }
}

fn is_taken(name: &str, parts: &[(String, Arc<Unit>)]) -> bool {
    parts.iter().any(|(taken, _)| taken == name)
}
