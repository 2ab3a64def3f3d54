//! A chain with one contract, and the plainest transaction on it.

use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Address, Entry, Message, Parts, Role, Run};
use subvm_host_mock::MemoryHost;

/// The contract's address.
pub const CONTRACT: Address = Address([0xc0; 20]);

/// A chain with a contract of these parts.
///
/// # Panics
/// Where they make no package.
#[must_use]
pub fn deployed(parts: Parts) -> MemoryHost {
    let host = MemoryHost::new();
    host.deploy(CONTRACT, Arc::new(parts.check(&Refused::default()).expect("the parts of a package")));
    host
}

/// A leader's run of the contract, under the default parameters, without a deadline.
#[must_use]
pub fn transaction() -> Run {
    Run {
        message: Message { contract_address: CONTRACT, ..Message::default() },
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::default(),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    }
}

/// A value in its text form, as a string of WebAssembly's text format, and the bytes that it has.
///
/// # Panics
/// Where it is no value.
#[must_use]
pub fn embedded(text: &str) -> (String, usize) {
    let value: Value = text.parse().expect("calldata in its text form");
    let bytes = value.encode().expect("a value within the limits");
    (bytes.iter().map(|byte| format!("\\{byte:02x}")).collect(), bytes.len())
}
