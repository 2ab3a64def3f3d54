//! Contracts in Python, on the runner of `runners/python`. It takes ten minutes to build: where it was not built, these tests say SKIPPED.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn subvm(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(dir).args(args).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.output().expect("the binary runs")
}

#[track_caller]
fn printed(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// What the recipe made; nothing where it was not run.
fn built() -> Option<PathBuf> {
    let out = Path::new(ROOT).join("target/runners/python/out");
    if out.join("python.wasm").is_file() && out.join("root/lib/python.zip").is_file() {
        return Some(out);
    }
    eprintln!(
        "SKIPPED: no Python runner in target/runners/python/out: build it with runners/python/build (ten minutes, Debian's packages)"
    );
    None
}

/// The runner, made of what the recipe made: the same bytes each time.
fn runner(out: &Path, dir: &Path) -> String {
    let [wasm, root] = [out.join("python.wasm"), out.join("root")].map(|path| path.display().to_string());
    let started = dir.join("started.wasm").display().to_string();
    let map = format!("{root}=/");
    let made = subvm(dir, &["snapshot", "--personality", "seed", "--map", &map, "--output", &started, &wasm, "--json"]);
    let made: Json = serde_json::from_str(&printed(&made)).expect("JSON");
    assert!(
        made["ticks"].as_u64() > Some(50_000_000) && made["environment"] == false && made["arguments"] == false,
        "{made}"
    );
    let bundle = dir.join("python.bundle").display().to_string();
    printed(&subvm(dir, &["bundle", "pack", "--map", &map, "--output", &bundle, &started]));
    bundle
}

/// The object that a call of a method comes to.
#[track_caller]
fn call(dir: &Path, runner: &str, contract: &str, args: &[&str]) -> Json {
    let options = ["run", "--json", "--store", "store", "--runner", runner, contract, "--"];
    let output = subvm(dir, &[&options[..], args].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn what_the_recipe_made_is_what_is_written_down() {
    let Some(out) = built() else { return };
    let sums = Path::new(ROOT).join("runners/python/outputs.sha256").canonicalize().expect("it is there");
    let checked = Command::new("sha256sum").arg("--check").arg(sums).current_dir(out).output().expect("sha256sum runs");
    printed(&checked);
}

#[test]
fn contracts_in_python_run_by_name_within_their_bars() {
    let Some(out) = built() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let runner = runner(&out, dir);
    let examples = Path::new(ROOT).join("runners/python/examples");
    let token = examples.join("token.py").display().to_string();

    assert_eq!(call(dir, &runner, &token, &["__init__", r#"{"supply": 1000}"#])["outcome"], "return");
    let owner = r#"{"owner": addr#5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e}"#;
    let got = call(dir, &runner, &token, &["balance_of", owner]);
    assert_eq!((&got["outcome"], &got["value"]), (&"return".into(), &"1000".into()), "{got}");
    assert!(got["gas"]["time"].as_u64() < Some(6_000_000), "{}", got["gas"]);
    let wrong = call(dir, &runner, &token, &["balance_of", r#"{"owner": 5}"#]);
    assert_eq!(wrong["message"], "calldata, owner: expected an address, not an integer");

    for name in ["token", "oracle"] {
        std::fs::copy(examples.join(name).with_extension("toml"), dir.join(name).with_extension("toml"))
            .expect("a copy");
        let source = examples.join(name).with_extension("py").display().to_string();
        printed(&subvm(dir, &["bundle", "pack", &source, "--runner", &runner, "--output", &format!("{name}.bundle")]));
        let told = printed(&subvm(dir, &["test", &format!("{name}.toml")]));
        assert!(told.contains("holds") && !told.contains("FAILS"), "{told}");
    }

    std::fs::write(dir.join("empty.py"), "pass\n").expect("a file");
    let empty = call(dir, &runner, "empty.py", &["nothing"]);
    assert_eq!(empty["outcome"], "return", "{empty}");
    assert!(empty["gas"]["time"].as_u64() < Some(5_000_000), "{}", empty["gas"]);
    std::fs::write(dir.join("raises.py"), "raise KeyError('as you asked')\n").expect("a file");
    assert_eq!(call(dir, &runner, "raises.py", &["nothing"])["exit_code"], 1);
    std::fs::write(dir.join("bad.py"), "def f(:\n").expect("a file");
    let bad = subvm(dir, &["run", "--runner", &runner, "bad.py", "--", "x"]);
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(
        bad.status.code() == Some(126) && said.contains("bad.py cannot be compiled") && said.contains("SyntaxError"),
        "{said}"
    );
}

#[test]
fn a_new_project_in_python_runs_by_the_commands_that_are_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let told = printed(&subvm(dir, &["new", "counter", "--lang", "python"]));
    let commands: Vec<Vec<&str>> =
        told.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split(' ').collect()).collect();
    let [cd, build, copy, test, run] = &commands[..] else { panic!("other commands: {told}") };
    assert_eq!(cd.join(" "), "cd counter");
    // The checkout is found where the program lies in one, and has what is called.
    assert!(build[0] == "env" && Path::new(build[2]).is_file() && build[2].ends_with("runners/python/build"), "{told}");
    assert!(copy[0] == "cp" && copy[1].ends_with("runners/python/out/python.bundle"), "{told}");

    let Some(out) = built() else { return };
    let project = dir.join("counter");
    let bundle = runner(&out, dir);
    std::fs::copy(bundle, project.join(copy[2])).expect("a copy");
    assert_eq!(printed(&subvm(&project, &test[1..])), "test.toml\n  holds  it counts\n1 hold, 0 fail\n");
    assert!(printed(&subvm(&project, &run[1..])).starts_with("return:   5\n"));
}

#[test]
fn what_runs_no_python_is_refused_in_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(dir.join("c.py"), "pass\n").expect("a file");
    std::fs::write(dir.join("c.wat"), "(module (func (export \"_start\")))").expect("a file");
    for (args, says) in [
        (&["run", "c.py", "--", "x"][..], "c.py is a contract in Python: name what runs it with --runner"),
        (&["run", "--runner", "c.py", "c.py", "--", "x"], "c.py is no runner"),
        (&["exec", "--runner", "c.py", "c.wat"], "c.wat runs on its own: --runner is for contracts in Python"),
        (&["run", "c.wat", "--", "x"], "--message is missing"),
        (&["run", "--runner", "c.py", "c.py", "--", "x", "5"], "the arguments of x are no map"),
        (&["run", "--runner", "c.py", "c.py", "--", "x", "{"], "the arguments of x"),
        (&["run", "--runner", "c.py", "c.py", "--", "x", "{}", "{}"], "more than a method and its arguments"),
    ] {
        let output = subvm(dir, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(126), "{args:?}: {said}");
        assert!(
            said.starts_with("error: ") && said.contains(says) && said.trim_end().lines().count() == 1,
            "{args:?}: {said}"
        );
    }
}
