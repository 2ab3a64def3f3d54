//! `subvm fingerprint explain`.

use super::*;

fn explain(args: &[&str]) -> String {
    let output = subvm(&[&["fingerprint", "explain"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines up to the memories.
const DEEP: &str = "\
failed     wasm_trap integer_divide_by_zero
in         trap_deep: inner (function 3)
called by  trap_deep: middle (function 2)
called by  trap_deep: outer (function 1)
called by  trap_deep: start (function 0)
memory     trap_deep 0: ";

#[test]
fn a_json_result_shows_where_it_failed() {
    let dir = scratch("explain");
    let result = write(dir.path(), "result.json", &subvm(&["exec", "--json", &guest("trap_deep")]).stdout);
    let shown = explain(&[&result, &guest("trap_deep")]);
    assert!(shown.starts_with(DEEP), "{shown}");
    assert_eq!(shown.lines().count(), 6, "{shown}");
    // The module under the name that it has in the fingerprint is the same.
    assert_eq!(explain(&[&result, &format!("trap_deep={}", guest("trap_deep"))]), shown);
    // Another module than the one that ran.
    let other = explain(&[&result, &guest("loop")]);
    assert!(other.contains("in         trap_deep: function 3 (give the module as trap_deep=FILE"), "{other}");
    let wrong = format!("trap_deep={}", guest("trap"));
    let says = ["trap.wat is not the module that ran", "it has 1 functions", "function 3"];
    fails(&["fingerprint", "explain", &result, &wrong], 126, &says);
}

#[test]
fn a_receipt_and_calldata_text_do_as_well() {
    let world = run::World::new();
    let message = world.message(r#"{"method": "trap"}"#);
    let receipt = world.dir.path().join("receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = subvm(&["run", "--message", &message, "--receipt", receipt, run::ORACLE]);
    assert_eq!(ran.status.code(), Some(125));
    let shown = explain(&[receipt, run::ORACLE]);
    assert!(shown.starts_with("failed     wasm_trap unreachable\nin         "), "{shown}");

    let text =
        r#"{"frames": [{"func": 3, "module_name": "main"}], "module_instances": {"main": {"memories": [b#00ff]}}}"#;
    let text = write(world.dir.path(), "fingerprint.txt", text.as_bytes());
    let shown = explain(&[&text, &guest("trap_deep")]);
    assert_eq!(shown, "in         main: inner (function 3)\nmemory     main 0: 00ff\n");
}

#[test]
fn what_has_no_fingerprint_is_refused_in_one_line() {
    let dir = scratch("unexplained");
    let module = guest("trap_deep");
    let refused = |content: &[u8], says: &str| {
        fails(&["fingerprint", "explain", &write(dir.path(), "file", content), &module], 126, &["file", says]);
    };
    refused(br#"{"outcome": "return", "message": null, "fingerprint": null}"#, "the run returned");
    refused(br#"{"outcome": "vm_error", "message": "m", "fingerprint": null}"#, "without fingerprints");
    refused(br#"{"outcome": "internal_error", "message": "m", "fingerprint": null}"#, "internal error");
    refused(br#"{"frames": []}"#, "module_instances");
    refused(b"hello", "neither JSON nor calldata text");
    refused(b"\xff", "neither text nor a receipt");
    fails(&["fingerprint", "explain", "no/such/file", &module], 126, &["cannot read no/such/file"]);
    fails(&["fingerprint", "explain", &module], 126, &["MODULE"]);
}
