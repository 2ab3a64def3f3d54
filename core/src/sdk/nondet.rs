//! Non-deterministic blocks: a leader proposes, validators check, nodes that catch up believe.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use crate::consensus::input::Role;
use crate::consensus::message::EntryKind;
use crate::consensus::permissions::Permissions;
use crate::consensus::profile::{Disagreement, LeaderFaults, Rules, UserErrors};
use crate::consensus::words::blames_leader;
use crate::ids::Mode;
use crate::outcome::{End, InternalError, LeaderFault, Outcome, Resource, ShortHash, VmError};
use crate::room;
use crate::run::spawn::starting;
use crate::run::sub_vm::Guest;
use crate::sdk::disagreement::Checked;
use crate::sdk::gl_call::{Given, Granted};
use crate::sdk::strategy::Strategy;
use subvm_calldata::{DecodeLimits, validate};

/// The calldata of `true`, which is how a validator's function agrees.
const TRUE: [u8; 1] = [0x10];

/// What becomes of block `n` on this node.
enum Part {
    /// It runs, and what it comes to is posted.
    Propose,
    /// The leader's result is checked.
    Check(Vec<u8>),
    /// The leader's result is taken.
    Believe(Vec<u8>),
    /// The leader has no well-formed result.
    Absent,
}

impl Guest<'_> {
    /// `RunNondet`: the guest's own function compares.
    pub(super) fn run_nondet(&mut self, data_leader: &[u8], data_validator: &[u8]) -> Granted {
        self.block(data_leader, false, |guest, leaders| {
            let own = guest.run_block(data_validator, Some(leaders))?;
            Ok(match own {
                Outcome::Return(value) if value == TRUE => Checked::Agrees,
                other => Checked::Check(guest.rules()?.result(&other)?),
            })
        })
    }

    /// `RunNondetWith`: the strategy compares.
    pub(super) fn run_nondet_with(&mut self, data: &[u8], strategy: &Strategy) -> Granted {
        self.block(data, strategy.shows(), |guest, leaders| guest.checks(strategy, data, leaders))
    }

    fn block(
        &mut self,
        data_leader: &[u8],
        is_shown: bool,
        check: impl FnOnce(&mut Self, &[u8]) -> Result<Checked, End>,
    ) -> Granted {
        self.need(Permissions::DETERMINISTIC | Permissions::SPAWN_NONDET)?;
        // The same for every role, whatever runs on this node.
        let price = starting(&self.vm.package, self.vm.wasi.schedule());
        self.charge(price)?;
        let call = self.next_block()?;
        if self.rules()?.ram.block_has_callers {
            // Before what the leader posted is charged, which a leader does not know yet.
            self.vm.transaction_mut()?.ram.begin_block();
        }
        let result = match self.part(call, is_shown)? {
            Part::Propose => {
                let outcome = self.run_block(data_leader, None)?;
                let result = self.proposal(&outcome)?;
                self.post(&result, is_shown)?;
                result
            }
            Part::Believe(result) => {
                self.post(&result, is_shown)?;
                result
            }
            Part::Check(result) => {
                self.post(&result, is_shown)?;
                let checked = check(self, &result)?;
                if !matches!(checked, Checked::Agrees) {
                    self.tell_disagreement(call, &checked, &result);
                    self.disagree(call)?;
                    if self.rules()?.disagreement == Disagreement::Ends {
                        return Err(End::from(VmError::ValidatorDisagrees { call }).into());
                    }
                }
                result
            }
            Part::Absent => {
                self.disagree(call)?;
                return Err(End::from(VmError::AbsentLeaderNondetOutput).into());
            }
        };
        Ok(Given::Bytes(result))
    }

    fn next_block(&mut self) -> Result<u32, End> {
        let transaction = self.vm.transaction_mut()?;
        let call = transaction.next_block;
        if call >= transaction.params.limits.nondet_blocks {
            return Err(Resource::NondetBlocks.into());
        }
        transaction.next_block += 1;
        Ok(call)
    }

    fn part(&mut self, call: u32, is_shown: bool) -> Result<Part, InternalError> {
        let rules = self.rules()?;
        let transaction = self.vm.transaction_ref()?;
        let limit = transaction.params.limits.nondet_result;
        let (schedule, ticks) = (self.vm.wasi.schedule(), *self.ticks);
        let take = |results: &[Vec<u8>]| {
            let given = results.get(call as usize).map_or(&[][..], Vec::as_slice);
            // Where it is posted it ends the sub-VM then, and until there nobody looks at it.
            let too_dear =
                i64::try_from(schedule.result(given.len() as u64, is_shown)).map_or(true, |price| price > ticks);
            match if too_dear { None } else { fault(given, limit, rules) } {
                None => room::copy(given).map(Some),
                Some(_) if rules.leader_faults == LeaderFaults::End => Ok(None),
                Some(fault) => Ok(Some(rules.failed(VmError::LeaderFault(fault)))),
            }
        };
        Ok(match &transaction.role {
            Role::Leader => Part::Propose,
            Role::Validator { results } => take(results)?.map_or(Part::Absent, Part::Check),
            Role::Sync { results } => take(results)?.map_or(Part::Absent, Part::Believe),
        })
    }

    /// Runs the contract in a non-deterministic sub-VM.
    pub(super) fn run_block(&mut self, data: &[u8], leaders_result: Option<&[u8]>) -> Result<Outcome, End> {
        let (mode, kind) = (Mode::NonDeterministic, EntryKind::ConsensusStage);
        let child = self.same_contract(mode, kind, Permissions::nondet(), data, leaders_result)?;
        self.spawn_nondet(child)
    }

    /// What a leader posts: a result that no validator would take for its size becomes one that it takes.
    pub(super) fn proposal(&self, outcome: &Outcome) -> Result<Vec<u8>, InternalError> {
        let bytes = self.rules()?.result(outcome)?;
        let fits = bytes.len() as u64 <= self.vm.transaction_ref()?.params.limits.nondet_result;
        if fits { Ok(bytes) } else { Ok(self.rules()?.failed(VmError::OutOf(Resource::Memory))) }
    }

    /// Puts a result into the receipt, and charges it: the same for every role, so that the leader, who made it, pays for those who check it.
    fn post(&mut self, result: &[u8], is_shown: bool) -> Result<(), End> {
        let result_again = room::copy(result)?;
        self.vm.transaction_mut()?.nondet.push(result_again);
        let price = self.vm.wasi.schedule().result(result.len() as u64, is_shown);
        self.charge(price)?;
        self.charge_carried(result.len() as u64)
    }

    /// Keeps the first block on which this validator does not agree.
    fn disagree(&mut self, call: u32) -> Result<(), InternalError> {
        self.vm.transaction_mut()?.disagreed_at.get_or_insert(call);
        Ok(())
    }
}

/// What is wrong with bytes that claim to be a leader's result: nothing that has a fault may reach a contract.
fn fault(result: &[u8], limit: u64, rules: &Rules) -> Option<LeaderFault> {
    let is_calldata = |value| validate(value, &DecodeLimits::default()).is_ok();
    let Some((code, data)) = result.split_first() else { return Some(LeaderFault::Absent) };
    let text = core::str::from_utf8(data).ok();
    let fine = result.len() as u64 <= limit
        && match code {
            0 => is_calldata(data),
            1 if rules.user_errors == UserErrors::Text => text.is_some(),
            // Any calldata may be an error there.
            1 => is_calldata(data),
            2 => match text {
                Some(text) if rules.leader_faults == LeaderFaults::Replaced && blames_leader(text) => {
                    return Some(uses_this_error(text));
                }
                Some(text) => rules.words.has(text),
                None => false,
            },
            _ => false,
        };
    (!fine).then_some(LeaderFault::Malformed)
}

/// What stands in the place of a text that no leader comes to.
fn uses_this_error(text: &str) -> LeaderFault {
    let fault = LeaderFault::UsesThisError(ShortHash::of(text.as_bytes()));
    if fault.to_string() == text { LeaderFault::FixPoint } else { fault }
}
