//! A small network: a leader and three validators, each in a thread with a ledger of its own. Transactions come in; the leader proposes
//! results, all commit to a ballot, then open it, and what the majority accepts every node applies.
//!
//! ```text
//! cargo run --locked -p subvm-host-std --example node_loop
//! ```
//!
//! Validator 2 sees another price than the others, and validator 3 has lost its connection for one block: the network goes on without them,
//! and they keep up with it. Who leads, how votes are counted and when a block is final are a chain's own rules; these are the simplest ones.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{Code, EthAnswer, Host, HostError, Node, Rng, State, Stream};
use subvm_core::wasi::Refused;
use subvm_core::{
    Address, Ballot, Commitment, Entry, InternalError, Message, Package, Params, Parts, Proposal, Receipt, Report,
    Role, Run, SlotId, run,
};
use subvm_host_std::clock::SystemClock;
use subvm_host_std::ledger::{Ledger, RedbLedger};
use subvm_host_std::modules::{Failure, ModuleSet, Service};
use subvm_host_std::random::SystemRng;
use subvm_host_std::{WasmtimeEngine, observe};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONTRACT: Address = Address([0xc0; 20]);
/// 2026-01-01T00:00:00Z.
const GENESIS: u64 = 1_767_225_600_000_000_000;
/// Blocks after which a block is final.
const FINALITY: u64 = 2;
const VALIDATORS: usize = 3;

fn main() -> Result<()> {
    let stores = Stores::new()?;
    let shared =
        Arc::new(Shared { engine: Arc::new(WasmtimeEngine::new()?), package: package()?, params: Arc::default() });
    let mut leader = Participant::open(&shared, &stores.0, 0)?;
    let (said_in, said) = channel();
    let mut inboxes = Vec::new();
    let mut threads = Vec::new();
    for number in 1..=VALIDATORS {
        let (inbox, orders) = channel();
        let participant = Participant::open(&shared, &stores.0, number)?;
        let said_in = said_in.clone();
        inboxes.push(inbox);
        threads.push(thread::spawn(move || participant.validate(&orders, &said_in)));
    }

    let ask =
        |coin: &str| Map::from([("method", Value::from("ask")), ("url", format!("https://prices/{coin}").into())]);
    let get = Map::from([("method", Value::from("get"))]);
    let fail = Map::from([("method", Value::from("fail")), ("message", "on demand".into())]);
    let mut height = 0;
    for call in [ask("A"), get.clone(), ask("B"), fail, ask("C"), get] {
        let accepted = block(&mut leader, &inboxes, &said, height + 1, &call)?;
        println!("  {}\n", if accepted { "accepted" } else { "rejected: nobody applies it" });
        height += u64::from(accepted);
    }

    // Everybody is told to stop by hanging up.
    drop(inboxes);
    let mut digests = vec![leader.digest()?];
    for thread in threads {
        let participant = thread.join().map_err(|_| "a validator panicked")??;
        digests.push(participant.digest()?);
    }
    println!("height {height}, and the stores of {} nodes hold the same", digests.len());
    if digests.iter().any(|digest| *digest != digests[0]) {
        return Err("the nodes' stores differ".into());
    }
    Ok(())
}

