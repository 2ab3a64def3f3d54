//! What a node keeps on disk: decided blocks with the votes for them, proposed ones, and what became of transactions. One database, and one
//! transaction of it for each step: all of a step is there after a crash, or nothing.

use std::ops::RangeInclusive;
use std::path::Path;

use arc_malachitebft_app_channel::app::types::core::Round;
use borsh::{BorshDeserialize, BorshSerialize};
use eyre::{Context, bail, eyre};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use subvm_bft::{Addr, H, Id};
use subvm_chain::{CallId, JobKey};
use subvm_core::Ballot;

use crate::forget::Old;
use crate::wire::Decided;

/// Decided blocks by height.
const DECIDED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("decided");
/// Proposed blocks: height, round and identifier, in an order that keeps heights together.
const PROPOSED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("proposed");
/// What became of a transaction, as JSON, by its identifier.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// This validator's ballots, until nobody asks for them any more.
const BALLOTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("ballots");
/// Which chain this is.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
/// Under which its genesis stands.
const GENESIS: &str = "genesis";
/// Under which the last height stands whose transactions' records are forgotten.
const FORGOTTEN: &str = "forgotten";

/// A proposed block as it is kept: consensus names it by its identifier only, after a restart too.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Proposed {
    pub(crate) height: H,
    pub(crate) round: Round,
    pub(crate) valid_round: Round,
    pub(crate) proposer: Addr,
    pub(crate) id: Id,
    pub(crate) bytes: Vec<u8>,
}

impl Proposed {
    fn key(&self) -> Vec<u8> {
        let mut key = self.height.0.to_be_bytes().to_vec();
        key.extend(self.round.as_i64().to_be_bytes());
        key.extend(self.id.0);
        key
    }
}

/// The database.
pub(crate) struct Store(Database);

impl Store {
    /// Opens the database in `dir`, which belongs to the chain with this genesis.
    pub(crate) fn open(dir: &Path, genesis: &[u8; 32]) -> eyre::Result<Self> {
        let path = dir.join("blocks.redb");
        std::fs::create_dir_all(dir).wrap_err_with(|| format!("cannot make the directory {}", dir.display()))?;
        let database = Database::create(&path)
            .wrap_err_with(|| format!("cannot open {}: is another node running on it?", path.display()))?;
        let write = database.begin_write()?;
        {
            write.open_table(DECIDED)?;
            write.open_table(PROPOSED)?;
            write.open_table(RECORDS)?;
            write.open_table(BALLOTS)?;
            let mut about = write.open_table(ABOUT)?;
            let kept = about.get(GENESIS)?.map(|kept| kept.value().to_vec());
            match kept {
                None => drop(about.insert(GENESIS, genesis.as_slice())?),
                Some(kept) if kept == genesis => {}
                Some(_) => bail!(
                    "{} belongs to another genesis: name another data directory, or the genesis it was begun with",
                    path.display()
                ),
            }
        }
        write.commit()?;
        Ok(Self(database))
    }

    /// All of a change, or nothing. `what` could not be done else.
    fn write(&self, what: &str, change: impl FnOnce(&WriteTransaction) -> eyre::Result<()>) -> eyre::Result<()> {
        let written = || -> eyre::Result<()> {
            let write = self.0.begin_write()?;
            change(&write)?;
            Ok(write.commit()?)
        };
        written().wrap_err_with(|| format!("{what}: is the disk full?"))
    }

    /// Keeps a decided block, and the records that it changed; forgets the records of transactions that are old.
    pub(crate) fn decide(&self, decided: &Decided, records: &[([u8; 32], Vec<u8>)], old: &Old) -> eyre::Result<()> {
        self.write("a decided block could not be kept", |write| {
            write.open_table(DECIDED)?.insert(decided.height.0, borsh::to_vec(decided)?.as_slice())?;
            let mut table = write.open_table(RECORDS)?;
            for (id, record) in records {
                table.insert(id.as_slice(), record.as_slice())?;
            }
            for id in &old.txs {
                table.remove(id.0.as_slice())?;
            }
            write.open_table(ABOUT)?.insert(FORGOTTEN, old.through.to_le_bytes().as_slice())?;
            if let Some(below) = old.blocks {
                write.open_table(DECIDED)?.retain_in(..below, |_, _| false)?;
            }
            // What was proposed for this height and before is needed no more.
            let end = decided.height.0.saturating_add(1).to_be_bytes();
            Ok(write.open_table(PROPOSED)?.retain(|key, _| key >= end.as_slice())?)
        })
    }

