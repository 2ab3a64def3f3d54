//! Hosts that are slow, dead, or speak nonsense, and data that is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use subvm_core::calldata::{Map, Value};
use subvm_genvm::{ExecutionData, Line, Options, execute};
use subvm_wasmi::WasmiEngine;

use super::contracts::{Step, contract, request};
use super::peers::{CONTRACT, OTHER, data, deployed, hex, run};
use super::runs::nested;

fn scenario(fault: &Json) -> Json {
    let address = || Value::Address(OTHER);
    let code = contract(&[
        Step::Copy { from: 1, to: 2 },
        Step::OwnBalance { to: 3 },
        Step::Ask {
            request: request("EthCall", Map::from([("address", address()), ("calldata", Value::Bytes(vec![]))])),
            to: 5,
        },
        Step::Ask {
            request: request(
                "CallContract",
                Map::from([("address", address()), ("calldata", Value::Map(Map::new())), ("state", Value::from(0))]),
            ),
            to: 6,
        },
        Step::Tell(request("Return", Value::Null)),
    ]);
    json!({
        "storage": deployed(Line::V0_3, &[(CONTRACT, &code)]),
        "eth": {hex(&OTHER.0): {"status": 0, "data": "c0"}},
        "fault": fault,
        "patience": 20,
    })
}

