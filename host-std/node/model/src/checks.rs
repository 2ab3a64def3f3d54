//! Runs the model, and sees that it finds what is wrong.

use stateright::{Checker, Model};
use subvm_chain::Mutant;

use super::model::{ENDS_BY, Votes};

/// One liar of four.
const VOTES: Votes =
    Votes { committee: 4, liars: 0b0001, appeals: 0, weather: true, plant: |_| (), until: ENDS_BY + 1 };

/// Everything holds; says how much was tried.
#[track_caller]
fn holds(votes: Votes) {
    let checker = votes.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} of them different", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
}

/// The property is found broken.
#[track_caller]
fn breaks(votes: Votes, property: &'static str) {
    let checker = votes.checker().threads(2).spawn_bfs().join();
    let path = checker.discovery(property);
    assert!(path.is_some(), "{property}: {:?}", checker.discoveries().keys());
}

#[test]
fn one_liar_of_four_changes_nothing() {
    holds(VOTES);
}

#[test]
fn an_appeal_to_all_puts_right_what_a_liar_decided_alone() {
    holds(Votes { committee: 1, appeals: 2, weather: false, ..VOTES });
}

#[test]
fn three_liars_of_four_have_their_way() {
    breaks(Votes { liars: 0b0111, weather: false, ..VOTES }, "a lie that all have judged is not there");
}

#[test]
fn two_liars_of_four_keep_calls_from_being_accepted_and_no_more() {
    let checker = Votes { liars: 0b0110, weather: false, ..VOTES }.checker().threads(2).spawn_bfs().join();
    let found: Vec<_> = checker.discoveries().into_keys().collect();
    // All of them are what is to be reached, and that is not among them.
    assert!(!found.contains(&"the truth is accepted") && !found.contains(&"a lie that all have judged is not there"));
    assert!(found.contains(&"a result is final"), "{found:?}");
}

#[test]
fn effects_that_come_twice_are_found() {
    breaks(Votes { plant: |chain| chain.plant(Mutant::Twice), weather: false, ..VOTES }, "what is final stays");
}

#[test]
fn money_from_nowhere_is_found() {
    breaks(Votes { plant: |chain| chain.plant(Mutant::Mint), weather: false, ..VOTES }, "money is conserved");
}
