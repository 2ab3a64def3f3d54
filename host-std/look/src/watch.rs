//! Who looks: adds notes to modules when they are lowered, and keeps what machines show.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_lower::{Look, Lowered, Machine, Options, Place, RESERVED, Refusal, lower, lower_placed};
use wasm_encoder::{Function, InstructionSink, ValType};
use wasmparser::{BinaryReaderError, CompositeInnerType, FunctionBody, Operator, Parser, Payload};

use crate::fault::Fault;
use crate::locals;
use crate::module::{Sections, count, longer};
use crate::notes::{Added, export};
use crate::seen::SeenMachine;

/// Bytes of a module up to which every number that an instruction gives is noted. In larger ones only those are that are kept or cross a
/// call, and those of instructions that compute with floats, multiply or divide: the machine code of an interpreter would grow fourfold.
const THOROUGH: usize = 2 << 20;

/// Looks into the runs of one engine, which is made with it: `EngineBuilder::look` of wasmtime's, `WasmiEngine::looked_into` of wasmi's.
///
/// One engine's runs go one after the other.
///
/// ```
/// use std::sync::Arc;
/// use subvm_look::Watch;
/// use subvm_wasmi::WasmiEngine;
/// let watch = Arc::new(Watch::new());
/// let engine = WasmiEngine::looked_into(watch.clone());
/// # drop(engine);
/// ```
#[derive(Default)]
pub struct Watch {
    fault: Option<Fault>,
    /// Only the locals of this function, instead of notes.
    locals: Option<u32>,
    /// What the machine of the sub-VM that ended last showed.
    shown: Mutex<Option<SeenMachine>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, locals, .. } = self;
        f.debug_struct("Watch").field("fault", fault).field("locals", locals).finish_non_exhaustive()
    }
}

