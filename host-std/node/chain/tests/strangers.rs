//! Transactions as strangers send them: whatever the bytes are, a chain says why it does not take them, and takes no others than were signed.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use subvm_chain::{Action, CallId, Chain, Refusal, SignedTx, Tx, sample};
use subvm_core::Address;
use subvm_host_mock::ScriptedEngine;

/// A chain whose first account sent two transactions.
static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let engine = ScriptedEngine::new();
    let mut chain = Chain::new(Arc::new(sample::genesis(1)), Arc::new(engine)).expect("begins");
    let block = chain.propose(sample::validator(0), None, [transfer(0, 0, 1), transfer(0, 1, 1)], Vec::new());
    assert_eq!(block.txs.len(), 2);
    chain.apply(&block).expect("follows");
    chain
});

fn transfer(from: u8, nonce: u64, value: u128) -> SignedTx {
    sample::tx(from, nonce, false, Action::Transfer { to: Address([9; 20]), value })
}

/// One of each kind that may wait for a block.
fn good() -> impl Strategy<Value = SignedTx> {
    let data = || vec(any::<u8>(), 0..200);
    let address = || any::<[u8; 20]>().prop_map(Address);
    let action = prop_oneof![
        (address(), 0..1_000_u128).prop_map(|(to, value)| Action::Transfer { to, value }),
        (address(), 0..1_000_u128, data()).prop_map(|(to, value, data)| Action::Call { to, value, data }),
        any::<[u8; 32]>().prop_map(|call| Action::Appeal { call: CallId(call) }),
    ];
    (1..3_u8, 0..100_u64, any::<bool>(), action)
        .prop_map(|(from, nonce, nondet, action)| sample::tx(from, nonce, nondet, action))
}

/// Something done to bytes.
#[derive(Clone, Debug)]
enum Harm {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Add(Vec<u8>),
    Put(prop::sample::Index, Vec<u8>),
    Leave(prop::sample::Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        1 => at().prop_map(Harm::Cut),
        1 => vec(any::<u8>(), 1..70).prop_map(Harm::Add),
        1 => (at(), vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| Harm::Put(at, bytes)),
        1 => at().prop_map(Harm::Leave),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let len = bytes.len().max(1);
        match harm {
            Harm::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(at.index(len)) {
                    *byte ^= 1 << bit;
                }
            }
            Harm::Cut(at) => bytes.truncate(at.index(len)),
            Harm::Add(more) => bytes.extend(more),
            Harm::Put(at, more) => {
                let at = at.index(len).min(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Harm::Leave(at) => {
                if !bytes.is_empty() {
                    bytes.remove(at.index(len));
                }
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_was_not_signed_is_refused(tx in good(), harms in vec(harm(), 1..4)) {
        let bytes = tx.to_bytes();
        prop_assert_eq!(CHAIN.admit(&bytes), Ok(tx));
        let other = harmed(bytes.clone(), &harms);
        if other != bytes {
            let refused = CHAIN.admit(&other);
            prop_assert!(refused.is_err(), "{refused:?}");
            // Asked again, it is no better known.
            prop_assert_eq!(CHAIN.admit(&other), refused);
        }
    }

    #[test]
    fn garbage_is_refused(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(CHAIN.admit(&bytes).is_err());
    }

    #[test]
    fn another_signature_is_refused_where_the_first_is_known(tx in good(), half in any::<[u8; 32]>(), other in 3..6_u8) {
        prop_assert!(CHAIN.admit(&tx.to_bytes()).is_ok());
        let mut forged = tx.clone();
        forged.signature[..32].copy_from_slice(&half);
        prop_assert_eq!(CHAIN.admit(&forged.to_bytes()), Err(Refusal::Signature));
        let strange = SignedTx::sign(tx.tx, &sample::account(other));
        prop_assert_eq!(CHAIN.admit(&strange.to_bytes()), Err(Refusal::Signature));
    }

    #[test]
    fn what_was_there_and_what_cannot_be_paid_is_refused(nonce in 0..2_u64, value in any::<u128>(), kind in 0..3_u8) {
        let whole = CHAIN.account(&sample::holder(1)).balance;
        let (tx, code) = match kind {
            0 => (transfer(0, nonce, 1), "nonce"),
            1 => (transfer(1, nonce, value.max(whole)), "balance"),
            _ => {
                let (tx, key) = (transfer(1, nonce, 1).tx, sample::account(1));
                (SignedTx::sign(Tx { chain_id: sample::CHAIN_ID + 1, ..tx }, &key), "chain_id")
            }
        };
        let refused = CHAIN.admit(&tx.to_bytes()).expect_err("is refused");
        prop_assert_eq!(refused.code(), code);
    }
}

/// A block with a signature that is not its sender's is refused, whatever the chain knows of others.
#[test]
fn a_block_is_looked_at_where_its_transactions_are_not_known() {
    let engine = Arc::new(ScriptedEngine::new());
    let first = Chain::new(Arc::new(sample::genesis(1)), engine).expect("begins");
    let good = [transfer(1, 0, 5), transfer(2, 0, 5)];
    first.admit(&good[0].to_bytes()).expect("is good");
    for number in 0..2 {
        let mut block = first.propose(sample::validator(0), None, good.clone(), Vec::new());
        assert_eq!(first.validate(&block), Ok(()));
        block.txs[number].signature[0] ^= 1;
        block.header.body = block.body();
        let why = Refusal::Signature;
        assert_eq!(first.validate(&block), Err(subvm_chain::InvalidBlock::Tx { number, why }));
    }
}
