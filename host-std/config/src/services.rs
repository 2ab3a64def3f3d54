//! From a configuration to the services it describes.

use std::sync::Arc;

use subvm_core::Profile;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Cache, Config, ConfigError, ModelProvider, Render, Web};
use subvm_modules::model::{Key, ModelClient, Provider, Proxy};
use subvm_modules::web::{self, RenderOptions, Rules, WebClient, WebRenderer};
use subvm_modules::{GenVmAnswers, ModuleSet, Service};
use subvm_observe::event;
use subvm_system::random::SystemRng;
use subvm_wasmtime::cache::{CacheError, ModuleCache};

/// What runs share: made once, when a node starts.
///
/// ```
/// use subvm_config::Config;
/// let config = Config::parse("[web]\nenabled = true", "node.toml")?;
/// let services = config.services()?;
/// assert!(services.web.is_some() && services.model.is_none());
/// // For each run:
/// let modules = services.module_set();
/// assert!(format!("{modules:?}").contains("WebRequest"));
/// # Ok::<(), subvm_config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Services {
    /// The web, where it is configured.
    pub web: Option<Arc<WebClient>>,
    /// The browser, where it is configured.
    pub render: Option<Arc<WebRenderer>>,
    /// Models, where there are any.
    pub model: Option<Arc<ModelClient>>,
    concurrency: usize,
    /// Whose shapes answers of the web have.
    profile: Profile,
}

impl Services {
    /// The modules of one run.
    #[must_use]
    pub fn module_set(&self) -> ModuleSet {
        let mut modules = ModuleSet::new(self.concurrency);
        let shaped = |service: Arc<dyn Service>| match self.profile {
            Profile::Seed => service,
            _ => Arc::new(GenVmAnswers::new(service)),
        };
        if let Some(web) = &self.web {
            modules = modules.with(&["WebRequest"], shaped(Arc::clone(web) as _));
        }
        if let Some(render) = &self.render {
            modules = modules.with(&["WebRender"], shaped(Arc::clone(render) as _));
        }
        if let Some(model) = &self.model {
            modules = modules.with(ModelClient::REQUESTS, Arc::clone(model) as _);
        }
        modules
    }
}

impl Config {
    /// Makes the services, and so checks all that can be checked without using them: this is `subvm config check`.
    ///
    /// # Errors
    /// When a value makes no sense, or a key cannot be read.
    ///
    /// ```
    /// use subvm_config::Config;
    /// let config = Config::parse("[modules]\nconcurrency = 0", "node.toml")?;
    /// assert_eq!(config.services().unwrap_err().to_string(), "modules.concurrency: must be at least 1");
    /// # Ok::<(), subvm_config::ConfigError>(())
    /// ```
    pub fn services(&self) -> Result<Services, ConfigError> {
        if self.modules.concurrency == 0 {
            return Err(ConfigError::value("modules.concurrency", "must be at least 1"));
        }
        self.consensus.rules()?;
        self.run.filter()?;
        self.run.engine.builder()?;
        let rules = self.web.rules()?;
        let web = self.web.enabled.then(|| Arc::new(WebClient::new(rules.clone(), self.web.limits())));
        let render = self.render.enabled.then(|| Arc::new(WebRenderer::new(rules, self.render.options())));
        let providers = self.model.providers.iter().map(ModelProvider::provider).collect::<Result<Vec<_>, _>>()?;
        let model = (!providers.is_empty()).then(|| Arc::new(ModelClient::new(providers)));
        Ok(Services { web, render, model, concurrency: self.modules.concurrency, profile: self.consensus.profile })
    }

    /// The secure generator.
    ///
    /// ```
    /// use subvm_core::host::Rng;
    /// use subvm_config::Config;
    /// let mut bytes = [0; 32];
    /// Config::default().rng().fill(&mut bytes)?;
    /// assert_ne!(bytes, [0; 32]);
    /// # Ok::<(), subvm_core::host::HostError>(())
    /// ```
    #[must_use]
    pub fn rng(&self) -> SystemRng {
        let rng = SystemRng::new();
        if self.random.pseudo_random_fallback { rng.or_pseudo_random() } else { rng }
    }
}

impl super::Run {
    /// What is logged, as a filter of `tracing-subscriber`.
    ///
    /// # Errors
    /// When it is none.
    pub fn filter(&self) -> Result<EnvFilter, ConfigError> {
        let explained = |_| {
            ConfigError::value(
                "run.log",
                format_args!("{:?} is no filter: write a level, or target=level,..", self.log),
            )
        };
        EnvFilter::builder().parse(&self.log).map_err(explained)
    }
}

