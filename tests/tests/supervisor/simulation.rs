//! One leader and many validators, of which some lie, stall, run out of memory or crash: the votes that must come out.
//!
//! The contract asks three blocks, each under its own comparison, and returns what they said. What each vote must be is worked out from
//! what was done to whom, by [`expected`], which knows nothing of receipts but the order of their fields.

use std::time::Duration;

use proptest::prelude::*;
use subvm_core::host::{HostError, Modules, Node, Progress, RequestId};
use subvm_core::{Ballot, InternalErrorKind, Receipt, vote};

use super::support::*;

/// What the blocks come to on an honest node.
const ANSWERS: [i64; 3] = [7, 1000, 42];
/// What validators of the second block tolerate.
const TOLERANCE: i64 = 5;
/// Bytes of RAM of each mode.
const RAM: u64 = 1 << 20;
/// Bytes of a result.
const RESULT: u64 = 1000;
const DEADLINE: Duration = Duration::from_secs(5);

/// What a node's surroundings do to its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Honest,
    /// The site that block `block` asks tells this node `by` more.
    Misled { block: usize, by: i64 },
    /// Block `block` needs more memory than there is.
    OutOfMemory { block: usize },
    /// The site never answers, until the deadline is over.
    Stalls { block: usize },
    /// A part of the node fails.
    Fails { block: usize },
    /// A part of the node panics.
    Panics { block: usize },
}

/// What a leader does to its receipt before it shows it.
#[derive(Clone, Debug)]
enum Lie {
    None,
    /// Another value for a result.
    Changes(usize, i64),
    Drops(usize),
    Doubles(usize),
    Adds(i64),
    /// Bytes that are no result.
    Breaks(usize),
    Oversizes(usize),
    /// What followed from the run.
    Storage,
    Gas,
    Result,
    Message,
}

fn fates() -> impl Strategy<Value = Fate> {
    let block = 0..ANSWERS.len();
    prop_oneof![
        3 => Just(Fate::Honest),
        3 => (block.clone(), -8_i64..=8).prop_map(|(block, by)| Fate::Misled { block, by }),
        1 => block.clone().prop_map(|block| Fate::OutOfMemory { block }),
        1 => block.clone().prop_map(|block| Fate::Stalls { block }),
        1 => block.clone().prop_map(|block| Fate::Fails { block }),
        1 => block.prop_map(|block| Fate::Panics { block }),
    ]
}

fn lies() -> impl Strategy<Value = Lie> {
    let block = 0..ANSWERS.len();
    prop_oneof![
        4 => Just(Lie::None),
        2 => (block.clone(), -8_i64..=8).prop_map(|(block, by)| Lie::Changes(block, by)),
        1 => block.clone().prop_map(Lie::Drops),
        1 => block.clone().prop_map(Lie::Doubles),
        1 => (0_i64..9).prop_map(Lie::Adds),
        1 => block.clone().prop_map(Lie::Breaks),
        1 => block.prop_map(Lie::Oversizes),
        1 => prop_oneof![Just(Lie::Storage), Just(Lie::Gas), Just(Lie::Result), Just(Lie::Message)],
    ]
}

/// The contract. What happens to a node reaches it through its modules alone.
fn world() -> World {
    World::new(|machine| {
        let (kind, data, leaders) = part(machine)?;
        if kind == 2 {
            // Each block asks the node's own module, as a page's fetch would.
            let page = machine.request("WebRender", page(data[0]))?.unwrap();
            let own = Value::decode(&page).unwrap()["ok"].clone();
            if own == Value::Null {
                assert!(!machine.grow(RAM), "the sub-VM itself takes some");
                return Err(Resource::Memory.into());
            }
            return match leaders {
                None => machine.end_with("Return", own),
                Some(leaders) => machine.end_with("Return", returned(own) == leaders),
            };
        }
        let numeric = map([("Numeric", map([("abs", TOLERANCE.into()), ("rel_ppm", 0.into())]))]);
        let blocks = [
            ("RunNondet", block(&[0])),
            ("RunNondetWith", map([("data", bytes(&[1])), ("strategy", numeric)])),
            ("RunNondetWith", map([("data", bytes(&[2])), ("strategy", "StrictEq".into())])),
        ];
        let mut answers = Vec::new();
        for (at, (name, request)) in blocks.into_iter().enumerate() {
            let answer = machine.request(name, request)?.unwrap();
            machine.storage_write(0, 64 * at as u32, &answer)?;
            answers.push(bytes(&answer));
        }
        machine.end_with("Return", Value::Array(answers.into_iter().collect()))
    })
    .within(DEADLINE)
    .with_params(|params| {
        params.limits.nondet_result = RESULT;
        params.limits.ram = RAM;
    })
}

