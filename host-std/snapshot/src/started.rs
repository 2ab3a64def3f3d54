//! The engine around the engine: how the descriptors stand before and after.

use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::Catch;
use subvm_core::{Engine, Finished, SubVm};

use crate::calls::in_order;
use crate::error::SnapshotError;

/// Runs sub-VMs on another engine, and compares the descriptors of the one that ended last.
pub(crate) struct Started {
    engine: Arc<dyn Engine>,
    descriptors: Mutex<[Vec<(u32, String)>; 2]>,
}

impl Started {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, descriptors: Mutex::default() }
    }

    /// Holds the descriptors to what they were, and the numbers that are free, next one first, to those of a program that has opened nothing.
    pub(crate) fn unchanged(&self, freed: impl Iterator<Item = u32>) -> Result<(), SnapshotError> {
        let [before, after] = &*self.descriptors.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = before.iter().chain(after).map(|(number, _)| *number);
        let of = |list: &[(u32, String)], number| {
            list.iter().find(|(other, _)| *other == number).map_or("closed".to_owned(), |(_, words)| words.clone())
        };
        for number in numbers {
            let (was, is) = (of(before, number), of(after, number));
            if was != is {
                return Err(SnapshotError::Descriptor { number, is, was });
            }
        }
        if in_order(freed) { Ok(()) } else { Err(SnapshotError::Order) }
    }
}

impl Engine for Started {
    fn run(&self, vm: Box<SubVm>) -> Finished {
        let before = vm.descriptors();
        let finished = self.engine.run(vm);
        let after = finished.vm.descriptors();
        *self.descriptors.lock().unwrap_or_else(PoisonError::into_inner) = [before, after];
        finished
    }

    fn catch(&self) -> Catch {
        self.engine.catch()
    }
}
