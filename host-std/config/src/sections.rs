//! The sections of the file, and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subvm_core::costs::Limits;
use subvm_core::wasi::Refused;
use subvm_core::{FloatPolicy, Params, Personality, Profile};

use super::{Engine, Time};
use subvm_modules::model::Provider;
use subvm_modules::web::{HostPattern, Network};
use subvm_wasmtime::cache::ModuleCache;

/// Section `consensus`: what a chain may choose of [`Params`], and from which heights on it chooses otherwise ([`Consensus::rules`]). What is
/// left out is the same in every release: a newer one changes the rules of no chain.
///
/// ```
/// use subvm_core::FloatPolicy;
/// use subvm_config::Config;
/// let config = Config::parse("[consensus]\nfloats = \"trap\"\nlimits = { depth = 8 }", "chain.toml")?;
/// let params = config.consensus.params();
/// assert_eq!((params.floats, params.limits.depth), (FloatPolicy::Trap, 8));
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Consensus {
    /// The first height that they are in force for.
    pub from: u64,
    /// The version of prices.
    pub schedule: u32,
    /// The version of lowering.
    pub lowering: u32,
    /// What float instructions do.
    #[serde(with = "super::types::FloatPolicyKeys")]
    pub floats: FloatPolicy,
    /// Whose rules contracts find.
    #[serde(with = "super::types::ProfileKeys")]
    pub profile: Profile,
    /// How files and processes behave, where the chain says so.
    #[serde(with = "super::types::personality", skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality>,
    /// Whether modules may use exceptions, where the chain says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<bool>,
    /// Whether failed runs carry a fingerprint.
    pub fingerprints: bool,
    /// Names that an environment must not hold.
    #[serde(with = "super::types::refused")]
    pub refused_env: Refused,
    /// Every limit that a chain may choose: section `consensus.limits`.
    #[serde(with = "super::types::LimitsKeys")]
    pub limits: Limits,
    /// What changes at later heights, ascending: `[[consensus.changes]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// One of `consensus.changes`: a height, and those keys of section `consensus` that have other values from there on.
///
/// ```
/// use subvm_config::Config;
/// let config = Config::parse("[[consensus.changes]]\nfrom = 100\nlimits.depth = 8", "chain.toml")?;
/// assert_eq!(config.consensus.changes[0].from, 100);
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The first height that it is in force for.
    pub from: u64,
    /// Keys of `consensus`, as they are written there.
    #[serde(flatten)]
    pub(super) keys: toml::Table,
}

/// Section `run`.
///
/// ```
/// use subvm_config::Config;
/// let config = Config::parse("[run]\nlog = \"warn,subvm_modules::web=debug\"", "node.toml")?;
/// assert_eq!(config.run.deadline.to_string(), "1m");
/// tracing_subscriber::fmt().with_env_filter(config.run.filter()?).init();
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Run {
    /// What runs sub-VMs.
    pub engine: Engine,
    /// How long a run may take.
    pub deadline: Time,
    /// What is logged.
    pub log: String,
}

/// Section `store`.
///
/// ```
/// use subvm_config::Config;
/// use subvm_ledger::RedbLedger;
/// # let dir = tempfile::tempdir()?;
/// # let text = format!("[store]\ndir = {:?}", dir.path());
/// let store = Config::parse(&text, "node.toml")?.store;
/// let ledger = if store.verify { RedbLedger::open(&store.dir)? } else { RedbLedger::open_unverified(&store.dir)? };
/// # drop(ledger);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Store {
    /// The ledger's directory.
    pub dir: PathBuf,
    /// Whether the ledger is read through when it is opened.
    pub verify: bool,
}

/// Section `cache`.
///
/// ```
/// use subvm_config::Config;
/// use subvm_wasmtime::WasmtimeEngine;
/// let config = Config::parse("[cache]\nenabled = false", "node.toml")?;
/// let engine = WasmtimeEngine::builder().cache(config.cache.open()?).build()?;
/// # drop(engine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Cache {
    /// Whether compiled modules are kept on disk.
    pub enabled: bool,
    /// Their directory; empty for the user's own.
    pub dir: PathBuf,
    /// Bytes that they may have together.
    pub bytes: u64,
}

/// Section `random`.
///
/// ```
/// use subvm_config::Config;
/// assert!(!Config::default().random.pseudo_random_fallback, "nobody gets weak bytes unasked");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Random {
    /// Whether pseudo-random bytes will do.
    pub pseudo_random_fallback: bool,
}

/// Section `modules`.
///
/// ```
/// use subvm_config::Config;
/// assert_eq!(Config::parse("[modules]\nconcurrency = 2", "node.toml")?.modules.concurrency, 2);
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Modules {
    /// Requests under way at once.
    pub concurrency: usize,
}

