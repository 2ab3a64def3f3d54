//! The files of a chain and of its nodes: made by `init`, and what is made of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_malachitebft_signing_ed25519 as ed;
use clap::Args;
use eyre::{Context, bail, eyre};
use serde::{Deserialize, Serialize};
use subvm_bft::{Addr, Set, Validator};
use subvm_core::{Address, Engine, Gas};
use subvm_wasmtime::WasmtimeEngine;

use crate::config::{self, Config, Genesis, Jobs, Network, Rpc, Timing};
use crate::keys::{Secret, hex, hex_bytes};

/// What the account that `init` makes has.
const WEALTH: &str = "1000000000000000000";

/// The rules of a chain, where they are not the usual ones (`subvm_chain::Rules`).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rules {
    base_price: Option<u64>,
    byte_price: Option<u64>,
    time_price: Option<u64>,
    storage_price: Option<u64>,
    data_price: Option<u64>,
    vote_price: Option<u64>,
    bond: Option<u64>,
    gas_time: Option<u64>,
    gas_storage: Option<u64>,
    gas_data: Option<u64>,
    tx_bytes: Option<u64>,
    block_bytes: Option<u64>,
    block_time: Option<u64>,
    backlog: Option<u64>,
    committee: Option<u16>,
    pub(crate) propose_blocks: Option<u64>,
    pub(crate) commit_blocks: Option<u64>,
    pub(crate) reveal_blocks: Option<u64>,
    pub(crate) finality: Option<u64>,
}

impl Rules {
    fn rules(&self) -> subvm_chain::Rules {
        let usual = subvm_chain::Rules::default();
        let price = |own: Option<u64>, usual: u128| own.map_or(usual, u128::from);
        let prices = subvm_chain::Prices {
            base: price(self.base_price, usual.prices.base),
            byte: price(self.byte_price, usual.prices.byte),
            time: price(self.time_price, usual.prices.time),
            storage: price(self.storage_price, usual.prices.storage),
            data: price(self.data_price, usual.prices.data),
            vote: price(self.vote_price, usual.prices.vote),
        };
        let tx_gas = Gas {
            time: self.gas_time.unwrap_or(usual.tx_gas.time),
            storage: self.gas_storage.unwrap_or(usual.tx_gas.storage),
            data: self.gas_data.unwrap_or(usual.tx_gas.data),
        };
        subvm_chain::Rules {
            prices,
            tx_gas,
            tx_bytes: self.tx_bytes.unwrap_or(usual.tx_bytes),
            block_bytes: self.block_bytes.unwrap_or(usual.block_bytes),
            block_time: self.block_time.unwrap_or(usual.block_time),
            backlog: self.backlog.unwrap_or(usual.backlog),
            committee: self.committee.unwrap_or(usual.committee),
            propose_blocks: self.propose_blocks.unwrap_or(usual.propose_blocks),
            commit_blocks: self.commit_blocks.unwrap_or(usual.commit_blocks),
            reveal_blocks: self.reveal_blocks.unwrap_or(usual.reveal_blocks),
            finality: self.finality.unwrap_or(usual.finality),
            bond: price(self.bond, usual.bond),
        }
    }
}

/// An address, as people write it.
pub(crate) fn address(text: &str) -> eyre::Result<Address> {
    let bytes = hex_bytes(text.strip_prefix("0x").unwrap_or(text)).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Address).ok_or_else(|| eyre!("{text} is no address: it takes 40 hexadecimal digits"))
}

impl Genesis {
    /// What the chain's rules make of it.
    pub(crate) fn chain(&self) -> eyre::Result<subvm_chain::Genesis> {
        let validator = |v: &config::Validator| {
            let key = hex_bytes(&v.key).and_then(|bytes| bytes.try_into().ok());
            let key =
                key.ok_or_else(|| eyre!("the validator's key {} is none: it takes 64 hexadecimal digits", v.key))?;
            Ok(subvm_chain::Validator { key, power: v.power })
        };
        let balance = |(account, amount): (&String, &String)| {
            let amount = amount.parse().map_err(|_| eyre!("the balance {amount} of {account} is no number"))?;
            Ok((address(account)?, amount))
        };
        if self.consensus.from != subvm_config::Consensus::default().from || !self.consensus.changes.is_empty() {
            bail!(
                "consensus.from and consensus.changes: the rules of this chain hold from the first block on; remove both"
            );
        }
        let rules = self.consensus.rules()?;
        Ok(subvm_chain::Genesis {
            chain_id: self.chain_id,
            time: self.time.checked_mul(1_000_000_000).ok_or_else(|| eyre!("time is too large: it is in seconds"))?,
            validators: self.validators.iter().map(validator).collect::<eyre::Result<_>>()?,
            balances: self.balances.iter().map(balance).collect::<eyre::Result<_>>()?,
            contracts: Vec::new(),
            rules: self.rules.rules(),
            params: (**rules.at(self.consensus.from)?).clone(),
        })
    }
}

/// The validators, as consensus has them.
pub(crate) fn set(genesis: &subvm_chain::Genesis) -> eyre::Result<Set> {
    let one = |v: &subvm_chain::Validator| {
        let key = ed::PublicKey::from_bytes(v.key).map_err(|_| eyre!("{} is no public key", hex(&v.key)))?;
        Ok(Validator { addr: Addr::of(&key), key, power: v.power })
    };
    Ok(Set::new(genesis.validators.iter().map(one).collect::<eyre::Result<_>>()?)?)
}

