//! Who calls, and with what: the message of `docs/spec/sub-vm.md`, *Entry*.
//!
//! ```no_run
//! use subvm_sdk::{U256, message};
//! if message::value() > U256::ZERO {
//!     println!("{} sent something", message::sender());
//! }
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use subvm_calldata::{Address, Int};

use crate::data::{Decode, Fields, Reader, from_bytes};
use crate::{Result, U256, host, rt};

macro_rules! parts {
    ($($part:ident),*) => {
        /// The parts of the message that contracts ask for, by the names that they have there.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        pub(crate) enum Part {
            $($part),*
        }

        const NAMES: &[&str] = &[$(stringify!($part)),*];
    };
}

parts! {
    chain_id, contract_address, datetime, entry_data, entry_kind, entry_stage_data, is_init, origin_address, sender_address, stack, value
}

/// The encodings of its parts: each is decoded when it is asked for.
pub(crate) struct Message([&'static [u8]; NAMES.len()]);

impl Message {
    /// Reads descriptor 0. Its bytes stay for as long as the sub-VM.
    ///
    /// # Errors
    /// `Calldata`: this is no message.
    pub(crate) fn read() -> Result<Self> {
        let mut from = Reader::new(host::read_to_end(0)?.leak());
        let mut parts: [&[u8]; NAMES.len()] = [&[]; NAMES.len()];
        let mut fields = Fields::of(&mut from)?;
        let mut wanted = NAMES.iter().zip(&mut parts).peekable();
        while let Some(key) = fields.step()? {
            let encoding = fields.reader().any()?;
            // Both are in order. A part that is not known is of a later version, and nothing that this contract asks for.
            if let Some((_, part)) = wanted.next_if(|(name, _)| name.as_bytes() == key) {
                *part = encoding;
            }
        }
        Ok(Self(parts))
    }

    /// A part, as it came.
    pub(crate) fn encoded(&self, part: Part) -> &'static [u8] {
        self.0[part as usize]
    }

    /// A part.
    ///
    /// # Errors
    /// `Calldata`: the host sent none, or something else.
    pub(crate) fn part<T: Decode>(&self, part: Part) -> Result<T> {
        from_bytes(self.encoded(part)).map_err(|error| error.within(NAMES[part as usize]))
    }

    /// The content of a part that is bytes.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub(crate) fn bytes(&self, part: Part) -> Result<&'static [u8]> {
        Reader::new(self.encoded(part)).bytes()
    }

    /// A validator's: what the leader came to.
    ///
    /// # Errors
    /// As [`part`](Self::part); a leader has none.
    pub(crate) fn leaders_result(&self) -> Result<&'static [u8]> {
        let mut from = Reader::new(self.encoded(Part::entry_stage_data));
        let mut fields = Fields::of(&mut from)?;
        fields.find("leaders_result")?;
        fields.reader().bytes()
    }
}

fn part<T: Decode>(part: Part) -> T {
    rt::or_end(rt::message().part(part))
}

/// The contract that runs.
#[must_use]
pub fn contract() -> Address {
    part(Part::contract_address)
}

/// Who called it: an account, or the contract whose message this is.
#[must_use]
pub fn sender() -> Address {
    part(Part::sender_address)
}

/// Who signed the transaction.
#[must_use]
pub fn origin() -> Address {
    part(Part::origin_address)
}

/// What was sent along, and is the contract's already.
#[must_use]
pub fn value() -> U256 {
    part(Part::value)
}

/// The chain.
#[must_use]
pub fn chain_id() -> Int {
    part(Part::chain_id)
}

/// The transaction's instant, RFC 3339, UTC: see [`env::now`](crate::env::now) for a number.
#[must_use]
pub fn datetime() -> String {
    part(Part::datetime)
}

/// The callers of nested views, outermost first: the last of them asks.
#[must_use]
pub fn stack() -> Vec<Address> {
    part(Part::stack)
}
