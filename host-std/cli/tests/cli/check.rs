//! `subvm check` finds what a run refuses, and nothing else.

use super::*;

/// Checks a module: the status, the lines of findings, and the other lines.
fn check(args: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let output = subvm(&[&["check"], args].concat());
    assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8(output.stdout).unwrap();
    let (found, told) = shown.lines().map(str::to_owned).partition(|line: &String| line.starts_with("refused: "));
    (output.status.code(), found, told)
}

#[test]
fn what_would_run_has_no_finding() {
    for module in [
        &guest("done")[..],
        &guest("trap"),
        &guest("exit"),
        &guest("recursion"),
        run::ORACLE,
        "tests/guests/report/report.wasm",
        "tests/guests/listing/listing-c.wasm",
    ] {
        let (status, found, told) = check(&[module]);
        assert_eq!((status, &found[..]), (Some(0), &[][..]), "{module}");
        assert!(told.len() == 2 && told[0].starts_with("module:  "), "{module}: {told:?}");
        assert!(told[1].starts_with("deploy:  ") && told[1].contains(" ticks "), "{module}: {told:?}");
    }
    let (.., told) = check(&[run::ORACLE]);
    assert!(told[0].contains("host calls: ") && told[0].contains("genlayer_sdk.gl_call"), "{told:?}");
}

/// Modules that are refused, and what a run of each comes to.
const REFUSED: [(&str, &str); 16] = [
    ("(module (func (export \"main\")))", "wasm entrypoint"),
    ("(module (func (export \"_start\") (param i32)))", "wasm entrypoint"),
    ("(module (global (export \"_start\") i32 (i32.const 0)))", "wasm entrypoint"),
    ("(module (func (export \"\") (result i32) unreachable) (func (export \"_start\")))", "wasm entrypoint"),
    ("(module (func (export \"_initialize\") (param i32)) (func (export \"_start\")))", "wasm entrypoint"),
    ("(module (import \"env\" \"f\" (func)) (func (export \"_start\")))", "wasm linking"),
    ("(module (import \"wasi_snapshot_preview1\" \"fd_conjure\" (func)) (func (export \"_start\")))", "wasm linking"),
    ("(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func)) (func (export \"_start\")))", "wasm linking"),
    ("(module (import \"wasi_snapshot_preview1\" \"fd_close\" (memory 1)) (func (export \"_start\")))", "wasm linking"),
    ("(module (import \"genlayer_sdk\" \"gl_call\" (func (param i32))) (func (export \"_start\")))", "wasm linking"),
    ("(module (func (export \"_start\") (drop (i32.add (i32.const 1)))))", "wasm validating"),
    (
        "(module (func (export \"_start\") (v128.const i64x2 0 0) (v128.const i64x2 0 0) (drop (i8x16.relaxed_swizzle))))",
        "wasm validating",
    ),
    ("(module (memory i64 1) (func (export \"_start\")))", "wasm validating"),
    ("(module (func (export \"$subvm:x\")) (func (export \"_start\")))", "wasm validating"),
    ("(module (table 10000001 funcref) (func (export \"_start\")))", "wasm validating"),
    ("(component)", "wasm validating"),
];

#[test]
fn a_finding_is_what_a_run_comes_to() {
    let dir = scratch("check");
    for (text, expected) in REFUSED {
        let module = write(dir.path(), "module.wat", text.as_bytes());
        let ran: Json = serde_json::from_slice(&subvm(&["exec", "--json", "--cache", "off", &module]).stdout).unwrap();
        let error = ran["message"].as_str().unwrap_or_default();
        assert_eq!(error, format!("invalid_contract {expected}"), "{text}");
        let (status, found, _) = check(&[&module]);
        assert_eq!((status, found.len()), (Some(1), 1), "{text}: {found:?}");
        assert!(found[0].ends_with(&format!(" ({error})")), "{text}: {found:?}");
    }
    for options in [&["--ram", "200000"][..], &["--ram", "5000"], &["--ram", "69000"]] {
        let memory = write(
            dir.path(),
            "memory.wat",
            b"(module (memory 1) (memory 2) (table 10 funcref) (func (export \"_start\")))",
        );
        let args = [options, &[&*memory]].concat();
        let ran: Json = serde_json::from_slice(&subvm(&[&["exec", "--json"], &args[..]].concat()).stdout).unwrap();
        let (status, found, _) = check(&args);
        let error = ran["message"].as_str().unwrap();
        assert!(error.starts_with("out_of memory"), "{ran}");
        assert!(
            status == Some(1) && found.len() == 1 && found[0].ends_with(&format!(" ({error})")),
            "{error}: {found:?}"
        );
    }
}

