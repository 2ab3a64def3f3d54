//! The second pass over one function's body.
//!
//! ```text
//!     compare or charge the frame
//!     block                      ;; out of gas
//!       block (result ...)       ;; the guest's function: what left it now leaves this
//!         ... the guest's instructions, each straight-line block after its charge ...
//!       end
//!       refund the frame
//!       return
//!     end
//!     trap: out of gas
//! ```
//!
//! Most instructions are copied octet for octet. Branches keep their depths, for the inner block stands where the
//! function's own label was.

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::{FunctionBody, Operator};

use super::bulk::Bulk;
use super::floats::{Form, canonical, float_op, lanes};
use super::gas::{self, Meter};
use super::helpers::Helpers;
use super::limits::{Limit, Refusal};
use super::memories::Globals;
use super::options::{Floats, Options};
use super::scratch::Scratch;
use super::stack;
use super::stores::{PROBE_OCTETS, WideStore};
use super::survey::{Canonicalise, Facts, Survey};
use super::traps::TrapKind;

/// What the bodies of a module have in common.
pub(super) struct Context<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) options: &'a Options,
    pub(super) globals: Globals,
    pub(super) helpers: Helpers,
}

impl Context<'_> {
    /// Rewrites defined function `index`, in which NaNs are made canonical as `canonicalise` says.
    pub(super) fn rewrite(
        &self,
        index: usize,
        body: &FunctionBody<'_>,
        canonicalise: &[Canonicalise],
    ) -> Result<Function, Refusal> {
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
        let scratch = Scratch::after(count + 1);
        let facts = self.survey.facts[index];
        let mut body_writer = Body::new(self, facts, meter, scratch);
        body_writer.open_function(self.exit_type(index));
        body_writer.operators(body, canonicalise)?;
        locals.extend(body_writer.scratch.locals());
        Limit::LoweredFunctionSize.check(body_writer.size() + 16 * (declarations + OWN_LOCALS))?;
        let mut function = Function::new(locals);
        function.raw(body_writer.out);
        Ok(function)
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

/// The type as the encoder writes it.
pub(super) fn encoded(ty: wasmparser::ValType) -> ValType {
    RoundtripReencoder.val_type(ty).expect("the types of WebAssembly 2.0 have no indices to map")
}

/// How many locals lowering adds to a function at most: the cache of the gas counter, and scratch locals.
const OWN_LOCALS: usize = 8;

/// A straight-line block in the making: it is written when its cost is known.
struct Block {
    code: Vec<u8>,
    ticks: u64,
    /// Whether control can reach it.
    reachable: bool,
    /// Whether the counter is compared after the charge.
    compare: bool,
    /// Whether anybody may look at the counter while it runs or when it ends.
    shows: bool,
    /// How many of the guest's blocks are open where it starts.
    depth: u32,
}

/// A body in the making.
struct Body<'a> {
    context: &'a Context<'a>,
    facts: Facts,
    meter: Meter,
    scratch: Scratch,
    out: Vec<u8>,
    block: Block,
    /// Whether the cache of the gas counter is stale where `block` starts.
    stale: bool,
    /// Whether the gas counter itself may be behind its cache where `block` starts.
    behind: bool,
    /// Whether it may be behind at the end of any block so far. Labels of blocks are only reached from what stands before
    /// them, and loop heads always charge.
    ever_behind: bool,
    /// For each of the guest's open blocks, whether control could reach it.
    open: Vec<bool>,
    /// How many wide stores there are.
    wide_stores: usize,
    /// What their probes take, in octets.
    probes: usize,
}

impl<'a> Body<'a> {
    fn new(context: &'a Context<'a>, facts: Facts, meter: Meter, scratch: Scratch) -> Self {
        let ticks = gas::entry_ticks(&context.options.schedule, facts.units);
        let block = Block { code: Vec::new(), ticks, reachable: true, compare: true, shows: false, depth: 0 };
        Body {
            context,
            facts,
            meter,
            scratch,
            out: Vec::new(),
            block,
            stale: true,
            behind: false,
            ever_behind: false,
            open: Vec::new(),
            wide_stores: 0,
            probes: 0,
        }
    }

