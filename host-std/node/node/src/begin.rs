//! A new node begins with a snapshot of another's, in the place of all blocks before. It takes it from anybody: the validators' signatures, which are
//! looked at first, say which block it is of and which state it has to lead to. It comes through a file: what is held of it at once does not depend
//! on how large it is, but for the chain that it becomes.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_malachitebft_app_channel::app::types::core::{ThresholdParams, VoteExtensionPolicy};
use arc_malachitebft_signing::VerifierExt;
use clap::Args;
use eyre::{Context, bail, eyre};
use serde_json::Value;
use subvm_bft::{Check, Ctx, Set};
use subvm_chain::{Block, Chain, Genesis, Header, Written};
use subvm_ledger::{Applied, Ledger, RedbLedger};

use crate::config::{self, Config};
use crate::snapshots::{Snapshots, whole};
use crate::store::Store;
use crate::wire::Decided;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer that is no part of a snapshot.
const ANSWER: u64 = 64 << 20;
/// Before something that was refused is asked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often.
const TRIES: u32 = 30;

#[derive(Args)]
pub(crate) struct Begin {
    /// The new node's file
    #[arg(default_value = "node.toml")]
    file: PathBuf,
    /// Where clients find a node of the chain that has a snapshot
    #[arg(long, value_name = "URL")]
    from: String,
    /// The most bytes that are taken
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 30)]
    most: u64,
}

impl Begin {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let config = Config::load(&self.file)?;
        let genesis = config::Genesis::load(&config.genesis)?.chain()?;
        if config.data.exists() {
            bail!(
                "{} is there already: a node that has blocks follows by itself; for a new one, name another directory",
                config.data.display()
            );
        }
        let other = Other::new(&self.from);
        let (height, bytes) = other.newest()?;
        if bytes > self.most {
            bail!("the snapshot of block {height} has {bytes} bytes, and {} are taken at most: see --most", self.most);
        }
        // Who signed what, first: the rest has to be that.
        let blocks = [other.decided(height)?, other.decided(height + 1)?];
        let root = signed(&genesis, &blocks)?;
        // All of it, or nothing.
        let parent = config.data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = tempfile::Builder::new().prefix("begin").tempdir_in(parent)?;
        let snapshots = Snapshots::open(part.path().join("snapshots"), config.snapshots)?;
        let mut taken = tempfile::Builder::new().suffix(".part").tempfile_in(part.path())?;
        other.snapshot(height, bytes, taken.as_file_mut())?;
        let mut file = File::open(taken.path())?;
        let said = whole(&mut file).wrap_err_with(|| format!("the snapshot of {}", self.from))?;
        if said != root {
            bail!("the snapshot is of another state than the one that was signed: take one from another node");
        }
        let engine = crate::files::engine(&config.vm)?;
        let chain = Chain::restore_from(Arc::new(genesis), engine, &mut BufReader::new(file), &root)?;
        if chain.height() != height || chain.last().0 != blocks[0].id.0 {
            bail!("the snapshot is of another block than {height}: take one from another node");
        }
        let store = Store::open(part.path(), &crate::files::digest(chain.genesis()))?;
        fill(&mut RedbLedger::open(&part.path().join("state"))?, &chain)?;
        snapshots.adopt(taken, height)?;
        store.begin(&blocks)?;
        drop(store);
        std::fs::rename(part.path(), &config.data)
            .wrap_err_with(|| format!("cannot make {}", config.data.display()))?;
        println!("block {height}, state {}: signed by the validators, and reproduced", crate::keys::hex(&root));
        println!("Start the node: it follows from there.");
        Ok(())
    }
}

/// The digest of the state after the first of two blocks, once the signatures under both were looked at.
fn signed(genesis: &Genesis, [block, next]: &[Decided; 2]) -> eyre::Result<[u8; 32]> {
    let set = crate::files::set(genesis)?;
    let [header, after] = [block, next].map(|decided| -> eyre::Result<Header> {
        let block = Block::from_bytes(&decided.block, &genesis.rules)
            .map_err(|error| eyre!("block {}: {error}; take it from another node", decided.height.0))?;
        if block.id().0 != decided.id.0 || block.header.height != decided.height.0 {
            bail!("block {} is another one than it is said to be: take it from another node", decided.height.0);
        }
        by_validators(genesis, &set, decided)?;
        Ok(block.header)
    });
    let (header, after) = (header?, after?);
    if after.height != header.height + 1 || after.parent.0 != block.id.0 {
        bail!("block {} does not follow block {}: take them from another node", after.height, header.height);
    }
    Ok(after.root)
}

