//! A node, from its files to a process that answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_malachitebft_app_channel::app::config::{ConsensusConfig, NodeConfig, ValueSyncConfig};
use arc_malachitebft_app_channel::app::engine::network::NetworkIdentity;
use arc_malachitebft_app_channel::app::metrics::SharedRegistry;
use arc_malachitebft_app_channel::app::types::Keypair;
use arc_malachitebft_app_channel::app::types::codec::Codec;
use arc_malachitebft_app_channel::spawn::spawn_network_actor;
use arc_malachitebft_app_channel::{ConsensusContext, EngineBuilder, RequestContext, SyncContext, WalContext};
use arc_malachitebft_signing::Signer;
use arc_malachitebft_signing_ed25519 as ed;
use bytesize::ByteSize;
use eyre::{Context, bail, eyre};
use subvm_bft::{Addr, Check, Ctx, Keys};
use subvm_chain::{Block, Chain, Voter};
use subvm_ledger::RedbLedger;
use tokio::net::TcpListener;

use crate::again::SayAgain;
use crate::app::{App, Begin, Diverged, replay};
use crate::config::{Config, Genesis};
use crate::jobs::Jobs;
use crate::keys::Secret;
use crate::recordings::{Recording, Recordings};
use crate::shared::Shared;
use crate::snapshots::Snapshots;
use crate::store::Store;
use crate::wire::Wire;
use crate::{relay, rpc};

/// Blocks that a node which catches up asks for at once.
const SYNCED: usize = 5;

/// What consensus asks of a configuration.
struct Bft {
    name: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl NodeConfig for Bft {
    fn moniker(&self) -> &str {
        &self.name
    }
    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }
    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }
    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }
    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

impl Bft {
    fn new(config: &Config, block: usize) -> eyre::Result<Self> {
        let address = |text: &String| {
            text.parse()
                .map_err(|error| eyre!("the network address {text}: {error}; it is written as /ip4/10.0.0.1/tcp/27000"))
        };
        let mut consensus = ConsensusConfig::default();
        consensus.p2p.listen_addr = address(&config.network.listen)?;
        consensus.p2p.persistent_peers = config.network.peers.iter().map(address).collect::<eyre::Result<_>>()?;
        // A batch of the largest blocks, with the signatures under them.
        let batch = ByteSize::b((SYNCED * block + (1 << 20)) as u64);
        consensus.p2p.rpc_max_size = batch;
        let sync = ValueSyncConfig {
            status_update_interval: Duration::from_secs(2),
            batch_size: SYNCED,
            max_response_size: batch,
            ..ValueSyncConfig::default()
        };
        Ok(Self { name: config.name.clone(), consensus, sync })
    }
}

