//! The model as a module: the original one with the steps of [`super::places`] put into it.

use std::convert::Infallible;

use subvm_host_std::lower::{Floats, TrapKind};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType, InstructionSink,
    MemArg, MemorySection, MemoryType, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, CompositeInnerType, ExportSectionReader, FunctionSectionReader, GlobalSectionReader, Operator,
    Parser, TypeSectionReader,
};

use super::places::{Step, steps};
use super::{Callees, operators};
use crate::fuzz::prices::Size;

/// What is left, all that has been charged.
pub(super) const LEFT: &str = "model.left";

/// What the counter says.
pub(super) const SHOWN: &str = "model.shown";

/// A [`TrapKind`], where the model ended the call.
pub(super) const ENDED: &str = "model.ended";

/// A memory: what was left when each block was charged for the first time, as an `i64`; 0 of blocks that never were.
pub(super) const CHARGED: &str = "model.charged";

/// Ticks for a stack unit that is taken for the first time, and how many are free: fewer than engines give, so that programs get there.
const DEPTH: i64 = 3;
pub(super) const DEPTH_INCLUDED: i64 = 200;

/// The module with its steps. It has one memory, globals, exports, and no imports; floats are those of `floats`.
pub(super) fn module(wasm: &[u8], callees: &Callees<'_>, floats: Floats) -> Vec<u8> {
    let trap_floats = floats == Floats::Trap;
    let mut model = Model { callees, trap_floats, globals: 0, types: Vec::new(), functions: Vec::new(), blocks: 0 };
    let mut module = wasm_encoder::Module::new();
    model.parse_core_module(&mut module, Parser::new(0), wasm).expect("a valid module");
    module.finish()
}

struct Model<'a> {
    callees: &'a Callees<'a>,
    trap_floats: bool,
    /// How many globals the module has; those of the model follow.
    globals: u32,
    /// How many parameters each type has.
    types: Vec<u32>,
    /// The type of each function.
    functions: Vec<u32>,
    /// How many blocks were charged so far.
    blocks: u64,
}

impl Reencode for Model<'_> {
    type Error = Infallible;

    /// Appends for each type one with its results alone: that of a block around a function's body.
    fn parse_type_section(&mut self, types: &mut TypeSection, section: TypeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_type_section(self, types, section.clone())?;
        for group in section {
            for ty in group?.into_types() {
                let CompositeInnerType::Func(ty) = ty.composite_type.inner else { panic!("functions only") };
                types.ty().function([], self.val_types(ty.results().to_vec())?);
                self.types.push(ty.params().len() as u32);
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut wasm_encoder::FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        self.functions = section.clone().into_iter().collect::<Result<_, _>>()?;
        utils::parse_function_section(self, functions, section)
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_memory_section(self, memories, section)?;
        let ty = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
        memories.memory(ty);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error> {
        self.globals = section.count();
        utils::parse_global_section(self, globals, section)?;
        let ty = |val_type| GlobalType { val_type, mutable: true, shared: false };
        globals.global(ty(ValType::I64), &ConstExpr::i64_const(0));
        globals.global(ty(ValType::I64), &ConstExpr::i64_const(0));
        globals.global(ty(ValType::I32), &ConstExpr::i32_const(0));
        // Stack units in use, and how many were at the deepest place.
        globals.global(ty(ValType::I64), &ConstExpr::i64_const(0));
        globals.global(ty(ValType::I64), &ConstExpr::i64_const(DEPTH_INCLUDED));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        for (name, global) in [LEFT, SHOWN, ENDED].into_iter().zip(self.globals..) {
            exports.export(name, ExportKind::Global, global);
        }
        exports.export(CHARGED, ExportKind::Memory, 1);
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, _: CodeSectionReader<'_>) -> Result<(), Error> {
        for function in 0..self.callees.bodies.len() {
            code.function(&self.function(function)?);
        }
        Ok(())
    }
}

impl Model<'_> {
    /// The body in a block, so that every way to the function's label comes to the steps behind it.
    fn function(&mut self, function: usize) -> Result<Function, Error> {
        let (ty, body) = (self.functions[function], &self.callees.bodies[function]);
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            locals.push((count, self.val_type(ty)?));
        }
        let size = self.types[ty as usize] + locals.iter().map(|(count, _)| count).sum::<u32>();
        locals.push((1, ValType::I32));
        let steps = steps(function, &operators(body), self.callees);
        let mut depth = 0;
        let mut encoded = Function::new(locals);
        encoded.instructions().block(BlockType::FunctionType(self.types.len() as u32 + ty));
        for (operator, before) in operators(body).into_iter().zip(&steps) {
            before.iter().for_each(|step| self.step(*step, size, &mut encoded.instructions()));
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End if depth > 0 => depth -= 1,
                _ => {}
            }
            if self.trap_floats && traps_as_float(&operator) {
                self.end(TrapKind::NondetInstruction, &mut encoded.instructions());
            }
            match operator {
                Operator::Return => _ = encoded.instructions().br(depth),
                operator => _ = encoded.instruction(&self.instruction(operator)?),
            }
        }
        let behind = steps.last().expect("steps behind the end");
        behind.iter().for_each(|step| self.step(*step, size, &mut encoded.instructions()));
        encoded.instructions().end();
        Ok(encoded)
    }

    fn step(&mut self, step: Step, size: u32, sink: &mut InstructionSink<'_>) {
        let (left, shown, used, deepest) = (self.globals, self.globals + 1, self.globals + 3, self.globals + 4);
        match step {
            Step::Charge(ticks) => {
                sink.global_get(left).i64_const(ticks).i64_sub().global_set(left);
                let place = MemArg { offset: 8 * self.blocks, align: 3, memory_index: 1 };
                sink.i32_const(0).i64_load(place).i64_eqz().if_(BlockType::Empty);
                sink.i32_const(0).global_get(left).i64_store(place).end();
                self.blocks += 1;
            }
            Step::ChargeSize(Size { ticks, shift }) => {
                sink.local_tee(size).global_get(left).local_get(size).i64_extend_i32_u();
                sink.i64_const(shift.into()).i64_shr_u().i64_const(ticks).i64_mul().i64_sub().global_set(left);
            }
            Step::Enter(units) => {
                sink.global_get(used).i64_const(units).i64_add().global_set(used);
                sink.global_get(used).global_get(deepest).i64_gt_s().if_(BlockType::Empty);
                for counter in [left, shown] {
                    sink.global_get(counter).global_get(used).global_get(deepest).i64_sub();
                    sink.i64_const(DEPTH).i64_mul().i64_sub().global_set(counter);
                }
                sink.global_get(used).global_set(deepest).end();
            }
            Step::Leave(units) => {
                sink.global_get(used).i64_const(units).i64_sub().global_set(used);
            }
            Step::Show => {
                sink.global_get(left).global_set(shown);
            }
            Step::Compare => {
                sink.global_get(left).i64_const(0).i64_lt_s().if_(BlockType::Empty);
                self.end(TrapKind::OutOfGas, sink);
                sink.end();
            }
        }
    }

    fn end(&self, kind: TrapKind, sink: &mut InstructionSink<'_>) {
        sink.i32_const(kind as i32).global_set(self.globals + 2).unreachable();
    }
}

/// Whether reaching it ends a call under *trap*, among those that have a price.
fn traps_as_float(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::F64Sqrt | Operator::I32TruncF32S | Operator::I32TruncF64S | Operator::F64ConvertI32U)
}
