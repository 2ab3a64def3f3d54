//! Following what runners say, to a package.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use subvm_core::{Library, Mode, Parts, Wasm};

use crate::action::Action;
use crate::archive::Archive;
use crate::bounds::Bounds;
use crate::error::{Blame, RunnerError};
use crate::excerpt::excerpt;
use crate::id::{Known, RunnerId, sha2_256, sha3_256};
use crate::source::Source;
use crate::version::Version;

/// Makes packages of contracts and runners.
///
/// ```
/// use subvm_core::Mode;
/// use subvm_runners::{Loader, Nowhere};
/// let mut loader = Loader::new(Nowhere);
/// let id = loader.register(b"\0asm\x01\0\0\0");
/// let contract = format!("// {{ \"Depends\": \"{id}\" }}\n");
/// let loaded = loader.contract(contract.as_bytes(), Mode::Deterministic)?;
/// assert_eq!(loaded.charges.len(), 2);
/// # Ok::<(), subvm_runners::RunnerError>(())
/// ```
#[derive(Debug)]
pub struct Loader<S> {
    source: S,
    known: Known,
    bounds: Bounds,
    custom: BTreeMap<[u8; 32], Arc<[u8]>>,
}

/// What a contract comes to.
///
/// ```
/// use subvm_core::Mode;
/// use subvm_runners::{Loader, Nowhere};
/// let module = b"\0asm\x01\0\0\0";
/// let loaded = Loader::new(Nowhere).contract(module, Mode::Deterministic)?;
/// assert_eq!(loaded.ram(), 4096 + module.len() as u64);
/// # Ok::<(), subvm_runners::RunnerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What a package is made of.
    pub parts: Parts,
    /// The version that the contract is written for.
    pub version: Version,
    /// What was loaded, in order: the contract first.
    pub charges: Vec<Charge>,
}

impl Loaded {
    /// What a sub-VM is charged in RAM for all that was loaded, in bytes.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.charges.iter().map(|charge| Charge::BASE.saturating_add(charge.bytes)).fold(0, u64::saturating_add)
    }
}

/// A runner that a sub-VM is charged for.
///
/// ```
/// assert_eq!(subvm_runners::Charge::BASE, 4096);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The runner.
    pub id: RunnerId,
    /// Bytes of its archive.
    pub bytes: u64,
}

impl Charge {
    /// Bytes of RAM charged for a runner, beside its own.
    pub const BASE: u64 = 4096;
}

