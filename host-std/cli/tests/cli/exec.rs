//! `exec` as people expect it who come from other runtimes.

use super::*;

/// Ends with as many of the first 100 bytes of descriptor 0 as there are.
const READS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\00\01\00\00\64\00\00\00")
    (func (export "_start")
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.load (i32.const 8)))))"#;

#[test]
fn standard_input_is_empty_unless_it_is_asked_for() {
    let dir = scratch("stdin");
    let reads = write(dir.path(), "reads.wat", READS.as_bytes());
    let three = write(dir.path(), "three", b"abc");
    let status = |options: &[&str]| subvm(&[&["exec"], options, &[&*reads]].concat()).status.code();
    assert_eq!(status(&[]), Some(0));
    assert_eq!(status(&["--stdin", "-"]), Some(0), "this process's own is empty");
    assert_eq!(status(&["--stdin", &three]), Some(3));
    assert_eq!(status(&["--stdin", "message"]), Some(100), "the extended message is longer");
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_nowhere_is_left_out_with_a_warning() {
    let dir = scratch("dangling");
    fs::copy(format!("{ROOT}/tests/guests/report/data/numbers.txt"), dir.path().join("numbers.txt")).unwrap();
    std::os::unix::fs::symlink("no/such/file", dir.path().join("link")).unwrap();
    let map = format!("{}=/data", dir.path().display());
    let args = ["exec", "--map", &map, "tests/guests/report/report.wasm", "--", "/data/numbers.txt", "/data", "7"];
    let Output { status, stdout, stderr } = subvm(&args);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(7), "{stderr}");
    assert!(stdout.contains("directory: numbers.txt") && !stdout.contains("link"), "{stdout}");
    let warning = format!("warning: {}/link is a link that leads nowhere, and is left out\n", dir.path().display());
    assert_eq!(stderr, warning + "report: done, exit code 7\n");
    // What is named itself has to be there.
    fails(
        &["exec", "--map", &format!("{}/link=/data", dir.path().display()), &guest("done")],
        126,
        &["cannot map", "link"],
    );
}

