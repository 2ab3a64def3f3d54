//! Whole runs: what is asked, and what the node reads.

use serde_json::{Value as Json, json};
use subvm_core::Permissions;
use subvm_core::calldata::{Map, Value};
use subvm_genvm::Line;

use super::contracts::{Step, contract, request};
use super::peers::{CONTRACT, OTHER, Ran, SENDER, data, deployed, hex, run};

fn returns(value: impl Into<Value>) -> Step {
    Step::Tell(request("Return", value))
}

fn slot(number: u8) -> String {
    hex(&[number; 32])
}

/// Everything that a deterministic contract may ask for.
fn everything() -> Vec<u8> {
    let address = || Value::Address(OTHER);
    contract(&[
        Step::Copy { from: 1, to: 2 },
        Step::Balance { of: OTHER.0, to: 3 },
        Step::OwnBalance { to: 4 },
        Step::Ask {
            request: request("EthCall", Map::from([("address", address()), ("calldata", Value::Bytes(vec![1, 2]))])),
            to: 5,
        },
        Step::Tell(request(
            "EthSend",
            Map::from([("address", address()), ("calldata", Value::Bytes(vec![3])), ("value", Value::from(1))]),
        )),
        Step::Tell(request(
            "PostMessage",
            Map::from([
                ("address", address()),
                ("calldata", Value::from(Map::from([("", "paid")]))),
                ("value", Value::from(2)),
                ("on", Value::from("finalized")),
            ]),
        )),
        Step::Tell(request(
            "DeployContract",
            Map::from([
                ("calldata", Value::Map(Map::new())),
                ("code", Value::Bytes(vec![7])),
                ("value", Value::from(0)),
                ("on", Value::from("accepted")),
                ("salt_nonce", Value::from(9)),
            ]),
        )),
        Step::Tell(request(
            "EmitEvent",
            Map::from([
                ("topics", Value::array([Value::Bytes(vec![1; 32])])),
                ("blob", Value::from(Map::from([("a", 1)]))),
            ]),
        )),
        Step::Ask {
            request: request(
                "CallContract",
                Map::from([("address", address()), ("calldata", Value::Map(Map::new())), ("state", Value::from(1))]),
            ),
            to: 6,
        },
        returns("done"),
    ])
}

fn scenario(line: Line) -> Json {
    let called = contract(&[returns(77)]);
    let mut storage = deployed(line, &[(CONTRACT, &everything()), (OTHER, &called)]);
    storage[format!("{}/{}", hex(&CONTRACT.0), slot(1))] = json!(hex(&(0..100).collect::<Vec<u8>>()));
    json!({
        "storage": storage,
        "balances": {hex(&OTHER.0): 300, hex(&CONTRACT.0): 1000},
        "eth": {hex(&OTHER.0): {"status": 0, "data": "c0ffee"}},
        "line": if line == Line::V0_2 { "0.2" } else { "0.3" },
        "runner_ids": ["contract"],
    })
}

/// What the run of everything has to come to.
fn check_everything(ran: &Ran) {
    let result = ran.result();
    assert_eq!(
        (&ran.seen["code"], &result["kind"], &result["data"]),
        (&json!(0), &json!("Return"), &json!("done")),
        "{:?}",
        ran.told
    );
    let page = |number: u8, bytes: &[u8]| {
        let mut content = bytes.to_vec();
        content.resize(content.len().next_multiple_of(32), 0);
        json!([{"b": format!("{}00000000", slot(number))}, {"b": hex(&content)}])
    };
    let word = |low: u16| [&low.to_le_bytes()[..], &[0; 30]].concat();
    // Two pages that touch are one entry. What was sent along counts, and what was sent on does not yet.
    let bytes = |bytes: &[u8]| [&[0][..], bytes].concat();
    let called = bytes(&Value::from(77).encode().unwrap());
    let eth = Value::Bytes(vec![0xc0, 0xff, 0xee]).encode().unwrap();
    let expected = [
        page(2, &(30..70).collect::<Vec<u8>>()),
        page(3, &word(300)),
        page(4, &word(1003)),
        page(5, &eth),
        page(6, &called),
    ];
    assert_eq!(result["storage_changes"], json!(expected));
    let types: Vec<_> =
        result["emissions"].as_array().unwrap().iter().map(|emission| emission["type"].clone()).collect();
    assert_eq!(types, ["EthSend", "PostMessage", "DeployContract", "EmitEvent"]);
    let message = &result["emissions"][1];
    assert_eq!(message["call_key"], json!({"b": hex(&[b"paid".as_slice(), &[0; 28]].concat())}));
    assert_eq!(
        (&message["value"], &message["on"], &message["use_balance"]),
        (&json!(2), &json!("finalized"), &json!(false))
    );
    assert_eq!(
        (&message["message_fee"], &message["receipt_fee"], &message["subtree"]),
        (&json!(0), &json!(0), &json!({"b": ""}))
    );
    assert_eq!((&ran.seen["eof"], &ran.seen["gone"]), (&json!(1), &json!(0)));
}

