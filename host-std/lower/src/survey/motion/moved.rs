//! What may be moved, instruction by instruction.

use alloc::vec;
use alloc::vec::Vec;
use wasmparser::ValType;

use super::super::notes::Passed;
use super::value::{FIXED, Shape, Value, combined};
use super::work::Doing;
use super::{ADRIFT_TICKS, Entry, OPERANDS, Step, Walk};

impl Walk<'_, '_> {
    /// An instruction that stays within its block and is on no local.
    pub(super) fn plain(&mut self, doing: Doing, step: Step) {
        match doing {
            Doing::Constant { literal } => {
                let value = Value::constant(self.new_id(), literal);
                self.push(value, None);
            }
            Doing::Work { shape, ticks } => {
                let taken = self.take(step.takes);
                let value = self.work(taken, shape, ticks);
                self.put(value, step.height);
            }
            Doing::Load { first, ticks } => {
                let taken = self.take(step.takes);
                let value = self.load(&taken, first, ticks);
                self.push(value, None);
            }
            Doing::LoadInto { ticks } => {
                let taken = self.take(step.takes);
                let loaded = self.load(&taken, false, ticks);
                // It is put into the vector that is above the address, if there is one.
                let values: Vec<Value> = [loaded].into_iter().chain(taken.iter().skip(1).map(|it| it.value)).collect();
                let id = self.new_id();
                let shape = Shape { keeps: false, spreads: false, folds: false, opaque: true };
                let value = combined(&values, shape, VECTOR, id, &self.loops);
                self.count(&value, shape, VECTOR);
                self.put(value, step.height);
            }
            Doing::Store { first, ticks } => {
                let taken = self.take(step.takes);
                if let [address, stored, ..] = taken[..] {
                    self.inner(&[address, stored], 0, ticks);
                    self.state.store(places(&address), stored.value, &self.loops);
                    if first {
                        let at = self.new_id();
                        self.state.store = super::state::Fence { within: self.loops.innermost(), at };
                    }
                }
            }
            Doing::Read => {
                let within = if step.changes { self.state.call.within } else { 0 };
                let value = self.loaded(within, FIXED);
                self.push(value, None);
            }
            Doing::Set => {
                if let Some(set) = self.stack.pop() {
                    self.state.store(FIXED, set.value, &self.loops);
                }
            }
            Doing::Table { ticks } => {
                let taken = self.take(step.takes);
                self.inner(&taken, 0, ticks);
                taken.first().into_iter().for_each(|index| self.needed(index));
                for _ in 0..step.gives {
                    let value = self.loaded(0, FIXED);
                    self.push(value, None);
                }
            }
            Doing::Call => {
                let taken = self.take(step.takes);
                self.call(&taken, step);
            }
            Doing::CallTable { ticks } => {
                let taken = self.take(step.takes);
                self.inner(&taken, taken.len().saturating_sub(1), ticks);
                self.call(&taken, step);
            }
            Doing::Nothing => {
                self.take(step.takes);
                for _ in 0..step.gives {
                    let value = self.loaded(0, FIXED);
                    self.push(value, None);
                }
            }
        }
    }

    fn call(&mut self, taken: &[Entry], step: Step) {
        taken.iter().for_each(|entry| self.needed(entry));
        let at = self.new_id();
        self.state.fence(self.loops.innermost(), at);
        self.may_throw();
        for _ in 0..step.gives {
            let value = self.fresh();
            self.push(value, None);
        }
    }

    /// What a load gives.
    fn load(&mut self, taken: &[Entry], first: bool, ticks: u64) -> Value {
        let Some(address) = taken.first() else { return self.loaded(0, FIXED) };
        self.inner(taken, 0, ticks);
        self.needed(address);
        let fence = if first { self.state.store } else { self.state.call };
        // What is loaded from an address of this round is not what was loaded before it.
        let within = if address.value.sure { self.loops.inner(fence.within, address.value.high) } else { fence.within };
        self.loaded(within, places(address))
    }

    fn loaded(&mut self, within: u16, places: u64) -> Value {
        Value::loaded(self.new_id(), within, places, self.state.stored, &self.loops)
    }

    /// Puts down what is computed; where it lies too deep to be found where control divides, it is kept at once.
    fn put(&mut self, value: Value, height: u32) {
        self.push(value, None);
        let base = self.frames.last().map_or(0, |frame| frame.base);
        if (height as usize).saturating_sub(base) >= OPERANDS
            && value.cone > 0
            && let Some(Some(ty)) = self.subject.recorded.types.get(self.typed)
        {
            self.barrier(self.now + 1, vec![Passed { local: None, ty: *ty }]);
            let value = self.fresh();
            self.stack.pop();
            self.push(value, None);
        }
    }

    /// Pure work on what is taken.
    fn work(&mut self, mut taken: Vec<Entry>, shape: Shape, ticks: u64) -> Value {
        let id = self.new_id();
        let values: Vec<Value> = taken.iter().map(|entry| entry.value).collect();
        let value = combined(&values, shape, ticks, id, &self.loops);
        if !self.count(&value, shape, ticks) {
            return value;
        }
        let lowest = taken.iter().rposition(|entry| !entry.value.constant).unwrap_or(taken.len().saturating_sub(1));
        self.tie(&mut taken, lowest);
        let values: Vec<Value> = taken.iter().map(|entry| entry.value).collect();
        combined(&values, Shape { keeps: true, ..shape }, ticks, id, &self.loops)
    }

    /// Counts work that may be lifted; says whether an operand has to be tied to this place.
    fn count(&mut self, value: &Value, shape: Shape, ticks: u64) -> bool {
        let depth = self.loops.depth_of(value.high);
        let divided = |depth| self.loops.at(depth).is_some_and(|around| around.instruction < self.divided);
        let lifted = !value.constant && depth < self.loops.depth() && divided(depth + 1);
        let may_be_constant = !value.sure && !shape.folds && divided(1);
        if (lifted && value.adrift) || may_be_constant {
            self.adrift += ticks;
            return self.adrift > ADRIFT_TICKS;
        }
        if lifted {
            self.loops.lift(depth, ticks);
        }
        false
    }

    /// Counts the work that an instruction hides on the operand at `place` of what it takes.
    fn inner(&mut self, taken: &[Entry], place: usize, ticks: u64) {
        let Some(operand) = taken.get(place) else { return };
        let shape = Shape { keeps: true, spreads: false, folds: true, opaque: false };
        if !operand.value.constant && self.count(&operand.value, shape, ticks) {
            self.tie(&mut taken.to_vec(), place);
        }
    }

    /// Passes the operand at `place`, and those above it, through a barrier before the instruction.
    fn tie(&mut self, taken: &mut [Entry], place: usize) {
        let types: Option<Vec<ValType>> = taken[place..].iter().map(|entry| entry.ty).collect();
        let Some(types) = types else { return };
        // Without an operand it is the constant itself that is tied.
        self.barrier(self.now, types.into_iter().rev().map(|ty| Passed { local: None, ty }).collect());
        for entry in &mut taken[place..] {
            entry.value = self.fresh();
        }
    }
}

/// What it costs to put what was loaded into a vector.
const VECTOR: u64 = 2;

/// The roots of an address.
fn places(address: &Entry) -> u64 {
    if address.value.roots == 0 { FIXED } else { address.value.roots }
}
