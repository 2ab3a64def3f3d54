//! The second pass over one function's body.
//!
//! ```text
//!     compare or charge the frame, and pay for depth
//!     read the gas counter
//!     block                      ;; out of gas
//!       block (result ...)       ;; the guest's function: what left it now leaves this
//!         ... the guest's instructions, each straight-line block after what it pays ...
//!       end
//!       bring the gas counter up to date
//!       refund the frame
//!       return
//!     end
//!     trap: out of gas
//! ```
//!
//! Most instructions are copied byte for byte. Branches keep their depths, for the inner block stands where the
//! function's own label was.

use alloc::vec::Vec;

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::{FunctionBody, Operator};

use super::appended::encoded;
use super::blocks::{Blocks, Callee};
use super::bulk::{Bulk, InPlace};
use super::counters::Globals;
use super::floats::{Form, canonical, float_op, lanes};
use super::frames::{ENTRY_BYTES, Notebook, Page, TAIL_BYTES, length, moved};
use super::gas::{self, Meter};
use super::helpers::Helpers;
use super::limits::{Limit, Refusal};
use super::look::Place;
use super::options::{Floats, Options};
use super::owed::Named;
use super::pins;
use super::scratch::{Scratch, Use};
use super::stack::{CALLS_BYTES, Frame};
use super::stores::{IntegerStore, OWN_VALUE_BYTES, PROBE_BYTES, WideStore};
use super::survey::{FUNCTION_LABEL, Facts, Notes, Passed, Survey};
use super::traps::TrapKind;
use super::unwound::Unwound;

/// What the bodies of a module have in common.
pub(super) struct Context<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) options: &'a Options,
    pub(super) globals: Globals,
    pub(super) helpers: Helpers,
    /// Where functions note themselves.
    pub(super) notebook: Option<Notebook>,
    /// Whether somebody asks where instructions came to stand.
    pub(super) placed: bool,
}

impl Context<'_> {
    /// Rewrites defined function `index`, of which `notes` were taken; and says where its instructions came to stand, where somebody asks.
    /// Where blocks begin that tell of it is noted in `told`.
    pub(super) fn rewrite(
        &self,
        index: usize,
        body: &FunctionBody<'_>,
        notes: Notes<'_>,
        told: &mut Vec<u32>,
    ) -> Result<(Function, Vec<Place>), Refusal> {
        let ty = self.survey.function_type(index);
        let mut count = ty.params().len() as u32;
        let mut locals = Vec::new();
        for declaration in body.get_locals_reader()? {
            let (repeated, ty) = declaration?;
            count += repeated;
            locals.push((repeated, encoded(ty)));
        }
        let declarations = locals.len();
        let meter = Meter { counter: self.globals.gas, cache: count };
        locals.push((1, ValType::I64));
        let facts = self.survey.facts[index];
        let before = (!facts.leaf).then_some(count + 1);
        locals.extend(before.map(|_| (1, ValType::I32)));
        let kept = count + 1 + u32::from(!facts.leaf);
        let watched = self.helpers.imports.watched;
        let function = self.survey.imported_functions() + index as u32;
        let telling = watched.map(|watched| (watched, function));
        let unwound = facts.tries.then(|| Unwound::new(&self.globals, kept, &self.options.schedule, telling));
        locals.extend(unwound.map(|_| (1, ValType::I32)));
        let calls = self.globals.calls.filter(|_| facts.tries);
        locals.extend(calls.map(|_| (1, ValType::I64)));
        let scratch = Scratch::after(kept + u32::from(facts.tries) + u32::from(calls.is_some()));
        let small = facts.small.is_some();
        let names_function = |named: &[u32]| named.first() == Some(&FUNCTION_LABEL);
        let named = Named { switched: names_function(notes.switched), caught: names_function(notes.caught) };
        let mut blocks = Blocks::new(meter, unwound, facts.entry, small, named, self.placed);
        blocks.tell(watched.and_then(|watched| watched.at()));
        let page = self.notebook.map(|notebook| notebook.page(function, facts.units));
        let mut body_writer = Body {
            context: self,
            facts,
            page,
            before,
            meter,
            unwound,
            scratch,
            blocks,
            reserved: ENTRY_BYTES + self.globals.calls.map_or(0, |_| CALLS_BYTES),
            added: 0,
            uncounted: 0,
            length: body.as_bytes().len(),
        };
        body_writer.open_function(function, self.exit_type(index));
        body_writer.operators(body, notes)?;
        locals.extend(body_writer.scratch.locals());
        Limit::LoweredFunctionSize.check(body_writer.size() + 16 * (declarations + OWN_LOCALS))?;
        let mut function = Function::new(locals);
        let (bytes, begun, places) = body_writer.blocks.finish();
        told.extend(begun);
        function.raw(bytes);
        Ok((function, places))
    }

    /// The index of the guest's memory `memory`.
    pub(super) fn memory(&self, memory: u32) -> u32 {
        self.notebook.map_or(memory, |notebook| notebook.memory(memory))
    }

    /// What a call of the guest's function `index` calls.
    fn callee(&self, index: u32) -> Callee {
        let Some(defined) = index.checked_sub(self.survey.imported_functions()) else { return Callee::Any };
        let small = self.survey.facts[defined as usize].small;
        small.map_or(Callee::Large, |ticks| Callee::Small { ticks })
    }

    /// The type of a block that leaves the results of defined function `index`.
    fn exit_type(&self, index: usize) -> BlockType {
        match self.survey.function_type(index).results() {
            [] => BlockType::Empty,
            [result] => BlockType::Result(encoded(*result)),
            _ => BlockType::FunctionType(self.helpers.exits[&self.survey.function_types[index]]),
        }
    }
}

