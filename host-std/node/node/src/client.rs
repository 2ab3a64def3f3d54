//! What a human needs to act on a chain: keys, transactions, views. Transactions are made and signed here; a node only takes them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use ed25519_dalek::SigningKey;
use eyre::{Context, bail, eyre};
use serde_json::{Value, json};
use subvm_chain::{Action, SignedTx, Tx, TxId};
use subvm_core::wasi::Refused;
use subvm_core::{Address, Gas, Package, Parts, calldata};

use crate::files::address;
use crate::keys::{Secret, hex};

/// How long an answer of a node may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two questions whether a transaction came to its end.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of an answer.
const ANSWER: u64 = 64 << 20;

/// The account of a key.
pub(crate) fn account(secret: &Secret) -> Address {
    subvm_chain::address(&public(secret))
}

fn public(secret: &Secret) -> [u8; 32] {
    SigningKey::from_bytes(&secret.bytes()).verifying_key().to_bytes()
}

/// What is deployed: a bundle as it is, or a module by itself.
pub(crate) fn bundle(bytes: &[u8]) -> eyre::Result<Vec<u8>> {
    if bytes.starts_with(b"\0asm") {
        let parts = Parts { start: bytes.into(), ..Parts::default() };
        return Ok(parts.check(&Refused::default()).map_err(|error| eyre!("{error}"))?.to_bundle());
    }
    Package::from_bundle(bytes).map_err(|error| eyre!("it is neither a WebAssembly module nor a bundle: {error}"))?;
    Ok(bytes.to_vec())
}

/// A node that answers JSON-RPC.
pub(crate) struct Node {
    agent: ureq::Agent,
    url: String,
}

impl Node {
    pub(crate) fn new(url: &str) -> Self {
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        Self { agent, url: url.into() }
    }

