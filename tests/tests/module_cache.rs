//! Compiled modules on disk: found by the next process, never trusted, never in the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use subvm_core::{Outcome, Parts, Report, Trap, VmError, run};
use subvm_host_std::cache::{CacheError, ModuleCache};
use subvm_host_std::{Codegen, ModuleEvent, WasmtimeEngine};
use subvm_tests::fuzz::cache;
use subvm_tests::transaction::{deployed, transaction};

/// Has a name, a start function, two memories and a float; traps, so that its receipt shows the machine.
const CONTRACT: &str = r#"(module $contract
    (memory 1) (memory 2)
    (start $begin)
    (func $begin (f64.store (i32.const 8) (f64.sqrt (f64.load (i32.const 16)))))
    (func (export "_start") (i32.store 1 (i32.const 4) (i32.const 7)) unreachable))"#;

/// What an engine told: `compiled`, `refused`, `loaded` or `lost`.
type Told = Arc<Mutex<Vec<&'static str>>>;

fn engine(cache: Option<ModuleCache>, codegen: Codegen) -> (Arc<WasmtimeEngine>, Told) {
    let told = Told::default();
    let teller = Arc::clone(&told);
    let on_module = move |event: &ModuleEvent<'_>| {
        teller.lock().unwrap().push(match event {
            ModuleEvent::Loaded { .. } => "loaded",
            ModuleEvent::Compiled { accepted: true, .. } => "compiled",
            ModuleEvent::Compiled { accepted: false, .. } => "refused",
            ModuleEvent::NotKept { .. } => "lost",
            _ => return,
        });
    };
    let builder = WasmtimeEngine::builder().codegen(codegen).cache(cache).on_module(on_module);
    (Arc::new(builder.build().unwrap()), told)
}

fn run_wat(engine: &Arc<WasmtimeEngine>, start: &str) -> Report {
    let host = deployed(Parts { start: wat::parse_str(start).unwrap().into(), ..Parts::default() });
    run(Arc::clone(engine) as _, host.node(), transaction()).1.unwrap()
}

fn open(dir: &Path) -> ModuleCache {
    ModuleCache::open(dir, ModuleCache::BYTES).unwrap()
}

/// Runs the contract on a new engine that caches in `dir`, and says what it told.
fn run_in(dir: &Path) -> (Report, Vec<&'static str>) {
    let (engine, told) = engine(Some(open(dir)), Codegen::Speed);
    let report = run_wat(&engine, CONTRACT);
    let told = told.lock().unwrap().clone();
    (report, told)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn expected() -> Report {
    run_wat(&engine(None, Codegen::Speed).0, CONTRACT)
}

#[test]
fn a_module_from_disk_gives_the_same_receipt() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("made/when missing");
    let expected = expected();
    assert_eq!(expected.outcome, Outcome::VmError(VmError::Trap(Trap::Unreachable)));
    assert!(expected.fingerprint.as_ref().unwrap().module_instances["contract"].len() == 2);
    for told in [["compiled"], ["loaded"], ["loaded"]] {
        let (report, seen) = run_in(&dir);
        assert_eq!((report.receipt, report.fingerprint), (expected.receipt.clone(), expected.fingerprint.clone()));
        assert_eq!(seen, told);
    }
    assert_eq!(files(&dir).len(), 1);
}

const DIR_FOR_CHILD: &str = "SUBVM_TEST_MODULE_CACHE";

/// Started again by the next test, with a directory; says on standard output what its engine told.
#[test]
fn in_a_process_of_its_own() {
    let Some(dir) = std::env::var_os(DIR_FOR_CHILD) else { return };
    let (report, told) = run_in(Path::new(&dir));
    println!("told {told:?} digest {:?}", report.receipt.digest());
}

fn child(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "in_a_process_of_its_own", "--nocapture"]).env(DIR_FOR_CHILD, dir);
    command
}

#[test]
fn the_next_process_does_not_compile() {
    let dir = tempfile::tempdir().unwrap();
    let digest = expected().receipt.digest();
    for told in ["compiled", "loaded"] {
        let output = child(dir.path()).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(&format!("told [{told:?}] digest {digest:?}")), "{output}");
    }
}

