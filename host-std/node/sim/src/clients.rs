//! Who sends transactions: eight accounts, one of which appeals.

use subvm_chain::{Action, Chain, SignedTx, contract_address, sample};
use subvm_core::Address;
use subvm_core::calldata::Value;

use crate::contracts::{Beginning, COUNTER, ORACLE};
use crate::rng::Rng;
use crate::scenario::Scenario;

/// The account that appeals, as soon as there is something to appeal against.
const APPELLANT: u8 = sample::ACCOUNTS - 1;

/// The transactions of a run, each with when it is sent, in microseconds.
pub(crate) fn txs(scenario: &Scenario, beginning: &Beginning, rng: &mut Rng) -> Vec<(u64, SignedTx)> {
    let mut nonces = [0; APPELLANT as usize];
    let mut sent = Vec::new();
    for _ in 0..scenario.txs {
        let from = rng.below(APPELLANT.into()) as u8;
        let nonce = nonces[usize::from(from)];
        nonces[usize::from(from)] += 1;
        let (nondet, action) = action(beginning, rng, from, nonce);
        let time = rng.below(scenario.stable + 500_000);
        sent.push((time, sample::tx(from, nonce, nondet, action)));
    }
    sent
}

fn action(beginning: &Beginning, rng: &mut Rng, from: u8, nonce: u64) -> (bool, Action) {
    let own = contract_address(&sample::holder(from), 0);
    let somebody = sample::holder(rng.below(8) as u8);
    let value = u128::from(rng.below(1_000));
    let call = |to: Address, data: Value| Action::Call { to, value, data: data.encode().unwrap_or_default() };
    let list = |items: &[Value]| Value::Array(items.to_vec().into());
    match rng.below(10) {
        0..3 => (false, Action::Transfer { to: rng.one_of(&[somebody, COUNTER, own]), value }),
        3 => {
            let bundle = beginning.deployed.as_ref().map(|package| package.to_bundle()).unwrap_or_default();
            (false, Action::Deploy { bundle, value, data: Vec::new() })
        }
        4 => (false, call(rng.one_of(&[COUNTER, own]), "on purpose".into())),
        5 => {
            let on = |now: bool| Value::from(if now { "accepted" } else { "finalized" });
            let hops = [somebody, COUNTER, own].map(Value::Address);
            let first = rng.one_of(&[0, 1, 2]);
            let data = list(&[hops[first].clone(), on(rng.chance(500)), hops[1].clone(), on(rng.chance(500))]);
            (nonce % 2 == 1, call(COUNTER, data))
        }
        6 => (true, call(ORACLE, list(&[Value::Address(somebody), "accepted".into()]))),
        // Without leave to ask it fails.
        7 => (rng.chance(500), call(ORACLE, Value::Null)),
        _ => (true, call(ORACLE, Value::Null)),
    }
}

/// An appeal, by who appeals.
pub(crate) fn appeal(chain: &Chain, call: subvm_chain::CallId) -> SignedTx {
    let nonce = chain.account(&sample::holder(APPELLANT)).nonce;
    sample::tx(APPELLANT, nonce, false, Action::Appeal { call })
}
