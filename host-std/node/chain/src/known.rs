//! Signatures that were found good: a transaction that was admitted is not looked at again when a block has it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::ids::digest;
use crate::tx::SignedTx;

/// So many are remembered at least, and twice as many at most.
const MANY: usize = 1 << 16;

/// They, by the digest of the whole question: key, message and signature. It has no part in what is decided: whoever does not remember looks.
#[derive(Default)]
pub(crate) struct Known(Mutex<[HashSet<[u8; 32]>; 2]>);

impl Known {
    /// This one was found good.
    pub(crate) fn keep(&self, signed: &SignedTx) {
        let question = question(signed);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known[0].len() >= MANY {
            known.swap(0, 1);
            known[0].clear();
        }
        known[0].insert(question);
    }

    /// Whether it was.
    pub(crate) fn has(&self, signed: &SignedTx) -> bool {
        let question = question(signed);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|some| some.contains(&question))
    }
}

fn question(signed: &SignedTx) -> [u8; 32] {
    digest("signed transaction", &[&signed.to_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, sample};

    #[test]
    fn the_same_bytes_are_known_and_no_others_and_not_for_ever() {
        let tx = |nonce| sample::tx(0, nonce, false, Action::Transfer { to: subvm_core::Address([1; 20]), value: 1 });
        let known = Known::default();
        known.keep(&tx(0));
        let mut forged = tx(0);
        forged.signature[63] ^= 1;
        let mut other = tx(0);
        other.tx.nonce = 1;
        assert!(known.has(&tx(0)) && !known.has(&forged) && !known.has(&other) && !known.has(&tx(1)));
        // Others in its place: the digests stand for transactions, of which so many take long to sign.
        let fill = |from: usize| {
            let mut all = known.0.lock().expect("is not poisoned");
            let fill = |number: usize| *blake3::hash(&number.to_le_bytes()).as_bytes();
            all[0].extend((from..).map(fill).take(MANY - 1));
        };
        fill(0);
        known.keep(&tx(1));
        assert!(known.has(&tx(0)) && known.has(&tx(1)), "the older half is still there");
        fill(MANY);
        known.keep(&tx(2));
        assert!(!known.has(&tx(0)) && known.has(&tx(1)) && known.has(&tx(2)));
    }
}
