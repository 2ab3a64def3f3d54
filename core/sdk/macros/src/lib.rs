//! The macros of `subvm-sdk`, which re-exports them and says what they are for.

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, ItemStruct, ItemTrait, parse_macro_input};

mod calldata;
mod contract;
mod event;
mod interface;
mod names;
mod schema;
mod storage;

/// Makes a struct or an enum a type of calldata: to be an argument, a result, a key, or a value that is kept.
///
/// | Rust | calldata |
/// |---|---|
/// | struct with fields | a map of exactly these |
/// | struct of one field without a name | that field |
/// | struct of several | an array |
/// | unit struct | null |
/// | variant without content | a string: its name |
/// | other variant | a map of its name to its content |
///
/// As with serde. A field that is missing, unknown or of another type is an error that names it: `calldata, order.to: expected an address`.
///
/// ```
/// use subvm_sdk::{Calldata, data};
/// #[derive(Calldata, Debug, PartialEq)]
/// enum Side { Buy, Limit { price: u64 } }
/// let bytes = data::to_bytes(&Side::Limit { price: 7 });
/// assert_eq!(data::from_bytes(&bytes), Ok(Side::Limit { price: 7 }));
/// assert_eq!(data::from_bytes::<Side>(b"\x14??").unwrap_err().to_string(), "calldata, ??: there is no such variant");
/// ```
#[proc_macro_derive(Calldata)]
pub fn derive_calldata(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    calldata::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct of places ([`Item`](../subvm_sdk/storage/struct.Item.html), `Map`, `Vec`, or others like it) what a contract keeps, or a part of it.
///
/// ```
/// use subvm_sdk::prelude::*;
/// #[storage]
/// pub struct Account { balance: Item<u128>, nonces: storage::Vec<u64> }
/// #[storage]
/// pub struct Bank { accounts: Map<Address, Account> }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn storage(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemStruct);
    names::none(arguments).and_then(|()| storage::expand(&item)).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes the public functions of an `impl` block a contract's methods. It is called with the map `{"method": name, argument: value, ..}`.
///
/// | function | is |
/// |---|---|
/// | `pub fn name(&mut self, ..)` | a method |
/// | `pub fn name(&self, ..)` | a view: it changes nothing, and fails where it tries |
/// | `#[init] pub fn name(&mut self, ..)` | the constructor, whose map of arguments comes without a method; without one, nothing is needed |
/// | `#[fallback] pub fn name(&mut self, call: Encoded)` | what is called where no method has the name, or there is none: money that is sent |
/// | `#[payable]` beside it | takes money; others refuse it |
/// | without `pub` | the contract's own |
///
/// It returns a value, or a `Result`, whose error becomes the text of a user error.
///
/// ```
/// use subvm_sdk::prelude::*;
/// #[storage]
/// pub struct Greeter { greeting: Item<String> }
///
/// #[contract]
/// impl Greeter {
///     #[init]
///     pub fn new(&mut self, greeting: String) {
///         self.greeting.set(&greeting);
///     }
///     pub fn greet(&self, whom: String) -> Result<String> {
///         ensure!(!whom.is_empty(), "nobody is there");
///         Ok(format!("{}, {whom}", self.greeting.get()))
///     }
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemImpl);
    names::none(arguments).and_then(|()| contract::expand(item)).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct an event, to be emitted with `chain::emit`. Fields marked `#[topic]`, at most three, are what it can be found by.
///
/// ```
/// use subvm_sdk::prelude::*;
/// #[event]
/// pub struct Sold { #[topic] to: Address, price: u128 }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn event(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemStruct);
    names::none(arguments).and_then(|()| event::expand(item)).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a trait's functions typed calls of another contract: with `&self` a view, which answers now; with `&mut self` a message, which
/// nothing answers. The trait becomes a struct of its name, with `at(address)` and `with(At)`.
///
/// ```no_run
/// use subvm_sdk::prelude::*;
/// #[interface]
/// pub trait Token {
///     fn balance_of(&self, owner: Address) -> u128;
///     fn transfer(&mut self, to: Address, amount: u128);
/// }
/// # fn main() -> Result<()> {
/// # let (token, eve) = (Address::default(), Address::default());
/// let all = Token::at(token).balance_of(message::contract())?;
/// Token::at(token).transfer(eve, all)?;
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    names::none(arguments).and_then(|()| interface::expand(&item)).unwrap_or_else(syn::Error::into_compile_error).into()
}