impl Watch {
    /// Notes the values that guests compute.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), and the engine computes wrongly: for practice.
    #[must_use]
    pub fn faulty(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// Keeps the locals of function `index` of each module, where it is active, instead of notes.
    ///
    /// ```
    /// let watch = subvm_look::Watch::locals(7);
    /// assert!(format!("{watch:?}").contains("locals: Some(7)"));
    /// ```
    #[must_use]
    pub fn locals(index: u32) -> Self {
        Self { locals: Some(index), ..Self::default() }
    }

    /// What the machine of the sub-VM that ended last showed.
    pub(crate) fn take(&self) -> Option<SeenMachine> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Look for Watch {
    fn lower(&self, wasm: &[u8], options: &Options) -> Result<Lowered, Refusal> {
        let faulty = self.fault.as_ref().and_then(|fault| fault.planted(wasm));
        let wasm = faulty.as_deref().unwrap_or(wasm);
        let (mut lowered, places) = lower_placed(wasm, options)?;
        let added = match self.locals {
            Some(function) => locals::kept(wasm, &lowered, &places, function),
            None => watched(wasm, &lowered, &places),
        };
        // What cannot be read was written by lowering, which would be its bug: then nothing is noted.
        if let Ok(added) = added {
            lowered.wasm = added;
        }
        Ok(lowered)
    }

    fn ended(&self, machine: &Machine<'_>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(SeenMachine::of(machine));
    }
}

/// An engine that computes wrongly, and is not watched: to make the recording of a faulty node, for practice.
impl Look for Fault {
    fn lower(&self, wasm: &[u8], options: &Options) -> Result<Lowered, Refusal> {
        lower(self.planted(wasm).as_deref().unwrap_or(wasm), options)
    }

    fn ended(&self, _: &Machine<'_>) {}
}

impl Fault {
    /// As who looks into an engine's runs.
    #[must_use]
    pub fn look(self) -> Arc<dyn Look> {
        Arc::new(self)
    }
}

/// What of a module has to be known of its functions and globals.
#[derive(Default)]
pub(crate) struct Indices {
    /// The functions' types, by index: parameters and results.
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    functions: Vec<u32>,
    pub(crate) memories: u32,
    /// Each with its type where that is a number.
    pub(crate) globals: Vec<Option<ValType>>,
    /// Lowering's counters.
    counters: Vec<u32>,
    imported_globals: usize,
    pub(crate) imported_functions: usize,
}

impl Indices {
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut indices = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    for group in types {
                        for ty in group?.into_types() {
                            let CompositeInnerType::Func(ty) = ty.composite_type.inner else { continue };
                            let numbers = |types: &[wasmparser::ValType]| types.iter().copied().map(encoded).collect();
                            indices.types.push((numbers(ty.params()), numbers(ty.results())));
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        match import.ty {
                            wasmparser::TypeRef::Func(ty) => indices.functions.push(ty),
                            wasmparser::TypeRef::Memory(_) => indices.memories += 1,
                            wasmparser::TypeRef::Global(ty) => {
                                if import.module.contains(RESERVED) {
                                    indices.counters.push(indices.globals.len() as u32);
                                }
                                indices.globals.push(number(ty.content_type));
                            }
                            _ => {}
                        }
                    }
                    indices.imported_functions = indices.functions.len();
                    indices.imported_globals = indices.globals.len();
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions {
                        indices.functions.push(ty?);
                    }
                }
                Payload::MemorySection(memories) => indices.memories += memories.count(),
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        indices.globals.push(number(global?.ty.content_type));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == wasmparser::ExternalKind::Global && export.name.contains(RESERVED) {
                            indices.counters.push(export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(indices)
    }

    /// Parameters and results of a function.
    pub(crate) fn function(&self, index: usize) -> Option<&(Vec<ValType>, Vec<ValType>)> {
        self.types.get(*self.functions.get(index)? as usize)
    }

    /// The guest's globals, with their index in the lowered module. Counters that a module defines stand behind them, and what else lowering keeps
    /// behind those: answers, which one side of a comparison may keep where the other asks.
    fn own_globals(&self) -> impl Iterator<Item = u32> {
        let defined = self.counters.iter().copied().filter(|index| *index as usize >= self.imported_globals).min();
        (0..defined.unwrap_or(self.globals.len() as u32)).filter(|index| !self.counters.contains(index))
    }

    /// The exports of the guest's globals.
    pub(crate) fn exports(&self) -> Vec<Vec<u8>> {
        self.own_globals().zip(0u32..).map(|(index, own)| export(&global_export(own), 3, index)).collect()
    }
}

/// The name under which who watches exports the guest's global `index`.
pub(crate) fn global_export(index: u32) -> String {
    format!("{GLOBAL}{index}")
}

/// What such names begin with.
pub(crate) const GLOBAL: &str = "$subvm:look:global:";

fn number(ty: wasmparser::ValType) -> Option<ValType> {
    Some(encoded(ty)).filter(|ty| !matches!(ty, ValType::Ref(_)))
}

pub(crate) fn encoded(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        // Which reference it is matters to nobody here: none is noted, and locals are copied.
        wasmparser::ValType::Ref(reference) if reference.is_func_ref() => ValType::FUNCREF,
        wasmparser::ValType::Ref(_) => ValType::EXTERNREF,
    }
}

/// The lowered module, with notes.
fn watched(original: &[u8], lowered: &Lowered, places: &[Vec<Place>]) -> Result<Vec<u8>, BinaryReaderError> {
    let indices = Indices::read(&lowered.wasm)?;
    let sections = Sections::read(&lowered.wasm)?;
    let ends: Vec<u32> = Sections::read(original)?.bodies.iter().map(|body| body.range().end as u32 - 1).collect();
    let added = Added {
        ring: indices.memories,
        count: indices.globals.len() as u32,
        ty: indices.types.len() as u32,
        function: indices.functions.len() as u32,
    };
    let thorough = original.len() <= THOROUGH;
    let mut bodies = Vec::with_capacity(sections.bodies.len());
    for (index, body) in sections.bodies.iter().enumerate() {
        bodies.push(match (places.get(index), ends.get(index)) {
            (Some(places), Some(end)) => {
                let writer = Body { indices: &indices, added, thorough, wasm: original, places, end: *end };
                crate::notes::encoded(writer.write(body, indices.imported_functions + index)?)
            }
            // A function that lowering added.
            _ => crate::notes::encoded(body.as_bytes()),
        });
    }
    bodies.extend(added.functions());
    let functions: Vec<_> = (added.ty..).take(4).map(crate::notes::encoded).collect();
    let exports: Vec<_> = indices.exports().into_iter().chain(added.exports()).collect();
    Ok(sections.written(|number, content| match number {
        1 => longer(content, &Added::types()),
        3 => longer(content, &functions),
        5 => longer(content, &[Added::memory()]),
        6 => longer(content, &Added::globals()),
        7 => longer(content, &exports),
        10 => Some(code(&bodies)),
        _ => None,
    }))
}

/// A code section of these bodies.
pub(crate) fn code(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut section = crate::notes::encoded(bodies.len() as u32);
    bodies.iter().for_each(|body| section.extend_from_slice(body));
    debug_assert_eq!(count(&section), bodies.len() as u32);
    section
}

/// Declarations of locals: how many, of which type.
type Declared = Vec<(u32, ValType)>;

/// The declarations of a body's locals, and the types of all its locals, parameters first.
pub(crate) fn locals_of(
    body: &FunctionBody<'_>,
    params: &[ValType],
) -> Result<(Declared, Vec<ValType>), BinaryReaderError> {
    let (mut declared, mut all) = (Vec::new(), params.to_vec());
    for declaration in body.get_locals_reader()? {
        let (repeated, ty) = declaration?;
        declared.push((repeated, encoded(ty)));
        all.extend(std::iter::repeat_n(encoded(ty), repeated as usize));
    }
    Ok((declared, all))
}

/// Writes a guest's function, with notes.
struct Body<'a> {
    indices: &'a Indices,
    added: Added,
    thorough: bool,
    /// The module as the contract supplied it.
    wasm: &'a [u8],
    places: &'a [Place],
    /// The byte of its `end` in the module as the contract supplied it.
    end: u32,
}

impl Body<'_> {
    fn write(&self, body: &FunctionBody<'_>, index: usize) -> Result<Function, BinaryReaderError> {
        let empty = Default::default();
        let (params, results) = self.indices.function(index).unwrap_or(&empty);
        let (mut declared, locals) = locals_of(body, params)?;
        let scratch = locals.len() as u32;
        declared.extend(crate::notes::TYPES.map(|ty| (1, ty)));
        let mut function = Function::new(declared);
        let mut reader = body.get_operators_reader()?;
        let start = reader.original_position();
        let bytes = body.as_bytes();
        let base = start - body.range().start;
        let mut places = self.places.iter().peekable();
        // What stands before the guest's first instruction enters the function, and has blocks of its own.
        let entered = places.peek().map_or(u32::MAX, |first| first.lowered);
        let (mut depth, mut left) = (0u32, false);
        while !reader.eof() {
            let at = (reader.original_position() - start) as u32;
            let operator = reader.read()?;
            let to = reader.original_position() - start;
            function.raw(bytes.get(base + at as usize..base + to).unwrap_or_default().iter().copied());
            let mut place = None;
            while let Some(next) = places.next_if(|place| place.lowered <= at) {
                place = (next.lowered == at).then_some(next.original);
            }
            let mut sink = function.instructions();
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => {
                    depth = depth.saturating_sub(1);
                    // The block that all ways out of the guest's function lead to.
                    if depth == 1
                        && at >= entered
                        && !std::mem::replace(&mut left, true)
                        && let [ty] = **results
                    {
                        self.top(&mut sink, scratch, ty, self.end);
                    }
                }
                _ => {
                    if let Some(original) =
                        place.filter(|original| self.is_it(&operator, bytes.get(base + at as usize), *original))
                    {
                        self.gives(&mut sink, &operator, &locals, scratch, original);
                    }
                }
            }
        }
        Ok(function)
    }

