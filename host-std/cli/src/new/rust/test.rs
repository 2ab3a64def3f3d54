//! Runs the contract on the real engine: a leader, two validators, their votes.

use subvm_testing::{Chain, Map, Vote};

#[test]
fn it_counts() {
    let mut chain = Chain::new();
    let alice = chain.account("alice", 0);
    let counter = chain.deploy_source("contract", Map::from([("start", 2)]));
    let added = chain.call(alice, counter, "add", Map::from([("n", 5)]));
    assert_eq!(added.returned(), 7.into());
    assert_eq!(added.votes, [Vote::Agree, Vote::Agree]);
    assert_eq!(chain.view(counter, "count", Map::new()).returned(), 7.into());
}
