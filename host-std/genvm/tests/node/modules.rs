//! Non-deterministic blocks, and the modules that they ask.

use serde_json::{Value as Json, json};
use subvm_core::calldata::{Map, Value};
use subvm_genvm::Line;

use super::contracts::{Step, contract, request};
use super::peers::{CONTRACT, data, deployed, hex, run};

fn returns(value: impl Into<Value>) -> Step {
    Step::Tell(request("Return", value))
}

fn web() -> Value {
    let fields = [
        ("method", Value::from("GET")),
        ("url", Value::from("http://a")),
        ("headers", Value::Map(Map::new())),
        ("body", Value::Null),
    ];
    request("WebRequest", Map::from(fields))
}

fn prompt() -> Value {
    let fields = [
        ("prompt", Value::from("why?")),
        ("response_format", Value::from("text")),
        ("images", Value::array::<Value>([])),
    ];
    request("ExecPrompt", Map::from(fields))
}

/// A contract whose block asks the web and a model, and ends with `block`; then it keeps the block's result.
fn asking(block: impl Into<Value>) -> Vec<u8> {
    let nondet = request(
        "RunNondet",
        Map::from([("data_leader", Value::Bytes(vec![1])), ("data_validator", Value::Bytes(vec![2]))]),
    );
    contract(&[
        Step::OrInBlock(vec![Step::AskOnly(web()), Step::AskOnly(prompt()), returns(block)]),
        Step::Ask { request: nondet, to: 1 },
        returns("after"),
    ])
}

fn answer(text: &str) -> String {
    hex(&text.parse::<Value>().expect(text).encode().expect(text))
}