#[test]
fn processes_that_start_together_get_along() {
    let dir = tempfile::tempdir().unwrap();
    let digest = format!("digest {:?}", expected().receipt.digest());
    let children: Vec<_> =
        (0..6).map(|_| child(dir.path()).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(&digest) && !output.contains("lost"), "{output}");
    }
    assert_eq!(files(dir.path()).len(), 1, "nothing half-written stays");
    assert_eq!(run_in(dir.path()).1, ["loaded"]);
}

#[test]
fn damaged_files_are_compiled_anew() {
    let dir = tempfile::tempdir().unwrap();
    run_in(dir.path());
    let file = files(dir.path()).remove(0);
    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut damaged: Vec<Vec<u8>> = [0, 7, 8, 40, 72, 80, 81, 100, good.len() / 2, good.len() - 1].map(flipped).into();
    damaged.extend([0, 1, 39, 71, 72, good.len() / 2, good.len() - 1].map(|len| good[..len].to_vec()));
    damaged.push([&good[..], b"\0"].concat());
    damaged.push(vec![0; good.len()]);
    for bytes in damaged {
        fs::write(&file, bytes).unwrap();
        assert_eq!(run_in(dir.path()).1, ["compiled"]);
        assert_eq!(fs::read(&file).unwrap().len(), good.len());
        assert_eq!(run_in(dir.path()).1, ["loaded"], "what was written in its place is whole");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_in_nobodys_way() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let dir = tempfile::tempdir().unwrap();
    run_in(dir.path());
    let file = files(dir.path()).remove(0);
    let good = fs::read(&file).unwrap();

    fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    assert_eq!(run_in(dir.path()).1, ["compiled"], "a link to itself");
    assert_eq!(run_in(dir.path()).1, ["loaded"]);

    fs::remove_file(&file).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, &good).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(run_in(dir.path()).1, ["compiled"], "a link to a good file");

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(run_in(dir.path()).1, ["compiled", "lost"], "a directory");
    assert_eq!(run_in(dir.path()).1, ["compiled", "lost"]);

    fs::remove_dir(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(run_in(dir.path()).1, ["compiled"], "a pipe");

    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // The administrator may read everything.
    let told = run_in(dir.path()).1;
    assert!(told == ["compiled"] || told == ["loaded"], "{told:?}");

    fs::remove_dir_all(dir.path()).unwrap();
    let (engine, told) = engine(Some(open(dir.path())), Codegen::Speed);
    fs::remove_dir_all(dir.path()).unwrap();
    assert_eq!(run_wat(&engine, CONTRACT).receipt, expected().receipt);
    assert_eq!(*told.lock().unwrap(), ["compiled", "lost"], "a directory that went away");
}

#[test]
fn another_way_of_making_code_has_files_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let expected = expected().receipt;
    for told in ["compiled", "loaded"] {
        for codegen in Codegen::ALL {
            let (engine, seen) = engine(Some(open(dir.path())), codegen);
            assert_eq!(run_wat(&engine, CONTRACT).receipt, expected);
            assert_eq!(*seen.lock().unwrap(), [told], "{codegen:?}");
        }
    }
    let names = files(dir.path());
    assert_eq!(names.len(), Codegen::ALL.len());
    // A good file under another's name.
    fs::copy(&names[0], &names[1]).unwrap();
    let told: Vec<_> = Codegen::ALL
        .iter()
        .flat_map(|codegen| {
            let (engine, told) = engine(Some(open(dir.path())), *codegen);
            run_wat(&engine, CONTRACT);
            told.lock().unwrap().clone()
        })
        .collect();
    assert_eq!(told.iter().filter(|told| **told == "compiled").count(), 1);
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let module = |number: usize| format!("(module (func (export \"_start\") (drop (i32.const {number}))))");
    let (first, _) = engine(Some(open(dir.path())), Codegen::Speed);
    run_wat(&first, &module(0));
    let size = fs::metadata(&files(dir.path())[0]).unwrap().len();

    let room_for_three = || ModuleCache::open(dir.path(), size * 7 / 2).unwrap();
    let (small, _) = engine(Some(room_for_three()), Codegen::Speed);
    for number in 1..5 {
        // Clocks of file systems are coarse: whatever is there is older than what comes.
        let earlier = SystemTime::now() - Duration::from_secs(100 * (10 - number as u64));
        for path in files(dir.path()) {
            let file = fs::File::options().write(true).open(path).unwrap();
            if file.metadata().unwrap().modified().unwrap() > earlier {
                file.set_modified(earlier).unwrap();
            }
        }
        run_wat(&small, &module(number));
        let total: u64 = files(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(total <= size * 7 / 2, "{total} bytes");
    }
    let (again, told) = engine(Some(room_for_three()), Codegen::Speed);
    (0..5).rev().for_each(|number| drop(run_wat(&again, &module(number))));
    assert_eq!(*told.lock().unwrap(), ["loaded", "loaded", "loaded", "compiled", "compiled"]);

    let (none, told) = engine(Some(ModuleCache::open(dir.path(), 10).unwrap()), Codegen::Speed);
    run_wat(&none, &module(4));
    assert_eq!(*told.lock().unwrap(), ["compiled"], "larger than the whole cache");
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("cache");
    open(&dir);
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (mode, trusted) in [(0o755, true), (0o770, false), (0o702, false), (0o1777, false), (0o700, true)] {
        set(&dir, mode);
        let opened = ModuleCache::open(&dir, 1 << 20);
        assert_eq!(opened.is_ok(), trusted, "{mode:o}");
        if let Err(error) = opened {
            assert!(
                matches!(&error, CacheError::Untrusted { path, mode: found, .. } if path.ends_with("cache") && *found == mode)
            );
            assert!(error.to_string().contains("take them from group and others"), "{error}");
        }
    }
    // Whoever may rename the directory may put another in its place, save where a sticky bit keeps them from it.
    for (mode, trusted) in [(0o777, false), (0o1777, true), (0o700, true)] {
        set(home.path(), mode);
        assert_eq!(ModuleCache::open(&dir, 1 << 20).is_ok(), trusted, "{mode:o}");
    }
    // Only who may give directories away can try this.
    if std::os::unix::fs::chown(&dir, Some(12345), None).is_ok() {
        let error = ModuleCache::open(&dir, 1 << 20).unwrap_err();
        assert!(matches!(error, CacheError::Untrusted { owner: 12345, .. }), "{error}");
    }
}

#[test]
fn what_is_no_directory_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [&file, &file.join("below")] {
        let error = ModuleCache::open(path, 1 << 20).unwrap_err();
        assert!(matches!(error, CacheError::Unusable { .. }), "{error}");
    }
}

