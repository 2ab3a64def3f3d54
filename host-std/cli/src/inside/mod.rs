//! `subvm replay --at` and `--step`: the machine at a point of a recorded run.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};
use subvm_core::Engine;

use super::bisect::{SubVm, opens, path};
use super::names::Names;
use super::replay::unusable;
use super::{Failure, engine, terminal};
use engine::CodegenName;
use subvm_host_std::config;
use subvm_host_std::look::{Looked, Watch, look};
use subvm_host_std::replay::{Moment, Point, ReadError, Record, Replay, ReplayError, Timeline, Verdict};

mod prompt;
mod shown;

pub(super) use shown::dotted;

/// Where to stop, and what to show there.
#[derive(Debug, Default, Args)]
pub(super) struct Inside {
    /// Stop at this tick, at host call `call:N` (from 1), or at the end, `trap`, and show the machine
    #[arg(long, value_name = "TICK|call:N|trap")]
    at: Option<At>,
    /// The sub-VM that ticks are counted in, as `0.2` [default: 0, the main one]
    #[arg(long, value_name = "PATH", value_parser = path)]
    sub_vm: Option<SubVm>,
    /// Show memory from this address on (repeatable; of the start module, or NAME:ADDRESS,LEN of a library's)
    #[arg(long, value_name = "ADDRESS,LEN", requires = "at")]
    memory: Vec<Range>,
    /// Go through the run at a prompt: forward and backward; commands come from standard input, `help` lists them
    #[arg(long, conflicts_with = "json")]
    step: bool,
}

/// A moment, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Tick(u64),
    Call(u64),
    End,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.replace('_', "").parse::<u64>().ok();
        let at = match text.strip_prefix("call:") {
            _ if matches!(text, "trap" | "end") => Some(Self::End),
            Some(call) => number(call).filter(|call| *call > 0).map(Self::Call),
            None => number(text).map(Self::Tick),
        };
        at.ok_or_else(|| {
            format!("{text:?} is no moment: name a tick, call:N for the Nth host call, or trap for the end")
        })
    }
}

/// Bytes of a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    /// Of the start module where it is empty.
    module: String,
    address: u64,
    len: usize,
}

/// Bytes that are shown at once.
const MOST: usize = 65_536;

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.trim().parse().ok(),
        };
        let (module, range) = text.rsplit_once(':').unwrap_or(("", text));
        let parsed = range.split_once(',').and_then(|(address, len)| Some((number(address)?, number(len)?)));
        let (address, len) = parsed.ok_or_else(|| format!("{text:?} is no range: write ADDRESS,LEN, as 0x400,64"))?;
        let len = usize::try_from(len).ok().filter(|len| *len <= MOST);
        let len = len.ok_or_else(|| format!("{text:?}: {MOST} bytes at most are shown at once"))?;
        Ok(Self { module: module.to_owned(), address, len })
    }
}

/// A recorded run that is looked into, again and again.
struct Session<'a> {
    path: &'a PathBuf,
    open: Box<dyn Fn() -> Result<Replay, ReplayError> + 'a>,
    which: (Option<config::Engine>, Option<CodegenName>),
    watched: (Arc<dyn Engine>, Arc<Watch>),
    /// The engine that keeps the locals of the function that was asked for last.
    keeping: Option<(u32, Arc<dyn Engine>, Arc<Watch>)>,
    names: Names,
}

impl Inside {
    /// Whether somebody wants to look.
    pub(super) fn is_wanted(&self) -> bool {
        self.at.is_some() || self.step
    }

    /// Shows what is to be seen, or asks what.
    pub(super) fn execute(
        &self,
        recording: &PathBuf,
        code: &[PathBuf],
        which: (Option<config::Engine>, Option<CodegenName>),
        json: bool,
    ) -> Result<u8, Failure> {
        let mut session = Session::open(recording, code, which)?;
        let main = self.sub_vm.clone().unwrap_or(SubVm(vec![0])).0;
        let point = session.point(self.at.unwrap_or(At::Tick(0)), &main)?;
        if self.step {
            return prompt::run(&mut session, point, main);
        }
        let looked = session.at(&point)?;
        if json {
            terminal::json(&shown::json(&mut session, &looked, &point, &self.memory)?)?;
        } else {
            let lines = shown::machine(&mut session, &looked, &point, &self.memory)?;
            terminal::lines(&lines)?;
        }
        Ok(0)
    }
}