impl<S: Source> Loader<S> {
    /// A loader with the bounds and ids of GenVM 0.3.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self { source, known: Known::default(), bounds: Bounds::default(), custom: BTreeMap::new() }
    }

    /// With these bounds.
    #[must_use]
    pub fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// With ids that write digests so.
    #[must_use]
    pub fn known(self, known: Known) -> Self {
        Self { known, ..self }
    }

    /// Keeps what the running contract registers, under the id that it gives back.
    pub fn register(&mut self, code: &[u8]) -> RunnerId {
        let digest = sha3_256(&[code]);
        self.custom.entry(digest).or_insert_with(|| code.into());
        RunnerId::Custom { digest }
    }

    /// What a contract of these bytes comes to in this mode.
    ///
    /// # Errors
    /// [`RunnerError`], which says whose fault it is.
    pub fn contract(&mut self, code: &[u8], mode: Mode) -> Result<Loaded, RunnerError> {
        if code.len() > self.bounds.bytes {
            return Err(RunnerError::TooLarge { bytes: code.len(), most: self.bounds.bytes });
        }
        let contract = Rc::new(Archive::read(code.into(), &self.bounds)?);
        self.load(&contract, RunnerId::Contract, mode)
    }

    /// What runner `id` comes to, where a contract of these bytes asks for it in place of itself.
    ///
    /// # Errors
    /// As [`contract`](Self::contract).
    ///
    /// ```
    /// use subvm_core::Mode;
    /// use subvm_runners::{Loader, Nowhere};
    /// let (mut loader, contract) = (Loader::new(Nowhere), b"\0asm\x01\0\0\0");
    /// let other = loader.register(b"\0asm\x01\0\0\0\0\x04\x03one");
    /// let loaded = loader.runner(&other.to_string(), contract, Mode::NonDeterministic)?;
    /// assert_eq!(loaded.parts.start.len(), 14);
    /// # Ok::<(), subvm_runners::RunnerError>(())
    /// ```
    pub fn runner(&mut self, id: &str, contract: &[u8], mode: Mode) -> Result<Loaded, RunnerError> {
        let id = self.id(id)?;
        let contract = Rc::new(Archive::read(contract.into(), &self.bounds)?);
        self.load(&contract, id, mode)
    }

    fn load(&mut self, contract: &Rc<Archive>, id: RunnerId, mode: Mode) -> Result<Loaded, RunnerError> {
        let mut work = Work {
            loader: self,
            contract: Rc::clone(contract),
            mode,
            parts: Parts::default(),
            env: BTreeMap::new(),
            done: BTreeSet::new(),
            read: BTreeMap::new(),
            charges: Vec::new(),
            actions: 0,
            mapped: 0,
        };
        match work.depends(id, 0)? {
            Flow::On => Err(RunnerError::NoStart),
            Flow::Started => {
                let mut parts = work.parts;
                parts.env = work.env.into_iter().collect();
                Ok(Loaded { parts, version: contract.version, charges: work.charges })
            }
        }
    }

    /// An id as a contract writes it, with floating names replaced by what they stand for.
    fn id(&mut self, text: &str) -> Result<RunnerId, RunnerError> {
        match RunnerId::parse(text, self.known)? {
            RunnerId::Tag { name, tag } => {
                let id = RunnerId::Tag { name: name.clone(), tag };
                match self.source.tagged(&name, tag) {
                    Ok(Some(digest)) => Ok(RunnerId::Named { name, digest }),
                    Ok(None) => Err(RunnerError::Floating(id)),
                    Err(error) => Err(RunnerError::Source { id, error }),
                }
            }
            id => Ok(id),
        }
    }

    /// The bytes of a runner, checked by digest.
    fn bytes(&mut self, id: &RunnerId) -> Result<Arc<[u8]>, RunnerError> {
        let had = match id {
            RunnerId::Named { name, digest } => self.source.named(name, digest),
            RunnerId::Chain { address, view, slot } => self.source.chain(address, *view, slot.as_ref()),
            RunnerId::Custom { digest } => Ok(self.custom.get(digest).cloned()),
            // The one was read, the other replaced.
            RunnerId::Contract | RunnerId::Tag { .. } => Ok(None),
        };
        let had = had.map_err(|error| RunnerError::Source { id: id.clone(), error })?;
        let bytes = had.ok_or_else(|| RunnerError::NotFound(id.clone()))?;
        if let RunnerId::Named { name, digest } = id {
            let found = sha2_256(&bytes);
            if found != *digest {
                let found = Box::new(RunnerId::Named { name: name.clone(), digest: found });
                return Err(RunnerError::Changed { id: Box::new(id.clone()), found });
            }
        }
        Ok(bytes)
    }
}

/// Whether anything is done after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Started,
}

/// A load that goes on.
struct Work<'a, S> {
    loader: &'a mut Loader<S>,
    contract: Rc<Archive>,
    mode: Mode,
    parts: Parts,
    env: BTreeMap<String, String>,
    /// Runners whose actions were followed.
    done: BTreeSet<RunnerId>,
    read: BTreeMap<RunnerId, Rc<Archive>>,
    charges: Vec<Charge>,
    actions: usize,
    mapped: usize,
}

