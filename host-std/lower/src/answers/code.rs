//! The wrapper of a function of the host: it answers where it can, or else asks, and keeps the answer.
//!
//! ```text
//!     block                      ;; ask
//!       ... br_if 0 where nothing is kept, or anything is unusual ...
//!       local.tee $ticks (i64.sub (global.get $gas) (i64.const price))
//!       br_if 0 (i64.lt_s (local.get $ticks) (i64.const 0))
//!       global.set $gas (local.get $ticks)
//!       ... what the host would write ...
//!       return what it would answer
//!     end
//!     call the host
//!     ... keep its answer ...
//! ```

use subvm_core::wasi::{KEPT, function};
use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};

use super::super::imports::hand_on;
use super::{Answer, Answers, Role};

/// How far the number of a function stands from the errno in what is kept of a refusal.
const NUMBER: i32 = 17;
/// What of an answer is the errno.
const ERRNO: i32 = KEPT as i32 - 1;

/// The wrapper of imported function `import`, of the guest's name and so many parameters, which is answered so.
pub(crate) fn wrapper(
    answers: &Answers,
    (role, answer): (Role, Answer),
    (import, name): (u32, &str),
    parameters: u32,
) -> Function {
    let mut wrapper = Function::new([(1, ValType::I64), (1, ValType::I32)]);
    let price = function(name).map_or(0, |function| answers.schedule.call(function.base)) as i64;
    let memory = answers.memory.unwrap_or_default();
    let mut code = Code { sink: wrapper.instructions(), answers, memory, ticks: parameters, errno: parameters + 1 };
    code.sink.block(BlockType::Empty);
    code.guards(answer);
    code.charge(price);
    code.give(answer);
    code.sink.return_().end();
    hand_on(&mut code.sink, (import, parameters), answers.gas);
    answers.forget(&mut code.sink, role);
    code.keep(answer);
    code.sink.end();
    wrapper
}

struct Code<'a, 'b> {
    sink: InstructionSink<'b>,
    answers: &'a Answers,
    memory: u32,
    /// The local for ticks.
    ticks: u32,
    /// The local for an answer.
    errno: u32,
}

impl Code<'_, '_> {
    /// Leaves the block where the host must be asked.
    fn guards(&mut self, answer: Answer) {
        let open = self.answers.open;
        match answer {
            Answer::Success => _ = self.sink.global_get(open).i32_eqz().br_if(0),
            Answer::Refusal(number) => {
                self.sink.global_get(self.answers.refused).local_tee(self.errno).i32_const(NUMBER).i32_shr_u();
                self.sink.i32_const(number).i32_ne().br_if(0);
            }
            Answer::Resolution => {
                self.sink.global_get(open).i32_eqz().br_if(0);
                self.clock();
                self.place(1, 8, 8);
            }
            Answer::Time(kept) => {
                self.known(kept);
                self.clock();
                self.place(2, 8, 8);
            }
            Answer::Sizes(kept) => {
                self.known(kept);
                self.place(0, 4, 4);
                self.place(1, 4, 4);
            }
            Answer::Prestat(kept) => {
                self.descriptor(kept);
                self.sink.global_get(kept + 1).local_tee(self.errno).i32_eqz().if_(BlockType::Empty);
                self.place_within(1, (8, 4), 1);
                self.sink.end();
            }
            Answer::Fdstat(kept) => {
                self.descriptor(kept);
                self.place(1, 24, 8);
            }
        }
    }

    fn known(&mut self, kept: u32) {
        self.sink.global_get(kept).i64_const(-1).i64_eq().br_if(0);
    }

    /// Clocks are 0 to 3.
    fn clock(&mut self) {
        self.sink.local_get(0).i32_const(3).i32_gt_u().br_if(0);
    }

    fn descriptor(&mut self, kept: u32) {
        self.sink.local_get(0).i64_extend_i32_u().global_get(kept).i64_ne().br_if(0);
    }

    fn place(&mut self, pointer: u32, bytes: i64, align: i32) {
        self.place_within(pointer, (bytes, align), 0);
    }

