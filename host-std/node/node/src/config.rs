//! A node's file, and the chain's: TOML, every key of which is known.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use eyre::{Context, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How one node runs. Paths are beside the file, where they are not absolute.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What people call this node.
    pub(crate) name: String,
    /// What all nodes of the chain have in common.
    #[serde(default = "genesis")]
    pub(crate) genesis: PathBuf,
    /// The validator's key.
    #[serde(default = "key")]
    pub(crate) key: PathBuf,
    /// The key by which the network knows this machine.
    #[serde(default = "network_key")]
    pub(crate) network_key: PathBuf,
    /// Where blocks are kept.
    #[serde(default = "data")]
    pub(crate) data: PathBuf,
    /// The network between nodes.
    pub(crate) network: Network,
    /// How long consensus waits.
    #[serde(default)]
    pub(crate) consensus: Timing,
    /// What clients are served.
    pub(crate) rpc: Rpc,
    /// What runs beside consensus.
    #[serde(default)]
    pub(crate) jobs: Jobs,
    /// How long things are kept.
    #[serde(default)]
    pub(crate) keep: Keep,
    /// Which runs are recorded.
    #[serde(default)]
    pub(crate) record: Record,
    /// How often the whole chain is written down.
    #[serde(default)]
    pub(crate) snapshots: Snapshots,
    /// How contracts run, and which modules they have: `docs/config.md`. Its section `consensus` must be empty: that is the genesis' business.
    #[serde(default)]
    pub(crate) vm: subvm_config::Config,
    /// How this node misbehaves, in tests.
    #[cfg(feature = "faults")]
    #[serde(default)]
    pub(crate) fault: crate::fault::Fault,
}

fn genesis() -> PathBuf {
    "genesis.toml".into()
}
fn key() -> PathBuf {
    "validator.key".into()
}
fn network_key() -> PathBuf {
    "network.key".into()
}
fn data() -> PathBuf {
    "data".into()
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// Where other nodes find this one, as `/ip4/0.0.0.0/tcp/27000`.
    pub(crate) listen: String,
    /// Where the others are.
    #[serde(default)]
    pub(crate) peers: Vec<String>,
}

/// Milliseconds. Each round waits longer by the last number.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timing {
    /// From one block to the next, where nothing is slow.
    pub(crate) block: u64,
    /// For a proposal.
    pub(crate) propose: u64,
    /// For prevotes, after two thirds of them differ.
    pub(crate) prevote: u64,
    /// For precommits, likewise.
    pub(crate) precommit: u64,
    /// Added with each round.
    pub(crate) delta: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { block: 1_000, propose: 3_000, prevote: 1_000, precommit: 1_000, delta: 500 }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rpc {
    /// Where clients find this node.
    pub(crate) listen: SocketAddr,
    /// The other nodes' addresses for clients: what is sent to this node is passed on to them, so that any of them may propose it.
    #[serde(default)]
    pub(crate) peers: Vec<SocketAddr>,
    /// Requests of one client in a second.
    #[serde(default = "each_second")]
    pub(crate) each_second: NonZeroU32,
    /// Requests of one client at once.
    #[serde(default = "burst")]
    pub(crate) burst: NonZeroU32,
    /// Connections in all; a client has a quarter of them at most.
    #[serde(default = "connections")]
    pub(crate) connections: usize,
}

impl Rpc {
    /// With the usual limits.
    pub(crate) fn new(listen: SocketAddr, peers: Vec<SocketAddr>) -> Self {
        Self { listen, peers, each_second: each_second(), burst: burst(), connections: connections() }
    }
}

