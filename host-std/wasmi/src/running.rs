//! What a store holds while a sub-VM runs in it, and the limits that wasmi asks for.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use subvm_core::wasi::KEPT;
use subvm_core::{End, InternalError, InternalErrorKind, Resource, SubVm, costs};
use subvm_profile::Watcher;
use wasmi::errors::{MemoryError, TableError};
use wasmi::{AsContext, Global, Instance, Memory, ResourceLimiter};
use wasmi_core::LimiterError;

use crate::units::Unit;

/// A store's data.
pub(crate) struct Running {
    pub(crate) vm: Box<SubVm>,
    /// Whether its functions note themselves, so that a failure has frames.
    pub(crate) frames: bool,
    /// Memory 0 of each instance, by the ordinal of its module.
    pub(crate) memories: Vec<Option<Memory>>,
    /// The counters, once the first instance is there.
    pub(crate) counters: Option<Counters>,
    /// The modules of the program by name, in order.
    pub(crate) program: Vec<(String, Arc<Unit>)>,
    /// Instances that were completely created, in the same order.
    pub(crate) instances: Vec<Instance>,
    /// Why a host call, or this node, ended the sub-VM.
    pub(crate) end: Option<End>,
    /// The module whose instance is being made, as long as that takes.
    pub(crate) making: Option<Making>,
    /// Gives the thread the state for floats that guests need.
    pub(crate) restore: fn(),
    /// What the growth was charged that wasmi asked for last.
    charged: u64,
    pub(crate) watcher: Option<Watcher>,
    /// Which bits of an errno the guest's code takes: [`KEPT`] is for a module that keeps answers.
    pub(crate) errnos: u32,
}

/// A module whose instance is being made.
pub(crate) struct Making {
    pub(crate) unit: Arc<Unit>,
    /// Whether its memories were charged.
    charged: bool,
}

/// The globals that lowering put into the first module, and the memory where functions note themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    pub(crate) gas: Global,
    pub(crate) stack: Global,
    pub(crate) mark: Global,
    pub(crate) trap: Global,
    /// Calls and values, where they are counted.
    pub(crate) calls: Option<Global>,
    pub(crate) frames: Option<Memory>,
    /// Stack units that were left when no guest had run.
    pub(crate) units: i32,
}

impl Counters {
    /// Ticks that are left.
    pub(crate) fn ticks(&self, store: impl AsContext) -> i64 {
        // A global of another type would be a bug of lowering; then nothing is left.
        self.gas.get(store).i64().unwrap_or(-1)
    }

    /// Stack units that are left.
    pub(crate) fn stack_units(&self, store: impl AsContext) -> i32 {
        self.stack.get(store).i32().unwrap_or(0)
    }
}

impl Running {
    pub(crate) fn new(vm: Box<SubVm>, frames: bool, restore: fn(), watcher: Option<Watcher>) -> Self {
        Self {
            vm,
            frames,
            memories: Vec::new(),
            counters: None,
            program: Vec::new(),
            instances: Vec::new(),
            end: None,
            making: None,
            restore,
            charged: 0,
            watcher,
            errnos: KEPT - 1,
        }
    }

    /// Tells who watches.
    pub(crate) fn tell(&self, tell: impl FnOnce(&Watcher)) {
        if let Some(watcher) = &self.watcher {
            tell(watcher);
        }
    }

    /// An instance of `unit` is about to be made.
    pub(crate) fn make(&mut self, unit: &Arc<Unit>) {
        self.making = Some(Making { unit: Arc::clone(unit), charged: false });
    }

    /// Charges the memories of the instance that is being made, before anything else of it: wasmi makes tables first, and
    /// memories after them, where the specification charges in the other order.
    ///
    /// Whether they could be charged; nothing where no instance is being made.
    fn charge_memories(&mut self) -> Option<bool> {
        let making = self.making.as_mut()?;
        if mem::replace(&mut making.charged, true) {
            return Some(true);
        }
        let unit = Arc::clone(&making.unit);
        let charged = unit.initial_memories.iter().all(|bytes| {
            let charged = self.vm.charge_ram(*bytes).is_ok();
            self.tell(|watcher| watcher.charged(if charged { *bytes } else { 0 }));
            charged
        });
        if !charged {
            self.end = Some(Resource::WasmMemory.into());
        }
        Some(charged)
    }

    /// Charges growth at run time. One that cannot be met is a failed growth, which the guest sees as -1.
    fn grow(&mut self, bytes: u64) -> bool {
        let charged = self.vm.charge_ram(bytes).is_ok();
        self.charged = if charged { bytes } else { 0 };
        self.tell(|watcher| watcher.charged(self.charged));
        charged
    }

    /// Gives back what growth was charged that wasmi will ask for again, when there is fuel.
    fn growth_is_put_off(&mut self) {
        let charged = mem::take(&mut self.charged);
        self.vm.release_ram(charged);
        self.tell(|watcher| watcher.refunded(charged));
    }

    /// What was charged for and failed all the same: there is no more memory here, which no guest may see.
    fn growth_failed(&mut self, what: &str) -> LimiterError {
        let what = format!("there was no memory for a {what} to grow; give the node more");
        self.end = Some(InternalError::new(InternalErrorKind::Engine, what).into());
        LimiterError::ResourceLimiterDeniedAllocation
    }
}

/// What a table can have at most where its type says nothing, in entries.
const LARGEST_TABLE: usize = u32::MAX as usize;

impl ResourceLimiter for Running {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        // Beyond its type or 4 GiB wasmi refuses before it asks.
        Ok(match self.charge_memories() {
            Some(charged) => charged,
            None => self.grow((desired - current) as u64),
        })
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        match error {
            MemoryError::OutOfFuel { .. } => {
                self.growth_is_put_off();
                Ok(())
            }
            _ => Err(self.growth_failed("memory")),
        }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, LimiterError> {
        // Beyond what it can have nothing is charged; wasmi would ask first and refuse afterwards.
        if desired > maximum.unwrap_or(LARGEST_TABLE) {
            return Ok(false);
        }
        let bytes = (desired - current) as u64 * costs::TABLE_ELEMENT;
        Ok(match self.charge_memories() {
            None => self.grow(bytes),
            Some(false) => false,
            Some(true) if self.vm.charge_ram(bytes).is_ok() => {
                self.tell(|watcher| watcher.charged(bytes));
                true
            }
            Some(true) => {
                self.end = Some(Resource::WasmTable.into());
                false
            }
        })
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        match error {
            TableError::OutOfFuel { .. } => {
                self.growth_is_put_off();
                Ok(())
            }
            _ => Err(self.growth_failed("table")),
        }
    }

    // How many there are is limited by lowering, and by what a package may have.
    fn instances(&self) -> usize {
        usize::MAX
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        usize::MAX
    }
}
