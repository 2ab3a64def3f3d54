//! Scenarios in files (`docs/spec/testing.md`): what they say holds, and what makes no sense is refused with its line.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Entry, Message, Parts, Role, Run};
use subvm_host_mock::MemoryHost;
use subvm_host_std::WasmtimeEngine;
use subvm_replay::{Buffer, Options, Recorder};
use subvm_testing::scenario::{Suite, check};
use subvm_testing::{Chain, Map, Value};

use crate::{ROOT, module};

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!("{ROOT}/tests/scenarios/{name}"))
}

#[test]
fn scenarios_hold() {
    check(path("from.toml"));
    check(path("market.toml"));
    check(path("timeouts.toml"));
    check(path("token.toml"));
    check(path("oracle.toml"));
    check(path("workshop.json"));
}

/// What a file of one scenario comes to: the line and the text of its failure.
#[track_caller]
fn failure(steps: &str) -> (usize, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("one.toml");
    fs::write(dir.path().join("token.wasm"), module("token")).unwrap();
    fs::write(dir.path().join("oracle.wasm"), module("oracle")).unwrap();
    fs::write(&file, format!("{HEAD}{steps}")).unwrap();
    let ran = Suite::load(&file).unwrap_or_else(|error| panic!("{error}")).run(|_| true, false).unwrap();
    let failure = ran[0].failure.clone().unwrap_or_else(|| panic!("it holds: {steps}"));
    (failure.line, failure.what)
}

