//! Recordings of the runs of this node, where its file asks for them: what an operator needs where two nodes differ (`docs/divergence.md`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eyre::Context;
use subvm_chain::{About, Ran, Runner};
use subvm_core::host::Node;
use subvm_core::{Engine, Run};
use subvm_replay::{Options, Recorded, Recorder};
use tempfile::{NamedTempFile, TempPath};

use crate::config::Record;
use crate::keys::hex;

/// Runs calls, and writes down what they are told and do: `HEIGHT-PURPOSE-CALL.rec`, and `.receipt` beside it.
pub(crate) struct Recordings {
    dir: PathBuf,
    config: Record,
    kept: Mutex<Kept>,
}

/// What is kept: the bytes of each file, by height, and of all.
#[derive(Default)]
struct Kept {
    files: BTreeMap<u64, BTreeMap<PathBuf, u64>>,
    bytes: u64,
}

impl Kept {
    fn add(&mut self, height: u64, path: PathBuf, bytes: u64) {
        let before = self.files.entry(height).or_default().insert(path, bytes);
        self.bytes = (self.bytes + bytes).saturating_sub(before.unwrap_or(0));
    }

    /// Removes a file, where it is there.
    fn remove(&mut self, height: u64, path: &Path) {
        let bytes = self.files.get_mut(&height).and_then(|files| files.remove(path));
        self.bytes = self.bytes.saturating_sub(bytes.unwrap_or(0));
        let _ = fs::remove_file(path);
    }

    /// The lowest height.
    fn lowest(&self) -> Option<u64> {
        self.files.first_key_value().map(|(height, _)| *height)
    }

    /// Removes the files of the lowest height.
    fn pop(&mut self) {
        for (path, bytes) in self.files.pop_first().into_iter().flat_map(|(_, files)| files) {
            self.bytes = self.bytes.saturating_sub(bytes);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an old recording could not be removed");
            }
        }
    }
}

impl Recordings {
    /// In this directory, which is made where it is not there. Recordings that a process before this one began and did not end are removed.
    pub(crate) fn open(dir: PathBuf, config: Record) -> eyre::Result<Self> {
        fs::create_dir_all(&dir).wrap_err_with(|| format!("cannot make {}", dir.display()))?;
        let mut kept = Kept::default();
        for entry in fs::read_dir(&dir).wrap_err_with(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            let path = entry.path();
            match height_of(&path) {
                Some(height) => kept.add(height, path, entry.metadata()?.len()),
                None if path.extension().is_some_and(|end| end == "part") => fs::remove_file(&path)?,
                // Somebody else's.
                None => {}
            }
        }
        Ok(Self { dir, config, kept: Mutex::new(kept) })
    }

