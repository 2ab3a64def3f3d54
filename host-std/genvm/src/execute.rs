//! One run, from its data to its result.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subvm_calldata::{Int, Map, Value};
use subvm_core::host::{Node, State};
use subvm_core::{Engine, Entry, Invalid, Message, Params, Permissions, Report, Resource, Role, Run, VmError};
use subvm_observe::chain;
use subvm_runners::root::{CURRENT_MAJOR, RootError};
use subvm_runners::{Known, Loader, Registry};
use subvm_system::{clock::SystemClock, random::SystemRng};

use crate::chain::{Pages, Prints, SocketHost, SocketStorage, pages_of, view};
use crate::code::{Codes, Found, Runners, read, unreadable};
use crate::data::{DataError, ExecutionData, Nested};
use crate::host::Hosts;
use crate::modules::{Consumed, SocketModules};
use crate::outcome::Ended;
use crate::peer::{Peer, PeerError};
use crate::result::{Parts, result};

/// Which executors this one stands for.
///
/// ```
/// assert_eq!(subvm_genvm::Line::default(), subvm_genvm::Line::V0_3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// GenVM 0.2.
    V0_2,
    /// GenVM 0.3.
    #[default]
    V0_3,
}

/// How to run.
///
/// ```
/// use subvm_genvm::Options;
/// let options = Options { hosts: vec!["unix:///run/node.sock".parse()?], ..Options::default() };
/// assert!(!options.sync);
/// # Ok::<(), subvm_genvm::WrongPeer>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the hosts listen; `method_hosts` of the data says which answers what.
    pub hosts: Vec<Peer>,
    /// The module for the web.
    pub web: Option<Peer>,
    /// The module for models.
    pub llm: Option<Peer>,
    /// Take the leader's results on trust.
    pub sync: bool,
    /// Which executors this one stands for.
    pub line: Line,
    /// What the run may do. It is deterministic; on line 0.3 everybody reads storage.
    pub permissions: Permissions,
    /// The directory of runners.
    pub registry: Option<PathBuf>,
    /// Whether runners may be named without a digest: for developers.
    pub floating: bool,
    /// The node's own number of this run, for the modules.
    pub genvm_id: u64,
    /// Whether what guests print goes to this process's streams.
    pub prints: bool,
    /// How long one exchange with a host or module may take.
    pub patience: Duration,
    /// The consensus parameters; the profile is the line's.
    pub params: Arc<Params>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            web: None,
            llm: None,
            sync: false,
            line: Line::default(),
            permissions: Permissions::all(),
            registry: None,
            floating: false,
            genvm_id: 0,
            prints: false,
            patience: Duration::from_secs(60),
            params: Arc::default(),
        }
    }
}

/// Why the node was handed no result.
///
/// ```
/// use std::sync::Arc;
/// use subvm_genvm::{ExecuteError, Options};
/// # use subvm_core::Engine;
/// fn nothing_is_no_data(engine: Arc<dyn Engine>) {
///     let error = subvm_genvm::execute(engine, b"", &Options::default()).unwrap_err();
///     assert!(matches!(error, ExecuteError::Data(_)), "{error}");
/// }
/// # nothing_is_no_data(Arc::new(subvm_wasmi::WasmiEngine::new()));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The data.
    Data(DataError),
    /// A host or module.
    Peer(PeerError),
    /// The directory of runners.
    Registry(PathBuf, std::io::Error),
}