    /// Leaves the block, `depth` labels out, where the bytes at a pointer, a parameter, do not lie in memory, or are not aligned.
    fn place_within(&mut self, pointer: u32, (bytes, align): (i64, i32), depth: u32) {
        self.sink.local_get(pointer).i32_const(align - 1).i32_and().br_if(depth);
        // The page of the last byte.
        self.sink.local_get(pointer).i64_extend_i32_u().i64_const(bytes - 1).i64_add().i64_const(16).i64_shr_u();
        self.sink.memory_size(self.memory).i64_extend_i32_u().i64_ge_u().br_if(depth);
    }

    fn charge(&mut self, price: i64) {
        self.sink.global_get(self.answers.gas).i64_const(price).i64_sub().local_tee(self.ticks);
        self.sink.i64_const(0).i64_lt_s().br_if(0);
        self.sink.local_get(self.ticks).global_set(self.answers.gas);
    }

    /// Writes what the host would, and leaves its errno.
    fn give(&mut self, answer: Answer) {
        match answer {
            Answer::Success => {}
            Answer::Refusal(_) => {
                self.sink.local_get(self.errno).i32_const(ERRNO).i32_and();
                return;
            }
            Answer::Resolution => {
                let at = self.at(0, 3);
                self.sink.local_get(1).i64_const(1).i64_store(at);
            }
            Answer::Time(kept) => {
                let at = self.at(0, 3);
                self.sink.local_get(2).global_get(kept).i64_store(at);
            }
            Answer::Sizes(kept) => {
                let at = self.at(0, 2);
                self.sink.local_get(0).global_get(kept).i32_wrap_i64().i32_store(at);
                self.sink.local_get(1).global_get(kept).i64_const(32).i64_shr_u().i32_wrap_i64().i32_store(at);
            }
            Answer::Prestat(kept) => {
                let (tag, length) = (self.at(0, 2), self.at(4, 2));
                self.sink.local_get(self.errno).i32_eqz().if_(BlockType::Empty);
                self.sink.local_get(1).i32_const(0).i32_store(tag);
                self.sink.local_get(1).global_get(kept + 2).i32_store(length).end();
                self.sink.local_get(self.errno);
                return;
            }
            Answer::Fdstat(kept) => {
                for word in 0..3 {
                    let at = self.at(u64::from(word) * 8, 3);
                    self.sink.local_get(1).global_get(kept + 1 + word).i64_store(at);
                }
            }
        }
        self.sink.i32_const(0);
    }

    /// Takes the host's answer, keeps it where it may be kept, and leaves the errno.
    fn keep(&mut self, answer: Answer) {
        self.sink.local_tee(self.errno).i32_const(KEPT as i32).i32_and().if_(BlockType::Empty);
        self.sink.i32_const(1).global_set(self.answers.open);
        match answer {
            Answer::Success | Answer::Resolution => {}
            Answer::Refusal(number) => {
                self.sink.local_get(self.errno).i32_const(number << NUMBER).i32_or().global_set(self.answers.refused);
            }
            Answer::Time(kept) => {
                let at = self.at(0, 3);
                self.sink.local_get(2).i64_load(at).global_set(kept);
            }
            Answer::Sizes(kept) => {
                let at = self.at(0, 2);
                // Where both have one place, the first is lost.
                self.sink.local_get(0).local_get(1).i32_ne().if_(BlockType::Empty);
                self.sink.local_get(0).i64_load32_u(at).local_get(1).i64_load32_u(at);
                self.sink.i64_const(32).i64_shl().i64_or().global_set(kept).end();
            }
            Answer::Prestat(kept) => {
                let length = self.at(4, 2);
                self.sink.local_get(0).i64_extend_i32_u().global_set(kept);
                self.sink.local_get(self.errno).i32_const(ERRNO).i32_and().global_set(kept + 1);
                self.sink.global_get(kept + 1).i32_eqz().if_(BlockType::Empty);
                self.sink.local_get(1).i32_load(length).global_set(kept + 2).end();
            }
            Answer::Fdstat(kept) => {
                self.sink.local_get(0).i64_extend_i32_u().global_set(kept);
                for word in 0..3 {
                    let at = self.at(u64::from(word) * 8, 3);
                    self.sink.local_get(1).i64_load(at).global_set(kept + 1 + word);
                }
            }
        }
        self.sink.end().local_get(self.errno).i32_const(ERRNO).i32_and();
    }

    fn at(&self, offset: u64, align: u32) -> MemArg {
        MemArg { offset, align, memory_index: self.memory }
    }
}
