//! Other contracts, new contracts, events, and the chain below.
//!
//! An [`interface`](macro@crate::interface) makes calls typed; these are the calls beneath it.

use alloc::string::String;
use alloc::vec::Vec;

use subvm_calldata::Address;

use crate::data::{Decode, Encode, Reader, Writer};
use crate::{ErrorKind, Failure, Result, U256, block, data, hash, host, rt};

/// When a message is delivered.
///
/// ```
/// # use subvm_sdk::chain::On;
/// assert_eq!(On::default(), On::Finalized);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// Once the run is accepted: it may still be rolled back.
    Accepted,
    /// Once the run is final.
    #[default]
    Finalized,
}

impl On {
    const fn text(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Finalized => "finalized",
        }
    }
}

/// Which state a called contract reads.
///
/// ```
/// # use subvm_sdk::chain::From;
/// assert_eq!(From::default(), From::Here);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// What this run reads.
    #[default]
    Here = 0,
    /// The latest final one.
    Final = 1,
    /// The latest accepted one.
    Accepted = 2,
}

/// How a contract is called: which state a view reads; what a message sends along, and when it is delivered.
///
/// ```
/// use subvm_sdk::chain::{At, On};
/// use subvm_sdk::Address;
/// let _at = At { value: 5_u8.into(), on: On::Accepted, ..At::new(Address([1; 20])) };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The contract.
    pub address: Address,
    /// What a message sends along.
    pub value: U256,
    /// When a message is delivered.
    pub on: On,
    /// What a view reads.
    pub from: From,
}

impl At {
    /// A contract: nothing sent along, once this run is final.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, value: U256::ZERO, on: On::default(), from: From::default() }
    }

    /// Calls a view, now. `call` writes its calldata.
    ///
    /// # Errors
    /// `Failed`: how it failed; a contract without such a method says so. `Calldata`: it answered something else. `Refused`, `forbidden`,
    /// in a sandbox or a block.
    ///
    /// # Cost
    /// A sub-VM and its module: see `docs/spec/gas.md`.
    pub fn view<T: Decode>(&self, call: impl FnOnce(&mut Writer)) -> Result<T> {
        let result = host::request("CallContract", |to| {
            to.map(3).key("address").address(self.address).key("calldata");
            call(to);
            to.key("state").uint(self.from as u8);
        })?;
        block::answer(&result)
    }

    /// Sends a message, whose calldata `call` writes. Nothing answers.
    ///
    /// # Errors
    /// `Refused`: `inbalance`, where the contract has not so much; `forbidden`, where this sub-VM cannot send. `View`, in a view.
    pub fn send(&self, call: impl FnOnce(&mut Writer)) -> Result<()> {
        rt::may_change("send a message")?;
        let none = host::request("PostMessage", |to| {
            to.map(4).key("address").address(self.address).key("calldata");
            call(to);
            to.key("on").str(self.on.text()).key("value").u256(self.value);
        });
        none.map(drop)
    }
}

/// Sends money, and nothing else.
///
/// # Errors
/// As [`At::send`].
pub fn transfer(to: Address, value: U256) -> Result<()> {
    At { value, ..At::new(to) }.send(|call| {
        call.map(0);
    })
}

/// Deploys a contract: `arguments` is its constructor's map; the node says at what address, which the salt is part of.
///
/// # Errors
/// As [`At::send`].
pub fn deploy<T: Encode>(code: &[u8], arguments: &T, value: U256, on: On, salt: u64) -> Result<()> {
    rt::may_change("deploy a contract")?;
    let none = host::request("DeployContract", |to| {
        to.map(5).key("calldata");
        arguments.encode(to);
        to.key("code").bytes(code).key("on").str(on.text()).key("salt_nonce").uint(salt).key("value").u256(value);
    });
    none.map(drop)
}

/// Sends a message to a contract of the chain below.
///
/// # Errors
/// As [`At::send`].
pub fn eth_send(to: Address, calldata: &[u8], value: U256) -> Result<()> {
    rt::may_change("send a message")?;
    let none = host::request("EthSend", |request| {
        request.map(3).key("address").address(to).key("calldata").bytes(calldata).key("value").u256(value);
    });
    none.map(drop)
}

/// Calls a contract of the chain below, which changes nothing.
///
/// # Errors
/// `Failed`: `revert`, or `refused` where it is called on no node.
pub fn eth_call(at: Address, calldata: &[u8]) -> Result<Vec<u8>> {
    let answer = host::request("EthCall", |to| {
        to.map(2).key("address").address(at).key("calldata").bytes(calldata);
    })?;
    let mut from = Reader::new(&answer);
    match from.variant() {
        Ok((why, _)) => Err(ErrorKind::Failed(Failure::Vm(String::from(why))).into()),
        Err(_) => data::from_bytes::<data::Bytes>(&answer).map(|bytes| bytes.0),
    }
}

/// An event: what [`event`](macro@crate::event) makes of a struct.
///
/// ```
/// # use subvm_sdk::prelude::*;
/// #[event]
/// pub struct Transferred {
///     #[topic]
///     to: Address,
///     amount: u128,
/// }
/// # fn main() { assert_eq!(<Transferred as chain::Event>::NAME, "Transferred"); }
/// ```
pub trait Event: Encode {
    /// Its name, at most 32 bytes.
    const NAME: &'static str;

    /// The name as a topic: the first.
    #[doc(hidden)]
    const TOPIC: [u8; 32];

    /// The fields to be found by: the other topics.
    #[doc(hidden)]
    fn topics(&self) -> Vec<[u8; 32]>;
}

/// Emits an event: its name and its fields marked `#[topic]`, at most three, are what it is found by; all fields are its content.
///
/// A topic has 32 bytes: a name, or a value's canonical calldata, followed by zeros; where it is longer, the hash of it that [`storage`](mod@crate::storage) takes for keys.
///
/// # Errors
/// `Refused`, `forbidden`, where this sub-VM cannot send. `View`, in a view.
pub fn emit<E: Event>(event: &E) -> Result<()> {
    rt::may_change("emit an event")?;
    let topics = event.topics();
    let none = host::request("EmitEvent", |to| {
        to.map(2).key("blob");
        event.encode(to);
        to.key("topics").array(1 + topics.len()).bytes(&E::TOPIC);
        for topic in &topics {
            to.bytes(topic);
        }
    });
    none.map(drop)
}

/// A value as a topic.
#[doc(hidden)]
#[must_use]
pub fn topic<T: Encode>(value: &T) -> [u8; 32] {
    let bytes = data::to_bytes(value);
    let mut topic = [0; 32];
    match topic.get_mut(..bytes.len()) {
        Some(prefix) => {
            prefix.copy_from_slice(&bytes);
            topic
        }
        None => hash::of(&bytes),
    }
}
