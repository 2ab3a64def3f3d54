//! Two receipts side by side, field by field.

use std::collections::BTreeMap;

use subvm_core::calldata::Value;
use subvm_core::{Receipt, SlotId};

/// A field in which two receipts differ, as people read it.
///
/// ```
/// use subvm_core::calldata::Value;
/// use subvm_host_mock::{MemoryHost, play};
/// use subvm_replay::compare::receipts;
///
/// let receipt = |fee| play(&MemoryHost::new(), move |machine| machine.end_with("Return", Value::array([fee, 7]))).receipt;
/// let changes = receipts(&receipt(1), &receipt(2));
/// assert_eq!(changes.len(), 1);
/// assert_eq!((&*changes[0].field, changes[0].a.as_deref(), changes[0].b.as_deref()), ("result", Some("return [1,7]"), Some("return [2,7]")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The field.
    pub field: String,
    /// What the first has; nothing where it is not there.
    pub a: Option<String>,
    /// What the second has.
    pub b: Option<String>,
}

/// The fields in which two receipts differ, in the order in which votes look at them; none where they are equal.
#[must_use]
pub fn receipts(a: &Receipt, b: &Receipt) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    changes.add("params", hex(&a.params), hex(&b.params));
    changes.add("message", hex(&a.message), hex(&b.message));
    changes.lists("nondet", &a.nondet, &b.nondet, outcome);
    changes.results(&a.result, &b.result);
    for (name, [a, b]) in [
        ("gas.time", [a.gas.time, b.gas.time]),
        ("gas.storage", [a.gas.storage, b.gas.storage]),
        ("gas.data", [a.gas.data, b.gas.data]),
    ] {
        changes.add(name, a.to_string(), b.to_string());
    }
    changes.pages(a, b);
    changes.lists("messages", &a.messages, &b.messages, calldata);
    changes.0
}

struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, field: impl Into<String>, a: String, b: String) {
        self.add_some(field, Some(a), Some(b));
    }

    fn add_some(&mut self, field: impl Into<String>, a: Option<String>, b: Option<String>) {
        if a != b {
            self.0.push(Change { field: field.into(), a, b });
        }
    }

    fn lists(&mut self, field: &str, a: &[Vec<u8>], b: &[Vec<u8>], text: impl Fn(&[u8]) -> String) {
        for number in 0..a.len().max(b.len()) {
            let item = |all: &[Vec<u8>]| all.get(number).cloned();
            if item(a) != item(b) {
                let text = |all: &[Vec<u8>]| item(all).map(|bytes| text(&bytes));
                self.0.push(Change { field: format!("{field}[{number}]"), a: text(a), b: text(b) });
            }
        }
    }

    /// Code and value; of two failures, text and machine apart.
    fn results(&mut self, a: &[u8], b: &[u8]) {
        if a == b {
            return;
        }
        let (failed_a, failed_b) = (failure(a), failure(b));
        if let (Some((code_a, a)), Some((code_b, b))) = (&failed_a, &failed_b) {
            let before = self.0.len();
            self.add("result", code_name(*code_a).into(), code_name(*code_b).into());
            for key in ["message", "fingerprint"] {
                let text = |value: &Value| value.get(key).map(ToString::to_string);
                self.add_some(format!("result.{key}"), text(a), text(b));
            }
            if self.0.len() > before {
                return;
            }
        }
        self.add("result", outcome(a), outcome(b));
    }

    fn pages(&mut self, a: &Receipt, b: &Receipt) {
        let mut pages: BTreeMap<(SlotId, u32), [Option<String>; 2]> = BTreeMap::new();
        for (side, receipt) in [a, b].into_iter().enumerate() {
            for write in &receipt.storage {
                if let Some(content) = pages.entry((write.slot, write.page)).or_default().get_mut(side) {
                    *content = Some(hex(&write.content));
                }
            }
        }
        for ((slot, page), [a, b]) in pages {
            let from = u64::from(page) * 32;
            self.add_some(format!("storage slot {slot} page {page} (bytes {from} to {})", from + 31), a, b);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text form of calldata; of what is none, its bytes.
fn calldata(bytes: &[u8]) -> String {
    Value::decode(bytes).map_or_else(|_| format!("b#{}", hex(bytes)), |value| value.to_string())
}

fn code_name(code: u8) -> &'static str {
    match code {
        0 => "return",
        1 => "user_error",
        2 => "vm_error",
        _ => "no outcome",
    }
}

/// Code and data of an outcome.
fn outcome(bytes: &[u8]) -> String {
    match bytes.split_first() {
        None => "nothing".into(),
        Some((0, value)) => format!("return {}", calldata(value)),
        Some((code, text)) => match std::str::from_utf8(text) {
            // The result of a run that failed is a value, and one of a block a text.
            Ok(text) if Value::decode(text.as_bytes()).is_err() => format!("{} {text:?}", code_name(*code)),
            _ => format!("{} {}", code_name(*code), calldata(text)),
        },
    }
}

/// Code and value of a run that failed.
fn failure(bytes: &[u8]) -> Option<(u8, Value)> {
    let (code, value) = bytes.split_first().filter(|(code, _)| **code != 0)?;
    Some((*code, Value::decode(value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use subvm_core::{Gas, PageWrite};

    fn receipt() -> Receipt {
        Receipt {
            params: [1; 32],
            message: [2; 32],
            result: vec![0, 0],
            gas: Gas { data: 1, storage: 2, time: 3 },
            storage: vec![PageWrite { slot: SlotId([5; 32]), page: 2, content: [6; 32] }],
            messages: vec![Value::from("hello").encode().unwrap()],
            nondet: vec![vec![0, 0]],
        }
    }

    fn changed(change: impl Fn(&mut Receipt)) -> Vec<(String, String, String)> {
        let mut other = receipt();
        change(&mut other);
        let texts = receipts(&receipt(), &other);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        texts.into_iter().map(|change| (change.field, or_none(change.a), or_none(change.b))).collect()
    }

    fn one(change: impl Fn(&mut Receipt)) -> (String, String, String) {
        let mut changes = changed(change);
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes.remove(0)
    }

    #[test]
    fn each_field_is_named_with_both_sides_decoded() {
        assert_eq!(changed(|_| ()), []);
        assert_eq!(one(|receipt| receipt.params[0] = 0).0, "params");
        assert_eq!(one(|receipt| receipt.message[0] = 0).0, "message");
        assert_eq!(one(|receipt| receipt.gas.time = 9), ("gas.time".into(), "3".into(), "9".into()));
        let nondet = one(|receipt| receipt.nondet.push(b"\x01why".to_vec()));
        assert_eq!(nondet, ("nondet[1]".into(), "-".into(), "user_error \"why\"".into()));
        let messages = one(|receipt| receipt.messages.clear());
        assert_eq!(messages, ("messages[0]".into(), "\"hello\"".into(), "-".into()));
        let result = one(|receipt| receipt.result = vec![0, 0x10]);
        assert_eq!(result, ("result".into(), "return null".into(), "return true".into()));
        let (field, a, b) = one(|receipt| receipt.storage[0].content[31] = 7);
        assert_eq!(field, format!("storage slot {} page 2 (bytes 64 to 95)", SlotId([5; 32])));
        assert_eq!((a, b), ("06".repeat(32), "06".repeat(31) + "07"));
        assert_eq!(changed(|receipt| receipt.storage[0].page = 3).len(), 2, "a page that is gone, and one that came");
    }

    #[test]
    fn of_two_failures_text_and_machine_are_apart() {
        let failed = |text: &str, frames: i64| {
            let value = Value::from(subvm_core::calldata::Map::from([
                ("fingerprint", Value::from(frames)),
                ("message", Value::from(text)),
            ]));
            let mut receipt = receipt();
            receipt.result = [vec![2], value.encode().unwrap()].concat();
            receipt
        };
        let fields = |a: &Receipt, b: &Receipt| -> Vec<String> {
            receipts(a, b).into_iter().map(|change| change.field).collect()
        };
        assert_eq!(fields(&failed("x", 1), &failed("y", 1)), ["result.message"]);
        assert_eq!(fields(&failed("x", 1), &failed("x", 2)), ["result.fingerprint"]);
        assert_eq!(fields(&receipt(), &failed("x", 2)), ["result"]);
    }
}
