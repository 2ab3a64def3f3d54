//! Directories of runners.

use std::fs;
use std::path::PathBuf;

use subvm_core::{Invalid, Mode};
use subvm_runners::{Blame, Loader, Registry, RunnerId, gvm32};

use super::make::{MODULE, ustar};

fn place(dir: &tempfile::TempDir, id: &RunnerId, ending: &str) -> PathBuf {
    let RunnerId::Named { name, digest } = id else { panic!("{id} has no place") };
    let text = gvm32::encode(digest);
    dir.path().join(name).join(&text[..2]).join(format!("{}.{ending}", &text[2..]))
}

fn depends(id: &RunnerId) -> Vec<u8> {
    format!("# {{\"Depends\":\"{id}\"}}").into_bytes()
}

#[test]
fn a_runner_that_changed_on_disk_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut registry = Registry::open(dir.path()).expect("it is there");
    let runner = ustar(&[("runner.json", br#"{"StartWasm":"a"}"#), ("a", MODULE)]);
    let id = registry.add("one", &runner).expect("it can be written");
    let mut loader = Loader::new(registry);
    assert_eq!(*loader.contract(&depends(&id), Mode::Deterministic).expect("whole").parts.start, *MODULE);
    // A bit of a file in it, between two loads.
    let path = place(&dir, &id, "tar");
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[1536] ^= 1;
    fs::write(&path, &bytes).expect("it can be written");
    let error = loader.contract(&depends(&id), Mode::Deterministic).expect_err("it is another");
    assert_eq!(error.blame(), Blame::Node);
    let found = RunnerId::named("one", &bytes);
    let said = format!("the runner {id} has changed: its bytes are those of {found}; put the archive back");
    assert_eq!(error.to_string(), said);
    fs::remove_file(&path).expect("it is there");
    let error = loader.contract(&depends(&id), Mode::Deterministic).expect_err("it is gone");
    assert_eq!(error.blame(), Blame::Contract(Invalid::RunnerAbsent));
}

#[test]
fn what_is_no_file_is_not_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut registry = Registry::open(dir.path()).expect("it is there");
    let id = registry.add("one", MODULE).expect("it can be written");
    let path = place(&dir, &id, "tar");
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("it can be made");
    let error = Loader::new(registry).contract(&depends(&id), Mode::Deterministic).expect_err("a directory");
    assert!(error.to_string().ends_with("it is no regular file"), "{error}");
    assert_eq!(error.blame(), Blame::Node);
    assert!(Registry::open(&dir.path().join("nowhere")).is_err());
    assert!(Registry::open(&std::env::current_exe().expect("this")).is_err());
}

#[test]
fn a_name_floats_only_where_that_was_asked_for_and_one_archive_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut registry = Registry::open(dir.path()).expect("it is there");
    registry.add("one", MODULE).expect("it can be written");
    let contract = b"# {\"Depends\":\"one:test\"}";
    let load = |registry: &Registry| Loader::new(registry.clone()).contract(contract, Mode::Deterministic);
    assert!(load(&registry).expect_err("pinned").to_string().contains("floating names are not allowed here"));
    let floating = registry.clone().floating();
    assert_eq!(*load(&floating).expect("the one").parts.start, *MODULE);
    registry.add("one", b"\0asm\x01\0\0\0\0\x04\x03two").expect("it can be written");
    assert!(load(&floating).expect_err("two").to_string().contains("holds 2 archives: say which"));
    assert!(registry.add("../one", MODULE).is_err());
}

#[test]
fn a_registry_of_nix_names_has_the_same_runners() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut registry = Registry::open(dir.path()).expect("it is there").nix();
    let id = registry.add("one", MODULE).expect("it can be written");
    let RunnerId::Named { digest, .. } = id else { panic!("{id}") };
    let contract = format!("# {{\"Depends\":\"one:{}\"}}", gvm32::encode_nix(&digest));
    let mut loader = Loader::new(registry).known(subvm_runners::Known::Nix32);
    assert_eq!(*loader.contract(contract.as_bytes(), Mode::Deterministic).expect("there").parts.start, *MODULE);
}
