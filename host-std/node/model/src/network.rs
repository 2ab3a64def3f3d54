//! Four validators in lockstep on one chain, which take whichever block they are told to.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::Signer;
use subvm_chain::{
    Action, CallId, Chain, Extension, Genesis, Outside, SignedExtension, Status, Voter, Votes, extension_bytes, sample,
};
use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId, Rng};
use subvm_core::{Address, End};
use subvm_host_mock::{Machine, ScriptedEngine};

/// How many validators there are.
pub const VALIDATORS: u16 = 4;
/// What honest validators see on the web, and what liars say that they see.
pub const TRUTH: i64 = 1;
pub const LIE: i64 = 2;

const ORACLE: Address = Address([0xaa; 20]);

/// What one block is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Whose ballots the proposer leaves out.
    pub left_out: Option<u16>,
    /// Liars say nothing.
    pub mute: bool,
    /// Honest validators whose answers are not there yet, one bit each.
    pub late: u16,
    /// A liar that proposes leads with its lie.
    pub leads: bool,
    /// Somebody appeals.
    pub appeals: bool,
}

/// The network after some blocks.
#[derive(Clone)]
pub struct Network {
    pub chain: Chain,
    /// Liars, one bit each.
    liars: u16,
    voters: Vec<Voter>,
    call: CallId,
    /// What became of the call, in order, and at which height.
    pub log: Vec<(u64, &'static str)>,
    /// How many appeals there were.
    pub appeals: u64,
    /// Who judged last, and what came of it; nobody before the first decision.
    pub judged: Option<(Vec<u16>, bool)>,
    /// The height at which what the call came to was final, and how often it had counted then.
    pub when_final: Option<(u64, u64)>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("log", &self.log).field("stored", &self.stored()).finish_non_exhaustive()
    }
}

/// The web, as a node sees it.
struct Site(i64);

impl Modules for Site {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Ok(RequestId(0))
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        Ok(Progress::Ready(Value::from(Map::from([("ok", self.0)])).encode()?))
    }

    fn cancel(&mut self, _: RequestId) {}
}

impl Rng for Site {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), HostError> {
        into.fill(4);
        Ok(())
    }
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(Map::from(entries))
}

/// Asks the web for a number, keeps it, and counts its calls.
fn oracle(machine: &mut Machine<'_>) -> Result<(), End> {
    if machine.message()?["entry_kind"] == Value::from(2) {
        let page = map([("mode", "text".into()), ("url", "price".into()), ("wait_after_loaded", "0ms".into())]);
        let answer = machine.request("WebRender", page)?.unwrap_or_default();
        let number = Value::decode(&answer).unwrap_or_default()["ok"].clone();
        return machine.end_with("Return", number);
    }
    let request = map([("data", Value::Bytes(vec![1])), ("strategy", "StrictEq".into())]);
    let answer = machine.request("RunNondetWith", request)?.unwrap_or_default();
    let number = Value::decode(answer.get(1..).unwrap_or_default()).unwrap_or_default();
    let number = number.as_int().and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::MAX);
    let count = machine.storage_read(0, 1, 1)?.unwrap_or_default().first().copied().unwrap_or_default();
    machine.storage_write(0, 0, &[number, count + 1])?;
    machine.end_with("Return", Value::Null)
}

impl Network {
    /// A chain whose committees have so many members at first, after the block with the call.
    pub fn new(committee: u16, liars: u16, change: impl FnOnce(&mut Chain)) -> Self {
        let mut engine = ScriptedEngine::new();
        let oracle = engine.script(oracle);
        let mut genesis: Genesis = sample::genesis(VALIDATORS);
        genesis.contracts = vec![(ORACLE, oracle)];
        genesis.rules.committee = committee;
        // As short as a chain takes them: a few blocks for each phase.
        let rules = &mut genesis.rules;
        (rules.propose_blocks, rules.commit_blocks, rules.reveal_blocks, rules.finality) = (3, 1, 1, 2);
        let key = |number| sample::signer(number).verifying_key().to_bytes();
        let voters = (0..VALIDATORS).map(|number| Voter::new([number as u8; 32], key(number))).collect();
        let mut chain = Chain::new(Arc::new(genesis), Arc::new(engine)).expect("a chain begins");
        change(&mut chain);
        let call = sample::tx(0, 0, true, Action::Call { to: ORACLE, value: 0, data: Vec::new() });
        let block = chain.propose(sample::validator(0), None, [call.clone()], Vec::new());
        chain.apply(&block).expect("the first block");
        Self {
            chain,
            liars,
            voters,
            call: call.tx.id().into(),
            log: Vec::new(),
            appeals: 0,
            judged: None,
            when_final: None,
        }
    }