/// How many locals lowering adds to a function at most: the cache of the gas counter, what the stack counter was, twice, what calls were left, and
/// scratch locals.
const OWN_LOCALS: usize = 15;

/// A body in the making.
struct Body<'a> {
    context: &'a Context<'a>,
    facts: Facts,
    /// What the function notes of itself.
    page: Option<Page>,
    /// The local that keeps what the stack counter was where it was entered, in a function that is no leaf.
    before: Option<u32>,
    meter: Meter,
    /// What it does where an exception comes in.
    unwound: Option<Unwound>,
    scratch: Scratch,
    blocks: Blocks,
    /// What all that only some engines and processors need could take at most, in bytes.
    reserved: usize,
    /// What of it was added.
    added: usize,
    /// What was added that no limit counts, in bytes: for those who watch, and to forget what is kept.
    uncounted: usize,
    /// The bytes of the guest's body.
    length: usize,
}

impl Body<'_> {
    /// The function's frame.
    fn frame(&self) -> Frame {
        let schedule = &self.context.options.schedule;
        Frame::new(self.context.globals, self.facts.units, self.before, schedule, self.facts.values)
    }

    /// Where the guest's next instruction goes.
    fn sink(&mut self) -> InstructionSink<'_> {
        self.blocks.code()
    }

    fn open_function(&mut self, index: u32, exit: BlockType) {
        let (page, frame, gas) = (self.page, self.frame(), self.context.globals.gas);
        let enter = |page| move |sink: &mut InstructionSink<'_>| frame.enter(sink, page);
        self.added += length(enter(page)) - length(enter(None));
        let mut sink = self.blocks.outside();
        enter(page)(&mut sink);
        self.unwound.iter().for_each(|unwound| unwound.keep(&mut sink));
        if let Some(watched) = self.context.helpers.imports.watched {
            let unwound = self.unwound;
            let enter = |sink: &mut InstructionSink<'_>| {
                watched.enter(sink, index, gas);
                unwound.iter().for_each(|unwound| watched.tries(sink, unwound.kept));
            };
            enter(&mut sink);
            self.uncounted += length(enter);
        }
        self.meter.refresh(&mut sink);
        sink.block(BlockType::Empty).block(exit);
    }

    fn close_function(&mut self) {
        self.blocks.end_function();
        let (frame, page) = (self.frame(), self.page);
        let leave = |sink: &mut InstructionSink<'_>| frame.leave(sink, page);
        self.tell_left(true);
        let mut sink = self.blocks.outside();
        leave(&mut sink);
        sink.return_().end();
        self.meter.exhaust(&mut sink);
        TrapKind::OutOfGas.emit(&mut sink, self.context.globals.trap);
        sink.end();
        if self.facts.leaf {
            self.added += length(leave);
        }
    }

    /// Tells those who watch that the function is left, behind its last block or within one; the counter is right.
    fn tell_left(&mut self, outside: bool) {
        let Some(watched) = self.context.helpers.imports.watched else { return };
        let leave = |sink: &mut InstructionSink<'_>| watched.leave(sink, self.context.globals.gas);
        self.uncounted += length(leave);
        leave(&mut if outside { self.blocks.outside() } else { self.blocks.code() });
    }

    fn operators(&mut self, body: &FunctionBody<'_>, notes: Notes<'_>) -> Result<(), Refusal> {
        let bytes = body.as_bytes();
        let start = body.range().start;
        let mut reader = body.get_operators_reader()?;
        let mut canonicalise = notes.canonicalise.iter().peekable();
        let mut switched = notes.switched.iter().skip_while(|opener| **opener == FUNCTION_LABEL).peekable();
        let mut caught = notes.caught.iter().skip_while(|opener| **opener == FUNCTION_LABEL).peekable();
        let mut moving = notes.moving.iter().peekable();
        let mut pins = notes.pins.iter().peekable();
        let mut passed = notes.passed;
        let mut number = 0;
        while !reader.eof() {
            let from = reader.original_position() - start;
            let operator = reader.read()?;
            let to = reader.original_position() - start;
            self.blocks.comes((start + from) as u32);
            if matches!(operator, Operator::End) && self.blocks.depth() == 0 {
                self.close_function();
                break;
            }
            let named = Named {
                switched: switched.next_if(|opener| **opener == number + 1).is_some(),
                caught: caught.next_if(|opener| **opener == number + 1).is_some(),
            };
            if let Some(moving) = moving.next_if(|moving| moving.instruction == number) {
                self.blocks.count(moving.ticks, false);
            }
            let mut tied = false;
            while let Some(pin) = pins.next_if(|pin| pin.instruction == number) {
                let through;
                (through, passed) = passed.split_at(pin.passed as usize);
                self.barrier(through);
                tied |= through.is_empty();
            }
            self.blocks.place(start + from);
            match operator {
                Operator::V128Const { value } if tied => {
                    self.blocks.count(gas::ticks(&self.context.options.schedule, &operator), false);
                    self.tied(value.i128() as u128);
                }
                _ => self.operator(&operator, &bytes[from..to], named)?,
            }
            if let Some(point) = canonicalise.next_if(|point| point.instruction == number) {
                canonical::canonicalise(&mut self.blocks.code(), &mut self.scratch, point.lane);
            }
            number += 1;
        }
        Ok(())
    }

    /// Writes `operator`; where it opens a block, its label is `named`.
    fn operator(&mut self, operator: &Operator<'_>, bytes: &[u8], named: Named) -> Result<(), Refusal> {
        let imports = &self.context.helpers.imports;
        let redirected = imports.redirected(operator, self.length);
        if let (Some(written), Operator::Call { function_index }) = (&redirected, operator) {
            // A call of the host counts as long as one that does nothing but ask it.
            let asking = imports.is_host(*function_index).then(|| imports.asking(*function_index));
            self.uncounted += written.len().saturating_sub(asking.unwrap_or(bytes.len()));
            self.reserved += asking.map_or(0, |asking| asking.saturating_sub(written.len()));
        }
        let bytes = redirected.as_deref().unwrap_or(bytes);
        let ticks = gas::ticks(&self.context.options.schedule, operator);
        self.blocks.count(ticks, gas::shows(operator));
        match *operator {
            Operator::Block { .. } | Operator::TryTable { .. } => self.blocks.block(bytes, named),
            Operator::Loop { .. } => self.blocks.loop_(bytes, named),
            Operator::If { .. } => self.blocks.if_(bytes, named),
            Operator::Else => self.blocks.else_(bytes),
            Operator::End => self.blocks.end(),
            Operator::Br { relative_depth } => {
                self.blocks.copy(bytes);
                self.blocks.after_br(relative_depth);
            }
            Operator::BrIf { relative_depth } => {
                self.blocks.copy(bytes);
                self.blocks.after_br_if(relative_depth);
            }
            Operator::BrTable { ref targets } => {
                self.blocks.copy(bytes);
                self.blocks.after_br_table(targets)?;
            }
            Operator::Return => {
                let function = self.blocks.depth();
                self.sink().br(function);
                self.blocks.after_br(function);
            }
            Operator::Unreachable => {
                self.blocks.copy(bytes);
                self.blocks.after_unreachable();
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                let Globals { gas, stack, .. } = self.context.globals;
                let (frame, page) = (self.frame(), self.page);
                self.tell_left(false);
                frame.leave(&mut self.sink(), page);
                if let Operator::ReturnCallIndirect { .. } = operator {
                    self.add(TAIL_BYTES, page.is_some(), |sink| {
                        page.iter().for_each(|page| page.tail(sink, gas, stack))
                    });
                }
                self.blocks.copy(bytes);
                self.blocks.after_leaving();
            }
            Operator::Throw { .. } | Operator::ThrowRef => {
                self.blocks.copy(bytes);
                self.blocks.after_leaving();
            }
            Operator::Call { function_index } => {
                self.blocks.copy(bytes);
                let is_host = self.context.helpers.imports.is_host(function_index);
                let callee = if is_host { Callee::Host } else { self.context.callee(function_index) };
                self.blocks.after_call(callee);
            }
            Operator::CallIndirect { .. } => {
                self.blocks.copy(bytes);
                self.blocks.after_call(Callee::Any);
            }
            Operator::GlobalGet { global_index } => {
                let index = self.context.globals.map(global_index);
                self.sink().global_get(index);
            }
            Operator::GlobalSet { global_index } => {
                let index = self.context.globals.map(global_index);
                self.sink().global_set(index);
            }
            _ => self.plain(operator, bytes),
        }
        Ok(())
    }

    /// An instruction that stays in its block, unless it has become a call.
    fn plain(&mut self, operator: &Operator<'_>, bytes: &[u8]) {
        if let Some(bulk) = Bulk::of(operator) {
            return self.bulk(bulk);
        }
        if let Some(store) = WideStore::of(operator) {
            self.probe(store);
        }
        let offset = gas::memory_offset(operator);
        if offset.is_some() || matches!(operator, Operator::MemorySize { .. }) {
            return self.memory(operator, offset.unwrap_or_default(), bytes);
        }
        match (self.context.options.floats, float_op(operator)) {
            (Floats::Soft, Some(float)) if float.form == Form::Bits => lanes::bits(&mut self.sink(), operator),
            (Floats::Soft, Some(float)) => {
                let helper = self.context.helpers.floats[float.name];
                self.sink().call(helper);
            }
            (Floats::Trap, Some(_)) => {
                let marker = self.context.globals.trap;
                TrapKind::NondetInstruction.emit(&mut self.sink(), marker);
            }
            _ => self.blocks.copy(bytes),
        }
    }

    /// Keeps work where it stands.
    fn barrier(&mut self, passed: &[Passed]) {
        if passed.is_empty() {
            return;
        }
        let ticks = self.meter.cache;
        pins::write(&mut self.blocks.code(), passed, ticks, &mut self.scratch);
    }

    /// A vector that is made of what no compiler knows.
    fn tied(&mut self, value: u128) {
        self.sink().i64_const(value as i64);
        self.barrier(&[Passed { local: None, ty: wasmparser::ValType::I64 }]);
        self.sink().i64x2_splat().i64_const((value >> 64) as i64).i64x2_replace_lane(1);
    }

    fn bulk(&mut self, bulk: Bulk) {
        let helper = self.context.helpers.bulk[&bulk];
        if !bulk.stays() {
            self.sink().call(helper);
            return self.blocks.after_call(Callee::Host);
        }
        let operands = [0, 1, 2].map(|operand| self.scratch.local(Use::Operand(operand)));
        let place = InPlace { helper, label: self.blocks.depth() + 1, operands };
        let context = self.context;
        let bulk = bulk.moved(|memory| context.memory(memory));
        bulk.in_place(&mut self.blocks.code(), &self.context.options.schedule, &self.meter, place);
        self.blocks.after_bulk();
    }

    fn probe(&mut self, store: WideStore) {
        // Taken in any case: other scratch locals must have the same indices, and so the same length, on every processor.
        let locals = store.locals(&mut self.scratch);
        let (context, probed) = (self.context, self.context.options.probe_stores);
        self.add(PROBE_BYTES, probed, |sink| store.moved(|memory| context.memory(memory)).probe(sink, locals));
    }

    /// An instruction on a memory, at this offset, that stays what it is.
    fn memory(&mut self, operator: &Operator<'_>, offset: u64, bytes: &[u8]) {
        let context = self.context;
        if let Some(store) = IntegerStore::of(operator) {
            let far = offset > u64::from(u16::MAX) || context.memory(store.memory) > 0;
            self.add(OWN_VALUE_BYTES, context.options.own_values && far, |sink| store.own_value(sink));
        }
        // With another index it takes a byte more at most.
        self.reserved += 1;
        let Some(notebook) = context.notebook.filter(|notebook| notebook.imported) else {
            return self.blocks.copy(bytes);
        };
        let moved = moved(notebook, operator);
        self.reserved += bytes.len();
        self.added += moved.len();
        self.blocks.copy(&moved);
    }

    /// Writes, where `wanted`, what takes `most` bytes at most and only some engines and processors need.
    fn add(&mut self, most: usize, wanted: bool, write: impl FnOnce(&mut InstructionSink<'_>)) {
        self.reserved += most;
        if wanted {
            let before = self.blocks.size();
            write(&mut self.blocks.code());
            self.added += self.blocks.size() - before;
        }
    }

    /// The bytes of the body, with the most of what only some engines and processors need, whether it is there or not: what is
    /// refused may not depend on them.
    fn size(&self) -> usize {
        debug_assert!(self.added <= self.reserved);
        self.blocks.size() - self.uncounted - self.blocks.told() - self.added + self.reserved
    }
}