/// One transaction in a block of its own: proposed, voted on, and applied by all if the majority agrees.
fn block(
    leader: &mut Participant,
    validators: &[Sender<Order>],
    said: &Receiver<(usize, Said)>,
    height: u64,
    call: &Map,
) -> Result<bool> {
    println!("block {height}: {}", Value::from(call.clone()));
    let transaction = Transaction { call: call.clone(), height };
    let report = leader.transact(&transaction, Role::Leader)?;
    // What goes over the wire are bytes. Of what the leader came to, validators get the results, and nothing that they could repeat.
    let proposal = report.receipt.proposal();
    let bytes: Arc<[u8]> = proposal.to_bytes().into();
    for validator in validators {
        validator.send(Order::Check(transaction.clone(), Arc::clone(&bytes)))?;
    }
    // First all commit, the leader to its receipt too ...
    let own = leader.committed(&proposal, report.ballot(&proposal))?;
    let mut commitments = vec![own.commitment];
    commitments.resize(validators.len() + 1, own.commitment);
    for _ in validators {
        if let (number, Said::Commitment(commitment)) = said.recv_timeout(Duration::from_secs(60))? {
            commitments[number] = commitment;
        }
    }
    // ... then all show what they committed to, and the leader its receipt.
    for validator in validators {
        validator.send(Order::Open)?;
    }
    let (proposed, receipt) = (proposal.digest(), report.receipt.digest());
    let opens = |number: usize, ballot: &Ballot, salt: &[u8; 32]| {
        commitments[number].opens(ballot, &proposed, &key(number), salt) && ballot.agrees(&receipt)
    };
    let mut agreed = usize::from(opens(0, &own.ballot, &own.salt));
    for _ in validators {
        if let (number, Said::Ballot(ballot, salt)) = said.recv_timeout(Duration::from_secs(60))? {
            println!("  validator {number}: {ballot}");
            agreed += usize::from(opens(number, &ballot, &salt));
        }
    }
    let accepted = 2 * agreed > validators.len() + 1;
    if accepted {
        leader.apply(&report.receipt, height)?;
        let receipt: Arc<[u8]> = report.receipt.to_bytes().into();
        for validator in validators {
            validator.send(Order::Apply(Arc::clone(&receipt), height))?;
        }
    }
    Ok(accepted)
}

/// What a validator is told.
enum Order {
    /// Check this transaction, of which the leader proposes these results, and commit to a ballot.
    Check(Transaction, Arc<[u8]>),
    /// All have committed: show the ballot.
    Open,
    /// The network decided on this receipt, at this height.
    Apply(Arc<[u8]>, u64),
}

/// What a validator answers.
enum Said {
    Commitment(Commitment),
    /// With the salt of its commitment.
    Ballot(Ballot, [u8; 32]),
}

/// A ballot, and what hides it until it is opened.
struct Committed {
    ballot: Ballot,
    salt: [u8; 32],
    commitment: Commitment,
}

/// What others know a node by. In a chain it is a public key, and all that a node says is signed with it.
fn key(number: usize) -> [u8; 8] {
    (number as u64).to_le_bytes()
}

#[derive(Clone)]
struct Transaction {
    call: Map,
    height: u64,
}

/// What all nodes of the process have in common. The parameters are the chain's.
struct Shared {
    engine: Arc<WasmtimeEngine>,
    package: Arc<Package>,
    params: Arc<Params>,
}

/// A node.
struct Participant {
    number: usize,
    ledger: RedbLedger,
    shared: Arc<Shared>,
}

impl Participant {
    fn open(shared: &Arc<Shared>, stores: &Path, number: usize) -> Result<Self> {
        let ledger = RedbLedger::open(&stores.join(number.to_string()))?;
        Ok(Self { number, ledger, shared: Arc::clone(shared) })
    }

    /// Does what it is told until nobody tells it anything any more.
    fn validate(mut self, orders: &Receiver<Order>, said: &Sender<(usize, Said)>) -> Result<Self> {
        let mut pending = None;
        for order in orders {
            match order {
                Order::Check(transaction, proposal) => {
                    let committed = self.check(&transaction, &proposal)?;
                    said.send((self.number, Said::Commitment(committed.commitment)))?;
                    pending = Some(committed);
                }
                Order::Open => {
                    if let Some(Committed { ballot, salt, .. }) = pending.take() {
                        said.send((self.number, Said::Ballot(ballot, salt)))?;
                    }
                }
                Order::Apply(receipt, height) => self.apply(&Receipt::from_bytes(&receipt)?, height)?,
            }
        }
        Ok(self)
    }

    /// A ballot, whatever the leader sent and whatever happens here.
    fn check(&self, transaction: &Transaction, proposal: &[u8]) -> Result<Committed> {
        let proposal = Proposal::from_bytes(proposal)?;
        // A node that cannot say says so; why is for its operator.
        let ballot = match self.transact(transaction, proposal.validator()) {
            Ok(report) => report.ballot(&proposal),
            Err(_) => Ballot::Timeout,
        };
        self.committed(&proposal, ballot)
    }

