//! Known answers for roots of states and proofs under them, in `tests/vectors/state.json`, for other implementations; worked out from the
//! specification alone by `check_state.py`, which shares no code with this.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test state_vectors` records anew; a line in `CHANGELOG.md` says why.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use serde_json::{Value as Json, json};
use subvm_core::state::{Digest, EMPTY, Proof, page_key};
use subvm_core::{Address, SlotId};
use subvm_ledger::trie::{Memory, apply, page, prove, storage_root};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn bytes(json: &Json) -> Vec<u8> {
    let hex = text(json);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

type Page = (Address, SlotId, u32, [u8; 32]);

fn address(contract: u8) -> Address {
    Address([contract; 20])
}

/// Some pages of some contracts, in no order.
fn many() -> Vec<Page> {
    let page = |number: u32| {
        let content = page_key(&address(0), &SlotId([0; 32]), number);
        let slot = SlotId([(number / 7 % 3) as u8; 32]);
        (address((number * number % 5) as u8 + 1), slot, number.wrapping_mul(0x9e37_79b9) >> 5, content)
    };
    (0..60).map(page).collect()
}

fn states() -> Vec<(&'static str, Vec<Page>)> {
    let one = (address(7), SlotId([9; 32]), 3, [5; 32]);
    let zero = (address(8), SlotId([9; 32]), 3, [0; 32]);
    vec![
        ("nothing", vec![]),
        ("zeros alone", vec![zero]),
        ("one page", vec![one]),
        ("two pages of one contract", vec![one, (one.0, one.1, 4, [6; 32])]),
        ("two contracts", vec![one, zero, (address(9), one.1, 3, one.3)]),
        ("many", many()),
    ]
}

fn tree(pages: &[Page]) -> (Memory, Digest) {
    let mut rows = Memory::default();
    let mut root = EMPTY;
    // One after the other, from the last to the first: the order does not show.
    for (contract, slot, number, content) in pages.iter().rev() {
        let change = apply(&mut rows, &BTreeMap::from([(page(contract, slot, *number), *content)])).unwrap();
        rows.extend(change.rows);
        root = change.root;
    }
    (rows, root)
}

fn state(name: &str, pages: &[Page]) -> Json {
    let (mut rows, root) = tree(pages);
    let mut asked: Vec<Page> = pages.iter().step_by(11).copied().collect();
    asked.push((address(7), SlotId([9; 32]), 5, EMPTY));
    asked.push((address(1), SlotId([77; 32]), 0, EMPTY));
    asked.push((address(200), SlotId([9; 32]), 3, EMPTY));
    let mut proof = |(contract, slot, number, held): &Page| {
        let proof = prove(&mut rows, contract, slot, *number).unwrap();
        assert_eq!(proof.page(&root, contract, slot, *number), Ok(*held));
        json!({"contract": hex(&contract.0), "slot": hex(&slot.0), "page": number, "holds": hex(held), "bytes": hex(&proof.to_bytes())})
    };
    let proofs: Vec<Json> = asked.iter().map(&mut proof).collect();
    let storage: BTreeMap<String, String> = pages
        .iter()
        .map(|(contract, ..)| {
            let storage = storage_root(&mut rows, contract).unwrap();
            (hex(&contract.0), hex(&storage))
        })
        .filter(|(_, storage)| *storage != hex(&EMPTY))
        .collect();
    let pages: Vec<Json> = pages
        .iter()
        .map(|(contract, slot, number, content)| json!([hex(&contract.0), hex(&slot.0), number, hex(content)]))
        .collect();
    let refused = refused(&root, &proofs);
    json!({"name": name, "pages": pages, "root": hex(&root), "storage": storage, "proofs": proofs, "refused": refused})
}

/// Proofs that prove nothing of what is asked.
fn refused(root: &Digest, proofs: &[Json]) -> Vec<Json> {
    let changed = |name: &str, change: &dyn Fn(&mut Json)| {
        let mut refused = proofs[0].clone();
        refused["name"] = name.into();
        refused["root"] = hex(root).into();
        refused.as_object_mut().unwrap().remove("holds");
        change(&mut refused);
        refused
    };
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = bytes(&proofs[0]["bytes"]);
        change(&mut raw);
        Json::from(hex(&raw))
    };
    vec![
        changed("another root", &|refused| refused["root"] = hex(&[1; 32]).into()),
        changed("another version", &|refused| refused["bytes"] = with(&|raw| raw[0] = 2)),
        changed("cut", &|refused| refused["bytes"] = with(&|raw| raw.truncate(raw.len() - 1))),
        changed("followed", &|refused| refused["bytes"] = with(&|raw| raw.push(0))),
        changed("its last bit", &|refused| refused["bytes"] = with(&|raw| *raw.last_mut().unwrap() ^= 1)),
    ]
}

