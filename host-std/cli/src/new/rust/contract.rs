//! A counter, to begin with.
#![no_std]

use subvm_sdk::prelude::*;

#[storage]
pub struct Counter {
    count: Item<u64>,
}

#[contract]
impl Counter {
    #[init]
    pub fn new(&mut self, start: u64) {
        self.count.set(&start);
    }

    pub fn add(&mut self, n: u64) -> Result<u64> {
        let count = self.count.get().checked_add(n).ok_or("the count is full")?;
        self.count.set(&count);
        Ok(count)
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }
}