    fn lies(&self, validator: u16) -> bool {
        self.liars & 1 << validator != 0
    }

    fn outside(&self, validator: u16) -> Outside {
        let sees = if self.lies(validator) { LIE } else { TRUTH };
        Outside { modules: Box::new(Site(sees)), rng: Box::new(Site(0)), ..Outside::default() }
    }

    /// The number that the contract keeps; nothing before there is one.
    pub fn stored(&self) -> Option<i64> {
        Some(i64::from(self.chain.page(&ORACLE, [0], 0)[0])).filter(|number| *number != 0)
    }

    /// How often the call took effect.
    pub fn counted(&self) -> u64 {
        self.chain.page(&ORACLE, [0], 0)[1].into()
    }

    /// How the call ended, where it has.
    pub fn ended(&self) -> Option<&'static str> {
        let ends = |(_, code): &(u64, &'static str)| {
            ["accepted", "undetermined", "returned", "failed"].contains(code).then_some(*code)
        };
        self.log.iter().find_map(ends)
    }

    /// Who proposes the next block.
    pub fn proposer(&self) -> u16 {
        ((self.chain.height() + 1) % u64::from(VALIDATORS)) as u16
    }

    /// Whether a liar could lead now.
    pub fn liar_may_lead(&self) -> bool {
        let who = self.proposer();
        let open = |job: &subvm_chain::Job| job.proposal().is_none() && job.is_for(&sample::validator(who));
        self.lies(who) && self.chain.jobs().iter().any(open)
    }

    /// Whether a liar has a ballot to commit to, or to open.
    pub fn liars_speak(&self) -> bool {
        self.chain.polls().any(|(_, poll)| {
            poll.committee.iter().filter(|number| self.lies(**number)).any(|number| {
                let committed = poll.commits.contains_key(number);
                if poll.opening { committed && !poll.opened.contains_key(number) } else { !committed }
            })
        })
    }

    /// Honest validators who have a ballot to make, one bit each.
    pub fn busy(&self) -> u16 {
        let jobs = self.chain.jobs();
        let busy = |number: u16| {
            let mine = |job: &subvm_chain::Job| job.proposal().is_some() && job.is_for(&sample::validator(number));
            jobs.iter().any(|job| mine(job) && !self.voters[usize::from(number)].has(&job.key()))
        };
        (0..VALIDATORS).filter(|number| !self.lies(*number) && busy(*number)).map(|number| 1 << number).sum()
    }

    /// The next block, with all that comes of it.
    pub fn step(&mut self, choice: Choice) {
        let (who, jobs) = (self.proposer(), self.chain.jobs());
        for number in 0..VALIDATORS {
            let mine = |job: &&subvm_chain::Job| job.proposal().is_some() && job.is_for(&sample::validator(number));
            if choice.late & 1 << number == 0 {
                for job in jobs.iter().filter(mine) {
                    let ballot = job.run_as_validator(self.outside(number));
                    self.voters[usize::from(number)].keep(job.key(), ballot);
                }
            }
        }
        let leading = jobs.iter().filter(|job| job.proposal().is_none() && job.is_for(&sample::validator(who)));
        let leading = leading.filter(|_| !self.lies(who) || choice.leads);
        let led = leading.filter_map(|job| Some((job.key().call, job.run_as_leader(self.outside(who)).ok()?)));
        let led = led.collect();
        let appeal = choice.appeals.then(|| {
            self.appeals += 1;
            sample::tx(1, self.appeals - 1, false, Action::Appeal { call: self.call })
        });
        let votes = (self.chain.height() > 0).then(|| self.votes(choice));
        let block = self.chain.propose(sample::validator(who), votes, appeal, led);
        let committee = self.chain.poll(&self.call).map(|poll| poll.committee.clone());
        self.chain.validate(&block).expect("it may follow");
        let applied = self.chain.apply(&block).expect("it follows");
        for (height, outcome) in applied.outcomes.iter().filter(|(_, outcome)| outcome.call == self.call) {
            self.log.push((*height, outcome.status.code()));
        }
        // What an appeal turned is replayed, with the same decisions: only a vote that was going on has judged.
        let fresh = |code: &&str| ["accepted", "undetermined", "upheld", "turned"].contains(code);
        let last =
            applied.outcomes.iter().rev().find(|(at, outcome)| {
                *at == applied.height && outcome.call == self.call && fresh(&outcome.status.code())
            });
        if let (Some((_, outcome)), Some(committee)) = (last, committee) {
            let holds = match (&outcome.status, &self.judged) {
                (Status::Accepted, _) => true,
                (Status::Upheld, Some((_, before))) => *before,
                (Status::Turned, Some((_, before))) => !*before,
                _ => false,
            };
            self.judged = Some((committee, holds));
        }
        for voter in &mut self.voters {
            voter.forget(&self.chain);
        }
        if self.is_final() && self.when_final.is_none() {
            self.when_final = Some((self.chain.height(), self.counted()));
        }
    }

    /// Whether nothing can change any more what the call came to.
    pub fn is_final(&self) -> bool {
        let decided = self.log.iter().find(|(_, code)| ["accepted", "undetermined"].contains(code));
        decided.is_some_and(|(at, _)| *at <= self.chain.finalized())
    }

    fn votes(&self, choice: Choice) -> Votes {
        let (height, last) = (self.chain.height(), self.chain.last());
        let there = (0..VALIDATORS).filter(|number| Some(*number) != choice.left_out);
        let votes = there.map(|validator| {
            let time = self.chain.time() + 1_000_000_000;
            let mut extension: Extension = self.voters[usize::from(validator)].extension(&self.chain, time);
            if choice.mute && self.lies(validator) {
                extension.items.clear();
            }
            let bytes = extension.to_bytes();
            let of = sample::validator(validator);
            let message = extension_bytes(sample::CHAIN_ID, height, 0, &last, &of, &bytes);
            SignedExtension { validator, bytes, signature: sample::signer(validator).sign(&message).to_bytes() }
        });
        Votes { round: 0, votes: votes.collect() }
    }

    /// All that what follows depends on, but for the names of blocks: who has committed to what and opened what, until when, which ballots are kept.
    pub fn view(&self) -> impl std::hash::Hash + Eq + std::fmt::Debug + use<> {
        let polls: Vec<_> = self
            .chain
            .polls()
            .map(|(_, poll)| {
                let opened: Vec<_> = poll.opened.iter().map(|(who, ballot)| (*who, poll.agrees(ballot))).collect();
                let commits: Vec<u16> = poll.commits.keys().copied().collect();
                (poll.number, poll.committee.clone(), commits, opened, poll.opening, poll.until, poll.leader.0)
            })
            .collect();
        let kept: Vec<Vec<u8>> = self.voters.iter().map(Voter::to_bytes).collect();
        let open: Vec<_> = (0..VALIDATORS)
            .map(|number| {
                let jobs = self.chain.jobs();
                jobs.iter()
                    .filter(|job| job.is_for(&sample::validator(number)))
                    .map(|job| job.key())
                    .collect::<Vec<_>>()
            })
            .collect();
        let kept_of_jobs = format!("{kept:?}{open:?}");
        let so_far = (self.log.clone(), self.appeals, self.judged.clone(), self.when_final);
        (self.chain.height(), self.chain.finalized(), so_far, polls, kept_of_jobs, self.stored(), self.counted())
    }
}
