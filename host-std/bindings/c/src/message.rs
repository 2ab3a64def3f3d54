//! The transaction.

use subvm_core::calldata::Int;
use subvm_core::{Address, Message};

use crate::border::{Sized_, array, guard, put, sized, slice, written};
use crate::buffer::subvm_buffer_t;
use crate::error::subvm_error_t;
use crate::{subvm_address_t, subvm_bytes_t, subvm_word_t};

/// The transaction, as every node knows it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct subvm_message_t {
    /// sizeof(subvm_message_t).
    pub size: usize,
    /// The contract that runs.
    pub contract: subvm_address_t,
    /// Who called it.
    pub sender: subvm_address_t,
    /// Who signed the transaction.
    pub origin: subvm_address_t,
    /// The account whose key signed, where the chain tells it apart; NULL where it does not.
    pub signer: *const subvm_address_t,
    /// The callers of nested view calls, outermost first.
    pub stack: *const subvm_address_t,
    /// How many.
    pub stack_len: usize,
    /// The chain: an integer, low byte first.
    pub chain_id: subvm_word_t,
    /// What was sent along: an integer, low byte first.
    pub value: subvm_word_t,
    /// Whether this run deploys the contract.
    pub is_init: bool,
    /// The calldata of the method call.
    pub entry_data: subvm_bytes_t,
}

impl Sized_ for subvm_message_t {
    const NAME: &'static str = "subvm_message_t";
}

impl From<subvm_address_t> for Address {
    fn from(address: subvm_address_t) -> Self {
        Self(address.bytes)
    }
}

/// The canonical bytes of a message: what nodes hand to each other, and what a run is given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_message_encode(
    message: *const subvm_message_t,
    bytes: *mut subvm_buffer_t,
) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let (message, bytes) = unsafe { (sized(message)?, written(bytes, "bytes")?) };
        // SAFETY: by the rules for pointers.
        let (signer, stack, entry_data) = unsafe {
            let stack = array(message.stack, message.stack_len, "message.stack")?;
            (message.signer.as_ref(), stack, slice(message.entry_data, "message.entry_data")?)
        };
        let message = Message {
            contract_address: message.contract.into(),
            sender_address: message.sender.into(),
            origin_address: message.origin.into(),
            signer_address: signer.map(|signer| (*signer).into()),
            stack: stack.iter().map(|caller| (*caller).into()).collect(),
            chain_id: Int::from_u256_le(&message.chain_id.bytes),
            value: Int::from_u256_le(&message.value.bytes),
            is_init: message.is_init,
            entry_data: entry_data.to_vec(),
        };
        bytes.set(message.encode());
        Ok(())
    })
}

/// BLAKE3 of the canonical bytes of a message, which are checked. (The message's digest in a receipt has the transaction's instant in it, too.)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subvm_message_digest(message: subvm_bytes_t, digest: *mut subvm_word_t) -> *mut subvm_error_t {
    guard(|| {
        // SAFETY: by the rules for pointers.
        let message = decoded(unsafe { slice(message, "message")? })?;
        // SAFETY: by the rules for pointers.
        unsafe { put(digest, "digest", subvm_word_t { bytes: message.digest() }) }
    })
}

pub(crate) fn decoded(bytes: &[u8]) -> Result<Message, subvm_error_t> {
    Message::decode(bytes).map_err(|error| subvm_error_t::format("message", &error))
}
