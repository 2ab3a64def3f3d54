//! Ways from block to block: where control divides, and where ways meet.

use alloc::vec::Vec;
use wasmparser::ValType;

use super::super::notes::Passed;
use super::loops::Learned;
use super::state::Fence;
use super::value::Value;
use super::{Entry, Frame, Kind, LIFTED_TICKS, Meeting, OPERANDS, PENDING_TICKS, Step, Walk};

impl Walk<'_, '_> {
    /// `block`, `loop` or `if`.
    pub(super) fn open(&mut self, kind: Kind, step: Step) {
        let mut parameters = step.takes as usize;
        if kind == Kind::If {
            parameters = parameters.saturating_sub(1);
            if self.alive {
                self.stack.pop();
                self.divide(parameters);
            }
        }
        let base = self.stack.len().saturating_sub(parameters);
        let within = self.loops.innermost();
        let mut frame =
            Frame { kind, base, alive: self.alive, otherwise: None, label: None, number: usize::MAX, within, clock: 0 };
        if self.alive {
            let before = Meeting { state: self.state.clone(), operands: self.stack[base..].to_vec() };
            match kind {
                Kind::Block => {}
                Kind::If => frame.otherwise = Some(before),
                Kind::Loop => frame.label = Some(before),
            }
        }
        if kind == Kind::Loop {
            if self.loops.depth() == 0 {
                self.adrift = 0;
            }
            frame.clock = self.new_id();
            let types = self.stack[base..].iter().filter_map(|entry| entry.ty).collect();
            // The function stands first among the loops.
            frame.number = self.loops.enter(self.now, frame.clock, types) - 1;
            self.learned.push(Learned::default());
            self.open.push(frame.number);
            self.head(frame.number, base);
        }
        self.frames.push(frame);
    }

    /// At the head of a loop locals that come back to it are others.
    fn head(&mut self, number: usize, base: usize) {
        for place in base..self.stack.len() {
            let id = self.new_id();
            let value = self.stack[place].value.blurred(id, self.loops.innermost(), &self.loops);
            self.stack[place] = Entry { value, local: None, ..self.stack[place] };
        }
        let Some(learned) = self.known.as_mut().and_then(|known| known.get_mut(number)).map(core::mem::take) else {
            return;
        };
        for local in learned.written.iter() {
            let id = self.new_id();
            let value = match learned.varying.contains(local) {
                true => Value::fresh(id, self.loops.innermost()),
                false => self.state.get(local).blurred(id, self.loops.innermost(), &self.loops),
            };
            self.state.set(local, value);
        }
        let at = self.new_id();
        let here = Fence { within: self.loops.innermost(), at };
        if learned.calls {
            self.state.call = here;
        }
        if learned.calls || learned.stores {
            self.state.store = here;
        }
        if let Some(known) = &mut self.known {
            known[number] = learned;
        }
    }

    /// How many operands of the innermost block may be used behind a branch.
    pub(super) fn operands_of_block(&self) -> usize {
        let base = self.frames.last().map_or(0, |frame| frame.base);
        self.stack.len().saturating_sub(base).min(OPERANDS)
    }

    /// Control divides before the next ways: what is pending behind locals and the topmost `operands` is bounded. The
    /// condition has been taken.
    pub(super) fn divide(&mut self, operands: usize) {
        self.pin(operands, Some(ValType::I32));
    }

    /// The same, with something on top of the operands or not, which has been taken.
    pub(super) fn pin(&mut self, operands: usize, above: Option<ValType>) {
        self.divided = self.now + 1;
        let from = self.stack.len().saturating_sub(operands);
        let behind = |entry: &Entry| u64::from(entry.value.cone);
        let pending = self.stack[from..].iter().map(behind).sum::<u64>();
        if self.known.is_none() || self.state.pending() + pending <= PENDING_TICKS {
            return;
        }
        let mut passed = Vec::new();
        if let Some(lowest) = self.stack[from..].iter().position(|entry| entry.value.cone > 0) {
            passed.extend(above.map(|ty| Passed { local: None, ty }));
            for place in (from + lowest..self.stack.len()).rev() {
                let Some(ty) = self.stack[place].ty else { continue };
                passed.push(Passed { local: None, ty });
                self.stack[place].value = self.fresh();
            }
        }
        for local in self.state.with_cones() {
            passed.push(Passed { local: Some(local), ty: self.subject.locals[local as usize] });
            let value = self.fresh();
            self.set(local, value);
        }
        self.barrier(self.now, passed);
    }

