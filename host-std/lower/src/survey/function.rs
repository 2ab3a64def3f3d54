//! The first pass over one function's body.

use alloc::vec::Vec;

use wasmparser::{
    Catch, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, ValType, ValidatorResources,
    WasmModuleResources,
};

use super::Survey;
use super::motion::{Barriers, Recorded, Subject, barriers};
use super::notes::{Canonicalise, Moving};
use super::switched::Switched;
use super::work::Work;
use crate::bulk::Bulk;
use crate::floats::canonical::Flow;
use crate::floats::float_op;
use crate::gas;
use crate::limits::{Limit, Refusal};
use crate::options::Options;
use crate::owed::SMALL_FUNCTION_TICKS;
use crate::stack;

/// What the second pass must know of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// What its frame costs, in stack units.
    pub(crate) units: u32,
    /// Declared locals and the most operands at once, each one value.
    pub(crate) values: u32,
    /// What entering it costs, in ticks.
    pub(crate) entry: u64,
    /// Whether it calls nothing, and neither throws nor catches.
    pub(crate) leaf: bool,
    /// What all its instructions cost together, in ticks, where it is small: it calls nothing, has no loop, and costs little.
    pub(crate) small: Option<u64>,
    /// How many of the survey's `canonicalise` are its own.
    pub(crate) canonicalised: u32,
    /// How many of the survey's `switched` are its own.
    pub(crate) switched: u32,
    /// How many of the survey's `caught` are its own.
    pub(crate) caught: u32,
    /// Whether it has a `try_table`.
    pub(crate) tries: bool,
    /// How many of the survey's `moving` are its own.
    pub(crate) moving: u32,
    /// How many of the survey's `pins` are its own.
    pub(crate) pins: u32,
}