#[test]
fn states_are_as_recorded() {
    let computed = json!({"states": states().iter().map(|(name, pages)| state(name, pages)).collect::<Json>()});
    let path = Path::new(VECTORS).join("state.json");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&computed).unwrap() + "\n").unwrap();
    }
    let recorded: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(recorded, computed);
}

#[test]
fn the_core_alone_believes_what_is_proven_and_nothing_that_is_refused() {
    let recorded: Json =
        serde_json::from_str(&fs::read_to_string(Path::new(VECTORS).join("state.json")).unwrap()).unwrap();
    let array = |json: &Json| <[u8; 32]>::try_from(bytes(json)).unwrap();
    let said = |root: &Json, proof: &Json| {
        let contract = Address(bytes(&proof["contract"]).try_into().unwrap());
        let number = u32::try_from(proof["page"].as_u64().unwrap()).unwrap();
        let read = Proof::from_bytes(&bytes(&proof["bytes"]))?;
        read.page(&array(root), &contract, &SlotId(array(&proof["slot"])), number)
    };
    for state in list(&recorded["states"]) {
        for proof in list(&state["proofs"]) {
            assert_eq!(said(&state["root"], proof), Ok(array(&proof["holds"])));
        }
        for refused in list(&state["refused"]) {
            let error = said(&refused["root"], refused).expect_err(text(&refused["name"]));
            println!("{}, {}: {error}", state["name"], refused["name"]);
        }
    }
}

/// Runs the script over a file of vectors; nothing where there is no Python.
fn script(path: &Path) -> Option<(ExitStatus, String)> {
    match Command::new("python3").arg("-B").arg(Path::new(VECTORS).join("check_state.py")).arg(path).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((output.status, String::from_utf8_lossy(&said).into_owned()))
        }
        Err(error) => {
            eprintln!("SKIPPED: states are not worked out from the specification: python3 does not start: {error}");
            None
        }
    }
}

#[test]
fn another_language_works_them_out_from_the_specification() {
    let Some((status, said)) = script(&Path::new(VECTORS).join("state.json")) else { return };
    assert!(status.success(), "{said}");
    assert_eq!(said.lines().filter(|line| line.ends_with(": as recorded")).count(), states().len(), "{said}");
}

/// Each thing that the script works out is one that it finds when it is wrong.
#[test]
fn the_script_finds_what_is_wrong() {
    let recorded = fs::read_to_string(Path::new(VECTORS).join("state.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.json");
    let wrong = |change: &dyn Fn(&mut Json), words: &str| {
        let mut vectors: Json = serde_json::from_str(&recorded).unwrap();
        change(&mut vectors["states"][5]);
        fs::write(&path, vectors.to_string()).unwrap();
        let Some((status, said)) = script(&path) else { return };
        assert!(!status.success() && said.contains(words), "{said}");
    };
    wrong(&|state| state["root"] = hex(&[1; 32]).into(), "root: ");
    wrong(&|state| state["pages"][3][3] = hex(&[1; 32]).into(), "storage: ");
    wrong(&|state| state["proofs"][1]["holds"] = hex(&[1; 32]).into(), "proof 1 holds: ");
    wrong(&|state| state["proofs"][1]["bytes"] = "01".into(), "proof 1: ");
    wrong(&|state| state["refused"][0]["root"] = state["root"].clone(), "another root: it proves");
}
