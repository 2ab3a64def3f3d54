//! `runner.json`.

use subvm_runners::{Action, Bounds, Condition};

use super::make::all_say;

fn refused(text: &str) -> String {
    Action::parse(text, 0, &Bounds::default()).expect_err("it is malformed").to_string()
}

#[test]
fn every_action_is_read() {
    let text = r#"{"Seq": [
        {"AddEnv": {"name": "A", "val": "${B}"}},
        {"MapFile": {"file": "lib/", "to": "/lib/"}},
        {"SetArgs": ["a", "b"]},
        {"LinkWasm": "soft.wasm"},
        {"When": {"cond": "det", "action": {"Depends": "a:b"}}},
        {"When": {"cond": "nondet", "action": {"Seq": []}}},
        {"With": {"runner": "c:d", "action": {"StartWasm": "x.wasm"}}}
    ]}"#;
    let expected = Action::Seq(vec![
        Action::AddEnv { name: "A".into(), val: "${B}".into() },
        Action::MapFile { file: "lib/".into(), to: "/lib/".into() },
        Action::SetArgs(vec!["a".into(), "b".into()]),
        Action::LinkWasm("soft.wasm".into()),
        Action::When { cond: Condition::Det, action: Action::Depends("a:b".into()).into() },
        Action::When { cond: Condition::Nondet, action: Action::Seq(Vec::new()).into() },
        Action::With { runner: "c:d".into(), action: Action::StartWasm("x.wasm".into()).into() },
    ]);
    assert_eq!(Action::parse(text, 0, &Bounds::default()), Ok(expected));
}

#[test]
fn each_malformed_manifest_is_refused_with_line_and_field() {
    let table = [
        ("", "runner.json, line 1, column 0: EOF while parsing a value"),
        ("{}", "line 1, column 2: "),
        ("[]", "line 1, column 1: expected value"),
        ("{\"Depends\":\n 3}", "line 2, column 2, Depends: invalid type: integer `3`, expected a string"),
        (
            "{\"Depend\": \"a:b\"}",
            "line 1, column 9: unknown variant `Depend`, expected one of `AddEnv`, `MapFile`, `SetArgs`, `LinkWasm`, `StartWasm`, `Depends`, `Seq`, `When`, `With`",
        ),
        ("{\"Seq\": [\n{\"SetArgs\": []},\n{\"SetArgs\": [7]}]}", "line 3, column 14, Seq[1].SetArgs[0]: invalid type"),
        ("{\"AddEnv\": {\"name\": \"A\"}}", "AddEnv: missing field `val`"),
        (
            "{\"AddEnv\": {\"name\": \"A\", \"val\": \"\", \"extra\": 1}}",
            "AddEnv.extra: unknown field `extra`, expected `name` or `val`",
        ),
        ("{\"AddEnv\": {\"name\": \"A\", \"name\": \"B\"}}", "duplicate field `name`"),
        (
            "{\"When\": {\"cond\": \"sometimes\", \"action\": {}}}",
            "When.cond: unknown variant `sometimes`, expected `det` or `nondet`",
        ),
        ("{\"With\": {\"action\": {\"Seq\": []}}}", "With: missing field `runner`"),
        ("{\"Seq\": []} {}", "line 1, column 13: trailing characters"),
        ("{\"Seq\": [], \"SetArgs\": []}", "line 1, column 10: expected value"),
        ("{\"Seq\": [}", "line 1, column 10"),
        ("// a comment\n{}", "line 1, column 1: expected value"),
    ];
    all_say(table.into_iter().map(|(text, expected)| (refused(text), expected)));
}

#[test]
fn lines_are_those_of_the_text_that_holds_it() {
    let error = Action::parse("{\n\"Foo\": 1}", 1, &Bounds::default()).expect_err("no action");
    assert_eq!((error.line, error.field.as_str()), (3, ""));
}

#[test]
fn what_nests_too_deep_is_refused_and_nothing_overflows() {
    let bounds = Bounds::default();
    let nested = |deep: usize| format!("{}{{\"Seq\":[]}}{}", "{\"Seq\":[".repeat(deep), "]}".repeat(deep));
    assert!(Action::parse(&nested(bounds.action_depth), 0, &bounds).is_ok());
    for deep in [bounds.action_depth + 1, 100_000] {
        let error = refused(&nested(deep));
        assert!(error.ends_with("actions nest more than 128 deep"), "{error}");
    }
    // Brackets in texts nest nothing.
    let quoted = format!("{{\"StartWasm\": \"\\\"{}\"}}", "[".repeat(1000));
    assert!(Action::parse(&quoted, 0, &bounds).is_ok());
    assert!(refused(&"[".repeat(100_000)).contains("deep"));
}
