//! Recordings of the runs of this node, where its file asks for them: what an operator needs where two nodes differ (`docs/divergence.md`).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use eyre::Context;
use subvm_chain::{About, Ran, Runner};
use subvm_core::host::Node;
use subvm_core::{Engine, Run};
use subvm_replay::{Options, Recorded, Recorder};
use tempfile::NamedTempFile;

use crate::config::Record;
use crate::keys::hex;

/// Runs calls, and writes down what they are told and do: `HEIGHT-PURPOSE-CALL.rec`, and `.receipt` beside it.
pub(crate) struct Recordings {
    dir: PathBuf,
    config: Record,
    /// The files of each height.
    files: Mutex<BTreeMap<u64, Vec<PathBuf>>>,
}

impl Recordings {
    /// In this directory, which is made where it is not there. Recordings that a process before this one began and did not end are removed.
    pub(crate) fn open(dir: PathBuf, config: Record) -> eyre::Result<Self> {
        fs::create_dir_all(&dir).wrap_err_with(|| format!("cannot make {}", dir.display()))?;
        let mut files: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
        for entry in fs::read_dir(&dir).wrap_err_with(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            match height_of(&path) {
                Some(height) => files.entry(height).or_default().push(path),
                None if path.extension().is_some_and(|end| end == "part") => fs::remove_file(&path)?,
                // Somebody else's.
                None => {}
            }
        }
        Ok(Self { dir, config, files: Mutex::new(files) })
    }

    /// Removes what is older than the node's file says.
    pub(crate) fn forget(&self, height: u64) {
        let Some(lowest) = height.checked_sub(self.config.keep) else { return };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = files.split_off(&lowest);
        for path in std::mem::replace(&mut *files, kept).into_values().flatten() {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an old recording could not be removed");
            }
        }
    }

    fn path(&self, about: &About) -> PathBuf {
        self.dir.join(format!("{:012}-{}-{}.rec", about.height, about.purpose.name(), about.call))
    }

    fn part(&self) -> std::io::Result<NamedTempFile> {
        tempfile::Builder::new().suffix(".part").tempfile_in(&self.dir)
    }

    /// A recording that counts is put into its place: one of the same run before, on a state that an appeal took back, is overwritten.
    fn put(&self, part: NamedTempFile, path: &Path, receipt: Option<&[u8]>, height: u64) -> std::io::Result<()> {
        let mut paths = vec![path.to_owned()];
        part.persist(path)?;
        let beside = path.with_extension("receipt");
        match receipt {
            Some(bytes) => {
                let mut part = self.part()?;
                part.write_all(bytes)?;
                part.persist(&beside)?;
                paths.push(beside);
            }
            None => drop(fs::remove_file(beside)),
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let known = files.entry(height).or_default();
        paths.retain(|path| !known.contains(path));
        known.extend(paths);
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
        let made = all.part().and_then(|part| Ok((part.reopen()?, part)));
        let (sink, part) = match made {
            Ok(made) => made,
            // A node goes on without: what it records is for people, and no part of the chain.
            Err(error) => {
                metrics::counter!("node_recordings_lost_total").increment(1);
                tracing::warn!(dir = %all.dir.display(), %error, "a run cannot be recorded");
                return Ran { report: subvm_core::run(engine, node, run).1, keep: None };
            }
        };
        let options = Options { code: all.config.code, bytes: all.config.bytes, ..Options::default() };
        let (node, recorder) = Recorder::wrap(node, sink, options);
        let (node, report) = subvm_core::run(engine, node, run);
        let (_, recorded) = recorder.finish(node);
        let receipt = report.as_ref().ok().map(|report| (report.receipt.digest(), report.receipt.to_bytes()));
        let about = *about;
        let keep = move || {
            let path = all.path(&about);
            tell(&about, receipt.as_ref().map(|(digest, _)| digest), &recorded, &path);
            if let Err(error) = all.put(part, &path, receipt.as_ref().map(|(_, bytes)| &bytes[..]), about.height) {
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