#[test]
fn an_empty_directory_is_kept() {
    let dir = scratch("empty");
    fs::create_dir_all(dir.path().join("below/empty")).unwrap();
    fs::copy(format!("{ROOT}/tests/guests/report/data/numbers.txt"), dir.path().join("numbers.txt")).unwrap();
    let listed = |guest: &str, list: &str| {
        let map = format!("{}={guest}", dir.path().display());
        let numbers = format!("{}/numbers.txt", guest.trim_end_matches('/'));
        let output = subvm(&["exec", "--map", &map, "tests/guests/report/report.wasm", "--", &numbers, list, "7"]);
        assert_eq!(output.status.code(), Some(7), "{list}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(listed("/data", "/data/below").contains("\ndirectory: empty\n"));
    assert!(listed("/data/", "/data/below").contains("\ndirectory: empty\n"));
    assert!(listed("/", "/below").contains("\ndirectory: empty\n"));
    assert!(listed("/data", "/data").contains("\ndirectory: below\n"));
    assert!(!listed("/data", "/data/below/empty").contains("directory: "), "nothing is in it");
    fails(
        &["exec", "--map", &format!("{}=relative", dir.path().display()), &guest("done")],
        125,
        &["invalid_contract package"],
    );
}

/// Prints the name of every directory that is announced, as a libc asks for them; then opens `numbers.txt` below the last, and ends with what
/// came of it.
const ROOTS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 512) "numbers.txt")
    (func (export "_start") (local $fd i32)
        (local.set $fd (i32.const 3))
        (loop $next
            (if (i32.eqz (call $get (local.get $fd) (i32.const 0))) (then
                (drop (call $name (local.get $fd) (i32.const 1024) (i32.load (i32.const 4))))
                (i32.store8 (i32.add (i32.const 1024) (i32.load (i32.const 4))) (i32.const 10))
                (i32.store (i32.const 16) (i32.const 1024))
                (i32.store (i32.const 20) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
                (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
                (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
                (br $next))))
        (call $exit (call $open (i32.sub (local.get $fd) (i32.const 1)) (i32.const 0) (i32.const 512) (i32.const 11)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))))"#;

#[test]
fn each_directory_that_is_mapped_is_a_root_of_its_own() {
    let dir = scratch("roots");
    let roots = write(dir.path(), "roots.wat", ROOTS.as_bytes());
    fs::create_dir_all(dir.path().join("empty")).unwrap();
    let file = write(dir.path(), "a-file", b"1");
    let data = format!("{ROOT}/tests/guests/report/data");
    let maps =
        [format!("{}/empty=/usr/local2", dir.path().display()), format!("{file}=/etc/a"), format!("{data}=/usr/")];
    let options: Vec<&str> = maps.iter().flat_map(|map| ["--map", map]).collect();
    let output = |more: &[&str]| {
        let output = subvm(&[&["exec"], &options[..], more, &[&*roots]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8(output.stdout).unwrap(), output.status.code(), stderr)
    };
    let (printed, code, stderr) = output(&[]);
    assert_eq!((printed.as_str(), code), ("/\n/usr/local2\n/usr\n", Some(0)), "{stderr}");
    // The letter of the seed announces none: descriptor 2 is asked to open a path, and is no directory.
    let (printed, code, _) = output(&["--personality", "seed"]);
    assert_eq!((printed.as_str(), code), ("", Some(54)));
    // What is mapped to the root is no root of its own, and is merged.
    let both = [format!("{data}=/"), format!("{}/empty=/", dir.path().display())];
    let merged = subvm(&["exec", "--map", &both[0], "--map", &both[1], &roots]);
    assert_eq!((merged.stdout.as_slice(), merged.status.code()), (&b"/\n"[..], Some(0)));
    let twice = format!("{}/empty=/usr", dir.path().display());
    fails(
        &[&["exec"], &options[..], &["--map", &twice, &roots]].concat(),
        126,
        &["cannot map", "empty to /usr", "report/data is there", "a place of its own"],
    );
}

#[test]
fn who_looks_for_dir_is_told_of_map() {
    for command in [&["exec"][..], &["run", "--message", "message.json"]] {
        for (given, wanted) in [(".", "--map .=/,"), ("data::/in", "--map data=/in,"), ("data::in", "--map data=/in,")]
        {
            fails(&[command, &["--dir", given, "x.wasm"]].concat(), 126, &["--dir", wanted]);
        }
    }
    let help = String::from_utf8(subvm(&["exec", "--help"]).stdout).unwrap();
    assert!(!help.contains("--dir"), "{help}");
}

#[test]
fn a_trace_has_a_line_for_each_call() {
    let traced = |args: &[&str]| String::from_utf8(subvm(&[&["exec", "--trace"], args].concat()).stderr).unwrap();
    assert_eq!(
        traced(&[&guest("prints")]),
        "fd_write(fd=1, iovs=0, iovs_len=1, nwritten=8) = ESUCCESS nwritten=2\n".repeat(3)
    );
    let exits = traced(&[&guest("exit")]);
    assert!(exits.starts_with("proc_exit(rval=300) = ends the sub-VM\n"), "{exits}");
    // Logging may stand beside it.
    let both = traced(&["--log", "info", &guest("prints")]);
    assert!(both.contains("fd_write(fd=1") && both.contains("the transaction ended"), "{both}");
}

#[test]
fn a_trace_shows_who_started_whom_and_changes_nothing() {
    let world = run::World::new();
    let contract = effects::contract(world.dir.path(), "nested.wat", &[effects::NONDET, effects::RETURN]);
    let message = world.message("null");
    let ran = |more: &[&str]| {
        let output = subvm(&[&["run", "--json", "--message", &message], more, &[&*contract]].concat());
        let mut json: Json = serde_json::from_slice(&output.stdout).unwrap();
        json["wall_ms"] = Json::Null;
        (json, String::from_utf8(output.stderr).unwrap())
    };
    let (quiet, nothing) = ran(&[]);
    let (traced, lines) = ran(&["--trace"]);
    assert_eq!((quiet, nothing), (traced, String::new()));
    let calls: Vec<&str> = lines.lines().map(|line| line.split('(').next().unwrap()).collect();
    assert_eq!(calls, ["storage_write", "  storage_write", "  gl_call", "  gl_call", "gl_call", "gl_call"], "{lines}");
}

/// Makes calls that rules of ours refuse, whatever comes of them, and ends with a code.
fn refused_then_ends(dir: &Path, code: i32) -> String {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_readlink" (func $readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "/x")
        (func (export "_start")
            (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)))
            (drop (call $readlink (i32.const 3) (i32.const 64) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)))
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 2) (i32.const 0) (i64.const 0) (i64.const 0)
                (i32.const 0) (i32.const 0)))
            (call $exit (i32.const {code}))))"#
    );
    write(dir, &format!("refused{code}.wat"), text.as_bytes())
}

#[test]
fn a_program_that_fails_after_a_rule_refused_it_names_the_call_and_what_helps() {
    let dir = scratch("refused");
    let module = refused_then_ends(dir.path(), 1);
    let says = ["exit_code 1", "poll_oneoff answered ENOTSUP", "path_readlink answered EBADF", "`--map` follows links"];
    fails(&["exec", "--personality", "seed", &module], 1, &says);
    fails(
        &["exec", "--personality", "seed", &module],
        1,
        &["before it failed, path_open answered ENOTCAPABLE: the path is absolute"],
    );
    let json: Json =
        serde_json::from_slice(&subvm(&["exec", "--json", "--personality", "seed", &module]).stdout).unwrap();
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), 3, "{json}");
    assert!(json["diagnostics"][0].as_str().unwrap().contains("path_open"), "the last one first: {json}");
    // Who came to an end of its own has nothing to be told, and who did not ask for any of this neither.
    let Output { status, stderr, .. } = subvm(&["exec", "--personality", "seed", &refused_then_ends(dir.path(), 0)]);
    assert_eq!((status.code(), stderr.len()), (Some(0), 0));
    fails(&["exec", &guest("trap")], 125, &["error: wasm_trap unreachable\n"]);
}