const HEAD: &str = r#"contracts = { token = "token.wasm", oracle = "oracle.wasm" }
accounts = { alice = 7, bob = 0 }
world = [{ web = "*", text = "1" }]
[[scenario]]
name = "one"
step = [
"#;

/// The first line of what follows [`HEAD`].
const FIRST: usize = 7;

#[test]
fn what_is_expected_in_vain_is_told_with_its_line() {
    let deploy = r#"{ deploy = "token", from = "alice", arguments = '{"supply": 9}' },"#;
    let after = |step: &str| format!("{deploy}\n{step}\n]");
    for (step, why) in [
        (
            r#"{ view = "token", method = "supply", returns = '8' }"#,
            "token.supply: expected to return 8; it returned 9",
        ),
        (
            r#"{ view = "token", method = "supply", fails = "no" }"#,
            r#"token.supply: expected to fail with "no"; it returned 9"#,
        ),
        (
            r#"{ view = "token", method = "mint" }"#,
            r#"token.mint: expected to return; it failed with "calldata, mint: there is no such method""#,
        ),
        (
            r#"{ view = "token", method = "supply", votes = ["agree"] }"#,
            "token.supply: expected the votes agree; there are: agree, agree",
        ),
        (
            r#"{ view = "token", method = "supply", accepted = false }"#,
            "token.supply: the nodes agree, and were expected not to: agree, agree",
        ),
        (r#"{ view = "token", method = "supply", events = [{}] }"#, "token.supply: expected 1 events; there are none"),
        (
            r#"{ view = "token", method = "supply", lies = [{ returns = '1' }] }"#,
            "token.supply: the leader lies of result 0, and has 0 results",
        ),
        (
            r#"{ view = "token", method = "supply", delivered = [{}] }"#,
            "token.supply: expected 1 messages to be delivered; there were 0: ",
        ),
        (
            r#"{ name = "pay", call = "token", from = "alice", value = 8, method = "supply" }"#,
            "pay: alice has 7, and sends 8",
        ),
        (r#"{ balances = { alice = 6 } }"#, "check: expected alice to have 6; it has 7"),
        (r#"{ finalize = true, delivered = [{}] }"#, "finalize: expected 1 messages to be delivered; there were 0: "),
        (
            r#"{ call = "token", from = "alice", method = "transfer", arguments = '{"to": $bob, "amount": 1}', events = [{ name = "Sent" }] }"#,
            "token.transfer: expected event 0 to be Sent; there are: Transferred {\"amount\":1,",
        ),
    ] {
        let (line, what) = failure(&after(step));
        assert!(line == FIRST + 1 && what.starts_with(why), "{line}: {what}");
    }
    let differs = r#"{ deploy = "oracle" },
        { call = "oracle", method = "ask", arguments = '{"url": "x"}', world = [{ web = "*", text = "1", only = [{ node = 1, text = "2" }] }], votes = ["agree", "agree"] }]"#;
    let (_, what) = failure(differs);
    assert_eq!(
        what,
        "oracle.ask: expected the votes agree, agree; there are: agree, disagree at nondet, call 0\n  validator 1: block 0: the leader's result is \"1\"; this node's is \"2\""
    );
    let (line, what) = failure("{ finalize = true },\n{ appeal = 3 },\n]");
    assert_eq!((line, &*what), (FIRST + 1, "appeal: there is no transaction to appeal: none yet, or all are final"));
    let down = r#"{ deploy = "oracle" },
        { call = "oracle", method = "ask", arguments = '{"url": "x"}', world = [{ web = "*", down = true }] }]"#;
    let (line, what) = failure(down);
    assert!(line == FIRST + 1 && what.contains("the leader's node failed:") && what.contains("WebRequest"), "{what}");
    let (_, what) = failure(&format!(
        "{deploy} {{ storage = [{{ of = \"token\", slot = \"{}\", bytes = \"01\" }}] }}]",
        "00".repeat(32)
    ));
    assert!(what.ends_with("expected 01; there is 00"), "{what}");
}

/// What a malformed file is refused with.
#[track_caller]
fn refused(name: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    fs::write(&file, text).unwrap();
    let error = match Suite::load(&file) {
        Err(error) => error,
        Ok(suite) => suite.run(|_| true, false).expect_err(text),
    };
    let error = error.to_string();
    assert!(error.starts_with(&format!("{}:", file.display())), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error.strip_prefix(&format!("{}:", file.display())).unwrap().to_owned()
}

#[test]
fn malformed_files_are_refused_with_their_line() {
    let step = |step: &str| format!("{HEAD}{step}]");
    let deployed = |more: &str| step(&format!("{{ deploy = \"token\" }},\n{more}"));
    for (text, why) in [
        ("a = ".to_owned(), "1: "),
        (String::new(), "1: the file needs the key scenario"),
        ("scenario = 1".into(), "1: scenario is a list, not an integer"),
        ("\nscenarios = []\nscenario = []".into(), "2: unknown key scenarios of the file; did you mean scenario?"),
        ("scenario = [{ step = [] }]".into(), "1: a scenario needs the key name"),
        ("scenario = [{ name = \"\", step = [] }]".into(), "1: name is one line, and not empty"),
        (
            "scenario = [\n{ name = \"a\", step = [] },\n{ name = \"a\", step = [] }]".into(),
            "3: there are two scenarios a",
        ),
        ("contracts.a = 5\nscenario = []".into(), "1: a contract is a table, not an integer"),
        ("contracts.a = { modul = \"x\" }\nscenario = []".into(), "1: a contract needs the key module"),
        ("accounts.a = -1\nscenario = []".into(), "1: a: -1 is out of range"),
        ("accounts.a = 1.5\nscenario = []".into(), "1: a is an integer, not a number with a fraction"),
        ("accounts.\"a b\" = 1\nscenario = []".into(), "1: \"a b\" cannot be a name"),
        ("accounts.a = \"9x\"\nscenario = []".into(), "1: a: \"9x\" is no amount of 128 bits"),
        ("validators = 1001\nscenario = []".into(), "1: validators: at most 1000"),
        (
            format!("accounts = {{ a = \"{}\", b = 1 }}\nscenario = [{{ name = \"x\", step = [] }}]", u128::MAX),
            "2: all that accounts have is more than 128 bits",
        ),
        ("world = [{}]\nscenario = []".into(), "1: a rule of world has one of the keys web, model, recorded"),
        ("world = [{ web = \"*\" }]\nscenario = []".into(), "1: there is no answer; give text"),
        ("world = [{ web = \"*\", text = \"\", down = true }]\nscenario = []".into(), "1: there are two answers"),
        ("world = [{ model = \"*\", status = 5 }]\nscenario = []".into(), "1: status and body are for rules of web"),
        ("world = [{ model = \"*\", method = \"GET\" }]\nscenario = []".into(), "1: method is for rules of web"),
        (
            "world = [{ web = \"*\", only = [{ node = \"bob\" }] }]\nscenario = []".into(),
            "1: node: a node is \"leader\", or the number",
        ),
        (
            "world = [{ web = \"*\", after = \"1s\" }]\nscenario = []".into(),
            "1: after is how long an answer takes, and there is no",
        ),
        (
            "world = [{ web = \"*\", text = \"\", after = \"-1s\" }]\nscenario = []".into(),
            "1: after: \"-1s\" is no time",
        ),
        (
            "deadline = \"0s\"\nscenario = []".into(),
            "1: deadline: no run ends in no time; to let a node time out, use timeouts",
        ),
        ("world = [{ recorded = \"no.rec\" }]\nscenario = []".into(), "1: "),
        (
            "world = [{ web = \"*\", body = \"abc\" }]\nscenario = []".into(),
            "1: body: bytes are pairs of hexadecimal digits",
        ),
        (step("{}"), "7: a step does something: deploy, call"),
        (step("{ deploy = \"tokn\" }"), "7: contracts has no tokn; there are: oracle, token"),
        (
            step("{ call = \"token\", method = \"x\" }"),
            "7: no account and no contract is called token here; there are: alice, bob",
        ),
        (deployed("{ deploy = \"token\" }"), "8: something is called token already"),
        (deployed("{ call = \"token\" }"), "8: a call has method and perhaps arguments, or calldata, or bytes"),
        (
            deployed("{ call = \"token\", method = \"x\", metod = \"y\" }"),
            "8: unknown key metod of a step; did you mean method?",
        ),
        (
            deployed("{ call = \"token\", view = \"token\", method = \"x\" }"),
            "8: a step does one thing, and this one does two",
        ),
        (
            deployed("{ call = \"token\", method = \"x\", arguments = '{\"to\": $eve}' }"),
            "8: arguments: no account and no contract is called eve",
        ),
        (deployed("{ call = \"token\", method = \"x\", arguments = '[1]' }"), "8: arguments are a map"),
        (deployed("{ call = \"token\", method = \"x\", returns = '1.5' }"), "8: returns: 1.5 is no calldata"),
        (
            deployed("{ call = \"token\", method = \"x\", returns = '1', fails = \"\" }"),
            "8: it returns or fails, not both",
        ),
        (deployed("{ call = \"token\", method = \"x\", votes = [\"yes\"] }"), "8: \"yes\" is no vote"),
        (
            deployed("{ view = \"token\", method = \"x\", timeouts = [2] }"),
            "8: timeouts: there is no validator 2; there are 2, counted from 0",
        ),
        (
            deployed("{ view = \"token\", method = \"x\", timeouts = [\"bob\"] }"),
            "8: timeouts: a node is \"leader\", or the number",
        ),
        (deployed("{ appeal = 1, timeouts = [1] }"), "8: timeouts: there is no validator 1; there are 1"),
        (step("{ finalize = true, timeouts = [0] }"), "7: unknown key timeouts of a step"),
        (step("{ restore = \"a\" }"), "7: there is no snapshot a before this"),
        (step("{ pass = \"soon\" }"), "7: pass: \"soon\" is no time such as"),
        (step("{ pass = \"1000000h\" }"), "7: pass: \"1000000h\" is no time such as"),
        (step("{ finalize = false }"), "7: finalize is true, or left out"),
        (step("{ finalize = true, returns = '1' }"), "7: unknown key returns of a step"),
        (deployed("{ write = \"token\", slot = \"00\", bytes = \"\" }"), "8: slot: a slot has 32 bytes"),
    ] {
        let said = refused("a.toml", &text);
        assert!(said.starts_with(why), "{said}\nexpected {why}");
    }
    for (text, why) in [
        ("{", "1: "),
        ("{\"scenario\": [],\n\"acounts\": {}}", "2: unknown key acounts of the file; did you mean accounts?"),
        ("{\"scenario\": [],\n\n\"contracts\": {\"a\": null}}", "3: a contract is a table, not null"),
        ("{\"contracts\": {\"a\": \"no.wasm\"},\n\"scenario\": []}", "1: cannot read "),
        (
            "{\"contracts\": {\"a\":\n{\"module\": \"no.wasm\", \"build\": [\"no-such-program\"]}},\n\"scenario\": []}",
            "2: cannot start no-such-program",
        ),
        (
            "{\"contracts\": {\"a\":\n{\"module\": \"no.wasm\", \"build\": [\"false\"]}},\n\"scenario\": []}",
            "2: false failed (exit status: 1)",
        ),
    ] {
        let said = refused("a.json", text);
        assert!(said.starts_with(why), "{said}\nexpected {why}");
    }
}

/// What a compiler says is told as it was, line by line, and the error stays one line.
#[test]
fn a_build_that_fails_is_told_in_its_own_lines() {
    let script = "echo one >&2; echo '  two: three' >&2; exit 3";
    let text = format!(
        "contracts.a = {{ module = \"no.wasm\", build = [\"sh\", \"-c\", \"{script}\"] }}\n[[scenario]]\nname = \"a\"\nstep = []"
    );
    let error = Suite::read("a.toml", &text).unwrap().run(|_| true, false).unwrap_err();
    assert_eq!(error.to_string(), "a.toml:1: sh failed (exit status: 3)");
    assert_eq!(error.said(), ["one", "  two: three"]);
}

#[test]
fn gas_is_held_to_what_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("one.toml");
    fs::write(dir.path().join("token.wasm"), module("token")).unwrap();
    let scenario = |name: &str, supply: u32| {
        format!(
            "[[scenario]]\nname = \"{name}\"\nstep = [{{ deploy = \"token\", arguments = '{{\"supply\": {supply}}}' }}]\n"
        )
    };
    let head = "contracts.token = \"token.wasm\"\ngolden = \"gas.golden\"\n";
    fs::write(&file, format!("{head}{}{}", scenario("a", 1), scenario("b", 2))).unwrap();
    let run = |wanted: &str, record| {
        let ran = Suite::load(&file).unwrap().run(|name| name.contains(wanted), record).unwrap();
        ran.into_iter().map(|ran| ran.failure.map(|failure| (failure.line, failure.what))).collect::<Vec<_>>()
    };
    assert!(
        run("", false)
            .iter()
            .all(|failure| failure.as_ref().is_some_and(|(_, what)| what.contains("has nothing; there was")))
    );
    assert_eq!(run("", true), [None, None]);
    assert_eq!(run("", false), [None, None]);
    // Another argument is another receipt.
    fs::write(&file, format!("{head}{}{}", scenario("a", 1), scenario("b", 3))).unwrap();
    let [None, Some((line, what))] = &run("", false)[..] else { panic!("nothing differs") };
    assert!(
        *line == 8 && what.starts_with("gas.golden has deploy token: time ") && what.ends_with("--record"),
        "{line}: {what}"
    );
    // What is not run stays recorded.
    assert_eq!(run("b", true), [None]);
    assert_eq!(run("", false), [None, None]);
    // Another module is held to nothing.
    let mut suite = Suite::load(&file).unwrap();
    assert!(
        suite.replace("tokn", module("token")).unwrap_err().to_string().ends_with("no contract tokn; there are: token")
    );
    suite.replace("token", module("oracle")).unwrap();
    assert!(suite.run(|_| true, false).unwrap().iter().all(|ran| ran.failure.is_some()));
}

/// A contract that sends itself a message whenever it runs, at the first address that a chain gives.
fn endless() -> Vec<u8> {
    let address = Chain::new().install(&module("token"));
    let message = Map::from([
        ("address", Value::from(address)),
        ("calldata", Map::new().into()),
        ("on", "accepted".into()),
        ("value", 0.into()),
    ]);
    let request = Value::from(Map::from([("PostMessage", message)])).encode().unwrap();
    let bytes: String = request.iter().map(|byte| format!("\\{byte:02x}")).collect();
    wat::parse_str(format!(
        r#"(module (import "genlayer_sdk" "gl_call" (func $call (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "{bytes}")
            (func (export "_start") (drop (call $call (i32.const 0) (i32.const {}) (i32.const 1024)))))"#,
        request.len()
    ))
    .unwrap()
}

#[test]
fn messages_without_end_fail_a_scenario() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("endless.wasm"), endless()).unwrap();
    let file = dir.path().join("endless.toml");
    fs::write(&file, "contracts.a = \"endless.wasm\"\n[[scenario]]\nname = \"a\"\nstep = [{ deploy = \"a\" }]")
        .unwrap();
    let ran = Suite::load(&file).unwrap().run(|_| true, false).unwrap();
    let failure = ran[0].failure.as_ref().unwrap();
    assert_eq!((failure.line, &*failure.what), (4, "deploy a: messages beget messages without end"));
}