impl fmt::Display for ExecuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => write!(f, "{error}"),
            Self::Peer(error) => write!(f, "{error}"),
            Self::Registry(path, error) => write!(f, "the directory of runners {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for ExecuteError {}

impl From<DataError> for ExecuteError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<PeerError> for ExecuteError {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

/// Runs what `data` says and hands its result to the node. Gives what people should know.
///
/// Whatever a contract does, and whatever fails while it runs, is a result. So is a host that fails in the middle, where it still takes one.
///
/// # Errors
/// Where the data cannot be read, a peer cannot be reached, or the node takes no result.
pub fn execute(engine: Arc<dyn Engine>, data: &[u8], options: &Options) -> Result<Vec<String>, ExecuteError> {
    let data = ExecutionData::read(data)?;
    let (message, instant) = data.message()?;
    let state = data.nested.as_ref().map_or(Ok(State::Accepted), Nested::state)?;
    let registry = options.registry.as_deref().map(Registry::open).transpose();
    let registry =
        registry.map_err(|error| ExecuteError::Registry(options.registry.clone().unwrap_or_default(), error))?;
    let hosts = Hosts::connect(
        &options.hosts,
        &data.host_hello_data,
        data.method_hosts.clone(),
        options.line,
        options.patience,
    )?;
    let hosts = Arc::new(Mutex::new(hosts));
    let mut session = Session {
        engine,
        data,
        state,
        options,
        hosts,
        consumed: Consumed::default(),
        timeout: Arc::default(),
        notes: Vec::new(),
    };
    let bytes = match session.run(&message, instant, registry) {
        Ok(bytes) => bytes,
        Err(why) => {
            session.notes.push(why.clone());
            session.told(Ended::internal(&why), None, &Pages::new(), &[], None)
        }
    };
    let mut hosts = session.hosts.lock().unwrap_or_else(PoisonError::into_inner);
    match hosts.consume_result(&bytes).and_then(|()| hosts.finish()) {
        Ok(()) => Ok(session.notes),
        // What went wrong before is why.
        Err(mut error) => {
            let said = error.to_string();
            for note in session.notes.iter().filter(|note| !note.contains(&said)) {
                error.why = format!("{}; before: {note}", error.why);
            }
            Err(error.into())
        }
    }
}

/// What GenVM 0.3 calls a root slot that says too many of something.
const TOO_MANY: [(&str, &str); 2] = [("locked slots", "out_of locked_slots"), ("upgraders", "out_of upgraders")];

/// A run that is under way.
struct Session<'a> {
    engine: Arc<dyn Engine>,
    data: ExecutionData,
    state: State,
    options: &'a Options,
    hosts: Arc<Mutex<Hosts>>,
    consumed: Consumed,
    timeout: Arc<Mutex<bool>>,
    notes: Vec<String>,
}

/// The contract that runs, as its storage says.
struct Contract {
    found: Found,
    locked: Vec<subvm_core::SlotId>,
    deployed: Arc<Pages>,
}

impl Session<'_> {
    /// The result's bytes, or why this node has none.
    fn run(&mut self, message: &Message, instant: u64, registry: Option<Registry>) -> Result<Vec<u8>, String> {
        let nothing = Pages::new();
        let line = self.options.line;
        if line == Line::V0_3 && !message.is_call() {
            return Ok(self.told(Ended::vm_error(VmError::MalformedEntry, line), None, &nothing, &[], None));
        }
        let registry = if self.options.floating { registry.map(Registry::floating) } else { registry };
        let contract = match self.contract(message, registry.clone())? {
            Ok(contract) => contract,
            Err(ended) => return Ok(self.told(ended, None, &nothing, &[], None)),
        };
        self.notes.extend(contract.found.why.clone());
        let node = self.node(message, instant, &contract, registry)?;
        let (_, ran) = subvm_core::run(Arc::clone(&self.engine), node, self.transaction(message, self.role()));
        let report = match ran {
            Err(_) if *self.timeout.lock().unwrap_or_else(PoisonError::into_inner) => {
                let ended = Ended::vm_error(VmError::OutOf(Resource::GasTime), line);
                return Ok(self.told(ended, None, &nothing, &contract.found.charges, None));
            }
            ran => ran.map_err(|error| chain(&error))?,
        };
        self.notes.extend(report.diagnostics.iter().cloned());
        let disagreement = report.disagreement();
        if let Some(call) = disagreement {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.notify_nondet_disagreement(call).map_err(|error| error.to_string())?;
        }
        let mut ended = Ended::of(&report.outcome, report.fingerprint.clone(), line);
        if self.data.nested.is_some() {
            ended.within(&report.outcome);
        }
        Ok(self.told(ended, Some(&report), &contract.deployed, &contract.found.charges, disagreement))
    }

    fn told(
        &self,
        ended: Ended,
        report: Option<&Report>,
        deployed: &Pages,
        charges: &[subvm_runners::Charge],
        disagreement: Option<u32>,
    ) -> Vec<u8> {
        let consumed: Int = self.consumed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (buckets, line) = (self.data.bucket_totals.as_ref(), self.options.line);
        result(&Parts { ended, report, deployed, charges, disagreement, buckets, consumed, line })
    }

    fn role(&self) -> Role {
        let Some(results) = &self.data.leader_nondet_results else { return Role::Leader };
        let results = results.iter().map(|result| result.0.clone()).collect();
        if self.options.sync { Role::Sync { results } } else { Role::Validator { results } }
    }

    fn transaction(&self, message: &Message, role: Role) -> Run {
        Run {
            message: message.clone(),
            entry: Entry::Restricted(self.permissions()),
            role,
            params: Arc::new(self.params()),
            state: self.state,
            deadline: None,
            cancel: None,
        }
    }

    /// What the run may do: no more than the node allows, nor than the run that it is within.
    fn permissions(&self) -> Permissions {
        let own = match self.options.line {
            Line::V0_2 => self.options.permissions,
            Line::V0_3 => self.options.permissions | Permissions::READ_STORAGE,
        };
        self.data.nested.as_ref().map_or(own, |nested| own & nested.permissions())
    }

    /// The chain's parameters with the line's profile, and what is left for this run.
    fn params(&self) -> Params {
        let mut params = Params { profile: self.options.line.profile(), ..(*self.options.params).clone() };
        let limits = &mut params.limits;
        limits.depth = self.data.remaining_recursion.map_or(limits.depth, |left| limits.depth.min(left));
        limits.ram = self.data.nested.as_ref().map_or(limits.ram, |nested| limits.ram.min(nested.memory_limit.into()));
        params
    }

    fn codes(&self, registry: Option<Registry>) -> Codes {
        let (known, registry) = match self.options.line {
            Line::V0_2 => (Known::Nix32, registry.map(Registry::nix)),
            Line::V0_3 => (Known::Gvm32, registry),
        };
        let runners = Runners { registry, hosts: Arc::clone(&self.hosts), layout: self.options.line.layout() };
        Codes { loader: Loader::new(runners).known(known), params: Arc::clone(&self.options.params) }
    }

    /// Reads what stands in the contract's root slot, in the order in which GenVM does; or how the run ends because of it.
    fn contract(&mut self, message: &Message, registry: Option<Registry>) -> Result<Result<Contract, Ended>, String> {
        let line = self.options.line;
        let failed = |error: &(dyn std::error::Error + 'static)| chain(error);
        let layout = self.options.line.layout();
        let mut codes = self.codes(registry);
        let mut deployed = Pages::new();
        let mut read = read(&self.hosts, view(self.state), message.contract_address);
        let stored = (|| {
            let root = layout.root(&mut read)?;
            // Who writes nothing is bound by no lock.
            let locked = if !self.permissions().contains(Permissions::WRITE_STORAGE)
                || layout.is_upgrader(&message.sender_address, &mut read)?
            {
                Vec::new()
            } else {
                layout.locked_slots(&mut read)?
            };
            let code = if self.data.code.is_some() {
                None
            } else {
                subvm_runners::root::code_at(&root.code, &mut read, 128 << 20)?
            };
            Ok((root.major, locked, code))
        })();
        let (major, locked, stored) = match stored {
            Ok(stored) => stored,
            Err(error) => {
                if let RootError::Many { what, .. } = &error
                    && line == Line::V0_3
                    && let Some((_, text)) = TOO_MANY.iter().find(|(of, _)| of == what)
                {
                    self.notes.push(error.to_string());
                    return Ok(Err(Ended::said(text)));
                }
                let found = unreadable(error).map_err(|error| failed(&*error))?;
                return Ok(Ok(Contract { found, locked: Vec::new(), deployed: Arc::default() }));
            }
        };
        if major != CURRENT_MAJOR {
            let why = format!("the contract is of major version {major}, this executor of {CURRENT_MAJOR}");
            let found = Found::malformed(Invalid::MajorMismatch, why);
            return Ok(Ok(Contract { found, locked, deployed: Arc::default() }));
        }
        if let Some(code) = &self.data.code {
            let writes = layout.deployed(&code.0).ok_or("the code to deploy does not fit a slot")?;
            writes.iter().for_each(|(slot, bytes)| pages_of(*slot, bytes, &mut deployed));
        }
        let code = self.data.code.as_ref().map(|code| &code.0[..]).or(stored.as_deref());
        let found = codes.found(code).map_err(|error| failed(&*error))?;
        Ok(Ok(Contract { found, locked, deployed: Arc::new(deployed) }))
    }

    fn node(
        &mut self,
        message: &Message,
        instant: u64,
        contract: &Contract,
        registry: Option<Registry>,
    ) -> Result<Node, String> {
        let mut modules =
            SocketModules::new(Arc::clone(&self.hosts), Arc::clone(&self.consumed), Arc::clone(&self.timeout));
        let hello = self.hello()?;
        for (name, peer) in [("web", &self.options.web), ("llm", &self.options.llm)] {
            if let Some(peer) = peer {
                modules.connect(name, peer, &hello, self.options.patience).map_err(|error| error.to_string())?;
            }
        }
        let own = message.contract_address;
        let host = SocketHost {
            hosts: Arc::clone(&self.hosts),
            codes: self.codes(registry),
            layout: self.options.line.layout(),
            line: self.options.line,
            own,
            own_code: contract.found.code.clone(),
            locked: contract.locked.clone(),
            value: message.value.to_u256_le().unwrap_or_default(),
            prints: if self.options.prints { Prints::Through } else { Prints::Nowhere },
        };
        Ok(Node {
            storage: Box::new(SocketStorage::new(Arc::clone(&self.hosts), own, Arc::clone(&contract.deployed))),
            clock: Box::new(SystemClock::new(instant)),
            rng: Box::new(SystemRng::new()),
            host: Box::new(host),
            modules: Box::new(modules),
            observer: None,
        })
    }

    /// The first frame that a module gets.
    fn hello(&self) -> Result<Vec<u8>, String> {
        let host_data: Value =
            self.data.host_data.parse().map_err(|error| format!("execution data: host_data: {error}"))?;
        let gas: Map =
            self.data.gas_data.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let leads = self.data.leader_nondet_results.is_none();
        let hello = Map::from([
            ("gas_data", Value::Map(gas)),
            ("genvm_id", Value::from(self.options.genvm_id)),
            ("host_data", host_data),
            ("initial_time_units_allocation", Value::from(self.data.initial_time_units_allocation)),
            ("role", Value::from(if leads { "Leader" } else { "Validator" })),
        ]);
        Value::Map(hello).encode().map_err(|error| error.to_string())
    }
}
