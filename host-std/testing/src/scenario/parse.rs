//! From the file to scenarios.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use subvm_core::Address;

use super::calldata::{Names, Text, is_letter, unknown};
use super::document::{Is, Node, Wrong};
use super::expect::{Delivered, Event, Expect};
use super::step::{Action, Data, Lie, Said, Step, Stored};
use super::table::{Table, amount, hex, list, number, text, texts, truth};
use super::{Scenario, Source, Suite, world};
use crate::{Node as Asker, Script};

/// Validators beside the leader, where nothing is said, and the most there can be.
const VALIDATORS: usize = 2;
const MOST_VALIDATORS: usize = 1_000;

pub(super) fn suite(path: &Path, file: &Node) -> Result<Suite, Wrong> {
    let here = path.parent().unwrap_or(Path::new(""));
    let mut table = Table::of(file, "the file")?;
    let mut contracts = BTreeMap::new();
    for (name, line, node) in entries(table.take("contracts"), "contracts")? {
        contracts.insert(name_of(name, line)?, source(node)?);
    }
    let accounts = accounts(table.take("accounts"))?;
    let validators = table.read("validators", validators)?.unwrap_or(VALIDATORS);
    let deadline = table.read("deadline", deadline)?;
    let world = table.read("world", |node, key| world::rules(node, key, here))?.unwrap_or_default();
    let usual = Usual { accounts, validators, deadline, world };
    let golden = table.read("golden", text)?.map(|golden| here.join(golden));
    let listed = table.need("scenario")?;
    let mut scenarios: Vec<Scenario> = Vec::new();
    for node in list(listed, "scenario")? {
        let (names, snapshots) = (Names::new(), Vec::new());
        let reading = Reading { here, contracts: &contracts, names, snapshots, validators: usual.validators };
        let scenario = reading.scenario(node, &usual)?;
        if scenarios.iter().any(|other| other.name == scenario.name) {
            return Err((scenario.line, format!("there are two scenarios {}; give one another name", scenario.name)));
        }
        scenarios.push(scenario);
    }
    table.end()?;
    Ok(Suite { path: path.to_owned(), contracts, golden, scenarios })
}

/// The entries of a table with any keys.
fn entries<'d>(node: Option<&'d Node>, what: &'static str) -> Result<Vec<(&'d str, usize, &'d Node)>, Wrong> {
    node.map_or(Ok(Vec::new()), |node| Ok(Table::of(node, what)?.rest()))
}

fn name_of(name: &str, line: usize) -> Result<String, Wrong> {
    if !name.is_empty() && name.chars().all(is_letter) {
        return Ok(name.to_owned());
    }
    Err((line, format!("{name:?} cannot be a name: take letters, digits, - and _")))
}

/// What a scenario or a step is called.
fn one_line(node: &Node, key: &str) -> Result<String, Wrong> {
    let name = text(node, key)?;
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err((node.line, format!("{key} is one line, and not empty")));
    }
    Ok(name)
}

fn source(node: &Node) -> Result<Source, Wrong> {
    if let Is::Text(module) = &node.is {
        return Ok(Source { line: node.line, build: Vec::new(), module: module.into(), given: None });
    }
    let mut table = Table::of(node, "a contract")?;
    let module = text(table.need("module")?, "module")?;
    let build = table.read("build", texts)?.unwrap_or_default();
    table.end()?;
    Ok(Source { line: node.line, build, module: module.into(), given: None })
}

fn accounts(node: Option<&Node>) -> Result<BTreeMap<String, u128>, Wrong> {
    let mut accounts = BTreeMap::new();
    for (name, line, node) in entries(node, "accounts")? {
        accounts.insert(name_of(name, line)?, amount(node, name)?);
    }
    Ok(accounts)
}

fn validators(node: &Node, key: &str) -> Result<usize, Wrong> {
    let many = number(node, key)?;
    if many > MOST_VALIDATORS {
        return Err((node.line, format!("{key}: at most {MOST_VALIDATORS}")));
    }
    Ok(many)
}

/// Nodes of a transaction with so many validators.
fn nodes(node: &Node, key: &str, validators: usize) -> Result<Vec<Asker>, Wrong> {
    let one = |node: &Node| match world::asker(node, key)? {
        Asker::Validator(number) if number >= validators => {
            Err((node.line, format!("{key}: there is no validator {number}; there are {validators}, counted from 0")))
        }
        known => Ok(known),
    };
    list(node, key)?.iter().map(one).collect()
}

