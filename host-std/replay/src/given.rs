//! What a run is given, to and from a recording.

use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::costs::Limits;
use subvm_core::wasi::Refused;
use subvm_core::{EntryKind, FloatPolicy, Message, Params, Personality, Run};

use crate::format::record::{Given, Part};

/// What every node is given of a run, and what is this node's.
pub(crate) fn of(run: &Run) -> (Given, Part) {
    let given = Given {
        message: message_bytes(&run.message),
        entry: run.entry.clone(),
        state: run.state,
        params: run.params.to_bytes(),
    };
    (given, Part { role: run.role.clone(), deadline: run.deadline })
}

/// The run again, without a deadline: a replay takes as long as it takes.
pub(crate) fn run(given: &Given, part: &Part) -> Result<Run, &'static str> {
    Ok(Run {
        message: message(&given.message).ok_or("what is said to be a message is none")?,
        entry: given.entry.clone(),
        role: part.role.clone(),
        params: Arc::new(params(&given.params).ok_or("what is said to be parameters is none")?),
        state: given.state,
        deadline: None,
    })
}

fn message_bytes(message: &Message) -> Vec<u8> {
    message.to_bytes(EntryKind::Main, "", None)
}

fn message(bytes: &[u8]) -> Option<Message> {
    let fields = Value::decode(bytes).ok()?;
    let address = |name: &str| fields.get(name)?.as_address();
    let message = Message {
        contract_address: address("contract_address")?,
        sender_address: address("sender_address")?,
        origin_address: address("origin_address")?,
        stack: fields.get("stack")?.as_array()?.iter().map(Value::as_address).collect::<Option<_>>()?,
        chain_id: fields.get("chain_id")?.as_int()?.clone(),
        value: fields.get("value")?.as_int()?.clone(),
        is_init: fields.get("is_init")?.as_bool()?,
        entry_data: fields.get("entry_data")?.as_bytes()?.to_vec(),
    };
    (message_bytes(&message) == bytes).then_some(message)
}

const POLICIES: [FloatPolicy; 3] = [FloatPolicy::Soft, FloatPolicy::Trap, FloatPolicy::Canonical];
const PERSONALITIES: [Personality; 2] = [Personality::Seed, Personality::Program];

fn params(bytes: &[u8]) -> Option<Params> {
    let fields = Value::decode(bytes).ok()?;
    let limits = fields.get("limits")?;
    let limit = |name: &str| u64::try_from(limits.get(name)?.as_int()?).ok();
    let small = |name: &str| u32::try_from(limit(name)?).ok();
    let version = |name: &str| u32::try_from(fields.get(name)?.as_int()?).ok();
    let floats = fields.get("floats")?.as_str()?;
    let refused = fields.get("refused_env")?.as_array()?.iter();
    let refused = refused.map(|pattern| pattern.as_str()?.parse().ok()).collect::<Option<Vec<_>>>()?;
    // Left out where it is the seed's.
    let personality = match fields.get("personality") {
        None => Personality::Seed,
        Some(name) => {
            let name = name.as_str()?;
            PERSONALITIES.into_iter().find(|personality| personality.name() == name)?
        }
    };
    let params = Params {
        personality,
        floats: POLICIES.into_iter().find(|policy| policy.name() == floats)?,
        schedule: version("schedule")?,
        lowering: version("lowering")?,
        limits: Limits {
            ram: limit("ram")?,
            open_fds: small("open_fds")?,
            depth: small("depth")?,
            nondet_blocks: small("nondet_blocks")?,
            stack_units: limit("stack_units")?,
            nondet_result: limit("nondet_result")?,
            fingerprint_frames: small("fingerprint_frames")?,
            gas_time: limit("gas_time")?,
            gas_time_nondet: limit("gas_time_nondet")?,
            gas_storage: limit("gas_storage")?,
            gas_data: limit("gas_data")?,
        },
        refused_env: Refused::new(refused),
        fingerprints: fields.get("fingerprints")?.as_bool()?,
    };
    // What was left out here would be lost, and what was written otherwise was written by somebody else.
    (params.to_bytes() == bytes).then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use subvm_core::Address;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let message_ = Message {
            contract_address: Address([1; 20]),
            sender_address: Address([2; 20]),
            origin_address: Address([3; 20]),
            stack: vec![Address([4; 20])],
            chain_id: 61_999.into(),
            value: (-5).into(),
            is_init: true,
            entry_data: vec![1, 2, 3],
        };
        let bytes = message_bytes(&message_);
        assert_eq!(message(&bytes), Some(message_.clone()));
        let other = message_.to_bytes(EntryKind::Sandbox, "", None);
        assert_eq!(message(&other), None, "another kind of entry would be lost");
        assert_eq!(message(b"\x06"), None);
    }

    #[test]
    fn parameters_come_back_as_they_were() {
        let limits = Limits { gas_time: 5, depth: 3, ..Limits::default() };
        let refused_env = Refused::new(["A*".parse().unwrap(), "*B".parse().unwrap()]);
        let kinds = POLICIES.into_iter().flat_map(|floats| PERSONALITIES.map(|personality| (floats, personality)));
        for (floats, personality) in kinds {
            let own = Params {
                floats,
                personality,
                schedule: 7,
                lowering: 9,
                limits: limits.clone(),
                refused_env: refused_env.clone(),
                fingerprints: false,
            };
            assert_eq!(params(&own.to_bytes()), Some(own.clone()));
        }
        assert_eq!(params(&message_bytes(&Message::default())), None);
    }
}