/// Section `web`.
///
/// ```
/// use subvm_config::Config;
/// let text = "[web]\nenabled = true\nallow_hosts = [\"*.example.com\"]\nallow_networks = [\"127.0.0.0/8\"]";
/// let web = Config::parse(text, "node.toml")?.web;
/// assert_eq!((web.allow_hosts[0].to_string(), web.ports), ("*.example.com".into(), vec![80, 443]));
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Web {
    /// Whether there is this module.
    pub enabled: bool,
    /// Allowed schemes.
    pub schemes: Vec<String>,
    /// Allowed ports.
    pub ports: Vec<u16>,
    /// Allowed hosts.
    #[serde(with = "super::types::strings")]
    pub allow_hosts: Vec<HostPattern>,
    /// Refused hosts.
    #[serde(with = "super::types::strings")]
    pub deny_hosts: Vec<HostPattern>,
    /// Allowed addresses that are not public.
    #[serde(with = "super::types::strings")]
    pub allow_networks: Vec<Network>,
    /// Refused addresses.
    #[serde(with = "super::types::strings")]
    pub deny_networks: Vec<Network>,
    /// Allowed methods.
    pub methods: Vec<String>,
    /// Refused request headers.
    pub deny_headers: Vec<String>,
    /// How long a request may take.
    pub time: Time,
    /// Bytes of an answer's body.
    pub max_body: u64,
    /// Bytes of an answer's head.
    pub max_head: usize,
    /// Redirects that are followed.
    pub redirects: u32,
}

/// Section `render`.
///
/// ```
/// use subvm_config::Config;
/// let config = Config::parse("[render]\nenabled = true\nwidth = 800", "node.toml")?;
/// assert_eq!((config.render.width, config.render.height), (800, 1024));
/// assert!(config.services()?.render.is_some());
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Render {
    /// Whether there is this module.
    pub enabled: bool,
    /// The WebDriver program.
    pub driver: PathBuf,
    /// The browser; empty for the one that the driver finds.
    pub browser: PathBuf,
    /// Whether the browser runs without its sandbox.
    pub no_sandbox: bool,
    /// How long a page may take.
    pub time: Time,
    /// Bytes of an answer.
    pub max_answer: usize,
    /// Width of the window.
    pub width: u32,
    /// Height of the window.
    pub height: u32,
}

/// Section `model`.
///
/// ```
/// use subvm_config::Config;
/// let text = "[[model.providers]]\nbase_url = \"https://api.example.com/v1\"\nmodel = \"some-model\"";
/// assert!(Config::parse(text, "node.toml")?.services()?.model.is_some());
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Model {
    /// Endpoints, in order of preference.
    pub providers: Vec<ModelProvider>,
}

/// One of `model.providers`.
///
/// ```
/// use subvm_config::Config;
/// let text = "[[model.providers]]\nbase_url = \"http://localhost:8080/v1\"\nmodel = \"some-model\"\ntimeout = \"5s\"";
/// let [provider] = &Config::parse(text, "node.toml")?.model.providers[..] else { unreachable!() };
/// assert_eq!((provider.timeout.to_string(), provider.retries), ("5s".into(), 3));
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelProvider {
    /// What comes before `/chat/completions`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// The file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The proxy that leads to the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// How long an answer may take.
    #[serde(default = "timeout")]
    pub timeout: Time,
    /// How often to try again.
    #[serde(default = "retries")]
    pub retries: u32,
    /// The first wait before trying again.
    #[serde(default = "backoff")]
    pub backoff: Time,
}

fn timeout() -> Time {
    Time(Provider::new("", "").timeout)
}

fn retries() -> u32 {
    Provider::new("", "").retries
}

fn backoff() -> Time {
    Time(Provider::new("", "").backoff)
}

impl Default for Consensus {
    fn default() -> Self {
        let Params { floats, profile, fingerprints, refused_env, limits, .. } = Params::default();
        let (from, schedule, lowering) = (1, 1, 1);
        let (personality, exceptions, changes) = (None, None, Vec::new());
        Self {
            from,
            schedule,
            lowering,
            floats,
            profile,
            personality,
            exceptions,
            fingerprints,
            refused_env,
            limits,
            changes,
        }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self { engine: Engine::default(), deadline: Time(Duration::from_secs(60)), log: "warn".into() }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { dir: "subvm-data".into(), verify: true }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: true, dir: PathBuf::new(), bytes: ModuleCache::BYTES }
    }
}

impl Default for Modules {
    fn default() -> Self {
        Self { concurrency: 8 }
    }
}

impl Default for Web {
    fn default() -> Self {
        let (rules, limits) = (subvm_modules::web::Rules::default(), subvm_modules::web::Limits::default());
        Self {
            enabled: false,
            schemes: rules.schemes,
            ports: rules.ports,
            allow_hosts: rules.allow_hosts,
            deny_hosts: rules.deny_hosts,
            allow_networks: rules.allow_networks,
            deny_networks: rules.deny_networks,
            methods: rules.methods,
            deny_headers: rules.deny_headers,
            time: Time(limits.time),
            max_body: limits.body,
            max_head: limits.head,
            redirects: limits.redirects,
        }
    }
}

impl Default for Render {
    fn default() -> Self {
        let options = subvm_modules::web::RenderOptions::default();
        Self {
            enabled: false,
            driver: options.driver,
            browser: options.browser.unwrap_or_default(),
            no_sandbox: options.no_sandbox,
            time: Time(options.time),
            max_answer: options.answer,
            width: options.window.0,
            height: options.window.1,
        }
    }
}
