//! Contracts in Rust, which the mock engine runs; and the web that they ask.

use std::sync::Arc;

use subvm_chain::{Genesis, Outside, sample};
use subvm_core::calldata::Value;
use subvm_core::{Address, End, Engine, Package};
use subvm_host_mock::{Machine, ScriptedEngine};
use subvm_sample_contracts::{TOLERANCE, Web, ask, count, map};

use crate::scenario::Scenario;

/// Asks the web for a number, stores it, and counts.
pub(crate) const ORACLE: Address = Address([0xaa; 20]);
/// Counts, and sends on what it gets.
pub(crate) const COUNTER: Address = Address([0xbb; 20]);
/// What honest validators see, or up to 2 more.
pub(crate) const TRUTH: i64 = 100;

/// How a chain of simulations begins, the engine that it runs on, and what is deployed.
pub(crate) struct Beginning {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) deployed: Option<Arc<Package>>,
    /// What a run asks that may ask, by what its validator's web says.
    pub(crate) outside: Box<dyn Fn(Option<i64>) -> Outside>,
}

impl Beginning {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let mut engine = ScriptedEngine::new();
        let (oracle, counter) = (engine.script(oracle), engine.script(counter));
        let mut genesis = sample::genesis(scenario.validators);
        genesis.rules = scenario.rules();
        genesis.contracts = vec![(ORACLE, oracle), (COUNTER, Arc::clone(&counter))];
        Self { deployed: Some(counter), ..Self::with(Arc::new(genesis), Arc::new(engine), Box::new(outside)) }
    }

    /// On another engine, with another web.
    pub(crate) fn with(
        genesis: Arc<Genesis>,
        engine: Arc<dyn Engine>,
        outside: Box<dyn Fn(Option<i64>) -> Outside>,
    ) -> Self {
        Self { genesis, engine, deployed: None, outside }
    }
}

/// Whether a result of the oracle is what honest validators let pass.
pub(crate) fn is_true(result: &[u8]) -> bool {
    let value = result.split_first().filter(|(code, _)| **code == 0).and_then(|(_, value)| Value::decode(value).ok());
    let number = value.and_then(|value| value.as_int().and_then(|int| i64::try_from(int).ok()));
    number.is_some_and(|number| (number - TRUTH).abs() <= TOLERANCE + 2)
}

fn oracle(machine: &mut Machine<'_>) -> Result<(), End> {
    let answer = ask(machine)?;
    count(machine)?;
    machine.storage_write(0, 0, &answer)?;
    send_on(machine)?;
    machine.end_with("Return", Value::Bytes(answer))
}

fn counter(machine: &mut Machine<'_>) -> Result<(), End> {
    machine.work(1_000)?;
    count(machine)?;
    send_on(machine)
}

/// Calldata `[address, on, ..]` is a message with half of the contract's money, whose calldata is the rest; a text is a failure.
fn send_on(machine: &mut Machine<'_>) -> Result<(), End> {
    let data = machine.message()?["entry_data"].as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    match Value::decode(&data) {
        Ok(Value::Array(list)) => {
            let [to, on, rest @ ..] = list.iter().as_slice() else { return Ok(()) };
            let half = machine.own_balance()?.unwrap_or_default() / 2;
            let rest = Value::Array(rest.to_vec().into());
            let message = map([
                ("address", to.clone()),
                ("calldata", rest),
                ("on", on.clone()),
                ("value", Value::Int(half.into())),
            ]);
            machine.gl_call("PostMessage", message).map(drop)
        }
        Ok(Value::Str(text)) => machine.end_with("UserError", text.as_str()),
        _ => Ok(()),
    }
}

/// What a run asks, where it may: a web that knows one number, or nothing.
fn outside(answer: Option<i64>) -> Outside {
    Outside { modules: Box::new(Web(answer)), rng: Box::new(Web(None)), ..Outside::default() }
}