fn each_second() -> NonZeroU32 {
    const { NonZeroU32::new(50).expect("above 0") }
}
fn burst() -> NonZeroU32 {
    const { NonZeroU32::new(200).expect("above 0") }
}
fn connections() -> usize {
    256
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Jobs {
    /// Runs that ask the web or a model, at once.
    pub(crate) at_once: usize,
    /// Seconds that one may take.
    pub(crate) deadline: u64,
    /// Threads on which the deterministic calls of a block run; nothing: as many as there are processors.
    pub(crate) threads: Option<NonZeroUsize>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { at_once: 8, deadline: 60, threads: None }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keep {
    /// Blocks after which it is forgotten what became of a block's transactions; nothing: never.
    pub(crate) records: Option<u64>,
    /// Blocks after which a block itself is forgotten; nothing: never. It takes snapshots.
    pub(crate) blocks: Option<u64>,
}

/// What an operator needs where two nodes differ: `docs/divergence.md`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Record {
    /// Whether runs are recorded, and the digests of each logged.
    pub(crate) runs: bool,
    /// Whether recordings hold the contracts' code, so that they can be replayed alone.
    pub(crate) code: bool,
    /// The most bytes of one.
    pub(crate) bytes: u64,
    /// The most bytes of all that are kept: the oldest go first.
    pub(crate) total: u64,
    /// Blocks for which they are kept.
    pub(crate) keep: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self { runs: false, code: true, bytes: 64 << 20, total: 4 << 30, keep: 1_000 }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Snapshots {
    /// Blocks from one to the next; 0: none are taken.
    pub(crate) every: u64,
    /// How many are kept.
    pub(crate) keep: NonZeroUsize,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { every: 1_000, keep: const { NonZeroUsize::new(2).expect("above 0") } }
    }
}

impl Jobs {
    pub(crate) fn threads(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }
}

impl Config {
    /// Reads a node's file.
    pub(crate) fn load(path: &Path) -> eyre::Result<Self> {
        let mut config: Self = load(path)?;
        let dir = path.parent().unwrap_or(Path::new(""));
        for path in [&mut config.genesis, &mut config.key, &mut config.network_key, &mut config.data] {
            *path = dir.join(&*path);
        }
        if config.jobs.at_once == 0 {
            bail!("{}: jobs.at_once must be at least 1", path.display());
        }
        if config.keep.blocks.is_some() && config.snapshots.every == 0 {
            bail!(
                "{}: keep.blocks takes snapshots, which a node begins with where blocks are gone: set snapshots.every to a number of blocks",
                path.display()
            );
        }
        if config.vm.consensus != subvm_config::Consensus::default() {
            bail!(
                "{}: vm.consensus is the same for all nodes: set it in the genesis, under [consensus]",
                path.display()
            );
        }
        Ok(config)
    }
}

/// What all nodes of a chain have in common.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Genesis {
    /// The chain's number: what is signed for one chain is worth nothing on another.
    pub(crate) chain_id: u64,
    /// Seconds since 1970: the time of the block before the first.
    pub(crate) time: u64,
    /// Who decides.
    pub(crate) validators: Vec<Validator>,
    /// What accounts have, by their address.
    #[serde(default)]
    pub(crate) balances: BTreeMap<String, String>,
    /// The rules, where they are not the usual ones.
    #[serde(default)]
    pub(crate) rules: crate::files::Rules,
    /// The consensus parameters of runs: `docs/config.md`, section `consensus`.
    #[serde(default)]
    pub(crate) consensus: subvm_config::Consensus,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Validator {
    /// Its public key, in hexadecimal.
    pub(crate) key: String,
    /// Its share of the votes.
    #[serde(default = "one")]
    pub(crate) power: u64,
}

fn one() -> u64 {
    1
}

impl Genesis {
    /// Reads a chain's file.
    pub(crate) fn load(path: &Path) -> eyre::Result<Self> {
        load(path)
    }
}

fn load<T: DeserializeOwned>(path: &Path) -> eyre::Result<T> {
    let text = std::fs::read_to_string(path)
        .wrap_err_with(|| format!("cannot read {}; `subvm-node init DIR` makes a node's files", path.display()))?;
    toml::from_str(&text).wrap_err_with(|| format!("{} is not as it should be", path.display()))
}
