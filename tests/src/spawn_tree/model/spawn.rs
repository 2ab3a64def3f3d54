//! What spawning must come to.

use subvm_core::calldata::Value;
use subvm_core::{Address, Role};

use super::frame::{DETERMINISTIC, NON_DETERMINISTIC};
use super::{Expected, FORBIDDEN, Frame, Kind, MEMORY, May, Model, SHOWN, Seen, view};
use crate::spawn_tree::Strategy;
use crate::spawn_tree::chain::NOBODY;

/// Ticks: the base of `gl_call`, a byte of its request, and starting a sub-VM of a module of 8 bytes.
const BASE: i64 = 30;
const BYTE: i64 = 4;
/// A value or a key in it.
const VALUE: i64 = 72;
const START: i64 = 20_000 + 8 / 4;

/// What a request of these bytes costs before it has any effect.
pub(super) fn price(request: &[u8]) -> i64 {
    BASE + BYTE * request.len() as i64 + VALUE * Value::decode(request).as_ref().map_or(0, values)
}

fn values(value: &Value) -> i64 {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Map(entries) => entries.values().map(|value| 1 + values(value)).sum(),
        _ => 0,
    }
}

/// A request that spawns.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Spawn {
    Sandbox { write: bool, send: bool, time: Option<i64> },
    Call { address: Address, state: u8 },
    Block,
    BlockWith(Strategy),
}

/// A request to spawn that was made: how many sub-VMs there were then, the ticks left, what it costs by itself, and whether it could be taken apart.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Made {
    depth: usize,
    ticks: i64,
    price: i64,
    parsed: bool,
}

impl Model {
    /// A request to spawn is made with `ticks` left.
    pub(in super::super) fn spawning(&mut self, spawn: Spawn, ticks: i64, request: &[u8]) -> Made {
        let (depth, parsed, price) = (self.stack.len(), self.parse(request, ticks), price(request));
        let left = ticks - price - START;
        if let Some(child) = self.child(spawn, left) {
            self.stack.push(child);
        }
        Made { depth, ticks, price, parsed }
    }

    /// The sub-VM that the request starts, where there is one and nothing is missing.
    fn child(&mut self, spawn: Spawn, left: i64) -> Option<Frame> {
        let parent = self.top().clone();
        let (mode, may) = (parent.mode, parent.may);
        let held = self.held;
        match spawn {
            Spawn::Sandbox { write, send, time } => {
                let given = time.map_or(left, |time| time.min(left));
                Some(parent.child(Kind::Sandbox, mode, may.sandbox(write, send), given, held[mode]))
            }
            Spawn::Call { address, state } => {
                if !may.deterministic || !may.call || address == NOBODY {
                    return None;
                }
                let mut child = parent.child(Kind::Main, mode, may.call_contract(), left, held[mode]);
                child.callers.push(parent.contract);
                (child.contract, child.state, child.overlay) = view(address, state);
                Some(child)
            }
            Spawn::Block | Spawn::BlockWith(_) => {
                let leaders = match &self.role {
                    Role::Leader => None,
                    Role::Validator { results } => Some(results.get(self.nondet.len())?.clone()),
                    Role::Sync { .. } => return None,
                };
                if leaders.is_some() && matches!(spawn, Spawn::BlockWith(Strategy::NonComparative)) {
                    return None;
                }
                let given = self.limits.gas_time_nondet as i64 - self.ticks_nondet;
                let mark = held[NON_DETERMINISTIC];
                let child = parent.child(Kind::Block, NON_DETERMINISTIC, May::NONDET, given, mark);
                Some(Frame { leaders: leaders.filter(|_| matches!(spawn, Spawn::Block)), ..child })
            }
        }
    }

    /// The request came to `seen`, leaving `after` ticks.
    pub(in super::super) fn spawned(&mut self, spawn: Spawn, made: Made, after: i64, seen: &Seen) {
        let Made { depth, ticks, price, parsed } = made;
        if self.dead {
            return;
        }
        let child = (self.stack.len() > depth).then(|| self.stack.swap_remove(depth));
        self.stack.truncate(depth);
        if let Some(child) = &child {
            self.held[child.mode] = child.mark;
        }
        let ran = child.clone().filter(|child| child.started);
        let used = ran.as_ref().map_or(0, |child| child.given - child.left);
        let block = matches!(spawn, Spawn::Block | Spawn::BlockWith(_));
        if block {
            self.ticks_nondet += used;
        }
        let before = self.wrong.is_none();
        if block && parsed && after < 0 && ticks >= price + START && self.may_have_block() {
            // Its result is in the receipt, and could not be paid for.
            let peak = self.peak;
            let (result, _) = self.posts(spawn, ran.as_ref(), depth);
            // Nobody checks it then.
            (self.peak, _) = (peak, self.nondet.push(result));
        }
        self.settle(parsed, after, seen, |model| match spawn {
            Spawn::Block | Spawn::BlockWith(_) => model.block(spawn, ran.as_ref(), depth),
            _ => model.result_of(spawn, child.as_ref(), depth),
        });
        if let (true, Seen::Fd(_)) = (before, seen) {
            let nobody = matches!(spawn, Spawn::Call { address: NOBODY, .. });
            // A long result pays for those who check it.
            let byte = match spawn {
                Spawn::BlockWith(Strategy::Comparative | Strategy::NonComparative) => 128,
                _ => 8,
            };
            let posted = if block { byte * (self.content.len() as i64 - 1024).max(0) } else { 0 };
            let price = price + posted + if nobody { 0 } else { START } + if block { 0 } else { used };
            self.expect("ticks that a request took", &(ticks - after), &price);
        }
    }

