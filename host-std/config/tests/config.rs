//! The configuration file, and its page.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use subvm_config::{Config, Engine, KEYS, Time};
use subvm_core::Params;

fn error(text: &str) -> String {
    match Config::parse(text, "node.toml").and_then(|config| config.services()) {
        Ok(_) => panic!("{text:?} was taken"),
        Err(error) => error.to_string(),
    }
}

/// A configuration with everything in it.
fn full() -> Config {
    let provider = "[[model.providers]]\nbase_url = 'http://localhost/v1'\nmodel = 'm'\nkey_file = 'f'\nkey_env = 'V'\nproxy = 'http://p'";
    Config::parse(
        &format!(
            "{provider}\n[consensus]\npersonality = 'program'\nexceptions = true\n[[consensus.changes]]\nfrom = 100"
        ),
        "full",
    )
    .unwrap()
}

/// The paths and values of everything in a configuration.
fn flatten(value: &toml::Value, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                flatten(value, &format!("{path}.{key}"), into);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            items.iter().for_each(|item| flatten(item, path, into));
        }
        value => into.push((path.trim_start_matches('.').to_owned(), value.to_string())),
    }
}

fn values(config: &Config) -> Vec<(String, String)> {
    let mut values = Vec::new();
    flatten(&toml::Value::try_from(config).unwrap(), "", &mut values);
    values
}

#[test]
fn every_key_is_listed_and_every_listed_key_is_one() {
    let values = values(&full());
    let found: BTreeSet<&str> = values.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(found, KEYS.iter().map(|key| key.path).collect());
}

#[test]
fn what_is_written_is_read_back() {
    for config in [Config::default(), full()] {
        assert_eq!(Config::parse(&toml::to_string(&config).unwrap(), "again").unwrap(), config);
    }
    assert_eq!(Config::parse("", "empty").unwrap(), Config::default());
}

