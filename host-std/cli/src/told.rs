//! What an engine tells beside a run, for people: the stack of a failure, and where gas and memory went.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use subvm_core::{Outcome, Resource, VmError};
use subvm_host_std::lower::Active;
use subvm_host_std::profile::{Profile, Unit, Watcher};
use subvm_host_std::symbols::{Library, stack};

use super::Failure;
use super::report::Done;

/// Functions of which is told where the gas went.
const TOP: usize = 10;

#[derive(Debug, Args)]
pub(super) struct ProfileOptions {
    /// Write where gas and RAM went: a flame graph of the gas for .svg, speedscope's format for .json, a line for each path for any other name
    #[arg(long, value_name = "FILE", help_heading = "Profile")]
    profile: Option<PathBuf>,
}

/// What is told.
#[derive(Clone, Default)]
pub(super) struct Told {
    active: Arc<Mutex<Vec<Active>>>,
    profile: Option<(PathBuf, Watcher)>,
}

impl ProfileOptions {
    /// What is to be told of a run.
    pub(super) fn told(&self) -> Result<Told, Failure> {
        if let Some(path) = &self.profile
            && path.extension().is_some_and(|ending| ending == "svg")
            && !cfg!(feature = "flamegraph")
        {
            let instead = "this build draws no flame graphs: build it with `--features flamegraph`, or name a .json";
            return Err(Failure::usage(path.display(), instead));
        }
        let profile = self.profile.clone().map(|path| (path, Watcher::calls()));
        Ok(Told { profile, ..Told::default() })
    }
}

impl Told {
    /// Takes the stack of a failure.
    pub(super) fn on_failure(&self) -> impl Fn(&[Active]) + Send + Sync + 'static {
        let active = Arc::clone(&self.active);
        move |found| *active.lock().unwrap_or_else(PoisonError::into_inner) = found.to_vec()
    }

    /// Who watches, where a profile is wanted.
    pub(super) fn watcher(&self) -> Option<Watcher> {
        self.profile.as_ref().map(|(_, watcher)| watcher.clone())
    }

    /// Writes the profile, and adds to what came of the run what was told of it.
    ///
    /// # Errors
    /// When the profile cannot be written.
    pub(super) fn settle(&self, title: &Path, done: &mut Done) -> Result<(), Failure> {
        let failure = match done.result.as_ref().map(|report| &report.outcome) {
            Ok(Outcome::VmError(error @ (VmError::Trap(_) | VmError::OutOf(_)))) => Some(error),
            _ => None,
        };
        let spent = matches!(failure, Some(VmError::OutOf(Resource::GasTime)));
        if failure.is_some() {
            done.stack = stack(&self.active.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match &self.profile {
            None if spent => done.stack.push("add --profile FILE to see where the gas went".to_owned()),
            None => {}
            Some((path, watcher)) => {
                let (profile, mut library) = (watcher.take(), Library::default());
                let names = profile.names(|module, index| name(&profile, &mut library, module, index));
                if spent {
                    done.stack.extend(top(&profile, &names));
                }
                write(path, &profile, &title.display().to_string(), &names)?;
            }
        }
        Ok(())
    }
}

/// A function as people know it; with its module, where several ran.
fn name(profile: &Profile, library: &mut Library, module: u32, index: u32) -> String {
    let Some(linked) = profile.modules().get(module as usize) else { return format!("func[{index}]") };
    let name = library.of(&linked.wasm).name(index);
    if profile.modules().len() == 1 { name } else { format!("{}: {name}", linked.name) }
}

/// Lines about where most of the gas went.
fn top(profile: &Profile, names: &[String]) -> Vec<String> {
    profile.largest(TOP, |frame| {
        let node = profile.nodes().iter().position(|node| node.frame == frame);
        node.and_then(|node| names.get(node)).map_or("?", String::as_str).to_owned()
    })
}

fn write(path: &Path, profile: &Profile, title: &str, names: &[String]) -> Result<(), Failure> {
    let unwritable = |cause: &dyn std::fmt::Display| {
        Failure::usage(format_args!("cannot write the profile to {}", path.display()), cause)
    };
    let bytes = match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => drawn(profile, title, names).map_err(|error| unwritable(&error))?,
        Some("json") => profile.speedscope(title, names).into_bytes(),
        _ => profile.folded(Unit::Ticks, names).into_bytes(),
    };
    std::fs::write(path, bytes).map_err(|error| unwritable(&error))
}

/// A flame graph of the gas.
#[cfg(feature = "flamegraph")]
fn drawn(profile: &Profile, title: &str, names: &[String]) -> std::io::Result<Vec<u8>> {
    use inferno::flamegraph::{Options, from_lines};

    let mut options = Options::default();
    options.title = format!("Gas of {title}");
    "ticks".clone_into(&mut options.count_name);
    // Colours by name: the same profile is the same picture.
    options.deterministic = true;
    let (folded, mut picture) = (profile.folded(Unit::Ticks, names), Vec::new());
    from_lines(&mut options, folded.lines(), &mut picture).map_err(std::io::Error::other)?;
    Ok(picture)
}

#[cfg(not(feature = "flamegraph"))]
fn drawn(_: &Profile, _: &str, _: &[String]) -> std::io::Result<Vec<u8>> {
    Err(std::io::Error::other("this build draws no flame graphs"))
}
