//! A counter that its owner resets: what `instantiate`, `execute` and `query` are here.
#![no_std]

use subvm_sdk::prelude::*;

#[storage]
pub struct Counter {
    owner: Item<Address>,
    count: Item<u64>,
}

#[contract]
impl Counter {
    #[init]
    pub fn new(&mut self, count: u64) {
        self.owner.set(&message::sender());
        self.count.set(&count);
    }

    pub fn increment(&mut self) {
        self.count.update(|count| count + 1);
    }

    pub fn reset(&mut self, count: u64) -> Result<()> {
        ensure!(message::sender() == self.owner.get(), "only the owner resets");
        self.count.set(&count);
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }
}
