//! Following actions.

use std::sync::Arc;

use subvm_core::{Address, Invalid, Mode, SlotId};
use subvm_runners::{Blame, Bounds, Charge, Loaded, Loader, Nowhere, RunnerError, RunnerId, Source, SourceError, View};

use super::make::{MODULE, all_say, entry, zip};

fn archive(manifest: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let files = files.iter().map(|(name, bytes)| entry(name, bytes));
    zip(&[entry("runner.json", manifest.as_bytes())].into_iter().chain(files).collect::<Vec<_>>())
}

fn load(manifest: &str, files: &[(&str, &[u8])]) -> Result<Loaded, RunnerError> {
    Loader::new(Nowhere).contract(&archive(manifest, files), Mode::Deterministic)
}

fn refused(manifest: &str, files: &[(&str, &[u8])]) -> String {
    load(manifest, files).expect_err("it cannot be followed").to_string()
}

#[test]
fn a_contract_in_a_language_runs_on_what_its_runners_say() {
    let mut loader = Loader::new(Nowhere);
    let soft = loader.register(&archive(r#"{"LinkWasm": "lib/soft.wasm"}"#, &[("lib/soft.wasm", b"\0asm soft")]));
    let interpreter = loader.register(&archive(
        &format!(
            r#"{{"Seq": [{{"MapFile": {{"file": "py/", "to": "/py/"}}}},
                {{"AddEnv": {{"name": "HOME", "val": "/py"}}}},
                {{"AddEnv": {{"name": "PATH", "val": "${{HOME}}/std:${{HOME}}/libs${{NONE}}"}}}},
                {{"When": {{"cond": "det", "action": {{"Seq": [{{"Depends": "{soft}"}}, {{"StartWasm": "det.wasm"}}]}}}}}},
                {{"StartWasm": "other.wasm"}}]}}"#
        ),
        &[("py/std/os.py", b"os"), ("py/libs/a.py", b"a"), ("pyx", b""), ("det.wasm", b"\0asm det"), ("other.wasm", b"\0asm other")],
    ));
    let language = loader.register(&archive(
        &format!(
            r#"{{"Seq": [{{"With": {{"runner": "contract", "action": {{"MapFile": {{"file": "file", "to": "/contract.py"}}}}}}}},
                {{"SetArgs": ["py", "-c", "import contract"]}}, {{"Depends": "{interpreter}"}}, {{"SetArgs": ["never"]}}]}}"#
        ),
        &[],
    ));
    let contract = format!("# v0.2.16\n# {{ \"Depends\": \"{language}\" }}\nprint(1)\n");
    let loaded = loader.contract(contract.as_bytes(), Mode::Deterministic).expect("all is there");
    let parts = &loaded.parts;
    assert_eq!(*parts.start, *b"\0asm det");
    assert_eq!(parts.libraries.iter().map(|library| library.name.as_str()).collect::<Vec<_>>(), ["soft"]);
    assert_eq!(parts.args, ["py", "-c", "import contract"]);
    assert_eq!(parts.env, [("HOME".into(), "/py".into()), ("PATH".into(), "/py/std:/py/libs".into())]);
    let files: Vec<_> = parts.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(files, ["/contract.py", "/py/libs/a.py", "/py/std/os.py"]);
    assert_eq!(&*parts.files[0].1, contract.as_bytes());
    let charged: Vec<_> = loaded.charges.iter().map(|charge| charge.id.clone()).collect();
    assert_eq!(charged, [RunnerId::Contract, language, interpreter, soft]);
    let bytes: u64 = loaded.charges.iter().map(|charge| charge.bytes).sum();
    assert_eq!(loaded.ram(), 4 * Charge::BASE + bytes);
    assert_eq!(loaded.charges[0].bytes, contract.len() as u64);
    // In the other mode another module, and no library.
    let loaded = loader.contract(contract.as_bytes(), Mode::NonDeterministic).expect("all is there");
    assert_eq!((&*loaded.parts.start, loaded.parts.libraries.len(), loaded.charges.len()), (&b"\0asm other"[..], 0, 3));
}

