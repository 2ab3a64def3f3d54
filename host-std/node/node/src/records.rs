//! What people are told of blocks and transactions, as JSON. Nothing in it is believed by a node.

use serde_json::{Value, json};
use subvm_chain::{Action, Block, Extension, Item, Outcome, SignedTx};
use subvm_core::calldata;
use subvm_core::{Ballot, Receipt};

use crate::keys::hex;
use crate::wire::Decided;

/// Things of one kind that are shown of a receipt: pages, messages, results.
const SHOWN: usize = 256;
/// Characters of one text.
const TEXT: usize = 2_000;

fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}

/// Calldata in its text form; what is none, in hexadecimal.
pub(crate) fn text(bytes: &[u8]) -> String {
    cut(match calldata::Value::decode(bytes) {
        Ok(value) => value.to_string(),
        Err(_) => hex(bytes.get(..TEXT).unwrap_or(bytes)),
    })
}

/// How a run, or a non-deterministic block of one, ended: its code, then what it said.
fn ended(result: &[u8]) -> Value {
    match result.split_first() {
        Some((0, data)) => json!({"kind": "return", "text": text(data)}),
        Some((1, data)) => json!({"kind": "user_error", "text": said(data)}),
        Some((2, data)) => json!({"kind": "vm_error", "text": said(data)}),
        _ => json!({"kind": "unknown", "text": hex(result.get(..TEXT).unwrap_or(result))}),
    }
}

/// A text, be it calldata or not: a main result is, a block's is not.
fn said(data: &[u8]) -> String {
    match (calldata::Value::decode(data), std::str::from_utf8(data)) {
        (Ok(value), _) => cut(value.to_string()),
        (Err(_), Ok(text)) => cut(text.into()),
        _ => text(data),
    }
}

/// A receipt.
pub(crate) fn receipt(receipt: &Receipt) -> Value {
    let page = |write: &subvm_core::PageWrite| json!({"slot": write.slot.to_string(), "page": write.page, "content": hex(&write.content)});
    let (mut events, mut messages) = (Vec::new(), Vec::new());
    for bytes in receipt.messages.iter().take(SHOWN) {
        match calldata::Value::decode(bytes) {
            Ok(value) if value.as_map().is_some_and(|map| map.contains_key("EmitEvent")) => {
                events.push(event(&value["EmitEvent"]));
            }
            _ => messages.push(json!(text(bytes))),
        }
    }
    json!({
        "digest": hex(&receipt.digest()),
        "result": ended(&receipt.result),
        "gas": {"time": receipt.gas.time, "storage": receipt.gas.storage, "data": receipt.gas.data},
        "nondet": receipt.nondet.iter().take(SHOWN).map(|result| ended(result)).collect::<Vec<_>>(),
        "storage": receipt.storage.iter().take(SHOWN).map(page).collect::<Vec<_>>(),
        "pages": receipt.storage.len(),
        "events": events,
        "messages": messages,
        "sent": receipt.messages.len(),
    })
}

fn event(event: &calldata::Value) -> Value {
    let topics = event["topics"].as_array().map(|topics| topics.iter().map(topic).collect::<Vec<_>>());
    json!({"topics": topics.unwrap_or_default(), "data": cut(event["blob"].to_string())})
}

/// A topic: as text, where it is one with zeros behind it.
fn topic(topic: &calldata::Value) -> String {
    let bytes = topic.as_bytes().unwrap_or_default();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match std::str::from_utf8(&bytes[..end]) {
        Ok(text) if end > 0 && text.chars().all(|c| c.is_ascii_graphic()) => text.into(),
        _ => hex(bytes),
    }
}

/// A ballot, and its reason in words.
fn ballot(ballot: Option<&Ballot>, agreed: Option<&[u8; 32]>) -> (&'static str, String) {
    match ballot {
        None => ("missing", "nothing came in time".into()),
        Some(Ballot::Timeout) => {
            ("timeout", "could not say: its own run came to nothing, or to nothing in time".into())
        }
        Some(Ballot::Accept { receipt }) if agreed.is_none_or(|agreed| agreed == receipt) => {
            ("agree", "accepts all of the leader's results".into())
        }
        Some(Ballot::Accept { receipt }) => {
            ("disagree", format!("accepts the results, and came to another receipt with them: {}", hex(receipt)))
        }
        Some(Ballot::Reject { call: Some(call), .. }) => {
            ("disagree", format!("does not accept the result of non-deterministic call {call}"))
        }
        Some(Ballot::Reject { call: None, .. }) => ("disagree", "the leader's results are for another message".into()),
        Some(other) => ("disagree", cut(format!("{other:?}"))),
    }
}

/// What each member of a committee said, once it is over.
pub(crate) fn votes(outcome: &Outcome) -> impl Iterator<Item = (u16, &'static str)> {
    let agreed = outcome.receipt.as_ref().map(|receipt| receipt.digest());
    outcome.votes.iter().map(move |(validator, cast)| (*validator, ballot(cast.as_ref(), agreed.as_ref()).0))
}

/// What happened to a call in a block.
pub(crate) fn step(height: u64, outcome: &Outcome) -> Value {
    let agreed = outcome.receipt.as_ref().map(|receipt| receipt.digest());
    let vote = |(validator, cast): &(u16, Option<Ballot>)| {
        let (vote, reason) = ballot(cast.as_ref(), agreed.as_ref());
        json!({"validator": validator, "vote": vote, "reason": reason})
    };
    json!({
        "height": height,
        "call": outcome.call.to_string(),
        "contract": outcome.contract.to_string(),
        "status": outcome.status.code(),
        "text": outcome.status.to_string(),
        "ended": outcome.status.ended(),
        "fee": outcome.fee.to_string(),
        "leader": outcome.leader.map(|leader| leader.to_string()),
        "receipt": outcome.receipt.as_ref().map(|it| receipt(it)),
        "votes": outcome.votes.iter().map(vote).collect::<Vec<_>>(),
    })
}

