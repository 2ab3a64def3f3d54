//! `--record`, and `subvm replay`.

use super::*;

/// A contract's call, recorded: its world, the recording, and what the run printed.
pub(crate) fn recorded(more: &[&str]) -> (run::World, String, String) {
    let world = run::World::new();
    let message = world.message(r#"{"method": "get"}"#);
    let recording = world.dir.path().join("call.rec").to_str().unwrap().to_owned();
    let output = subvm(&[&["run", "--message", &message, "--record", &recording], more, &[run::ORACLE]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    (world, recording, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_recorded_run_is_replayed_to_its_receipt_and_trace() {
    let (world, recording, printed) = recorded(&[]);
    assert!(printed.contains("\ntrace:    "), "{printed}");
    // Nothing but the recording is there any more.
    fs::remove_file(world.dir.path().join("message.json")).unwrap();
    for codegen in ["speed", "size", "plain"] {
        let output = subvm(&["replay", "--codegen", codegen, &recording]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let replayed = String::from_utf8(output.stdout).unwrap();
        assert!(replayed.starts_with("replay:   the run is the recorded one\n"), "{replayed}");
        for line in printed.lines() {
            assert!(replayed.lines().any(|other| other == line), "{line} is missing from: {replayed}");
        }
    }
}

#[test]
fn a_program_prints_again_what_it_printed() {
    let dir = scratch("replay");
    let recording = dir.path().join("report.rec");
    let recording = recording.to_str().unwrap();
    let ran = subvm(&[&["exec", "--record", recording], &REPORT[..]].concat());
    assert_eq!(ran.status.code(), Some(7));
    let replayed = subvm(&["replay", recording]);
    assert_eq!(replayed.status.code(), Some(0), "the verdict is what counts, not the program's status");
    assert!(replayed.stdout.starts_with(&ran.stdout) && !ran.stdout.is_empty());

    let output = subvm(&["replay", "--json", recording]);
    let json: Json = serde_json::from_slice(&output.stdout).expect("exactly one object");
    json::check_replay(&json);
    assert_eq!((&json["verdict"], &json["finding"]), (&"same".into(), &Json::Null));
    assert_eq!(json["result"]["exit_code"], 7);
}

#[test]
fn what_a_recording_does_not_hold_can_come_from_another() {
    let (world, recording, _) = recorded(&["--record-code", "false"]);
    fails(&["replay", &recording], 126, &["does not hold the package", "--code"]);
    let full = world.dir.path().join("full.rec");
    let full = full.to_str().unwrap();
    let message = world.message(r#"{"method": "get"}"#);
    assert_eq!(subvm(&["run", "--message", &message, "--record", full, run::ORACLE]).status.code(), Some(0));
    assert_eq!(subvm(&["replay", "--code", full, &recording]).status.code(), Some(0));
    assert!(fs::metadata(full).unwrap().len() > 4 * fs::metadata(&recording).unwrap().len());
}

#[test]
fn what_was_cut_is_replayed_and_what_was_changed_is_refused() {
    let (world, recording, _) = recorded(&[]);
    let bytes = fs::read(&recording).unwrap();
    let cut = write(world.dir.path(), "cut.rec", &bytes[..bytes.len() - 20]);
    let output = subvm(&["replay", "--json", &cut]);
    let json: Json = serde_json::from_slice(&output.stdout).expect("exactly one object");
    json::check_replay(&json);
    assert_eq!((output.status.code(), &json["verdict"]), (Some(0), &"ends".into()));

    let mut changed = bytes.clone();
    changed[100] ^= 1;
    fails(&["replay", &write(world.dir.path(), "changed.rec", &changed)], 126, &["changed.rec", "damaged", "block 0"]);
    fails(&["replay", &write(world.dir.path(), "other.rec", b"something")], 126, &["not a recording"]);
    fails(&["replay", &write(world.dir.path(), "begun.rec", &bytes[..60])], 126, &["cut before it says what ran"]);
    fails(&["replay", "no/such/file"], 126, &["cannot read no/such/file"]);
}

#[test]
fn a_recording_is_never_written_over_what_the_run_needs() {
    let world = run::World::new();
    let message = world.message(r#"{"method": "get"}"#);
    fails(&["run", "--message", &message, "--record", &message, run::ORACLE], 126, &["cannot write the recording"]);
    assert!(fs::read_to_string(&message).unwrap().contains("method"));
    let nowhere = world.dir.path().join("no/such/dir/call.rec");
    let nowhere = nowhere.to_str().unwrap();
    fails(&["run", "--message", &message, "--record", nowhere, run::ORACLE], 126, &["cannot write the recording"]);
}

/// The function that makes the call, by its name, and its line, of both sides.
#[test]
fn diff_names_the_line_where_the_module_has_lines() {
    const STORE: &str = "tests/guests/lines/store.wasm";
    let world = run::World::new();
    let path = |name: &str| world.dir.path().join(name).to_str().unwrap().to_owned();
    let message = world.message("null");
    let recorded = |store: &str, amount: u8| {
        let mut ledger = subvm_host_std::ledger::RedbLedger::open(Path::new(&path(store))).unwrap();
        let mut content = [0; 32];
        content[0] = amount;
        let page = subvm_core::PageWrite { slot: subvm_core::SlotId([0; 32]), page: 0, content };
        let contract = subvm_core::Address([0xc0; 20]);
        subvm_host_std::ledger::Ledger::apply(&mut ledger, &contract, &[page], 1).unwrap();
        drop(ledger);
        let recording = path(&format!("{store}.rec"));
        let output = subvm(&["run", "--message", &message, "--store", &path(store), "--record", &recording, STORE]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        recording
    };
    let output = subvm(&["diff", &recorded("a", 3), &recorded("b", 4)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("differs:  the answer of storage, after "), "{said}");
    for side in ["first", "second"] {
        let stack = format!(
            "\nthe {side}, as the call began:\nsub-VM:   0\nstack:    main: ledger::balance(unsigned int volatile*) (function 2)\n\
             stack:    main: start (function 4)\ncomputed: "
        );
        let (_, rest) = said.split_once(&stack).unwrap_or_else(|| panic!("{side}: {said}"));
        let source = rest.lines().find(|line| line.starts_with("source:")).unwrap_or_else(|| panic!("{said}"));
        let place = "source:   ledger::balance(unsigned int volatile*) at guest/store.cc:15:5";
        assert_eq!(source, place, "{said}");
    }
}

/// Two nodes whose stores differ in what an earlier call left.
#[test]
fn diff_names_the_call_at_which_two_nodes_go_different_ways() {
    let world = run::World::new();
    let dir = world.dir.path();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (store, fresh) = (path("store"), path("fresh"));
    let message = world.message(r#"{"method": "get"}"#);
    // One of them remembers that a page was asked three times.
    let mut ledger = subvm_host_std::ledger::RedbLedger::open(Path::new(&store)).unwrap();
    let contract = subvm_core::Address([0xc0; 20]);
    let mut slot = [0; 32];
    slot[31] = 1;
    let mut content = [0; 32];
    content[0] = 3;
    let page = subvm_core::PageWrite { slot: subvm_core::SlotId(slot), page: 0, content };
    subvm_host_std::ledger::Ledger::apply(&mut ledger, &contract, &[page], 1).unwrap();
    drop(ledger);
    let run = |store: &str, name: &str| {
        let (recording, receipt) = (path(&format!("{name}.rec")), path(&format!("{name}.receipt")));
        let files = ["--record", &recording, "--receipt", &receipt];
        let output = subvm(&[&["run", "--message", &message, "--store", store], &files[..], &[run::ORACLE]].concat());
        assert!(matches!(output.status.code(), Some(0 | 125)), "{}", String::from_utf8_lossy(&output.stderr));
        (recording, receipt)
    };
    let ((a, a_receipt), (b, b_receipt)) = (run(&store, "a"), run(&fresh, "b"));

    let output = subvm(&["diff", &a, &b]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("differs:  the answer of storage, after "), "{said}");
    assert!(said.contains("the first: call ") && said.contains("storage_read in sub-VM 0"), "{said}");
    let json: Json = serde_json::from_slice(&subvm(&["diff", "--json", &a, &b]).stdout).expect("exactly one object");
    json::check_against("diff", &json);
    assert_eq!((&json["kind"], &json["divergence"]["what"]), (&"recordings".into(), &"answer".into()));
    assert_eq!(json["divergence"]["a"]["within"], "storage_read");
    // Both sides show who made the call, by name.
    let functions = |side: &str| json["stacks"][side]["sub_vms"][0]["frames"].as_array().cloned().unwrap();
    assert_eq!(functions("a"), functions("b"), "the call is the same, and its answer is not");
    let names: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("stack:    ")).collect();
    let frames = functions("a");
    assert_eq!(names.len(), 2 * frames.len());
    assert!(frames.len() > 1 && names[0].contains(frames[0]["name"].as_str().unwrap()), "{said}");
    assert!(said.contains("\nthe first, as the call began:\nsub-VM:   0\nstack:    "), "{said}");
    assert!(said.contains("\nthe second, as the call began:\nsub-VM:   0\nstack:    "), "{said}");
    let quick = subvm(&["diff", "--stacks", "false", "--json", &a, &b]);
    let quick: Json = serde_json::from_slice(&quick.stdout).expect("exactly one object");
    json::check_against("diff", &quick);
    assert_eq!((&quick["stacks"], &quick["divergence"]), (&Json::Null, &json["divergence"]));

    let same = subvm(&["diff", &a, &a]);
    assert_eq!((same.status.code(), same.stdout.starts_with(b"same:")), (Some(0), true));

    let output = subvm(&["diff", &a_receipt, &b_receipt]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().next(), Some("result"));
    assert!(said.contains(r#"first:  return {"answer":"","count":3}"#), "{said}");
    let json: Json = serde_json::from_slice(&subvm(&["diff", "--json", &a_receipt, &b_receipt]).stdout).unwrap();
    json::check_against("diff", &json);
    assert_eq!((&json["kind"], &json["same"]), (&"receipts".into(), &false.into()));
    assert_eq!(subvm(&["diff", &a_receipt, &a_receipt]).status.code(), Some(0));

    fails(&["diff", &a, &a_receipt], 126, &["name two of a kind"]);
    fails(&["diff", &message, &message], 126, &["not a receipt"]);
    fails(&["diff", &a, "no/such/file"], 126, &["cannot read no/such/file"]);
}
