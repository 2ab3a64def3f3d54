//! Code whose failure the contract survives.
//!
//! ```no_run
//! use subvm_sdk::prelude::*;
//! let risky = sandbox::run(sandbox::Allow::NOTHING, &"7".to_string(), |text: String| text.parse::<u64>().map_err(|_| "no number"));
//! assert_eq!(risky, Ok(7));
//! ```
//!
//! What a sandbox wrote, sent or spent stays, however it ends: see *Sandbox* in `docs/spec/sub-vm.md`.

use crate::data::{Decode, Encode};
use crate::rt::Outcome;
use crate::{Result, block, host, rt};

/// What a sandbox may do, of what its contract may.
///
/// ```
/// use subvm_sdk::sandbox::Allow;
/// let _cheap = Allow { ticks: Some(100_000), ..Allow::NOTHING };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Allow {
    /// Write storage.
    pub write_storage: bool,
    /// Send messages and emit events.
    pub send_messages: bool,
    /// At most so many ticks of time gas; none: what is left.
    pub ticks: Option<u64>,
}

impl Allow {
    /// Reading and computing, for as long as there is gas.
    pub const NOTHING: Self = Self { write_storage: false, send_messages: false, ticks: None };
}

/// Runs a closure, which captures nothing, in a sandbox.
///
/// # Errors
/// `Failed`: how it failed. `View`: a view allows nothing to be changed.
///
/// # Cost
/// A sub-VM and its module: see `docs/spec/gas.md`.
pub fn run<I, O, F>(allow: Allow, input: &I, closure: F) -> Result<O::Value>
where
    I: Encode + Decode,
    O: Outcome,
    O::Value: Decode,
    F: Fn(I) -> O + Copy + 'static,
{
    if allow.write_storage || allow.send_messages {
        rt::may_change("run a sandbox that may change something")?;
    }
    let data = block::data(block::leader::<I, F, O>(&closure), input);
    let result = host::request("Sandbox", |to| {
        to.map(3 + usize::from(allow.ticks.is_some()));
        to.key("allow_send_messages").bool(allow.send_messages);
        to.key("allow_write_storage").bool(allow.write_storage);
        to.key("data").bytes(&data);
        if let Some(ticks) = allow.ticks {
            to.key("gas_time").uint(ticks);
        }
    })?;
    block::answer(&result)
}
