//! Leaders and validators that lie about results, one after the other on one chain: each costs a turn at most, and decides nothing.
#![cfg(feature = "faults")]

mod support;

use serde_json::Value;
use support::{Net, ORACLE, Site, alone, honest, until};

/// The one that lies.
const LIAR: usize = 1;

fn ask(net: &Net, oracle: &str, site: &Site) -> Value {
    net.sent(0, &["--nondet", "call", oracle, &format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url())])
}

/// What the liar said of it, as blocks have it.
fn said(record: &Value) -> Vec<&str> {
    let steps = record["steps"].as_array().expect("steps").iter();
    let votes = steps.flat_map(|step| step["votes"].as_array().expect("votes"));
    votes.filter(|vote| vote["validator"] == LIAR).filter_map(|vote| vote["vote"].as_str()).collect()
}

#[test]
fn each_lie_about_results_comes_to_nothing() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, honest);
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    for lie in ["oversized-results", "no-results", "another-receipt", "stalls", "copies"] {
        net.kill(LIAR);
        net.set_fault(LIAR, lie);
        net.start(LIAR);
        let height = net.height(0).expect("answers");
        until("the liar is back", || net.height(LIAR).filter(|own| *own >= height));
        // Leaders take turns: four heights have one of the liar's.
        for _ in 0..4 {
            let record = ask(&net, &oracle, &site);
            assert_eq!(record["status"], "accepted", "{lie}: {record:#}");
            if matches!(lie, "stalls" | "copies") {
                assert!(said(&record).iter().all(|vote| *vote == "missing"), "{lie}: {record:#}");
            }
            let answer = net.view(0, &oracle, "{\"method\": \"get\"}");
            assert!(answer.contains("42.5"), "{lie}: {answer}");
        }
        net.agree(&[0, 1, 2, 3]);
    }
}

/// A contract that spins to its limit, in each block: blocks come, and others' calls are not kept out.
#[test]
fn a_contract_that_spins_to_its_limit_stops_nobody() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, honest);
    net.start_all();
    net.grow(0, 2);
    // (module (func (export "_start") (loop (br 0))))
    let spins = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";
    let file = net.home().join("spins.wasm");
    std::fs::write(&file, spins).expect("writes");
    let mut spun = Vec::new();
    for _ in 0..6 {
        let output = net.send(0, &["--no-wait", "deploy", file.to_str().expect("text"), "{}"]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        spun.push(out.lines().find_map(|line| line.strip_prefix("sent ")).expect("a name").to_owned());
        net.grow(0, 1);
    }
    assert_eq!(net.sent(2, &["transfer", "00000000000000000000000000000000000000aa", "5"])["status"], "moved");
    for id in spun {
        let record = until("it ends", || {
            let record = net.call(0, "transaction", serde_json::json!({"id": id})).ok()?;
            (record["ended"] == true).then_some(record)
        });
        assert_eq!(record["status"], "failed", "it spins until its gas is gone: {record:#}");
    }
    net.agree(&[0, 1, 2, 3]);
}
