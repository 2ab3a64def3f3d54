//! Messages and events as the node reads them. Fees are zero.

use sha3::{Digest as _, Keccak256};
use subvm_calldata::{Map, Value};

use crate::execute::Line;

/// What a run sent, from the requests as its receipt holds them.
pub(crate) fn emissions(messages: &[Vec<u8>], line: Line) -> Vec<Value> {
    messages.iter().filter_map(|message| emission(message, line)).collect()
}

fn emission(message: &[u8], line: Line) -> Option<Value> {
    let value = Value::decode(message).ok()?;
    let (name, fields) = value.as_map()?.iter().next()?;
    let mut map = fields.as_map()?.clone();
    map.insert("type", name);
    let fees = |map: &mut Map| {
        map.insert("message_fee", 0);
        map.insert("receipt_fee", 0);
        // As the contract said them, where it did.
        if !map.contains_key("fee_params") {
            map.insert("fee_params", Value::Null);
        }
    };
    match name {
        "EthSend" => fees(&mut map),
        "EmitEvent" => {
            map.insert("storage_fee", 0);
        }
        "PostMessage" => {
            fees(&mut map);
            let key = call_key(map.get("calldata")?, line);
            map.insert("call_key", Value::Bytes(key.to_vec()));
            within(&mut map);
        }
        _ => {
            fees(&mut map);
            within(&mut map);
        }
    }
    Some(Value::Map(map))
}

/// What messages between contracts have beside.
fn within(map: &mut Map) {
    map.insert("subtree", Value::Bytes(Vec::new()));
    if !map.contains_key("use_balance") {
        map.insert("use_balance", false);
    }
}

/// The key under which fees of a call are allocated: its method's name, or what stands for a long one.
pub(crate) fn call_key(calldata: &Value, line: Line) -> [u8; 32] {
    let field = match line {
        Line::V0_2 => "method",
        Line::V0_3 => "",
    };
    let name = calldata.get(field).and_then(Value::as_str).unwrap_or_default().as_bytes();
    let mut key = [0; 32];
    match key.get_mut(..name.len()).filter(|_| name.len() < 32) {
        Some(start) => start.copy_from_slice(name),
        None => {
            key = Keccak256::digest(name).into();
            let [.., last] = &mut key;
            *last |= 1;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_key_is_its_name_or_the_digest_of_a_long_one() {
        let named = |name: &str| call_key(&Value::from(Map::from([("", name)])), Line::V0_3);
        assert_eq!(named(""), [0; 32]);
        assert_eq!(call_key(&Value::Null, Line::V0_3), [0; 32]);
        assert_eq!(&named("get")[..4], b"get\0");
        assert_eq!(&named(&"a".repeat(31))[30..], b"a\0");
        let long = named(&"a".repeat(32));
        assert_eq!(long[31] & 1, 1);
        assert_ne!(&long[..31], &[b'a'; 31]);
    }
}
