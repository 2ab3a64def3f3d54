//! `subvm report`: a recorded run as one page to look at.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use subvm_core::Receipt;

use super::bisect::opens;
use super::diff;
use super::replay::{file, unusable};
use super::{Failure, input, terminal};
use html::{Page, escape};
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::profile::Watcher;
use subvm_host_std::replay::{Timeline, compare};

mod flame;
mod html;
mod outcome;
mod timeline;

/// Writes what a recorded run did as one HTML page, which loads nothing from anywhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm report call.rec -o report.html
  subvm report ours.rec theirs.rec -o difference.html")]
pub(super) struct Report {
    /// What `--record` wrote
    recording: PathBuf,
    /// Another recording, to compare with
    other: Option<PathBuf>,
    /// Where the page goes; what is there is replaced
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// The leader's receipt: the page has the vote on it
    #[arg(long, value_name = "FILE")]
    leader: Option<PathBuf>,
    /// Another recording, for packages that this one names and does not hold
    #[arg(long, value_name = "RECORDING")]
    code: Vec<PathBuf>,
}

impl Report {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let named = [Some(&self.recording), self.other.as_ref(), self.leader.as_ref()];
        let same =
            |input: &PathBuf| input.canonicalize().ok().is_some_and(|it| self.output.canonicalize().ok() == Some(it));
        if named.into_iter().flatten().chain(&self.code).any(same) {
            return Err(Failure::usage(self.output.display(), "it is read for the page; name another file"));
        }
        let page = self.page()?;
        std::fs::write(&self.output, page)
            .map_err(|error| Failure::usage(format_args!("cannot write {}", self.output.display()), error))?;
        terminal::lines(&[format!("report:   {}", self.output.display())])?;
        Ok(0)
    }

    fn page(&self) -> Result<String, Failure> {
        let watcher = Watcher::calls();
        let engine = WasmtimeEngine::builder().watcher(watcher.clone()).build();
        let engine = engine.map_err(|error| Failure::Internal(format!("{error:#}")))?;
        let replay = opens(&self.recording, &self.code)?().map_err(|error| unusable(&self.recording, error))?;
        let run = replay.transaction().clone();
        let replayed = replay.on(std::sync::Arc::new(engine)).map_err(|error| unusable(&self.recording, error))?;
        let leader = self.leader.as_deref().map(leader).transpose()?;

        let mut page = Page::new(&format!("Run of {}", run.message.contract_address), &replayed.trace);
        outcome::write(&mut page, &run, &replayed, leader.as_ref());
        if let Some(other) = &self.other {
            self.comparison(&mut page, other)?;
        }
        timeline::write(&mut page, open(&self.recording)?).map_err(|error| unusable(&self.recording, error))?;
        flame::write(&mut page, &watcher.take());
        if let Ok(report) = &replayed.result {
            outcome::effects(&mut page, report);
        }
        Ok(page.finish())
    }

    fn comparison(&self, page: &mut Page, other: &Path) -> Result<(), Failure> {
        let compared = compare::recordings(file(&self.recording)?, file(other)?)
            .map_err(|(side, error)| unusable(if side == compare::Side::A { &self.recording } else { other }, error))?;
        page.section("comparison", "Comparison");
        page.raw("<pre tabindex=\"0\" aria-label=\"what differs\">");
        diff::for_people(&compared).iter().for_each(|line| page.raw(&(escape(line) + "\n")));
        page.raw("</pre>");
        page.end();
        Ok(())
    }
}

fn open(path: &Path) -> Result<Timeline<File>, Failure> {
    Timeline::new(file(path)?).map_err(|error| unusable(path, error))
}

fn leader(path: &Path) -> Result<Receipt, Failure> {
    let receipt = Receipt::from_bytes(&input::file(path)?);
    receipt.map_err(|error| Failure::usage(format_args!("the leader's receipt {}", path.display()), error))
}
