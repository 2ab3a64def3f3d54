//! Leaders and validators that lie about results, one after the other on one chain: each costs a turn at most, and decides nothing.
#![cfg(feature = "faults")]

mod support;

use serde_json::{Value, json};
use support::{Net, ORACLE, Site, alone, honest, until};

/// The one that lies.
const LIAR: usize = 1;

fn ask(net: &Net, oracle: &str, site: &Site) -> Value {
    net.sent(0, &["--nondet", "call", oracle, &format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url())])
}

/// What the liar said of it, as blocks have it.
fn said(record: &Value) -> Vec<&str> {
    let votes = steps(record).iter().flat_map(|step| step["votes"].as_array().expect("votes"));
    votes.filter(|vote| vote["validator"] == LIAR).filter_map(|vote| vote["vote"].as_str()).collect()
}

fn steps(record: &Value) -> &[Value] {
    record["steps"].as_array().expect("steps")
}

/// Whether the liar had its say about this call: without, nothing was tried.
fn lied(net: &Net, lie: &str, record: &Value) -> bool {
    let status = net.call(0, "status", json!({})).expect("answers");
    let liar = &status["validators"][LIAR]["address"];
    let led: Vec<&Value> = steps(record).iter().filter(|step| step["leader"] == *liar).collect();
    // Blocks that could have a leader's results of it.
    let height = |step: &Value| step["height"].as_u64().expect("a height");
    let begun = height(&steps(record)[0]) + 1;
    let proposed = steps(record).iter().find(|step| step["status"] == "proposed").map_or(begun, height);
    let block = |height: u64| net.block(0, height);
    let mut blocks = (begun..=proposed).map(block);
    // Who proposes at a height, and in a round of it: with each of both it is another's turn.
    let number = |block: &Value, name: &str| block[name].as_u64().expect("a number");
    let turn = |height, round| (height + round) % net.nodes.len() as u64;
    let one = (1..).map(block).find(|block| block["proposer"] == *liar).expect("it has its turns");
    let liars = turn(number(&one, "height"), number(&one, "round"));
    match lie {
        "oversized-results" => led.iter().any(|step| step["status"] == "faulty" || step["status"] == "next_leader"),
        "no-results" => {
            assert!(led.is_empty(), "it has none to propose: {record:#}");
            blocks.any(|block| block["proposer"] == *liar)
        }
        "another-receipt" => {
            // Either its block was decided, with one of its results; or nobody could tell which of its two blocks, and it took a round more.
            let took_more = |block: &Value| turn(number(block, "height"), 0) == liars && block["round"] != 0;
            !led.is_empty() || blocks.any(|block| took_more(&block))
        }
        "stalls" | "copies" => {
            let votes = said(record);
            assert!(votes.iter().all(|vote| *vote == "missing"), "{lie}: {record:#}");
            !votes.is_empty()
        }
        other => panic!("what would show {other}?"),
    }
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
        let mut lies = 0;
        // Leaders take turns: the liar's comes, whichever height a call falls on.
        for asked in 0..24 {
            let record = ask(&net, &oracle, &site);
            assert_eq!(record["status"], "accepted", "{lie}: {record:#}");
            lies += usize::from(lied(&net, lie, &record));
            let answer = net.view(0, &oracle, "{\"method\": \"get\"}");
            assert!(answer.contains("42.5"), "{lie}: {answer}");
            if lies > 0 && asked >= 3 {
                break;
            }
            // Not always at the same one's turn.
            net.grow(0, 1 + asked % 3);
        }
        assert!(lies > 0, "{lie}: the liar never had its say");
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
            let record = net.call(0, "transaction", json!({"id": id})).ok()?;
            (record["ended"] == true).then_some(record)
        });
        assert_eq!(record["status"], "failed", "it spins until its gas is gone: {record:#}");
    }
    net.agree(&[0, 1, 2, 3]);
}