#[test]
fn a_run_asks_for_what_it_needs_and_reports_all_it_did() {
    let Some(ran) = run(&scenario(Line::V0_3), &data([]), |_| {}) else { return };
    check_everything(&ran);
    let requests = ran.seen["requests"].as_array().unwrap();
    // First the root slot, then upgraders, locked slots and code, in the order in which GenVM reads them.
    let reads: Vec<_> = requests
        .iter()
        .take(5)
        .map(|request| (request[2]["index"].as_u64().unwrap(), request[2]["length"].as_u64().unwrap()))
        .collect();
    let code = everything().len() as u64;
    assert_eq!(reads, [(0, 69), (0, 4), (0, 4), (0, 4), (4, code)]);
    assert_eq!(ran.methods()[5..8], ["storage_read", "storage_read", "get_balance"]);
    // Whole pages, of which the ones before and behind are asked for with it.
    let read = &requests[5][2];
    assert_eq!((&read["index"], &read["length"], &read["view"]), (&json!(0), &json!(96), &json!(0)));
    let resolved = requests.iter().find(|request| request[1] == "resolve_callcontract_executor").unwrap();
    assert_eq!((&resolved[2]["view"], &resolved[2]["major"]), (&json!(1), &json!(0)));
    assert_eq!(ran.methods().last(), Some(&"consume_result"));
}

#[test]
fn split_answers_and_every_kind_of_socket_make_no_difference() {
    for (listen, chunk) in [("unix", 1), ("tcp", 0), ("tcp", 7)] {
        let mut scenario = scenario(Line::V0_3);
        scenario["listen"] = json!(listen);
        scenario["chunk"] = json!(chunk);
        let Some(ran) = run(&scenario, &data([]), |_| {}) else { return };
        check_everything(&ran);
    }
}

#[test]
fn the_line_0_2_has_its_own_layout_and_its_own_farewell() {
    let Some(ran) =
        run(&scenario(Line::V0_2), &data([("calldata", Value::Bytes(vec![6]))]), |options| options.line = Line::V0_2)
    else {
        return;
    };
    let result = ran.result();
    assert_eq!((&result["kind"], &result["data"]), (&json!("Return"), &json!("done")), "{:?}", ran.told);
    assert_eq!(ran.methods().last(), Some(&"notify_finished"));
    assert!(!ran.methods().contains(&"resolve_callcontract_executor"));
    // Its calls are named otherwise.
    assert_eq!(result["emissions"][1]["call_key"], json!({"b": hex(&[0; 32])}));
}

#[test]
fn methods_go_to_the_hosts_that_the_data_names() {
    let mut scenario = scenario(Line::V0_3);
    scenario["hosts"] = json!(2);
    scenario["hello"] = json!(["aabb", "cc"]);
    let hosts = Value::array([0, 0, 0, 0, 0, 0, 1, 0, 1]);
    let hello = Value::array([Value::Bytes(vec![0xaa, 0xbb]), Value::Bytes(vec![0xcc])]);
    let Some(ran) = run(&scenario, &data([("method_hosts", hosts), ("host_hello_data", hello)]), |_| {}) else {
        return;
    };
    assert_eq!(ran.result()["data"], json!("done"));
    for request in ran.seen["requests"].as_array().unwrap() {
        assert_eq!(request[0], json!(u8::from(request[1] == "consume_result")), "{request}");
    }
    let mut hellos: Vec<_> =
        ran.seen["hello"].as_array().unwrap().iter().map(|hello| hello.as_str().unwrap()).collect();
    hellos.sort_unstable();
    assert_eq!(hellos, ["aabb", "cc"]);
}

