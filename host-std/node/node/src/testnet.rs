//! A whole chain on one machine: nodes as processes of this program, a page for the oracle to ask, an oracle and a token.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use eyre::{Context, bail, eyre};
use serde_json::json;
use subvm_chain::{Action, contract_address};
use subvm_core::calldata::{Map, Value};

use crate::client::{Node, Wish, account, bundle};
use crate::files;
use crate::keys::Secret;

const ORACLE: &[u8] = include_bytes!("../../../examples/oracle/oracle.wasm");
const TOKEN: &[u8] = include_bytes!("../../../../tests/guests/contracts/wasm/token.wasm");
/// Tokens that the owner gets.
const SUPPLY: u64 = 1_000_000;
/// How long the nodes may take to answer, and to find each other.
const START: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(crate) struct Testnet {
    /// How many nodes
    #[arg(default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: u16,
    /// Where its files go; without it, a directory that is removed at the end
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The first port: node I has PORT + I for the network, and PORT + 1000 + I for clients; the page that the oracle asks has PORT + 999
    #[arg(long, default_value_t = 27_000, value_parser = clap::value_parser!(u16).range(1_024..=60_000))]
    port: u16,
    /// Milliseconds from one block to the next
    #[arg(long, default_value_t = 1_000)]
    block: u64,
    /// End once the oracle and the token are there, and a call of each came to its end
    #[arg(long)]
    once: bool,
}