/// What tells a chain's beginning from another's.
pub(crate) fn digest(genesis: &subvm_chain::Genesis) -> [u8; 32] {
    let subvm_chain::Genesis { chain_id, time, validators, balances, rules, params, contracts: _ } = genesis;
    // Nobody else reads this: the debug form is as good as any other.
    *blake3::hash(format!("{chain_id} {time} {validators:?} {balances:?} {rules:?} {params:?}").as_bytes()).as_bytes()
}

/// The engine that the configuration names.
pub(crate) fn engine(vm: &subvm_config::Config) -> eyre::Result<Arc<dyn Engine>> {
    build(vm.run.engine.builder()?.unwrap_or_else(WasmtimeEngine::builder))
}

/// The same, on a machine that may compute wrongly.
#[cfg(feature = "faults")]
pub(crate) fn faulty_engine(vm: &subvm_config::Config, fault: crate::fault::Fault) -> eyre::Result<Arc<dyn Engine>> {
    let builder = vm.run.engine.builder()?.unwrap_or_else(WasmtimeEngine::builder);
    build(match fault.look() {
        Some(look) => builder.look(look),
        None => builder,
    })
}

fn build(builder: subvm_wasmtime::EngineBuilder) -> eyre::Result<Arc<dyn Engine>> {
    Ok(Arc::new(builder.build().map_err(|error| eyre!("wasmtime does not run here: {error}"))?))
}

#[derive(Args)]
pub(crate) struct Init {
    /// Where the files go
    dir: PathBuf,
    /// How many validators
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    validators: u16,
    /// The chain's number
    #[arg(long, default_value_t = 1)]
    chain_id: u64,
    /// The first port: node I has PORT + I for the network, and PORT + 1000 + I for clients
    #[arg(long, default_value_t = 27_000, value_parser = clap::value_parser!(u16).range(1_024..=60_000))]
    port: u16,
}

impl Init {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let files = make(&self.dir, self.validators, self.chain_id, self.port, |_| {})?;
        println!("{} nodes: start each with `subvm-node start`, as", files.len());
        files.iter().for_each(|file| println!("  subvm-node start {}", file.display()));
        println!("The key in {} owns all money.", self.dir.join("owner.key").display());
        Ok(())
    }
}

/// Makes the files of a chain, after `change` had its way with them. Gives the nodes' files.
pub(crate) fn make(
    dir: &Path,
    validators: u16,
    chain_id: u64,
    port: u16,
    change: impl Fn(&mut Config),
) -> eyre::Result<Vec<PathBuf>> {
    if dir.join("genesis.toml").exists() {
        bail!("{} holds a chain already: name another directory", dir.display());
    }
    std::fs::create_dir_all(dir).wrap_err_with(|| format!("cannot make {}", dir.display()))?;
    let owner = Secret::new()?;
    owner.write(&dir.join("owner.key"))?;
    let mut genesis = Genesis {
        chain_id,
        time: crate::app::now() / 1_000_000_000,
        validators: Vec::new(),
        balances: [(crate::client::account(&owner).to_string(), WEALTH.into())].into(),
        rules: Rules::default(),
        consensus: subvm_config::Consensus::default(),
    };
    let mut files = Vec::new();
    for index in 0..validators {
        let home = dir.join(format!("node{index}"));
        std::fs::create_dir_all(&home)?;
        let key = Secret::new()?;
        key.write(&home.join("validator.key"))?;
        Secret::new()?.write(&home.join("network.key"))?;
        let public = ed::PrivateKey::from(key.bytes()).public_key();
        genesis.validators.push(config::Validator { key: hex(public.as_bytes()), power: 1 });
        let mut config = node(index, validators, port);
        change(&mut config);
        let file = home.join("node.toml");
        std::fs::write(&file, toml::to_string(&config)?)?;
        files.push(file);
    }
    std::fs::write(dir.join("genesis.toml"), toml::to_string(&genesis)?)?;
    Ok(files)
}

fn node(index: u16, validators: u16, port: u16) -> Config {
    let others = || (0..validators).filter(|other| *other != index);
    let network = |index: u16| format!("/ip4/127.0.0.1/tcp/{}", port + index);
    let clients = |index: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port + 1_000 + index);
    Config {
        name: format!("node{index}"),
        genesis: "../genesis.toml".into(),
        key: "validator.key".into(),
        network_key: "network.key".into(),
        data: "data".into(),
        network: Network { listen: network(index), peers: others().map(network).collect() },
        consensus: Timing::default(),
        rpc: Rpc::new(clients(index), others().map(clients).collect()),
        jobs: Jobs::default(),
        keep: config::Keep::default(),
        record: config::Record::default(),
        snapshots: config::Snapshots::default(),
        vm: subvm_config::Config::default(),
        #[cfg(feature = "faults")]
        fault: crate::fault::Fault::Honest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genesis(consensus: &str) -> eyre::Result<subvm_chain::Genesis> {
        let text = format!("chain_id = 1\ntime = 0\nvalidators = []\n{consensus}");
        toml::from_str::<Genesis>(&text).expect("a genesis").chain()
    }

    /// A chain that went on with its first rules where its file says others would not be what its operators agreed on.
    #[test]
    fn rules_that_the_chain_would_not_keep_are_refused() {
        let depth = genesis("[consensus]\nlimits.depth = 7").expect("is kept").params.limits.depth;
        assert_eq!(depth, 7);
        for other in ["[[consensus.changes]]\nfrom = 100\nlimits.depth = 8", "[consensus]\nfrom = 5"] {
            let error = genesis(other).expect_err(other).to_string();
            assert!(error.contains("from the first block on"), "{error}");
        }
        assert!(genesis("[consensus]\nlimits.gas_time = 9223372036854775808").is_err(), "no engine counts so far");
    }
}