#[test]
fn a_refusal_is_found_once() {
    let (engine, told) = engine(None, Codegen::Speed);
    let not_linked = r#"(module (import "nowhere" "f" (func)) (func (export "_start")))"#;
    let not_valid = r#"(module (func (export "_start") i32.add drop))"#;
    let reports: Vec<Report> = (0..3).flat_map(|_| [not_linked, not_valid]).map(|wat| run_wat(&engine, wat)).collect();
    for pair in reports.chunks(2) {
        assert_eq!(pair[0].outcome, reports[0].outcome);
        assert_eq!((&pair[0].diagnostics, &pair[1].diagnostics), (&reports[0].diagnostics, &reports[1].diagnostics));
        assert!(matches!(pair[1].outcome, Outcome::VmError(VmError::InvalidContract(_))));
    }
    assert_eq!(*told.lock().unwrap(), ["compiled", "refused"]);
}

#[test]
fn a_listener_that_panics_changes_nothing() {
    let builder = WasmtimeEngine::builder().on_module(|_| panic!("the listener"));
    let engine = Arc::new(builder.build().unwrap());
    assert_eq!(run_wat(&engine, CONTRACT).receipt, expected().receipt);
}

#[test]
fn many_threads_compile_once() {
    let (engine, told) = engine(None, Codegen::Speed);
    let expected = expected().receipt;
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(run_wat(&engine, CONTRACT).receipt, expected));
        }
    });
    assert_eq!(*told.lock().unwrap(), ["compiled"]);
}

/// The corpus of the fuzz target, replayed, and every byte of a file changed.
#[test]
fn damage_is_noticed() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/cache");
    let files = files(&corpus);
    assert!(!files.is_empty());
    for file in files {
        cache::damaged(&fs::read(file)?);
    }
    for at in 0..cache::FILE.len() {
        for value in [0, 1, 0x7f, 0xff] {
            cache::damaged(&[&u16::try_from(at).unwrap().to_le_bytes()[..], &[value]].concat());
        }
    }
    cache::damaged(&cache::FILE);
    Ok(())
}
