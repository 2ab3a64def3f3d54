//! What a lying leader or a broken node may send: results of non-deterministic blocks, receipts, texts. Nothing panics, what is refused is
//! a verdict, and what is accepted has one spelling.

mod blocks;
mod octets;

use subvm_core::Receipt;

use super::source::Source;

/// The body of the target: the first octet says what the others are.
pub(super) fn leader(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 5 {
        0 => octets::receipt(data),
        1 => octets::votes(data),
        2 => blocks::blocks(&mut Source::new(data)),
        3 => octets::vm_error(data),
        _ => octets::encodings(&mut Source::new(data)),
    }
}

/// The octets of a receipt that another node sent, where they are one.
fn decoded(data: &[u8]) -> Option<Receipt> {
    Receipt::from_octets(data).ok()
}
