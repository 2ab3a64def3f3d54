//! `subvm ledger proof`: what a page holds, for who does not trust this node.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use subvm_core::state::{self, Digest, EMPTY};
use subvm_core::{Address, SlotId};

use super::place::Place;
use super::{digest, told, unusable};
use crate::report::hex;
use crate::{Failure, input};
use subvm_host_std::ledger::RedbOptions;

/// Proves what a page holds at a height, or checks such a proof, for which no ledger is needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm ledger proof --contract 0x01.. --slot 00.. --page 3 --output page.proof chain
  subvm ledger proof --contract 0x01.. --slot 00.. --page 3 --check page.proof --root 3a7f..")]
pub(crate) struct Proof {
    /// The ledger's directory; or @FILE, settings of one in PostgreSQL
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    ledger: Option<PathBuf>,
    /// The contract
    #[arg(long, value_name = "ADDRESS", value_parser = contract)]
    contract: Address,
    /// The slot
    #[arg(long, value_name = "HEX", value_parser = digest)]
    slot: Digest,
    /// The page in the slot: its bytes 32 * N to 32 * N + 31
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..1 << 27))]
    page: u32,
    /// The height [default: the newest that is final]
    #[arg(long, value_name = "N", conflicts_with = "check")]
    height: Option<u64>,
    /// Write the proof here
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Check this proof
    #[arg(long, value_name = "FILE", requires = "root")]
    check: Option<PathBuf>,
    /// The root that you trust
    #[arg(long, value_name = "HEX", value_parser = digest, requires = "check")]
    root: Option<Digest>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Proof {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        match (&self.check, &self.root, &self.ledger) {
            (Some(file), Some(root), _) => {
                let unproven = |error| Failure::usage(format_args!("{} proves nothing", file.display()), error);
                let proof = state::Proof::from_bytes(&input::file(file)?).map_err(unproven)?;
                self.told(None, root, &proof)
            }
            (_, _, Some(place)) => {
                let mut opened = Place::of(place).read(RedbOptions { verify: false, ..RedbOptions::default() })?;
                let ledger = opened.ledger();
                let height = match self.height {
                    Some(height) => height,
                    None => ledger.heights().map_err(unusable)?.finalized,
                };
                let root = ledger.root(height).map_err(unusable)?;
                let proof = ledger.prove(height, &self.contract, &SlotId(self.slot), self.page).map_err(unusable)?;
                if let Some(output) = &self.output {
                    fs::write(output, proof.to_bytes())
                        .map_err(|error| Failure::usage(format_args!("cannot write {}", output.display()), error))?;
                }
                self.told(Some(height), &root, &proof)
            }
            _ => Err(Failure::Usage("name a ledger, or a proof to check; try --help".into())),
        }
    }

    fn told(&self, height: Option<u64>, root: &Digest, proof: &state::Proof) -> Result<u8, Failure> {
        let unproven = |error| Failure::usage("the proof does not hold", error);
        let content = proof.page(root, &self.contract, &SlotId(self.slot), self.page).map_err(unproven)?;
        let storage = proof.storage(root, &self.contract).map_err(unproven)?;
        let bytes = proof.to_bytes();
        let object = json!({
            "height": height,
            "root": hex(root),
            "storage_root": hex(&storage),
            "content": hex(&content),
            "written": content != EMPTY,
            "proof": hex(&bytes),
        });
        let mut lines: Vec<String> = height.map(|height| format!("height   {height}")).into_iter().collect();
        lines.push(format!("root     {}", hex(root)));
        lines.push(format!("storage  {}", hex(&storage)));
        lines.push(format!("content  {}", hex(&content)));
        lines.push(format!("proof    {} bytes: {}", bytes.len(), hex(&bytes)));
        told(self.json, &object, &lines)
    }
}

fn contract(text: &str) -> Result<Address, String> {
    input::address(text).ok_or_else(|| "give an address: 40 hexadecimal digits".to_owned())
}