/// Who made a host call of a recording: the functions that were active as it began, of the sub-VMs that executed, innermost first; for people
/// and for machines.
pub(super) fn callers(
    recording: &PathBuf,
    code: &[PathBuf],
    which: (Option<config::Engine>, Option<CodegenName>),
    call: u64,
) -> Result<(Vec<String>, Json), Failure> {
    let mut session = Session::open(recording, code, which)?;
    let point = session.point(At::Call(call), &[0])?;
    let looked = session.at(&point)?;
    // Within the call a replay that was stopped there may differ: it has no gas for it.
    match &looked.replayed.verdict {
        Verdict::Differs(finding) if finding.call >= call => {}
        verdict @ (Verdict::Differs(_) | Verdict::NoPackage(_)) => return Err(session.unusable(verdict)),
        _ => {}
    }
    let (mut lines, mut sub_vms) = (Vec::new(), Vec::new());
    for seen in looked.stack() {
        lines.push(format!("sub-VM:   {}", shown::dotted(&seen.path)));
        lines.extend(shown::stack(&mut session.names, seen));
        sub_vms.push(json!({ "path": seen.path, "frames": shown::frames(&mut session.names, seen) }));
    }
    Ok((lines, Json::Array(sub_vms)))
}

impl<'a> Session<'a> {
    fn open(
        path: &'a PathBuf,
        code: &'a [PathBuf],
        which: (Option<config::Engine>, Option<CodegenName>),
    ) -> Result<Self, Failure> {
        let open = Box::new(opens(path, code)?);
        let watch = Arc::new(Watch::new());
        let engine = engine::looked(which.0, which.1, watch.clone(), false)?;
        Ok(Self { path, open, which, watched: (engine, watch), keeping: None, names: Names::default() })
    }

    fn unusable(&self, error: impl std::fmt::Display) -> Failure {
        unusable(self.path, error)
    }

    /// The moment as ticks of a sub-VM.
    fn point(&self, at: At, path: &[u64]) -> Result<Point, Failure> {
        has(self.path, path)?;
        match at {
            At::Tick(ticks) => Ok(Point { path: path.to_vec(), ticks }),
            At::End => Ok(Point { path: path.to_vec(), ticks: i64::MAX as u64 }),
            At::Call(call) => {
                let found = self.moment(|moment| moment.calls == call && matches!(moment.record, Record::Enters(_)))?;
                let point = found.and_then(|moment| moment.point);
                point.ok_or_else(|| self.unusable(format_args!("it has no host call {call}")))
            }
        }
    }

    /// The first moment of the recording that is meant.
    fn moment(&self, is_meant: impl Fn(&Moment) -> bool) -> Result<Option<Moment>, Failure> {
        let file = File::open(self.path).map_err(|error| self.unusable(ReadError::Source(error)))?;
        let mut timeline = Timeline::new(file).map_err(|error| self.unusable(error))?;
        let found = timeline.find(|moment| moment.as_ref().map_or(true, &is_meant));
        found.transpose().map_err(|error| self.unusable(error))
    }

    fn replay(&self) -> Result<Replay, Failure> {
        (self.open)().map_err(|error| self.unusable(error))
    }

    /// What is to be seen at a point.
    fn at(&self, point: &Point) -> Result<Looked, Failure> {
        let (engine, watch) = &self.watched;
        look(self.replay()?, Arc::clone(engine), watch, point).map_err(|error| self.unusable(error))
    }

    /// The same, with the locals of this function, where it was the innermost.
    fn locals(&mut self, point: &Point, function: u32) -> Result<Looked, Failure> {
        if self.keeping.as_ref().is_none_or(|(kept, _, _)| *kept != function) {
            let watch = Arc::new(Watch::locals(function));
            let engine = engine::looked(self.which.0, self.which.1, watch.clone(), false)?;
            self.keeping = Some((function, engine, watch));
        }
        let Some((_, engine, watch)) = &self.keeping else { return self.at(point) };
        look(self.replay()?, Arc::clone(engine), watch, point).map_err(|error| self.unusable(error))
    }
}

/// Whether a recording has a sub-VM.
pub(super) fn has(recording: &Path, path: &[u64]) -> Result<(), Failure> {
    // Every run has the main one.
    if *path == [0] {
        return Ok(());
    }
    let file = File::open(recording).map_err(|error| unusable(recording, error))?;
    for moment in Timeline::new(file).map_err(|error| unusable(recording, error))? {
        let moment = moment.map_err(|error| unusable(recording, error))?;
        if moment.point.is_some_and(|point| point.path == path) {
            return Ok(());
        }
    }
    Err(unusable(recording, format_args!("it has no sub-VM {}", shown::dotted(path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_ranges_are_read_as_people_write_them() {
        assert_eq!("1_000".parse(), Ok(At::Tick(1000)));
        assert_eq!("call:7".parse(), Ok(At::Call(7)));
        assert_eq!("trap".parse(), Ok(At::End));
        assert!("call:0".parse::<At>().is_err() && "-1".parse::<At>().is_err());
        assert_eq!("0x400,16".parse(), Ok(Range { module: String::new(), address: 1024, len: 16 }));
        assert_eq!("lib:8,0x10".parse(), Ok(Range { module: "lib".into(), address: 8, len: 16 }));
        assert!("8".parse::<Range>().is_err() && "0,65537".parse::<Range>().is_err());
    }
}