fn deadline(node: &Node, key: &str) -> Result<Duration, Wrong> {
    let time = duration(node, key)?;
    if time.is_zero() {
        return Err((node.line, format!("{key}: no run ends in no time; to let a node time out, use timeouts")));
    }
    Ok(time)
}

pub(super) fn duration(node: &Node, key: &str) -> Result<Duration, Wrong> {
    let text = text(node, key)?;
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let time = parsed.ok().and_then(|time| Duration::try_from(time).ok()).filter(|time| *time <= CENTURY);
    time.ok_or_else(|| {
        (node.line, format!("{key}: {text:?} is no time such as \"1h 30m\", \"10s\", of at most a century"))
    })
}

const CENTURY: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

fn slot(node: &Node, key: &str) -> Result<[u8; 32], Wrong> {
    hex(node, key)?.try_into().map_err(|_| (node.line, format!("{key}: a slot has 32 bytes: 64 hexadecimal digits")))
}

/// What the file says for all of its scenarios.
struct Usual {
    accounts: BTreeMap<String, u128>,
    validators: usize,
    deadline: Option<Duration>,
    world: Vec<Script>,
}

/// What is known while a scenario is read.
struct Reading<'f> {
    here: &'f Path,
    contracts: &'f BTreeMap<String, Source>,
    /// Accounts, and contracts that were deployed so far; their addresses are not known yet.
    names: Names,
    snapshots: Vec<String>,
    /// Beside the leader, but for appeals.
    validators: usize,
}