    /// A commitment to a ballot.
    fn committed(&self, proposal: &Proposal, ballot: Ballot) -> Result<Committed> {
        let mut salt = [0; 32];
        SystemRng::new().fill(&mut salt)?;
        let commitment = ballot.commit(&proposal.digest(), &key(self.number), &salt);
        Ok(Committed { ballot, salt, commitment })
    }

    /// Runs a transaction on the state before it. Nothing is written.
    fn transact(&self, transaction: &Transaction, role: Role) -> Result<Report> {
        let message = Message {
            contract_address: CONTRACT,
            entry_data: Value::from(transaction.call.clone()).encode()?,
            ..Message::default()
        };
        let run_this = Run {
            message,
            entry: Entry::Contract,
            role,
            params: Arc::clone(&self.shared.params),
            state: State::Accepted,
            deadline: Some(Duration::from_secs(30)),
            cancel: None,
        };
        let (_node, report): (Node, std::result::Result<Report, InternalError>) =
            run(self.shared.engine.clone(), self.node(transaction.height)?, run_this);
        Ok(report?)
    }

    fn node(&self, height: u64) -> Result<Node> {
        let prices = Prices { seen_by: self.number, height };
        Ok(Node {
            // A snapshot: the ledger may move on while the run lasts.
            storage: Box::new(self.ledger.snapshot()?),
            clock: Box::new(SystemClock::new(GENESIS + height * 1_000_000_000)),
            rng: Box::new(SystemRng::new()),
            host: Box::new(Chain { package: Arc::clone(&self.shared.package) }),
            modules: Box::new(ModuleSet::new(4).with(&["WebRequest"], Arc::new(prices))),
            observer: Some(observe::telemetry(None)),
        })
    }

    /// Applies what the network decided on. A run that failed has no pages, but its block counts.
    fn apply(&mut self, receipt: &Receipt, height: u64) -> Result<()> {
        self.ledger.apply(&CONTRACT, &receipt.storage, height)?;
        self.ledger.finalize(height.saturating_sub(FINALITY))?;
        Ok(())
    }

    /// What the contract returns on this node's state: its receipt's digest.
    fn digest(&self) -> Result<[u8; 32]> {
        let get = Map::from([("method", Value::from("get"))]);
        Ok(self.transact(&Transaction { call: get, height: 0 }, Role::Leader)?.receipt.digest())
    }
}

/// The world as a node sees it: prices, which are not everywhere the same.
struct Prices {
    seen_by: usize,
    height: u64,
}

impl Service for Prices {
    fn answer(&self, _name: &str, fields: &Map) -> std::result::Result<Value, Failure> {
        let url = fields.get("url").and_then(Value::as_str).unwrap_or_default();
        let price = match (self.seen_by, self.height) {
            (2, _) => "99.99",
            // Its own fault: no result, and no vote.
            (3, 3) => return Err(Failure::Unavailable("the line is dead".into())),
            _ => "101.25",
        };
        let body = format!("{} costs {price}", url.rsplit('/').next().unwrap_or_default());
        Ok(Value::from(Map::from([
            ("body", Value::Bytes(body.into())),
            ("headers", Value::from(Map::new())),
            ("status", Value::from(200)),
        ])))
    }
}

/// A chain with one contract and no money.
struct Chain {
    package: Arc<Package>,
}

impl Host for Chain {
    fn balance(&mut self, _: State, _: &Address) -> std::result::Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, address: &Address) -> std::result::Result<Code, HostError> {
        Ok(if *address == CONTRACT { Code::Package(Arc::clone(&self.package)) } else { Code::Nothing })
    }

    fn locked_slots(&mut self, _: &Address) -> std::result::Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> std::result::Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, _: &[u8]) {}
}

fn package() -> Result<Arc<Package>> {
    let parts = Parts { start: include_bytes!("oracle/oracle.wasm").as_slice().into(), ..Parts::default() };
    Ok(Arc::new(parts.check(&Refused::default())?))
}

/// The directory of the nodes' stores, gone with the demonstration.
struct Stores(std::path::PathBuf);

impl Stores {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("subvm-node-loop-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn it_runs() {
    main().unwrap();
}
