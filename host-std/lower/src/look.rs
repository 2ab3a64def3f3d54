//! Looking into a run, for diagnosis: modules lowered otherwise, and machines seen when their sub-VMs end.

use alloc::string::String;
use alloc::vec::Vec;

use subvm_core::fingerprint::Frame;

use super::limits::Refusal;
use super::options::Options;
use super::{Lowered, lower, lowered};

/// Who looks into the runs of an engine: it may add to what lowering makes of modules, and sees each machine when its sub-VM ends.
///
/// An engine that is looked into keeps no module on disk. It is for diagnosis, never for a node's votes: what [`lower`](Self::lower) changes
/// in what modules do changes receipts.
///
/// ```
/// use subvm_lower::{Look, Machine};
/// /// Prints which functions were active.
/// struct Stack;
/// impl Look for Stack {
///     fn ended(&self, machine: &Machine<'_>) {
///         machine.frames.iter().for_each(|frame| println!("{} {}", frame.module_name, frame.func));
///     }
/// }
/// # let machine = Machine { ticks: 0, stack_units: 0, frames: Vec::new(), instances: Vec::new() };
/// # Stack.ended(&machine);
/// ```
pub trait Look: Send + Sync {
    /// Lowers a module: as [`lower`] does, and perhaps more. Memories that it appends are charged to nobody.
    ///
    /// # Errors
    /// As [`lower`].
    fn lower(&self, wasm: &[u8], options: &Options) -> Result<Lowered, Refusal> {
        lower(wasm, options)
    }

    /// A sub-VM has ended, in whatever way. Sub-VMs end before those that started them.
    fn ended(&self, machine: &Machine<'_>);
}

/// A sub-VM's machine when it has ended.
///
/// See [`Look`] for an example.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// Time gas that is left, in ticks; negative where it ran out.
    pub ticks: i64,
    /// Stack units that are left.
    pub stack_units: i64,
    /// The functions that were active, innermost first; none where no wasm was running.
    pub frames: Vec<Frame>,
    /// Its instances, in the order in which they were made.
    pub instances: Vec<Instance<'a>>,
}

/// An instance of a [`Machine`]: what it exports under names of lowering's.
///
/// ```
/// use subvm_lower::{Global, Instance};
/// let globals = vec![("$subvm:gas".into(), Global::I64(5))];
/// let instance = Instance { name: "main", memories: Vec::new(), globals, tables: Vec::new() };
/// assert_eq!(instance.global("$subvm:gas"), Some(Global::I64(5)));
/// assert!(instance.memory("$subvm:memory:0").is_none() && instance.table("$subvm:table:0").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Instance<'a> {
    /// The name under which it was linked.
    pub name: &'a str,
    /// Its memories, by the names of their exports.
    pub memories: Vec<(String, &'a [u8])>,
    /// Its globals that hold numbers, likewise.
    pub globals: Vec<(String, Global)>,
    /// Its tables, likewise: for each entry 0 where it is null, else a number, the same for the same function. What it is says nothing.
    pub tables: Vec<(String, Vec<u64>)>,
}

impl<'a> Instance<'a> {
    /// A memory's bytes.
    #[must_use]
    pub fn memory(&self, export: &str) -> Option<&'a [u8]> {
        self.memories.iter().find(|(name, _)| name == export).map(|(_, bytes)| *bytes)
    }

    /// A table's entries.
    #[must_use]
    pub fn table(&self, export: &str) -> Option<&[u64]> {
        self.tables.iter().find(|(name, _)| name == export).map(|(_, entries)| &entries[..])
    }

    /// A global's value.
    #[must_use]
    pub fn global(&self, export: &str) -> Option<Global> {
        self.globals.iter().find(|(name, _)| name == export).map(|(_, value)| *value)
    }
}

/// The value of a global. Floats are their bits.
///
/// ```
/// assert_eq!(subvm_lower::Global::F64(0x3ff0_0000_0000_0000).to_string(), "f64 0x3ff0000000000000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Global {
    /// An `i32`.
    I32(u32),
    /// An `i64`.
    I64(u64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// The bits of a `v128`.
    V128(u128),
}

impl core::fmt::Display for Global {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::I32(value) => write!(f, "i32 {value:#x}"),
            Self::I64(value) => write!(f, "i64 {value:#x}"),
            Self::F32(bits) => write!(f, "f32 {bits:#010x}"),
            Self::F64(bits) => write!(f, "f64 {bits:#018x}"),
            Self::V128(bits) => write!(f, "v128 {bits:#034x}"),
        }
    }
}

/// Where an instruction of the guest came to stand.
///
/// See [`lower_placed`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Bytes from the first instruction of its lowered function.
    pub lowered: u32,
    /// Bytes from the beginning of the module as the contract supplied it.
    pub original: u32,
}

/// As [`lower`](super::lower()), and says for each function that the module defines where its instructions came to stand, in order.
///
/// # Errors
/// As [`lower`](super::lower()).
///
/// ```
/// use subvm_lower::{Options, lower, lower_placed};
/// let module = wat::parse_str("(module (func nop nop))")?;
/// let (lowered, places) = lower_placed(&module, &Options::default()).unwrap();
/// assert_eq!(lowered, lower(&module, &Options::default()).unwrap());
/// let originals: Vec<u32> = places[0].iter().map(|place| place.original).collect();
/// assert_eq!(originals.len(), 2, "the end is lowering's own");
/// assert_eq!(module[originals[1] as usize], 0x01, "a nop");
/// # Ok::<(), wat::Error>(())
/// ```
pub fn lower_placed(wasm: &[u8], options: &Options) -> Result<(Lowered, Vec<Vec<Place>>), Refusal> {
    lowered(wasm, options, true)
}
