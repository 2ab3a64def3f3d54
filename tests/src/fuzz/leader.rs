//! What a lying leader or a broken node may send: results of non-deterministic blocks, receipts, texts. Nothing panics, what is refused is
//! a verdict, and what is accepted has one spelling.

mod blocks;
mod bytes;

use subvm_core::Receipt;

use super::source::Source;

/// The body of the target: the first byte says what the others are.
pub(super) fn leader(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 5 {
        0 => bytes::receipt(data),
        1 => bytes::votes(data),
        2 => blocks::blocks(&mut Source::new(data)),
        3 => {
            bytes::vm_error(data);
            bytes::before_votes(data);
        }
        _ => bytes::encodings(&mut Source::new(data)),
    }
}

/// The bytes of a receipt that another node sent, where they are one.
fn decoded(data: &[u8]) -> Option<Receipt> {
    Receipt::from_bytes(data).ok()
}
