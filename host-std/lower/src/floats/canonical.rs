//! The *canonical* policy: where a NaN must be made canonical.
//!
//! Hardware arithmetic yields NaNs whose bits differ between machines. As an operand of further arithmetic one NaN is as
//! good as another, so a value may stay *raw* until its bits can be seen. This analysis follows each value of a function
//! from the instruction that made it to the one that consumes it. Values that a float operator consumes stay raw; where
//! anything else does (a store, a reinterpretation, a call, a branch, `copysign`), the value is made canonical at once
//! after the instruction that made it. A local may hold raw values, which are then made canonical where it is read for
//! such a use, unless it also holds values whose NaN bits are the guest's own; then what is written to it is made
//! canonical before.
//!
//! It is conservative: at every label and branch, all operands on the stack count as seen.

use alloc::vec::Vec;

use wasm_encoder::{Ieee32, Ieee64, InstructionSink, ValType};
use wasmparser::Operator;

use super::{FloatOp, Lane, float_op};
use crate::scratch::{Scratch, Use};

/// The canonical NaN: quiet, positive, no payload.
const CANONICAL_32: u32 = 0x7fc0_0000;
const CANONICAL_64: u64 = 0x7ff8_0000_0000_0000;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Bits of the guest's own, to be preserved, or no float at all.
    Bits,
    /// A float whose bits are the same everywhere and which is no NaN but the canonical one.
    Canonical,
    /// The result of float operator number `.0`, any NaN.
    Raw(u32, Lane),
    /// What instruction `.0` read from local `.1`.
    Read(u32, u32),
}

/// What a local holds, from all that is written to it. Ordered: more writes only move it down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    Canonical,
    Raw(Lane),
    Bits,
}

impl Holds {
    fn join(self, other: Holds) -> Holds {
        match (self, other) {
            (Holds::Raw(a), Holds::Raw(b)) if a != b => Holds::Bits,
            _ => self.max(other),
        }
    }
}

/// The analysis of one function; its memory is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    stack: Vec<Value>,
    /// Operands below this height are known to be `Bits` or `Canonical`.
    settled: usize,
    locals: Vec<Holds>,
    /// Every write of a local, with what was written.
    writes: Vec<(u32, Value)>,
    /// Every use of a local's value that may show its bits: the reading instruction, the local, the harmless lane.
    reads: Vec<(u32, u32, Option<Lane>)>,
    /// What must be made canonical after its instruction.
    seen: Vec<(u32, Lane)>,
}

impl Flow {
    /// Starts a function that has `locals` locals, of which the first `parameters` are the caller's.
    pub(crate) fn start(&mut self, parameters: usize, locals: usize) {
        self.stack.clear();
        self.settled = 0;
        self.locals.clear();
        self.locals.resize(parameters, Holds::Bits);
        self.locals.resize(locals, Holds::Canonical);
        self.writes.clear();
        self.reads.clear();
        self.seen.clear();
    }

    /// Follows instruction `index`, which takes and gives as many operands as `arity` says and leaves `height` of them.
    pub(crate) fn step(&mut self, index: u32, operator: &Operator<'_>, arity: (u32, u32), height: usize) {
        if is_control(operator) {
            self.show_all();
            self.stack.clear();
            self.stack.resize(height, Value::Bits);
            self.settled = height;
        } else {
            let bottom = self.stack.len().saturating_sub(arity.0 as usize);
            let result = self.consume(index, operator, bottom);
            // In code that is never reached an instruction may take operands that are not there: `bottom` is then too low, but
            // what it gives is on top all the same.
            let below = height.saturating_sub(arity.1 as usize);
            self.settled = self.settled.min(bottom).min(below);
            self.stack.truncate(bottom);
            self.stack.resize(below, Value::Bits);
            self.stack.resize(height, result);
        }
    }

    /// What must be made canonical: instructions and how their results read, in ascending order.
    pub(crate) fn finish(&mut self) -> &[(u32, Lane)] {
        self.propagate();
        for i in 0..self.writes.len() {
            let (local, value) = self.writes[i];
            if self.locals[local as usize] == Holds::Bits {
                self.show(value);
            }
        }
        for &(index, local, harmless) in &self.reads {
            if let Holds::Raw(lane) = self.locals[local as usize]
                && harmless != Some(lane)
            {
                self.seen.push((index, lane));
            }
        }
        self.seen.sort_unstable();
        self.seen.dedup();
        &self.seen
    }

