//! What consensus, the server of clients and what runs beside them share: the chain as it is now, the transactions that wait, and who listens.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use eyre::Context;
use serde_json::{Value, json};
use subvm_chain::{Applied, Block, Chain, Genesis, SignedTx, TxId};
use subvm_core::Address;
use subvm_ledger::{Applied as Written, Ledger, RedbLedger};
use tokio::sync::{Semaphore, broadcast, mpsc};

use crate::config::Config;
use crate::mempool::Mempool;
use crate::recordings::Recordings;
use crate::records;
use crate::snapshots::Snapshots;
use crate::store::Store;

/// Messages that a listener may be behind before it is dropped.
const BEHIND: usize = 1_024;
/// Transactions that wait to be passed on.
const PASSED: usize = 4_096;
/// Views at once.
const VIEWS: usize = 4;

/// It.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) store: Arc<Store>,
    pub(crate) views: Semaphore,
    chain: RwLock<Chain>,
    ledger: Mutex<RedbLedger>,
    mempool: Mutex<Mempool>,
    told: broadcast::Sender<Arc<str>>,
    pass: mpsc::Sender<Vec<u8>>,
    passed: Mutex<Option<mpsc::Receiver<Vec<u8>>>>,
    /// When the last block came, as far as this process knows.
    moved: Mutex<Instant>,
    pub(crate) snapshots: Arc<Snapshots>,
    recordings: Option<Arc<Recordings>>,
    /// Why this node takes part no more, where its state is not the others'.
    diverged: OnceLock<String>,
}

/// Why a transaction does not wait for a block here.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

/// What a block changes in what people are told.
pub(crate) struct Records {
    /// To be kept, by transaction.
    pub(crate) kept: Vec<([u8; 32], Vec<u8>)>,
    /// To be told.
    told: Vec<Value>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// For a chain that is as high as what is kept.
    pub(crate) fn new(
        config: &Config,
        genesis: Arc<Genesis>,
        chain: Chain,
        store: Arc<Store>,
        ledger: RedbLedger,
        (snapshots, recordings): (Snapshots, Option<Arc<Recordings>>),
    ) -> Self {
        let (pass, passed) = mpsc::channel(PASSED);
        Self {
            name: config.name.clone(),
            genesis,
            store,
            views: Semaphore::new(VIEWS),
            chain: RwLock::new(chain),
            ledger: Mutex::new(ledger),
            mempool: Mutex::default(),
            told: broadcast::channel(BEHIND).0,
            pass,
            passed: Mutex::new(Some(passed)),
            moved: Mutex::new(Instant::now()),
            snapshots: Arc::new(snapshots),
            recordings,
            diverged: OnceLock::new(),
        }
    }

    /// The chain as it is now.
    pub(crate) fn chain(&self) -> Chain {
        self.chain.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a transaction in, to be put into a block by this node, and by the others where they are to be told.
    pub(crate) fn submit(&self, bytes: Vec<u8>, pass_on: bool) -> Result<TxId, Refused> {
        let taken = self.admit(&bytes);
        let code = taken.as_ref().map_or_else(|refused| refused.code, |_| "taken");
        metrics::counter!("node_transactions_total", "what" => code).increment(1);
        let id = taken?;
        metrics::gauge!("node_waiting").set(locked(&self.mempool).len() as f64);
        if pass_on && self.pass.try_send(bytes).is_err() {
            metrics::counter!("node_not_passed_on_total").increment(1);
        }
        Ok(id)
    }

    fn admit(&self, bytes: &[u8]) -> Result<TxId, Refused> {
        if let Some(why) = self.diverged() {
            return Err(Refused {
                code: "diverged",
                text: format!("this node takes part no more: {why}; send it to another"),
            });
        }
        let refused = |error: &subvm_chain::Refusal| Refused { code: error.code(), text: error.to_string() };
        let tx = self.chain().admit(bytes).map_err(|error| refused(&error))?;
        let from = tx.tx.sender();
        let full = |full: crate::mempool::Full| Refused { code: full.code(), text: full.text().into() };
        locked(&self.mempool).add(from, tx, bytes.len()).map_err(full)
    }

    /// Whether a transaction waits for a block.
    pub(crate) fn waits(&self, id: &TxId) -> bool {
        locked(&self.mempool).contains(id)
    }

    /// The nonce of an account's next transaction, after those that wait here.
    pub(crate) fn next_nonce(&self, account: &Address) -> u64 {
        let nonce = self.chain().account(account).nonce;
        locked(&self.mempool).next(account, nonce)
    }

    /// The first transactions that wait.
    pub(crate) fn waiting(&self, most: usize) -> Vec<SignedTx> {
        locked(&self.mempool).first(most)
    }

    /// What is to be passed on: for one taker.
    pub(crate) fn to_pass_on(&self) -> Option<mpsc::Receiver<Vec<u8>>> {
        locked(&self.passed).take()
    }

    /// What people are told of a block, from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.told.subscribe()
    }