/// Processes that end with this one.
struct Nodes(Vec<Child>);

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Testnet {
    pub(crate) fn run(self) -> eyre::Result<()> {
        let temporary;
        let dir = match &self.dir {
            Some(dir) => dir.as_path(),
            None => {
                temporary = tempfile::tempdir()?;
                temporary.path()
            }
        };
        let site = self.site()?;
        let files = self.files(dir)?;
        let mut nodes = Nodes(Vec::new());
        for file in &files {
            nodes.0.push(start(file)?);
        }
        let node = Node::new(&self.url(0));
        self.wait(&mut nodes, &node)?;
        let owner = dir.join("owner.key");
        self.act(&node, &owner, site)?;
        if self.once {
            return Ok(());
        }
        println!("\nCtrl-C ends it.");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    asked = tokio::signal::ctrl_c() => return Ok(asked?),
                    () = tokio::time::sleep(Duration::from_secs(1)) => alive(&mut nodes)?,
                }
            }
        })
    }

    fn url(&self, index: u16) -> String {
        format!("http://127.0.0.1:{}", self.port + 1_000 + index)
    }

    /// The chain's files: made anew, or those that are there.
    fn files(&self, dir: &Path) -> eyre::Result<Vec<PathBuf>> {
        if dir.join("genesis.toml").exists() {
            return Ok((0..self.nodes).map(|index| dir.join(format!("node{index}/node.toml"))).collect());
        }
        let site = self.port + 999;
        files::make(dir, self.nodes, 1, self.port, |config| {
            config.consensus.block = self.block;
            config.vm.web.enabled = true;
            config.vm.web.ports = vec![site];
            // The site is on this machine, where guests may go only if a node says so.
            config.vm.web.allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
        })
    }

    fn wait(&self, nodes: &mut Nodes, node: &Node) -> eyre::Result<()> {
        println!(
            "{} nodes start: the first block comes once more than two thirds of them have found each other.",
            self.nodes
        );
        let began = Instant::now();
        while !node
            .call("status", json!({}))
            .is_ok_and(|status| status["height"].as_u64().is_some_and(|height| height > 1))
        {
            alive(nodes)?;
            if began.elapsed() > START {
                bail!("there is no block after {} s: RUST_LOG=info says more", START.as_secs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        for index in 0..self.nodes {
            println!("  node {index}: {}", self.url(index));
        }
        Ok(())
    }

    /// Deploys an oracle and a token, calls both, and says how to go on.
    fn act(&self, node: &Node, owner: &Path, site: u16) -> eyre::Result<()> {
        let secret = Secret::read(owner)?;
        let from = account(&secret);
        let patience = Duration::from_secs(120);
        let deploy = |what: &str, code: &[u8], data: Value| -> eyre::Result<subvm_core::Address> {
            let action = Action::Deploy { bundle: bundle(code)?, value: 0, data: encode(&data)? };
            let (id, nonce) =
                node.send(&secret, &Wish::new(action)).wrap_err_with(|| format!("the {what} was not deployed"))?;
            let record = node.ended(&id, patience)?;
            if record["status"] != "returned" {
                bail!("the {what} was not deployed: {record:#}");
            }
            Ok(contract_address(&from, nonce))
        };
        let oracle = deploy("oracle", ORACLE, Map::from([("method", Value::from("get"))]).into())?;
        let token = deploy("token", TOKEN, Map::from([("supply", Value::from(SUPPLY))]).into())?;
        println!("  oracle: {oracle}\n  token:  {token}");

        let url = format!("http://127.0.0.1:{site}/price");
        let ask = Map::from([("method", Value::from("ask")), ("url", Value::from(url.as_str()))]);
        let call = Action::Call { to: oracle, value: 0, data: encode(&ask.into())? };
        let (id, _) = node.send(&secret, &Wish { nondet: true, ..Wish::new(call) })?;
        let record = node.ended(&id, patience)?;
        println!("\nThe oracle asked {url}: {}, by transaction {id}", record["status"].as_str().unwrap_or_default());
        for step in record["steps"].as_array().into_iter().flatten() {
            for vote in step["votes"].as_array().into_iter().flatten() {
                println!("  validator {}: {}", vote["validator"], vote["vote"].as_str().unwrap_or_default());
            }
        }
        let to = "00000000000000000000000000000000000000aa";
        let program = std::env::current_exe().ok().map_or("subvm-node".into(), |path| path.display().to_string());
        println!("\nThe page: {}\n\nThe first transactions, as the owner of all money:\n", self.url(0));
        println!("  export SUBVM_NODE={} SUBVM_KEY={}", self.url(0), owner.display());
        println!("  {program} send transfer {to} 1000");
        println!("  {program} send call {token} '{{\"method\": \"transfer\", \"to\": addr#{to}, \"amount\": 5}}'");
        println!("  {program} view {token} '{{\"method\": \"balance_of\", \"owner\": addr#{to}}}'");
        println!("  {program} send --nondet call {oracle} '{{\"method\": \"ask\", \"url\": \"{url}\"}}'");
        if self.once {
            let pay = Map::from([
                ("method", Value::from("transfer")),
                ("to", Value::Address(files::address(to)?)),
                ("amount", Value::from(5)),
            ]);
            let (id, _) =
                node.send(&secret, &Wish::new(Action::Call { to: token, value: 0, data: encode(&pay.into())? }))?;
            let paid = node.ended(&id, patience)?;
            println!("\nThe token moved: {}", paid["status"].as_str().unwrap_or_default());
            if (paid["status"] != "returned") || (record["status"] != "accepted") {
                bail!("the calls did not come to what they should: {paid:#} {record:#}");
            }
        }
        Ok(())
    }

    /// A page that tells a price, on loopback. Gives its port.
    fn site(&self) -> eyre::Result<u16> {
        let port = self.port + 999;
        let listener = TcpListener::bind(("127.0.0.1", port))
            .wrap_err_with(|| format!("cannot listen on port {port}: is a chain running already?"))?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(stream));
            }
        });
        Ok(port)
    }
}

/// One price, to whoever asks.
fn answer(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let Ok(read) = stream.try_clone() else { return };
    for line in BufReader::new(read).lines() {
        match line {
            Ok(line) if !line.is_empty() => {}
            _ => break,
        }
    }
    let body = "42.5\n";
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn encode(value: &Value) -> eyre::Result<Vec<u8>> {
    value.encode().map_err(|error| eyre!("{error}"))
}

fn start(file: &Path) -> eyre::Result<Child> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command.arg("start").arg("--tied").arg(file).stdin(Stdio::piped());
    if std::env::var_os("RUST_LOG").is_none() {
        // Until all are up they complain that others are not.
        command.env("RUST_LOG", "error,arc_malachitebft_network=off");
    }
    command.spawn().wrap_err_with(|| format!("cannot start {}", program.display()))
}

fn alive(nodes: &mut Nodes) -> eyre::Result<()> {
    for (index, child) in nodes.0.iter_mut().enumerate() {
        if let Some(status) = child.try_wait()? {
            bail!("node {index} ended: {status}");
        }
    }
    Ok(())
}