    /// A way to the label at `depth` with so many operands.
    pub(super) fn way(&mut self, depth: u32, operands: usize) {
        let Some(place) = self.frames.len().checked_sub(1 + depth as usize) else { return };
        let from = self.stack.len().saturating_sub(operands);
        let Walk { frames, stack, state, clock, loops, learned, .. } = self;
        let frame = &mut frames[place];
        if frame.kind == Kind::Loop {
            let Some(before) = &frame.label else { return };
            let learned = &mut learned[frame.number];
            for (local, value, _) in state.differing(&before.state) {
                if value.born > frame.clock {
                    learned.varying.insert(local);
                }
            }
            learned.calls |= state.call.at > frame.clock;
            learned.stores |= state.store.at > frame.clock;
            return;
        }
        match &mut frame.label {
            None => frame.label = Some(Meeting { state: state.clone(), operands: stack[from..].to_vec() }),
            Some(label) => {
                label.state.meet(state, frame.within, clock, loops);
                for (entry, other) in label.operands.iter_mut().zip(&stack[from..]) {
                    *clock += 1;
                    entry.value = entry.value.meet(other.value, *clock, frame.within, loops);
                    entry.local = entry.local.filter(|local| other.local == Some(*local));
                }
            }
        }
    }

    /// `else`.
    pub(super) fn otherwise(&mut self, step: Step) {
        if self.alive {
            self.way(0, step.takes as usize);
        }
        let Some(frame) = self.frames.last_mut() else { return };
        self.alive = frame.alive;
        if let Some(before) = frame.otherwise.take() {
            self.stack.truncate(frame.base);
            self.stack.extend(before.operands);
            self.state = before.state;
        }
    }

    /// `end`.
    pub(super) fn end(&mut self, step: Step) {
        let is_loop = self.frames.last().is_some_and(|frame| frame.kind == Kind::Loop);
        if is_loop {
            self.frames.pop();
            return self.end_loop();
        }
        if self.alive {
            self.way(0, step.gives as usize);
        }
        if let Some(before) = self.frames.last_mut().and_then(|frame| frame.otherwise.take()) {
            // The way around an `if` without `else`.
            self.stack.truncate(self.frames.last().map_or(0, |frame| frame.base));
            self.stack.extend(&before.operands);
            self.state = before.state;
            self.way(0, before.operands.len());
        }
        let Some(frame) = self.frames.pop() else { return };
        self.alive = frame.label.is_some();
        if let Some(label) = frame.label {
            self.stack.truncate(frame.base);
            self.stack.extend(label.operands);
            self.state = label.state;
        }
        self.end_try();
    }

    /// The end of a loop, which knows now what may be lifted out of it.
    fn end_loop(&mut self) {
        let Some(number) = self.open.pop() else { return };
        let Some((_, left)) = self.loops.leave() else { return };
        if let Some(outer) = self.open.last() {
            let written = core::mem::take(&mut self.learned[number].written);
            written.iter().for_each(|local| self.learned[*outer].written.insert(local));
            self.learned[number].written = written;
        }
        if left.liftable() <= LIFTED_TICKS {
            return self.loops.pass_on(&left);
        }
        let varies = |local| self.known.as_ref().is_some_and(|known| known[number].varying.contains(local));
        let locals = left.reads.iter().filter(|local| !varies(*local));
        let passed = locals.map(|local| Passed { local: Some(local), ty: self.subject.locals[local as usize] });
        let passed: Vec<Passed> =
            left.parameters.iter().rev().map(|ty| Passed { local: None, ty: *ty }).chain(passed).collect();
        if !passed.is_empty() {
            self.barrier(left.instruction + 1, passed);
        }
    }
}
