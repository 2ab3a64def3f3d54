//! What happens to machines and lines: a full disk, clocks that are wrong, partitions that heal. Real processes on loopback.
#![cfg(feature = "faults")]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use support::links::Links;
use support::{Net, Site, alone, fault, free, honest, until};

const SOMEBODY: &str = "00000000000000000000000000000000000000aa";

/// Two halves decide nothing apart. A half with a quorum goes on, and the other follows when the line is back.
#[test]
fn partitions_that_heal() {
    let (_alone, site) = (alone(), Site::new());
    let port = free(4);
    let links = Links::new(4, port);
    let mut net = Net::on(port, 4, &site, |index, text| links.put(index, port, text));
    net.start_all();
    net.grow(0, 2);
    assert_eq!(net.sent(0, &["transfer", SOMEBODY, "5"])["status"], "moved");

    // One against three.
    links.between(&[3], &[0, 1, 2], true);
    let stopped = net.height(3).expect("answers");
    net.grow(0, 4);
    assert!(net.height(3).expect("answers") <= stopped + 1, "one of four goes on alone");
    links.between(&[3], &[0, 1, 2], false);
    let height = net.height(0).expect("answers");
    until("the one that was cut off follows", || net.height(3).filter(|own| *own >= height));

    // Two against two.
    links.between(&[0, 1], &[2, 3], true);
    std::thread::sleep(Duration::from_secs(2));
    let before: Vec<_> = (0..4).map(|index| net.height(index).expect("answers")).collect();
    std::thread::sleep(Duration::from_secs(6));
    for (index, before) in before.iter().enumerate() {
        assert!(net.height(index).expect("answers") <= before + 1, "node {index} goes on without a quorum");
    }
    links.between(&[0, 1], &[2, 3], false);
    net.grow(1, 3);
    assert_eq!(net.sent(2, &["transfer", SOMEBODY, "7"])["status"], "moved");
    net.grow(3, 1);
    net.agree(&[0, 1, 2, 3]);
}

/// A node whose disk takes no more ends, and says why; the others go on. With room again it follows them.
#[test]
fn a_full_disk_ends_a_node_and_harms_nobody_else() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, honest);
    // No file of node 3 grows beyond this: the database of an empty chain is larger.
    net.start_with_files_of(3, 400 << 10);
    (0..3).for_each(|index| net.start(index));
    net.grow(0, 2);
    let status = until("the node ends", || net.ended(3));
    assert!(!status.success(), "{status}");
    let log = net.log(3);
    assert!(log.contains("is the disk full?") || log.contains("File too large"), "{log}");
    net.grow(0, 3);
    net.start(3);
    let height = net.height(0).expect("answers");
    until("with room again it follows", || net.height(3).filter(|own| *own >= height));
    net.agree(&[0, 1, 2, 3]);
}

/// The same in the middle of its work: what it had kept is good, and it goes on from there.
#[test]
fn a_disk_that_fills_up_while_a_node_works_loses_nothing() {
    let (_alone, site) = (alone(), Site::new());
    let mut net = Net::new(4, &site, honest);
    net.start_all();
    net.grow(3, 3);
    net.kill(3);
    let had = net.largest_file(3);
    // Room for a little more, and for no more after it.
    net.start_with_files_of(3, had + (96 << 10));
    let data = format!("b#{}", "ab".repeat(20_000));
    let ended = until("the node ends", || {
        // Each of them is in a block, and on the disk.
        let _ = net.send(0, &["--no-wait", "call", SOMEBODY, &data]);
        net.ended(3)
    });
    assert!(!ended.success(), "{ended}");
    net.start(3);
    let height = net.height(0).expect("answers");
    until("with room again it follows", || net.height(3).filter(|own| *own >= height));
    net.agree(&[0, 1, 2, 3]);
}

/// An instant is the median of the validators' clocks: one that is an hour off moves nothing.
#[test]
fn a_clock_that_is_an_hour_off_moves_no_instant() {
    let (_alone, site) = (alone(), Site::new());
    for wrong in ["clock-ahead", "clock-behind"] {
        let mut net = Net::new(4, &site, fault(1, wrong));
        net.start_all();
        net.grow(0, 8);
        let height = net.agree(&[0, 1, 2, 3]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        for height in 2..=height {
            let block = net.call(0, "block", json!({"height": height})).expect("is there");
            let off = (now - block["time"].as_i64().expect("milliseconds")).abs();
            assert!(off < 600_000, "{wrong}: block {height} is {off} ms from now");
        }
    }
}