#[test]
fn a_contract_cannot_reach_beyond_its_runners_files() {
    let files: &[(&str, &[u8])] = &[("a", b"x"), ("dir/a", b"y")];
    let map =
        |file: &str, to: &str| format!(r#"{{"Seq":[{{"Seq":[]}},{{"MapFile":{{"file":"{file}","to":"{to}"}}}}]}}"#);
    let table = [
        (
            map("/etc/passwd", "/a"),
            r#"runner.json of contract: Seq[1].MapFile: the runner holds no file "/etc/passwd""#,
        ),
        (map("../a", "/a"), r#"the runner holds no file "../a""#),
        (map("dir/../a", "/a"), r#"the runner holds no file "dir/../a""#),
        (map("/", "/a"), r#"the runner holds no file below "/""#),
        (map("../", "/a"), r#"the runner holds no file below "../""#),
        (map("a", "/b/../../a"), r#"to: "/b/../../a" holds the component .."#),
        (map("a", "b"), r#"to: "b" is not an absolute path"#),
        (map("a", "/vm/a"), "lies in /vm, which is the machine's own"),
        (map("a", "//vm"), "lies in /vm"),
        (r#"{"StartWasm":"/a"}"#.into(), r#"StartWasm: the runner holds no file "/a""#),
        (r#"{"LinkWasm":"b"}"#.into(), r#"LinkWasm: the runner holds no file "b""#),
        (r#"{"Seq":[]}"#.into(), "its actions start no module: StartWasm is missing"),
        (r#"{"Depends":"../x:y"}"#.into(), r#"Depends: the runner id "../x:y": its name is not of ASCII letters"#),
        (r#"{"Depends":"py:test"}"#.into(), "names no digest, and floating names are not allowed here"),
    ];
    all_say(table.into_iter().map(|(manifest, expected)| (refused(&manifest, files), expected)));
    // Under /vm lie no files of others either.
    assert!(load(r#"{"Seq":[{"MapFile":{"file":"a","to":"/vmx"}},{"StartWasm":"a"}]}"#, files).is_ok());
}

#[test]
fn what_would_grow_without_end_is_refused() {
    // Each line doubles a variable.
    let double = r#"{"AddEnv":{"name":"A","val":"${A}${A}xxxxxxxx"}}"#;
    let manifest = format!(r#"{{"Seq":[{}]}}"#, vec![double; 64].join(","));
    assert!(refused(&manifest, &[]).contains(r#"Seq[17].AddEnv: the value of "A" has more than 1048576 bytes"#));
    // Each action maps everything.
    let all = vec![r#"{"MapFile":{"file":"","to":"/"}}"#; 100].join(",");
    let bounds = Bounds { mapped: 150, ..Bounds::default() };
    let mut loader = Loader::new(Nowhere).bounds(bounds);
    let error = loader.contract(&archive(&format!(r#"{{"Seq":[{all}]}}"#), &[("a", b"")]), Mode::Deterministic);
    assert!(error.expect_err("too many").to_string().contains("Seq[75].MapFile: more than 150 files"));
    let mut loader = Loader::new(Nowhere).bounds(Bounds { actions: 10, ..Bounds::default() });
    let error = loader.contract(&archive(&format!(r#"{{"Seq":[{all}]}}"#), &[]), Mode::Deterministic);
    assert!(error.expect_err("too many").to_string().contains("more than 10 actions"));
}

/// Runners on the chain, each of which depends on the next.
struct Chain;

impl Source for Chain {
    fn named(&mut self, _: &str, _: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError> {
        Err("the disk is on fire".into())
    }

    fn tagged(&mut self, _: &str, _: &str) -> Result<Option<[u8; 32]>, SourceError> {
        Ok(None)
    }

    fn chain(&mut self, address: &Address, _: View, slot: Option<&SlotId>) -> Result<Option<Arc<[u8]>>, SourceError> {
        if slot.is_some() {
            return Ok(Some(MODULE.into()));
        }
        let mut next = *address;
        next.0[19] = next.0[19].wrapping_add(1);
        let id = RunnerId::Chain { address: next, view: View::Own, slot: None };
        Ok(Some(format!("# {{\"Depends\":\"{id}\"}}").as_bytes().into()))
    }
}

#[test]
fn runners_that_depend_on_each_other_end() {
    // On itself: done once, and then nothing starts.
    assert!(refused(r#"{"Depends":"contract"}"#, &[]).contains("start no module"));
    let start =
        |id: &str| Loader::new(Chain).contract(format!("# {{\"Depends\":\"{id}\"}}").as_bytes(), Mode::Deterministic);
    let error = start(&format!("chain:0x{}", "00".repeat(20))).expect_err("there is no end").to_string();
    assert!(error.ends_with("actions nest more than 128 deep, through all runners"), "{error}");
    let bounds = Bounds { runners: 3, ..Bounds::default() };
    let mut loader = Loader::new(Chain).bounds(bounds);
    let error =
        loader.contract(format!("# {{\"Depends\":\"chain:0x{}\"}}", "00".repeat(20)).as_bytes(), Mode::Deterministic);
    assert!(error.expect_err("many").to_string().contains("more than 3 runners"));
    // A slot of its own is another place.
    let slot = format!("chain:0x{}:a:{}", "00".repeat(20), "0".repeat(52));
    assert_eq!(*start(&slot).expect("a module").parts.start, *MODULE);
}

#[test]
fn whose_fault_it_is_is_said() {
    let digest = "0".repeat(52);
    let blame = |error: RunnerError| error.blame();
    let contract = |text: String| Loader::new(Nowhere).contract(text.as_bytes(), Mode::Deterministic).expect_err("bad");
    assert_eq!(blame(contract("x".into())), Blame::Contract(Invalid::RunnerAbsent));
    assert_eq!(blame(contract("# {}".into())), Blame::Contract(Invalid::RunnerMalformed));
    let nobodys = contract(format!("# {{\"Depends\":\"a:{digest}\"}}"));
    assert_eq!(nobodys.to_string(), format!("the runner a:{digest} is not there: put its archive into the registry"));
    assert_eq!(blame(nobodys), Blame::Contract(Invalid::RunnerAbsent));
    let error = Loader::new(Nowhere).contract(b"\xff", Mode::Deterministic).expect_err("no text");
    assert_eq!(blame(error), Blame::Contract(Invalid::NotUtf8Text));
    let text = format!("# {{\"Depends\":\"a:{digest}\"}}");
    let error = Loader::new(Chain).contract(text.as_bytes(), Mode::Deterministic).expect_err("on fire");
    assert_eq!(error.to_string(), format!("the runner a:{digest} cannot be read: the disk is on fire"));
    assert_eq!(blame(error), Blame::Node);
}

#[test]
fn an_error_in_a_header_names_the_line_of_the_text() {
    let text = b"# v0.1.0\n# {\n#   \"Depends\": \"a\",\n#   \"b\": 1\n# }\ncode";
    let error = Loader::new(Nowhere).contract(text, Mode::Deterministic).expect_err("two keys").to_string();
    assert!(error.starts_with("runner.json, line 3, column "), "{error}");
}
