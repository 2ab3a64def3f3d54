//! A jar of tips: payable methods, balances, an event.
#![no_std]

use subvm_sdk::prelude::*;

#[event]
pub struct Tipped {
    #[topic]
    from: Address,
    amount: U256,
}

#[storage]
pub struct Jar {
    owner: Item<Address>,
    tips: Map<Address, Item<U256>>,
}

#[contract]
impl Jar {
    #[init]
    pub fn new(&mut self) {
        self.owner.set(&message::sender());
    }

    #[payable]
    pub fn tip(&mut self) -> Result<()> {
        let (from, amount) = (message::sender(), message::value());
        let mut tips = self.tips.of_mut(&from);
        tips.set(&tips.get().checked_add(amount).ok_or("that is too much")?);
        chain::emit(&Tipped { from, amount })
    }

    pub fn tips_of(&self, from: Address) -> U256 {
        self.tips.get(&from)
    }

    pub fn empty(&mut self) -> Result<()> {
        ensure!(message::sender() == self.owner.get(), "only the owner empties it");
        chain::transfer(message::sender(), env::own_balance())
    }
}
