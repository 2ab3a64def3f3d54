//! The choices, and what must hold whichever are made.

use std::hash::{Hash, Hasher};

use stateright::{Model, Property};
use subvm_chain::Chain;

use super::network::{Choice, LIE, Network, TRUTH, VALIDATORS};

/// After so many blocks a call has ended, whatever liars do who are few enough: each leader has its time, and each vote two phases.
pub const ENDS_BY: u64 = 30;

/// What is tried.
#[derive(Clone)]
pub struct Votes {
    /// Members of the first committee.
    pub committee: u16,
    /// Liars, one bit each.
    pub liars: u16,
    /// How many appeals there are at most.
    pub appeals: u64,
    /// Whether proposers leave ballots out, and validators are late.
    pub weather: bool,
    /// Changes the chain before it begins: plants a bug.
    pub plant: fn(&mut Chain),
    /// The height at which it stops.
    pub until: u64,
}

/// A network, told from others by what it may still come to.
#[derive(Clone, Debug)]
pub struct State {
    pub network: Network,
    /// Whether committees are drawn that all validators are no part of: then what is drawn next hangs on the names of blocks, too.
    drawn: bool,
}

impl State {
    fn key(&self) -> (impl Hash + Eq + use<>, Option<[u8; 32]>) {
        (self.network.view(), self.drawn.then(|| self.network.chain.root()))
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for State {}

impl Model for Votes {
    type State = State;
    type Action = Choice;

    fn init_states(&self) -> Vec<State> {
        let network = Network::new(self.committee, self.liars, self.plant);
        vec![State { network, drawn: self.committee < VALIDATORS }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Choice>) {
        let network = &state.network;
        let left_out = |number| Some(number).filter(|number| *number < VALIDATORS);
        // Where no vote is going on there are no ballots.
        let weather = self.weather && network.chain.polls().count() > 0;
        let busy = if weather { network.busy() } else { 0 };
        // All subsets of those who are busy.
        let late = (0..1 << VALIDATORS).filter(|late| late & !busy == 0);
        for late in late {
            for left_out in (if weather { 0 } else { VALIDATORS }..=VALIDATORS).map(left_out) {
                for mute in [false, true].into_iter().take(if network.liars_speak() { 2 } else { 1 }) {
                    for leads in [true, false].into_iter().take(if network.liar_may_lead() { 2 } else { 1 }) {
                        let may = network.appeals < self.appeals && network.judged.is_some() && !network.is_final();
                        let may = may && network.chain.polls().count() == 0;
                        for appeals in [false, true].into_iter().take(if may { 2 } else { 1 }) {
                            actions.push(Choice { left_out, mute, late, leads, appeals });
                        }
                    }
                }
            }
        }
    }

    fn next_state(&self, state: &State, choice: Choice) -> Option<State> {
        let mut next = state.clone();
        next.network.step(choice);
        Some(next)
    }

    fn within_boundary(&self, state: &State) -> bool {
        let network = &state.network;
        // What could still come of a result that is final would come as soon as any call's.
        let over = network.when_final.is_some_and(|(at, _)| network.chain.height() > at + 10);
        network.chain.height() <= self.until && !over
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a lie that all have judged is not there", |_: &Self, state: &State| {
                let network = &state.network;
                let all = network.judged.as_ref().is_some_and(|(by, _)| by.len() == usize::from(VALIDATORS));
                !all || network.stored() != Some(LIE)
            }),
            Property::always("a call takes effect once at most", |_: &Self, state: &State| {
                state.network.counted() <= 1
            }),
            Property::always("what was decided is what is there", |_: &Self, state: &State| {
                let network = &state.network;
                network.judged.as_ref().is_none_or(|(_, holds)| u64::from(*holds) == network.counted())
            }),
            Property::always("what is final stays", |_: &Self, state: &State| {
                state.network.when_final.is_none_or(|(_, then)| then == state.network.counted())
            }),
            Property::always("money is conserved", |_: &Self, state: &State| {
                let money = state.network.chain.money();
                money.balances + money.held + money.gone
                    == subvm_chain::sample::BALANCE * u128::from(subvm_chain::sample::ACCOUNTS)
            }),
            Property::always("a call ends", |_: &Self, state: &State| {
                state.network.chain.height() < ENDS_BY || state.network.ended().is_some()
            }),
            Property::sometimes("the truth is accepted", |_: &Self, state: &State| {
                state.network.stored() == Some(TRUTH)
            }),
            Property::sometimes("a result is final", |_: &Self, state: &State| state.network.when_final.is_some()),
            Property::sometimes("a second leader has its turn", |_: &Self, state: &State| {
                state.network.log.iter().any(|(_, code)| *code == "next_leader")
            }),
        ]
    }
}