fn by_validators(genesis: &Genesis, set: &Set, decided: &Decided) -> eyre::Result<()> {
    let certificate = decided.clone().raw().certificate;
    let check = Check { chain: genesis.chain_id };
    let verified = check.verify_extended_commit_certificate(
        &Ctx,
        &certificate,
        set,
        ThresholdParams::default(),
        VoteExtensionPolicy::Required,
    );
    let verified = tokio::runtime::Builder::new_current_thread().build()?.block_on(verified);
    verified.map_err(|error| {
        eyre!("block {} is not signed by this chain's validators: {error}; take it from another node", decided.height.0)
    })
}

/// Pages that are put into a ledger at once.
const PAGES: usize = 16_384;

/// Puts what a chain begins with into a ledger that has nothing.
pub(crate) fn fill(ledger: &mut RedbLedger, chain: &Chain) -> eyre::Result<()> {
    chain.pages_in(PAGES, |Written { height, contracts }| {
        if height == 0 {
            // The ledger begins so.
            return Ok(());
        }
        let contracts = contracts.iter();
        let pages: Vec<Applied<'_>> =
            contracts.map(|(contract, pages)| Applied { contract: *contract, pages }).collect();
        ledger.apply_block(&pages, height)
    })?;
    ledger.finalize(chain.finalized())?;
    Ok(())
}

/// A node that is asked.
struct Other {
    agent: ureq::Agent,
    url: String,
}

impl Other {
    fn new(url: &str) -> Self {
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        Self { agent, url: url.trim_end_matches('/').into() }
    }

    /// What stands there. A node that says that it has too much to do is asked again.
    fn get(&self, path: &str, most: u64) -> eyre::Result<Vec<u8>> {
        for _ in 0..TRIES {
            let mut answer = self
                .agent
                .get(format!("{}{path}", self.url))
                .call()
                .wrap_err_with(|| format!("the node at {} does not answer", self.url))?;
            match answer.status().as_u16() {
                200 => return Ok(answer.body_mut().with_config().limit(most).read_to_vec()?),
                429 => std::thread::sleep(PAUSE),
                404 => bail!("{}{path} is not there: take a snapshot from another node", self.url),
                status => bail!("{}{path} answers with status {status}: is it a node?", self.url),
            }
        }
        bail!("the node at {} has too much to do: take a snapshot from another", self.url)
    }

    /// Height and bytes of its newest snapshot that a block follows which it has, too.
    fn newest(&self) -> eyre::Result<(u64, u64)> {
        let text = self.get("/snapshots", ANSWER)?;
        let list: Value = serde_json::from_slice(&text).wrap_err_with(|| format!("{} is no node", self.url))?;
        let (list, height) = (list["snapshots"].as_array().cloned().unwrap_or_default(), list["height"].as_u64());
        let known = list.iter().filter_map(|one| Some((one["height"].as_u64()?, one["bytes"].as_u64()?)));
        let followed = known.filter(|(own, _)| height.is_some_and(|height| *own < height));
        followed.max().ok_or_else(|| {
            eyre!("the node at {} has no snapshot yet: try another, or start without one and follow", self.url)
        })
    }

    fn snapshot(&self, height: u64, bytes: u64, file: &mut File) -> eyre::Result<()> {
        let mut taken = 0;
        for number in 0.. {
            if taken >= bytes {
                break;
            }
            let part = self.get(&format!("/snapshots/{height}/{number}"), crate::snapshots::PART + 1)?;
            if part.len() as u64 != (bytes - taken).min(crate::snapshots::PART) {
                bail!("{} has other bytes of the snapshot than it said: take one from another node", self.url);
            }
            file.write_all(&part).wrap_err("cannot keep the snapshot: is the disk full?")?;
            taken += part.len() as u64;
        }
        Ok(())
    }

    fn decided(&self, height: u64) -> eyre::Result<Decided> {
        let bytes = self.get(&format!("/decided/{height}"), ANSWER)?;
        borsh::from_slice(&bytes).wrap_err_with(|| format!("block {height} of {}: take it from another", self.url))
    }
}
