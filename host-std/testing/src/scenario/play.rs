//! A scenario is run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::calldata::{Map, Value};
use subvm_core::{Address, Outcome};

use super::calldata::Names;
use super::expect::deliveries_hold;
use super::step::{Action, Data, Lie, Said, Step, Stored};
use super::{Failure, Ran, Scenario, Taken};
use crate::{Chain, Snapshot, Transaction};

pub(super) fn play(scenario: &Scenario, modules: &BTreeMap<&str, Arc<[u8]>>) -> Ran {
    let mut chain = Chain::new();
    chain.validators = scenario.validators;
    chain.tolerate_endless();
    chain.deadline = scenario.deadline.unwrap_or(chain.deadline);
    let accounts = scenario.accounts.iter().map(|(name, balance)| (name.clone(), chain.account(name, *balance)));
    let mut play = Play { names: accounts.collect(), modules, snapshots: BTreeMap::new(), taken: Vec::new(), chain };
    for script in &scenario.world {
        play.chain.world(script.clone());
    }
    let failure = scenario.steps.iter().find_map(|step| {
        let (line, why) = play.step(step).err()?;
        Some(Failure { line, what: format!("{}: {why}", step.label) })
    });
    Ran { name: scenario.name.clone(), line: scenario.line, failure, taken: play.taken }
}

