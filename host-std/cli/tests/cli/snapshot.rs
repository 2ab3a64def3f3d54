//! `subvm snapshot`.

use super::{fails, scratch, subvm, write};

const MODULE: &str = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory 1)
    (func (export "snapshot") (i32.store (i32.const 8) (i32.const 42)))
    (func (export "warm") (i32.store (i32.const 8) (i32.const 43)))
    (func (export "goes_on") (call $exit (i32.add (i32.load (i32.const 8)) (i32.const 1))))
    (func (export "_start") (call $exit (i32.load (i32.const 8)))))"#;

#[test]
fn a_snapshot_runs_like_the_module_that_has_started() {
    let dir = scratch("snapshot");
    let module = write(dir.path(), "module.wat", MODULE.as_bytes());
    let to = dir.path().join("started.wasm").display().to_string();
    for (options, exit) in
        [(&[][..], 42), (&["--init", "warm"], 43), (&["--engine", "wasmi"], 42), (&["--resume", "goes_on"], 43)]
    {
        let made = subvm(&[&["snapshot", &module, "-o", &to][..], options].concat());
        let text = String::from_utf8(made.stdout).unwrap();
        assert!(
            made.status.success() && text.contains("ticks, which a run is spared"),
            "{options:?}: {text} {:?}",
            made.stderr
        );
        assert_eq!(subvm(&["exec", "--engine", "wasmi", &to]).status.code(), Some(exit), "{options:?}");
    }
    let json = subvm(&["snapshot", &module, "-o", &to, "--json", "--engine", "wasmi"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (json["init"].as_str(), json["pages"].as_u64(), json["segments"].as_u64()),
        (Some("snapshot"), Some(1), Some(1))
    );
    assert_eq!(json["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn what_makes_no_snapshot_is_one_line() {
    let dir = scratch("snapshot");
    let to = dir.path().join("started.wasm").display().to_string();
    fails(
        &["snapshot", "tests/guests/wat/done.wat", "-o", &to],
        126,
        &["there is no snapshot of", "\"snapshot\"", "not exported"],
    );
    fails(
        &["snapshot", "tests/guests/wat/done.wat", "-o", &to, "--init", "_start", "--engine", "wasmi"],
        126,
        &["the initialisation"],
    );
    fails(
        &["snapshot", "tests/guests/wat/done.wat", "-o", "tests/guests/wat/done.wat"],
        126,
        &["--output is the module itself"],
    );
    fails(&["snapshot", "tests/guests/wat/not_valid.wat", "-o", &to], 126, &["no module that a run would accept"]);
    assert!(!dir.path().join("started.wasm").exists(), "nothing was written");
}
