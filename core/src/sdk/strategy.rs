//! Validation strategies: the comparisons that contracts keep rewriting, once. Source: `docs/spec/sub-vm.md`, *Validation strategies*.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use crate::costs::PRINTED_INT_BITS;
use crate::outcome::{End, InternalError, InternalErrorKind};
use crate::own;
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
    pub(super) fn parse(value: &Value) -> Option<Self> {
        if value.as_str() == Some("StrictEq") {
            return Some(Self::StrictEq);
        }
        let (name, fields) = value.as_map().filter(|map| map.len() == 1)?.iter().next()?;
        let fields = fields.as_map()?;
        let text = |name| fields.get(name)?.as_str().map(ToString::to_string);
        // 256 bits are enough for any amount, and bound what a comparison takes.
        let tolerance = |name| fields.get(name)?.as_int().filter(|int| int.to_u256_le().is_some()).cloned();
        match (name, fields.len()) {
            ("Numeric", 2) => Some(Self::Numeric { abs: tolerance("abs")?, rel_ppm: tolerance("rel_ppm")? }),
            ("Comparative", 1) => Some(Self::Comparative { principle: text("principle")? }),
            ("NonComparative", 2) => Some(Self::NonComparative { task: text("task")?, criteria: text("criteria")? }),
            _ => None,
        }
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
        let (Some(own), Some(leaders)) = (returned(own), returned(leaders)) else { return Ok(false) };
        // A leader chooses what its answer says, never what it is.
        if !alike(own, leaders, |_, _| true) || !is_printed(&own) || !is_printed(&leaders) {
            return Ok(false);
        }
        self.ask_model(Map::from([
            ("leader_answer", Value::Str(leaders.to_string())),
            ("principle", Value::Str(principle.to_string())),
            ("template", Value::Str("EqComparative".to_string())),
            ("validator_answer", Value::Str(own.to_string())),
        ]))
    }

    /// Whether a model says that the leader's answer meets the criteria.
    fn meets(&mut self, task: &str, criteria: &str, data: &[u8], leaders: &[u8]) -> Result<bool, End> {
        let Some(leaders) = returned(leaders).filter(is_printed) else { return Ok(false) };
        self.ask_model(Map::from([
            ("criteria", Value::Str(criteria.to_string())),
            ("input", Value::Str(input_of(data))),
            ("output", Value::Str(leaders.to_string())),
            ("task", Value::Str(task.to_string())),
            ("template", Value::Str("EqNonComparativeValidator".to_string())),
        ]))
    }

    /// What this validator would have posted as the leader.
    fn own_answer(&mut self, data: &[u8]) -> Result<Vec<u8>, End> {
        let outcome = self.run_block(data, None)?;
        Ok(self.proposal(&outcome)?)
    }

    /// Asks the model module, and waits. Only `{"ok": true}` is a yes.
    fn ask_model(&mut self, fields: Map) -> Result<bool, End> {
        let request = own::encode(&Value::Map(Map::from([("ExecPromptTemplate", Value::Map(fields))])));
        let mut cx = self.cx()?;
        let id = cx.node.modules.start(&request).map_err(|source| {
            InternalError::caused_by(
                InternalErrorKind::Module,
                "asking a model to validate the leader's answer",
                source,
            )
        })?;
        let answer = cx.module_result(id)?;
        Ok(Value::decode(&answer).is_ok_and(|answer| answer.get("ok") == Some(&Value::Bool(true))))
    }
}

/// The value of a result that is a return. It is only looked at: a leader chooses how many values there are, and nothing is built of them.
fn returned(result: &[u8]) -> Option<ValueRef<'_>> {
    let (_, value) = result.split_first().filter(|(code, _)| **code == 0)?;
    ValueRef::decode(value).ok()
}

/// What a block was given to work on: calldata that can be printed, else text, else bytes.
fn input_of(data: &[u8]) -> String {
    match (ValueRef::decode(data).ok().filter(is_printed), core::str::from_utf8(data)) {
        (Some(value), _) => value.to_string(),
        (None, Ok(text)) => Value::Str(text.to_string()).to_string(),
        (None, Err(_)) => ValueRef::Bytes(data).to_string(),
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
