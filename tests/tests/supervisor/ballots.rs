//! Proposals and ballots: what a validator is sent, and a vote that is of no use to another.

use proptest::prelude::*;
use subvm_core::{Ballot, Commitment, Proposal, ProposalError, Receipt};

use super::support::*;

/// A receipt differs by what a proposal does not show: whoever has only seen that has no digest to put on a ballot.
#[test]
fn a_proposal_shows_the_results_and_nothing_else() {
    let leader = World::new(asking).lead().receipt;
    let failed = Receipt { result: b"\x02exit_code 1".to_vec(), storage: Vec::new(), ..leader.clone() };
    assert_ne!(failed.digest(), leader.digest());
    assert_eq!(failed.proposal().to_bytes(), leader.proposal().to_bytes());
}

#[test]
fn ballots_are_cast_without_the_leaders_receipt() {
    let world = World::new(asking);
    let leader = world.lead().receipt;
    let proposal = leader.proposal();
    let report = world.run(proposal.validator());
    let honest = report.ballot(&proposal);
    assert!(honest.agrees(&leader.digest()));

    let mut changed = proposal.clone();
    *changed.nondet[0].last_mut().unwrap() ^= 1;
    let refusing = world.run(changed.validator());
    let receipt = refusing.receipt.digest();
    assert_eq!(refusing.ballot(&changed), Ballot::Reject { receipt, call: Some(0) });
    // The leader foresees what comes of its lie, and shows that receipt afterwards: it is not agreed with.
    assert!(!refusing.ballot(&changed).agrees(&receipt));

    let mut surplus = proposal.clone();
    surplus.nondet.push(b"\x00\x00".to_vec());
    let ballot = world.run(surplus.validator()).ballot(&surplus);
    assert_eq!(ballot, Ballot::Reject { receipt: leader.digest(), call: Some(1) });
    let other = Proposal { message: [9; 32], ..proposal.clone() };
    assert_eq!(report.ballot(&other), Ballot::Reject { receipt: leader.digest(), call: None });
    assert_eq!(report.ballot(&Proposal { params: [9; 32], ..proposal }), Ballot::Timeout);
}

#[test]
fn a_commitment_opens_for_its_owner_its_proposal_and_its_ballot_alone() {
    let ballot = Ballot::Accept { receipt: [1; 32] };
    let commitment = ballot.commit(&[2; 32], b"key", &[3; 32]);
    assert!(commitment.opens(&ballot, &[2; 32], b"key", &[3; 32]));
    for (ballot, proposal, key, salt) in [
        (Ballot::Timeout, [2; 32], "key", [3; 32]),
        (Ballot::Accept { receipt: [0; 32] }, [2; 32], "key", [3; 32]),
        (Ballot::Reject { receipt: [1; 32], call: None }, [2; 32], "key", [3; 32]),
        (ballot, [0; 32], "key", [3; 32]),
        (ballot, [2; 32], "ke", [3; 32]),
        (ballot, [2; 32], "key ", [3; 32]),
        (ballot, [2; 32], "key", [0; 32]),
    ] {
        assert!(!commitment.opens(&ballot, &proposal, key.as_bytes(), &salt));
    }
}

/// Other implementations hash the same bytes: nodes pin this.
#[test]
fn the_layout_is_what_the_specification_says() {
    let (proposal, salt, voter) = ([2; 32], [3; 32], b"key");
    let mut hasher = blake3::Hasher::new_derive_key("subvm 2026-11-29 commitment to a ballot, version 1");
    hasher.update(&proposal).update(&salt).update(&3_u64.to_le_bytes()).update(voter);
    hasher.update(&[&[1, 1, 7, 0, 0, 0][..], &[1; 32]].concat());
    let ballot = Ballot::Reject { receipt: [1; 32], call: Some(7) };
    assert_eq!(ballot.commit(&proposal, voter, &salt), Commitment(*hasher.finalize().as_bytes()));
    assert_eq!(ballot.to_string(), "reject call 7");
}

#[test]
fn what_is_no_proposal_says_why() {
    let good = Proposal { params: [1; 32], message: [2; 32], nondet: vec![vec![0, 0]] };
    let value = Value::decode(&good.to_bytes()).unwrap();
    for field in ["params", "message", "nondet", "version"] {
        let mut map = value.as_map().unwrap().clone();
        map.insert(field, Value::Null);
        let error = Proposal::from_bytes(&Value::Map(map).encode().unwrap()).unwrap_err();
        assert_eq!(error, ProposalError::Field(field));
        assert_eq!(error.to_string(), format!("not a proposal of version 1: {field} is missing or malformed"));
    }
    assert!(matches!(Proposal::from_bytes(b""), Err(ProposalError::Calldata(_))));
}

proptest! {
    #[test]
    fn a_ballot_has_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..40), code in 0_u8..4) {
        let bytes: Vec<u8> = [code].into_iter().chain(bytes).collect();
        if let Some(ballot) = Ballot::from_bytes(&bytes) {
            prop_assert_eq!(ballot.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_ballot_is_read_as_it_was_written(receipt: [u8; 32], call: Option<u32>) {
        for ballot in [Ballot::Accept { receipt }, Ballot::Reject { receipt, call }, Ballot::Timeout] {
            prop_assert_eq!(Ballot::from_bytes(&ballot.to_bytes()), Some(ballot));
        }
    }

    #[test]
    fn a_proposal_has_one_spelling(params: [u8; 32], message: [u8; 32], nondet: Vec<Vec<u8>>, at: usize, bit in 0_u8..8) {
        let proposal = Proposal { params, message, nondet };
        let mut bytes = proposal.to_bytes();
        prop_assert_eq!(Proposal::from_bytes(&bytes), Ok(proposal.clone()));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Proposal::from_bytes(&bytes) {
            prop_assert_eq!(other.to_bytes(), bytes);
            prop_assert_ne!(other, proposal);
        }
    }
}