fn scenario(code: &[u8]) -> Json {
    json!({
        "storage": deployed(Line::V0_3, &[(CONTRACT, code)]),
        "runner_ids": ["contract"],
        "fuel": 1000,
        "web": {"answers": [answer(r#"{"Ok": {"response": {"status": 200, "headers": {}, "body": b#68}}}"#)]},
        "llm": {"answers": [answer(r#"{"Ok": {"data": "because", "consumed_gen": 17}}"#)]},
    })
}

#[test]
fn a_leader_asks_modules_and_posts_what_its_block_came_to() {
    for chunk in [0, 1] {
        let mut scenario = scenario(&asking(true));
        scenario["web"]["chunk"] = json!(chunk);
        scenario["llm"]["chunk"] = json!(chunk);
        let host_data = Value::from(r#"{"node_address": "n", "tx_id": "t"}"#);
        let gas = Value::from(Map::from([("price", "3")]));
        let Some(ran) =
            run(&scenario, &data([("host_data", host_data), ("gas_data", gas)]), |options| options.genvm_id = 5)
        else {
            return;
        };
        let result = ran.result();
        assert_eq!((&result["kind"], &result["data"]), (&json!("Return"), &json!("after")), "{:?}", ran.told);
        assert_eq!((&result["nondet_results"], &result["nondet_disagreement"]), (&json!([{"b": "0010"}]), &Json::Null));
        assert_eq!(result["llm_consumption"], json!(17));
        assert!(
            ran.methods().windows(2).any(|pair| pair == ["remaining_fuel_as_gen", "consume_fuel"]),
            "{:?}",
            ran.methods()
        );
        let consumed = ran.seen["requests"]
            .as_array()
            .unwrap()
            .iter()
            .find(|request| request[1] == "consume_fuel")
            .unwrap()
            .clone();
        assert_eq!(consumed[2]["amount"], json!(17));
        let hello = json!({"gas_data": {"price": "3"}, "genvm_id": 5, "host_data": {"node_address": "n", "tx_id": "t"}, "initial_time_units_allocation": 0, "role": "Leader"});
        assert_eq!((&ran.seen["web"][0], &ran.seen["llm"][0]), (&hello, &hello));
        assert_eq!(ran.seen["web"][1]["Request"][0]["url"], json!("http://a"));
        assert_eq!(ran.seen["llm"][1]["Prompt"]["payload"]["prompt"], json!("why?"));
        assert_eq!(ran.seen["llm"][1]["Prompt"]["remaining_fuel_as_gen"], json!(1000));
    }
}

#[test]
fn a_validator_agrees_or_says_where_it_does_not_and_goes_on() {
    let leader = ("leader_nondet_results", Value::array([Value::Bytes(vec![0, 0x10])]));
    let Some(ran) = run(&scenario(&asking(true)), &data([leader.clone()]), |_| {}) else { return };
    assert_eq!((&ran.result()["data"], &ran.result()["nondet_disagreement"]), (&json!("after"), &Json::Null));
    assert_eq!(ran.seen["web"][0]["role"], json!("Validator"));
    // Its own comparison comes to 5, which is not true: the deterministic code goes on with the leader's result.
    let Some(ran) = run(&scenario(&asking(5)), &data([leader.clone()]), |_| {}) else { return };
    let result = ran.result();
    assert_eq!(
        (&result["kind"], &result["data"], &result["nondet_disagreement"]),
        (&json!("Return"), &json!("after"), &json!(0)),
        "{:?}",
        ran.told
    );
    assert_eq!(result["storage_changes"][0][1]["b"], json!(hex(&[&[0, 0x10][..], &[0; 30]].concat())));
    assert!(ran.methods().contains(&"notify_nondet_disagreement"));
    // A node that catches up asks nobody.
    let Some(ran) = run(&scenario(&asking(5)), &data([leader]), |options| {
        options.sync = true;
        options.web = None;
        options.llm = None;
    }) else {
        return;
    };
    assert_eq!((&ran.result()["data"], &ran.result()["nondet_disagreement"]), (&json!("after"), &Json::Null));
}

#[test]
fn a_leader_without_a_result_is_at_fault() {
    let Some(ran) =
        run(&scenario(&asking(true)), &data([("leader_nondet_results", Value::array::<Value>([]))]), |_| {})
    else {
        return;
    };
    // Its contract reads so, as the validator's function did, which agreed.
    let (result, read) = (ran.result(), hex(b"\x02leader_fault nondet_output absent"));
    assert_eq!((&result["data"], &result["nondet_results"]), (&json!("after"), &json!([{ "b": read }])));
    assert!(result["storage_changes"].to_string().contains(&read), "{result}");
    assert_eq!(result["nondet_disagreement"], Json::Null);
}

#[test]
fn what_modules_answer_wrongly_is_an_internal_error_that_says_which() {
    let table = [
        (json!({"answers": [answer(r#"{"FatalError": "no driver"}"#)]}), "the module failed: \"no driver\""),
        (json!({"answers": [answer("null")]}), "the answer of a module is no map of one entry"),
        (json!({"answers": ["ff"]}), "the answer of module Web is no calldata"),
        (json!({"answers": [answer(r#"{"Perhaps": 1}"#)]}), "neither Ok, UserError nor FatalError"),
        (json!({"answers": []}), "it closed the connection"),
        (
            json!({"answers": ["ffffffff"], "raw": true}),
            "answer, byte 4 of the answer: a frame announces 4294967295 bytes, where 67108864 are the most",
        ),
        (json!({"answers": ["000000010000"], "raw": true}), "something follows the answer that nobody asked for"),
        (json!({"answers": ["00000002"], "raw": true, "wait": 0}), "it took longer than 1s"),
    ];
    for (web, expected) in table {
        let mut scenario = scenario(&asking(true));
        scenario["web"] = web;
        let Some(ran) = run(&scenario, &data([]), |options| options.patience = std::time::Duration::from_secs(1))
        else {
            return;
        };
        let result = ran.result();
        assert_eq!((&ran.seen["code"], &result["kind"]), (&json!(3), &json!("InternalError")), "{result}");
        let said = result["data"].as_str().unwrap();
        assert!(said.contains(expected), "{said:?}, expected {expected:?}");
    }
}

#[test]
fn a_modules_own_refusal_is_the_guests_and_a_models_timeout_ends_the_run() {
    let mut refusing = scenario(&asking(true));
    refusing["web"]["answers"] = json!([answer(r#"{"UserError": "404"}"#)]);
    let Some(ran) = run(&refusing, &data([]), |_| {}) else { return };
    assert_eq!(ran.result()["data"], json!("after"));
    let mut late = scenario(&asking(true));
    let most = (num_bigint_of_256_bits(), "late");
    late["llm"]["answers"] =
        json!([answer(&format!(r#"{{"Ok": {{"data": "{}", "consumed_gen": {}}}}}"#, most.1, most.0))]);
    let Some(ran) = run(&late, &data([]), |_| {}) else { return };
    assert_eq!((&ran.result()["kind"], &ran.result()["data"]), (&json!("VmError"), &json!("timeout")));
}

#[test]
fn contracts_find_the_rules_of_the_line() {
    let sandbox = |fields: &[(&str, Value)]| {
        let data = [("data", Value::Bytes(Vec::new()))];
        request("Sandbox", data.into_iter().chain(fields.iter().cloned()).collect::<Map>())
    };
    let yes = || Value::from(true);
    let old = sandbox(&[("allow_write_ops", Value::from(false))]);
    let new = sandbox(&[
        ("runner", Value::from("contract")),
        ("allow_write_storage", yes()),
        ("allow_send_messages", yes()),
        ("allow_register_runners", yes()),
    ]);
    for (line, asked, understood) in
        [(Line::V0_2, &old, true), (Line::V0_2, &new, false), (Line::V0_3, &old, false), (Line::V0_3, &new, true)]
    {
        // A sandbox of this contract has no sandbox: it ends where it may not write, or by the errno of its own request.
        let code = contract(&[Step::Tell(asked.clone()), returns("after")]);
        let scenario = json!({
            "storage": deployed(line, &[(CONTRACT, &code)]),
            "runner_ids": ["contract"],
            "line": if line == Line::V0_2 { "0.2" } else { "0.3" },
        });
        let Some(ran) = run(&scenario, &data([]), |options| options.line = line) else { return };
        let (kind, said) = if understood { ("Return", "after") } else { ("VmError", "wasm_trap unreachable") };
        assert_eq!((&ran.result()["kind"], &ran.result()["data"]), (&json!(kind), &json!(said)), "{line:?} {asked}");
    }
}

#[test]
fn a_user_error_of_a_block_is_calldata_in_0_3() {
    let nondet = Map::from([("data_leader", Value::Bytes(vec![])), ("data_validator", Value::Bytes(vec![]))]);
    let code = contract(&[
        Step::OrInBlock(vec![Step::Tell(request("UserError", "no"))]),
        Step::Ask { request: request("RunNondet", nondet), to: 1 },
        returns("after"),
    ]);
    let scenario = json!({"storage": deployed(Line::V0_3, &[(CONTRACT, &code)]), "runner_ids": ["contract"]});
    let Some(ran) = run(&scenario, &data([]), |_| {}) else { return };
    assert_eq!(ran.result()["nondet_results"], json!([{"b": "01146e6f"}]));
    // Any value that a leader proposes reaches the contract, and its comparison.
    let leader = ("leader_nondet_results", Value::array([Value::Bytes(vec![1, 9])]));
    let Some(ran) = run(&scenario, &data([leader]), |options| options.sync = true) else { return };
    assert_eq!(ran.result()["storage_changes"][0][1]["b"], json!(hex(&[&[1, 9][..], &[0; 30]].concat())));
}

/// 2^256 - 1.
fn num_bigint_of_256_bits() -> String {
    subvm_core::calldata::Int::from_u256_le(&[0xff; 32]).to_string()
}

#[test]
fn without_a_module_a_run_says_that_it_has_none() {
    let Some(ran) = run(&scenario(&asking(true)), &data([]), |options| options.web = None) else { return };
    assert!(
        ran.result()["data"]
            .as_str()
            .unwrap()
            .contains("there is no module Web: --module-web and --module-llm say where")
    );
}
