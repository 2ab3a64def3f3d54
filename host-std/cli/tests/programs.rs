//! Programs that nobody here wrote, and what they print on a runtime that is not ours (`tests/programs`).

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value as Json;

#[path = "../../modules/tests/support/mod.rs"]
mod support;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn exec(program: &Json, more: &[&str]) -> Output {
    let strings = |key: &str| -> Vec<String> {
        let items = program[key].as_array().into_iter().flatten();
        items.map(|item| item.as_str().expect("a string").to_owned()).collect()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(ROOT).args(["exec", "--stdin", "/dev/null"]).args(more).stdin(Stdio::null());
    for map in strings("maps") {
        command.args(["--map", &map]);
    }
    for link in strings("links") {
        command.args(["--link", &link]);
    }
    command.arg(program["module"].as_str().expect("a module")).arg("--").args(strings("args"));
    command.output().expect("the binary runs")
}

fn programs() -> Vec<Json> {
    let manifest = fs::read(format!("{ROOT}/tests/programs/programs.json")).unwrap();
    let manifest: Json = serde_json::from_slice(&manifest).unwrap();
    manifest["programs"].as_array().unwrap().clone()
}

/// Brings what can be brought, once for all tests. Without a registry, programs are missing, and each is named.
fn fetch() {
    static FETCHED: Once = Once::new();
    FETCHED.call_once(|| {
        let mut command = Command::new("bash");
        let status = command.current_dir(ROOT).arg("tests/programs/fetch.sh").stdin(Stdio::null()).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "tests/programs/fetch.sh brought something else than it should"
        );
    });
}

/// Those of `programs` that could be fetched; who is missing is named.
fn fetched(programs: Vec<Json>) -> impl Iterator<Item = Json> {
    fetch();
    programs.into_iter().filter(|program| {
        let there = Path::new(ROOT).join(program["module"].as_str().unwrap()).exists();
        if !there {
            support::skipped(&format!("{}: its module could not be fetched", program["name"]));
        }
        there
    })
}

/// Those of these names.
fn named(names: &[&str]) -> Vec<Json> {
    programs().into_iter().filter(|program| names.contains(&program["name"].as_str().unwrap())).collect()
}

