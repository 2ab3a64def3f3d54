//! Every key, with what it means: the one list that `docs/config.md` and the search for unknown keys are made of.

use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A key of the configuration.
///
/// ```
/// use subvm_config::KEYS;
/// let deadline = KEYS.iter().find(|key| key.path == "run.deadline").unwrap();
/// assert_eq!(deadline.meaning, "How long a run may take before it becomes an internal error.");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Its section and name.
    pub path: &'static str,
    /// What it means, with units.
    pub meaning: &'static str,
}

macro_rules! keys {
    ($($path:literal: $meaning:literal,)*) => {
        /// All keys, section by section.
        pub const KEYS: &[Key] = &[$(Key { path: $path, meaning: $meaning }),*];
    };
}

keys! {
    "consensus.from": "The first height that these rules are in force for.",
    "consensus.schedule": "The version of prices ([upgrades.md](upgrades.md)).",
    "consensus.lowering": "The version of lowering.",
    "consensus.floats": "What float instructions do: `soft`, `trap` or `canonical`.",
    "consensus.profile": "Whose rules contracts find where they contradict each other: `seed`, subvm's own, or `genvm-0.1`, `genvm-0.2`, `genvm-0.3` ([what they mean](genvm.md#profiles)).",
    "consensus.personality": "How files and processes behave: `seed`, the seed to the letter, `program`, as stock libcs expect, or `genvm`, as GenVM 0.3 has it. Where it is left out, `program` for `subvm exec`, `genvm` for `subvm run --line` and `subvm genvm run`, `seed` for all else.",
    "consensus.exceptions": "Whether modules may use WebAssembly's exceptions, which `wasmtime` has and `wasmi` has not. Where it is left out, `true` for `subvm exec`, `false` for all else.",
    "consensus.fingerprints": "Whether a failed run carries a fingerprint of its machine.",
    "consensus.refused_env": "Names that an environment must not hold, whatever their case: letters, digits and `_`, with `*` before, after, or both.",
    "consensus.limits.ram": "Bytes of RAM for all deterministic sub-VMs of a run, and as many for the others.",
    "consensus.limits.open_fds": "Descriptors open at once in a sub-VM.",
    "consensus.limits.depth": "Nested sub-VMs.",
    "consensus.limits.nondet_blocks": "Non-deterministic blocks in a transaction.",
    "consensus.limits.stack_units": "Stack units for each mode.",
    "consensus.limits.nondet_result": "Bytes of one non-deterministic result.",
    "consensus.limits.fingerprint_frames": "Innermost frames that a fingerprint lists, at most 1,024.",
    "consensus.limits.gas_time": "Time gas of the deterministic side, in ticks.",
    "consensus.limits.gas_time_nondet": "Time gas of all non-deterministic sub-VMs of a run together, in ticks.",
    "consensus.limits.gas_storage": "Storage gas, in pages of 32 bytes.",
    "consensus.limits.gas_data": "Data gas, in bytes.",
    "consensus.changes.from": "The first height of a change, beside which stand those keys of `consensus` that have other values from there on, such as `schedule` or `limits.gas_time`; all others stay. Each `[[consensus.changes]]` is one, heights ascend.",
    "run.engine": "What runs sub-VMs: `wasmtime`, its interpreter `pulley`, the interpreter `wasmi`, or `tiered`, which begins on wasmi while wasmtime compiles; where the build has them. Receipts do not depend on it.",
    "run.deadline": "How long a run may take before it becomes an internal error.",
    "run.log": "What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or a filter such as `warn,subvm_modules::web=debug`.",
    "store.dir": "The directory of the ledger; created when missing.",
    "store.verify": "Whether the ledger's file is read through when it is opened. Turn it off only where the file system checks its content.",
    "cache.enabled": "Whether compiled modules are kept on disk, for the next start.",
    "cache.dir": "Their directory, created when missing; nobody but its owner may write to it. Empty for `subvm` in the user's directory for caches: `$XDG_CACHE_HOME`, or `~/.cache`.",
    "cache.bytes": "Bytes that they may have together; what was not used for longest goes first.",
    "random.pseudo_random_fallback": "Whether non-deterministic code gets pseudo-random bytes, which can be foreseen, when the operating system has no secure ones.",
    "modules.concurrency": "Web and model requests of a run that are under way at once.",
    "web.enabled": "Whether contracts may make web requests.",
    "web.schemes": "Allowed schemes.",
    "web.ports": "Allowed ports.",
    "web.allow_hosts": "Allowed hosts, names or addresses in any spelling; all where it is empty. `*.example.com` stands for all hosts below `example.com`, not for that host itself.",
    "web.deny_hosts": "Refused hosts, also where they are allowed. A name refuses the name alone, whatever else leads to its addresses; an address is refused as in `deny_networks`.",
    "web.allow_networks": "Ranges of addresses that may be reached although they are not public, such as `127.0.0.0/8`.",
    "web.deny_networks": "Ranges of addresses that are refused, also where they are public or allowed, whichever name or redirect leads there: give the node's own public addresses.",
    "web.methods": "Allowed methods; `CONNECT` and `TRACE` never are.",
    "web.deny_headers": "Refused request headers, in small letters, beside those of the connection itself.",
    "web.time": "How long a request may take, redirects included.",
    "web.max_body": "Bytes of an answer's body.",
    "web.max_head": "Bytes of an answer's status line and headers.",
    "web.redirects": "Redirects that are followed.",
    "render.enabled": "Whether contracts may have pages rendered, from where section `web` allows.",
    "render.driver": "The WebDriver program, by name or path.",
    "render.browser": "The browser, by path; empty for the one that the driver finds.",
    "render.no_sandbox": "Whether the browser runs without its sandbox, as it must where it runs as root. Better not: run the node as another user.",
    "render.time": "How long a page may take, the browser's start included.",
    "render.max_answer": "Bytes of a text or a screenshot.",
    "render.width": "Width of the browser's window, in pixels.",
    "render.height": "Height of the browser's window, in pixels.",
    "model.providers.base_url": "An endpoint that speaks the protocol of OpenAI's chat completions: what comes before `/chat/completions`. Each `[[model.providers]]` is one; the first that answers is taken.",
    "model.providers.model": "The name of the model.",
    "model.providers.key_file": "The file that holds the key, where the endpoint wants one.",
    "model.providers.key_env": "The environment variable that holds the key; not beside `key_file`.",
    "model.providers.proxy": "The HTTP proxy that leads to the endpoint, such as `http://proxy.example:3128`, without user and password; left out for none. No module reads variables such as `ALL_PROXY`.",
    "model.providers.timeout": "How long an answer may take, all attempts together.",
    "model.providers.retries": "How often to try again when the endpoint is busy (429), unwell (5xx) or not there.",
    "model.providers.backoff": "The wait before the first of them; each next one waits twice as long, unless the endpoint says how long.",
}

