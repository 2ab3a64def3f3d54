//! The command line's cache of compiled modules.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs a module that does nothing, among `surroundings` and with options.
fn exec(surroundings: &[(&str, &Path)], options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subvm"));
    command.current_dir(ROOT).env_remove("XDG_CACHE_HOME").env_remove("HOME").envs(surroundings.iter().copied());
    command.args(["exec"]).args(options).arg("tests/guests/wat/done.wat").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

#[track_caller]
fn runs(surroundings: &[(&str, &Path)], options: &[&str]) {
    let output = exec(surroundings, options);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.is_empty(), "{stderr}");
}

/// The one file of a cache: who compiles writes another one.
#[track_caller]
fn only_file(dir: &Path) -> (PathBuf, u64) {
    let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    (files[0].clone(), fs::metadata(&files[0]).unwrap().ino())
}

#[test]
fn an_unchanged_module_is_not_compiled_twice() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("modules");
    let option = dir.to_str().unwrap();
    runs(&[], &["--cache", option]);
    let (file, written) = only_file(&dir);
    fs::File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    for options in [&["--cache", option][..], &["--cache", option, "--json"]] {
        let output = exec(&[], options);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
        assert_eq!(only_file(&dir).1, written, "the file is the one that the first process wrote");
    }
    assert_ne!(fs::metadata(&file).unwrap().modified().unwrap(), std::time::UNIX_EPOCH, "and it was used");
    // A file that was not used because it is damaged is written anew.
    fs::write(&file, b"damaged").unwrap();
    runs(&[], &["--cache", option]);
    assert!(fs::metadata(&file).unwrap().len() > 1000);
}

#[test]
fn the_users_own_directory_is_taken_where_nothing_else_is_said() {
    let home = tempfile::tempdir().unwrap();
    runs(&[("HOME", home.path())], &[]);
    only_file(&home.path().join(".cache/subvm"));
    let cache = home.path().join("elsewhere");
    runs(&[("HOME", home.path()), ("XDG_CACHE_HOME", &cache)], &[]);
    only_file(&cache.join("subvm"));
    runs(&[], &[]);

    let off = tempfile::tempdir().unwrap();
    runs(&[("HOME", off.path())], &["--cache", "off"]);
    assert_eq!(fs::read_dir(off.path()).unwrap().count(), 0);
}

#[test]
fn the_configuration_names_the_directory_and_the_option_overrides_it() {
    let home = tempfile::tempdir().unwrap();
    let (configured, named) = (home.path().join("configured"), home.path().join("named"));
    let config = home.path().join("node.toml");
    fs::write(&config, format!("[cache]\ndir = {configured:?}")).unwrap();
    let config = config.to_str().unwrap();
    runs(&[], &["--config", config, "--cache", named.to_str().unwrap()]);
    only_file(&named);
    assert!(!configured.exists());
    runs(&[], &["--config", config]);
    only_file(&configured);
    fs::write(config, "[cache]\nenabled = false").unwrap();
    runs(&[("HOME", home.path())], &["--config", config]);
    assert!(!home.path().join(".cache").exists());
}

#[test]
fn a_directory_that_others_may_write_to_is_refused_by_name_and_done_without_by_default() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("subvm");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let output = exec(&[], &["--cache", dir.to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(126), "{stderr}");
    assert!(stderr.starts_with("error: the module cache ") && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains("permissions 0777"), "{stderr}");

    let output = exec(&[("XDG_CACHE_HOME", home.path())], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}