struct Play<'m> {
    chain: Chain,
    names: Names,
    modules: &'m BTreeMap<&'m str, Arc<[u8]>>,
    snapshots: BTreeMap<String, Snapshot>,
    taken: Vec<Taken>,
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), (usize, String)> {
        for script in &step.world {
            self.chain.world(script.clone());
        }
        self.act(step).map_err(|why| (step.line, why))?;
        for (name, expected) in &step.balances {
            let has = self.chain.balance(self.address(name));
            if has != *expected {
                return Err((step.line, format!("expected {name} to have {expected}; it has {has}")));
            }
        }
        step.storage.iter().try_for_each(|stored| self.stored(stored).map_err(|why| (stored.line, why)))
    }

    /// The address of a name: parsing saw that there is one.
    fn address(&self, name: &str) -> Address {
        self.names.get(name).copied().unwrap_or_default()
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Nothing => Ok(()),
            Action::Deploy { contract, called, from, value, arguments } => {
                let from = self.payer(from.as_deref(), *value)?;
                let arguments = arguments.as_ref().map(|text| text.value(&self.names)).transpose()?;
                let arguments = arguments.unwrap_or_else(|| Map::new().into());
                let module = Arc::clone(&self.modules[&**contract]);
                let deployed = self.running(step, |chain| chain.try_deploy(from, &module, &arguments, *value))?;
                self.names.insert(called.clone(), deployed.contract);
                self.judge(step, deployed)
            }
            Action::Call { to, from, value, data } => {
                let (from, to, bytes) = (self.payer(from.as_deref(), *value)?, self.address(to), self.bytes(data)?);
                let called = self.running(step, |chain| chain.send_bytes(from, to, *value, &bytes))?;
                self.judge(step, called)
            }
            Action::View { to, data } => {
                let (to, bytes) = (self.address(to), self.bytes(data)?);
                let seen = self.running(step, |chain| chain.view_bytes(to, &bytes))?;
                self.judge(step, seen)
            }
            Action::Appeal(validators) => {
                if !self.chain.can_appeal() {
                    return Err("there is no transaction to appeal: none yet, or all are final".into());
                }
                let appealed = self.running(step, |chain| chain.appeal(*validators))?;
                self.judge(step, appealed)
            }
            Action::Finalize => {
                let delivered = self.chain.finalize();
                self.endless()?;
                let held = step.expect.delivered.as_ref();
                let held = held.map_or(Ok(()), |expected| deliveries_hold(expected, &delivered, &self.names));
                for (number, transaction) in delivered.into_iter().enumerate() {
                    self.taken.push(Taken {
                        line: step.line,
                        step: format!("{}, message {number}", step.label),
                        transaction,
                    });
                }
                held
            }
            Action::Pass(time) => {
                self.chain.pass(*time);
                Ok(())
            }
            Action::Snapshot(name) => {
                self.snapshots.insert(name.clone(), self.chain.snapshot());
                Ok(())
            }
            Action::Restore(name) => {
                self.chain.restore(&self.snapshots[name]);
                Ok(())
            }
            Action::Write { to, slot, page, bytes } => {
                self.chain.write(self.address(to), *slot, *page, bytes);
                Ok(())
            }
        }
    }

    /// Who pays, and can.
    fn payer(&self, from: Option<&str>, value: u128) -> Result<Address, String> {
        let (name, address) = from.map_or(("nobody", Address::default()), |name| (name, self.address(name)));
        let has = self.chain.balance(address);
        if has < value { Err(format!("{name} has {has}, and sends {value}")) } else { Ok(address) }
    }

    fn bytes(&self, data: &Data) -> Result<Vec<u8>, String> {
        let value = match data {
            Data::Bytes(bytes) => return Ok(bytes.clone()),
            Data::Calldata(text) => text.value(&self.names)?,
            Data::Method(method, arguments) => {
                let arguments = arguments.as_ref().map(|text| text.value(&self.names)).transpose()?;
                let mut map = match arguments {
                    Some(Value::Map(map)) => map,
                    _ => Map::new(),
                };
                map.insert("method", &**method);
                map.into()
            }
        };
        value.encode().map_err(|error| error.to_string())
    }

    /// Runs a transaction under a leader that may lie.
    fn running(&mut self, step: &Step, run: impl FnOnce(&mut Chain) -> Transaction) -> Result<Transaction, String> {
        let lies: Vec<(usize, Vec<u8>)> = step.lies.iter().map(|lie| self.lie(lie)).collect::<Result<_, String>>()?;
        let missing = Arc::new(Mutex::new(None));
        if !lies.is_empty() {
            let missing = Arc::clone(&missing);
            // Of messages that are delivered, the leader tells the truth.
            let mut lies = Some(lies);
            self.chain.tamper(move |results| {
                for (number, bytes) in lies.take().into_iter().flatten() {
                    match results.get_mut(number) {
                        Some(result) => *result = bytes,
                        None => *missing.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, results.len())),
                    }
                }
            });
        }
        self.chain.stall(step.timeouts.iter().copied());
        let transaction = run(&mut self.chain);
        self.chain.honest();
        self.endless()?;
        let missing = *missing.lock().unwrap_or_else(PoisonError::into_inner);
        match missing {
            Some((number, len)) => Err(format!("the leader lies of result {number}, and has {len} results")),
            None => Ok(transaction),
        }
    }

    fn endless(&mut self) -> Result<(), String> {
        if self.chain.took_endless() { Err("messages beget messages without end".into()) } else { Ok(()) }
    }

    fn lie(&self, lie: &Lie) -> Result<(usize, Vec<u8>), String> {
        let outcome = match &lie.says {
            Said::Returns(text) => {
                Outcome::Return(text.value(&self.names)?.encode().map_err(|error| error.to_string())?)
            }
            Said::Fails(why) => Outcome::UserError(why.clone()),
        };
        Ok((lie.result, outcome.to_bytes()))
    }

    fn judge(&mut self, step: &Step, transaction: Transaction) -> Result<(), String> {
        let held = step.expect.hold(&transaction, &self.names);
        self.taken.push(Taken { line: step.line, step: step.label.clone(), transaction });
        held
    }

    fn stored(&self, stored: &Stored) -> Result<(), String> {
        let Stored { of, slot, from, bytes, .. } = stored;
        let there = self.chain.read(self.address(of), *slot, *from, bytes.len());
        if there == *bytes {
            return Ok(());
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Err(format!("slot {} of {of}, from byte {from}: expected {}; there is {}", hex(slot), hex(bytes), hex(&there)))
    }
}