    /// Whether `operator`, which begins with `byte`, is what the guest's instruction became: itself, or a call of what computes it. What else
    /// begins there only leads up to it.
    fn is_it(&self, operator: &Operator<'_>, byte: Option<&u8>, original: u32) -> bool {
        matches!(operator, Operator::Call { .. }) || byte == self.wasm.get(original as usize)
    }

    /// Notes what `operator` gave.
    fn gives(
        &self,
        sink: &mut InstructionSink<'_>,
        operator: &Operator<'_>,
        locals: &[ValType],
        scratch: u32,
        original: u32,
    ) {
        let single = |results: &[ValType]| if let [ty] = *results { Some(ty) } else { None };
        let result = match *operator {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let Some(ty) = locals.get(local_index as usize) {
                    self.added.note(sink, local_index, *ty, original);
                }
                return;
            }
            Operator::GlobalSet { global_index } => {
                let Some(Some(ty)) = self.indices.globals.get(global_index as usize) else { return };
                sink.global_get(global_index);
                return self.kept(sink, scratch, *ty, original);
            }
            Operator::Call { function_index } => {
                self.indices.function(function_index as usize).and_then(|(_, results)| single(results))
            }
            Operator::CallIndirect { type_index, .. } => {
                self.indices.types.get(type_index as usize).and_then(|(_, results)| single(results))
            }
            _ => crate::instruction::gives(operator, self.thorough),
        };
        if let Some(ty) = result {
            self.top(sink, scratch, ty, original);
        }
    }

    /// Notes the value on top, which stays there.
    fn top(&self, sink: &mut InstructionSink<'_>, scratch: u32, ty: ValType, original: u32) {
        let Some(place) = crate::notes::TYPES.iter().position(|other| *other == ty) else { return };
        let local = scratch + place as u32;
        sink.local_tee(local);
        self.added.note(sink, local, ty, original);
    }

    /// Notes the value on top, and takes it.
    fn kept(&self, sink: &mut InstructionSink<'_>, scratch: u32, ty: ValType, original: u32) {
        let Some(place) = crate::notes::TYPES.iter().position(|other| *other == ty) else {
            sink.drop();
            return;
        };
        let local = scratch + place as u32;
        sink.local_set(local);
        self.added.note(sink, local, ty, original);
    }
}
