//! `subvm-node`: a validator of a chain of subvm contracts, and what a human needs to act on one. `README.md` beside it says how.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod again;
mod app;
mod begin;
mod client;
mod config;
#[cfg(feature = "faults")]
mod fault;
mod files;
mod forget;
mod jobs;
mod keys;
mod mempool;
mod node;
mod recordings;
mod records;
mod relay;
mod rpc;
mod shared;
mod snapshots;
mod store;
mod streams;
mod testnet;
mod wire;

#[derive(Parser)]
#[command(
    name = "subvm-node",
    version,
    about = "A chain of subvm contracts: validators, and what a human needs to act on one"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the files of a new chain with these many validators: DIR/genesis.toml, and a directory for each node
    Init(files::Init),
    /// Runs a node
    Start {
        /// The node's file
        #[arg(default_value = "node.toml")]
        file: PathBuf,
        /// End when standard input does: for whoever starts nodes, and may be killed
        #[arg(long)]
        tied: bool,
    },
    /// Makes a new node begin with a snapshot of another's, in the place of all blocks before
    Begin(begin::Begin),
    /// Runs a whole chain on this machine: its nodes are processes of their own, with an oracle and a token
    Testnet(testnet::Testnet),
    /// Makes keys, and says whose they are
    Key(client::Key),
    /// Signs a transaction, sends it, and waits for what becomes of it
    Send(client::Send),
    /// Asks a contract, and changes nothing
    View(client::View),
    /// Asks what is known of a transaction
    Receipt(client::Receipt),
}

fn main() -> ExitCode {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,subvm_node=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let ended = match Cli::parse().command {
        Command::Init(init) => init.run(),
        Command::Start { file, tied } => node::start(&file, tied),
        Command::Begin(begin) => begin.run(),
        Command::Testnet(testnet) => testnet.run(),
        Command::Key(key) => key.run(),
        Command::Send(send) => send.run(),
        Command::View(view) => view.run(),
        Command::Receipt(receipt) => receipt.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("subvm-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}