#[test]
fn every_finding_has_a_line_with_its_place() {
    let dir = scratch("places");
    let text = "(module $m (import \"env\" \"f\" (func)) (import \"wasi_snapshot_preview1\" \"fd_close\" (func)) (func (export \"main\")))";
    let module = write(dir.path(), "several.wat", text.as_bytes());
    let lines = [
        "refused: m, byte 17: it imports env.f, and no library of the name \"env\" is linked before it (invalid_contract wasm linking)",
        "refused: m, byte 25: it imports wasi_snapshot_preview1.fd_close as (func), which is (func (param i32) (result i32)) (invalid_contract wasm linking)",
        "refused: m: it exports no function \"_start\", which is to be called (invalid_contract wasm entrypoint)",
    ];
    assert_eq!(check(&[&module]).1, lines);
    let json = subvm(&["check", "--json", &module]);
    let json: Json = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["refused"], json["findings"].as_array().unwrap().len()), (&true.into(), 3));
    assert_eq!((&json["findings"][1]["offset"], &json["findings"][1]["module"]), (&25.into(), &"m".into()));
    assert_eq!(json["findings"][2]["error"], "invalid_contract wasm entrypoint");

    let text = "(module (func $fine) (func $broken (drop (i32.add (i32.const 1)))) (func (export \"_start\")))";
    let (_, found, _) = check(&[&write(dir.path(), "broken.wat", text.as_bytes())]);
    assert!(found[0].starts_with("refused: main, function 1 (broken), byte "), "{found:?}");
    let text =
        format!("(module (func $fine) (func $large (local {})) (func (export \"_start\")))", "i64 ".repeat(20_001));
    let (_, found, _) = check(&[&write(dir.path(), "large.wat", text.as_bytes())]);
    let says = ": too many slots of locals: 20001, where 20000 are allowed (invalid_contract wasm validating)";
    assert!(found[0].starts_with("refused: main, function 1 (large), byte ") && found[0].ends_with(says), "{found:?}");
    let (_, found, _) = check(&[&write(
        dir.path(),
        "reserved.wat",
        b"(module (func (export \"$subvm:x\")) (func (export \"_start\")))",
    )]);
    assert!(found[0].starts_with("refused: main, byte ") && found[0].contains("is reserved"), "{found:?}");
}

#[test]
fn libraries_arguments_and_variables_are_checked_too() {
    let dir = scratch("libraries");
    let library =
        write(dir.path(), "lib.wat", b"(module (func (export \"f\") (param i64)) (memory (export \"m\") 1 2))");
    let link = format!("lib={library}");
    let found = |text: &str, more: &[&str]| {
        let module = write(dir.path(), "module.wat", text.as_bytes());
        check(&[&["--link", &link], more, &[&*module]].concat()).1
    };
    let start = "(func (export \"_start\"))";
    let fits =
        format!("(module (import \"lib\" \"f\" (func (param i64))) (import \"lib\" \"m\" (memory 1 3)) {start})");
    assert_eq!(found(&fits, &[]), [""; 0]);
    for (import, says) in [
        ("\"f\" (func)", "it imports lib.f as (func), which is (func (param i64))"),
        ("\"g\" (func)", "it imports lib.g, which the library lib does not export"),
        ("\"m\" (memory 2)", "it imports lib.m as (memory 2), which is (memory 1 2)"),
        ("\"m\" (memory 1 1)", "it imports lib.m as (memory 1 1), which is (memory 1 2)"),
        ("\"m\" (global i32)", "it imports lib.m as (global i32), which is (memory 1 2)"),
    ] {
        let found = found(&format!("(module (import \"lib\" {import}) {start})"), &[]);
        assert!(found.len() == 1 && found[0].contains(says), "{import}: {found:?}");
    }
    assert!(found(&format!("(module {start})"), &["--link", &link])[0].contains("\"lib\" is malformed or taken"));
    assert!(found(&format!("(module {start})"), &["--link", &format!("main={library}")])[0].contains("named main"));
    assert!(found(&format!("(module {start})"), &["--env", "LD_PRELOAD=x"])[0].ends_with(" (invalid_contract env)"));
    assert!(check(&[&guest("done"), "--", "a\u{1}b"]).1[0].ends_with(" (invalid_contract args)"));
    fails(&["check", "no/such.wasm"], 126, &["cannot read no/such.wasm"]);
}
