//! `--profile`, and failures in the words of who wrote the code.

use super::*;

const LINES: &str = "tests/guests/lines/lines.wasm";

#[test]
fn a_trap_has_names_files_and_lines() {
    let output = subvm(&["exec", LINES, "--", "a", "b", "c", "d"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines[0], "error: wasm_trap unreachable");
    assert!(
        lines[1].starts_with("  in main: ledger::transfer(unsigned int, unsigned int volatile*) (function "),
        "{stderr}"
    );
    assert_eq!(lines[2], "      ledger::checked(unsigned int, unsigned int) at guest/lines.cc:12:9, inlined");
    assert!(lines[4].starts_with("  called by main: start (function "), "{stderr}");
    // The interpreter knows functions, and no instructions.
    let output = subvm(&["exec", "--engine", "wasmi", LINES, "--", "a", "b", "c", "d"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("in main: ledger::transfer(") && !stderr.contains("lines.cc"), "{stderr}");
}

#[test]
fn out_of_gas_says_where_it_went() {
    let dir = scratch("out-of-gas");
    let profile = dir.path().join("gas.txt").display().to_string();
    let guest = guest("loop");
    let stderr = |args: &[&str]| String::from_utf8(subvm(args).stderr).unwrap();
    let hint = stderr(&["exec", "--gas-time", "50000", &guest]);
    assert!(hint.contains("  add --profile FILE to see where the gas went\n"), "{hint}");
    let told = stderr(&["exec", "--gas-time", "50000", "--profile", &profile, &guest]);
    let most = told.lines().find(|line| line.contains(" % ")).unwrap_or_else(|| panic!("{told}"));
    assert!(most.contains(" ticks in 1 calls of "), "{told}");
    let folded = fs::read_to_string(&profile).unwrap();
    let ticks = folded.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(ticks.sum::<u64>(), 50_000, "every tick: {folded}");
}

#[test]
fn a_profile_is_the_same_on_every_engine_and_changes_nothing() {
    let dir = scratch("profile");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let json = |args: &[&str]| -> Json {
        let mut json: Json = serde_json::from_slice(&subvm(&[&["exec", "--json"], args].concat()).stdout).unwrap();
        json["wall_ms"] = Json::Null;
        json
    };
    let plain = json(&REPORT);
    for (ending, begins) in [("txt", "(deterministic)"), ("json", "{\"$schema\""), ("svg", "<?xml")] {
        let files = ["wasmtime", "wasmi"].map(|engine| {
            let file = path(&format!("{engine}.{ending}"));
            let run = json(&[&["--engine", engine, "--profile", &file], &REPORT[..]].concat());
            assert_eq!(run, plain, "{engine} {ending}");
            fs::read_to_string(file).unwrap()
        });
        assert!(files[0].starts_with(begins), "{ending}: {}", &files[0][..100.min(files[0].len())]);
        // A flame graph leaves out what is too narrow to be seen.
        assert!(files[0].contains(if ending == "svg" { "Gas of" } else { "fd_read (host)" }), "{ending}");
        assert!(files[0] == files[1], "{ending}");
    }
    let refused = path("no/such/directory.json");
    fails(&["exec", "--profile", &refused, LINES], 126, &["cannot write the profile to", "directory.json"]);
}

#[test]
fn a_recorded_run_is_profiled_when_it_is_replayed() {
    let dir = scratch("replay-profile");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (recording, first, again) = (path("a.rec"), path("first.txt"), path("again.txt"));
    let run = subvm(&["exec", "--record", &recording, "--profile", &first, LINES, "--", "a", "b", "c", "d"]);
    assert_eq!(run.status.code(), Some(125));
    let replayed = subvm(&["replay", "--profile", &again, &recording]);
    let shown = String::from_utf8(replayed.stdout).unwrap();
    assert!(
        shown.contains("stack:        ledger::checked(unsigned int, unsigned int) at guest/lines.cc:12:9, inlined\n"),
        "{shown}"
    );
    assert_eq!(fs::read(&first).unwrap(), fs::read(&again).unwrap());
}