    /// What a sandbox or a call gives.
    fn result_of(&mut self, spawn: Spawn, child: Option<&Frame>, depth: usize) -> Expected {
        match child {
            Some(child) => Expected::Content(Some(self.outcome_of(Some(child).filter(|child| child.started), depth))),
            None if matches!(spawn, Spawn::Call { address: NOBODY, .. }) && self.top().may.call => {
                Expected::Content(Some(b"\x02invalid_contract package".to_vec()))
            }
            None => Expected::Errno(FORBIDDEN),
        }
    }

    /// How a sub-VM that was spawned ended; one that did not begin was too deep, or had no RAM.
    fn outcome_of(&mut self, ran: Option<&Frame>, depth: usize) -> Vec<u8> {
        match ran.map(|child| child.outcome.clone()) {
            Some(Some(outcome)) => outcome,
            Some(None) => {
                self.fail("a sub-VM was left without an end".into());
                Vec::new()
            }
            None if depth > self.limits.depth as usize => b"\x02out_of vm_recursion".to_vec(),
            None => MEMORY.to_vec(),
        }
    }

    /// What a non-deterministic block gives in this run's role.
    fn block(&mut self, spawn: Spawn, ran: Option<&Frame>, depth: usize) -> Expected {
        let may = self.top().may;
        if !may.deterministic || !may.spawn_nondet {
            return Expected::Errno(FORBIDDEN);
        }
        let call = self.nondet.len();
        if call as u64 >= self.limits.nondet_blocks.into() {
            return Expected::End(b"\x02out_of nondet_blocks".to_vec());
        }
        let peak = self.peak;
        let (result, agrees) = self.posts(spawn, ran, depth);
        self.nondet.push(result.clone());
        if let Some(end) = self.carry(&result) {
            self.peak = peak;
            return end;
        }
        if !agrees {
            return Expected::End(format!("\u{2}validator_disagrees call {call}").into_bytes());
        }
        Expected::Content(Some(result))
    }

    /// Whether one more block may run here.
    fn may_have_block(&mut self) -> bool {
        let may = self.top().may;
        may.deterministic && may.spawn_nondet && (self.nondet.len() as u64) < self.limits.nondet_blocks.into()
    }

    /// What the next block puts into the receipt, and whether this node agrees.
    fn posts(&mut self, spawn: Spawn, ran: Option<&Frame>, depth: usize) -> (Vec<u8>, bool) {
        let call = self.nondet.len();
        let own = self.outcome_of(ran, depth);
        let own = if own.len() as u64 > self.limits.nondet_result { MEMORY.to_vec() } else { own };
        match &self.role {
            Role::Leader => (own, true),
            Role::Sync { results } => (results[call].clone(), true),
            Role::Validator { results } => {
                let leaders = results[call].clone();
                let agrees = self.agrees(spawn, &own, &leaders);
                (leaders, agrees)
            }
        }
    }

    /// Whether a validator agrees, having come to `own`.
    fn agrees(&mut self, spawn: Spawn, own: &[u8], leaders: &[u8]) -> bool {
        let returned = |result: &[u8]| result.first() == Some(&0);
        match spawn {
            Spawn::BlockWith(Strategy::StrictEq) => own == leaders,
            Spawn::BlockWith(Strategy::Numeric { abs, rel }) => own == leaders || near(own, leaders, abs, rel),
            Spawn::BlockWith(Strategy::Comparative) => {
                // And the principle.
                own == leaders || returned(own) && returned(leaders) && self.shows(own.len() + leaders.len() + 1)
            }
            // And the task, the criteria and what the block is given, of a byte each.
            Spawn::BlockWith(Strategy::NonComparative) => returned(leaders) && self.shows(leaders.len() + 3),
            _ => own == [0, 0x10],
        }
    }

    /// Whether there is RAM to show the model so many bytes, and it agrees then.
    fn shows(&mut self, bytes: usize) -> bool {
        let held = bytes as u64 * SHOWN;
        let fits = self.fits(NON_DETERMINISTIC, held);
        if fits {
            self.hold(NON_DETERMINISTIC, held);
            self.held[NON_DETERMINISTIC] -= held;
        }
        fits && self.model_agrees
    }

    pub(in super::super) fn is_deterministic(&mut self) -> bool {
        self.top().mode == DETERMINISTIC
    }
}

/// Whether two results are numbers that are near each other. Those of a tree are small.
fn near(own: &[u8], leaders: &[u8], abs: u8, rel: u8) -> bool {
    let number = |result: &[u8]| {
        let value = result.strip_prefix(&[0]).and_then(|value| Value::decode(value).ok())?;
        value.as_int().and_then(|number| i64::try_from(number).ok())
    };
    let (Some(own), Some(leaders)) = (number(own), number(leaders)) else { return false };
    let apart = (own - leaders).abs();
    apart <= i64::from(abs % 4) || apart * 1000 <= i64::from(rel % 16) * leaders.abs()
}