#[test]
#[should_panic(expected = "messages beget messages without end")]
fn messages_without_end_fail_a_test() {
    Chain::new().deploy(&endless(), Map::new());
}

/// A run on a live world is recorded once, and its answers are given again.
#[test]
fn recorded_answers_are_given_again() {
    let (host, sink) = (MemoryHost::new(), Buffer::default());
    let parts = Parts { start: module("oracle").into(), ..Parts::default() };
    let call = Map::from([("method", "ask"), ("url", "https://live.test/btc")]);
    let message = Message { entry_data: Value::from(call).encode().unwrap(), ..Message::default() };
    host.deploy(message.contract_address, Arc::new(parts.check(&Refused::default()).unwrap()));
    let body = Value::Bytes(b"99.5".to_vec());
    let page = Map::from([("status", Value::from(200)), ("headers", Map::new().into()), ("body", body)]);
    host.answer(Value::from(Map::from([("ok", page)])).encode().unwrap());
    let (node, recorder) = Recorder::wrap(host.node(), sink.clone(), Options::default());
    let (entry, role, params, state) = (Entry::Contract, Role::Leader, Default::default(), State::Accepted);
    let engine = Arc::new(WasmtimeEngine::new().unwrap());
    let (node, _) =
        subvm_core::run(engine, node, Run { message, entry, role, params, state, deadline: None, cancel: None });
    let _ = recorder.finish(node);

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("oracle.wasm"), module("oracle")).unwrap();
    fs::write(dir.path().join("live.rec"), sink.bytes()).unwrap();
    let ask = |url: &str, then: &str| {
        format!(r#"{{ call = "oracle", method = "ask", arguments = '{{"url": "https://live.test/{url}"}}', {then} }}"#)
    };
    let text = format!(
        "contracts.oracle = \"oracle.wasm\"\nworld = [{{ recorded = \"live.rec\" }}]\n[[scenario]]\nname = \"live\"\nstep = [{{ deploy = \"oracle\" }},\n{},\n{}]",
        ask("btc", r#"returns = '{"answer": "99.5", "count": 1}', votes = ["agree", "agree"]"#),
        ask("eth", "accepted = false, votes = []"),
    );
    let file = dir.path().join("live.toml");
    fs::write(&file, &text).unwrap();
    check(&file);
    // What was changed is refused.
    let mut bytes = sink.bytes();
    bytes[100] ^= 1;
    fs::write(dir.path().join("live.rec"), bytes).unwrap();
    let error = Suite::load(&file).unwrap_err().to_string();
    assert!(error.contains("live.toml:2: ") && error.contains("live.rec: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a file says, it is read, or refused in one line that names a line of it.
    #[test]
    fn no_text_is_too_strange(cut in 0..1_000_usize, len in 0..60_usize, put in "(\\PC|[\\[\\]{}=,\"'\n$]){0,12}", json in any::<bool>()) {
        let name = if json { "workshop.json" } else { "oracle.toml" };
        let text: Vec<char> = fs::read_to_string(path(name)).unwrap().chars().collect();
        let cut = cut * text.len() / 1_000;
        let rest = (cut + len).min(text.len());
        let changed: String = text[..cut].iter().chain(put.chars().collect::<Vec<_>>().iter()).chain(&text[rest..]).collect();
        if let Err(error) = Suite::read(name, &changed) {
            let error = error.to_string();
            let line = error.strip_prefix(&format!("{name}:")).and_then(|rest| rest.split_once(": ")).map(|(line, _)| line);
            let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{error}"));
            prop_assert!(line >= 1 && line <= changed.lines().count().max(1) + 1, "{error}");
            prop_assert_eq!(error.lines().count(), 1, "{}", error);
        }
    }
}