/// Whose files an action sees, and where it stands.
struct Place<'a> {
    id: &'a RunnerId,
    archive: &'a Archive,
    path: String,
    /// Actions that it is within, of all runners.
    depth: usize,
}

impl Place<'_> {
    fn within(&self, step: impl std::fmt::Display) -> Place<'_> {
        let path = if self.path.is_empty() { step.to_string() } else { format!("{}.{step}", self.path) };
        Place { path, depth: self.depth + 1, ..*self }
    }

    fn wrong(&self, why: impl Into<String>) -> RunnerError {
        RunnerError::Action { runner: self.id.to_string(), action: self.path.clone(), why: why.into() }
    }

    /// What is wrong with an id that an action names; what this node lacks stays its own fault.
    fn named(&self, error: RunnerError) -> RunnerError {
        if error.blame() == Blame::Node { error } else { self.wrong(error.to_string()) }
    }

    /// A file that an action names.
    fn file(&self, name: &str) -> Result<&Arc<[u8]>, RunnerError> {
        self.archive.file(name).ok_or_else(|| self.wrong(format!("the runner holds no file {:?}", excerpt(name))))
    }
}

impl<S: Source> Work<'_, S> {
    /// Reads a runner, once, and charges for it.
    fn archive(&mut self, id: &RunnerId) -> Result<Rc<Archive>, RunnerError> {
        if let Some(archive) = self.read.get(id) {
            return Ok(Rc::clone(archive));
        }
        if self.read.len() >= self.loader.bounds.runners {
            let why = format!("more than {} runners", self.loader.bounds.runners);
            return Err(RunnerError::Action { runner: id.to_string(), action: String::from("load"), why });
        }
        let archive = match id {
            RunnerId::Contract => Rc::clone(&self.contract),
            id => {
                let bytes = self.loader.bytes(id)?;
                Rc::new(Archive::read(bytes, &self.loader.bounds).map_err(|error| within(id, error))?)
            }
        };
        self.charges.push(Charge { id: id.clone(), bytes: archive.bytes });
        self.read.insert(id.clone(), Rc::clone(&archive));
        Ok(archive)
    }

    /// Follows a runner's own `runner.json`, unless that was done.
    fn depends(&mut self, id: RunnerId, depth: usize) -> Result<Flow, RunnerError> {
        if !self.done.insert(id.clone()) {
            return Ok(Flow::On);
        }
        let archive = self.archive(&id)?;
        let action = Action::parse(&archive.manifest, archive.lines_before, &self.loader.bounds);
        let action = action.map_err(|error| within(&id, error.into()))?;
        self.follow(&action, &Place { id: &id, archive: &archive, path: String::new(), depth })
    }

    fn follow(&mut self, action: &Action, place: &Place<'_>) -> Result<Flow, RunnerError> {
        self.actions += 1;
        if self.actions > self.loader.bounds.actions {
            return Err(place.wrong(format!("more than {} actions", self.loader.bounds.actions)));
        }
        if place.depth > self.loader.bounds.action_depth {
            let most = self.loader.bounds.action_depth;
            return Err(place.wrong(format!("actions nest more than {most} deep, through all runners")));
        }
        match action {
            Action::AddEnv { name, val } => self.add_env(name, val, &place.within("AddEnv"))?,
            Action::MapFile { file, to } => self.map(file, to, &place.within("MapFile"))?,
            Action::SetArgs(args) => self.parts.args.clone_from(args),
            Action::LinkWasm(file) => {
                let wasm = Wasm::from(Arc::clone(place.within("LinkWasm").file(file)?));
                self.parts.libraries.push(Library { name: stem(file).to_owned(), wasm });
            }
            Action::StartWasm(file) => {
                self.parts.start = Wasm::from(Arc::clone(place.within("StartWasm").file(file)?));
                return Ok(Flow::Started);
            }
            Action::Depends(runner) => {
                let place = place.within("Depends");
                let id = self.loader.id(runner).map_err(|error| place.named(error))?;
                return self.depends(id, place.depth);
            }
            Action::Seq(actions) => {
                for (number, action) in actions.iter().enumerate() {
                    if self.follow(action, &place.within(format_args!("Seq[{number}]")))? == Flow::Started {
                        return Ok(Flow::Started);
                    }
                }
            }
            Action::When { cond, action } if cond.holds(self.mode) => {
                return self.follow(action, &place.within("When"));
            }
            Action::When { .. } => {}
            Action::With { runner, action } => {
                let place = place.within("With");
                let id = self.loader.id(runner).map_err(|error| place.named(error))?;
                let archive = self.archive(&id)?;
                let Place { path, depth, .. } = place;
                return self.follow(action, &Place { id: &id, archive: &archive, path, depth });
            }
        }
        Ok(Flow::On)
    }

    fn add_env(&mut self, name: &str, val: &str, place: &Place<'_>) -> Result<(), RunnerError> {
        let most = self.loader.bounds.variable;
        let value = expand(val, &self.env, most)
            .ok_or_else(|| place.wrong(format!("the value of {:?} has more than {most} bytes", excerpt(name))))?;
        self.env.insert(name.to_owned(), value);
        Ok(())
    }

    fn map(&mut self, file: &str, to: &str, place: &Place<'_>) -> Result<(), RunnerError> {
        if !to.starts_with('/') {
            return Err(place.wrong(format!("to: {:?} is not an absolute path", excerpt(to))));
        }
        if to.split('/').any(|component| component == "..") {
            return Err(place.wrong(format!("to: {:?} holds the component ..", excerpt(to))));
        }
        if to.split('/').find(|component| !component.is_empty()) == Some("vm") {
            return Err(place.wrong(format!("to: {:?} lies in /vm, which is the machine's own", excerpt(to))));
        }
        if !file.is_empty() && !file.ends_with('/') {
            let bytes = Arc::clone(place.file(file)?);
            return self.map_one(to.to_owned(), bytes, place);
        }
        let mut any = false;
        for (name, bytes) in place.archive.below(file) {
            any = true;
            let rest = name.get(file.len()..).unwrap_or_default();
            self.map_one(format!("{}/{rest}", to.trim_end_matches('/')), Arc::clone(bytes), place)?;
        }
        if any { Ok(()) } else { Err(place.wrong(format!("the runner holds no file below {:?}", excerpt(file)))) }
    }

    fn map_one(&mut self, path: String, bytes: Arc<[u8]>, place: &Place<'_>) -> Result<(), RunnerError> {
        self.mapped += 1;
        if self.mapped > self.loader.bounds.mapped {
            return Err(place.wrong(format!("more than {} files", self.loader.bounds.mapped)));
        }
        self.parts.files.push((path, bytes));
        Ok(())
    }
}

fn within(id: &RunnerId, error: RunnerError) -> RunnerError {
    match id {
        // The contract is what is asked for: nothing needs to say so.
        RunnerId::Contract => error,
        id => RunnerError::Within { id: id.clone(), error: Box::new(error) },
    }
}

/// The name by which others import from a module: its file's, without folders and `.wasm`.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".wasm").unwrap_or(name)
}

/// A value with `${NAME}` replaced by what `NAME` is, nothing where it is not set; `None` where it comes to more than `most` bytes.
fn expand(value: &str, env: &BTreeMap<String, String>, most: usize) -> Option<String> {
    let (mut whole, mut rest) = (String::new(), value);
    loop {
        let found = rest.split_once("${").and_then(|(before, after)| Some((before, after.split_once('}')?)));
        let Some((before, (name, after))) = found else {
            whole.push_str(rest);
            return (whole.len() <= most).then_some(whole);
        };
        whole.push_str(before);
        whole.push_str(env.get(name).map_or("", String::as_str));
        if whole.len() > most {
            return None;
        }
        rest = after;
    }
}
