//! What is told of a disagreement, for people: both answers. No part of any result.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::run::sub_vm::Guest;
use crate::sdk::strategy::is_printed;
use subvm_calldata::ValueRef;

/// A longer result is told by its length.
const SHOWN: usize = 384;

/// What a validator came to where it was to check a leader's result.
pub(super) enum Checked {
    /// It agrees.
    Agrees,
    /// It does not: its own result is this one, or the strategy's model said no to it.
    Own(Vec<u8>),
    /// It does not: the contract's own check came to this result.
    Check(Vec<u8>),
    /// It does not: a model was asked about the leader's result alone, or that cannot be shown to one.
    Model,
}

impl Guest<'_> {
    /// Notes both sides of a disagreement on block `call`.
    #[cold]
    pub(super) fn tell_disagreement(&mut self, call: u32, own: &Checked, leaders: &[u8]) {
        let own = match own {
            Checked::Agrees => return,
            Checked::Own(own) => format!("this node's is {}", shown(own)),
            Checked::Check(check) => format!("the contract's check of it came to {}", shown(check)),
            Checked::Model => "its criteria are not met".to_string(),
        };
        self.vm.diagnose(format_args!("block {call}: the leader's result is {}; {own}", shown(leaders)));
    }
}

/// A result in words.
fn shown(result: &[u8]) -> String {
    if result.len() > SHOWN {
        return format!("one of {} bytes", result.len());
    }
    match result.split_first() {
        Some((0, value)) => match ValueRef::decode(value) {
            Ok(value) if is_printed(&value) => value.to_string(),
            _ => "a value".to_string(),
        },
        Some((1, text)) => format!("the user error {:?}", String::from_utf8_lossy(text)),
        Some((_, text)) => format!("the VM error {}", String::from_utf8_lossy(text)),
        None => "empty".to_string(),
    }
}
