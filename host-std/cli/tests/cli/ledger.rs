//! `ledger`: what an operator does to a store, and what cannot work said before anything changes.

use std::thread::sleep;
use std::time::Duration;

use super::*;
use subvm_core::{Address, PageWrite, SlotId};
use subvm_host_std::ledger::{History, Ledger as _, RedbLedger};

const CONTRACT: &str = "0x0707070707070707070707070707070707070707";

/// A ledger of ten blocks, six of them final.
fn chain(dir: &Path) -> String {
    let place = dir.join("chain");
    let mut ledger = RedbLedger::open(&place).unwrap();
    for height in 1..=10_u64 {
        let page = |page| PageWrite { slot: SlotId([9; 32]), page, content: [height as u8; 32] };
        ledger.apply(&Address([7; 20]), &[page(3), page(height as u32 + 100)], height).unwrap();
    }
    ledger.finalize(6).unwrap();
    place.to_str().unwrap().to_owned()
}

#[track_caller]
fn object(args: &[&str]) -> Json {
    let output = subvm(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("exactly one object")
}

/// A process that another test starts holds the lock of a ledger that was open then, until it becomes another program.
fn opened(chain: &str) -> RedbLedger {
    let open = |_| RedbLedger::open(Path::new(chain)).inspect_err(|_| sleep(Duration::from_millis(100))).ok();
    (0..100).find_map(open).expect("nobody else has it")
}

fn root(chain: &str, height: u64) -> String {
    let root = opened(chain).root(height).unwrap();
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_ledger_is_shown_verified_copied_and_made_smaller() {
    let dir = scratch("ledger");
    let chain = chain(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let info = object(&["ledger", "info", "--json", &chain]);
    assert_eq!((&info["accepted"], &info["finalized"], &info["lowest"]), (&10.into(), &6.into(), &6.into()));
    assert_eq!((&info["root"], &info["finalized_root"]), (&root(&chain, 10).into(), &root(&chain, 6).into()));
    let text = String::from_utf8(subvm(&["ledger", "info", &chain]).stdout).unwrap();
    assert!(text.contains("finalized  6, root"), "{text}");
    let verified = object(&["ledger", "verify", "--json", &chain]);
    assert_eq!((&verified["root"], &verified["pages"]), (&info["root"], &11.into()));

    let copied = object(&["ledger", "backup", "--json", &chain, &path("backup")]);
    assert_eq!(copied["root"], info["root"]);
    let restored = object(&["ledger", "restore", "--json", &path("backup"), &path("again")]);
    assert_eq!(restored, copied);
    let compacted = object(&["ledger", "compact", "--json", &chain]);
    assert!(compacted["after"].as_u64() <= compacted["before"].as_u64(), "{compacted}");
    assert_eq!(object(&["ledger", "info", "--json", &path("again")])["root"], info["root"]);
    assert_eq!(object(&["ledger", "prune", "--json", &chain])["lowest"], 6);
}

#[test]
fn a_state_goes_to_another_ledger_with_its_root() {
    let dir = scratch("ledger-export");
    let chain = chain(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (file, new) = (path("state"), path("new"));
    let dump = object(&["ledger", "export", "--json", "--height", "8", &chain, &file]);
    assert_eq!((&dump["root"], &dump["pages"]), (&root(&chain, 8).into(), &9.into()));
    let trusted = root(&chain, 8);
    assert_eq!(object(&["ledger", "import", "--json", "--root", &trusted, &file, &new]), dump);
    let info = object(&["ledger", "info", "--json", &new]);
    assert_eq!((&info["root"], &info["lowest"]), (&dump["root"], &8.into()));

    fails(&["ledger", "export", &chain, &file], 126, &["cannot write", "state"]);
    fails(
        &["ledger", "export", "--height", "3", &chain, &path("b")],
        126,
        &["no state of height 3 any more, only of 6 to 10"],
    );
    fails(&["ledger", "export", "--height", "11", &chain, &path("b")], 126, &["no state of height 11 yet"]);
    fails(&["ledger", "import", &file, &new], 126, &["there is a ledger already"]);
    let other = root(&chain, 7);
    fails(
        &["ledger", "import", "--root", &other, &file, &path("c")],
        126,
        &["another root than the one that is expected"],
    );
    let whole = fs::read(&file).unwrap();
    for (at, says) in
        [(5, "no exported state"), (30, "do not have the root"), (whole.len() - 1, "as many pages"), (60, "")]
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let damaged = write(dir.path(), "damaged", &bytes);
        fails(&["ledger", "import", &damaged, &path("d")], 126, &[says]);
    }
    let cut = write(dir.path(), "cut", &whole[..whole.len() / 2]);
    fails(&["ledger", "import", &cut, &path("d")], 126, &["ends too early"]);
    let followed = write(dir.path(), "followed", &[&whole[..], b"x"].concat());
    fails(&["ledger", "import", &followed, &path("d")], 126, &["something follows"]);
    assert!(!dir.path().join("d").join(RedbLedger::FILE).exists(), "a ledger was made of what was refused");
    assert!(!dir.path().join("b").exists(), "a file was made of what was refused");
}

#[test]
fn a_proof_is_made_here_and_checked_anywhere() {
    let dir = scratch("ledger-proof");
    let chain = chain(dir.path());
    let slot = "09".repeat(32);
    let page = |page: &'static str| ["--contract", CONTRACT, "--slot", &slot.clone().leak()[..], "--page", page];
    let file = dir.path().join("a.proof");
    let file = file.to_str().unwrap();
    let made = object(
        &[&["ledger", "proof", "--json", "--height", "8", "--output", file], &page("3")[..], &[&chain]].concat(),
    );
    assert_eq!(made["content"], "08".repeat(32));
    let root = made["root"].as_str().unwrap();
    let check = |root: &str, of: &'static str| {
        [&["ledger", "proof", "--check", file, "--root", root].map(String::from)[..], &page(of).map(String::from)]
            .concat()
    };
    let args = |owned: &[String]| owned.iter().map(|arg| &*arg.clone().leak()).collect::<Vec<&str>>();
    let checked = subvm(&args(&check(root, "3")));
    assert!(String::from_utf8(checked.stdout).unwrap().contains(&format!("content  {}", "08".repeat(32))));

    let other = self::root(&chain, 7);
    fails(&args(&check(&other, "3")), 126, &["does not hold", "another root"]);
    fails(&args(&check(root, "4")), 126, &["does not hold"]);
    let absent = object(&[&["ledger", "proof", "--json"], &page("4")[..], &[&chain]].concat());
    assert_eq!(
        (&absent["content"], &absent["written"], &absent["height"]),
        (&"00".repeat(32).into(), &false.into(), &6.into())
    );
    let below = [&["ledger", "proof", "--height", "2"], &page("3")[..], &[&chain]].concat();
    fails(&below, 126, &["no state of height 2 any more", "a longer history"]);
    fails(&[&["ledger", "proof"], &page("3")[..], &["--check", &chain]].concat(), 126, &["--root"]);
    let noise = write(dir.path(), "noise", b"noise");
    fails(
        &[&["ledger", "proof", "--check", &noise, "--root", root], &page("3")[..]].concat(),
        126,
        &["proves nothing", "another version"],
    );
    fails(&[&["ledger", "proof"], &page("134217728")[..], &[&chain]].concat(), 126, &["134217728"]);
}

#[test]
fn a_ledger_keeps_the_rules_of_a_configuration_and_runs_are_held_to_them() {
    let dir = scratch("ledger-rules");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let chain = chain(dir.path());
    assert_eq!(object(&["ledger", "rules", "--json", &chain])["rules"], Json::Null);
    let of = |text: &str| write(dir.path(), "node.toml", text.as_bytes());
    let first = of("[[consensus.changes]]\nfrom = 11\nlimits.gas_time = 1");
    let checked = String::from_utf8(subvm(&["config", "check", &first]).stdout).unwrap();
    let kept = object(&["ledger", "rules", "--json", "--set", &first, &chain]);
    assert_eq!((&kept["sets"][0]["from"], &kept["sets"][1]["from"]), (&1.into(), &11.into()));
    assert_eq!(object(&["ledger", "info", "--json", &chain])["rules"], kept["rules"]);
    for digest in [&kept["rules"], &kept["sets"][0]["params"], &kept["sets"][1]["params"]] {
        assert!(checked.contains(digest.as_str().unwrap()), "operators compare {digest} with {checked}");
    }
    // Blocks up to 10 are there: a change at 5 comes too late, one at 12 does not.
    fails(
        &["ledger", "rules", "--set", &of("[[consensus.changes]]\nfrom = 5\nlimits.depth = 9"), &chain],
        126,
        &["has blocks up to 10", "from 7 on ran under other rules"],
    );
    fails(
        &["ledger", "rules", "--set", &of("[consensus]\nfrom = 9"), &chain],
        126,
        &["height 7 has no rules, the first are of 9"],
    );
    assert_eq!(object(&["ledger", "rules", "--json", &chain]), kept, "nothing has changed");

    // A run of height 11 has the gas of height 11, without a configuration; one of another chain's is refused, and so is the past.
    let world = run::World::new();
    let message = world.message("null");
    let module = guest("done");
    let run = |more: &[&str]| {
        let args = [&["run", "--json", "--message", &message, "--store", &chain][..], more, &[&module]].concat();
        subvm(&args)
    };
    let out: Json = serde_json::from_slice(&run(&[]).stdout).unwrap();
    assert_eq!(
        (&out["message"], &out["receipt"]["params"]),
        (&"out_of gas time".into(), &kept["sets"][1]["params"]),
        "{out}"
    );
    let other = write(dir.path(), "other.toml", b"");
    let refused = String::from_utf8(run(&["--config", &other]).stderr).unwrap();
    assert!(
        refused.contains("not the rules of height 11") && refused.contains("the chain's own configuration"),
        "{refused}"
    );
    let late = String::from_utf8(run(&["--height", "9"]).stderr).unwrap();
    assert!(late.contains("block height 9 is below 10"), "{late}");
    // Before the first rules nothing runs, and no store is made.
    let tenth = of("[consensus]\nfrom = 10");
    let args = ["run", "--message", &message, "--config", &tenth, "--store", &path("new"), &guest("done")];
    fails(&args, 126, &["height 1 has no rules, the first are of 10"]);
    assert!(!dir.path().join("new").exists());
    let args = ["run", "--json", "--message", &message, "--config", &tenth, "--height", "10", &guest("done")];
    assert_eq!(subvm(&args).status.code(), Some(0));
}

#[test]
fn a_ledger_in_postgresql_is_named_by_a_file_of_settings() {
    let dir = scratch("ledger-postgres");
    let settings = write(dir.path(), "chain.conn", b"host=127.0.0.1 port=1 user=subvm password=hidden\n");
    let (named, chain) = (format!("@{settings}"), chain(dir.path()));
    fails(&["ledger", "compact", &named], 126, &["cannot compact a ledger in PostgreSQL", "VACUUM"]);
    for args in [["backup", &named, "there"], ["restore", &chain, &named]] {
        fails(&["ledger", args[0], args[1], args[2]], 126, &["a ledger in PostgreSQL", "pg_dump"]);
    }
    let output = subvm(&["ledger", "info", &named]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("hidden"), "{text}");
    let (status, says) =
        if cfg!(feature = "postgres") { (127, "connecting failed") } else { (126, "this build lacks PostgreSQL") };
    assert!(output.status.code() == Some(status) && text.contains(says), "{text}");
}

/// All files of a directory, with their content.
fn files(dir: &str) -> std::collections::BTreeMap<std::ffi::OsString, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect()
}

/// Only what is to write does: not a byte of a ledger changes by looking at it, nor does a file come beside it.
#[test]
fn what_only_reads_writes_nothing() {
    let dir = scratch("ledger-read");
    let chain = chain(dir.path());
    // As an operator's copy has it, who took the file alone.
    fs::remove_file(Path::new(&chain).join("ledger.lock")).unwrap();
    let before = files(&chain);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let slot = "09".repeat(32);
    let (copy, state, again) = (path("copy"), path("state"), path("again"));
    let reads: [&[&str]; 8] = [
        &["ledger", "info", &chain],
        &["ledger", "verify", &chain],
        &["ledger", "backup", &chain, &copy],
        &["ledger", "export", &chain, &state],
        &["ledger", "rules", &chain],
        &["ledger", "proof", "--contract", CONTRACT, "--slot", &slot, "--page", "3", &chain],
        &["ledger", "restore", &chain, &again],
        &["ledger", "info", "--json", &chain],
    ];
    for args in reads {
        let output = subvm(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(files(&chain) == before, "{args:?} wrote");
    }
    // What writes, does.
    object(&["ledger", "rules", "--json", "--set", &write(dir.path(), "node.toml", b""), &chain]);
    assert!(files(&chain) != before);
}

#[test]
fn what_cannot_work_is_said_before_anything_changes() {
    let dir = scratch("ledger-refused");
    let chain = chain(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let before = fs::read(Path::new(&chain).join(RedbLedger::FILE)).unwrap();
    for command in ["info", "verify", "compact", "prune"] {
        fails(&["ledger", command, &path("nothing")], 126, &["there is no ledger in", "nothing"]);
    }
    assert!(!dir.path().join("nothing").exists(), "a ledger was made of nothing");
    fails(&["ledger", "backup", &chain, &chain], 126, &["cannot backup", "onto itself", "another directory"]);
    fails(&["ledger", "prune", "--below", "9", &chain], 126, &["below height 9", "final up to 6"]);
    object(&["ledger", "backup", "--json", &chain, &path("copy")]);
    fails(&["ledger", "restore", &path("copy"), &chain], 126, &["there is a ledger already", "move it away"]);
    fails(&["ledger", "backup", &chain, &path("copy")], 126, &["there is a ledger already"]);
    fails(&["ledger", "info", "--cache", "5", &chain], 126, &["less than 1 MiB"]);
    assert_eq!(fs::read(Path::new(&chain).join(RedbLedger::FILE)).unwrap().len(), before.len());

    let held = RedbLedger::open(Path::new(&chain)).unwrap();
    fails(&["ledger", "verify", &chain], 126, &["is in use", "stop the process"]);
    drop(held);
    let file = Path::new(&chain).join(RedbLedger::FILE);
    fs::write(&file, &before[..before.len() / 2]).unwrap();
    fails(&["ledger", "verify", &chain], 126, &["is damaged", "restore it from a backup"]);
}
