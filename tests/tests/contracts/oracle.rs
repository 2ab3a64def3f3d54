//! The oracle: `tests/guests/contracts/oracle`, beside the one that is written by hand.

use subvm_core::costs::instructions::{Class, Schedule};
use subvm_testing::{Address, Answer, Chain, Map, Node, Transaction, Vote, web};

use crate::{ROOT, golden, module};

const URL: &str = "https://prices.test/btc";

fn fixture(module: &[u8]) -> (Chain, Address, Address) {
    let mut chain = Chain::new();
    chain.validators = 3;
    chain.world(web("https://prices.test/*").text("101.25\n"));
    let (alice, oracle) = (chain.account("alice", 0), chain.install(module));
    (chain, alice, oracle)
}

fn ask((chain, alice, oracle): &mut (Chain, Address, Address)) -> Transaction {
    chain.call(*alice, *oracle, "ask", Map::from([("url", URL)]))
}

#[test]
fn an_answer_is_kept_once_the_nodes_agree() {
    let mut all = fixture(&module("oracle"));
    all.2 = all.0.deploy(&module("oracle"), Map::new());
    let mut golden = golden("oracle");
    let asked = ask(&mut all);
    assert_eq!(asked.returned().to_string(), r#"{"answer":"101.25","count":1}"#);
    assert_eq!(asked.votes, [const { Vote::Agree }; 3]);
    assert_eq!(asked.events()[0]["blob"].to_string(), r#"{"answer":"101.25"}"#);
    golden.note("ask", &asked);
    golden.note("ask again", &ask(&mut all));
    let kept = all.0.view(all.2, "get", Map::new());
    assert_eq!(kept.returned().to_string(), r#"{"answer":"101.25","count":2}"#);
    golden.note("get", &kept);
    golden.check();
}

#[test]
fn nodes_that_see_something_else_say_so() {
    let mut all = fixture(&module("oracle"));
    let other = Answer::page(200, "99");
    all.0.world(web("*").text("101.25").to(Node::Validator(1), other.clone()).to(Node::Validator(2), Answer::Down));
    let asked = ask(&mut all);
    assert_eq!(asked.votes[0], Vote::Agree);
    assert_eq!(asked.votes[1].to_string(), "disagree at nondet, call 0");
    assert!(matches!(asked.votes[2], Vote::Timeout(_)));
    assert!(!asked.accepted, "two of four");
    assert_eq!(asked.disagreements, [r#"validator 1: block 0: the leader's result is "101.25"; this node's is "99""#]);

    all.0.world(web("*").text("101.25").to(Node::Leader, other));
    let lied = ask(&mut all);
    assert!(!lied.accepted && lied.votes.iter().all(|vote| vote.to_string() == "disagree at nondet, call 0"));
    assert_eq!(all.0.view(all.2, "get", Map::new()).returned().to_string(), r#"{"answer":"","count":0}"#);
}

#[test]
fn failures_are_agreed_on_too() {
    let mut all = fixture(&module("oracle"));
    for (answer, why) in [
        (Answer::page(404, ""), "the page is not there"),
        (Answer::page(200, [0xff]), "calldata, body: expected text"),
        (Answer::Error("timeout"), "the module failed: timeout"),
    ] {
        all.0.world(web("*").answers(answer));
        let asked = ask(&mut all);
        assert_eq!(asked.failed(), why);
        assert!(asked.accepted, "{:?}", asked.votes);
    }
}

#[test]
fn a_leader_that_changes_a_byte_is_found_out() {
    let mut all = fixture(&module("oracle"));
    all.0.tamper(|results| *results[0].last_mut().unwrap() ^= 1);
    assert!(!ask(&mut all).accepted);
    all.0.honest();
    assert!(ask(&mut all).accepted);
}

/// Pages of memory that a module declares, which are paid for when it starts: those of the contract by hand are the linker's usual ones.
fn pages(module: &[u8]) -> u64 {
    let memory = wasmparser::Parser::new(0).parse_all(module).find_map(|payload| match payload.unwrap() {
        wasmparser::Payload::MemorySection(memories) => memories.into_iter().next(),
        _ => None,
    });
    memory.unwrap().unwrap().initial
}

/// The bars of docs/benchmarks.md#contracts-with-the-sdk: 1.15 times the ticks, but for declared pages, and 30 KB.
#[test]
fn it_costs_no_more_than_one_by_hand() {
    let by_hand = std::fs::read(format!("{ROOT}/host-std/examples/oracle/oracle.wasm")).unwrap();
    let with_sdk = module("oracle");
    let [hand, sdk] = [&by_hand, &with_sdk].map(|module| {
        let mut all = fixture(module);
        [ask(&mut all), ask(&mut all), all.0.view(all.2, "get", Map::new())].map(|transaction| {
            transaction.returned();
            transaction.gas().time - pages(module) * Schedule::V1.ticks(Class::GrowPage)
        })
    });
    println!("pages: {} by hand, {} with the SDK", pages(&by_hand), pages(&with_sdk));
    println!("ask, ask again, get: {hand:?} by hand, {sdk:?} with the SDK");
    for (hand, sdk) in hand.into_iter().zip(sdk) {
        assert!(sdk * 100 <= hand * 115, "{sdk} ticks with the SDK, {hand} by hand");
    }
    assert!(with_sdk.len() <= 30 * 1024 && module("token").len() <= 30 * 1024);
}