    /// Removes what is older, and what is more, than the node's file says.
    pub(crate) fn forget(&self, height: u64) {
        let lowest = height.saturating_sub(self.config.keep);
        let mut kept = self.kept();
        while kept.lowest().is_some_and(|first| first < lowest || kept.bytes > self.config.total) {
            kept.pop();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, about: &About) -> PathBuf {
        self.dir.join(format!("{:012}-{}-{}.rec", about.height, about.purpose.name(), about.call))
    }

    fn part(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().suffix(".part").tempfile_in(&self.dir)
    }

    /// A recording that counts is put into its place: one of the same run before, on a state that an appeal took back, is overwritten. What is
    /// older makes room for it; where all that is kept is of this height or a later one, it is lost.
    fn put(&self, part: TempPath, path: PathBuf, receipt: Option<&[u8]>, height: u64) -> io::Result<()> {
        let bytes = fs::metadata(&part)?.len();
        let beside = receipt.map_or(0, |receipt| receipt.len() as u64);
        let mut kept = self.kept();
        let is_full = |kept: &Kept| kept.bytes.saturating_add(bytes).saturating_add(beside) > self.config.total;
        while is_full(&kept) && kept.lowest().is_some_and(|lowest| lowest < height) {
            kept.pop();
        }
        if is_full(&kept) {
            return Err(io::Error::other("there is no room in `record.total` for more of this height"));
        }
        part.persist(&path)?;
        let receipts = path.with_extension("receipt");
        kept.add(height, path, bytes);
        match receipt {
            Some(receipt) => {
                let mut part = self.part()?;
                part.write_all(receipt)?;
                part.persist(&receipts)?;
                kept.add(height, receipts, beside);
            }
            None => kept.remove(height, &receipts),
        }
        Ok(())
    }
}

/// The height in a recording's name.
fn height_of(path: &Path) -> Option<u64> {
    let ours = path.extension().is_some_and(|end| end == "rec" || end == "receipt");
    path.file_name()?.to_str()?.split_once('-').filter(|_| ours)?.0.parse().ok()
}

fn tell(about: &About, receipt: Option<&[u8; 32]>, recorded: &Recorded, path: &Path) {
    tracing::info!(
        target: "subvm_node::runs",
        height = about.height,
        purpose = about.purpose.name(),
        tx = %about.tx,
        call = %about.call,
        receipt = receipt.map_or_else(|| "none".into(), |digest| hex(digest)),
        trace = hex(&recorded.trace),
        file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
        "a run"
    );
    if let Some(why) = &recorded.incomplete {
        tracing::warn!(call = %about.call, %why, "a recording does not hold all of its run");
    }
}

/// Records what it runs.
pub(crate) struct Recording(pub(crate) Arc<Recordings>);

impl Runner for Recording {
    fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, about: &About) -> Ran {
        let all = Arc::clone(&self.0);
        // The file is closed with the recorder: of the name alone thousands may wait for their turn.
        let (sink, part) = match all.part() {
            Ok(part) => part.into_parts(),
            // A node goes on without: what it records is for people, and no part of the chain.
            Err(error) => {
                metrics::counter!("node_recordings_lost_total").increment(1);
                tracing::warn!(dir = %all.dir.display(), %error, "a run cannot be recorded");
                return Ran { report: subvm_core::run(engine, node, run).1, keep: None };
            }
        };
        let bytes = all.config.bytes.min(all.config.total);
        let options = Options { code: all.config.code, bytes, ..Options::default() };
        let (node, recorder) = Recorder::wrap(node, sink, options);
        let (node, report) = subvm_core::run(engine, node, run);
        let (_, recorded) = recorder.finish(node);
        let receipt = report.as_ref().ok().map(|report| (report.receipt.digest(), report.receipt.to_bytes()));
        let about = *about;
        let keep = move || {
            let path = all.path(&about);
            tell(&about, receipt.as_ref().map(|(digest, _)| digest), &recorded, &path);
            if let Err(error) = all.put(part, path.clone(), receipt.as_ref().map(|(_, bytes)| &bytes[..]), about.height)
            {
                metrics::counter!("node_recordings_lost_total").increment(1);
                tracing::warn!(path = %path.display(), %error, "a recording could not be kept");
            }
        };
        Ran { report, keep: Some(Box::new(keep)) }
    }
}

#[cfg(test)]
mod tests {
    use subvm_chain::{Action, sample};
    use subvm_core::Address;
    use subvm_replay::{Replay, Verdict};