/// What is said of a host that commits this fault.
fn said(fault: &Json) -> Option<String> {
    let ran = run(&scenario(fault), &data([]), |options| options.patience = Duration::from_secs(2))?;
    Some(match &ran.told {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{:#}", ran.seen),
    })
}

#[test]
fn a_host_that_dies_is_named_with_the_method_and_the_byte() {
    for (method, number, after, at) in [
        ("storage_read", 1, 0, 0),
        ("storage_read", 5, 100, 100),
        ("storage_read", 6, 1, 1),
        ("get_balance", 1, 20, 20),
        ("eth_call", 1, 0, 0),
        ("resolve_callcontract_executor", 1, 3, 3),
        ("consume_result", 1, 0, 0),
    ] {
        let fault = json!({"method": method, "number": number, "what": "close", "after": after});
        let Some(said) = said(&fault) else { return };
        // What failed first is what is said: nothing that comes later from that host would be an answer.
        let first = format!("{method}, byte {at} of the answer: it closed the connection");
        assert!(said.starts_with("host 0 at unix://") && said.contains(&first), "{method}: {said}, expected {first:?}");
    }
}

#[test]
fn nonsense_is_refused_with_the_method_and_the_byte() {
    for (method, bytes, expected) in [
        ("storage_read", "09", "storage_read, byte 1 of the answer: there is no status 9"),
        ("get_balance", "ff", "get_balance, byte 1 of the answer: there is no status 255"),
        (
            "eth_call",
            "00ffffffff",
            "eth_call, byte 5 of the answer: it announces 4294967295 bytes, where 67108864 are the most",
        ),
        (
            "resolve_callcontract_executor",
            "000200000000ff",
            "byte 7 of the answer: it is neither null nor bytes, in calldata",
        ),
        ("consume_result", "07", "consume_result, byte 1 of the answer: it is 7, where 0 acknowledges"),
    ] {
        let Some(said) = said(&json!({"method": method, "what": "bytes", "bytes": bytes, "seconds": 1})) else {
            return;
        };
        assert!(said.contains(expected), "{said:?}, expected {expected:?}");
    }
}

#[test]
fn a_host_that_says_nothing_ends_the_run_in_time() {
    for (method, after) in [("storage_read", 0), ("storage_read", 1), ("eth_call", 0), ("consume_result", 0)] {
        let began = Instant::now();
        let fault = json!({"method": method, "what": "silent", "after": after, "seconds": 6});
        let Some(said) = said(&fault) else { return };
        assert!(said.contains(&format!("{method}, byte {after} of the answer: it took longer than 2s")), "{said}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_host_that_drips_is_bounded_as_a_whole() {
    let mut scenario = scenario(&Json::Null);
    scenario["chunk"] = json!(1);
    scenario["delay"] = json!(0.2);
    let Some(ran) = run(&scenario, &data([]), |options| options.patience = Duration::from_secs(2)) else { return };
    // Each byte is in time, the answer is not.
    assert!(ran.error().contains("it took longer than 2s"), "{}", ran.error());
}

#[test]
fn statuses_that_refuse_are_answers_where_a_guest_can_see_them() {
    // No code at the called address.
    let Some(ran) = run(&scenario(&Json::Null), &data([]), |_| {}) else { return };
    assert_eq!(ran.seen["result"]["kind"], json!("Return"), "{:?}", ran.told);
    // A call below that fails ends the run.
    for (status, said) in [(1, "evm reverted"), (2, "forbidden")] {
        let mut failing = scenario(&Json::Null);
        failing["eth"][hex(&OTHER.0)] = json!({"status": status, "data": ""});
        let Some(ran) = run(&failing, &data([]), |_| {}) else { return };
        let result = &ran.seen["result"];
        assert_eq!((&result["kind"], &result["data"]), (&json!("VmError"), &json!(said)));
    }
    // Another executor for a called contract is not here.
    let mut other = scenario(&Json::Null);
    other["resolve"] = json!("v1.0.0");
    let Some(ran) = run(&other, &data([]), |_| {}) else { return };
    assert_eq!(ran.seen["result"]["kind"], json!("InternalError"));
    assert!(ran.seen["result"]["data"].as_str().unwrap().contains("the host wants another executor"));
}

fn executed(data: &[u8], options: &Options) -> String {
    execute(Arc::new(WasmiEngine::new()), data, options).expect_err("it cannot run").to_string()
}

#[test]
fn data_that_is_none_is_refused_before_anybody_is_called() {
    let options = Options { hosts: vec!["unix:///nowhere/at/all".parse().unwrap()], ..Options::default() };
    let with = |name: &str, value: Value| {
        data([])
            .as_map_mut()
            .map(|map| {
                map.insert(name, value);
                Value::Map(map.clone()).encode().unwrap()
            })
            .unwrap()
    };
    for (bytes, expected) in [
        (vec![], "execution data: "),
        (vec![0xff], "execution data: "),
        (with("extra", Value::from(1)), "unknown field `extra`"),
        (with("calldata", Value::from("text")), "execution data: "),
        (with("message", Value::Map(Map::new())), "missing field `contract_address`"),
        (with("code", Value::from(1)), "execution data: "),
        (with("nested", Value::Map(Map::new())), "missing field `memory_limit`"),
        (nested("state_mode", "Newest".into()).encode().unwrap(), "nested.state_mode: there is no \"Newest\""),
        (nested("topmost_runner_id", "echo:test".into()).encode().unwrap(), "nested.topmost_runner_id: \"echo:test\""),
        (nested("permissions", Value::from(2)).encode().unwrap(), "nested.permissions: "),
    ] {
        let said = executed(&bytes, &options);
        assert!(said.contains(expected), "{said:?}, expected {expected:?}");
    }
    let mut late = data([]);
    let message = late.as_map_mut().unwrap().get_mut("message").unwrap().as_map_mut().unwrap();
    message.insert("datetime", "yesterday");
    assert!(executed(&late.encode().unwrap(), &options).contains("message.datetime \"yesterday\""));
    let whole = data([]).encode().unwrap();
    assert!(executed(&whole, &options).starts_with("host 0 at unix:///nowhere/at/all: connecting"));
    assert!(
        executed(&whole, &Options { hosts: Vec::new(), ..options.clone() })
            .contains("method_hosts sends the method there, and there are 0 hosts")
    );
    let nowhere = Options { registry: Some("/nowhere".into()), ..options };
    assert!(executed(&whole, &nowhere).starts_with("the directory of runners /nowhere: "));
    // Every prefix of it is refused, and none is a surprise.
    for end in 0..whole.len() {
        assert!(ExecutionData::read(&whole[..end]).is_err(), "{end}");
    }
}
