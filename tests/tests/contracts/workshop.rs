//! All that the SDK offers: `tests/guests/contracts/workshop`.

use std::time::Duration;

use subvm_testing::{Address, Answer, Chain, Map, Node, Transaction, Value, Vote, model, web};

use crate::{map, module};

struct Fixture {
    chain: Chain,
    workshop: Address,
    alice: Address,
}

fn fixture() -> Fixture {
    let mut chain = Chain::new();
    let alice = chain.account("alice", 1000);
    let deployed = chain.try_deploy(alice, &module("workshop"), &map(r#"{"count": 5}"#).into(), 40);
    assert_eq!(deployed.returned(), Value::Null);
    Fixture { chain, workshop: deployed.contract, alice }
}

impl Fixture {
    #[track_caller]
    fn call(&mut self, method: &str, arguments: &str) -> Transaction {
        let called = self.chain.call(self.alice, self.workshop, method, map(arguments));
        assert!(called.votes.iter().all(|vote| *vote == Vote::Agree), "{:?}", called.votes);
        called
    }

    #[track_caller]
    fn returns(&mut self, method: &str, arguments: &str) -> String {
        self.call(method, arguments).returned().to_string()
    }

    #[track_caller]
    fn fails(&mut self, method: &str, arguments: &str) -> String {
        self.call(method, arguments).failed()
    }
}

#[test]
fn storage_keeps_what_it_is_given() {
    let mut all = fixture();
    let order = r#"{"id":7,"note":"soon","side":{"Limit":{"price":9}}}"#;
    let keep = format!(r#"{{"order": {order}, "prices": [101, 102, 103]}}"#);
    assert_eq!(all.returns("keep", &keep), order);
    let owner = format!(r#"{{"owner": addr#{}}}"#, all.alice);
    assert_eq!(all.returns("kept", &owner), format!("[{order},[102,103],null,3]"));
    assert_eq!(all.returns("kept", &format!(r#"{{"owner": addr#{}}}"#, "00".repeat(20))), "[null,[],null,0]");
    assert_eq!(all.returns("grid", r#"{"row": 255, "column": "é"}"#), "[true,false]");
    assert_eq!(all.returns("grid", &format!(r#"{{"row": 1, "column": "{}"}}"#, "x".repeat(3000))), "[true,false]");
    let first = format!("[2,[7,addr#{}],22]", "07".repeat(20));
    assert_eq!(all.returns("pairs", "{}"), first);
    // A note longer than what is usually read at once.
    let long = "n".repeat(5000);
    let order = format!(r#"{{"id":7,"note":"{long}","side":"Buy"}}"#);
    assert_eq!(all.returns("keep", &format!(r#"{{"order": {order}, "prices": []}}"#)), order);
}

#[test]
fn storage_of_another_layout_is_an_error_that_names_the_field() {
    let mut all = fixture();
    // The slot of a root's field, as docs of `subvm_sdk::storage` say.
    let slot = |name: &str| *blake3::hash(&[&[0; 33][..], name.as_bytes()].concat()).as_bytes();
    for (field, page, why) in [
        ("last", &b"\x01\x09"[..], None),
        ("last", b"\x01\x07", Some("storage, last: malformed: reserved_type")),
        ("last", b"\x80\x00", Some("storage, last: malformed: uleb_not_shortest")),
        ("last", b"\xff\xff\xff\x7f", Some("storage, last: malformed: length_exceeds_input")),
    ] {
        all.chain.write(all.workshop, slot(field), 0, page);
        let last = all.chain.view(all.workshop, "last", Map::new());
        match why {
            None => assert_eq!(last.returned(), Value::from(1)),
            Some(why) => assert_eq!(last.failed(), why),
        }
    }
    all.chain.write(all.workshop, slot("pairs"), 0, &[0xff; 4]);
    assert_eq!(all.fails("pairs", "{}"), "storage, pairs: malformed: length");
    all.chain.write(all.workshop, slot("paid"), 0, b"\x01\x10");
    let balances = format!(r#"{{"of": addr#{}}}"#, all.alice);
    assert_eq!(all.fails("balances", &balances), "storage, paid: expected an integer of type u256");
}

#[test]
fn money_comes_with_what_takes_it() {
    let mut all = fixture();
    let balances = format!(r#"{{"of": addr#{}}}"#, all.alice);
    assert_eq!(all.returns("balances", &balances), "[40,40,960]");
    let sent = all.chain.send(all.alice, all.workshop, 2, &Value::from(Map::new()));
    sent.returned();
    assert_eq!(all.returns("last", "{}"), "{}");
    all.chain.pay(all.alice, all.workshop, 1, "nobody knows", map(r#"{"a": [1, b#ff]}"#)).returned();
    assert_eq!(all.returns("last", "{}"), r#"{"a":[1,b#ff],"method":"nobody knows"}"#);
    assert_eq!(all.chain.balance(all.workshop), 43);

    let refund = |value: u64| format!(r#"{{"to": addr#{}, "value": {value}}}"#, all.alice);
    let [too_much, some] = [refund(44), refund(43)];
    assert_eq!(all.fails("refund", &too_much), "PostMessage was refused: inbalance");
    all.call("refund", &some).returned();
    assert_eq!((all.chain.balance(all.workshop), all.chain.balance(all.alice)), (0, 957), "on its way");
    all.chain.finalize();
    assert_eq!(all.chain.balance(all.alice), 1000);
}

#[test]
fn a_view_changes_nothing_whatever_it_tries() {
    let mut all = fixture();
    for (how, why) in [
        ("write", "a view cannot write storage"),
        ("send", "a view cannot send a message"),
        ("box", "a view cannot run a sandbox that may change something"),
    ] {
        assert_eq!(all.fails("sly", &format!(r#"{{"how": "{how}"}}"#)), why);
    }
}

#[test]
fn a_sandbox_fails_alone() {
    let mut all = fixture();
    assert_eq!(all.returns("boxed", r#"{"n": 8}"#), "4");
    assert_eq!(all.fails("boxed", r#"{"n": 7}"#), "as the sandbox says, an odd number has no half");
    assert_eq!(all.fails("endless", "{}"), "the sub-VM failed: out_of gas time");
}

#[test]
fn blocks_are_checked_as_they_say() {
    let mut all = fixture();
    all.chain.validators = 3;
    let far = Answer::page(200, "1020");
    all.chain.world(
        web("*/far").text("1000").to(Node::Validator(0), far.clone()).to(Node::Leader, Answer::page(200, "1001")),
    );
    all.chain.world(web("*/near").text("1000").to(Node::Validator(0), Answer::page(200, "1009")));
    assert_eq!(all.returns("near", r#"{"url": "https://x.test/near"}"#), "1000");
    let asked = all.chain.call(all.alice, all.workshop, "near", map(r#"{"url": "https://x.test/far"}"#));
    assert_eq!(asked.returned(), 1001.into());
    assert!(asked.accepted && asked.votes[0].to_string() == "disagree at nondet, call 0", "{:?}", asked.votes);

    all.chain
        .world(model("Who is*").answers(Answer::Ok("Eve".into())).to(Node::Validator(1), Answer::Ok("Eve N.".into())));
    all.chain.world(model("they name one person").answers(Answer::Ok(true.into())));
    assert_eq!(all.returns("same", r#"{"who": "it"}"#), r#""Eve""#);
    all.chain.world(model("they name one person").answers(Answer::Ok(false.into())));
    let asked = all.chain.call(all.alice, all.workshop, "same", map(r#"{"who": "it"}"#));
    assert!(asked.accepted && asked.votes[1] != Vote::Agree);

    all.chain.world(model("Sum up:*").answers(Answer::Ok("Short.".into())));
    all.chain.world(model("sum it up").answers(Answer::Ok(true.into())));
    assert_eq!(all.returns("summary", r#"{"text": "Long."}"#), r#""Short.""#);

    assert_eq!(all.returns("checked", r#"{"list": [3, 1, 2]}"#), "[1,2,3]");
    all.chain.tamper(|results| results[0] = [vec![0], Value::array([3, 1]).encode().unwrap()].concat());
    assert!(!all.chain.call(all.alice, all.workshop, "checked", map(r#"{"list": [3, 1]}"#)).accepted);
    all.chain.honest();

    let verdict = |text: &str| Answer::Ok(text.parse().unwrap());
    all.chain.world(model("Which order?").answers(verdict(r#"{"id": 1, "note": null, "side": "Buy"}"#)));
    assert_eq!(all.returns("verdict", "{}"), r#"{"id":1,"note":null,"side":"Buy"}"#);
    all.chain.world(model("Which order?").answers(verdict(r#"{"id": 1, "side": "Buy"}"#)));
    assert_eq!(all.fails("verdict", "{}"), "calldata, note: a field is missing");
}

#[test]
fn contracts_call_each_other() {
    let mut all = fixture();
    let token = all.chain.deploy_as(all.workshop, &module("token"), map(r#"{"supply": 100}"#));
    let at = format!(r#"{{"token": addr#{token}}}"#);
    assert_eq!(all.returns("tokens", &at), "100");
    // An interface that the callee does not have.
    assert_eq!(all.fails("burned", &at), "calldata, burn: there is no such method");
    assert_eq!(
        all.fails("tokens", &format!(r#"{{"token": addr#{}}}"#, all.alice)),
        "the sub-VM failed: invalid_contract package"
    );

    let alice = all.alice;
    let give = |amount: u32| format!(r#"{{"token": addr#{token}, "to": addr#{alice}, "amount": {amount}}}"#);
    let given = all.call("give", &give(30));
    assert_eq!(given.delivered.len(), 1);
    assert_eq!(given.delivered[0].returned(), Value::Null);
    let refused = all.call("give", &give(71));
    assert_eq!(refused.delivered[0].failed(), "the balance is too small");
    assert_eq!(all.returns("tokens", &at), "70");
}

#[test]
fn time_and_randomness_are_the_chains() {
    let mut all = fixture();
    all.chain.pass(Duration::from_secs(3600));
    let now = all.chain.now();
    let instant = all.call("instant", "{}").returned();
    let parts = instant.as_array().unwrap();
    assert_eq!((&parts[0], &parts[1]), (&now.into(), &subvm_core::datetime(now).into()));
    assert_eq!(parts[2].as_bytes().unwrap().len(), 4);
}

/// Contracts tell a schema, in the order of their names.
#[test]
fn a_module_tells_its_schema() {
    let schema = |name| subvm_host_std::lower::schema(&module(name)).unwrap();
    assert_eq!(
        schema("oracle").to_string(),
        concat!(
            r#"{"contract":"Oracle","events":{"Answered":{"fields":{"answer":"string"},"topics":[]}},"fallback":null,"init":null,"methods":{"#,
            r#""ask":{"arguments":{"url":"string"},"payable":false,"returns":{"struct":{"answer":"string","count":"u64"}},"view":false},"#,
            r#""get":{"arguments":{},"payable":false,"returns":{"struct":{"answer":"string","count":"u64"}},"view":true}}}"#
        )
    );
    let workshop = schema("workshop");
    let order = &workshop["methods"]["keep"]["arguments"]["order"];
    assert_eq!(
        order.to_string(),
        r#"{"struct":{"id":"u32","note":{"option":"string"},"side":{"enum":{"Buy":"null","Limit":{"struct":{"price":"u64"}}}}}}"#
    );
    assert_eq!(
        workshop["methods"]["pairs"]["returns"].to_string(),
        r#"{"tuple":["u32",{"option":{"tuple":["u16","address"]}},"u32"]}"#
    );
    assert_eq!(workshop["fallback"]["arguments"].to_string(), r#"{"call":"any"}"#);
}

/// What no honest message is: each an error, or a method's own answer, and never a trap.
#[test]
fn broken_calldata_is_refused() {
    let mut all = fixture();
    for (bytes, why) in [
        (&b"\x07"[..], "calldata: expected a map"),
        (b"\x0e\x06method", "calldata, method: malformed: unexpected_end"),
        (b"\x0e\x06method\x1cget\x00", "calldata: malformed: trailing_bytes"),
        (b"\x16\x06method\x34boxed.\x01a\x09", "calldata: malformed: key_order"),
        (&[&b"\x16\x01a"[..], &[0x0d; 200], b"\x00\x06method\x1cget"].concat(), "calldata: malformed: too_deep"),
    ] {
        let sent = all.chain.send_bytes(all.alice, all.workshop, 0, bytes);
        assert_eq!(sent.failed(), why, "{bytes:02x?}");
    }
}
