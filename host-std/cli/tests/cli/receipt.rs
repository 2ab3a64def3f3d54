//! `receipt`: the JSON form of receipts is what `docs/schema/receipt.json` says, and comes back as the same bytes.

use super::json::check_against;
use super::*;

/// A receipt of the oracle, in a file and as JSON.
fn receipt(dir: &Path, call: &str) -> (Vec<u8>, String, Json) {
    let world = run::World::new();
    let file = dir.join("a.receipt").to_str().unwrap().to_owned();
    let message = world.message(call);
    let output = subvm(&["run", "--json", "--message", &message, "--receipt", &file, run::ORACLE]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    (fs::read(&file).unwrap(), file, json["receipt"].clone())
}

#[test]
fn a_receipt_goes_to_json_and_comes_back() {
    let dir = scratch("receipt");
    for call in [r#"{"method": "get"}"#, r#"{"method": "fail", "message": "no"}"#] {
        let (bytes, file, within) = receipt(dir.path(), call);
        let shown = subvm(&["receipt", "show", &file]);
        let json: Json = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(json, within, "`run --json` has the same");
        check_against("receipt", &json);
        let (text, same) = (write(dir.path(), "a.json", &shown.stdout), dir.path().join("same"));
        let packed = subvm(&["receipt", "pack", "--output", same.to_str().unwrap(), &text]);
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        assert_eq!(fs::read(&same).unwrap(), bytes);
        assert_eq!(String::from_utf8_lossy(&packed.stdout).trim(), json["digest"].as_str().unwrap());
    }
}

#[test]
fn what_is_no_receipt_is_refused_by_the_name_of_its_field() {
    let dir = scratch("no-receipt");
    let (_, _, good) = receipt(dir.path(), r#"{"method": "get"}"#);
    let out = dir.path().join("out").to_str().unwrap().to_owned();
    let refused = |change: &dyn Fn(&mut Json), says: &str| {
        let mut json = good.clone();
        change(&mut json);
        let file = write(dir.path(), "bad.json", json.to_string().as_bytes());
        fails(&["receipt", "pack", "--output", &out, &file], 126, &["is no receipt as JSON", says]);
        assert!(!Path::new(&out).exists());
    };
    refused(&|json| json["version"] = 2.into(), "version is not 1");
    refused(&|json| json["gas"]["time"] = (-1).into(), "time is no integer");
    refused(&|json| json["gas"]["time"] = 1.into(), "digest is not that of the other fields");
    refused(&|json| json["params"] = "00".into(), "params has not 32 bytes");
    refused(&|json| json["result"] = "0G".into(), "result is no bytes");
    refused(&|json| json["result"] = "AB".into(), "lower-case");
    refused(&|json| json["more"] = 1.into(), "more is no field");
    refused(&|json| drop(json.as_object_mut().unwrap().remove("nondet")), "nondet is missing");
    refused(&|json| json["storage"] = Json::Null, "storage is no array");
    let page = |page: u32| serde_json::json!({"slot": "00".repeat(32), "page": page, "content": "00".repeat(32)});
    refused(&|json| json["storage"] = vec![page(2), page(1)].into(), "storage is missing or malformed");
    refused(&|json| json["storage"] = vec![page(1 << 27)].into(), "storage is missing or malformed");
    fails(&["receipt", "show", &write(dir.path(), "noise", b"noise")], 126, &["noise is no receipt"]);
    fails(&["receipt", "pack", "--output", &out, &write(dir.path(), "n", b"{")], 126, &["is no receipt as JSON"]);
}

/// The schema by another validator than the one of these tests.
#[test]
fn another_validator_takes_it() {
    let dir = scratch("receipt-schema");
    let (_, _, json) = receipt(dir.path(), r#"{"method": "get"}"#);
    let file = write(dir.path(), "a.json", json.to_string().as_bytes());
    let script = "import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
receipt = json.load(open(sys.argv[2]))
jsonschema.validate(receipt, schema)
receipt['params'] = 'x'
try:
    jsonschema.validate(receipt, schema)
except jsonschema.ValidationError:
    print('whole')
";
    let there = Command::new("python3").args(["-c", "import jsonschema"]).output().is_ok_and(|it| it.status.success());
    if !there {
        return support::skipped("python3 with jsonschema");
    }
    let schema = format!("{ROOT}/docs/schema/receipt.json");
    let output = Command::new("python3").args(["-c", script, &schema, &file]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "whole\n", "{}", String::from_utf8_lossy(&output.stderr));
}
