//! What the crates that decide receipts are built from. `tests/supply.txt` lists it; `SUBVM_RECORD=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// Each of them is `no_std`, and comes to the same bytes on every node.
const CONSENSUS: [&str; 6] =
    ["subvm-calldata", "subvm-core", "subvm-link", "subvm-lower", "subvm-softfloat", "subvm-wasmi"];

/// Names by identity, and what each needs to run: not what it is tested or built with.
struct Graph {
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn of(metadata: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let packages = metadata["packages"].as_array().unwrap();
        let names = packages.iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let is_normal = |dep: &&Value| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
        let needs = |node: &Value| {
            node["deps"].as_array().unwrap().iter().filter(is_normal).map(|dep| text(&dep["pkg"])).collect()
        };
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        Self { names, needs: nodes.iter().map(|node| (text(&node["id"]), needs(node))).collect() }
    }

    /// The names of all that `name` is built from, however far.
    fn below(&self, name: &str) -> BTreeSet<&str> {
        let start = self.names.iter().find(|(_, of)| *of == name).unwrap_or_else(|| panic!("no crate {name}")).0;
        let mut found = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            open.extend(self.needs[id].iter().filter(|needed| found.insert(needed.as_str())));
        }
        found.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

fn page(graph: &Graph) -> String {
    let mut page = String::from(
        "# What the crates that decide receipts are built from, with all features that the workspace turns on. Checked by tests/tests/supply.rs.\n",
    );
    for name in CONSENSUS {
        let below: Vec<_> = graph.below(name).into_iter().collect();
        writeln!(page, "\n{name}\n    {}", below.join("\n    ")).unwrap();
    }
    page
}

#[test]
fn nothing_new_decides_receipts_unseen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = env::var_os("CARGO").expect("cargo runs its tests with its own path");
    // What was resolved to build this test is on this machine, for this platform.
    let run = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform=x86_64-unknown-linux-gnu"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(run.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&run.stderr));
    let found = page(&Graph::of(&serde_json::from_slice(&run.stdout).unwrap()));
    let file = root.join("supply.txt");
    if env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&file, &found).unwrap();
    }
    let recorded = fs::read_to_string(&file).unwrap();
    assert_eq!(found, recorded, "a crate came or went: say why in docs/RATIONALE.md, then SUBVM_RECORD=1");
}

#[test]
fn what_a_crate_needs_only_to_be_tested_is_not_counted() {
    let metadata = serde_json::json!({
        "packages": [{ "id": "a 1", "name": "a" }, { "id": "b 1", "name": "b" }, { "id": "c 1", "name": "c" }, { "id": "d 1", "name": "d" }],
        "resolve": { "nodes": [
            { "id": "a 1", "deps": [
                { "pkg": "b 1", "dep_kinds": [{ "kind": null }, { "kind": "dev" }] },
                { "pkg": "d 1", "dep_kinds": [{ "kind": "dev" }] },
            ] },
            { "id": "b 1", "deps": [{ "pkg": "c 1", "dep_kinds": [{ "kind": null }] }, { "pkg": "d 1", "dep_kinds": [{ "kind": "build" }] }] },
            { "id": "c 1", "deps": [{ "pkg": "a 1", "dep_kinds": [{ "kind": null }] }] },
            { "id": "d 1", "deps": [] },
        ] },
    });
    let graph = Graph::of(&metadata);
    assert_eq!(graph.below("a"), BTreeSet::from(["a", "b", "c"]));
    assert_eq!(graph.below("d"), BTreeSet::new());
}