/// Runs the node of this file until it is told to stop, or cannot go on.
pub(crate) fn start(file: &Path, tied: bool) -> eyre::Result<()> {
    let config = Config::load(file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(run(config, tied));
    // Runs that still wait for a site are not waited for: they change nothing.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run(config: Config, tied: bool) -> eyre::Result<()> {
    #[cfg(feature = "faults")]
    if config.fault != crate::fault::Fault::Honest {
        tracing::warn!(fault = ?config.fault, "this node misbehaves on purpose");
    }
    let figures = rpc::figures()?;
    let genesis = Genesis::load(&config.genesis)?.chain().wrap_err_with(|| config.genesis.display().to_string())?;
    let secret = Secret::read(&config.key)?;
    let keys = Keys { chain: genesis.chain_id, secret: ed::PrivateKey::from(secret.bytes()) };
    let public = keys.secret.public_key();
    let me = Addr::of(&public);
    let set = crate::files::set(&genesis)?;

    let services = config.vm.services()?;
    #[cfg(not(feature = "faults"))]
    let engine = crate::files::engine(&config.vm)?;
    #[cfg(feature = "faults")]
    let engine = crate::files::faulty_engine(&config.vm, config.fault)?;
    let finality = genesis.rules.finality;
    for (key, keep) in [("keep.records", config.keep.records), ("keep.blocks", config.keep.blocks)] {
        if keep.is_some_and(|blocks| blocks < finality) {
            bail!(
                "{key} is less than the {finality} blocks after which what happened is final: set it to as many at least"
            );
        }
    }
    let genesis = Arc::new(genesis);
    let mut chain = Chain::new(Arc::clone(&genesis), Arc::clone(&engine))?;
    let store = Arc::new(Store::open(&config.data, &crate::files::digest(&genesis))?);
    let snapshots = Snapshots::open(config.data.join("snapshots"), config.snapshots)?;
    let started = std::time::Instant::now();
    let mut ledger = RedbLedger::open(&config.data.join("state"))?;
    tokio::task::block_in_place(|| replay(&mut chain, &store, &mut ledger, &snapshots, &engine))?;
    tracing::info!(height = chain.height(), took = ?started.elapsed(), validator = %me, "the kept blocks are applied");
    chain.run_on(config.jobs.threads());
    let recordings = config.record.runs.then(|| Recordings::open(config.data.join("recordings"), config.record));
    let recordings = recordings.transpose()?.map(Arc::new);
    if let Some(recordings) = &recordings {
        chain.run_by(Arc::new(Recording(Arc::clone(recordings))));
    }

    let beside = (snapshots, recordings);
    let shared = Arc::new(Shared::new(&config, Arc::clone(&genesis), chain, store, ledger, beside));
    let listener = TcpListener::bind(config.rpc.listen)
        .await
        .wrap_err_with(|| format!("cannot listen on {} (rpc.listen): is it taken?", config.rpc.listen))?;
    let block = most_bytes(&genesis);
    let (jobs, told) = Jobs::new(&config, services);
    let voter = Voter::new(salts(&secret), *public.as_bytes());
    let app = Begin { shared: Arc::clone(&shared), me, set, block, voter, jobs, told };
    let mut app = App::open(app, &config)?;

    let (channels, engine) = consensus(&config, block, keys, me).await?;
    let rpc = rpc::serve(listener, &config.rpc, Arc::clone(&shared), figures);
    let relay = relay::pass_on(Arc::clone(&shared), config.rpc.peers.clone());
    tracing::info!(rpc = %config.rpc.listen, network = %config.network.listen, "this node is up");
    let stop = async {
        tokio::select! { stopped = stop() => stopped, () = input_ends(), if tied => Ok(()) }
    };
    tokio::pin!(rpc, stop);
    let ended = tokio::select! {
        ended = app.serve(channels) => ended,
        _ = engine.handle => Err(eyre!("consensus stopped")),
        () = &mut rpc => Err(eyre!("the server of clients stopped")),
        () = relay => Err(eyre!("nothing is passed on any more")),
        stopped = &mut stop => stopped,
    };
    let Some(diverged) = ended.as_ref().err().and_then(|error| error.downcast_ref::<Diverged>()) else { return ended };
    // It must not vote any more. What it has is what its operator needs: it is served until somebody ends the process.
    engine.actor.kill();
    tracing::error!(
        height = diverged.height,
        "{diverged}; this node takes part no more: docs/divergence.md says how to find out why"
    );
    shared.diverge(diverged.to_string());
    tokio::select! {
        () = rpc => {}
        stopped = stop => stopped?,
    }
    ended
}

/// Bytes of the largest block of this chain.
fn most_bytes(genesis: &subvm_chain::Genesis) -> usize {
    usize::try_from(Block::most_bytes(&genesis.rules, genesis.validators.len())).unwrap_or(usize::MAX >> 8)
}

/// What hides this validator's ballots: nobody else can make it, and after a restart it is the same.
fn salts(secret: &Secret) -> [u8; 32] {
    blake3::derive_key("subvm-node 2026-11-30 salts of ballots", &secret.bytes())
}

async fn consensus(
    config: &Config,
    block: usize,
    keys: Keys,
    me: Addr,
) -> eyre::Result<(arc_malachitebft_app_channel::Channels<Ctx>, arc_malachitebft_app_channel::EngineHandle)> {
    let bft = Bft::new(config, block)?;
    // The network knows this machine by another key than the validator's.
    let mut machine = Secret::read(&config.network_key)?.bytes();
    let machine = Keypair::ed25519_from_bytes(&mut machine)?;
    let (public, peer) = (keys.secret.public_key().as_bytes().to_vec(), machine.public().to_peer_id().to_bytes());
    let proof = keys.sign_validator_proof(public, peer).await?;
    let identity = NetworkIdentity::new_validator(bft.name.clone(), machine, me.to_string(), Wire.encode(&proof)?);
    let check = Check { chain: keys.chain };
    let log = config.data.join("wal");
    std::fs::create_dir_all(&log).wrap_err_with(|| format!("cannot make {}", log.display()))?;
    let registry = SharedRegistry::global().with_moniker(bft.moniker());
    let (network, parts) = spawn_network_actor(identity, bft.consensus(), bft.value_sync(), &registry, Wire).await?;
    EngineBuilder::new(Ctx, bft)
        .with_default_wal(WalContext::new(log.join("consensus.wal"), Wire))
        .with_custom_network(SayAgain::before(network).await?, parts)
        .with_default_sync(SyncContext::new(Wire))
        .with_default_consensus(ConsensusContext::new_validator(me, Box::new(check), Box::new(keys)))
        .with_default_request(RequestContext::new(100))
        .build()
        .await
}

/// Until somebody asks the process to end.
async fn stop() -> eyre::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _ = terminate.recv() => {}
    }
    tracing::info!("asked to stop");
    Ok(())
}

/// Until standard input ends.
async fn input_ends() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tell.send(());
    });
    let _ = told.await;
}