/// Keys that there were, in any section, and what took their place.
const GONE: &[(&str, &str)] = &[("announce_root", "now consensus.personality, `program` for true, `seed` for false")];

/// Looks for keys that are none.
pub(super) fn check(text: &str, name: &str) -> Result<(), ConfigError> {
    let table = DeTable::parse(text).map_err(|error| ConfigError::toml(name, text, &error))?;
    check_table(table.get_ref(), "").map_err(|(offset, path)| {
        let gone = GONE.iter().find(|(old, _)| path.rsplit('.').next() == Some(*old));
        let hint = match (gone, nearest(&path)) {
            (Some((_, instead)), _) => format!(": it is {instead}"),
            (None, Some(near)) => format!(": did you mean {near}?"),
            (None, None) => String::new(),
        };
        ConfigError::at(name, text, offset, &format!("unknown key {path}{hint}"))
    })
}

/// The offset and path of a key that is none.
fn check_table(table: &DeTable<'_>, above: &str) -> Result<(), (usize, String)> {
    for (key, value) in table {
        let path = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        let section = format!("{path}.");
        // What a change changes is named as it is where it stands otherwise.
        let changed = path.strip_prefix("consensus.changes.").map(|key| format!("consensus.{key}"));
        let is_known = |key: &Key| {
            key.path == path
                || changed.as_deref() == Some(key.path)
                || key.path.starts_with(&section)
                || changed.as_ref().is_some_and(|changed| key.path.starts_with(&format!("{changed}.")))
        };
        if !KEYS.iter().any(is_known) {
            return Err((key.span().start, path));
        }
        match value.get_ref() {
            DeValue::Table(table) => check_table(table, &path)?,
            DeValue::Array(items) => {
                items
                    .iter()
                    .filter_map(|item| item.get_ref().as_table())
                    .try_for_each(|item| check_table(item, &path))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The key or section that is spelled most like `path`, where one is.
fn nearest(path: &str) -> Option<&'static str> {
    let depth = path.matches('.').count();
    let known = KEYS.iter().map(|key| match key.path.match_indices('.').nth(depth) {
        Some((end, _)) => &key.path[..end],
        None => key.path,
    });
    let known = known.map(|known| (strsim::damerau_levenshtein(known, path), known));
    known.min().filter(|(distance, _)| *distance <= 1 + path.len() / 5).map(|(_, known)| known)
}