impl Cache {
    /// The cache of compiled modules, where there is to be one. Nobody asked for the user's own directory, so it is done without
    /// where it cannot be used.
    ///
    /// # Errors
    /// When the directory that is named cannot be used, or others may write to it.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// use subvm_config::Cache;
    /// let mut cache = Cache::default();
    /// cache.dir = home.path().join("modules");
    /// assert!(cache.open()?.is_some());
    /// cache.enabled = false;
    /// assert!(cache.open()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self) -> Result<Option<ModuleCache>, CacheError> {
        if !self.enabled {
            return Ok(None);
        }
        if !self.dir.as_os_str().is_empty() {
            return ModuleCache::open(&self.dir, self.bytes).map(Some);
        }
        let Some(dir) = ModuleCache::default_dir() else { return Ok(None) };
        Ok(ModuleCache::open(&dir, self.bytes).inspect_err(|error| event!(warn, "{error}")).ok())
    }
}

impl Web {
    fn rules(&self) -> Result<Rules, ConfigError> {
        if let Some(scheme) = self.schemes.iter().find(|scheme| !["http", "https"].contains(&scheme.as_str())) {
            return Err(ConfigError::value(
                "web.schemes",
                format_args!("{scheme:?} is neither \"http\" nor \"https\""),
            ));
        }
        // What no request can have would refuse nothing, and say nothing.
        if let Some(name) = self.deny_headers.iter().find(|name| name.bytes().any(|byte| byte.is_ascii_uppercase())) {
            return Err(ConfigError::value("web.deny_headers", format_args!("write {name:?} in small letters")));
        }
        let is_token = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        };
        if let Some(name) = self.deny_headers.iter().find(|name| !is_token(name)) {
            return Err(ConfigError::value("web.deny_headers", format_args!("{name:?} is no name of a header")));
        }
        let is_method = |name: &String| is_token(name) && !name.bytes().any(|byte| byte.is_ascii_lowercase());
        if let Some(name) = self.methods.iter().find(|name| !is_method(name)) {
            return Err(ConfigError::value("web.methods", format_args!("{name:?} is no method: write it in capitals")));
        }
        Ok(Rules {
            schemes: self.schemes.clone(),
            ports: self.ports.clone(),
            allow_hosts: self.allow_hosts.clone(),
            deny_hosts: self.deny_hosts.clone(),
            allow_networks: self.allow_networks.clone(),
            deny_networks: self.deny_networks.clone(),
            methods: self.methods.clone(),
            deny_headers: self.deny_headers.clone(),
        })
    }

    fn limits(&self) -> web::Limits {
        web::Limits { time: self.time.0, body: self.max_body, head: self.max_head, redirects: self.redirects }
    }
}

impl Render {
    fn options(&self) -> RenderOptions {
        RenderOptions {
            driver: self.driver.clone(),
            browser: Some(self.browser.clone()).filter(|browser| !browser.as_os_str().is_empty()),
            no_sandbox: self.no_sandbox,
            time: self.time.0,
            answer: self.max_answer,
            window: (self.width, self.height),
        }
    }
}

impl ModelProvider {
    fn provider(&self) -> Result<Provider, ConfigError> {
        let bad_url = |what| ConfigError::value("model.providers.base_url", format_args!("{:?} {what}", self.base_url));
        let url = Url::parse(&self.base_url).map_err(|_| bad_url("is no address"))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(bad_url("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            // Not shown: it may hold a secret.
            let what = "must hold no user, password or query: put the key into key_file or key_env";
            return Err(ConfigError::value("model.providers.base_url", what));
        }
        let key = match (&self.key_file, &self.key_env) {
            (Some(path), None) => Some(Key::from_file(path)),
            (None, Some(name)) => Some(Key::from_env(name)),
            (None, None) => None,
            (Some(_), Some(_)) => {
                return Err(ConfigError::value("model.providers", "give key_file or key_env, not both"));
            }
        };
        let mut provider = Provider::new(&self.base_url, &self.model);
        provider.key = key.transpose().map_err(|error| ConfigError::value("model.providers", error))?;
        provider.proxy = self.proxy.as_deref().map(proxy).transpose()?;
        provider.timeout = self.timeout.0;
        provider.retries = self.retries;
        provider.backoff = self.backoff.0;
        Ok(provider)
    }
}

/// A proxy, which is not shown where it is none: it may hold a secret.
fn proxy(text: &str) -> Result<Proxy, ConfigError> {
    let refused = |what: &dyn std::fmt::Display| ConfigError::value("model.providers.proxy", what);
    let secret = Url::parse(text).is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
    if secret {
        return Err(refused(&"must hold no user and no password: name a proxy that takes the node without"));
    }
    text.parse().map_err(|error| refused(&error))
}
