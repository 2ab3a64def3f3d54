//! Nodes that come later: with a snapshot of another's, and by Malachite's sync alone. Both come to the same chain. Blocks that a node forgets, it
//! says that it has forgotten.

mod support;

use std::path::Path;
use std::process::Output;
use std::time::Instant;

use serde_json::{Value, json};
use support::{Net, ORACLE, Site, alone, run, until};

const SOMEBODY: &str = "00000000000000000000000000000000000000aa";

/// Who forgets old blocks: a snapshot of every tenth stands for them.
const FORGETS: [u16; 2] = [0, 1];

fn forgets(index: u16, text: &mut String) {
    *text = text.replace("every = 1000", "every = 10");
    if FORGETS.contains(&index) {
        // The tables come after all keys of their own.
        assert!(text.contains("[keep]"), "{text}");
        *text = text.replace("[keep]", "[keep]\nblocks = 20");
    }
}

fn begin(net: &Net, index: usize, from: usize) -> Output {
    let file = net.home().join(format!("node{index}/node.toml"));
    run(&["begin", file.to_str().expect("text"), "--from", &net.url(from)], None)
}

fn failed(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn status(net: &Net, index: usize) -> Value {
    net.call(index, "status", json!({})).expect("answers")
}

fn remove(net: &Net, index: usize) {
    std::fs::remove_dir_all(net.home().join(format!("node{index}/data"))).expect("removes");
}

/// Changes a byte in all snapshots of a node, at a place after the head, and has the file be whole again where it is forged.
fn spoil(net: &Net, index: usize, place: fn(usize) -> usize, forged: bool) {
    let dir = net.home().join(format!("node{index}/data/snapshots"));
    for entry in std::fs::read_dir(dir).expect("reads").flatten().filter(|entry| named(&entry.path())) {
        let mut bytes = std::fs::read(entry.path()).expect("reads");
        let at = place(bytes.len());
        bytes[at] ^= 1;
        if forged {
            let digest = blake3::hash(&bytes[32..]);
            bytes[..32].copy_from_slice(digest.as_bytes());
        }
        std::fs::write(entry.path(), bytes).expect("writes");
    }
}

fn named(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "snapshot")
}

#[test]
fn a_new_node_begins_with_a_snapshot_or_by_sync_and_comes_to_the_same() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, forgets);
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    let asked = format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url());
    assert_eq!(net.sent(0, &["--nondet", "call", &oracle, &asked])["status"], "accepted");
    net.kill(3);
    // Until those that forget have forgotten the beginning.
    until("blocks are forgotten", || status(&net, 0)["lowest"].as_u64().filter(|lowest| *lowest > 10));
    until("and by the other, too", || status(&net, 1)["lowest"].as_u64().filter(|lowest| *lowest > 10));
    assert_eq!(status(&net, 2)["lowest"], 1, "this one keeps all");

    // What is kept no more, a node says so; another has it.
    let gone = net.call(0, "block", json!({"height": 3})).expect_err("is forgotten");
    assert!(gone.contains("-32010") && gone.contains("kept no more"), "{gone}");
    let never = net.call(0, "block", json!({"height": 1_000_000})).expect_err("was never there");
    assert!(never.contains("-32004"), "{never}");
    assert_eq!(net.block(2, 3)["height"], 3);
    let blocks = net.call(0, "blocks", json!({"last": 12, "count": 50})).expect("answers");
    let lowest = status(&net, 0)["lowest"].as_u64().expect("a number");
    let heights = blocks.as_array().expect("a list").iter().map(|block| block["height"].as_u64().expect("a number"));
    assert!(heights.clone().all(|height| height >= lowest.min(12)), "{:?}", heights.collect::<Vec<_>>());

    // A node that forgets starts again from its own snapshot.
    net.kill(0);
    net.start(0);
    net.grow(0, 2);
    assert!(net.view(0, &oracle, "{\"method\": \"get\"}").contains("42.5"));

    // One with a directory needs none; one that is new begins with another's, which cannot lie.
    assert!(failed(&begin(&net, 3, 1)).contains("is there already"));
    remove(&net, 3);
    // Damaged; another digest of the state; another state; and another text of what its digest was made of.
    type Place = fn(usize) -> usize;
    let places: [(Place, bool); 4] = [(|len| len - 40, false), (|_| 40, true), (|len| len - 41, true), (|_| 100, true)];
    for (place, forged) in places {
        // Its next snapshot, which is good, may come between.
        let lie = until("it is refused", || {
            spoil(&net, 1, place, forged);
            let output = begin(&net, 3, 1);
            if output.status.success() {
                remove(&net, 3);
                return None;
            }
            Some(failed(&output))
        });
        let said = if forged { ["one from another node", "take another"] } else { ["damaged", "damaged"] };
        assert!(said.iter().any(|said| lie.contains(said)), "{lie}");
        assert!(!net.home().join("node3/data").exists(), "nothing is left of it");
        let left = std::fs::read_dir(net.home().join("node3")).expect("reads").flatten();
        assert!(left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().starts_with("begin")));
    }
    site.close();
    let asked = site.count();
    let began = Instant::now();
    let begun = begin(&net, 3, 0);
    assert!(begun.status.success(), "{begun:?}");
    net.start(3);
    let height = net.height(0).expect("answers");
    until("it follows from the snapshot", || net.height(3).filter(|own| *own >= height));
    println!("with a snapshot, {height} blocks: {:?}", began.elapsed());
    assert!(status(&net, 3)["lowest"].as_u64().is_some_and(|lowest| lowest >= 10), "it has none of those before");
    same(&net, &oracle, 2, 3);
    // It takes part: without it there is no quorum. The one that was spoiled has snapshots anew by then.
    net.grow(1, 11);
    net.kill(1);
    net.grow(3, 3);
    assert_eq!(net.sent(3, &["transfer", SOMEBODY, "5"])["status"], "moved");

    // By Malachite's sync alone, from the one that has all blocks.
    net.kill(3);
    net.start(1);
    net.grow(0, 2);
    remove(&net, 3);
    let began = Instant::now();
    net.start(3);
    let height = net.height(0).expect("answers");
    until("it follows from the first block", || net.height(3).filter(|own| *own >= height));
    println!("by sync alone, {height} blocks: {:?}", began.elapsed());
    assert_eq!(status(&net, 3)["lowest"], 1);
    same(&net, &oracle, 0, 3);
    assert_eq!(site.count(), asked, "nobody asked the web for it");
}

/// Two nodes have one state: the digests in the headers that follow say so, and what contracts answer.
fn same(net: &Net, oracle: &str, one: usize, other: usize) {
    let height = net.grow(other, 2);
    until("the other is as far", || net.height(one).filter(|own| *own >= height));
    let of = |index| {
        let block = net.block(index, height);
        (block["id"].clone(), block["root_before"].clone())
    };
    assert_eq!(of(one), of(other), "at block {height}");
    let view = |index| net.view(index, oracle, "{\"method\": \"get\"}");
    assert_eq!(view(one), view(other));
}
