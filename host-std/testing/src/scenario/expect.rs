//! What must become of a transaction.

use subvm_core::calldata::Value;
use subvm_core::{Address, Outcome};

use super::calldata::{Names, Text};
use super::step::Said;
use crate::Transaction;

/// What is expected of a transaction: what is not said may be anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    pub(super) outcome: Option<Said>,
    /// Whether the nodes agree: `true` unless it is said.
    pub(super) accepted: Option<bool>,
    /// Each `agree`, `disagree` or `timeout`, or the whole of it.
    pub(super) votes: Option<Vec<String>>,
    pub(super) events: Option<Vec<Event>>,
    /// The messages that were delivered at once.
    pub(super) delivered: Option<Vec<Delivered>>,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: Option<String>,
    pub(super) fields: Option<Text>,
}

#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// The contract that it went to.
    pub(super) to: Option<String>,
    pub(super) expect: Expect,
}

impl Expect {
    /// Whether it became so.
    pub(super) fn hold(&self, of: &Transaction, names: &Names) -> Result<(), String> {
        self.ended(of, names)?;
        let accepted = self.accepted.unwrap_or(true);
        if of.accepted != accepted {
            let what = if accepted { "the nodes do not agree" } else { "the nodes agree, and were expected not to" };
            return Err(format!("{what}: {}", voted(of)));
        }
        if let Some(votes) = &self.votes {
            let same = |(expected, vote): (&String, String)| *expected == vote || vote_kind(&vote) == *expected;
            let there = of.votes.iter().map(ToString::to_string);
            if votes.len() != of.votes.len() || !votes.iter().zip(there).all(same) {
                return Err(format!("expected the votes {}; there are: {}", votes.join(", "), voted(of)));
            }
        }
        if let Some(events) = &self.events {
            events_hold(events, of, names)?;
        }
        self.delivered.as_ref().map_or(Ok(()), |delivered| deliveries_hold(delivered, &of.delivered, names))
    }

    fn ended(&self, of: &Transaction, names: &Names) -> Result<(), String> {
        let expected = match &self.outcome {
            // Who disagrees may disagree on anything.
            None if self.accepted == Some(false) => return Ok(()),
            None => None,
            Some(Said::Returns(text)) => Some(Ok(text.value(names)?)),
            Some(Said::Fails(why)) => Some(Err(why)),
        };
        let wanted = match &expected {
            None => "to return".to_owned(),
            Some(Ok(value)) => format!("to return {value}"),
            Some(Err(why)) => format!("to fail with {why:?}"),
        };
        let Some(report) = &of.leader else {
            let why = of.internal.as_deref().unwrap_or_default();
            return Err(format!("expected {wanted}; the leader's node failed: {why}"));
        };
        match (&report.outcome, expected) {
            (Outcome::Return(_), None) => Ok(()),
            (Outcome::Return(bytes), expected) => {
                let value = Value::decode(bytes).map_err(|error| format!("it returned no calldata: {error}"))?;
                match expected {
                    Some(Ok(expected)) if expected == value => Ok(()),
                    _ => Err(format!("expected {wanted}; it returned {value}")),
                }
            }
            (Outcome::UserError(_) | Outcome::UserValue(_) | Outcome::VmError(_), expected) => {
                let failed = of.failed();
                match expected {
                    Some(Err(expected)) if *expected == failed => Ok(()),
                    _ => Err(format!("expected {wanted}; it failed with {failed:?}{}", of.diagnostics())),
                }
            }
        }
    }
}

fn vote_kind(vote: &str) -> &str {
    vote.split([' ', ':']).next().unwrap_or_default()
}

fn voted(of: &Transaction) -> String {
    let votes: Vec<String> = of.votes.iter().map(ToString::to_string).collect();
    if votes.is_empty() {
        return "nobody voted".to_owned();
    }
    votes.join(", ") + &of.disagreements.iter().map(|line| format!("\n  {line}")).collect::<String>()
}

fn events_hold(expected: &[Event], of: &Transaction, names: &Names) -> Result<(), String> {
    let there = if of.leader.is_some() { of.events() } else { Vec::new() };
    let shown = |there: &[Value]| {
        let each = there.iter().map(|event| format!("{} {}", name_of(event), event["blob"])).collect::<Vec<_>>();
        if each.is_empty() { "there are none".to_owned() } else { format!("there are: {}", each.join(", ")) }
    };
    if expected.len() != there.len() {
        return Err(format!("expected {} events; {}", expected.len(), shown(&there)));
    }
    for (number, (Event { name, fields }, event)) in expected.iter().zip(&there).enumerate() {
        let fields = fields.as_ref().map(|fields| fields.value(names)).transpose()?;
        let named = name.as_ref().is_none_or(|name| *name == name_of(event));
        if !named || fields.as_ref().is_some_and(|fields| *fields != event["blob"]) {
            let fields = fields.map_or(String::new(), |fields| format!(" {fields}"));
            let name = name.as_deref().unwrap_or("of any name");
            return Err(format!("expected event {number} to be {name}{fields}; {}", shown(&there)));
        }
    }
    Ok(())
}

/// An event's name: its first topic, without the zeros behind it.
fn name_of(event: &Value) -> String {
    let topic = event["topics"].as_array().and_then(|topics| topics.first()).and_then(Value::as_bytes);
    let name = topic.unwrap_or_default();
    let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&name[..end]).into_owned()
}

pub(super) fn deliveries_hold(expected: &[Delivered], there: &[Transaction], names: &Names) -> Result<(), String> {
    let called = |address: Address| {
        let name = names.iter().find(|(_, other)| **other == address).map(|(name, _)| name.clone());
        name.unwrap_or_else(|| address.to_string())
    };
    if expected.len() != there.len() {
        let to: Vec<String> = there.iter().map(|each| called(each.contract)).collect();
        return Err(format!(
            "expected {} messages to be delivered; there were {}: {}",
            expected.len(),
            to.len(),
            to.join(", ")
        ));
    }
    for (number, (Delivered { to, expect }, of)) in expected.iter().zip(there).enumerate() {
        if to.as_ref().is_some_and(|to| names.get(to) != Some(&of.contract)) {
            let to = to.as_deref().unwrap_or_default();
            return Err(format!("expected message {number} to go to {to}; it went to {}", called(of.contract)));
        }
        expect.hold(of, names).map_err(|why| format!("message {number}, to {}: {why}", called(of.contract)))?;
    }
    Ok(())
}