    /// How long ago the last block came.
    pub(crate) fn still(&self) -> std::time::Duration {
        locked(&self.moved).elapsed()
    }

    /// This node's state is not the others': it takes part no more, and says so to whoever asks.
    pub(crate) fn diverge(&self, why: String) {
        metrics::gauge!("node_diverged").set(1);
        let _ = self.diverged.set(why);
    }

    /// Why this node takes part no more, where it does not.
    pub(crate) fn diverged(&self) -> Option<&str> {
        self.diverged.get().map(String::as_str)
    }

    /// What a block changes in the records of transactions.
    pub(crate) fn records(&self, block: &Block, applied: &Applied) -> eyre::Result<Records> {
        let mut changed: BTreeMap<TxId, Value> = BTreeMap::new();
        let mut told = vec![
            json!({"type": "block", "block": records::block(block, None), "root": crate::keys::hex(&applied.root), "finalized": applied.finalized}),
        ];
        for tx in &block.txs {
            changed.insert(tx.tx.id(), records::included(tx, applied.height));
        }
        for (height, outcome) in &applied.outcomes {
            let step = records::step(*height, outcome);
            metrics::counter!("node_outcomes_total", "status" => outcome.status.code()).increment(1);
            for (validator, vote) in records::votes(outcome) {
                metrics::counter!("node_ballots_total", "validator" => validator.to_string(), "vote" => vote)
                    .increment(1);
            }
            told.push(json!({"type": "outcome", "tx": outcome.tx.to_string(), "step": step}));
            let record = match changed.entry(outcome.tx) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => match self.store.record(&outcome.tx.0)? {
                    Some(kept) => entry.insert(serde_json::from_slice(&kept).wrap_err("a kept record is damaged")?),
                    // It is forgotten: who listens is told all the same.
                    None => continue,
                },
            };
            records::add(record, step);
        }
        let kept = changed.into_iter().map(|(id, record)| Ok((id.0, serde_json::to_vec(&record)?)));
        Ok(Records { kept: kept.collect::<eyre::Result<_>>()?, told })
    }

    /// Puts what a block wrote into the ledger on disk, where that is not there yet.
    pub(crate) fn mirror(&self, applied: &Applied) -> eyre::Result<()> {
        mirror(&mut locked(&self.ledger), applied)
    }

    /// The chain is higher by a block.
    pub(crate) fn advance(&self, chain: &Chain, records: Records) {
        *self.chain.write().unwrap_or_else(PoisonError::into_inner) = chain.clone();
        *locked(&self.moved) = Instant::now();
        let waiting = {
            let mut mempool = locked(&self.mempool);
            mempool.settle(|account| chain.account(account).nonce);
            mempool.len()
        };
        metrics::gauge!("node_waiting").set(waiting as f64);
        metrics::gauge!("node_height").set(chain.height() as f64);
        metrics::gauge!("node_finalized").set(chain.finalized() as f64);
        self.snapshots.follow(chain);
        self.recordings.iter().for_each(|recordings| recordings.forget(chain.height()));
        for told in records.told {
            // Nobody may listen.
            let _ = self.told.send(told.to_string().into());
        }
    }
}

