//! A chain of four processes, as the README starts it.

mod support;

use std::process::{Command, Stdio};

#[test]
fn a_token_moves_and_an_oracle_is_voted_on() {
    let _alone = support::alone();
    let port = support::free(4).to_string();
    let mut testnet = Command::new(support::BINARY);
    testnet.args(["testnet", "4", "--once", "--block", "300", "--port", &port]).stdin(Stdio::null());
    let output = testnet.output().expect("runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains(": accepted, by transaction ") && out.contains("The token moved: returned"), "{out}");
    assert!(out.matches(": agree\n").count() >= 3, "more than two thirds: {out}");
    assert!(out.contains("send call "), "it says how to go on: {out}");
}