/// What a transaction asks for.
pub(crate) fn transaction(tx: &SignedTx) -> Value {
    let action = match &tx.tx.action {
        Action::Transfer { to, value } => json!({"kind": "transfer", "to": to.to_string(), "value": value.to_string()}),
        Action::Call { to, value, data } => {
            json!({"kind": "call", "to": to.to_string(), "value": value.to_string(), "data": text(data)})
        }
        Action::Deploy { bundle, value, data } => {
            let contract = subvm_chain::contract_address(&tx.tx.sender(), tx.tx.nonce);
            json!({"kind": "deploy", "to": contract.to_string(), "bytes": bundle.len(), "value": value.to_string(), "data": text(data)})
        }
        Action::Appeal { call } => json!({"kind": "appeal", "call": call.to_string()}),
    };
    let gas = &tx.tx.gas;
    json!({
        "id": tx.tx.id().to_string(),
        "from": tx.tx.sender().to_string(),
        "nonce": tx.tx.nonce,
        "nondet": tx.tx.nondet,
        "gas": {"time": gas.time, "storage": gas.storage, "data": gas.data},
        "action": action,
    })
}

/// A transaction that came into a block.
pub(crate) fn included(tx: &SignedTx, height: u64) -> Value {
    let mut record = transaction(tx);
    record["height"] = json!(height);
    record["status"] = json!("included");
    record["ended"] = json!(false);
    record["steps"] = json!([]);
    record
}

/// One more thing that happened to it. How it stands is what its own call came to; calls that follow from it have theirs.
pub(crate) fn add(record: &mut Value, step: Value) {
    if step["call"] == record["id"] {
        record["status"] = step["status"].clone();
        record["ended"] = step["ended"].clone();
    }
    if let Some(steps) = record["steps"].as_array_mut() {
        steps.push(step);
    }
}

/// A block, with what validators said beside their votes for the one before.
pub(crate) fn block(block: &Block, decided: Option<&Decided>) -> Value {
    let header = &block.header;
    let extension = |vote: &subvm_chain::SignedExtension| {
        let items = Extension::from_bytes(&vote.bytes).map(|extension| extension.items).unwrap_or_default();
        json!({"validator": vote.validator, "items": items.iter().map(item).collect::<Vec<_>>()})
    };
    json!({
        "height": header.height,
        "id": block.id().to_string(),
        "parent": header.parent.to_string(),
        "time": header.time / 1_000_000,
        "proposer": header.proposer.to_string(),
        "root_before": hex(&header.root),
        "txs": block.txs.iter().map(|tx| tx.tx.id().to_string()).collect::<Vec<_>>(),
        "proposals": block.proposals.iter().map(|(call, proposal)| json!({
            "call": call.to_string(),
            "results": proposal.nondet.iter().take(SHOWN).map(|result| ended(result)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "ballots": block.votes.iter().flat_map(|votes| votes.votes.iter().map(extension)).collect::<Vec<_>>(),
        "round": decided.map(|decided| decided.round.as_i64()),
        "signed_by": decided.map(|decided| decided.commits.iter().map(|(address, ..)| address.to_string()).collect::<Vec<_>>()),
    })
}

fn item(item: &Item) -> Value {
    match item {
        Item::Commit { call, poll, commitment: _ } => {
            json!({"call": call.to_string(), "poll": poll, "vote": "committed"})
        }
        Item::Open { call, poll, ballot: cast, salt: _ } => {
            let (vote, reason) = ballot(Some(cast), None);
            json!({"call": call.to_string(), "poll": poll, "vote": vote, "reason": reason})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contract_says_is_cut_and_never_breaks_the_form() {
        let long = calldata::Value::from("é".repeat(5_000)).encode().expect("encodes");
        assert!(text(&long).chars().count() <= TEXT + 2);
        assert_eq!(text(&[0xff; 3]), "ffffff");
        for result in [&[][..], &[0], &[1, 0xff], &[2, b'x'], &[9; 5_000]] {
            let shown = ended(result);
            assert!(shown["text"].as_str().is_some_and(|text| text.len() <= 4 * TEXT), "{shown}");
        }
        assert_eq!(topic(&calldata::Value::Bytes(vec![b'a', b'b', 0, 0])), "ab");
        assert_eq!(topic(&calldata::Value::Bytes(vec![0, 1])), "0001");
        assert_eq!(topic(&calldata::Value::from("no bytes")), "");
    }

    #[test]
    fn each_ballot_has_its_reason() {
        let (own, other) = ([1; 32], [2; 32]);
        let cast = |cast: Option<Ballot>| ballot(cast.as_ref(), Some(&own)).0;
        assert_eq!(cast(None), "missing");
        assert_eq!(cast(Some(Ballot::Timeout)), "timeout");
        assert_eq!(cast(Some(Ballot::Accept { receipt: own })), "agree");
        assert_eq!(cast(Some(Ballot::Accept { receipt: other })), "disagree");
        let (vote, reason) = ballot(Some(&Ballot::Reject { receipt: own, call: Some(3) }), Some(&own));
        assert_eq!((vote, reason.as_str()), ("disagree", "does not accept the result of non-deterministic call 3"));
    }
}
