//! Messages between contracts: what a receipt carries, and what it leads to.

use std::sync::Arc;

use subvm_core::Receipt;
use subvm_core::calldata::Value;
use subvm_core::host::{Code, Host, State};

use crate::package::package;

use crate::Transaction;
use crate::chain::{Call, Chain, address_of};

/// The most a message's messages can go on.
const DELIVERIES: usize = 64;

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    call: Call,
    code: Option<Vec<u8>>,
}

impl Chain {
    /// Sends the messages of an accepted run on their way: those due on acceptance at once.
    pub(crate) fn post(&mut self, from: &Call, receipt: &Receipt, depth: usize) -> Vec<Transaction> {
        let mut due = Vec::new();
        for (number, bytes) in receipt.messages.iter().enumerate() {
            let message = Value::decode(bytes).expect("a receipt's messages are canonical");
            let (name, fields) = message.as_map().and_then(|map| map.iter().next()).expect("a message has a name");
            match name {
                // What goes to the layer below is gone.
                "EthSend" => self.take(from.contract, value_of(fields)),
                "PostMessage" | "DeployContract" => {
                    self.take(from.contract, value_of(fields));
                    let letter = letter(from, fields, number, receipt);
                    if fields["on"] == Value::from("accepted") {
                        due.push(letter);
                    } else {
                        self.finalized_later.push_back(letter);
                    }
                }
                _ => {}
            }
        }
        due.into_iter().filter_map(|letter| self.deliver(letter, depth + 1)).collect()
    }

    /// Makes all blocks so far final, and delivers the messages that waited for it: what they led to, in their order.
    ///
    /// ```
    /// use subvm_testing::Chain;
    /// assert!(Chain::new().finalize().is_empty(), "nothing waits");
    /// ```
    pub fn finalize(&mut self) -> Vec<Transaction> {
        for (contract, receipt) in std::mem::take(&mut self.unapplied) {
            self.host.apply(State::Finalized, contract, &receipt);
        }
        // What is final is not appealed.
        self.last = None;
        let letters = std::mem::take(&mut self.finalized_later);
        letters.into_iter().filter_map(|letter| self.deliver(letter, 1)).collect()
    }

    /// What a message led to: at an account without code, that it has the money.
    fn deliver(&mut self, Letter { call, code }: Letter, depth: usize) -> Option<Transaction> {
        if let Some(code) = code
            && let Ok(package) = package(&code)
        {
            self.host.deploy(call.contract, Arc::new(package));
        }
        if matches!(self.host.code(State::Accepted, &call.contract), Ok(Code::Nothing)) {
            *self.balances.entry(call.contract).or_default() += call.value;
            return None;
        }
        if depth >= DELIVERIES {
            assert!(self.tolerant, "messages beget messages without end");
            self.endless = true;
            *self.balances.entry(call.sender).or_default() += call.value;
            return None;
        }
        Some(self.transact(&call, depth))
    }
}

fn letter(from: &Call, fields: &Value, number: usize, receipt: &Receipt) -> Letter {
    let code = fields.get("code").and_then(Value::as_bytes).map(<[u8]>::to_vec);
    let contract = match fields.get("address").and_then(Value::as_address) {
        Some(address) => address,
        None => address_of(&[b"deployed", &from.contract.0, &receipt.digest(), &number.to_le_bytes()]),
    };
    let call = Call {
        sender: from.contract,
        origin: from.origin,
        contract,
        data: fields["calldata"].encode().expect("a message is within the limits"),
        value: value_of(fields),
        init: code.is_some(),
    };
    Letter { call, code }
}

fn value_of(fields: &Value) -> u128 {
    fields["value"].as_int().and_then(|int| int.to_u128()).expect("balances have 128 bits here")
}
