//! Calls that lowered code answers itself, at the same price: those whose answer the host has said stays what it is.
//!
//! The wrapper of such a function ([`HostImports`](super::imports::HostImports)) keeps, in globals of its own, what the host answered with
//! [`KEPT`](subvm_core::wasi::KEPT), and gives it again. It asks the host wherever it cannot be sure: nothing was kept, the gas does not suffice, a pointer is not
//! good, another descriptor is meant. So what a call comes to, costs and writes is the same; an engine that keeps nothing, because somebody
//! listens or because it knows nothing of this, is asked each time.
//!
//! Only a module that is alone in its sub-VM answers. Another one of the same sub-VM would change what this one keeps.

mod code;

use alloc::vec::Vec;

use subvm_core::costs::instructions::Schedule;
use subvm_core::wasi::{self, Errno, Kept, ParamType, changes};
use wasm_encoder::{ConstExpr, GlobalSection, GlobalType, InstructionSink, ValType};
use wasmparser::{FuncType, Import, TypeRef};

use super::counters::Globals;
use super::options::Options;
use super::survey::Survey;

pub(super) use code::wrapper;

/// Bytes that a function's body has at most where what is forgotten is forgotten at the call: longer ones call the wrapper, so that no body
/// becomes longer than limits say.
const SHORT: usize = 1 << 16;

/// The globals in which answers are kept.
pub(super) struct Answers {
    /// What calls cost.
    schedule: Schedule,
    gas: u32,
    /// The index of memory 0, where there is one.
    memory: Option<u32>,
    /// Whether the host keeps anything: 0 until it said so.
    open: u32,
    /// The last refusal, [`KEPT`](subvm_core::wasi::KEPT) and which function it was; 0 where another call may have been refused since. The host lists refusals in
    /// their order, for people.
    refused: u32,
    first: u32,
    globals: Vec<(ValType, i64)>,
    /// What holds until something [`changes`], and is forgotten by -1.
    changing: Vec<u32>,
    /// Whether a function that refuses is answered here.
    refuses: bool,
    /// What is kept so far, by the function's name: who imports one ten thousand times keeps what it answers once, so that what is forgotten
    /// is a few globals.
    kept: Vec<(&'static str, Answer)>,
}

/// What is done about a call of an imported function beside asking the host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Role {
    /// It is answered here.
    pub(super) answer: Option<Answer>,
    /// Whether it may change what is kept.
    pub(super) changes: bool,
    /// Whether it may be refused, by the host, for a reason of the host's.
    pub(super) refused: bool,
}

impl Role {
    /// Whether a call goes through the wrapper, in a function of so many bytes.
    pub(super) fn wrapped(self, body: usize) -> bool {
        self.answer.is_some() || self.changes || self.refused && body > SHORT
    }
}

/// How a function is answered: what is kept, in the globals of these indices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Success, always.
    Success,
    /// One errno, whatever the arguments are. The number tells which function it is.
    Refusal(i32),
    /// A resolution of 1.
    Resolution,
    /// The clock, -1 where it is not known.
    Time(u32),
    /// Two numbers, the second in the upper half; -1 where they are not known.
    Sizes(u32),
    /// Of which descriptor, -1 of none; the errno, and behind it the length.
    Prestat(u32),
    /// Of which descriptor, -1 of none, and behind it three words.
    Fdstat(u32),
}

impl Answers {
    /// What the options and the imports let a module answer itself.
    pub(super) fn of(
        survey: &Survey<'_>,
        options: &Options,
        globals: &Globals,
        memory: Option<u32>,
    ) -> Option<Answers> {
        let first = survey.imported_globals + survey.globals + globals.count();
        let mut answers = Answers {
            schedule: options.schedule,
            gas: globals.gas,
            memory,
            open: first,
            refused: first + 1,
            first,
            globals: [(ValType::I32, 0), (ValType::I32, 0)].into(),
            changing: Vec::new(),
            refuses: false,
            kept: Vec::new(),
        };
        let imports = survey.sections.imports.iter().flat_map(|imports| imports.clone().into_imports().flatten());
        let mut any = false;
        for import in imports {
            if let Some((function, kept)) = answered(&import, survey) {
                any = true;
                answers.refuses |=
                    matches!(kept, Kept::Personal) || function.always.is_some_and(|errno| errno != Errno::Success);
            }
        }
        (options.keeps_answers() && any).then_some(answers)
    }

