//! A call of a contract: what a transaction or a message comes to, with the money that goes along and pays for it.

use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::{Address, Gas, Message, Package, Receipt};

use crate::genesis::Prices;
use crate::ids::{CallId, TxId, digest, of_parts};
use crate::runner::{About, Purpose};

/// A call that is on its way. It holds its money: `value` and `reserve` belong to nobody else until it has ended.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub id: CallId,
    /// The transaction that led to it.
    pub tx: TxId,
    /// Who signed that, and gets back what is left of the reserve.
    pub origin: Address,
    /// Who calls.
    pub sender: Address,
    /// Who is called.
    pub contract: Address,
    /// The money that goes along.
    pub value: u128,
    /// The calldata.
    pub data: Vec<u8>,
    /// What is deployed at the address, where it is a constructor's call.
    pub code: Option<Arc<Package>>,
    /// The most that it may use.
    pub gas: Gas,
    /// What pays for that.
    pub reserve: u128,
    /// Whether it may ask the web or a model.
    pub nondet: bool,
}

impl Call {
    /// The money that it holds.
    pub(crate) fn holds(&self) -> u128 {
        self.value.saturating_add(self.reserve)
    }

    /// Which run of it.
    pub(crate) fn about(&self, height: u64, purpose: Purpose) -> About {
        About { height, call: self.id, tx: self.tx, contract: self.contract, purpose }
    }

    pub(crate) fn message(&self, chain_id: u64) -> Message {
        Message {
            contract_address: self.contract,
            sender_address: self.sender,
            origin_address: self.origin,
            stack: Vec::new(),
            chain_id: chain_id.into(),
            value: self.value.into(),
            is_init: self.code.is_some(),
            entry_data: self.data.clone(),
            ..Message::default()
        }
    }
}

/// What a run that returned leads to.
pub(crate) struct Sent {
    /// Calls due when it is accepted.
    pub(crate) now: Vec<Call>,
    /// Calls due when it is final.
    pub(crate) later: Vec<Call>,
    /// Money that its contract sends to the layer below.
    pub(crate) below: u128,
    /// Money that its contract sends along with the calls.
    pub(crate) along: u128,
}

/// The messages of a receipt, which share evenly what is left of the gas and of the reserve. `None` where a receipt has a message that no
/// run makes.
pub(crate) fn sent(from: &Call, receipt: &Receipt, left: (Gas, u128), prices: &Prices) -> Option<Sent> {
    let mut all = Sent { now: Vec::new(), later: Vec::new(), below: 0, along: 0 };
    let messages: Vec<Value> = receipt.messages.iter().map(|bytes| Value::decode(bytes).ok()).collect::<Option<_>>()?;
    let calls = messages.iter().filter(|one| matches!(name(one), Some("PostMessage" | "DeployContract"))).count();
    let share = |of: u64| of / calls.max(1) as u64;
    let (gas, reserve) = left;
    let gas = Gas { data: share(gas.data), storage: share(gas.storage), time: share(gas.time) };
    let reserve = reserve / calls.max(1) as u128;
    for (number, message) in messages.iter().enumerate() {
        let (name, fields) = message.as_map()?.iter().next()?;
        if name == "EthSend" {
            all.below = all.below.checked_add(fields["value"].as_int()?.to_u128()?)?;
        }
        if !matches!(name, "PostMessage" | "DeployContract") {
            continue;
        }
        let number = (number as u64).to_le_bytes();
        let bundle = fields.get("code").and_then(Value::as_bytes);
        let contract = match fields.get("address").and_then(Value::as_address) {
            Some(address) => address,
            None => deployed(&from.contract, &from.id, &number, fields),
        };
        let value = fields["value"].as_int()?.to_u128()?;
        all.along = all.along.checked_add(value)?;
        let call = Call {
            id: CallId(digest("message", &[&from.id.0, &number])),
            tx: from.tx,
            origin: from.origin,
            sender: from.contract,
            contract,
            value,
            data: fields["calldata"].encode().ok()?,
            // What is no bundle is a contract that no engine takes: the constructor's call says so.
            code: bundle.map(|bundle| Arc::new(Package::from_bundle(bundle).unwrap_or_else(|_| none()))),
            gas,
            reserve,
            nondet: from.nondet && reserve >= prices.vote.saturating_add(prices.of(&gas)),
        };
        if fields["on"] == Value::from("accepted") { all.now.push(call) } else { all.later.push(call) }
    }
    Some(all)
}

fn name(message: &Value) -> Option<&str> {
    message.as_map()?.iter().next().map(|(name, _)| name)
}

/// Where a contract deploys another: by its own salt, where that is not zero, so that it knows the address beforehand.
fn deployed(from: &Address, call: &CallId, number: &[u8; 8], fields: &Value) -> Address {
    match fields.get("salt_nonce").and_then(Value::as_int).and_then(|salt| salt.to_u256_le()) {
        Some(salt) if salt != [0; 32] => of_parts("deployed with a salt", &[&from.0, &salt]),
        _ => of_parts("deployed", &[&from.0, &call.0, number]),
    }
}

/// A package without a module.
fn none() -> Package {
    let parts = subvm_core::Parts::default();
    parts.check(&subvm_core::wasi::Refused::new([])).expect("nothing breaks no rule of packages")
}