    /// Keeps more votes for a block that is decided already.
    pub(crate) fn enlarge(&self, decided: &Decided) -> eyre::Result<()> {
        self.write("the votes for a decided block could not be kept", |write| {
            write.open_table(DECIDED)?.insert(decided.height.0, borsh::to_vec(decided)?.as_slice())?;
            Ok(())
        })
    }

    /// Keeps a proposed block.
    pub(crate) fn propose(&self, proposed: &Proposed) -> eyre::Result<()> {
        self.write("a proposed block could not be kept", |write| {
            write.open_table(PROPOSED)?.insert(proposed.key().as_slice(), borsh::to_vec(proposed)?.as_slice())?;
            Ok(())
        })
    }

    /// Keeps a ballot.
    pub(crate) fn cast(&self, key: &JobKey, ballot: &Ballot) -> eyre::Result<()> {
        self.write("a ballot could not be kept", |write| {
            write.open_table(BALLOTS)?.insert(bytes(key)?.as_slice(), ballot.to_bytes().as_slice())?;
            Ok(())
        })
    }

    /// Forgets all ballots but these.
    pub(crate) fn forget(&self, mut keep: impl FnMut(&JobKey) -> bool) -> eyre::Result<()> {
        let gone: Vec<JobKey> = self.ballots()?.into_iter().map(|(key, _)| key).filter(|key| !keep(key)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.write("ballots could not be forgotten", |write| {
            let mut table = write.open_table(BALLOTS)?;
            for key in &gone {
                table.remove(bytes(key)?.as_slice())?;
            }
            Ok(())
        })
    }

    /// The ballots that are kept.
    pub(crate) fn ballots(&self) -> eyre::Result<Vec<(JobKey, Ballot)>> {
        let table = self.0.begin_read()?.open_table(BALLOTS)?;
        let one = |(key, ballot): (&[u8], &[u8])| -> eyre::Result<(JobKey, Ballot)> {
            let (call, poll, about) = borsh::from_slice(key)?;
            let ballot = Ballot::from_bytes(ballot).ok_or_else(|| eyre!("a kept ballot is damaged"))?;
            Ok((JobKey { call: CallId(call), poll, about }, ballot))
        };
        table
            .iter()?
            .map(|entry| entry.map_err(Into::into).and_then(|(key, ballot)| one((key.value(), ballot.value()))))
            .collect()
    }

    /// What was proposed and is not decided.
    pub(crate) fn proposed(&self) -> eyre::Result<Vec<Proposed>> {
        let table = self.0.begin_read()?.open_table(PROPOSED)?;
        table.iter()?.map(|entry| Ok(borsh::from_slice(entry?.1.value())?)).collect()
    }

    /// A decided block.
    pub(crate) fn decided(&self, height: u64) -> eyre::Result<Option<Decided>> {
        let table = self.0.begin_read()?.open_table(DECIDED)?;
        table.get(height)?.map(|kept| borsh::from_slice(kept.value()).wrap_err("a kept block is damaged")).transpose()
    }

    /// Decided blocks, ascending.
    pub(crate) fn range(&self, heights: RangeInclusive<u64>) -> eyre::Result<Vec<Decided>> {
        let table = self.0.begin_read()?.open_table(DECIDED)?;
        table.range(heights)?.map(|entry| Ok(borsh::from_slice(entry?.1.value())?)).collect()
    }

    /// The lowest decided block that is kept; nothing where none is.
    pub(crate) fn lowest(&self) -> eyre::Result<Option<u64>> {
        Ok(self.0.begin_read()?.open_table(DECIDED)?.first()?.map(|(height, _)| height.value()))
    }

    /// Keeps the blocks that a node begins with in the place of all before.
    pub(crate) fn begin(&self, blocks: &[Decided]) -> eyre::Result<()> {
        self.write("the blocks to begin with could not be kept", |write| {
            let mut table = write.open_table(DECIDED)?;
            for decided in blocks {
                table.insert(decided.height.0, borsh::to_vec(decided)?.as_slice())?;
            }
            Ok(())
        })
    }

    /// The highest decided block.
    pub(crate) fn height(&self) -> eyre::Result<u64> {
        Ok(self.0.begin_read()?.open_table(DECIDED)?.last()?.map_or(0, |(height, _)| height.value()))
    }

    /// The last height whose transactions' records are forgotten; 0 where none are.
    pub(crate) fn forgotten(&self) -> eyre::Result<u64> {
        let table = self.0.begin_read()?.open_table(ABOUT)?;
        let Some(kept) = table.get(FORGOTTEN)? else { return Ok(0) };
        let bytes = kept.value().try_into().wrap_err("the kept height of what is forgotten is damaged")?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// What became of a transaction.
    pub(crate) fn record(&self, id: &[u8; 32]) -> eyre::Result<Option<Vec<u8>>> {
        let table = self.0.begin_read()?.open_table(RECORDS)?;
        Ok(table.get(id.as_slice())?.map(|kept| kept.value().to_vec()))
    }
}

fn bytes(key: &JobKey) -> eyre::Result<Vec<u8>> {
    Ok(borsh::to_vec(&(key.call.0, key.poll, key.about))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(height: u64) -> Decided {
        Decided { height: H(height), round: Round::new(0), id: Id([height as u8; 32]), commits: vec![], block: vec![1] }
    }

    fn proposed(height: u64, round: u32) -> Proposed {
        let round = Round::new(round);
        let (valid_round, proposer, id) = (Round::Nil, Addr([1; 20]), Id([round.as_i64() as u8; 32]));
        Proposed { height: H(height), round, valid_round, proposer, id, bytes: vec![2; 3] }
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), &[1; 32]).expect("opens");
        store.propose(&proposed(1, 0)).expect("keeps");
        store.propose(&proposed(2, 0)).expect("keeps");
        store.propose(&proposed(2, 1)).expect("keeps");
        store.decide(&decided(1), &[([7; 32], b"{}".to_vec())], &Old::default()).expect("keeps");
        drop(store);
        let store = Store::open(dir.path(), &[1; 32]).expect("opens again");
        assert_eq!(store.proposed().expect("reads"), [proposed(2, 0), proposed(2, 1)], "height 1 is decided");
        assert_eq!((store.height().expect("reads"), store.decided(1).expect("reads")), (1, Some(decided(1))));
        assert_eq!(store.record(&[7; 32]).expect("reads"), Some(b"{}".to_vec()));
        assert_eq!((store.decided(2).expect("reads"), store.record(&[8; 32]).expect("reads")), (None, None));
        let old = Old { through: 1, txs: vec![subvm_chain::TxId([7; 32])], blocks: None };
        store.decide(&decided(2), &[], &old).expect("keeps");
        assert_eq!(store.forgotten().expect("reads"), 1);
        assert_eq!(store.record(&[7; 32]).expect("reads"), None, "what is gone is forgotten");
        assert_eq!(store.proposed().expect("reads"), []);
        assert_eq!(store.range(1..=9).expect("reads"), [decided(1), decided(2)]);
        assert_eq!(store.lowest().expect("reads"), Some(1));
        store.decide(&decided(3), &[], &Old { blocks: Some(3), ..old }).expect("keeps");
        assert_eq!((store.lowest().expect("reads"), store.range(1..=9).expect("reads")), (Some(3), vec![decided(3)]));
    }

    #[test]
    fn a_ballot_is_kept_until_nobody_asks_for_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), &[1; 32]).expect("opens");
        let key = |poll| JobKey { call: CallId([1; 32]), poll, about: [2; 32] };
        let cast = [(key(None), Ballot::Timeout), (key(Some(1)), Ballot::Accept { receipt: [3; 32] })];
        cast.iter().for_each(|(key, ballot)| store.cast(key, ballot).expect("keeps"));
        assert_eq!(store.ballots().expect("reads"), cast);
        store.forget(|key| key.poll.is_some()).expect("forgets");
        assert_eq!(store.ballots().expect("reads"), cast[1..]);
    }

    #[test]
    fn a_directory_belongs_to_one_chain_and_one_node() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path(), &[1; 32]).expect("opens");
        let error = Store::open(dir.path(), &[1; 32]).err().expect("is taken").to_string();
        assert!(error.contains("is another node running on it?"), "{error}");
        drop(store);
        let error = Store::open(dir.path(), &[2; 32]).err().expect("another chain's").to_string();
        assert!(error.contains("belongs to another genesis"), "{error}");
    }
}
