//! Greetings by name: keys, typed storage, who calls.
#![no_std]

use subvm_sdk::prelude::*;

#[storage]
pub struct Greeter {
    greetings: Map<String, Item<u32>>,
    last: Item<Option<Address>>,
}

#[contract]
impl Greeter {
    pub fn hello(&mut self, to: String) -> String {
        self.greetings.of_mut(&to).update(|count| count + 1);
        self.last.set(&Some(message::sender()));
        format!("Hello, {to}")
    }

    pub fn greetings(&self, to: String) -> u32 {
        self.greetings.get(&to)
    }

    pub fn last(&self) -> Option<Address> {
        self.last.get()
    }
}
