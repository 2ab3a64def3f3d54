//! `subvm test`: its exit status, what it prints, and what its schemas say.

use super::json::{check, schema_of};
use super::*;

const TOKEN: &str = "tests/scenarios/token.toml";

fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = subvm(&[&["test"], args].concat());
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// A file with a scenario that holds and one that fails.
fn half(dir: &Path) -> String {
    let token = fs::canonicalize(format!("{ROOT}/tests/guests/contracts/wasm/token.wasm")).unwrap();
    let text = format!(
        "contracts.token = {token:?}\n[[scenario]]\nname = \"good\"\nstep = [{{ deploy = \"token\", arguments = '{{\"supply\": 1}}' }}]
[[scenario]]\nname = \"bad \\u202E\"\nstep = [{{ deploy = \"token\", arguments = '{{\"supply\": -1}}' }}]\n"
    );
    write(dir, "half.toml", text.as_bytes())
}

#[test]
fn scenarios_that_hold_are_counted() {
    let (status, printed) = run(&[TOKEN, "tests/scenarios/oracle.toml", "--filter", "agree"]);
    assert_eq!(status, Some(0), "{printed}");
    let expected = "tests/scenarios/token.toml
tests/scenarios/oracle.toml
  holds  an answer is kept once the nodes agree
  holds  failures are agreed on too
2 hold, 0 fail
";
    assert_eq!(printed, expected);
}

#[test]
fn a_scenario_that_fails_says_where_and_why() {
    let dir = scratch("half");
    let file = half(dir.path());
    let (status, printed) = run(&[&file]);
    assert_eq!(status, Some(1));
    let expected = format!(
        "{file}\n  holds  good\n  FAILS  bad \\u{{202e}}\n         {file}:7: deploy token: expected to return; it failed with \
         \"calldata, supply: expected an integer of type u128\"\n1 hold, 1 fail\n"
    );
    assert_eq!(printed, expected);

    let (status, printed) = run(&[&file, "--json"]);
    assert_eq!(status, Some(1));
    let object: Json = serde_json::from_str(&printed).expect("one object");
    let schema = schema_of("test");
    check(&schema, &schema, &object, "test").unwrap();
    assert_eq!((&object["passed"], &object["failed"]), (&1.into(), &1.into()));
    assert_eq!(object["scenarios"][1]["failure"]["line"], 7);
    assert_eq!(object["scenarios"][1]["transactions"][0]["outcome"], "user_error");
    assert_eq!(object["scenarios"][0]["transactions"][0]["votes"], serde_json::json!(["agree", "agree"]));
    assert_eq!(run(&[&file, "--filter", "good"]).0, Some(0));
}

#[test]
fn another_module_runs_in_the_place_of_a_contracts() {
    let dir = scratch("other");
    let none = write(dir.path(), "none.wat", b"(module)");
    let (status, printed) = run(&[TOKEN, "--filter", "hand to hand", "--contract", &format!("token={none}")]);
    assert!(status == Some(1) && printed.contains("invalid_contract"), "{printed}");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let dir = scratch("senseless");
    fails(&["test"], 126, &["required"]);
    fails(&["test", "no/such.toml"], 126, &["no/such.toml: cannot be read"]);
    fails(&["test", TOKEN, "--filter", "xyz"], 126, &["no scenario has \"xyz\" in its name; there are: tokens go"]);
    fails(&["test", TOKEN, "--contract", "tok=README.md"], 126, &["README.md is not WebAssembly"]);
    let module = "token=tests/guests/contracts/wasm/token.wasm";
    fails(&["test", TOKEN, "--contract", module, "--record"], 126, &["cannot be used with"]);
    fails(
        &["test", TOKEN, "--contract", &module.replace("token=", "tok=")],
        126,
        &["no contract tok; there are: token"],
    );
    let empty = write(dir.path(), "empty.json", b"{\"scenario\": []}");
    fails(&["test", &empty], 126, &["there is no scenario in these files"]);
    let typo = write(dir.path(), "typo.toml", b"acounts = {}\nscenario = []");
    fails(&["test", &typo], 126, &["typo.toml:1: unknown key acounts of the file; did you mean accounts?"]);
}

/// Each scenario file of the repository is as the schema says.
#[test]
fn scenario_files_are_as_the_schema_says() {
    let schema = schema_of("scenario");
    let mut files = 0;
    for entry in fs::read_dir(format!("{ROOT}/tests/scenarios")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let value: Json = match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => toml::from_str(&text).unwrap(),
            Some("json") => serde_json::from_str(&text).unwrap(),
            _ => continue,
        };
        check(&schema, &schema, &value, &path.display().to_string()).unwrap();
        files += 1;
    }
    assert!(files >= 3, "{files} files");
    let typo = serde_json::json!({"scenario": [{"name": "a", "step": [{"cal": "token"}]}]});
    assert!(check(&schema, &schema, &typo, "typo").unwrap_err().contains("cal: unknown key"));
}