    /// Takes the operands from `bottom` up for `operator` and says what its result is.
    fn consume(&mut self, index: u32, operator: &Operator<'_>, bottom: usize) -> Value {
        let top = self.stack.last().copied().filter(|_| self.stack.len() > bottom).unwrap_or(Value::Bits);
        match *operator {
            Operator::Drop => Value::Bits,
            Operator::LocalGet { local_index } => Value::Read(index, local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.writes.push((local_index, top));
                top
            }
            // The magnitude of a canonical NaN is the canonical NaN.
            Operator::F32Abs | Operator::F64Abs => top,
            _ => match float_op(operator) {
                Some(float) => self.compute(index, &float, bottom),
                None => {
                    for i in bottom..self.stack.len() {
                        self.show(self.stack[i]);
                    }
                    if is_canonical_constant(operator) { Value::Canonical } else { Value::Bits }
                }
            },
        }
    }

    fn compute(&mut self, index: u32, float: &FloatOp, bottom: usize) -> Value {
        for i in bottom..self.stack.len() {
            match self.stack[i] {
                Value::Raw(_, lane) if float.takes == Some(lane) => {}
                Value::Read(read, local) => self.reads.push((read, local, float.takes)),
                other => self.show(other),
            }
        }
        match float.gives {
            Some(lane) => Value::Raw(index, lane),
            None => Value::Bits,
        }
    }

    fn show_all(&mut self) {
        for i in self.settled..self.stack.len() {
            self.show(self.stack[i]);
        }
    }

    fn show(&mut self, value: Value) {
        match value {
            Value::Bits | Value::Canonical => {}
            Value::Raw(index, lane) => self.seen.push((index, lane)),
            Value::Read(index, local) => self.reads.push((index, local, None)),
        }
    }

    /// Finds what each local holds: the least solution of its writes. Each local changes at most twice.
    fn propagate(&mut self) {
        let mut copies: Vec<(u32, u32)> = Vec::new();
        for &(local, value) in &self.writes {
            let held = match value {
                Value::Bits => Holds::Bits,
                Value::Canonical => continue,
                Value::Raw(_, lane) => Holds::Raw(lane),
                Value::Read(_, from) => {
                    copies.push((from, local));
                    continue;
                }
            };
            self.locals[local as usize] = self.locals[local as usize].join(held);
        }
        copies.sort_unstable();
        copies.dedup();
        let mut changed: Vec<u32> = copies.iter().map(|&(from, _)| from).collect();
        changed.dedup();
        while let Some(from) = changed.pop() {
            let start = copies.partition_point(|&(source, _)| source < from);
            for &(_, to) in copies[start..].iter().take_while(|&&(source, _)| source == from) {
                let joined = self.locals[to as usize].join(self.locals[from as usize]);
                if joined != self.locals[to as usize] {
                    self.locals[to as usize] = joined;
                    changed.push(to);
                }
            }
        }
    }
}

/// Whether operands may live on past `operator` by another way than the one written next.
fn is_control(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::TryTable { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Unreachable
    )
}

/// Whether `operator` yields a float that is no NaN but the canonical one, however it is read.
fn is_canonical_constant(operator: &Operator<'_>) -> bool {
    match operator {
        Operator::F32Const { value } => canonical32(value.bits()),
        Operator::F64Const { value } => canonical64(value.bits()),
        Operator::V128Const { value } => {
            let bytes = value.bytes().as_chunks::<8>().0;
            bytes.iter().all(|bytes| {
                let bits = u64::from_le_bytes(*bytes);
                canonical64(bits) && canonical32(bits as u32) && canonical32((bits >> 32) as u32)
            })
        }
        _ => false,
    }
}

fn canonical32(bits: u32) -> bool {
    bits & 0x7fff_ffff <= 0x7f80_0000 || bits == CANONICAL_32
}

fn canonical64(bits: u64) -> bool {
    bits & (u64::MAX >> 1) <= 0x7ff0_0000_0000_0000 || bits == CANONICAL_64
}

/// Makes each NaN among the lanes of the topmost operand canonical: what does not equal itself is replaced.
pub(crate) fn canonicalise(sink: &mut InstructionSink<'_>, scratch: &mut Scratch, lane: Lane) {
    let local = scratch.local(Use::Value(match lane {
        Lane::F32 => ValType::F32,
        Lane::F64 => ValType::F64,
        Lane::F32x4 | Lane::F64x2 => ValType::V128,
    }));
    sink.local_tee(local);
    match lane {
        Lane::F32 => sink.f32_const(Ieee32::new(CANONICAL_32)),
        Lane::F64 => sink.f64_const(Ieee64::new(CANONICAL_64)),
        Lane::F32x4 => sink.v128_const(i128::from(CANONICAL_32) * 0x1_00000001_00000001_00000001),
        Lane::F64x2 => sink.v128_const(i128::from(CANONICAL_64) * 0x1_00000000_00000001),
    };
    sink.local_get(local).local_get(local);
    match lane {
        Lane::F32 => sink.f32_eq().select(),
        Lane::F64 => sink.f64_eq().select(),
        Lane::F32x4 => sink.f32x4_eq().v128_bitselect(),
        Lane::F64x2 => sink.f64x2_eq().v128_bitselect(),
    };
}
