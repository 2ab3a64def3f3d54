//! `--engine`, and `run.engine` of the configuration.

use subvm_host_std::Codegen;

use super::*;

/// What a run on an engine comes to, and how many modules its cache holds afterwards: each engine compiles its own.
fn ran(cache: &Path, options: &[&str]) -> (Json, usize) {
    let module = guest("trap_deep");
    // Without a configuration there is more gas than with one.
    let same = ["exec", "--json", "--gas-time", "1000000000", "--cache", cache.to_str().unwrap()];
    let output = subvm(&[&same[..], options, &[&*module]].concat());
    let mut json: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{options:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    json["wall_ms"] = Json::Null;
    (json, fs::read_dir(cache).unwrap().count())
}

#[test]
fn a_receipt_does_not_depend_on_the_engine() {
    let dir = scratch("engine");
    let cache = dir.path().join("cache");
    let (by_default, one) = ran(&cache, &[]);
    assert_eq!(one, 1);
    assert_eq!(ran(&cache, &["--engine", "wasmtime"]), (by_default.clone(), 1));
    // It compiles nothing.
    assert_eq!(ran(&cache, &["--engine", "wasmi"]), (by_default.clone(), 1));
    // What was compiled is there already.
    assert_eq!(ran(&cache, &["--engine", "tiered"]), (by_default.clone(), 1));
    // What a command does not wait for is given up when it ends, or is there for the next.
    assert_eq!(ran(&dir.path().join("cold"), &["--engine", "tiered"]).0, by_default);
    let config = write(dir.path(), "node.toml", b"[run]\nengine = 'pulley'\ndeadline = '1h'");
    if !Codegen::Pulley.is_built() {
        support::skipped("the feature pulley");
        let says = ["run.engine: this build lacks pulley: build it with `--features pulley`"];
        fails(&["exec", "--engine", "pulley", &guest("done")], 126, &says);
        fails(&["exec", "--config", &config, &guest("done")], 126, &says);
        fails(&["config", "check", &config], 126, &says);
        return;
    }
    assert_eq!(ran(&cache, &["--engine", "pulley"]), (by_default.clone(), 2));
    assert_eq!(ran(&dir.path().join("configured"), &["--config", &config]), (by_default.clone(), 1));
    // The option overrides the configuration.
    assert_eq!(ran(&cache, &["--config", &config, "--engine", "wasmtime"]), (by_default.clone(), 2));
    assert_eq!(ran(&dir.path().join("configured"), &["--config", &config, "--engine", "wasmtime"]).1, 2);
}

#[test]
fn an_engine_that_is_none_is_refused_with_those_that_there_are() {
    fails(&["exec", "--engine", "wasmer", &guest("done")], 126, &["'wasmer'", "wasmtime, pulley, wasmi, tiered"]);
    let dir = scratch("no-engine");
    let config = write(dir.path(), "node.toml", b"[run]\nengine = 'wasmer'");
    fails(
        &["exec", "--config", &config, &guest("done")],
        126,
        &["node.toml:2: ", "`wasmer`", "`wasmtime`, `pulley`, `wasmi`, `tiered`"],
    );
}
