//! Seeds, and that a broken rule is found.

use subvm_sim::{Lie, Mutant, Scenario, Slip, run};

/// As many as continuous integration has time for. The long run is `cargo run --release -p subvm-sim -- --seeds 10000`.
const SEEDS: u64 = 200;

#[test]
fn what_must_hold_holds() {
    let next = std::sync::atomic::AtomicU64::new(0);
    let one = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= SEEDS {
                return;
            }
            let figures = run(&Scenario::of(seed));
            assert_eq!(figures.violations, Vec::<String>::new(), "seed {seed}: {:?}", Scenario::of(seed));
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(one))));
}

/// Appeals that turn results make transactions void, which come again, and votes begin anew.
#[test]
fn what_a_replay_makes_void_may_come_again() {
    for seed in [296, 690, 1794] {
        let figures = run(&Scenario::of(seed));
        assert_eq!(figures.violations, Vec::<String>::new(), "seed {seed}");
    }
}

/// Six validators, of whom one's precommits are refused, and one's precommit is lost: who lost it goes on to the next round, and the other four
/// miss one vote. Malachite's certificate of a round does not bring it; what is said again does.
#[test]
fn a_precommit_that_is_lost_is_said_again() {
    let figures = run(&Scenario::of(1465));
    assert_eq!(figures.violations, Vec::<String>::new());
    let once = run(&Scenario { slip: Some(Slip::Once), ..Scenario::of(1465) });
    assert!(once.violations.first().is_some_and(|what| what.starts_with("progress")), "{:?}", once.violations);
}

/// A liar crashes, votes otherwise when it replays what it did, and its consensus ends; the chain does not.
#[test]
fn a_liar_that_contradicts_its_own_log_stops_nobody() {
    let figures = run(&Scenario::of(3061));
    assert_eq!(figures.violations, Vec::<String>::new());
}

/// Who signs under others' names, and makes up certificates, changes nothing; but where nobody looks at signatures.
#[test]
fn nobody_speaks_under_anothers_name() {
    let forger = |seed| {
        let liars = [(1, vec![Lie::Forge])].into();
        Scenario { liars, validators: 4, heights: 6, txs: 4, stable: 500_000, ..Scenario::of(seed) }
    };
    for seed in 0..4 {
        assert_eq!(run(&forger(seed)).violations, Vec::<String>::new(), "seed {seed}");
    }
    let trusting = run(&Scenario { slip: Some(Slip::Trusting), ..forger(0) });
    assert!(!trusting.violations.is_empty(), "nobody looks at signatures, and nothing shows");
}

#[test]
fn a_seed_is_a_run_to_the_byte() {
    for seed in [1, 2, 3] {
        let [one, other] = [(); 2].map(|()| run(&Scenario::of(seed)));
        assert_eq!((one.digest, one.events), (other.digest, other.events));
    }
    assert_ne!(run(&Scenario::of(1)).digest, run(&Scenario::of(2)).digest);
}

/// The first of some seeds at which a broken rule shows, and as what.
fn found(mutant: Mutant, only: Option<u16>, lie: Option<Lie>) -> Option<(u64, String)> {
    (0..60).find_map(|seed| {
        let mut scenario = Scenario { mutant: Some((mutant, only)), ..Scenario::of(seed) };
        if let Some(lie) = lie {
            scenario.liars = [(1, vec![lie])].into();
        }
        let figures = run(&scenario);
        Some((seed, figures.violations.into_iter().next()?))
    })
}

#[track_caller]
fn is_found(mutant: Mutant, only: Option<u16>, lie: Option<Lie>, as_what: &str) {
    let (seed, what) = found(mutant, only, lie).expect("a broken rule shows");
    assert!(what.starts_with(as_what), "seed {seed}: {what}");
}

#[test]
fn half_of_the_ballots_are_found_out() {
    is_found(Mutant::Half, None, None, "validity");
}

#[test]
fn counting_those_who_came_is_found_out() {
    is_found(Mutant::OfThoseWhoCame, None, None, "validity");
}

#[test]
fn one_who_counts_otherwise_is_found_out() {
    is_found(Mutant::OfThoseWhoCame, Some(0), None, "");
}

#[test]
fn a_transaction_that_comes_twice_is_found_out() {
    is_found(Mutant::Replay, None, Some(Lie::Replay), "twice");
}

#[test]
fn money_out_of_nothing_is_found_out() {
    is_found(Mutant::Mint, None, None, "money");
}

#[test]
fn effects_that_come_twice_are_found_out() {
    is_found(Mutant::Twice, None, None, "");
}

#[test]
fn a_block_without_a_quorum_is_found_out() {
    is_found(Mutant::AnyQuorum, None, Some(Lie::Few), "validity");
}

#[test]
fn a_state_of_ones_own_is_found_out() {
    is_found(Mutant::Drift, Some(0), None, "agreement");
}