fn page(block: u8) -> Value {
    map([("mode", "text".into()), ("url", block.to_string().into()), ("wait_after_loaded", "0ms".into())])
}

/// A node's modules: the site of each block, asked in order.
struct Sites {
    host: MemoryHost,
    fate: Fate,
    asked: usize,
}

impl Modules for Sites {
    fn start(&mut self, _: &[u8]) -> std::result::Result<RequestId, HostError> {
        self.asked += 1;
        Ok(RequestId(self.asked as u64 - 1))
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> std::result::Result<Progress, HostError> {
        let asked = id.0 as usize;
        let answer = match self.fate {
            Fate::Misled { block, by } if block == asked => Value::from(ANSWERS[asked] + by),
            Fate::OutOfMemory { block } if block == asked => Value::Null,
            Fate::Stalls { block } if block == asked => {
                self.host.pass(at_most);
                return Ok(Progress::Pending);
            }
            Fate::Fails { block } if block == asked => return Err("the network is down".into()),
            Fate::Panics { block } if block == asked => panic!("a bug of the node"),
            _ => Value::from(ANSWERS[asked]),
        };
        Ok(Progress::Ready(map([("ok", answer)]).encode()?))
    }

    fn cancel(&mut self, _: RequestId) {}
}

/// Runs the contract on a node of its own.
fn run(fate: Fate, role: Role) -> std::result::Result<Report, InternalErrorKind> {
    let world = world();
    let modules = Sites { host: world.host.clone(), fate, asked: 0 };
    let node = Node { modules: Box::new(modules), ..world.host.node() };
    world.run_on(node, role).1.map_err(|error| error.kind())
}

/// What a node's own block comes to, or which internal error.
fn own(fate: Fate, at: usize) -> std::result::Result<Posted, InternalErrorKind> {
    match fate {
        Fate::Misled { block, by } if block == at => Ok(Posted::Number(ANSWERS[at] + by)),
        Fate::OutOfMemory { block } if block == at => Ok(Posted::OutOfMemory),
        Fate::Stalls { block } if block == at => Err(InternalErrorKind::Deadline),
        Fate::Fails { block } if block == at => Err(InternalErrorKind::Module),
        Fate::Panics { block } if block == at => Err(InternalErrorKind::Bug),
        _ => Ok(Posted::Number(ANSWERS[at])),
    }
}

/// A result in a leader's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posted {
    Number(i64),
    OutOfMemory,
    NoResult,
    TooLong,
}

impl Posted {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Number(number) => returned(number),
            Self::OutOfMemory => b"\x02out_of memory".to_vec(),
            Self::NoResult => b"\x00\x80\x00".to_vec(),
            Self::TooLong => returned(bytes(&vec![0; RESULT as usize])),
        }
    }
}

/// Tells the lie: in the results as they are known, and in the receipt.
fn lied(lie: &Lie, honest: &[Posted], receipt: &Receipt) -> (Vec<Posted>, Receipt) {
    let (mut results, mut receipt) = (honest.to_vec(), receipt.clone());
    match *lie {
        Lie::None => {}
        Lie::Changes(at, by) => results[at] = Posted::Number(ANSWERS[at] + by),
        Lie::Drops(at) => drop(results.remove(at)),
        Lie::Doubles(at) => results.insert(at, results[at]),
        Lie::Adds(number) => results.push(Posted::Number(number)),
        Lie::Breaks(at) => results[at] = Posted::NoResult,
        Lie::Oversizes(at) => results[at] = Posted::TooLong,
        Lie::Storage => receipt.storage[0].content[0] ^= 1,
        Lie::Gas => receipt.gas.time += 1,
        Lie::Result => *receipt.result.last_mut().unwrap() ^= 1,
        Lie::Message => receipt.message[0] ^= 1,
    }
    receipt.nondet = results.iter().map(|result| result.bytes()).collect();
    (results, receipt)
}

/// The vote that must come out: nothing is a timeout.
fn expected(lie: &Lie, honest: &[Posted], results: &[Posted], fate: Fate) -> Option<Vote> {
    let differs = |field, call| Some(Vote::Disagree(Difference { field, call }));
    for at in 0..ANSWERS.len() {
        let leaders = results.get(at).copied().unwrap_or(Posted::NoResult);
        if matches!(leaders, Posted::NoResult | Posted::TooLong) {
            return differs("nondet", Some(at as u32));
        }
        let Ok(own) = own(fate, at) else { return None };
        let agrees = match (at, own, leaders) {
            // The contract's own function has no answer without memory.
            (0, Posted::OutOfMemory, _) => false,
            (1, Posted::Number(own), Posted::Number(leaders)) => (own - leaders).abs() <= TOLERANCE,
            _ => own == leaders,
        };
        if !agrees {
            return differs("nondet", Some(at as u32));
        }
    }
    if results.len() > ANSWERS.len() {
        return differs("nondet", Some(ANSWERS.len() as u32));
    }
    match lie {
        Lie::Message => differs("message", None),
        Lie::Result => differs("result", None),
        // What follows from a result that the leader's own contract never saw is not what the leader says.
        _ if results != honest => differs("result", None),
        Lie::Gas => differs("gas", None),
        Lie::Storage => differs("storage", None),
        _ => Some(Vote::Agree),
    }
}