/// Puts what a block wrote into a ledger, where that is not there yet.
pub(crate) fn mirror(ledger: &mut RedbLedger, applied: &Applied) -> eyre::Result<()> {
    if applied.height <= ledger.heights()?.accepted {
        return Ok(());
    }
    if let Some(height) = applied.rolled_back {
        ledger.rollback(height)?;
    }
    let mut heights: BTreeMap<u64, Vec<Written<'_>>> = BTreeMap::from([(applied.height, Vec::new())]);
    for (height, contract, pages) in &applied.writes {
        heights.entry(*height).or_default().push(Written { contract: *contract, pages });
    }
    for (height, written) in heights {
        ledger.apply_block(&written, height)?;
    }
    ledger.finalize(applied.finalized)?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use arc_malachitebft_app_channel::app::types::core::Round;
    use subvm_bft::{H, Id};
    use subvm_chain::{Action, sample};
    use subvm_core::{Parts, wasi};

    use super::*;
    use crate::wire::Decided;

    /// A contract that no test runs.
    pub(crate) const CONTRACT: Address = Address([0xaa; 20]);

    /// A chain of one validator, with this contract; final after three blocks.
    pub(crate) fn chain() -> Chain {
        let mut genesis = sample::genesis(1);
        let parts = Parts { start: b"\0asm\x01\0\0\0".as_slice().into(), ..Parts::default() };
        let package = parts.check(&wasi::Refused::default()).expect("a package");
        genesis.contracts.push((CONTRACT, Arc::new(package)));
        genesis.rules.finality = 3;
        let engine = crate::files::engine(&subvm_config::Config::default()).expect("an engine");
        Chain::new(Arc::new(genesis), engine).expect("begins")
    }

    /// It, with nobody's vote.
    pub(crate) fn decided(block: &Block) -> Decided {
        let (height, id) = (H(block.header.height), Id(block.id().0));
        Decided { height, round: Round::new(0), id, commits: vec![], block: block.to_bytes() }
    }

    /// What a node shares that has this chain, in a directory.
    pub(crate) fn shared(dir: &std::path::Path, chain: Chain) -> Shared {
        let config = "name = \"a\"\nnetwork = {listen = \"/ip4/127.0.0.1/tcp/1\"}\nrpc = {listen = \"127.0.0.1:1\"}";
        let config: Config = toml::from_str(config).expect("a node's file");
        let store = Arc::new(Store::open(dir, &[1; 32]).expect("opens"));
        let ledger = RedbLedger::open(&dir.join("state")).expect("opens");
        let snapshots = Snapshots::open(dir.join("snapshots"), config.snapshots).expect("opens");
        Shared::new(&config, Arc::clone(chain.genesis()), chain, store, ledger, (snapshots, None))
    }

    /// What comes of a call whose record is gone is told, and counted, as any other.
    #[test]
    fn who_listens_is_told_without_a_record_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut chain = chain();
        let shared = shared(dir.path(), chain.clone());
        let ask = sample::tx(1, 0, true, Action::Call { to: CONTRACT, value: 0, data: vec![] });
        let id = ask.tx.id();
        let mut txs = vec![ask];
        let mut told = Vec::new();
        while chain.height() == 0 || chain.is_pending(&id) {
            assert!(chain.height() < 50, "it does not end");
            let block = chain.propose(sample::validator(0), None, std::mem::take(&mut txs), vec![]);
            let applied = chain.apply(&block).expect("follows");
            let records = shared.records(&block, &applied).expect("reads");
            // Nothing of it is kept.
            told.extend(records.told.into_iter().filter(|told| told["type"] == "outcome"));
        }
        let told: Vec<_> = told.iter().map(|told| (&told["tx"], &told["step"]["status"])).collect();
        let id = json!(id.to_string());
        assert_eq!(told, [(&id, &json!("pending")), (&id, &json!("undetermined"))]);
    }
}
