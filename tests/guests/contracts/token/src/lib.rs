//! A token: a supply, balances, and allowances to spend what is another's.
#![no_std]

use subvm_sdk::prelude::*;

#[event]
pub struct Transferred {
    #[topic]
    from: Address,
    #[topic]
    to: Address,
    amount: u128,
}

#[storage]
pub struct Token {
    supply: Item<u128>,
    balances: Map<Address, Item<u128>>,
    allowances: Map<(Address, Address), Item<u128>>,
}

#[contract]
impl Token {
    #[init]
    pub fn new(&mut self, supply: u128) {
        self.supply.set(&supply);
        self.balances.set(&message::sender(), &supply);
    }

    pub fn supply(&self) -> u128 {
        self.supply.get()
    }

    pub fn balance_of(&self, owner: Address) -> u128 {
        self.balances.get(&owner)
    }

    pub fn transfer(&mut self, to: Address, amount: u128) -> Result<()> {
        self.pay(message::sender(), to, amount)
    }

    pub fn approve(&mut self, spender: Address, amount: u128) {
        self.allowances.set(&(message::sender(), spender), &amount);
    }

    pub fn transfer_from(&mut self, owner: Address, to: Address, amount: u128) -> Result<()> {
        let mut allowance = self.allowances.of_mut(&(owner, message::sender()));
        allowance.set(&allowance.get().checked_sub(amount).ok_or("the allowance is too small")?);
        self.pay(owner, to, amount)
    }

    fn pay(&mut self, from: Address, to: Address, amount: u128) -> Result<()> {
        let left = self.balances.get(&from).checked_sub(amount).ok_or("the balance is too small")?;
        self.balances.set(&from, &left);
        self.balances.of_mut(&to).update(|had| had + amount);
        chain::emit(&Transferred { from, to, amount })
    }
}