#[test]
fn mistakes_are_explained() {
    for (text, expected) in [
        ("[wbe]\nenabled = true", "node.toml:1: unknown key wbe: did you mean web?"),
        ("\n[web]\nenable = true", "node.toml:3: unknown key web.enable: did you mean web.enabled?"),
        (
            "[[model.providers]]\nbase-url = ''",
            "node.toml:2: unknown key model.providers.base-url: did you mean model.providers.base_url?",
        ),
        ("quite_else = 1", "node.toml:1: unknown key quite_else"),
        ("[web]\nports = [99999]", "node.toml:2: "),
        ("[web]\nports = 'all'", "node.toml:2: "),
        ("[web", "node.toml:1: "),
        ("[run]\ndeadline = '5'", "node.toml:2: \"5\" is no length of time: write it as 30s, 500ms or 1m 30s"),
        ("[run]\ndeadline = '-5s'", "node.toml:2: \"-5s\" is no length of time"),
        ("[web]\nallow_networks = ['10.0.0.0/40']", "node.toml:2: \"10.0.0.0/40\" is not a range of IP addresses"),
        ("[web]\ndeny_networks = ['example.com']", "node.toml:2: \"example.com\" is not a range of IP addresses"),
        (
            "[web]\ndeny_hosts = ['*example.com']",
            "node.toml:2: \"*example.com\" is no pattern of hosts: write \"*.example.com\" for all hosts below example.com",
        ),
        (
            "[web]\nallow_hosts = ['http://example.com']",
            "node.toml:2: \"http://example.com\" is no host: write example.com",
        ),
        ("[consensus]\nfloats = 'hard'", "node.toml:2: unknown variant `hard`"),
        (
            "[consensus]\npersonality = 'odd'",
            "node.toml:2: unknown variant `odd`, expected one of `seed`, `program`, `genvm`",
        ),
        (
            "[consensus]\nprofile = 'genvm-1'",
            "node.toml:2: unknown variant `genvm-1`, expected one of `seed`, `genvm-0.1`, `genvm-0.2`, `genvm-0.3`",
        ),
        (
            "[consensus]\nannounce_root = true",
            "node.toml:2: unknown key consensus.announce_root: it is now consensus.personality, `program` for true, `seed` for false",
        ),
        ("announce_root = true", "node.toml:1: unknown key announce_root: it is now consensus.personality"),
        ("[[consensus.changes]]\nfrom = 5\nflots = 'soft'", "node.toml:3: unknown key consensus.changes.flots"),
        ("[[consensus.changes]]\nfrom = 5\nlimits.dept = 1", "node.toml:3: unknown key consensus.changes.limits.dept"),
        ("[[consensus.changes]]\nfloats = 'soft'", "node.toml:1: missing field `from`"),
        (
            "[[consensus.changes]]\nfrom = 5\nfloats = 'hard'",
            "consensus.changes, from height 5: unknown variant `hard`, expected one of `soft`, `trap`, `canonical`",
        ),
        ("[[consensus.changes]]\nfrom = 5\nlimits.depth = -1", "consensus.changes, from height 5: invalid value"),
        (
            "[[consensus.changes]]\nfrom = 5\nchanges = []",
            "consensus.changes, from height 5: a change holds no changes",
        ),
        ("[[consensus.changes]]\nfrom = 1", "consensus: the rules of height 1 come after those of 1"),
        (
            "[[consensus.changes]]\nfrom = 5\n[[consensus.changes]]\nfrom = 4",
            "consensus: the rules of height 4 come after those of 5: give each height once, ascending",
        ),
        (
            "[[consensus.changes]]\nfrom = 5\nschedule = 9",
            "consensus: the rules from height 5 on: parameters ask for schedule 9",
        ),
        (
            "[consensus]\nlowering = 2",
            "consensus: the rules from height 1 on: parameters ask for schedule 1 and lowering 2",
        ),
        ("[consensus]\nrefused_env = ['A*B']", "node.toml:2: \"A*B\" is no pattern of refused names"),
        ("[consensus.limits]\ndepth = -1", "node.toml:2: invalid value: integer `-1`, expected u32"),
        ("[consensus]\ngas_time = 1", "node.toml:2: unknown key consensus.gas_time"),
        (
            "[run]\nengine = 'wasmer'",
            "node.toml:2: unknown variant `wasmer`, expected one of `wasmtime`, `pulley`, `wasmi`",
        ),
        ("[run]\nlog = 'web=loud'", "run.log: \"web=loud\" is no filter"),
        ("[modules]\nconcurrency = 0", "modules.concurrency: must be at least 1"),
        ("[web]\nenabled = true\nschemes = ['ftp']", "web.schemes: \"ftp\" is neither"),
        ("[web]\ndeny_headers = ['Cookie']", "web.deny_headers: write \"Cookie\" in small letters"),
        ("[web]\ndeny_headers = ['cookie:']", "web.deny_headers: \"cookie:\" is no name of a header"),
        ("[web]\ndeny_headers = ['']", "web.deny_headers: \"\" is no name"),
        ("[web]\nmethods = ['get']", "web.methods: \"get\" is no method: write it in capitals"),
        ("[web]\nmethods = ['GET ']", "web.methods: \"GET \" is no method"),
        ("[[model.providers]]\nmodel = 'm'", "node.toml:1: missing field `base_url`"),
        ("[[model.providers]]\nmodel = 'm'\nbase_url = 'ftp://a'", "model.providers.base_url: \"ftp://a\" is neither"),
        (
            "[[model.providers]]\nmodel = 'm'\nbase_url = 'http://a'\nkey_env = 'SUBVM_TEST_UNSET'",
            "model.providers: the environment variable SUBVM_TEST_UNSET is not set",
        ),
        (
            "[[model.providers]]\nmodel = 'm'\nbase_url = 'http://a'\nproxy = 'socks5://p:1'",
            "model.providers.proxy: not a proxy that is known: write it as http://proxy.example:3128",
        ),
    ] {
        let found = error(text);
        assert!(found.starts_with(expected), "{text:?}: {found:?} instead of {expected:?}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
    assert!(!error("[[model.providers]]\nmodel = 'm'\nbase_url = 'http://u:secret@a'").contains("secret"));
    let proxied = "[[model.providers]]\nmodel = 'm'\nbase_url = 'http://a'\nproxy = 'http://u:secret@p:1'";
    let found = error(proxied);
    assert!(found.contains("no password") && !found.contains("secret"), "{found}");
    let missing = Config::load(Path::new("/nowhere/node.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/node.toml: cannot be read: "), "{missing}");
}

#[test]
fn services_are_what_is_configured() {
    let none = Config::default().services().unwrap();
    assert!(none.web.is_none() && none.render.is_none() && none.model.is_none());
    let text = "[web]\nenabled = true\n[render]\nenabled = true\n[[model.providers]]\nbase_url = 'http://localhost/v1'\nmodel = 'm'\ntimeout = '1m 30s'";
    let config = Config::parse(text, "node.toml").unwrap();
    assert_eq!(config.model.providers[0].timeout, Time(std::time::Duration::from_secs(90)));
    let both = config.services().unwrap();
    assert!(both.web.is_some() && both.model.is_some());
    let modules = format!("{:?}", both.module_set());
    for name in ["WebRequest", "WebRender", "ExecPrompt", "ExecPromptTemplate"] {
        assert!(modules.contains(name), "{modules}");
    }
    assert_eq!(config.consensus.params(), subvm_core::Params::default());
}

#[test]
fn a_chain_chooses_its_profile_by_name() {
    for profile in subvm_core::Profile::ALL {
        let config = Config::parse(&format!("[consensus]\nprofile = '{}'", profile.name()), "node.toml").unwrap();
        assert_eq!(config.consensus.params().profile, profile);
    }
}

#[test]
fn a_chain_chooses_its_parameters() {
    let text = "[consensus]\nfloats = 'trap'\npersonality = 'program'\nrefused_env = ['my_*']\n[consensus.limits]\ngas_time = 5";
    let params = Config::parse(text, "node.toml").unwrap().consensus.params();
    assert_eq!(params.floats, subvm_core::FloatPolicy::Trap);
    assert_eq!(params.personality, subvm_core::Personality::Program);
    assert!(params.refused_env.refuses("MY_NAME") && !params.refused_env.refuses("LD_PRELOAD"));
    assert_eq!((params.limits.gas_time, params.limits.depth), (5, 512));
}

#[test]
fn a_chain_changes_its_rules_at_heights() {
    let text = "[consensus]\nfrom = 10\nfloats = 'trap'\nlimits.gas_time = 5\nlimits.depth = 3\n\
        [[consensus.changes]]\nfrom = 100\nlimits.gas_time = 6\nrefused_env = ['my_*']\n\
        [[consensus.changes]]\nfrom = 200\nfloats = 'soft'";
    let consensus = Config::parse(text, "node.toml").unwrap().consensus;
    let rules = consensus.rules().unwrap();
    let at = |height| (**rules.at(height).unwrap()).clone();
    assert_eq!((at(10), at(99)), (consensus.params(), consensus.params()));
    let expected = |height: u64| {
        let params = at(height);
        let named = params.refused_env.refuses("MY_NAME");
        (params.floats, params.limits.gas_time, params.limits.depth, named)
    };
    use subvm_core::FloatPolicy::{Soft, Trap};
    assert_eq!(expected(99), (Trap, 5, 3, false));
    assert_eq!(expected(100), (Trap, 6, 3, true));
    assert_eq!(expected(199), (Trap, 6, 3, true));
    assert_eq!(expected(u64::MAX), (Soft, 6, 3, true));
    let error = rules.at(9).unwrap_err().to_string();
    assert!(error.contains("height 9 has no rules, the first are of 10"), "{error}");
    // What is left out does not become another release's.
    let Params { schedule, lowering, .. } = Config::default().consensus.params();
    assert_eq!((schedule, lowering), (1, 1));
}

/// Whether this build has an engine is asked before anything runs.
#[test]
fn an_engine_that_is_not_built_is_refused_where_it_is_named() {
    for engine in Engine::ALL {
        let config = Config::parse(&format!("[run]\nengine = '{engine}'"), "node.toml").unwrap();
        assert_eq!(config.run.engine, *engine);
        match engine.builder() {
            Ok(builder) => drop((builder.map(|builder| builder.build().unwrap()), config.services().unwrap())),
            Err(error) => {
                let expected = format!("run.engine: this build lacks {engine}: build it with `--features {engine}`");
                assert_eq!(
                    (error.to_string(), config.services().unwrap_err().to_string()),
                    (expected.clone(), expected)
                );
            }
        }
    }
    assert!(Engine::Wasmtime.builder().is_ok());
    assert_eq!(
        "wasmer".parse::<Engine>().unwrap_err(),
        "\"wasmer\" is no engine: there are wasmtime, pulley, wasmi, tiered"
    );
}

/// `docs/config.md` as the list of keys makes it.
fn page() -> String {
    let values = values(&full());
    let mut page = String::from(
        "# Configuration\n\nOne TOML file. `subvm config check FILE` says what is wrong with one. What the command line says, overrides it; \
         a key that is left out has the default. Lengths of time are written `30s`, `500ms` or `1m 30s`.\n\n\
         This page is made from the list in `host-std/config/src/keys.rs`, by `SUBVM_RECORD=1 cargo test --workspace --test config`.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.path.rsplit_once('.').unwrap();
        if of != section {
            section = of;
            let several = ["model.providers", "consensus.changes"].contains(&of);
            let title = if several { format!("[[{of}]]") } else { format!("[{of}]") };
            write!(page, "\n## `{title}`\n\n| key | default | meaning |\n|---|---|---|\n").unwrap();
        }
        let given = ["consensus.personality", "consensus.exceptions", "consensus.changes.from"].contains(&key.path)
            || ["base_url", "model", "key_file", "key_env", "proxy"].contains(&name) && of == "model.providers";
        let default = values.iter().find(|(path, _)| path == key.path).filter(|_| !given);
        let default = default.map_or("".into(), |(_, value)| format!("`{value}`"));
        writeln!(page, "| `{name}` | {default} | {} |", key.meaning).unwrap();
    }
    page
}

#[test]
fn the_page_says_what_is_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, page()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), page(), "record it again, see the page");
}