    use super::*;
    use crate::shared::tests::{CONTRACT, chain};

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).expect("reads").map(|entry| entry.expect("reads").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
        names.sort();
        names
    }

    /// What is kept can be replayed alone, is forgotten in time, and changes nothing of what a chain comes to.
    #[test]
    fn runs_are_recorded_and_forgotten_in_time() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("x.part"), b"of a process that was killed").expect("writes");
        fs::write(dir.path().join("readme"), b"somebody's").expect("writes");
        let config = Record { runs: true, code: true, keep: 2, ..Record::default() };
        let open = || Arc::new(Recordings::open(dir.path().to_owned(), config).expect("opens"));
        let recordings = open();
        let (mut with, mut without) = (chain(), chain());
        with.run_by(Arc::new(Recording(Arc::clone(&recordings))));
        let call = |nonce| sample::tx(0, nonce, false, Action::Call { to: CONTRACT, value: 0, data: vec![] });
        let block = with.propose(sample::validator(0), None, [call(0)], vec![]);
        let applied = with.apply(&block).expect("follows");
        without.apply(&block).expect("follows");
        assert_eq!(with.root(), without.root());
        let name = format!("{:012}-block-{}", 1, call(0).tx.id());
        assert_eq!(names(dir.path()), [format!("{name}.rec"), format!("{name}.receipt"), "readme".into()]);
        let receipt = applied.outcomes[0].1.receipt.as_ref().expect("it ran");
        let path = dir.path().join(&name);
        assert_eq!(fs::read(path.with_extension("receipt")).expect("reads"), receipt.to_bytes());
        let replay = Replay::open(fs::File::open(path.with_extension("rec")).expect("opens")).expect("is one");
        let engine = crate::files::engine(&subvm_config::Config::default()).expect("an engine");
        let replayed = replay.on(engine).expect("has its package");
        assert!(matches!(replayed.verdict, Verdict::Same), "{:?}", replayed.verdict);
        // A node that starts again knows what is there.
        drop(recordings);
        let recordings = open();
        recordings.forget(3);
        assert_eq!(names(dir.path()).len(), 3);
        recordings.forget(4);
        assert_eq!(names(dir.path()), ["readme"]);
    }

    /// Records, and counts how many files of the directory are open after each run.
    #[cfg(target_os = "linux")]
    struct Counting(Recording, std::sync::atomic::AtomicUsize);

    #[cfg(target_os = "linux")]
    impl Runner for Counting {
        fn run(&self, engine: Arc<dyn Engine>, node: Node, run: Run, about: &About) -> Ran {
            let ran = self.0.run(engine, node, run, about);
            let links = fs::read_dir("/proc/self/fd").expect("is there").flatten();
            let open = links.filter(|link| fs::read_link(link.path()).is_ok_and(|to| to.starts_with(&self.0.0.dir)));
            self.1.fetch_max(open.count(), std::sync::atomic::Ordering::Relaxed);
            ran
        }
    }

    /// A block has thousands of calls, and a process a thousand files: calls that wait for their turn hold none open.
    #[cfg(target_os = "linux")]
    #[test]
    fn recordings_that_wait_for_their_turn_hold_no_file_open() {
        let dir = tempfile::tempdir().expect("a directory");
        let recordings = Recordings::open(dir.path().to_owned(), Record::default()).expect("opens");
        let counting = Arc::new(Counting(Recording(Arc::new(recordings)), Default::default()));
        let mut chain = chain();
        chain.run_on(2);
        chain.run_by(counting.clone());
        let call = |nonce| sample::tx(0, nonce, false, Action::Call { to: CONTRACT, value: 0, data: vec![] });
        let block = chain.propose(sample::validator(0), None, (0..20).map(call), vec![]);
        assert_eq!(chain.apply(&block).expect("follows").outcomes.len(), 20);
        assert_eq!(names(dir.path()).len(), 40);
        let most = counting.1.load(std::sync::atomic::Ordering::Relaxed);
        assert!(most <= 4, "{most}: those of two runs at most, each twice");
    }

    /// However many calls strangers send: the oldest go first, and those of one height are not more than all may be.
    #[test]
    fn all_recordings_together_have_a_limit() {
        let dir = tempfile::tempdir().expect("a directory");
        let bytes = || -> u64 {
            let files = fs::read_dir(dir.path()).expect("reads").flatten();
            files.map(|file| file.metadata().expect("is there").len()).sum()
        };
        let open = |total| {
            let config = Record { code: false, total, ..Record::default() };
            Arc::new(Recordings::open(dir.path().to_owned(), config).expect("opens"))
        };
        let mut chain = chain();
        let mut nonce = 0;
        let mut block = |recordings: &Arc<Recordings>, calls: u64| {
            chain.run_by(Arc::new(Recording(Arc::clone(recordings))));
            let call = |nonce| sample::tx(0, nonce, false, Action::Call { to: CONTRACT, value: 0, data: vec![] });
            let block = chain.propose(sample::validator(0), None, (nonce..nonce + calls).map(call), vec![]);
            nonce += calls;
            chain.apply(&block).expect("follows");
        };
        block(&open(u64::MAX), 1);
        let one = bytes();
        let recordings = open(3 * one + one / 2);
        for calls in [1, 1, 1, 2] {
            block(&recordings, calls);
            assert!(bytes() <= 3 * one + one / 2, "{} of {one} each", bytes());
        }
        let heights =
            |dir| names(dir).iter().map(|name| height_of(Path::new(name)).expect("a height")).collect::<Vec<_>>();
        assert_eq!(heights(dir.path()), [4, 4, 5, 5, 5, 5], "the oldest are gone, two files each");
        block(&recordings, 9);
        assert_eq!(heights(dir.path()), [6; 6], "of one height, the first");
        // A node that starts with less room than before makes room.
        drop(recordings);
        open(one).forget(6);
        assert!(bytes() <= one && heights(dir.path()).len() <= 2, "{}", bytes());
    }

    #[test]
    fn where_nothing_can_be_written_the_chain_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let gone = dir.path().join("gone");
        let recordings = Recordings::open(gone.clone(), Record::default()).expect("opens");
        fs::remove_dir(gone).expect("removes");
        let mut chain = chain();
        chain.run_by(Arc::new(Recording(Arc::new(recordings))));
        let call = sample::tx(0, 0, false, Action::Call { to: CONTRACT, value: 0, data: vec![] });
        let to = sample::tx(1, 0, false, Action::Transfer { to: Address([9; 20]), value: 1 });
        let block = chain.propose(sample::validator(0), None, [call, to], vec![]);
        assert_eq!(chain.apply(&block).expect("follows").outcomes.len(), 2);
    }
}