    /// Gives what an import answers its place, in globals that are appended.
    pub(super) fn place(&mut self, import: &Import<'_>, survey: &Survey<'_>) {
        let Some((function, kept)) = answered(import, survey) else { return };
        if self.kept(function).is_none()
            && let Some(answer) = self.answer(function, kept)
        {
            self.kept.push((function.name, answer));
        }
    }

    /// What is done about calls of an import, all of which have their places.
    pub(super) fn role(&self, import: &Import<'_>, survey: &Survey<'_>) -> Role {
        let in_wasi = import.module == wasi::MODULE;
        let answered = answered(import, survey);
        Role {
            answer: answered.and_then(|(function, _)| self.kept(function)),
            changes: changes(import.name),
            refused: in_wasi && self.refuses && answered.is_none_or(|(_, kept)| matches!(kept, Kept::Personal)),
        }
    }

    fn kept(&self, function: &wasi::Function) -> Option<Answer> {
        self.kept.iter().find(|(name, _)| *name == function.name).map(|(_, answer)| *answer)
    }

    fn answer(&mut self, function: &wasi::Function, kept: Kept) -> Option<Answer> {
        if !matches!(kept, Kept::Always | Kept::Personal) && self.memory.is_none() {
            return None;
        }
        Some(match kept {
            Kept::Always if function.always == Some(Errno::Success) => Answer::Success,
            Kept::Always | Kept::Personal => {
                let number = wasi::FUNCTIONS.iter().position(|other| other.name == function.name);
                Answer::Refusal(number.map_or(0, |number| number as i32 + 1))
            }
            Kept::Resolution => Answer::Resolution,
            Kept::Time => Answer::Time(self.changing(&[])),
            Kept::Sizes => Answer::Sizes(self.global(ValType::I64, -1)),
            Kept::Prestat => Answer::Prestat(self.changing(&[ValType::I32, ValType::I32])),
            Kept::Fdstat => Answer::Fdstat(self.changing(&[ValType::I64, ValType::I64, ValType::I64])),
        })
    }

    /// Appends a global that is forgotten where something changes, and others behind it.
    fn changing(&mut self, others: &[ValType]) -> u32 {
        let index = self.global(ValType::I64, -1);
        self.changing.push(index);
        others.iter().for_each(|ty| _ = self.global(*ty, 0));
        index
    }

    fn global(&mut self, ty: ValType, initial: i64) -> u32 {
        self.globals.push((ty, initial));
        self.first + self.globals.len() as u32 - 1
    }

    /// Defines the globals, behind the counters.
    pub(super) fn define(&self, globals: &mut GlobalSection) {
        for &(val_type, initial) in &self.globals {
            let initial = match val_type {
                ValType::I64 => ConstExpr::i64_const(initial),
                _ => ConstExpr::i32_const(initial as i32),
            };
            globals.global(GlobalType { val_type, mutable: true, shared: false }, &initial);
        }
    }

    /// Behind a call that may have changed something, or been refused: forgets it.
    pub(super) fn forget(&self, sink: &mut InstructionSink<'_>, role: Role) {
        if role.changes {
            self.changing.iter().for_each(|index| _ = sink.i64_const(-1).global_set(*index));
        }
        if role.refused {
            sink.i32_const(0).global_set(self.refused);
        }
    }
}

/// The function that is imported, and what stays of its answer, where something does and the type is its own.
fn answered(import: &Import<'_>, survey: &Survey<'_>) -> Option<(&'static wasi::Function, Kept)> {
    let TypeRef::Func(ty) = import.ty else { return None };
    let function = wasi::function(import.name).filter(|_| import.module == wasi::MODULE)?;
    let kept = function.kept?;
    is_of(&survey.types[ty as usize], function).then_some((function, kept))
}

fn is_of(ty: &FuncType, function: &wasi::Function) -> bool {
    let own = |ty: &ParamType| match ty {
        ParamType::I32 => wasmparser::ValType::I32,
        ParamType::I64 => wasmparser::ValType::I64,
    };
    ty.params().iter().copied().eq(function.types.iter().map(own)) && ty.results() == [wasmparser::ValType::I32]
}