/// One leader and its validators. Gives how many agreed.
fn simulate(leader: Fate, lie: &Lie, validators: &[Fate]) -> usize {
    let honest: std::result::Result<Vec<Posted>, _> = (0..ANSWERS.len()).map(|at| own(leader, at)).collect();
    let (honest, report) = match (honest, run(leader, Role::Leader)) {
        (Ok(honest), Ok(report)) => (honest, report),
        // A leader that cannot finish proposes nothing.
        (Err(expected), Err(kind)) => {
            assert_eq!(kind, expected, "{leader:?}");
            return 0;
        }
        other => panic!("{leader:?} came to {other:?}"),
    };
    assert_eq!(report.vote(&report.receipt), Vote::Agree, "a leader agrees with itself");
    let (results, receipt) = lied(lie, &honest, &report.receipt);
    let vote_of = |fate: Fate| {
        let own = run(fate, Role::Validator { results: receipt.nondet.clone() });
        let cast = match &own {
            Ok(report) => report.vote(&receipt),
            Err(kind) => vote(Err(format!("{kind:?}").into()), &receipt),
        };
        let ballot = own.as_ref().map_or(Ballot::Timeout, |report| report.ballot(&receipt.proposal()));
        assert_eq!(ballot.agrees(&receipt.digest()), cast == Vote::Agree, "{leader:?}, {lie:?}, {fate:?}");
        assert_eq!(ballot == Ballot::Timeout, matches!(cast, Vote::Timeout(_)), "{leader:?}, {lie:?}, {fate:?}");
        let expected = expected(lie, &honest, &results, fate);
        match (&cast, expected) {
            (Vote::Timeout(_), None) => {}
            (cast, Some(expected)) => assert_eq!(*cast, expected, "{leader:?}, {lie:?}, {fate:?}"),
            (cast, None) => panic!("{leader:?}, {lie:?}, {fate:?}: {cast:?} where a timeout must come out"),
        }
        cast
    };
    validators.iter().filter(|fate| vote_of(**fate) == Vote::Agree).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_vote_is_what_was_done_to_whom(
        leader in fates(),
        lie in lies(),
        validators in proptest::collection::vec(fates(), 1..6),
    ) {
        simulate(leader, &lie, &validators);
    }
}

#[test]
fn honest_nodes_agree() {
    assert_eq!(simulate(Fate::Honest, &Lie::None, &[Fate::Honest; 5]), 5);
}

#[test]
fn no_lie_wins_an_honest_vote() {
    let blocks = 0..ANSWERS.len();
    let of_blocks = |lie: fn(usize) -> Lie| blocks.clone().map(lie).collect::<Vec<_>>();
    let lies = [
        of_blocks(|at| Lie::Changes(at, 1)),
        of_blocks(|at| Lie::Changes(at, TOLERANCE + 1)),
        of_blocks(Lie::Drops),
        of_blocks(Lie::Doubles),
        of_blocks(Lie::Breaks),
        of_blocks(Lie::Oversizes),
        vec![Lie::Adds(7), Lie::Storage, Lie::Gas, Lie::Result, Lie::Message],
    ];
    for lie in lies.iter().flatten() {
        assert_eq!(simulate(Fate::Honest, lie, &[Fate::Honest]), 0, "{lie:?}");
    }
}

#[test]
fn a_misled_leader_wins_within_the_tolerance_only() {
    let misled = |block, by| Fate::Misled { block, by };
    for (leader, agreeing) in [
        (misled(1, TOLERANCE), 1),
        (misled(1, TOLERANCE + 1), 0),
        (misled(0, 1), 0),
        (misled(2, 1), 0),
        (Fate::OutOfMemory { block: 2 }, 0),
    ] {
        assert_eq!(simulate(leader, &Lie::None, &[Fate::Honest]), agreeing, "{leader:?}");
    }
}

#[test]
fn faulty_validators_do_not_keep_honest_ones_from_agreeing() {
    let faulty = [
        Fate::Stalls { block: 0 },
        Fate::Honest,
        Fate::Fails { block: 1 },
        Fate::Panics { block: 2 },
        Fate::OutOfMemory { block: 1 },
        Fate::Honest,
        Fate::Misled { block: 0, by: -1 },
    ];
    assert_eq!(simulate(Fate::Honest, &Lie::None, &faulty), 2);
}