#[test]
fn a_deployment_writes_its_code_where_the_root_slot_looks_for_it() {
    let code = contract(&[returns(Value::Null)]);
    let mut message = data([("code", Value::Bytes(code.clone()))]);
    let map = message.as_map_mut().unwrap();
    map.get_mut("message").unwrap().as_map_mut().unwrap().insert("is_init", true);
    map.insert("calldata", Value::Bytes(Value::Map(Map::from([("args", Value::array([1]))])).encode().unwrap()));
    let Some(ran) = run(&json!({"runner_ids": ["contract"]}), &message, |_| {}) else { return };
    let changes = ran.result()["storage_changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 1, "{changes:?}");
    let layout = subvm_runners::root::Layout::V0_3;
    assert_eq!(changes[0][0], json!({"b": format!("{}00000000", layout.code_slot())}));
    let written = changes[0][1]["b"].as_str().unwrap();
    assert!(written.starts_with(&hex(&[&u32::try_from(code.len()).unwrap().to_le_bytes()[..], &code].concat())));
}

#[test]
fn how_a_run_ends_is_said_in_the_lines_own_words() {
    let text = |steps: &[Step]| contract(steps);
    let exit = |code: &[u8]| json!({"storage": deployed(Line::V0_3, &[(CONTRACT, code)]), "runner_ids": ["contract"]});
    let nothing = json!({});
    let malformed = |code: &[u8]| json!({"storage": deployed(Line::V0_3, &[(CONTRACT, code)])});
    for (scenario, code, kind, said) in [
        (exit(&text(&[Step::Tell(request("UserError", "no funds"))])), 1, "UserError", "no funds"),
        (exit(&text(&[Step::Trap])), 2, "VmError", "wasm_trap unreachable"),
        (exit(b"\0asm\x01\0\0\0"), 2, "VmError", "invalid_contract wasm entrypoint"),
        (nothing, 2, "VmError", "invalid_contract runner absent"),
        (malformed(b"print(1)"), 2, "VmError", "invalid_contract runner absent"),
        (malformed(b"# {\"Depend\": 1}"), 2, "VmError", "invalid_contract runner malformed"),
        (malformed(b"\xff\xff"), 2, "VmError", "invalid_contract not_utf8_text"),
    ] {
        let Some(ran) = run(&scenario, &data([]), |_| {}) else { return };
        let result = ran.result();
        assert_eq!(
            (&ran.seen["code"], &result["kind"], &result["data"]),
            (&json!(code), &json!(kind), &json!(said)),
            "{:?}",
            ran.told
        );
        assert_eq!((&result["storage_changes"], &result["emissions"]), (&json!([]), &json!([])));
    }
    // A trap carries frames and memories.
    let Some(ran) = run(&exit(&text(&[Step::Trap])), &data([]), |_| {}) else { return };
    assert_eq!(ran.result()["backtrace"][0]["module_name"], json!("main"), "{:#}", ran.seen["result"]);
    assert_eq!(ran.result()["wasm_store_hashes"]["main"]["memories"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_contract_of_another_major_version_is_not_run() {
    let mut storage = deployed(Line::V0_3, &[(CONTRACT, &everything())]);
    storage[format!("{}/{}", hex(&CONTRACT.0), slot(0))] = json!("01");
    let Some(ran) = run(&json!({"storage": storage}), &data([]), |_| {}) else { return };
    assert_eq!(ran.result()["data"], json!("invalid_contract major_mismatch"));
}

#[test]
fn locked_slots_bind_all_but_upgraders() {
    let code = contract(&[Step::Copy { from: 1, to: 2 }, returns(1)]);
    let root = |place: u32| subvm_runners::root::slot(&[0; 32], place);
    let mut storage = deployed(Line::V0_3, &[(CONTRACT, &code)]);
    storage[format!("{}/{}", hex(&CONTRACT.0), root(3))] = json!(format!("01000000{}", slot(2)));
    let Some(ran) = run(&json!({"storage": storage.clone(), "runner_ids": ["contract"]}), &data([]), |_| {}) else {
        return;
    };
    assert_eq!(ran.result()["data"], json!("wasm_trap unreachable"), "the errno is forbidden");
    storage[format!("{}/{}", hex(&CONTRACT.0), root(4))] =
        json!(format!("02000000{}{}", "00".repeat(20), hex(&SENDER.0)));
    let Some(ran) = run(&json!({"storage": storage, "runner_ids": ["contract"]}), &data([]), |_| {}) else { return };
    assert_eq!(ran.result()["kind"], json!("Return"));
}

#[test]
fn a_root_slot_that_says_too_many_ends_the_run_in_the_lines_words() {
    for (line, place, count, text) in [
        (Line::V0_3, 3, "01010000", "out_of locked_slots"),
        (Line::V0_3, 4, "21000000", "out_of upgraders"),
        (Line::V0_2, 2, "ffffffff", "invalid_contract malformed_runner"),
    ] {
        let mut storage = deployed(line, &[(CONTRACT, &contract(&[returns(1)]))]);
        storage[format!("{}/{}", hex(&CONTRACT.0), subvm_runners::root::slot(&[0; 32], place))] = json!(count);
        let line_name = if line == Line::V0_2 { "0.2" } else { "0.3" };
        let scenario = json!({"storage": storage, "line": line_name});
        let Some(ran) = run(&scenario, &data([]), |options| options.line = line) else { return };
        assert_eq!((&ran.seen["code"], &ran.result()["data"]), (&json!(2), &json!(text)), "{:?}", ran.told);
    }
}

/// What the contract wrote, or the end of a run that may do so much.
fn with(line: Line, permissions: Permissions, step: Step) -> Option<(Json, Json)> {
    let code = contract(&[step, returns(1)]);
    let scenario = json!({
        "storage": deployed(line, &[(CONTRACT, &code)]), "runner_ids": ["contract"], "line": if line == Line::V0_2 { "0.2" } else { "0.3" },
    });
    let ran = run(&scenario, &data([]), |options| (options.line, options.permissions) = (line, permissions))?;
    Some((ran.result()["data"].clone(), ran.result()["emissions"].clone()))
}

#[test]
fn a_run_does_what_its_node_allows() {
    let ask = |name, fields: Vec<(&'static str, Value)>| Step::AskOnly(request(name, Map::from_iter(fields)));
    let block =
        || ask("RunNondet", vec![("data_leader", Value::Bytes(vec![])), ("data_validator", Value::Bytes(vec![]))]);
    let sent = || {
        Step::Tell(request(
            "EthSend",
            Map::from([
                ("address", Value::Address(OTHER)),
                ("calldata", Value::Bytes(vec![])),
                ("value", Value::from(0)),
            ]),
        ))
    };
    let (all, refused) = (Permissions::all(), json!("wasm_trap unreachable"));
    let Some(written) = with(Line::V0_3, all, Step::Copy { from: 1, to: 2 }) else { return };
    assert_eq!(written.0, json!(1));
    for (line, lacks, step) in [
        (Line::V0_3, Permissions::WRITE_STORAGE, Step::Copy { from: 1, to: 2 }),
        (Line::V0_2, Permissions::READ_STORAGE, Step::Copy { from: 1, to: 2 }),
        (Line::V0_3, Permissions::SPAWN_NONDET, block()),
    ] {
        let Some((data, _)) = with(line, all - lacks, step) else { return };
        assert_eq!(data, refused, "{lacks:?}");
    }
    // Everybody reads on line 0.3.
    let Some((data, _)) = with(Line::V0_3, Permissions::WRITE_STORAGE, Step::Copy { from: 1, to: 2 }) else { return };
    assert_eq!(data, json!(1));
    for (permissions, messages) in [(all, 1), (all - Permissions::SEND_MESSAGES, 0)] {
        let Some((_, emissions)) = with(Line::V0_3, permissions, sent()) else { return };
        assert_eq!(emissions.as_array().map(Vec::len), Some(messages), "{permissions:?}");
    }
}

#[test]
fn who_writes_nothing_is_asked_for_no_locks() {
    let code = contract(&[returns(1)]);
    let scenario = json!({"storage": deployed(Line::V0_3, &[(CONTRACT, &code)]), "runner_ids": ["contract"]});
    let reads = |permissions| {
        let ran = run(&scenario, &data([]), |options| options.permissions = permissions)?;
        Some(ran.methods().iter().filter(|name| **name == "storage_read").count())
    };
    let (Some(writer), Some(reader)) = (reads(Permissions::all()), reads(Permissions::READ_STORAGE)) else { return };
    assert_eq!(writer, reader + 2, "the counts of upgraders and of locked slots");
}

/// The same with one other field.
pub(crate) fn nested(name: &'static str, value: Value) -> Value {
    nested_with(vec![(name, value)])
}

/// Execution data of a run within another executor's.
fn nested_with(changes: Vec<(&'static str, Value)>) -> Value {
    let mut nested = Map::from([
        ("memory_limit", Value::from(u32::MAX)),
        ("stack", Value::array([Value::Address(OTHER)])),
        ("permissions", Value::from(1 | 2 | 4 | 16 | 64)),
        ("state_mode", Value::from("LatestFinal")),
        ("topmost_runner_id", Value::from("contract")),
        ("remaining_det_fuel", Value::from(0)),
    ]);
    for (name, value) in changes {
        nested.insert(name, value);
    }
    data([("nested", Value::Map(nested))])
}

#[test]
fn a_call_of_another_executors_run_is_bounded_by_what_it_says() {
    let code = contract(&[Step::Copy { from: 1, to: 2 }, returns(1)]);
    let scenario = json!({"storage": deployed(Line::V0_3, &[(CONTRACT, &code)]), "runner_ids": ["contract"]});
    for (changes, data) in [
        (vec![], json!(1)),
        (vec![("permissions", Value::from(1 | 2))], json!("wasm_trap unreachable")),
        (vec![("memory_limit", Value::from(1 << 20))], json!("out_of memory")),
    ] {
        let Some(ran) = run(&scenario, &nested_with(changes), |_| {}) else { return };
        assert_eq!(ran.result()["data"], data, "{:?}", ran.told);
        let read =
            ran.seen["requests"].as_array().expect("a list").iter().filter(|request| request[1] == "storage_read");
        assert!(read.map(|request| &request[2]["view"]).all(|view| *view == json!(1)), "{:#}", ran.seen);
    }
    // Nobody who waits for it may catch that the time is used up.
    let Some(ran) = run(&scenario, &nested_with(vec![]), |options| {
        let mut params = subvm_core::Params::default();
        params.limits.gas_time = 1;
        options.params = params.into();
    }) else {
        return;
    };
    assert_eq!(
        (&ran.seen["code"], &ran.result()["kind"], &ran.result()["data"]),
        (&json!(4), &json!("FatalVmError"), &json!("timeout"))
    );
}

#[test]
fn a_run_nests_no_deeper_than_its_node_says() {
    let call = Map::from([
        ("calldata", Value::Map(Map::new())),
        ("address", Value::Address(OTHER)),
        ("state", Value::from(0)),
    ]);
    let code = contract(&[Step::Ask { request: request("CallContract", call), to: 5 }, returns(1)]);
    let other = contract(&[returns(7)]);
    let storage = deployed(Line::V0_3, &[(CONTRACT, &code), (OTHER, &other)]);
    for (left, written) in [(1, "0039"), (0, &hex(b"\x02out_of vm_recursion"))] {
        let scenario = json!({"storage": storage.clone(), "runner_ids": ["contract"]});
        let Some(ran) = run(&scenario, &data([("remaining_recursion", Value::from(left))]), |_| {}) else { return };
        let page = ran.result()["storage_changes"][0][1]["b"].as_str().unwrap_or_default().to_owned();
        assert!(page.starts_with(written), "{left}: {page}, {:?}", ran.told);
    }
}

#[test]
fn an_entry_that_is_none_is_refused_before_anything_is_asked() {
    let call = Value::Bytes(Value::from(Map::from([("method", "get")])).encode().unwrap());
    let Some(ran) = run(&json!({}), &data([("calldata", call)]), |_| {}) else { return };
    assert_eq!(ran.result()["data"], json!("malformed_entry"));
    assert_eq!(ran.methods(), ["consume_result"]);
}

#[test]
fn buckets_come_back_as_they_were_and_nothing_is_spent() {
    let buckets = Value::array([1, 2, 3]);
    let Some(ran) = run(&scenario(Line::V0_3), &data([("bucket_totals", buckets)]), |_| {}) else { return };
    let result = ran.result();
    assert_eq!(result["data_fees_remaining"], json!([1, 2, 3]));
    let spent = json!({"event": 0, "message_fee": 0, "message_receipt": 0, "nondet_output": 0, "storage": 0});
    assert_eq!(result["data_fees_consumed"], spent);
}