impl Survey<'_> {
    /// Validates and surveys one function; gives back the validator's memory.
    pub(super) fn function(
        &mut self,
        mut validator: FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
        mut flow: Option<&mut Flow>,
        options: &Options,
    ) -> Result<FuncValidatorAllocations, Refusal> {
        let parameters = validator.len_locals();
        let (locals_slots, declared) = self.locals(parameters, body)?;
        validator.read_locals(&mut body.get_binary_reader())?;
        let locals = validator.len_locals();
        if let Some(flow) = &mut flow {
            flow.start(parameters as usize, locals as usize);
        }
        let schedule = &options.schedule;
        let mut heights = Heights::default();
        let mut recorded = Recorded::default();
        let (mut leaf, mut loops, mut tries) = (true, false, false);
        let mut ticks = 0;
        let mut work = Work::new(locals, self.imported_globals + self.globals);
        let mut switched = Switched::new();
        let (mut operators, mut further, mut moving) = (0, 0, 0);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let arity = match validator.control_stack_height() {
                0 => (0, 0), // past the last `end`: the validator refuses it
                _ => operator.operator_arity(&validator).unwrap_or_default(),
            };
            let falls = validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable);
            validator.op(offset, &operator)?;
            Limit::Nesting.check(validator.control_stack_height())?;
            heights.step(&validator, arity.1)?;
            if let Some(flow) = &mut flow {
                flow.step(operators, &operator, arity, validator.operand_stack_height() as usize);
            }
            leaf &= !is_call(&operator);
            loops |= matches!(operator, Operator::Loop { .. });
            tries |= matches!(operator, Operator::TryTable { .. });
            let own_ticks = gas::ticks(schedule, &operator);
            let changes = match operator {
                Operator::GlobalGet { global_index } => {
                    validator.resources().global_at(global_index).is_none_or(|global| global.mutable)
                }
                _ => true,
            };
            let height = validator.operand_stack_height();
            recorded.push(arity, height, changes, |place| validator.get_operand_type(place).flatten());
            let for_values = gas::value_ticks(schedule, &operator, arity);
            ticks += own_ticks + for_values;
            if for_values > 0 {
                self.moving.push(Moving { instruction: operators, ticks: for_values });
                moving += 1;
            }
            let caught = self.caught_values(&operator);
            work.step(&operator, arity, caught, falls)?;
            switched.step(operators, &operator)?;
            operators += 1;
            further += arity.1.saturating_sub(1) + caught;
            self.operator(&operator)?;
        }
        reader.finish()?;
        self.note_work(&work, locals_slots + heights.highest)?;
        let crowd = u64::from(heights.highest.saturating_sub(SLOTS_INCLUDED));
        self.operand_squares += crowd * crowd;
        let types: Vec<ValType> = (0..locals).filter_map(|local| validator.get_local_type(local)).collect();
        let subject = Subject { body, recorded: &recorded, locals: &types, parameters, loops };
        let barriers = barriers(&subject, options)?;
        self.note_barriers(&work, &barriers)?;
        let canonicalised = flow.map_or(0, |flow| self.note_canonicalised(flow));
        let units = stack::frame_units(locals_slots + heights.highest, operators, further);
        let entry = gas::entry_ticks(schedule, units, declared);
        ticks += entry;
        let small = (leaf && !loops && ticks <= SMALL_FUNCTION_TICKS).then_some(ticks);
        let (named, at_catch) = switched.finish();
        self.switched.extend(named);
        self.caught.extend(at_catch);
        let (switched, caught, pinned) = (named.len() as u32, at_catch.len() as u32, barriers.pins.len() as u32);
        self.pins.extend(barriers.pins);
        self.passed.extend(barriers.passed);
        self.facts.push(Facts {
            units,
            values: locals - parameters + heights.most,
            entry,
            leaf,
            small,
            canonicalised,
            switched,
            caught,
            tries,
            moving,
            pins: pinned,
        });
        Ok(validator.into_allocations())
    }

    /// Counts the slots of parameters and declared locals, and of the latter alone, and holds both to their limits.
    fn locals(&mut self, parameters: u32, body: &FunctionBody<'_>) -> Result<(u32, u32), Refusal> {
        let mut count = parameters;
        let mut declared = 0_u32;
        let own: u32 = self.function_type(self.facts.len()).params().iter().copied().map(slots).sum();
        for declaration in body.get_locals_reader()? {
            let (repeated, ty) = declaration?;
            count = count.saturating_add(repeated);
            declared = declared.saturating_add(repeated.saturating_mul(slots(ty)));
            Limit::Locals.check(own.saturating_add(declared))?;
        }
        self.locals += u64::from(count);
        Limit::ModuleLocals.check(self.locals)?;
        Ok((own + declared, declared))
    }

    /// The values that the clauses of a `try_table` bring to their labels, all together.
    fn caught_values(&self, operator: &Operator<'_>) -> u32 {
        let Operator::TryTable { try_table } = operator else { return 0 };
        let of = |tag: u32| self.tag(tag).params().len() as u32;
        let values = |catch: &Catch| match *catch {
            Catch::One { tag, .. } => of(tag),
            Catch::OneRef { tag, .. } => of(tag) + 1,
            Catch::All { .. } => 0,
            Catch::AllRef { .. } => 1,
        };
        try_table.catches.iter().map(values).sum()
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Refusal> {
        self.throws += u64::from(matches!(operator, Operator::Throw { .. } | Operator::ThrowRef));
        self.tries += u64::from(matches!(operator, Operator::TryTable { .. }));
        self.names_data |= matches!(operator, Operator::MemoryInit { .. } | Operator::DataDrop { .. });
        if let Operator::BrTable { targets } = operator {
            Limit::BranchTargets.check(targets.len())?;
        } else if let Some(bulk) = Bulk::of(operator) {
            self.helped(bulk);
        } else if let Some(float) = float_op(operator) {
            *(if float.is_vector() { &mut self.vector_float_sites } else { &mut self.float_sites }) += 1;
            self.floats.insert(float);
        }
        Ok(())
    }

    /// Holds a function's work, and that of all so far, to the limits.
    fn note_work(&mut self, work: &Work, slots: u32) -> Result<(), Refusal> {
        let values = work.values(slots);
        Limit::Values.check(values)?;
        self.values += values;
        self.most_values = self.most_values.max(values);
        Limit::ModuleValues.check(self.values)?;
        self.branch_squares += work.branches() * work.branches();
        Limit::BranchSquares.check(self.branch_squares)
    }

    /// Holds what barriers add to a function to the limits.
    fn note_barriers(&mut self, work: &Work, barriers: &Barriers) -> Result<(), Refusal> {
        let (own, added) = (work.branches(), barriers.pins.len() as u64);
        Limit::Branches.check(own + added)?;
        self.branch_squares += added * (2 * own + added);
        Limit::BranchSquares.check(self.branch_squares)?;
        self.values += barriers.passed.len() as u64;
        Limit::ModuleValues.check(self.values)
    }

    fn note_canonicalised(&mut self, flow: &mut Flow) -> u32 {
        let seen = flow.finish();
        self.canonicalise.extend(seen.iter().map(|&(instruction, lane)| Canonicalise { instruction, lane }));
        seen.len() as u32
    }
}

/// Slots of operands that a function may have at once for what its values cost.
pub(super) const SLOTS_INCLUDED: u32 = 64;

/// The heights of the operand stack, in slots.
#[derive(Default)]
struct Heights {
    /// Which operands are vectors, from the bottom.
    vectors: Vec<u32>,
    highest: u32,
    /// The most operands at once, whatever their types.
    most: u32,
}

impl Heights {
    /// Follows an instruction that the validator has just seen and that pushed `pushed` operands.
    fn step(&mut self, validator: &FuncValidator<ValidatorResources>, pushed: u32) -> Result<(), Refusal> {
        let height = validator.operand_stack_height();
        let kept = height.saturating_sub(pushed);
        while self.vectors.last().is_some_and(|&vector| vector >= kept) {
            self.vectors.pop();
        }
        for operand in kept..height {
            if validator.get_operand_type((height - 1 - operand) as usize) == Some(Some(ValType::V128)) {
                self.vectors.push(operand);
            }
        }
        self.most = self.most.max(height);
        self.highest = self.highest.max(height + self.vectors.len() as u32);
        Limit::OperandHeight.check(self.highest)
    }
}

/// The slots that a value takes on the stack.
fn slots(ty: ValType) -> u32 {
    if ty == ValType::V128 { 2 } else { 1 }
}

fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::TryTable { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
    )
}
