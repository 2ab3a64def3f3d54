//! Leader, validator, sync: one receipt, and votes on what is none.

use proptest::prelude::*;
use subvm_core::host::Node;

use super::support::*;

#[test]
fn leader_validator_and_sync_come_to_one_receipt() {
    let world = World::new(asking);
    let leader = world.lead();
    assert_eq!(leader.receipt.nondet, [returned(bytes(b"7"))]);
    let results = leader.receipt.nondet.clone();
    for role in [Role::Validator { results: results.clone() }, Role::Sync { results }] {
        let report = world.run(role);
        assert_eq!(report.receipt.digest(), leader.receipt.digest());
        assert_eq!(report.vote(&leader.receipt), Vote::Agree);
    }
}

#[test]
fn a_changed_result_flips_the_vote_and_names_the_call() {
    let world = World::new(asking);
    let mut leader = world.lead().receipt;
    *leader.nondet[0].last_mut().unwrap() ^= 1;
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert_eq!(report.outcome, Outcome::VmError(VmError::ValidatorDisagrees { call: 0 }));
    assert_eq!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(0) }));
    assert!(report.receipt.storage.is_empty());
    assert_eq!(report.diagnostics, ["block 0: the leader's result is b#36; the contract's check of it came to false"]);
}

/// A leader that foresees what an honest validator will come to must not win its vote with that.
#[test]
fn a_receipt_that_foresees_the_disagreement_is_disagreed_with() {
    let world = World::new(asking);
    for results in [vec![b"\x00\x09".to_vec()], Vec::new()] {
        let validator = world.run(Role::Validator { results: results.clone() });
        let foreseen = validator.receipt.clone();
        assert_eq!(foreseen.nondet, results);
        assert_eq!(validator.vote(&foreseen), Vote::Disagree(Difference { field: "nondet", call: Some(0) }));
    }
}

/// What a leader posts in place of an outcome that is too large is what a validator would have posted.
#[test]
fn both_come_to_the_same_of_an_answer_that_is_too_large() {
    let world = World::new(|machine| match part(machine)? {
        (0, ..) => {
            let request = map([("data", bytes(b"")), ("strategy", "StrictEq".into())]);
            let answer = machine.request("RunNondetWith", request)?.unwrap();
            machine.end_with("Return", bytes(&answer))
        }
        _ => machine.end_with("Return", bytes(&[7; 200])),
    })
    .with_params(|params| params.limits.nondet_result = 100);
    let leader = world.lead().receipt;
    assert_eq!(leader.nondet, [b"\x02out_of memory"]);
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert_eq!(report.vote(&leader), Vote::Agree);
}

#[test]
fn a_leader_without_a_well_formed_result_is_disagreed_with() {
    let world = World::new(asking).with_params(|params| params.limits.nondet_result = 100);
    let leader = world.lead().receipt;
    let bad: [&[u8]; 8] =
        [b"", b"\x03", b"\x00", b"\x00\xff", b"\x01\xff", b"\x02frobnicated", b"\x02exit_code 0", &[1; 101]];
    for results in bad.iter().map(|bad| vec![bad.to_vec()]).chain([Vec::new()]) {
        for role in [Role::Validator { results: results.clone() }, Role::Sync { results: results.clone() }] {
            let report = world.run(role);
            assert_eq!(report.outcome, Outcome::VmError(VmError::AbsentLeaderNondetOutput), "{results:?}");
            assert!(matches!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(0) })));
        }
    }
}

#[test]
fn surplus_results_do_not_stop_the_run_but_cost_the_vote() {
    let world = World::new(asking);
    let mut leader = world.lead().receipt;
    leader.nondet.push(vec![0, 0]);
    let report = world.run(Role::Validator { results: leader.nondet.clone() });
    assert!(matches!(report.outcome, Outcome::Return(_)));
    assert_eq!(report.vote(&leader), Vote::Disagree(Difference { field: "nondet", call: Some(1) }));
}

#[test]
fn other_parameters_are_a_timeout() {
    let leader = World::new(asking).lead().receipt;
    let report = World::new(asking).with_params(|params| params.limits.gas_data -= 1).lead();
    assert!(matches!(report.vote(&leader), Vote::Timeout(why) if why.contains("params")));
}

#[test]
fn whoever_watches_changes_nothing() {
    let world = World::new(asking);
    let unwatched = world.lead().receipt.digest();
    let trace = subvm_host_mock::trace::Trace::with_costs();
    let node = Node { observer: Some(Box::new(trace.clone())), ..world.host.node() };
    let watched = world.run_on(node, Role::Leader).1.unwrap();
    assert_eq!(watched.receipt.digest(), unwatched);
    assert!(trace.lines().iter().any(|line| line.starts_with("==> gl_call(")), "{:?}", trace.lines());
}

/// The stand-in for a result that is too large must itself be one that validators take.
#[test]
fn parameters_that_leave_no_room_for_a_failure_are_refused() {
    for (limit, allowed) in [(13, false), (14, true)] {
        let world = World::new(asking).with_params(|params| params.limits.nondet_result = limit);
        let result = world.run_on(world.host.node(), Role::Leader).1;
        assert_eq!(result.is_ok(), allowed, "{result:?}");
        assert!(result.is_ok_and(|report| report.receipt.nondet[0].len() <= 14) || !allowed);
    }
}

/// What makes bytes a result, told again.
fn is_result(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        Some((0, value)) => Value::decode(value).is_ok(),
        Some((1, text)) => std::str::from_utf8(text).is_ok(),
        Some((2, text)) => std::str::from_utf8(text).is_ok_and(|text| text.parse::<VmError>().is_ok()),
        _ => false,
    }
}

/// Bytes that are results, and such as nearly are.
fn posted() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: &[&str] =
        &["out_of memory", "exit_code 1", "exit_code 01", "wasm_trap unreachable", "validator_disagrees call 0"];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (0..4_u8, proptest::collection::vec(any::<u8>(), 0..10)).prop_map(|(code, rest)| [vec![code], rest].concat()),
        (0..4_u8, any::<i64>()).prop_map(|(code, int)| [vec![code], Value::from(int).encode().unwrap()].concat()),
        (0..4_u8, any::<String>()).prop_map(|(code, text)| [vec![code], text.into_bytes()].concat()),
        (0..4_u8, proptest::sample::select(TEXTS)).prop_map(|(code, text)| [vec![code], text.into()].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a leader posts, a node that catches up takes it or not, a validator says so, and neither comes to harm.
    #[test]
    fn whatever_is_posted_is_a_verdict(results in proptest::collection::vec(posted(), 0..3)) {
        let world = World::new(asking);
        let first = results.first().filter(|result| is_result(result));
        let sync = world.run(Role::Sync { results: results.clone() });
        let expected = match first {
            Some(result) => Outcome::Return(bytes(result).encode().unwrap()),
            None => Outcome::VmError(VmError::AbsentLeaderNondetOutput),
        };
        prop_assert_eq!(sync.outcome, expected.clone());
        let validator = world.run(Role::Validator { results: results.clone() });
        let agrees = first.is_some_and(|result| *result == returned(bytes(b"7")));
        let disagrees = Outcome::VmError(VmError::ValidatorDisagrees { call: 0 });
        let found = validator.outcome.clone();
        prop_assert_eq!(found, if agrees || first.is_none() { expected } else { disagrees });
        let leader = world.lead().receipt;
        let claimed = subvm_core::Receipt { nondet: results.clone(), ..leader.clone() };
        prop_assert_eq!(validator.vote(&claimed) == Vote::Agree, agrees && results.len() == 1);
    }
}
