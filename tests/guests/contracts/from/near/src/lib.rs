//! A guest book that asks another contract, and tells it: what promises are here.
#![no_std]

use subvm_sdk::prelude::*;

#[interface]
pub trait Counter {
    fn count(&self) -> u64;
    fn increment(&mut self);
}

#[storage]
pub struct Book {
    counter: Item<Address>,
    notes: storage::Vec<Address>,
    texts: Map<u32, Item<String>>,
}

#[contract]
impl Book {
    #[init]
    pub fn new(&mut self, counter: Address) {
        self.counter.set(&counter);
    }

    /// The answer is here at once: no callback. What is sent is delivered later, and nothing answers it.
    pub fn sign(&mut self, text: String) -> Result<u64> {
        self.texts.set(&self.notes.len(), &text);
        self.notes.push(&message::sender());
        let counter = self.counter.get();
        let before = Counter::at(counter).count()?;
        Counter::at(counter).increment()?;
        Ok(before)
    }

    pub fn note(&self, number: u32) -> Option<(Address, String)> {
        Some((self.notes.get(number)?, self.texts.get(&number)))
    }
}
