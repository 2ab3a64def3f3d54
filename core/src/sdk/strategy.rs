//! Validation strategies: the comparisons that contracts keep rewriting, once. Source: `docs/spec/sub-vm.md`, *Validation strategies*.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use crate::costs::{self, PRINTED_INT_BITS};
use crate::ids::Mode;
use crate::outcome::{End, InternalError, InternalErrorKind};
use crate::own;
use crate::room;
use crate::run::sub_vm::Guest;
use crate::sdk::disagreement::Checked;
use subvm_calldata::{EventRef, Int, IntRef, Map, Value, ValueRef};

/// How a validator compares its own answer with the leader's.
pub(super) enum Strategy {
    /// Byte for byte.
    StrictEq,
    /// Integers may differ by `abs`, or by `rel_ppm` millionths of the leader's.
    Numeric { abs: Int, rel_ppm: Int },
    /// A model is asked whether both agree under the principle.
    Comparative { principle: String },
    /// A model is asked whether the leader's answer meets the criteria for the task.
    NonComparative { task: String, criteria: String },
}

impl Strategy {
    /// Whether a validator shows a model what the leader posted.
    pub(super) const fn shows(&self) -> bool {
        matches!(self, Self::Comparative { .. } | Self::NonComparative { .. })
    }

    /// The strategy that `value` names, if it is one.
    ///
    /// # Errors
    /// An internal error where there is no room for what it says.
    pub(super) fn parse(value: &Value) -> Result<Option<Self>, InternalError> {
        if value.as_str() == Some("StrictEq") {
            return Ok(Some(Self::StrictEq));
        }
        let entry = value.as_map().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
        let Some((name, Value::Map(fields))) = entry else { return Ok(None) };
        let text = |name| fields.get(name).and_then(Value::as_str);
        // 256 bits are enough for any amount, and bound what a comparison takes.
        let tolerance = |name| fields.get(name)?.as_int().filter(|int| int.to_u256_le().is_some()).cloned();
        Ok(match (name, fields.len()) {
            ("Numeric", 2) => match (tolerance("abs"), tolerance("rel_ppm")) {
                (Some(abs), Some(rel_ppm)) => Some(Self::Numeric { abs, rel_ppm }),
                _ => None,
            },
            ("Comparative", 1) => match text("principle") {
                Some(principle) => Some(Self::Comparative { principle: room::text(principle)? }),
                None => None,
            },
            ("NonComparative", 2) => match (text("task"), text("criteria")) {
                (Some(task), Some(criteria)) => {
                    Some(Self::NonComparative { task: room::text(task)?, criteria: room::text(criteria)? })
                }
                _ => None,
            },
            _ => None,
        })
    }
}

impl Guest<'_> {
    /// What this validator comes to where it checks the leader's result, which is well-formed.
    pub(super) fn checks(&mut self, strategy: &Strategy, data: &[u8], leaders: &[u8]) -> Result<Checked, End> {
        if let Strategy::NonComparative { task, criteria } = strategy {
            let agrees = self.meets(task, criteria, data, leaders)?;
            return Ok(if agrees { Checked::Agrees } else { Checked::Model });
        }
        let own = self.own_answer(data)?;
        let agrees = own == leaders
            || match strategy {
                Strategy::Numeric { abs, rel_ppm } => numeric(&own, leaders, abs, rel_ppm),
                Strategy::Comparative { principle } => self.same(principle, &own, leaders)?,
                Strategy::StrictEq | Strategy::NonComparative { .. } => false,
            };
        Ok(if agrees { Checked::Agrees } else { Checked::Own(own) })
    }

    /// Whether a model says that both answers agree under the principle.
    fn same(&mut self, principle: &str, own: &[u8], leaders: &[u8]) -> Result<bool, End> {
        let results = (own, leaders);
        let (Some(own), Some(leaders)) = (returned(own), returned(leaders)) else { return Ok(false) };
        // A leader chooses what its answer says, never what it is.
        if !alike(own, leaders, |_, _| true) || !is_printed(&own) || !is_printed(&leaders) {
            return Ok(false);
        }
        let shown = results.0.len() + results.1.len() + principle.len();
        self.showing(shown, |guest| {
            guest.ask_model(Map::from([
                ("leader_answer", Value::Str(printed(results.1)?)),
                ("principle", Value::Str(room::text(principle)?)),
                ("template", Value::Str("EqComparative".to_string())),
                ("validator_answer", Value::Str(printed(results.0)?)),
            ]))
        })
    }

    /// Whether a model says that the leader's answer meets the criteria.
    fn meets(&mut self, task: &str, criteria: &str, data: &[u8], leaders: &[u8]) -> Result<bool, End> {
        if !returned(leaders).is_some_and(|value| is_printed(&value)) {
            return Ok(false);
        }
        let shown = task.len() + criteria.len() + data.len() + leaders.len();
        self.showing(shown, |guest| {
            guest.ask_model(Map::from([
                ("criteria", Value::Str(room::text(criteria)?)),
                ("input", Value::Str(input_of(data)?)),
                ("output", Value::Str(printed(leaders)?)),
                ("task", Value::Str(room::text(task)?)),
                ("template", Value::Str("EqNonComparativeValidator".to_string())),
            ]))
        })
    }

    /// Asks while non-deterministic RAM is charged for so many bytes in text and in a request; where it is not there the answer is no. Only
    /// validators show anything, so that no receipt may depend on it.
    fn showing(&mut self, bytes: usize, ask: impl FnOnce(&mut Self) -> Result<bool, End>) -> Result<bool, End> {
        let held = costs::SHOWN_RAM * bytes as u64;
        if self.vm.transaction_mut()?.ram.of(Mode::NonDeterministic).charge(held).is_err() {
            self.vm
                .diagnose(format_args!("there is no RAM to show a model {bytes} bytes: this validator does not agree"));
            return Ok(false);
        }
        let agrees = ask(self);
        self.vm.transaction_mut()?.ram.of(Mode::NonDeterministic).release(held);
        agrees
    }

    /// What this validator would have posted as the leader.
    fn own_answer(&mut self, data: &[u8]) -> Result<Vec<u8>, End> {
        let outcome = self.run_block(data, None)?;
        Ok(self.proposal(&outcome)?)
    }

    /// Asks the model module, and waits. Only `{"ok": true}` is a yes.
    fn ask_model(&mut self, fields: Map) -> Result<bool, End> {
        let request = own::try_encode(&Value::Map(Map::from([("ExecPromptTemplate", Value::Map(fields))])))?;
        let mut cx = self.cx()?;
        let id = cx.node.modules.start(&request).map_err(|source| {
            InternalError::caused_by(
                InternalErrorKind::Module,
                "asking a model to validate the leader's answer",
                source,
            )
        })?;
        let answer = cx.module_result(id)?;
        Ok(own::try_decode(&answer)?.is_some_and(|answer| answer.get("ok") == Some(&Value::Bool(true))))
    }
}

