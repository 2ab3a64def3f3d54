//! A bit of everything that the SDK offers, for tests.
#![no_std]

use subvm_sdk::prelude::*;
use subvm_sdk::{chain::At, storage::Packed};

#[derive(Calldata, Clone, Default)]
pub struct Order {
    id: u32,
    side: Side,
    note: Option<String>,
}

#[derive(Calldata, Clone, Default)]
pub enum Side {
    #[default]
    Buy,
    Limit {
        price: u64,
    },
}

#[interface]
pub trait Token {
    fn balance_of(&self, owner: Address) -> u128;
    fn transfer(&mut self, to: Address, amount: u128);
    fn burn(&self) -> u128;
}

#[storage]
pub struct Account {
    order: Item<Order>,
    prices: storage::Vec<u64>,
}

#[storage]
pub struct Workshop {
    accounts: Map<Address, Account>,
    grid: Map<u8, Map<String, Item<bool>>>,
    pairs: storage::Vec<(u16, Address)>,
    paid: Item<U256>,
    last: Item<Encoded2>,
    count: Item<u64>,
}

/// Any calldata, nothing at first.
#[derive(Calldata, Default)]
pub struct Encoded2(Option<Encoded>);

#[contract]
impl Workshop {
    #[init]
    #[payable]
    pub fn new(&mut self, count: u64) {
        self.count.set(&count);
        self.paid.set(&message::value());
    }

    pub fn keep(&mut self, order: Order, prices: Vec<u64>) -> Order {
        let mut account = self.accounts.of_mut(&message::sender());
        account.prices.extend(&prices);
        account.order.set(&order);
        account.order.get()
    }

    pub fn kept(&self, owner: Address) -> (Option<Order>, Vec<u64>, Option<u64>, u32) {
        let account = self.accounts.of(&owner);
        let prices = &account.prices;
        (account.order.find(), prices.range(1..3), prices.get(9), prices.len())
    }

    pub fn grid(&mut self, row: u8, column: String) -> Vec<bool> {
        self.grid.of_mut(&row).set(&column, &true);
        let other = self.grid.of(&row.wrapping_add(1)).get(&column);
        Vec::from([self.grid.of(&row).get(&column), other])
    }

    pub fn pairs(&mut self) -> (u32, Option<(u16, Address)>, u32) {
        self.pairs.extend(&[(1, Address([1; 20])), (2, Address([2; 20]))]);
        self.pairs.set(0, &(7, Address([7; 20])));
        let first = self.pairs.get(0);
        let _ = self.pairs.pop();
        self.pairs.push(&(3, Address([3; 20])));
        (self.pairs.len(), first, <(u16, Address)>::BYTES as u32)
    }

    pub fn balances(&self, of: Address) -> (U256, U256, U256) {
        (self.paid.get(), env::own_balance(), env::balance(of))
    }

    pub fn instant(&self) -> (u64, String, [u8; 4]) {
        (env::now(), message::datetime(), env::random())
    }

    /// A view that tries to change something: by its type it cannot write, and so it goes around.
    pub fn sly(&self, how: String) -> Result<()> {
        match &*how {
            "write" => Item::<u8>::at_root().try_set(&1),
            "send" => chain::transfer(message::sender(), 1_u8.into()),
            _ => sandbox::run(sandbox::Allow { write_storage: true, ..sandbox::Allow::NOTHING }, &(), |()| ()),
        }
    }

    pub fn boxed(&mut self, n: u64) -> Result<u64, String> {
        let half = sandbox::run(sandbox::Allow::NOTHING, &n, |n: u64| {
            if n % 2 == 0 { Ok(n / 2) } else { Err("an odd number has no half") }
        });
        half.map_err(|error| format!("as the sandbox says, {error}"))
    }

    pub fn endless(&mut self) -> Result<()> {
        let allow = sandbox::Allow { ticks: Some(50_000), ..sandbox::Allow::NOTHING };
        sandbox::run(allow, &0_u64, |mut n: u64| {
            while n < u64::MAX {
                n += core::hint::black_box(1);
            }
        })
    }

    pub fn near(&mut self, url: String) -> Result<u64> {
        let near = nondet::Numeric { abs: 0, rel_ppm: 10_000 };
        nondet::run(near, &url, |url: String| number(&web::get(&url)?.text()?))
    }

    pub fn same(&mut self, who: String) -> Result<String> {
        let same = nondet::Comparative { principle: "they name one person" };
        nondet::run(same, &who, |who: String| model::ask(&format!("Who is {who}?")))
    }

    pub fn summary(&mut self, text: String) -> Result<String> {
        let good = nondet::NonComparative { task: "sum it up", criteria: "one sentence" };
        nondet::run(good, &text, |text: String| model::ask(&format!("Sum up: {text}")))
    }

    pub fn checked(&mut self, list: Vec<u32>) -> Result<Vec<u32>> {
        let check = nondet::Check(|list: Vec<u32>, leaders: Result<Vec<u32>>| {
            leaders.is_ok_and(|sorted| sorted.len() == list.len() && sorted.is_sorted())
        });
        nondet::run(check, &list, |mut list: Vec<u32>| {
            list.sort();
            list
        })
    }

    pub fn verdict(&mut self) -> Result<Order> {
        nondet::run(nondet::Strict, &(), |()| model::ask_json("Which order?"))
    }

    pub fn tokens(&self, token: Address) -> Result<u128> {
        Token::at(token).balance_of(message::contract())
    }

    pub fn burned(&self, token: Address) -> Result<u128> {
        Token::at(token).burn()
    }

    pub fn give(&mut self, token: Address, to: Address, amount: u128) -> Result<()> {
        Token::with(At { on: chain::On::Accepted, ..At::new(token) }).transfer(to, amount)
    }

    pub fn refund(&mut self, to: Address, value: U256) -> Result<()> {
        chain::transfer(to, value)
    }

    pub fn last(&self) -> Option<Encoded> {
        self.last.get().0
    }

    #[fallback]
    #[payable]
    pub fn other(&mut self, call: Encoded) {
        self.last.set(&Encoded2(Some(call)));
    }
}

/// A number in hundredths.
fn number(text: &str) -> Result<u64> {
    text.trim().parse().map_err(|_| "no number".into())
}

/// The root's own slot, where no field is.
trait AtRoot {
    fn at_root() -> Self;
}

impl<T: storage::Storage> AtRoot for T {
    fn at_root() -> Self {
        T::at(storage::Place::of([0; 32]))
    }
}