impl Reading<'_> {
    fn scenario(mut self, node: &Node, usual: &Usual) -> Result<Scenario, Wrong> {
        let mut table = Table::of(node, "a scenario")?;
        let name = one_line(table.need("name")?, "name")?;
        let mut all = usual.accounts.clone();
        all.extend(accounts(table.take("accounts"))?);
        if all.values().try_fold(0_u128, |sum, each| sum.checked_add(*each)).is_none() {
            return Err((node.line, "all that accounts have is more than 128 bits".into()));
        }
        self.names.extend(all.keys().map(|name| (name.clone(), Address::default())));
        self.validators = table.read("validators", validators)?.unwrap_or(usual.validators);
        let deadline = table.read("deadline", deadline)?.or(usual.deadline);
        let more = table.read("world", |node, key| world::rules(node, key, self.here))?.unwrap_or_default();
        let world = usual.world.iter().cloned().chain(more).collect();
        let listed = table.need("step")?;
        let steps = list(listed, "step")?.iter().map(|node| self.step(node)).collect::<Result<_, Wrong>>()?;
        table.end()?;
        let validators = self.validators;
        Ok(Scenario { name, line: node.line, accounts: all, validators, deadline, world, steps })
    }

    fn step(&mut self, node: &Node) -> Result<Step, Wrong> {
        let mut table = Table::of(node, "a step")?;
        let named = table.read("name", one_line)?;
        let (does, action) = self.action(&mut table)?;
        let runs =
            matches!(action, Action::Deploy { .. } | Action::Call { .. } | Action::View { .. } | Action::Appeal(_));
        let mut world = table.read("world", |node, key| world::rules(node, key, self.here))?.unwrap_or_default();
        world.shrink_to_fit();
        let lies =
            if runs { table.read("lies", |node, key| self.lies(node, key))?.unwrap_or_default() } else { Vec::new() };
        let voters = if let Action::Appeal(validators) = action { validators } else { self.validators };
        let timeouts = if runs { table.read("timeouts", |node, key| nodes(node, key, voters))? } else { None };
        let expect = match &action {
            _ if runs => self.expect(&mut table)?,
            Action::Finalize => Expect { delivered: self.delivered(&mut table)?, ..Expect::default() },
            _ => Expect::default(),
        };
        let mut balances = Vec::new();
        for (name, line, node) in entries(table.take("balances"), "balances")? {
            self.known(name, line)?;
            balances.push((name.to_owned(), amount(node, name)?));
        }
        let storage = table.read("storage", |node, key| self.storage(node, key))?.unwrap_or_default();
        let idle = matches!(action, Action::Nothing) && balances.is_empty() && storage.is_empty() && world.is_empty();
        table.end()?;
        if idle {
            return Err((node.line, format!("a step does something: {ACTIONS}, or looks at balances or storage")));
        }
        let (label, timeouts) = (named.unwrap_or(does), timeouts.unwrap_or_default());
        Ok(Step { line: node.line, label, action, world, lies, timeouts, expect, balances, storage })
    }

    /// What a step does, and how that is called.
    fn action(&mut self, table: &mut Table<'_>) -> Result<(String, Action), Wrong> {
        let line = table.line;
        let mut found: Option<(String, Action)> = None;
        for key in ["deploy", "call", "view", "appeal", "finalize", "pass", "snapshot", "restore", "write"] {
            let Some(node) = table.take(key) else { continue };
            if let Some((other, _)) = &found {
                return Err((line, format!("a step does one thing, and this one does two: {other}, and {key}")));
            }
            found = Some(self.act(key, node, table)?);
        }
        Ok(found.unwrap_or(("check".into(), Action::Nothing)))
    }

    fn act(&mut self, key: &'static str, node: &Node, table: &mut Table<'_>) -> Result<(String, Action), Wrong> {
        let line = node.line;
        Ok(match key {
            "deploy" => self.deploy(node, table)?,
            "call" => {
                let to = self.named(node, key)?;
                let from = table.read("from", |node, key| self.named(node, key))?;
                let value = table.read("value", amount)?.unwrap_or(0);
                let (does, data) = self.data(&to, table)?;
                (does, Action::Call { to, from, value, data })
            }
            "view" => {
                let to = self.named(node, key)?;
                let (does, data) = self.data(&to, table)?;
                (does, Action::View { to, data })
            }
            "appeal" => ("appeal".into(), Action::Appeal(validators(node, key)?)),
            "finalize" if truth(node, key)? => (key.into(), Action::Finalize),
            "finalize" => return Err((line, "finalize is true, or left out".into())),
            "pass" => (key.into(), Action::Pass(duration(node, key)?)),
            "snapshot" => {
                let name = text(node, key)?;
                self.snapshots.push(name.clone());
                (format!("snapshot {name}"), Action::Snapshot(name))
            }
            "restore" => {
                let name = text(node, key)?;
                if !self.snapshots.contains(&name) {
                    let known = self.snapshots.join(", ");
                    return Err((line, format!("there is no snapshot {name} before this; there are: {known}")));
                }
                (format!("restore {name}"), Action::Restore(name))
            }
            _ => {
                let to = self.named(node, key)?;
                let slot = slot(table.need("slot")?, "slot")?;
                let page = table.read("page", number)?.unwrap_or(0);
                let bytes = hex(table.need("bytes")?, "bytes")?;
                if bytes.len() > 32 {
                    return Err((line, "bytes: a page has 32".into()));
                }
                (format!("write {to}"), Action::Write { to, slot, page, bytes })
            }
        })
    }

    fn deploy(&mut self, node: &Node, table: &mut Table<'_>) -> Result<(String, Action), Wrong> {
        let contract = text(node, "deploy")?;
        if !self.contracts.contains_key(&contract) {
            let known: Vec<&str> = self.contracts.keys().map(|name| &**name).collect();
            return Err((node.line, format!("contracts has no {contract}; there are: {}", known.join(", "))));
        }
        let called = table.read("as", |node, key| name_of(&text(node, key)?, node.line))?;
        let called = called.unwrap_or_else(|| contract.clone());
        if self.names.insert(called.clone(), Address::default()).is_some() {
            return Err((
                node.line,
                format!("something is called {called} already; give it another name with the key as"),
            ));
        }
        let from = table.read("from", |node, key| self.named(node, key))?;
        let value = table.read("value", amount)?.unwrap_or(0);
        let arguments = self.calldata("arguments", table)?;
        Ok((format!("deploy {called}"), Action::Deploy { contract, called, from, value, arguments }))
    }

    fn data(&self, to: &str, table: &mut Table<'_>) -> Result<(String, Data), Wrong> {
        let line = table.line;
        let method = table.read("method", text)?;
        let arguments = self.calldata("arguments", table)?;
        let whole = self.calldata("calldata", table)?;
        let bytes = table.read("bytes", hex)?;
        match (method, arguments, whole, bytes) {
            (Some(method), arguments, None, None) => Ok((format!("{to}.{method}"), Data::Method(method, arguments))),
            (None, None, Some(calldata), None) => Ok((format!("{to} with calldata"), Data::Calldata(calldata))),
            (None, None, None, Some(bytes)) => Ok((format!("{to} with bytes"), Data::Bytes(bytes))),
            _ => Err((line, "a call has method and perhaps arguments, or calldata, or bytes".into())),
        }
    }

    /// Something by its name.
    fn named(&self, node: &Node, key: &str) -> Result<String, Wrong> {
        let name = text(node, key)?;
        self.known(&name, node.line)?;
        Ok(name)
    }

    fn known(&self, name: &str, line: usize) -> Result<(), Wrong> {
        if self.names.contains_key(name) { Ok(()) } else { Err((line, unknown(name, &self.names))) }
    }

    fn calldata(&self, key: &'static str, table: &mut Table<'_>) -> Result<Option<Text>, Wrong> {
        table.read(key, |node, key| {
            let text = Text(text(node, key)?);
            let value = text.value(&self.names).map_err(|why| (node.line, format!("{key}: {why}")))?;
            if key == "arguments" && value.as_map().is_none() {
                return Err((node.line, format!("arguments are a map, such as {{\"to\": $bob}}, not {value}")));
            }
            Ok(text)
        })
    }

    fn said(&self, table: &mut Table<'_>) -> Result<Option<Said>, Wrong> {
        let line = table.line;
        match (self.calldata("returns", table)?, table.read("fails", text)?) {
            (Some(_), Some(_)) => Err((line, "it returns or fails, not both".into())),
            (Some(value), None) => Ok(Some(Said::Returns(value))),
            (None, fails) => Ok(fails.map(Said::Fails)),
        }
    }

    fn lies(&self, node: &Node, key: &str) -> Result<Vec<Lie>, Wrong> {
        let lie = |node: &Node| {
            let mut table = Table::of(node, "a lie")?;
            let result = table.read("result", number)?.unwrap_or(0);
            let says = self.said(&mut table)?.ok_or((node.line, "a lie returns or fails".to_owned()))?;
            table.end()?;
            Ok(Lie { result, says })
        };
        list(node, key)?.iter().map(lie).collect()
    }

    fn expect(&self, table: &mut Table<'_>) -> Result<Expect, Wrong> {
        let outcome = self.said(table)?;
        let accepted = table.read("accepted", truth)?;
        let votes = table.read("votes", |node, key| {
            let votes = texts(node, key)?;
            match votes.iter().find(|vote| !["agree", "disagree", "timeout"].iter().any(|kind| vote.starts_with(kind)))
            {
                Some(vote) => Err((
                    node.line,
                    format!("{vote:?} is no vote: agree, disagree, timeout, or one of these with its reason"),
                )),
                None => Ok(votes),
            }
        })?;
        let events = table.read("events", |node, key| {
            let event = |node: &Node| {
                let mut table = Table::of(node, "an event")?;
                let (name, fields) = (table.read("name", text)?, self.calldata("fields", &mut table)?);
                table.end()?;
                Ok(Event { name, fields })
            };
            list(node, key)?.iter().map(event).collect()
        })?;
        Ok(Expect { outcome, accepted, votes, events, delivered: self.delivered(table)? })
    }

    fn delivered(&self, table: &mut Table<'_>) -> Result<Option<Vec<Delivered>>, Wrong> {
        table.read("delivered", |node, key| {
            let message = |node: &Node| {
                let mut table = Table::of(node, "a message that is delivered")?;
                let to = table.read("to", |node, key| self.named(node, key))?;
                let expect = self.expect(&mut table)?;
                table.end()?;
                Ok(Delivered { to, expect })
            };
            list(node, key)?.iter().map(message).collect()
        })
    }

    fn storage(&self, node: &Node, key: &str) -> Result<Vec<Stored>, Wrong> {
        let stored = |node: &Node| {
            let mut table = Table::of(node, "an entry of storage")?;
            let of = self.named(table.need("of")?, "of")?;
            let slot = slot(table.need("slot")?, "slot")?;
            let from = table.read("from", number::<u32>)?.unwrap_or(0);
            let bytes = hex(table.need("bytes")?, "bytes")?;
            table.end()?;
            if u32::try_from(bytes.len()).ok().and_then(|len| from.checked_add(len)).is_none() {
                return Err((node.line, "a slot has 2^32 - 1 bytes".into()));
            }
            Ok(Stored { line: node.line, of, slot, from, bytes })
        };
        list(node, key)?.iter().map(stored).collect()
    }
}

const ACTIONS: &str = "deploy, call, view, appeal, finalize, pass, snapshot, restore, write, world";