/// The value of a result that is a return. It is only looked at: a leader chooses how many values there are, and nothing is built of them.
fn returned(result: &[u8]) -> Option<ValueRef<'_>> {
    let (_, value) = result.split_first().filter(|(code, _)| **code == 0)?;
    ValueRef::decode(value).ok()
}

/// The value of a result that is a return, in text.
fn printed(result: &[u8]) -> Result<String, InternalError> {
    text_of(result.get(1..).unwrap_or_default())
}

/// The value that these bytes are, in text.
fn text_of(encoded: &[u8]) -> Result<String, InternalError> {
    own::try_decode(encoded)?.map_or(Ok(String::new()), |value| room::printed(&value))
}

/// What a block was given to work on: calldata that can be printed, else text, else bytes.
fn input_of(data: &[u8]) -> Result<String, InternalError> {
    match (ValueRef::decode(data).ok().filter(is_printed), core::str::from_utf8(data)) {
        (Some(_), _) => text_of(data),
        (None, Ok(text)) => room::printed(&Value::Str(room::text(text)?)),
        (None, Err(_)) => room::printed(&Value::Bytes(room::copy(data)?)),
    }
}

/// Whether a value is printed for a model: one with an integer of more than [`PRINTED_INT_BITS`] is not, for to write that in decimal takes
/// time by the square of its length.
pub(super) fn is_printed(value: &ValueRef<'_>) -> bool {
    let long = |int: IntRef<'_>| int.to_int().payload_bits() > PRINTED_INT_BITS;
    !value.events().any(|event| matches!(event, EventRef::Leaf(ValueRef::Int(int)) if long(int)))
}

/// Whether two results are returns of one shape whose integers are close and whose other values are equal.
fn numeric(own: &[u8], leaders: &[u8], abs: &Int, rel_ppm: &Int) -> bool {
    let (Some(own), Some(leaders)) = (returned(own), returned(leaders)) else { return false };
    alike(own, leaders, |own, leaders| match (own, leaders) {
        _ if own == leaders => true,
        (ValueRef::Int(own), ValueRef::Int(leaders)) => close(&own.to_int(), &leaders.to_int(), abs, rel_ppm),
        _ => false,
    })
}

/// Whether two values are of one shape, down to the last item: the same types, arrays of the same length, maps with the same keys; and `pass`
/// holds for each two of the values in the same place that are no containers.
fn alike(own: ValueRef<'_>, leaders: ValueRef<'_>, pass: impl Fn(ValueRef<'_>, ValueRef<'_>) -> bool) -> bool {
    let mut leaders = leaders.events();
    // Where all events have been the same, both values end at once.
    own.events().all(|own| match (own, leaders.next()) {
        (EventRef::Leaf(own), Some(EventRef::Leaf(leaders))) => {
            mem::discriminant(&own) == mem::discriminant(&leaders) && pass(own, leaders)
        }
        (own, leaders) => Some(own) == leaders,
    })
}

/// `|own - leaders| <= abs`, or `|own - leaders| * 10^6 <= rel_ppm * |leaders|`.
fn close(own: &Int, leaders: &Int, abs: &Int, rel_ppm: &Int) -> bool {
    let difference = own.abs_diff(leaders);
    difference <= *abs || &difference * &Int::from(1_000_000) <= rel_ppm * &leaders.abs_diff(&Int::from(0))
}
