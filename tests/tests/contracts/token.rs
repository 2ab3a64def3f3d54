//! The token: `tests/guests/contracts/token`.

use subvm_testing::{Address, Chain, Map, Value, Vote};

use crate::{golden, map, module};

struct Fixture {
    chain: Chain,
    token: Address,
    alice: Address,
    bob: Address,
}

fn fixture() -> Fixture {
    let mut chain = Chain::new();
    let [alice, bob] = ["alice", "bob"].map(|name| chain.account(name, 100));
    let token = chain.deploy_as(alice, &module("token"), map(r#"{"supply": 1000}"#));
    Fixture { chain, token, alice, bob }
}

impl Fixture {
    fn balance(&mut self, owner: Address) -> Value {
        self.chain.view(self.token, "balance_of", Map::from([("owner", owner)])).returned()
    }

    fn pay(&self, to: Address, amount: u128) -> Map {
        Map::from([("to", Value::from(to)), ("amount", amount.into())])
    }
}

#[test]
fn tokens_go_from_hand_to_hand() {
    let mut all = fixture();
    let (mut golden, [alice, bob]) = (golden("token"), [all.alice, all.bob]);
    let paid = all.chain.call(alice, all.token, "transfer", all.pay(bob, 300));
    assert_eq!(paid.returned(), Value::Null);
    assert_eq!(paid.votes, [Vote::Agree, Vote::Agree]);
    golden.note("transfer", &paid);
    assert_eq!([all.balance(alice), all.balance(bob)], [700.into(), 300.into()]);
    let event = &paid.events()[0];
    assert_eq!(
        event["blob"],
        Map::from([("from", Value::from(alice)), ("to", bob.into()), ("amount", 300.into())]).into()
    );
    let mut topic = Value::from(bob).encode().unwrap();
    topic.resize(32, 0);
    assert_eq!(
        event["topics"],
        Value::array([
            b"Transferred".iter().copied().chain([0; 21]).collect::<Vec<u8>>(),
            {
                let mut from = Value::from(alice).encode().unwrap();
                from.resize(32, 0);
                from
            },
            topic
        ])
    );

    all.chain
        .call(alice, all.token, "approve", Map::from([("spender", Value::from(bob)), ("amount", 50.into())]))
        .returned();
    let mut spend = all.pay(bob, 20);
    spend.insert("owner", alice);
    golden.note("transfer_from", &all.chain.call(bob, all.token, "transfer_from", spend.clone()));
    spend.insert("amount", 31);
    assert_eq!(all.chain.call(bob, all.token, "transfer_from", spend).failed(), "the allowance is too small");
    assert_eq!([all.balance(alice), all.balance(bob)], [680.into(), 320.into()]);
    golden.note("balance_of", &all.chain.view(all.token, "balance_of", Map::from([("owner", bob)])));
    golden.check();
}

#[test]
fn what_is_not_there_cannot_be_paid() {
    let mut all = fixture();
    let (alice, bob) = (all.alice, all.bob);
    let paid = all.chain.call(bob, all.token, "transfer", all.pay(alice, 1));
    assert_eq!(paid.failed(), "the balance is too small");
    assert!(paid.accepted && paid.votes == [Vote::Agree, Vote::Agree]);
    let all_of_it = all.chain.call(alice, all.token, "transfer", all.pay(alice, 1000));
    all_of_it.returned();
    assert_eq!(all.balance(alice), 1000.into(), "to oneself is nothing");
}

#[test]
fn bad_calls_are_named_and_never_trap() {
    let mut all = fixture();
    let (alice, bob) = (all.alice, all.bob);
    let mut failed = |call: &str, value| all.chain.send(alice, all.token, value, &call.parse().unwrap()).failed();
    for (call, why) in [
        (r#"{"method": "mint", "amount": 1}"#, "calldata, mint: there is no such method"),
        (r#"{"amount": 1}"#, "calldata: there is no such method"),
        (r#"{"method": 1}"#, "calldata, method: expected a string"),
        ("[]", "calldata: expected a map"),
        (r#"{"method": "transfer", "to": "bob", "amount": 1}"#, "calldata, to: expected an address"),
        (r#"{"method": "transfer", "amount": 1}"#, "calldata, to: a field is missing"),
        (r#"{"method": "supply", "of": 1}"#, "calldata, of: an unknown field"),
        (r#"{"method": "supply", "a": 1}"#, "calldata, a: an unknown field"),
        (
            &format!(r#"{{"method": "transfer", "to": addr#{bob}, "amount": -1}}"#),
            "calldata, amount: expected an integer of type u128",
        ),
        (
            &format!(r#"{{"method": "transfer", "to": addr#{bob}, "amount": {}}}"#, "9".repeat(40)),
            "calldata, amount: expected an integer of type u128",
        ),
    ] {
        assert_eq!(failed(call, 0), why, "{call}");
    }
    let paid = format!(r#"{{"method": "transfer", "to": addr#{bob}, "amount": 1}}"#);
    assert_eq!(failed(&paid, 5), "calldata, value: it takes no value");
    assert_eq!(all.chain.balance(alice), 100, "what was refused came back");
}
