//! What `--json` prints is what `docs/schema/result.json` says, whatever becomes of a run.

use super::*;

fn schema() -> Json {
    schema_of("result")
}

pub(crate) fn schema_of(name: &str) -> Json {
    let text = fs::read_to_string(format!("{ROOT}/docs/schema/{name}.json")).unwrap();
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// Checks what `subvm replay --json` printed.
#[track_caller]
pub(crate) fn check_replay(json: &Json) {
    let (replay, result) = (schema_of("replay"), schema());
    check(&replay, &replay, json, "replay").unwrap();
    check(&result, &result, &json["result"], "result").unwrap();
}

/// Checks what a command printed against the schema of this name.
#[track_caller]
pub(crate) fn check_against(name: &str, json: &Json) {
    let schema = schema_of(name);
    check(&schema, &schema, json, name).unwrap();
}

/// Checks `value` against the keywords of JSON Schema that the schema uses; one that it does not know it refuses.
pub(crate) fn check(root: &Json, schema: &Json, value: &Json, path: &str) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{path}: {why}: {value}"));
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "contentEncoding" => true,
            "type" => match rule {
                Json::Array(types) => types.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|value| value >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|value| value <= rule.as_f64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "required" => rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    value.get(key).map_or(Ok(()), |value| check(root, schema, value, &format!("{path}.{key}")))?;
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Json::as_object);
                let more = value.as_object().into_iter().flatten();
                for (key, value) in more.filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key))) {
                    let path = format!("{path}.{key}");
                    if *rule == Json::Bool(false) {
                        return Err(format!("{path}: unknown key"));
                    }
                    check(root, rule, value, &path)?;
                }
                true
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(root, rule, item, path))?;
                true
            }
            "oneOf" => {
                let of = rule.as_array().unwrap().iter();
                of.filter(|schema| check(root, schema, value, path).is_ok()).count() == 1
            }
            "$ref" => {
                let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).expect("a reference within");
                check(root, &root["$defs"][name], value, path)?;
                true
            }
            other => panic!("the schema has the keyword {other}, which this check does not know"),
        };
        if !holds {
            return refuse(keyword);
        }
    }
    Ok(())
}

fn is(value: &Json, name: &Json) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the schema has the type {other}, which this check does not know"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)),
        "^[0-9a-f]*$" => text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)),
        "^0x[0-9a-f]*$" => text.strip_prefix("0x").is_some_and(|text| matches("^[0-9a-f]*$", text)),
        "^[A-Za-z0-9+/]*={0,2}$" => {
            let digits = text.trim_end_matches('=');
            text.len() - digits.len() <= 2
                && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
        }
        other => panic!("the schema has the pattern {other}, which this check does not know"),
    }
}

/// What a command printed: exactly one object, as the schema says. Every key is in the order of `docs/spec/cli.md`.
#[track_caller]
fn object(output: &Output) -> Json {
    let schema = schema();
    let json: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    check(&schema, &schema, &json, "result").unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>());
    json
}

#[test]
fn every_outcome_is_as_the_schema_says() {
    let world = run::World::new();
    let run = |call: &str, more: &[&str]| {
        let message = world.message(call);
        object(&subvm(&[&["run", "--json", "--message", &message], more, &[run::ORACLE]].concat()))
    };
    let returned = run(r#"{"method": "get"}"#, &[]);
    assert_eq!((&returned["outcome"], &returned["exit_code"]), (&"return".into(), &0.into()));
    let failed = run(r#"{"method": "fail", "message": "no"}"#, &[]);
    assert_eq!((&failed["outcome"], &failed["message"]), (&"user_error".into(), &"no".into()));
    let late = run(r#"{"method": "get"}"#, &["--deadline", "1ns"]);
    assert_eq!((&late["outcome"], &late["receipt_digest"]), (&"internal_error".into(), &Json::Null));

    let exec = |args: &[&str]| object(&subvm(&[&["exec", "--json"], args].concat()));
    let deep = exec(&[&guest("trap_deep")]);
    assert_eq!(deep["message"], "wasm_trap integer_divide_by_zero");
    let funcs: Vec<_> = deep["fingerprint"]["frames"].as_array().unwrap().iter().map(|f| f["func"].as_u64()).collect();
    assert_eq!(funcs, [Some(3), Some(2), Some(1), Some(0)], "innermost first");
    assert_eq!(exec(&[&guest("exit")])["exit_code"], 300);
    assert_eq!(exec(&["--gas-time", "1000", &guest("loop")])["message"], "out_of gas time");
    assert_eq!(exec(&[&guest("not_valid")])["message"], "invalid_contract wasm validating");
    assert!(!exec(&REPORT)["stdout"].as_str().unwrap().is_empty());
}

/// A store that cannot grow: what is written beyond the first kibibytes of its file fails.
#[test]
#[cfg(target_os = "linux")]
fn a_node_that_cannot_keep_the_result_says_so_in_the_object() {
    let world = run::World::new();
    assert_eq!(world.run(r#"{"method": "get"}"#)["outcome"], "return");
    let (message, store) = (world.message(r#"{"method": "get"}"#), world.store());
    let mut command = Command::new("sh");
    let script = r#"trap "" XFSZ; ulimit -f 4; exec "$0" run --json --message "$1" --store "$2" "$3""#;
    command.current_dir(ROOT).args(["-c", script, env!("CARGO_BIN_EXE_subvm"), &message]).arg(store).arg(run::ORACLE);
    let output = command.output().unwrap();
    let json = object(&output);
    assert_eq!(json["outcome"], "internal_error", "{json}");
    let why = json["message"].as_str().unwrap();
    assert!(why.contains("applying receipts") && why.contains("File too large"), "{why}");
    assert_eq!(output.status.code(), Some(127));
}

/// Wrong usage has a line on standard error, and no object.
#[test]
fn wrong_usage_has_no_object() {
    for args in [&["exec", "--json", "no/such/file.wasm"][..], &["exec", "--json", "--frob"]] {
        assert!(subvm(args).stdout.is_empty(), "{args:?}");
        fails(args, 126, &[]);
    }
}

/// A check that finds nothing would be none.
#[test]
fn the_check_finds_what_is_wrong() {
    let schema = schema();
    let good = object(&subvm(&["exec", "--json", &guest("trap_deep")]));
    let broken = |change: &dyn Fn(&mut Json)| {
        let mut json = good.clone();
        change(&mut json);
        check(&schema, &schema, &json, "result").unwrap_err()
    };
    broken(&|json| json["outcome"] = "ended".into());
    broken(&|json| json["gas"]["time"] = (-1).into());
    broken(&|json| json["gas"]["time"] = 1.5.into());
    broken(&|json| json["more"] = 1.into());
    broken(&|json| json["receipt_digest"] = "AB".into());
    broken(&|json| json["fingerprint"]["frames"][0]["func"] = "0".into());
    broken(&|json| json["fingerprint"]["module_instances"]["x"] = Json::Null);
    broken(&|json| json["stdout"] = "***".into());
    broken(&|json| drop(json.as_object_mut().unwrap().remove("vote")));
}
