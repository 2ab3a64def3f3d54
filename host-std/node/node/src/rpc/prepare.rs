//! Transactions before they are signed: what a browser needs, which has no encoder of its own.

use serde_json::{Value, json};
use subvm_chain::{Action, SignedTx, Tx};
use subvm_core::Gas;

use super::methods::{self, Answer, Error, address, bytes, data, text};
use crate::keys::hex;
use crate::shared::Shared;

/// Gas that a transaction may use, where it does not say.
pub(crate) const GAS: Gas = Gas { time: 100_000_000, storage: 4_096, data: 1 << 20 };

/// The bytes of a transaction and what is to be signed of it. Who signs should look at `shown`, for this node may be anybody's.
pub(super) fn prepare(shared: &Shared, params: &Value) -> Answer {
    let from = bytes(params, "from")?
        .try_into()
        .map_err(|_| Error::params("params.from must be a public key of 64 digits"))?;
    let sender = subvm_chain::address(&from);
    let nonce = match &params["nonce"] {
        Value::Null => shared.next_nonce(&sender),
        nonce => nonce.as_u64().ok_or_else(|| Error::params("params.nonce must be a number"))?,
    };
    let nondet = params["nondet"].as_bool().unwrap_or(false);
    let (action, gas) = (action(params)?, gas(&params["gas"])?);
    let tx = Tx { chain_id: shared.genesis.chain_id, from, nonce, gas, nondet, action };
    let (bytes, sign) = (tx.to_bytes(), tx.signing_bytes());
    let shown = crate::records::transaction(&SignedTx { tx, signature: [0; 64] });
    Ok(json!({"tx": hex(&bytes), "sign": hex(&sign), "shown": shown}))
}

fn value(params: &Value) -> Result<u128, Error> {
    match &params["value"] {
        Value::Null => Ok(0),
        Value::String(text) => {
            text.parse().map_err(|_| Error::params("params.value must be a number of at most 128 bits"))
        }
        Value::Number(number) => number
            .as_u64()
            .map(u128::from)
            .ok_or_else(|| Error::params("params.value must be a whole number, as a text where it is large")),
        _ => Err(Error::params("params.value must be a number, as a text")),
    }
}

fn action(params: &Value) -> Result<Action, Error> {
    let value = value(params)?;
    Ok(match text(params, "action")? {
        "transfer" => Action::Transfer { to: address(params, "to")?, value },
        "call" => Action::Call { to: address(params, "to")?, value, data: data(params)? },
        "deploy" => {
            let bundle = crate::client::bundle(&bytes(params, "code")?)
                .map_err(|error| Error::params(format!("params.code: {error:#}")))?;
            Action::Deploy { bundle, value, data: data(params)? }
        }
        "appeal" => {
            let call = text(params, "call")?.parse().map_err(|error| Error::params(format!("params.call: {error}")))?;
            Action::Appeal { call }
        }
        other => {
            return Err(Error::params(format!(
                "params.action {other:?} is none: there are transfer, call, deploy and appeal"
            )));
        }
    })
}

fn gas(params: &Value) -> Result<Gas, methods::Error> {
    let of = |name: &str, usual: u64| match &params[name] {
        Value::Null => Ok(usual),
        given => given.as_u64().ok_or_else(|| Error::params(format!("params.gas.{name} must be a number"))),
    };
    Ok(Gas { time: of("time", GAS.time)?, storage: of("storage", GAS.storage)?, data: of("data", GAS.data)? })
}