    fn sink(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.block.code)
    }

    fn open_function(&mut self, exit: BlockType) {
        let Globals { stack, trap, .. } = self.context.globals;
        let mut sink = InstructionSink::new(&mut self.out);
        stack::enter(&mut sink, stack, trap, self.facts.units, self.facts.leaf);
        sink.block(BlockType::Empty).block(exit);
    }

    fn close_function(&mut self) {
        self.block.shows = true;
        self.stale &= self.block.ticks > 0; // after the last charge nobody reads the cache
        self.close_block(false);
        let mut sink = InstructionSink::new(&mut self.out);
        sink.end();
        if !self.facts.leaf {
            stack::leave(&mut sink, self.context.globals.stack, self.facts.units);
        }
        sink.return_().end();
        self.meter.write_back(&mut sink);
        TrapKind::OutOfGas.emit(&mut sink, self.context.globals.trap);
        sink.end();
    }

    fn operators(&mut self, body: &FunctionBody<'_>, canonicalise: &[Canonicalise]) -> Result<(), Refusal> {
        let octets = body.as_bytes();
        let start = body.range().start;
        let mut reader = body.get_operators_reader()?;
        let mut canonicalise = canonicalise.iter().peekable();
        let mut number = 0;
        while !reader.eof() {
            let from = reader.original_position() - start;
            let operator = reader.read()?;
            let to = reader.original_position() - start;
            if matches!(operator, Operator::End) && self.open.is_empty() {
                self.close_function();
                break;
            }
            self.operator(&operator, &octets[from..to]);
            if let Some(point) = canonicalise.next_if(|point| point.instruction == number) {
                canonical::canonicalise(&mut InstructionSink::new(&mut self.block.code), &mut self.scratch, point.lane);
            }
            number += 1;
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'_>, octets: &[u8]) {
        let redirected = self.context.helpers.imports.redirected(operator);
        let octets = redirected.as_deref().unwrap_or(octets);
        if self.block.reachable {
            self.block.ticks += gas::ticks(&self.context.options.schedule, operator);
        }
        self.block.shows |= gas::shows(operator) || self.leaves(operator) || self.forbidden(operator);
        match *operator {
            Operator::Block { .. } => {
                self.copy(octets);
                self.open.push(self.block.reachable);
            }
            Operator::Loop { .. } => self.open_block(octets, true),
            Operator::If { .. } => self.open_block(octets, false),
            Operator::Else => {
                let reachable = self.open.last().copied().unwrap_or(false);
                self.label(octets, reachable);
            }
            Operator::End => {
                let reachable = self.open.pop().unwrap_or(false);
                self.label(octets, reachable);
            }
            Operator::BrIf { .. } => {
                self.copy(octets);
                self.next_block(self.block.reachable);
            }
            Operator::Br { .. } | Operator::BrTable { .. } | Operator::Unreachable => self.depart(octets),
            Operator::Return => {
                let depth = self.open.len() as u32;
                self.sink().br(depth);
                self.depart(&[]);
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                let (counter, units) = (self.context.globals.stack, self.facts.units);
                stack::leave(&mut self.sink(), counter, units);
                self.depart(octets);
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                self.copy(octets);
                self.after_call();
            }
            Operator::GlobalGet { global_index } => {
                let index = self.context.globals.map(global_index);
                self.sink().global_get(index);
            }
            Operator::GlobalSet { global_index } => {
                let index = self.context.globals.map(global_index);
                self.sink().global_set(index);
            }
            _ => self.plain(operator, octets),
        }
    }

    /// Whether `operator` may branch to the function's own label.
    fn leaves(&self, operator: &Operator<'_>) -> bool {
        let function = self.open.len() as u32;
        match operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => *relative_depth == function,
            Operator::BrTable { targets } => {
                targets.default() == function || targets.targets().flatten().any(|target| target == function)
            }
            _ => false,
        }
    }

    /// Whether `operator` becomes a trap under the policy for floats.
    fn forbidden(&self, operator: &Operator<'_>) -> bool {
        self.context.options.floats == Floats::Trap && float_op(operator).is_some()
    }

    /// An instruction that stays in its block, unless it has become a call.
    fn plain(&mut self, operator: &Operator<'_>, octets: &[u8]) {
        if let Some(bulk) = Bulk::of(operator) {
            let helper = self.context.helpers.bulk[&bulk];
            self.sink().call(helper);
            return self.after_call();
        }
        if let Some(store) = WideStore::of(operator) {
            self.probe(store);
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
            _ => self.copy(octets),
        }
    }

    fn probe(&mut self, store: WideStore) {
        self.wide_stores += 1;
        // Taken in any case: other scratch locals must have the same indices, and so the same length, on every processor.
        let locals = store.locals(&mut self.scratch);
        if self.context.options.probe_stores {
            let before = self.block.code.len();
            store.probe(&mut InstructionSink::new(&mut self.block.code), locals);
            self.probes += self.block.code.len() - before;
        }
    }

    /// The octets of the body, with the largest of probes whether they are there or not: what is refused may not depend
    /// on the processor.
    fn size(&self) -> usize {
        self.out.len() - self.probes + self.wide_stores * PROBE_OCTETS
    }

    fn copy(&mut self, octets: &[u8]) {
        self.block.code.extend_from_slice(octets);
    }

    /// `loop` or `if`: a straight-line block ends with it.
    fn open_block(&mut self, octets: &[u8], compare: bool) {
        self.copy(octets);
        self.open.push(self.block.reachable);
        self.next_block(self.block.reachable);
        self.block.compare = compare;
    }

    /// `else` or `end`: a straight-line block ends before it.
    fn label(&mut self, octets: &[u8], reachable: bool) {
        self.next_block(reachable);
        self.behind = self.ever_behind;
        self.out.extend_from_slice(octets);
    }

    /// An instruction after which control is elsewhere.
    fn depart(&mut self, octets: &[u8]) {
        self.copy(octets);
        self.next_block(false);
    }

    /// After a call the next block starts, and the counter may have changed.
    fn after_call(&mut self) {
        self.next_block(self.block.reachable);
        self.stale = true;
        self.behind = false;
    }

    fn next_block(&mut self, reachable: bool) {
        self.close_block(reachable);
        self.block.depth = self.open.len() as u32;
    }

    /// Writes the charge of the block and its code, and starts the next one.
    fn close_block(&mut self, reachable: bool) {
        let Block { ticks, compare, shows, depth, .. } = self.block;
        let mut sink = InstructionSink::new(&mut self.out);
        if self.block.reachable {
            if ticks > 0 || compare {
                let out_of_gas = compare.then_some(depth + 1);
                self.meter.charge(&mut sink, ticks, self.stale, shows, out_of_gas);
                self.behind = !shows;
            } else if self.stale {
                self.meter.refresh(&mut sink);
            } else if shows && self.behind {
                self.meter.write_back(&mut sink);
                self.behind = false;
            }
            self.ever_behind |= self.behind;
        }
        self.stale = false;
        self.out.append(&mut self.block.code);
        self.block.ticks = 0;
        self.block.compare = false;
        self.block.shows = false;
        self.block.reachable = reachable;
    }
}