#[test]
fn programs_print_what_they_print_elsewhere() {
    for program in fetched(programs()) {
        let name = program["name"].as_str().unwrap();
        let output = exec(&program, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let printed = if program["prints"] == "stderr" { &output.stderr } else { &output.stdout };
        assert_eq!(String::from_utf8_lossy(printed), expected(&program), "{name}: {stderr}");
        assert_eq!(output.status.code().map(i64::from), program["exit"].as_i64(), "{name}: {stderr}");
    }
}

/// What a program prints elsewhere.
fn expected(program: &Json) -> String {
    fs::read_to_string(format!("{ROOT}/{}", program["expected"].as_str().unwrap())).unwrap()
}

/// Programs that compute with floats: where a circuit is to lie, sums of a database, an interpreter's numbers.
const FLOATS: [&str; 3] = ["nextpnr", "sqlite", "micropython"];

#[test]
fn programs_print_the_same_under_each_policy_for_floats() {
    same_under_each_policy(&FLOATS);
}

/// Interpreters, whose numbers are floats: each policy compiles them anew.
const INTERPRETERS: [&str; 1] = ["php"];

#[test]
fn interpreters_print_the_same_under_each_policy_for_floats() {
    same_under_each_policy(&INTERPRETERS);
}

/// Each policy gives the numbers that other runtimes give, for the same ticks; where floats are refused, the first one ends the program.
fn same_under_each_policy(names: &[&str]) {
    for program in fetched(named(names)) {
        let name = program["name"].as_str().unwrap();
        let under = |policy: &str| -> Json {
            let output = exec(&program, &["--json", "--floats", policy]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}, {policy}: {error}: {stderr}"))
        };
        let [soft, canonical, trap] = ["soft", "canonical", "trap"].map(under);
        let stream = program["prints"].as_str().unwrap_or("stdout");
        for run in [&soft, &canonical] {
            let printed = BASE64_STANDARD.decode(run[stream].as_str().expect("what it printed")).unwrap();
            assert_eq!(String::from_utf8_lossy(&printed), expected(&program), "{name}");
        }
        assert_eq!(soft["gas"], canonical["gas"], "{name}");
        assert_eq!(trap["message"].as_str(), Some("wasm_trap nondet_instruction"), "{name}: {trap}");
    }
}

/// Programs that run in seconds on an interpreter where nothing is optimised.
const SMALL: [&str; 4] = ["report", "listing-c", "listing-rust", "waiting-rust"];

fn small() -> Vec<Json> {
    named(&SMALL)
}

/// What they print, the ticks that they use, and all else that a run comes to.
#[test]
fn programs_come_to_the_same_on_wasmi() {
    for program in small() {
        let [first, second] = ["wasmtime", "wasmi"].map(|engine| {
            let output = exec(&program, &["--json", "--engine", engine]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let mut json: Json =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
            json["wall_ms"] = Json::Null;
            json
        });
        assert_eq!(first, second, "{}", program["name"]);
    }
}

#[test]
fn under_the_seed_a_libc_gives_up_and_the_option_is_named() {
    for program in programs() {
        let Some(exit) = program["exit_seed"].as_i64() else { continue };
        let output = exec(&program, &["--personality", "seed"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code().map(i64::from), Some(exit), "{}: {stderr}", program["name"]);
        if exit == 71 {
            assert!(stderr.contains("--personality program"), "{}: {stderr}", program["name"]);
        }
    }
}

fn subvm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_subvm")).current_dir(ROOT).args(args).output().expect("the binary runs")
}

/// What `subvm` says of a recording.
fn of_recording(args: &[&str]) -> (Option<i32>, String) {
    let output = subvm(args);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Records a program, which prints what it should.
fn records(program: &Json, recording: &str) {
    let output = exec(program, &["--record", recording]);
    let (name, stderr) = (&program["name"], String::from_utf8_lossy(&output.stderr));
    let printed = if program["prints"] == "stderr" { &output.stderr } else { &output.stdout };
    assert_eq!(String::from_utf8_lossy(printed), expected(program), "{name}: {stderr}");
    assert_eq!(output.status.code().map(i64::from), program["exit"].as_i64(), "{name}: {stderr}");
}

/// Replays a recorded program: the digests of its trace and its receipt, and what it prints.
fn replayed(program: &Json, recording: &str, engine: &str) -> [Json; 3] {
    let (status, said) = of_recording(&["replay", "--engine", engine, "--json", recording]);
    let said: Json = serde_json::from_str(&said).unwrap();
    let name = &program["name"];
    assert_eq!((status, said["verdict"].as_str()), (Some(0), Some("same")), "{name} on {engine}: {said}");
    let stream = program["prints"].as_str().unwrap_or("stdout");
    let printed = BASE64_STANDARD.decode(said["result"][stream].as_str().expect("what it printed")).unwrap();
    assert_eq!(String::from_utf8_lossy(&printed), expected(program), "{name} on {engine}");
    [&said["trace_digest"], &said["result"]["receipt_digest"], &said["result"][stream]].map(Json::clone)
}

/// Records a program, and replays it on both engines: one trace, one receipt, and what it prints.
fn replays_alike(program: &Json) {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("program").display().to_string();
    records(program, &recording);
    let [first, second] = ["wasmtime", "wasmi"].map(|engine| replayed(program, &recording, engine));
    assert_eq!(first, second, "{}", program["name"]);
}

#[test]
fn programs_are_recorded_and_replayed_on_both_engines() {
    small().iter().for_each(replays_alike);
}

/// The largest: interpreters and a database, with the files that they read.
const LARGE: [&str; 4] = ["gofmt", "php", "python", "sqlite"];

#[test]
fn large_programs_are_recorded_and_replayed_on_both_engines() {
    fetched(named(&LARGE)).for_each(|program| replays_alike(&program));
}

/// Those in Go, whose runtime collects garbage, and one that prints to standard error alone.
const MORE: [&str; 3] = ["listing-go", "nextpnr", "waiting-go"];

#[test]
fn more_programs_are_recorded_and_replayed_on_both_engines() {
    fetched(named(&MORE)).for_each(|program| replays_alike(&program));
}

/// Programs that use exceptions, which wasmi has not.
const EXCEPTIONS: [&str; 2] = ["icebram", "micropython"];

/// They are replayed where they can be; where they cannot, the engine is what is at fault, and not the run.
#[test]
fn programs_with_exceptions_are_replayed_where_they_can_be() {
    for program in fetched(named(&EXCEPTIONS)) {
        let dir = tempfile::tempdir().unwrap();
        let recording = dir.path().join("program").display().to_string();
        records(&program, &recording);
        replayed(&program, &recording, "wasmtime");
        let refused = subvm(&["replay", "--engine", "wasmi", &recording]);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(126), "{}: {stderr}", program["name"]);
        assert!(stderr.contains("uses exceptions") && stderr.contains("run it on wasmtime"), "{stderr}");
    }
}

/// In CPython, function 5202 computes `math.floor`. The machine that rounds there another way prints another number; what is found is that
/// function, the instruction and both values.
#[test]
fn a_wrong_number_in_cpython_is_found_to_its_function() {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("python").display().to_string();
    for mut program in fetched(named(&["python"])) {
        program["args"] = serde_json::json!(["-B", "-c", "import math; print(math.floor(-2.5))"]);
        let output = exec(&program, &["--record", &recording]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "-3\n");
        let (status, found) = of_recording(&["bisect", "--fault-b", "5202", "--json", &recording]);
        let found: Json = serde_json::from_str(&found).unwrap();
        let (instruction, value) = (&found["divergence"]["instruction"], &found["divergence"]["value"]);
        let of = |key: &str| instruction[key].clone();
        assert_eq!((status, of("function"), of("text")), (Some(1), 5202.into(), "f64.floor".into()), "{found}");
        assert_eq!(numbers(value), (-3.0, -2.0), "{found}");
    }
}

/// The two floats of a value that differs.
fn numbers(value: &Json) -> (f64, f64) {
    let bits = |side: &str| {
        let digits = value[side]["value"].as_str().expect("a number in hex").trim_start_matches("0x");
        f64::from_bits(u64::from_str_radix(digits, 16).unwrap())
    };
    (bits("a"), bits("b"))
}

#[test]
fn a_wrong_number_in_a_program_is_found_to_its_instruction() {
    let dir = tempfile::tempdir().unwrap();
    let program = programs().into_iter().find(|program| program["name"] == "report").expect("it is there");
    let recording = dir.path().join("report").display().to_string();
    exec(&program, &["--record", &recording]);
    let (status, same) = of_recording(&["bisect", "--engine-b", "wasmi", &recording]);
    assert!(status == Some(0) && same.starts_with("same:     nothing differs: "), "{same}");
    // Function 20, main, rounds with floor.
    let (status, found) = of_recording(&["bisect", "--engine-b", "wasmi", "--fault-b", "20", "--json", &recording]);
    let found: Json = serde_json::from_str(&found).unwrap();
    let instruction = &found["divergence"]["instruction"];
    assert_eq!(
        (status, instruction["name"].as_str(), instruction["text"].as_str()),
        (Some(1), Some("main"), Some("f64.floor"))
    );
    assert_eq!(numbers(&found["divergence"]["value"]), (-2.0, -1.0), "{found}");
}
