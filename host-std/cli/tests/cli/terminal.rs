//! Who reads the output may go away, and may be no terminal.

use std::io::Read;

use super::*;

/// Runs a command whose standard output is closed after its first byte, and gives its status and standard error.
fn cut_short(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(ROOT).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stderr)
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = scratch("epipe");
    let hex = write(dir.path(), "null.hex", b"00");
    let config = write(dir.path(), "node.toml", b"");
    let world = run::World::new();
    let message = world.message(r#"{"method": "get"}"#);
    for args in [
        &["inspect", "tests/guests/report/report.wasm"][..],
        &["inspect", "--json", "tests/guests/report/report.wasm"],
        &["calldata", "decode", &hex],
        &["config", "check", &config],
        &["completions", "bash"],
        &["--help"],
        &["run", "--message", &message, run::ORACLE],
        &["run", "--json", "--message", &message, run::ORACLE],
    ] {
        assert_eq!(cut_short(args), (Some(0), String::new()), "{args:?}");
    }
    // Its own failures stay what they are.
    assert_eq!(cut_short(&["exec", "--json", &guest("trap")]).0, Some(125));
}

/// As `yes | head`: the program ends with its reader, as elsewhere.
#[test]
fn a_program_ends_when_its_reader_goes_away() {
    assert_eq!(cut_short(&["exec", "--deadline", "60s", &guest("yes")]), (Some(0), String::new()));
}

/// A transaction does not: what it comes to is no matter of who reads along.
#[test]
fn a_transaction_goes_on_when_its_reader_goes_away() {
    let world = run::World::new();
    let (message, store) = (world.message("null"), world.store());
    let args = ["run", "--message", &message, "--store", store.to_str().unwrap(), &guest("prints")];
    assert_eq!(cut_short(&args), (Some(0), String::new()));
    let mut ledger = subvm_host_std::ledger::RedbLedger::open(&store).unwrap();
    assert_eq!(subvm_host_std::ledger::Ledger::heights(&mut ledger).unwrap().accepted, 1);
}

