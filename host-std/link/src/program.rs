//! Programs: a package's modules in the order of linking.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use subvm_core::costs::{MEMORIES, SetUp};
use subvm_core::{Invalid, Package, Wasm};
use subvm_lower::{Counters, Options};

use super::rules::{is_library_name, start_name};
use super::stopped::{Refused, Stopped};

/// What an engine made of a module, as far as linking must know it.
pub trait Linked {
    /// The name that the module has for itself.
    fn own_name(&self) -> Option<&str>;
    /// The memories that it defines.
    fn defined_memories(&self) -> u32;
    /// What an instance of it sets up.
    fn set_up(&self) -> SetUp;
}

/// The modules of a package in the order of linking, the start module last.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::{Package, Parts, costs::SetUp, wasi::Refused};
/// use subvm_link::{Linked, Program, Stopped};
/// use subvm_lower::Options;
///
/// struct Unit;
/// impl Linked for Unit {
///     fn own_name(&self) -> Option<&str> { Some("bank") }
///     fn defined_memories(&self) -> u32 { 1 }
///     fn set_up(&self) -> SetUp { SetUp::default() }
/// }
/// let package = Parts::default().check(&Refused::default())?;
/// let program: Result<Program<Unit>, Stopped<()>> = Program::load(&package, Options::default(), |_, _| Ok(Arc::new(Unit)));
/// assert_eq!(program.unwrap().parts[0].0, "bank");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Program<U> {
    /// Name and module.
    pub parts: Vec<(String, Arc<U>)>,
    /// Memories that the modules define.
    pub memories: u32,
}

impl<U: Linked> Program<U> {
    /// The program of a package, whose modules `get` makes, each lowered by `options` but for its ordinal and its counters.
    ///
    /// # Errors
    /// The first refusal, in the order of the modules: of a name, by `get`, of the start module's name, of too many memories.
    pub fn load<E>(
        package: &Package,
        options: Options,
        mut get: impl FnMut(&Wasm, &Options) -> Result<Arc<U>, Stopped<E>>,
    ) -> Result<Self, Stopped<E>> {
        let mut parts: Vec<(String, Arc<U>)> = Vec::with_capacity(package.libraries.len() + 1);
        let mut modules = modules(package, options);
        for (library, (wasm, options)) in package.libraries.iter().zip(&mut modules) {
            let name = &library.name;
            if !is_library_name(name, |name| is_taken(name, &parts)) {
                let why = format!("library name {name:?} is malformed or taken: use 1 to 64 of A-Z a-z 0-9 _ . -");
                return Err(Refused::new(Invalid::WasmLinking, why).into());
            }
            parts.push((name.clone(), get(wasm, &options)?));
        }
        // The last one, which is always there.
        let (wasm, options) = modules.next().unwrap_or((&package.start, options));
        let start = get(wasm, &options)?;
        let Some(name) = start_name(start.own_name(), |name| is_taken(name, &parts)).map(ToOwned::to_owned) else {
            let why = "a library is named main, which is the start module's name";
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        };
        parts.push((name, start));
        let memories: u32 = parts.iter().map(|(_, unit)| unit.defined_memories()).sum();
        if memories > MEMORIES {
            let why = format!("its modules define {memories} memories; a package may have {MEMORIES}");
            return Err(Refused::new(Invalid::WasmLinking, why).into());
        }
        Ok(Self { parts, memories })
    }

    /// What its instances set up, in order.
    #[must_use]
    pub fn set_up(&self) -> Vec<SetUp> {
        self.parts.iter().map(|(_, unit)| unit.set_up()).collect()
    }
}

/// The modules of a package in the order of linking, and how each is lowered: by `options`, but for its ordinal and its counters.
///
/// ```
/// use subvm_core::{Parts, wasi::Refused};
/// use subvm_lower::{Counters, Options};
/// let package = Parts::default().check(&Refused::default())?;
/// let (_, options) = subvm_link::modules(&package, Options::default()).next().unwrap();
/// assert_eq!((options.ordinal, options.counters), (0, Counters::Defined), "it is alone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn modules(package: &Package, options: Options) -> impl Iterator<Item = (&Wasm, Options)> {
    let libraries = package.libraries.iter().map(|library| &library.wasm).zip(1..);
    let start = (&package.start, 0);
    libraries.chain([start]).enumerate().map(move |(position, (wasm, ordinal))| {
        (wasm, Options { ordinal, counters: Counters::of(position == 0), ..options })
    })
}

fn is_taken<U>(name: &str, parts: &[(String, Arc<U>)]) -> bool {
    parts.iter().any(|(taken, _)| taken == name)
}
