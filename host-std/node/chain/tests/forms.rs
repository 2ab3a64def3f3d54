//! Encodings: each thing has one, and nothing else is read.

use proptest::collection::vec;
use proptest::prelude::*;
use subvm_chain::{
    Action, Block, CallId, Extension, Header, Item, Rules, SignedExtension, SignedTx, Tx, Votes, sample,
};
use subvm_core::{Address, Ballot, Commitment, Gas, Proposal};

fn action() -> impl Strategy<Value = Action> {
    let address = || any::<[u8; 20]>().prop_map(Address);
    let data = || vec(any::<u8>(), 0..40);
    prop_oneof![
        (address(), any::<u128>()).prop_map(|(to, value)| Action::Transfer { to, value }),
        (address(), any::<u128>(), data()).prop_map(|(to, value, data)| Action::Call { to, value, data }),
        (data(), any::<u128>(), data()).prop_map(|(bundle, value, data)| Action::Deploy { bundle, value, data }),
        any::<[u8; 32]>().prop_map(|call| Action::Appeal { call: CallId(call) }),
    ]
}

fn signed() -> impl Strategy<Value = SignedTx> {
    let tx = (any::<u64>(), any::<[u8; 32]>(), any::<u64>(), any::<[u64; 3]>(), any::<bool>(), action());
    let tx = tx.prop_map(|(chain_id, from, nonce, [time, storage, data], nondet, action)| Tx {
        chain_id,
        from,
        nonce,
        gas: Gas { time, storage, data },
        nondet,
        action,
    });
    (tx, any::<[u8; 32]>()).prop_map(|(tx, half)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        SignedTx { tx, signature }
    })
}

fn ballot() -> impl Strategy<Value = Ballot> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(|receipt| Ballot::Accept { receipt }),
        any::<([u8; 32], Option<u32>)>().prop_map(|(receipt, call)| Ballot::Reject { receipt, call }),
        Just(Ballot::Timeout),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        any::<([u8; 32], u32, [u8; 32])>().prop_map(|(call, poll, hash)| Item::Commit {
            call: CallId(call),
            poll,
            commitment: Commitment(hash)
        }),
        (any::<[u8; 32]>(), any::<u32>(), ballot(), any::<[u8; 32]>())
            .prop_map(|(call, poll, ballot, salt)| Item::Open { call: CallId(call), poll, ballot, salt }),
    ]
}

fn extension() -> impl Strategy<Value = Extension> {
    (any::<u64>(), vec(item(), 0..5)).prop_map(|(time, items)| Extension { time, items })
}

fn block() -> impl Strategy<Value = Block> {
    let votes = vec((any::<u16>(), vec(any::<u8>(), 0..20)), 0..4).prop_map(|votes| {
        let one = |(validator, bytes)| SignedExtension { validator, bytes, signature: [9; 64] };
        votes.into_iter().map(one).collect()
    });
    let votes = proptest::option::of((any::<u32>(), votes).prop_map(|(round, votes)| Votes { round, votes }));
    let nondet = vec(vec(any::<u8>(), 0..9), 0..3);
    let proposal = (any::<[u8; 32]>(), any::<[u8; 32]>(), nondet).prop_map(|(params, message, nondet)| Proposal {
        params,
        message,
        nondet,
    });
    let proposals = vec((any::<[u8; 32]>().prop_map(CallId), proposal), 0..3);
    (any::<u64>(), any::<u64>(), vec(signed(), 0..4), proposals, votes).prop_map(
        |(height, time, txs, proposals, votes)| {
            let (parent, root, proposer) = (Default::default(), [3; 32], sample::validator(0));
            let header = Header { height, parent, time, proposer, root, body: [0; 32] };
            let mut block = Block { header, txs, proposals, votes };
            block.header.body = block.body();
            block
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(tx in signed(), said in extension(), block in block()) {
        prop_assert_eq!(SignedTx::from_bytes(&tx.to_bytes()), Ok(tx.clone()));
        prop_assert_eq!(Tx::from_bytes(&tx.tx.to_bytes()), Ok(tx.tx));
        prop_assert!(said.to_bytes().len() <= Extension::BYTES);
        prop_assert_eq!(Extension::from_bytes(&said.to_bytes()), Ok(said));
        prop_assert_eq!(Block::from_bytes(&block.to_bytes(), &Rules::default()), Ok(block));
    }

    #[test]
    fn bytes_that_are_read_are_the_only_ones(block in block(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = block.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(other) = Block::from_bytes(&bytes, &Rules::default()) {
            prop_assert_eq!(other.to_bytes(), bytes);
            prop_assert_ne!(other.id(), block.id(), "a name stands for all of it");
        }
    }

    #[test]
    fn garbage_is_refused_and_nothing_breaks(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Block::from_bytes(&bytes, &Rules::default());
        if let Ok(tx) = SignedTx::from_bytes(&bytes) {
            prop_assert_eq!(tx.to_bytes(), bytes.clone());
        }
        if let Ok(said) = Extension::from_bytes(&bytes) {
            prop_assert_eq!(said.to_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_cut_off_is_refused(block in block(), tx in signed(), cut in any::<prop::sample::Index>()) {
        let bytes = block.to_bytes();
        prop_assert!(Block::from_bytes(&bytes[..cut.index(bytes.len())], &Rules::default()).is_err());
        let bytes = tx.to_bytes();
        prop_assert!(SignedTx::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn an_extension_of_the_most_items_fits() {
    let item = Item::Open {
        call: CallId([255; 32]),
        poll: u32::MAX,
        ballot: Ballot::Reject { receipt: [255; 32], call: Some(u32::MAX) },
        salt: [255; 32],
    };
    let most = Extension { time: u64::MAX, items: vec![item; Extension::ITEMS] };
    assert!(most.to_bytes().len() <= Extension::BYTES);
    assert_eq!(Extension::from_bytes(&most.to_bytes()), Ok(most.clone()));
    let more = Extension { items: vec![item; Extension::ITEMS + 1], ..most };
    assert!(Extension::from_bytes(&more.to_bytes()).is_err());
}