/// Runs a command whose standard output takes nothing, and gives its status and standard error.
#[cfg(target_os = "linux")]
fn on_a_full_disk(args: &[&str]) -> (Option<i32>, String) {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    let output = command.current_dir(ROOT).args(args).stdin(Stdio::null()).stdout(full).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_failure() {
    let dir = scratch("full");
    let (hex, zero) = (write(dir.path(), "null.hex", b"00"), write(dir.path(), "zero", b"0"));
    let config = write(dir.path(), "node.toml", b"");
    let world = run::World::new();
    let message = world.message("null");
    let store = world.store();
    let store = store.to_str().unwrap();
    let receipt = world.dir.path().join("receipt");
    let (prints, done, deep) = (guest("prints"), guest("done"), guest("trap_deep"));
    let result = write(dir.path(), "result.json", &subvm(&["exec", "--json", &deep]).stdout);
    for args in [
        &["--help"][..],
        &["--version"],
        &["exec", "--help"],
        &["help", "run"],
        &["inspect", &done],
        &["check", &done],
        &["check", "--json", &done],
        &["inspect", "--json", &done],
        &["calldata", "decode", &hex],
        &["calldata", "encode", "--raw", &zero],
        &["config", "check", &config],
        &["completions", "bash"],
        &["fingerprint", "explain", &result, &deep],
        &["exec", &prints],
        &["exec", "--deadline", "60s", &guest("yes")],
        &["exec", "--json", &done],
        &["run", "--message", &message, &done],
        &["run", "--json", "--message", &message, &done],
        &["run", "--message", &message, "--store", store, "--receipt", receipt.to_str().unwrap(), &prints],
    ] {
        let (status, stderr) = on_a_full_disk(args);
        assert_eq!(status, Some(127), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: cannot write to standard output: "), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    }
    // What was decided is kept: only the telling failed.
    assert!(receipt.exists());
    let mut ledger = subvm_host_std::ledger::RedbLedger::open(Path::new(store)).unwrap();
    assert_eq!(subvm_host_std::ledger::Ledger::heights(&mut ledger).unwrap().accepted, 1);
    // Who prints nothing has lost nothing.
    assert_eq!(on_a_full_disk(&["exec", &done]), (Some(0), String::new()));
}

#[test]
fn there_are_no_colours_but_on_a_terminal() {
    for args in [&["--help"][..], &["exec", "--help"], &["frob"], &["exec", "--log", "trace", &guest("trap")]] {
        let Output { stdout, stderr, .. } = subvm(args);
        let shown = [stdout, stderr].concat();
        assert!(!shown.is_empty() && !shown.contains(&0x1b), "{args:?}: {}", String::from_utf8_lossy(&shown));
    }
}

/// Runs a command whose standard error is a terminal, and gives what the terminal was sent.
#[cfg(unix)]
fn on_a_terminal(args: &[&str]) -> String {
    let pair = nix::pty::openpty(None, None).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(ROOT).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(pair.slave);
    let mut child = command.spawn().unwrap();
    drop(command); // and this end of the terminal with it
    let mut shown = Vec::new();
    // Linux says EIO where nobody holds the other end any more.
    _ = std::fs::File::from(pair.master).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
    String::from_utf8_lossy(&shown).into_owned()
}

/// A program that does nothing and has so many functions to be compiled.
#[cfg(unix)]
fn busy_to_compile(functions: u32) -> Vec<u8> {
    let sums = "(local.set 0 (i64.mul (i64.add (local.get 0) (local.get 1)) (i64.const 3)))".repeat(200);
    let function = format!("(func (param i64 i64) {sums})");
    wat::parse_str(format!("(module (func (export \"_start\")) {})", function.repeat(functions as usize))).unwrap()
}

#[test]
#[cfg(unix)]
fn who_waits_for_a_compiler_at_a_terminal_sees_it() {
    let dir = scratch("progress");
    for doubled in 5..14 {
        let module = write(dir.path(), "busy.wasm", &busy_to_compile(1 << doubled));
        let start = std::time::Instant::now();
        let shown = on_a_terminal(&["exec", "--cache", "off", &module]);
        if start.elapsed() < std::time::Duration::from_secs(3) {
            continue; // it may have been compiled before anybody grows impatient
        }
        assert!(shown.contains("compiling ") && shown.contains(" of WebAssembly, 1s"), "{shown:?}");
        assert!(shown.ends_with("\u{1b}[2K") || shown.ends_with("\r"), "the line is gone: {shown:?}");
        return;
    }
    panic!("no module takes three seconds");
}

#[test]
fn every_command_shows_examples() {
    for command in [
        &["--help"][..],
        &["exec", "--help"],
        &["run", "--help"],
        &["check", "--help"],
        &["calldata", "encode", "--help"],
        &["calldata", "decode", "--help"],
        &["config", "check", "--help"],
        &["inspect", "--help"],
        &["fingerprint", "explain", "--help"],
        &["completions", "--help"],
        &["man", "--help"],
        &["ledger", "rules", "--help"],
    ] {
        let output = subvm(command);
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(help.contains("Examples:\n  "), "{command:?}: {help}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(subvm(&["completions", shell]).stdout).unwrap();
        for word in ["subvm", "personality", "explain"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    fails(&["completions", "tcsh"], 126, &["tcsh", "bash"]);
    let bash = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|dir| dir.join("bash").exists());
    if !bash {
        support::skipped("bash");
        return;
    }
    let completed = Command::new("bash")
        .args(["-c", r#"source <("$0" completions bash); COMP_WORDS=(subvm calldata dec); COMP_CWORD=2; _subvm subvm dec calldata; echo "${COMPREPLY[@]}""#])
        .arg(env!("CARGO_BIN_EXE_subvm"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "decode\n", "{completed:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = scratch("man");
    let pages = dir.path().join("man1");
    assert!(subvm(&["man", pages.to_str().unwrap()]).status.success());
    let help = String::from_utf8(subvm(&["--help"]).stdout).unwrap();
    let listed = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let commands: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 15 && commands.contains(&"ledger"), "{help}");
    let page = |name: &str| fs::read_to_string(pages.join(format!("subvm{name}.1"))).unwrap();
    assert!(page("").contains(".TH subvm 1"));
    for command in commands.iter().filter(|command| **command != "help") {
        let page = page(&format!("-{command}"));
        assert!(page.contains("NAME") && page.contains("SYNOPSIS"), "{command}: {page}");
    }
    // Options and examples are there, also of commands below commands.
    assert!(page("-run").contains("leader.receipt oracle.wasm") && page("-run").contains("personality"));
    assert!(page("-ledger-rules").contains("subvm ledger rules chain"));

    let formats = Command::new("groff").arg("--version").output().is_ok();
    if !formats {
        support::skipped("groff");
        return;
    }
    for page in fs::read_dir(&pages).unwrap() {
        let page = page.unwrap().path();
        let formatted = Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(&page).output().unwrap();
        assert!(formatted.status.success() && formatted.stderr.is_empty(), "{}: {formatted:?}", page.display());
    }
}

/// Prints what a terminal obeys, and an end of a line in the middle, on both streams, then traps.
const HOSTILE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\20\00\00\00\1c\00\00\00")
    (data (i32.const 32) "\1b[2J\"}{\22level\22:1}\n\e2\80\aegnp\c2\9b\ff\n")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
        unreachable))"#;

#[test]
fn each_line_of_a_log_for_programs_is_an_object() {
    let dir = scratch("json-log");
    let module = write(dir.path(), "hostile.wat", HOSTILE.as_bytes());
    let key = write(dir.path(), "key", b"sk-secret-of-the-provider");
    let provider = format!(
        "[run]\nlog = 'trace'\n[[model.providers]]\nbase_url = 'http://127.0.0.1:1'\nmodel = 'm'\nkey_file = {key:?}\n"
    );
    let config = write(dir.path(), "node.toml", provider.as_bytes());
    let args = ["exec", "--json", "--trace", "--log-format", "json", "--config", &config, &module];
    let output = subvm(&args);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    let log = String::from_utf8(output.stderr).expect("text, whatever the guest printed");
    assert!(!log.contains("sk-secret"), "{log}");
    // Nothing that a terminal obeys or that turns text around.
    let obeyed = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(!log.contains(obeyed), "{log:?}");
    let lines: Vec<Json> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    let of = |target: &str| {
        lines
            .iter()
            .filter(|line| line["target"] == target)
            .map(|line| line["message"].as_str().unwrap())
            .collect::<String>()
    };
    let printed = String::from_utf8_lossy(b"\x1b[2J\"}{\"level\":1}\n\xe2\x80\xaegnp\xc2\x9b\xff\n").into_owned();
    assert_eq!((of("guest::stdout"), of("guest::stderr")), (printed.clone(), printed), "as it was, once it is parsed");
    // The log itself, with its spans; the calls of `--trace`; the error.
    let ended = lines.iter().find(|line| line["message"] == "the transaction ended").expect("a log");
    assert_eq!(
        (&ended["level"], &ended["outcome"], &ended["span"]["role"]),
        (&"INFO".into(), &"vm_error".into(), &"leader".into())
    );
    assert!(lines.iter().any(|line| line["message"] == "consensus parameters"
        && line["digest"].as_str().is_some_and(|digest| digest.len() == 64)));
    assert!(of("subvm").contains("fd_write"), "{log}");
    let text = String::from_utf8_lossy(&subvm(&["exec", "--json", &module]).stderr).into_owned();
    assert!(text.contains("level") && !text.starts_with('{'), "unless it is asked for, it is for people: {text}");
    // What cannot be used is an object, too, from where the format is known on.
    let missing = subvm(&["exec", "--log-format", "json", "/nowhere.wasm"]);
    let error: Json = serde_json::from_slice(&missing.stderr).unwrap();
    assert_eq!((missing.status.code(), &error["level"]), (Some(126), &"ERROR".into()), "{error}");
    fails(&["exec", "--log-format", "xml", &module], 126, &["xml", "json"]);
}

#[test]
fn logging_changes_nothing_but_standard_error() {
    let digest = |more: &[&str]| {
        let output = subvm(&[&["exec", "--json"], more, &[&guest("trap_deep")]].concat());
        let mut json: Json = serde_json::from_slice(&output.stdout).expect("exactly one object");
        json["wall_ms"] = Json::Null;
        (json, String::from_utf8(output.stderr).unwrap())
    };
    let (quiet, nothing) = digest(&[]);
    let (loud, log) = digest(&["--log", "trace"]);
    assert_eq!(nothing, "");
    for text in ["transaction{role=\"leader\"", "sub_vm{mode=\"det\"", "the transaction ended outcome=\"vm_error\""] {
        assert!(log.contains(text), "{text}: {log}");
    }
    assert_eq!(loud, quiet);
}

#[test]
fn debugging_changes_nothing() {
    let with = |backtrace: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
        command.current_dir(ROOT).env("RUST_BACKTRACE", backtrace).env("RUST_LOG", "trace");
        let output = command.args(["exec", "--json", &guest("trap_deep")]).output().unwrap();
        let mut json: Json = serde_json::from_slice(&output.stdout).expect("exactly one object");
        json["wall_ms"] = Json::Null;
        json
    };
    assert_eq!(with("full"), with("0"));
}
