//! Nodes that crash, lie and disagree: real processes on loopback, one fault in each chain, and a reader of all that finds no two states.

mod support;

use serde_json::Value;
use support::{Net, ORACLE, Site, alone, fault, honest, until};

const TOKEN: &str = "../../../tests/guests/contracts/wasm/token.wasm";
const SOMEBODY: &str = "00000000000000000000000000000000000000aa";

fn ask(net: &Net, oracle: &str, site: &Site) -> Value {
    net.sent(0, &["--nondet", "call", oracle, &format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url())])
}

fn statuses(record: &Value) -> Vec<&str> {
    record["steps"].as_array().expect("steps").iter().filter_map(|step| step["status"].as_str()).collect()
}

fn votes<'a>(record: &'a Value, vote: &str) -> Vec<&'a Value> {
    let steps = record["steps"].as_array().expect("steps").iter();
    steps.flat_map(|step| step["votes"].as_array().expect("votes")).filter(|cast| cast["vote"] == vote).collect()
}

/// A node is killed, misses a vote on the web, and follows when the web is gone; with two away nothing is decided, and nothing is lost.
#[test]
fn a_killed_node_follows_without_asking_the_web_and_two_stop_the_chain() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, honest);
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    net.kill(3);
    let record = ask(&net, &oracle, &site);
    assert_eq!(record["status"], "accepted", "three of four are more than two thirds: {record:#}");
    site.close();
    // Those who asked as leaders too late are heard out.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let asked = site.count();

    net.start(3);
    let height = net.height(0).expect("answers");
    until("the node that was away catches up", || net.height(3).filter(|own| *own >= height));
    assert_eq!(net.view(3, &oracle, "{\"method\": \"get\"}"), net.view(0, &oracle, "{\"method\": \"get\"}"));
    assert_eq!(site.count(), asked, "it asked nobody");
    net.agree(&[0, 1, 2, 3]);

    // Two of four decide nothing.
    net.kill(2);
    net.kill(3);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let stopped = net.height(0).expect("answers");
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert!(net.height(0).expect("answers") <= stopped + 1, "it goes on without a quorum");
    net.kill(0);
    for index in [0, 2, 3] {
        net.start(index);
    }
    net.grow(0, 3);
    assert_eq!(net.sent(1, &["transfer", SOMEBODY, "5"])["status"], "moved");
    until("all have it", || (0..4).all(|index| net.height(index).is_some_and(|own| own > stopped + 1)).then_some(()));
    net.agree(&[0, 1, 2, 3]);
}

#[test]
fn a_leader_that_proposes_false_results_is_outvoted() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, fault(1, "false-results"));
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    let mut outvoted = 0;
    for round in 0..12 {
        let record = ask(&net, &oracle, &site);
        assert_eq!(record["status"], "accepted", "{record:#}");
        let answer = net.view(0, &oracle, "{\"method\": \"get\"}");
        assert!(answer.contains("42.5"), "{answer}");
        let lied = statuses(&record).iter().any(|status| matches!(*status, "next_leader" | "faulty"));
        outvoted += u32::from(lied);
        if lied && !votes(&record, "disagree").is_empty() && round > 2 {
            break;
        }
    }
    assert!(outvoted > 0, "the liar never led");
    net.agree(&[0, 1, 2, 3]);
}

#[test]
fn a_validator_that_always_disagrees_decides_nothing() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, fault(2, "disagrees"));
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    let record = ask(&net, &oracle, &site);
    assert_eq!(record["status"], "accepted", "{record:#}");
    // It is heard where its ballot came before the others' were enough.
    for vote in votes(&record, "disagree") {
        assert_eq!(
            (vote["validator"].as_u64(), vote["reason"].as_str()),
            (Some(2), Some("does not accept the result of non-deterministic call 0"))
        );
    }
    net.agree(&[0, 1, 2, 3]);
}

#[test]
fn a_site_that_answers_each_node_otherwise_changes_nothing_and_delays_nobody_else() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, fault(3, "invalid-blocks"));
    net.start_all();
    net.grow(0, 2);
    let oracle = net.deploy(ORACLE, "{\"method\": \"get\"}");
    let token = net.deploy(TOKEN, "{\"supply\": 1000}");
    site.differ();
    let call = format!("{{\"method\": \"ask\", \"url\": \"{}\"}}", site.url());
    let waiting = net.send(0, &["--no-wait", "--nondet", "call", &oracle, &call]);
    assert!(waiting.status.success());
    let pay = format!("{{\"method\": \"transfer\", \"to\": addr#{SOMEBODY}, \"amount\": 7}}");
    assert_eq!(net.sent(0, &["call", &token, &pay])["status"], "returned", "another contract does not wait");
    let out = String::from_utf8_lossy(&waiting.stdout).into_owned();
    let id = out.lines().find_map(|line| line.strip_prefix("sent ")).expect("a name").to_owned();
    let record = until("the vote ends", || {
        let record = net.call(0, "transaction", serde_json::json!({"id": id})).ok()?;
        (record["ended"] == true).then_some(record)
    });
    assert_eq!(record["status"], "undetermined", "{record:#}");
    assert!(!votes(&record, "disagree").is_empty(), "{record:#}");
    assert_eq!(net.view(1, &oracle, "{\"method\": \"get\"}"), "{\"answer\":\"\",\"count\":0}");
    assert_eq!(net.view(2, &token, &format!("{{\"method\": \"balance_of\", \"owner\": addr#{SOMEBODY}}}")), "7");
    // One whose blocks no rule allows costs a round, and decides nothing.
    assert!(net.log(0).contains("an invalid block"), "{}", net.log(0));
    net.agree(&[0, 1, 2, 3]);
}

/// A node that proposes bytes that are no block, and one block to these and another to those.
#[test]
fn garbage_and_two_faces_cost_a_round_each() {
    let (_alone, site) = (alone(), Site::new());
    for (what, fault_of) in [("garbage", 0), ("two-faced", 1)] {
        let mut net = Net::new(4, &site, fault(fault_of, what));
        net.start_all();
        net.grow(2, 9);
        assert_eq!(net.sent(2, &["transfer", SOMEBODY, "5"])["status"], "moved");
        net.agree(&[0, 1, 2, 3]);
    }
}
