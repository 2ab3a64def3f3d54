//! Receipts: one encoding, which other nodes may send in any shape, and the first field in which two differ.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use subvm_core::{Gas, PageWrite, Receipt, ReceiptError, vote};

use super::support::*;

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn receipts() -> impl Strategy<Value = Receipt> {
    let pages = btree_map((any::<[u8; 32]>(), 0..1_u32 << 27), any::<[u8; 32]>(), 0..4);
    let lists = (vec(any_bytes(), 0..3), vec(any_bytes(), 0..3));
    let gas = any::<[u64; 3]>().prop_map(|[data, storage, time]| Gas { data, storage, time });
    (any::<[[u8; 32]; 2]>(), any_bytes(), gas, pages, lists).prop_map(
        |([params, message], result, gas, pages, (messages, nondet))| Receipt {
            params,
            message,
            result,
            gas,
            storage: pages
                .into_iter()
                .map(|((slot, page), content)| PageWrite { slot: SlotId(slot), page, content })
                .collect(),
            messages,
            nondet,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_receipt_is_read_back_from_its_bytes(receipt in receipts(), other in receipts()) {
        prop_assert_eq!(&Receipt::from_bytes(&receipt.to_bytes()).unwrap(), &receipt);
        prop_assert_eq!(receipt.digest() == other.digest(), receipt == other);
    }

    #[test]
    fn what_is_read_is_what_would_be_written(receipt in receipts(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = receipt.to_bytes();
        *at.get_mut(&mut bytes) = byte;
        if let Ok(read) = Receipt::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    /// The order is the specification's: what the leader was told and proposed comes before what followed from it.
    #[test]
    fn a_vote_names_the_first_field_that_differs(receipt in receipts(), changed in any::<[bool; 6]>()) {
        const ORDER: [&str; 6] = ["message", "nondet", "result", "gas", "storage", "messages"];
        let mut other = receipt.clone();
        let changes: [&dyn Fn(&mut Receipt); 6] = [
            &|receipt| receipt.message[31] ^= 1,
            &|receipt| receipt.nondet.push(vec![0, 0]),
            &|receipt| receipt.result.push(0),
            &|receipt| receipt.gas.storage ^= 1,
            &|receipt| receipt.storage.insert(0, PageWrite { slot: SlotId([0; 32]), page: 0, content: [0; 32] }),
            &|receipt| receipt.messages.insert(0, vec![9]),
        ];
        changes.iter().zip(changed).filter(|(_, changed)| *changed).for_each(|(change, _)| change(&mut other));
        let expected = match changed.iter().position(|changed| *changed) {
            None => Vote::Agree,
            Some(first) => Vote::Disagree(Difference {
                field: ORDER[first],
                call: (first == 1).then_some(receipt.nondet.len() as u32),
            }),
        };
        prop_assert_eq!(vote(Ok(&receipt), &other), expected);
        other.params[0] ^= 1;
        prop_assert!(matches!(vote(Ok(&receipt), &other), Vote::Timeout(_)));
    }
}

/// A receipt's fields, as another node may send them.
fn fields() -> Map {
    let report = World::new(asking).lead();
    let Value::Map(fields) = Value::decode(&report.receipt.to_bytes()).unwrap() else { panic!("a receipt is a map") };
    fields
}

#[track_caller]
fn refused(fields: Map, what: &'static str) {
    let bytes = Value::Map(fields).encode().unwrap();
    assert_eq!(Receipt::from_bytes(&bytes), Err(ReceiptError::Field(what)));
}

#[test]
fn a_field_that_is_missing_or_malformed_is_named() {
    let names = ["gas", "message", "messages", "nondet", "params", "result", "storage", "version"];
    assert!(fields().keys().eq(names));
    for name in names {
        for wrong in
            [Value::Null, 2.into(), (-1).into(), bytes(&[0; 31]), Value::array([1i64]), map([("data", 1.into())])]
        {
            let mut changed = fields();
            let any_bytes = name == "result" && matches!(wrong, Value::Bytes(_));
            changed.insert(name, wrong);
            if !any_bytes {
                refused(changed, name);
            }
        }
        let mut renamed = fields();
        let value = renamed.remove(name).unwrap();
        refused(renamed.clone(), "a map of eight fields");
        renamed.insert("other", value);
        refused(renamed, name);
    }
    assert!(matches!(Receipt::from_bytes(&[0xff]), Err(ReceiptError::Calldata(_))));
}

#[test]
fn pages_come_once_and_in_order() {
    let page = |slot: u8, page: i64| Value::Array([bytes(&[slot; 32]), page.into(), bytes(&[7; 32])].into());
    let with = |pages: &[Value]| {
        let mut changed = fields();
        changed.insert("storage", Value::Array(pages.iter().cloned().collect()));
        changed
    };
    let encoded = Value::Map(with(&[page(0, 9), page(1, 0), page(1, (1 << 27) - 1)])).encode().unwrap();
    assert_eq!(Receipt::from_bytes(&encoded).unwrap().storage.len(), 3);
    for pages in [
        [page(1, 0), page(0, 9)],
        [page(1, 1), page(1, 0)],
        [page(1, 0), page(1, 0)],
        [page(1, 0), page(1, 1 << 27)],
        [page(1, 0), page(1, -1)],
        [page(1, 0), Value::Array([bytes(&[2; 32]), 0.into()].into())],
    ] {
        refused(with(&pages), "storage");
    }
}