    /// Calls a method.
    pub(crate) fn call(&self, method: &str, params: Value) -> eyre::Result<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(body.to_string())
            .wrap_err_with(|| format!("the node at {} does not answer", self.url))?;
        let text = answer.body_mut().with_config().limit(ANSWER).read_to_string()?;
        let mut answer: Value = serde_json::from_str(&text)
            .wrap_err_with(|| format!("{} is no node: it answered {text:.200}", self.url))?;
        match answer["error"]["message"].as_str() {
            Some(message) => bail!("{method}: {message}"),
            None => Ok(answer["result"].take()),
        }
    }

    /// Signs what `secret`'s account wants, and sends it. Gives its name and its nonce.
    pub(crate) fn send(&self, secret: &Secret, wish: &Wish) -> eyre::Result<(TxId, u64)> {
        let from = public(secret);
        let status = self.call("status", json!({}))?;
        let chain_id = status["chain_id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| eyre!("{} is no node of a chain", self.url))?;
        let nonce = match wish.nonce {
            Some(nonce) => nonce,
            None => self.call("account", json!({"address": subvm_chain::address(&from).to_string()}))?["next_nonce"]
                .as_u64()
                .ok_or_else(|| eyre!("the node tells no nonce"))?,
        };
        let tx = Tx { chain_id, from, nonce, gas: wish.gas, nondet: wish.nondet, action: wish.action.clone() };
        let signed = SignedTx::sign(tx, &SigningKey::from_bytes(&secret.bytes()));
        self.call("submit", json!({"tx": hex(&signed.to_bytes())}))?;
        Ok((signed.tx.id(), nonce))
    }

    /// Waits until a transaction came to its end, as far as one node knows.
    pub(crate) fn ended(&self, id: &TxId, patience: Duration) -> eyre::Result<Value> {
        let began = Instant::now();
        loop {
            let record = self.call("transaction", json!({"id": id.to_string()}))?;
            if record["ended"] == true {
                return Ok(record);
            }
            if began.elapsed() > patience {
                bail!(
                    "{id} is not at its end after {} s: {}; ask again with `subvm-node receipt {id}`",
                    patience.as_secs(),
                    record["status"]
                );
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// What somebody wants.
pub(crate) struct Wish {
    pub(crate) action: Action,
    pub(crate) nondet: bool,
    pub(crate) gas: Gas,
    pub(crate) nonce: Option<u64>,
}

impl Wish {
    /// With the usual gas.
    pub(crate) fn new(action: Action) -> Self {
        Self { action, nondet: false, gas: crate::rpc::GAS, nonce: None }
    }
}

#[derive(Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Makes a key in FILE, which only you may read
    New { file: PathBuf },
    /// Says whose key FILE is
    Show { file: PathBuf },
}

impl Key {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let secret = match &self.command {
            KeyCommand::New { file } => {
                let secret = Secret::new()?;
                secret.write(file)?;
                secret
            }
            KeyCommand::Show { file } => Secret::read(file)?,
        };
        println!("account    {}", account(&secret));
        println!("public key {}", hex(&public(&secret)));
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Where {
    /// The node to ask
    #[arg(long, env = "SUBVM_NODE", default_value = "http://127.0.0.1:28000")]
    node: String,
}

#[derive(Args)]
pub(crate) struct Send {
    #[command(flatten)]
    at: Where,
    /// The file of the key that signs and pays
    #[arg(long, env = "SUBVM_KEY")]
    key: PathBuf,
    /// It may ask the web or a model, so that its result is voted on
    #[arg(long)]
    nondet: bool,
    /// Ticks that it may use
    #[arg(long, default_value_t = crate::rpc::GAS.time)]
    gas_time: u64,
    /// Pages of storage that it may use
    #[arg(long, default_value_t = crate::rpc::GAS.storage)]
    gas_storage: u64,
    /// Bytes of data that it may use
    #[arg(long, default_value_t = crate::rpc::GAS.data)]
    gas_data: u64,
    /// Its number, where it is not the account's next
    #[arg(long)]
    nonce: Option<u64>,
    /// Do not wait for its end
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait for its end
    #[arg(long, default_value_t = 120)]
    wait: u64,
    #[command(subcommand)]
    action: SendAction,
}

#[derive(Subcommand)]
enum SendAction {
    /// Deploys a contract: a module (.wasm) or a bundle
    Deploy {
        file: PathBuf,
        /// What its constructor is called with, in calldata's text form, as {"supply": 1000}
        #[arg(default_value = "{}")]
        data: String,
        #[arg(long, default_value_t = 0)]
        value: u128,
    },
    /// Calls a contract
    Call {
        contract: String,
        /// In calldata's text form, as {"method": "transfer", "to": addr#..., "amount": 5}
        data: String,
        #[arg(long, default_value_t = 0)]
        value: u128,
    },
    /// Sends money
    Transfer { to: String, value: u128 },
    /// Has a larger committee vote on a call's result again
    Appeal { call: String },
}

fn encoded(text: &str) -> eyre::Result<Vec<u8>> {
    let value: calldata::Value = text.parse().map_err(|error| eyre!("{text} is no calldata: {error}"))?;
    value.encode().map_err(|error| eyre!("{text} cannot be encoded: {error}"))
}

fn deploy(file: &Path, data: &str, value: u128) -> eyre::Result<Action> {
    let bytes = std::fs::read(file).wrap_err_with(|| format!("cannot read {}", file.display()))?;
    let bundle = bundle(&bytes).wrap_err_with(|| file.display().to_string())?;
    Ok(Action::Deploy { bundle, value, data: encoded(data)? })
}

impl SendAction {
    fn action(&self) -> eyre::Result<Action> {
        Ok(match self {
            Self::Deploy { file, data, value } => deploy(file, data, *value)?,
            Self::Call { contract, data, value } => {
                Action::Call { to: address(contract)?, value: *value, data: encoded(data)? }
            }
            Self::Transfer { to, value } => Action::Transfer { to: address(to)?, value: *value },
            Self::Appeal { call } => Action::Appeal { call: call.parse().map_err(|error| eyre!("{call}: {error}"))? },
        })
    }
}

impl Send {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let secret = Secret::read(&self.key)?;
        let node = Node::new(&self.at.node);
        let gas = Gas { time: self.gas_time, storage: self.gas_storage, data: self.gas_data };
        let wish = Wish { action: self.action.action()?, nondet: self.nondet, gas, nonce: self.nonce };
        let (id, nonce) = node.send(&secret, &wish)?;
        println!("sent {id}");
        if let Action::Deploy { .. } = wish.action {
            println!("contract {}", subvm_chain::contract_address(&account(&secret), nonce));
        }
        if self.no_wait {
            return Ok(());
        }
        show(&node.ended(&id, Duration::from_secs(self.wait))?);
        Ok(())
    }
}

/// A transaction's record, for people.
fn show(record: &Value) {
    println!("{}", record["status"].as_str().unwrap_or("unknown"));
    for step in record["steps"].as_array().into_iter().flatten() {
        println!(
            "  block {}: {} of {}",
            step["height"],
            step["text"].as_str().unwrap_or_default(),
            step["contract"].as_str().unwrap_or_default()
        );
        for vote in step["votes"].as_array().into_iter().flatten() {
            println!(
                "    validator {}: {}: {}",
                vote["validator"],
                vote["vote"].as_str().unwrap_or_default(),
                vote["reason"].as_str().unwrap_or_default()
            );
        }
        let result = &step["receipt"]["result"];
        if let (Some(kind), Some(text)) = (result["kind"].as_str(), result["text"].as_str()) {
            println!("    {kind} {text}, {} ticks", step["receipt"]["gas"]["time"]);
        }
    }
}

#[derive(Args)]
pub(crate) struct View {
    #[command(flatten)]
    at: Where,
    contract: String,
    /// In calldata's text form, as {"method": "supply"}
    data: String,
}

impl View {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let answer = Node::new(&self.at.node)
            .call("view", json!({"to": address(&self.contract)?.to_string(), "data": self.data}))?;
        let text = answer["text"].as_str().unwrap_or_default();
        match answer["kind"].as_str() {
            Some("return") => println!("{text}"),
            kind => bail!("{}: {text}", kind.unwrap_or("no answer")),
        }
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Receipt {
    #[command(flatten)]
    at: Where,
    /// The transaction
    id: String,
    /// As the node tells it
    #[arg(long)]
    json: bool,
}

impl Receipt {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let record = Node::new(&self.at.node).call("transaction", json!({"id": self.id}))?;
        if self.json {
            println!("{record:#}");
        } else {
            show(&record);
        }
        Ok(())
    }
}
