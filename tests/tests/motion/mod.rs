//! Modules that cost more than they pay where a compiler moves their work.

use std::fmt::Write;

use subvm_host_std::lower::Floats;

/// A constant that stands in compiled code where a loop begins.
pub(super) const MARK: u64 = 0x1122_3344_5566_7788;

/// A loop that never does the work in it, and the machine code of one piece of that.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) text: fn(usize) -> String,
    pub(super) repeated: Code,
}

/// Whether machine code starts with an instruction.
pub(super) type Code = fn(&[u8]) -> bool;

/// Work in so many pieces that so many branches use.
pub(super) struct Sink {
    pub(super) name: &'static str,
    pub(super) text: fn(usize, usize) -> String,
    pub(super) floats: Floats,
}

/// `imul` of two registers.
const MULTIPLY: Code = |code| code.starts_with(&[0x0f, 0xaf]);
/// `pmulld`, and its form with three operands.
const VECTOR: Code = |code| {
    code.starts_with(&[0x0f, 0x38, 0x40]) || (code.len() > 3 && code[0] == 0xc4 && code[1] & 31 == 2 && code[3] == 0x40)
};

/// A load of a vector from among the constants of a function, and its form with a longer prefix.
const LOAD: Code = |code| {
    let loads = code.starts_with(&[0x0f, 0x6f])
        || code.starts_with(&[0x0f, 0x28])
        || (code.len() > 2 && code[0] == 0xc5 && [0x28, 0x6f, 0x10].contains(&code[2]));
    loads && code.get(if code[0] == 0xc5 { 3 } else { 2 }).is_some_and(|operands| operands & 0xc7 == 5)
};

pub(super) const LIFTS: &[Attack] = &[
    Attack { name: "a chain", text: |n| in_loop(&chain(n), ""), repeated: MULTIPLY },
    Attack { name: "one by one", text: |n| in_loop(&one_by_one(n), ""), repeated: MULTIPLY },
    Attack { name: "in many branches", text: in_many_branches, repeated: MULTIPLY },
    Attack {
        name: "in a loop within",
        text: |n| in_loop(&format!("loop {} end", one_by_one(n)), ""),
        repeated: MULTIPLY,
    },
    Attack { name: "of many locals", text: of_many_locals, repeated: MULTIPLY },
    Attack { name: "of a global", text: of_a_global, repeated: MULTIPLY },
    Attack { name: "of memory", text: of_memory, repeated: MULTIPLY },
    Attack { name: "of what was stored", text: of_what_was_stored, repeated: MULTIPLY },
    Attack { name: "of a global that was set", text: of_what_was_set, repeated: MULTIPLY },
    Attack { name: "of a parameter", text: of_a_parameter, repeated: MULTIPLY },
    Attack { name: "of what cancels out", text: of_what_cancels_out, repeated: MULTIPLY },
    Attack { name: "of what branches leave alone", text: of_what_branches_leave_alone, repeated: MULTIPLY },
    Attack { name: "of what comes back unchanged", text: of_what_comes_back_unchanged, repeated: MULTIPLY },
    Attack { name: "of constants", text: of_constants, repeated: VECTOR },
    Attack { name: "of vectors that are constants", text: of_vectors, repeated: LOAD },
    Attack { name: "of what is a constant", text: of_what_is_a_constant, repeated: VECTOR },
];

pub(super) const SINKS: &[Sink] = &[
    Sink { name: "i64", text: |n, m| used(n, m, "i64"), floats: Floats::Soft },
    Sink { name: "i32", text: |n, m| used(n, m, "i32"), floats: Floats::Soft },
    Sink { name: "f64", text: |n, m| used(n, m, "f64"), floats: Floats::Canonical },
    Sink { name: "f32", text: |n, m| used(n, m, "f32"), floats: Floats::Native },
    Sink { name: "many locals", text: many_locals, floats: Floats::Soft },
    Sink { name: "a label", text: label, floats: Floats::Soft },
    Sink { name: "stored twice", text: stored_twice, floats: Floats::Soft },
    Sink { name: "operands", text: operands, floats: Floats::Soft },
    Sink { name: "overwritten", text: overwritten, floats: Floats::Soft },
    Sink { name: "a vector's lanes", text: lanes, floats: Floats::Soft },
];

fn module(function: &str) -> String {
    format!(
        "(module (memory 1) (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) \
         (global (mut i64) (i64.const 0)) (global (mut v128) (v128.const i64x2 0 0)) {function})"
    )
}

/// One piece of work after another, all of which is used.
fn pieces(count: usize, piece: impl Fn(usize) -> String) -> String {
    let mut body = String::new();
    (0..count).for_each(|number| write!(body, "{} local.get 4 i64.xor local.set 4 ", piece(number)).unwrap());
    body + "local.get 4 global.set 2 "
}

/// A loop that does `body` never. Parameters 0 and 1 are the same in each round, 2 counts the rounds; 3 to 5 are locals.
fn in_loop(body: &str, before: &str) -> String {
    module(&format!(
        "(func (export \"f\") (param i64 i64 i64) (local i64 i64 i64) {before} loop i64.const {MARK} global.set 2 \
         global.get 0 if {body} end local.get 2 i64.const 1 i64.add local.tee 2 i64.const 1000 i64.lt_u br_if 0 end)"
    ))
}

fn chain(work: usize) -> String {
    format!("local.get 0 {} global.set 1 ", "local.get 1 i64.mul ".repeat(work))
}

fn one_by_one(work: usize) -> String {
    pieces(work, |piece| format!("local.get 0 local.get 1 i64.const {piece} i64.sub i64.mul"))
}

/// Many branches in a row, with little work in each.
fn in_many_branches(work: usize) -> String {
    let mut body = String::new();
    for piece in 0..work / 2 {
        let one = format!("local.get 0 local.get 1 i64.const {piece} i64.sub i64.mul");
        write!(body, "global.get 0 if {one} local.get 0 i64.mul global.set 1 end ").unwrap();
    }
    in_loop(&body, "")
}

/// One product for each pair of many locals.
fn of_many_locals(work: usize) -> String {
    let mut body = String::from("local.get 0 ");
    for piece in 0..work {
        write!(body, "local.get {} local.get {} i64.mul i64.xor ", piece % 40, piece / 40).unwrap();
    }
    let locals = "i64 ".repeat(40);
    module(&format!(
        "(func (export \"f\") (param {locals} i64) loop i64.const {MARK} global.set 2 global.get 0 if {body} global.set 1 end \
         local.get 40 i64.const 1 i64.add local.tee 40 i64.const 1000 i64.lt_u br_if 0 end)"
    ))
}

/// A global that is read before the loop and in it, and not written between.
fn of_a_global(work: usize) -> String {
    let body = pieces(work, |piece| format!("global.get 1 i64.const {piece} i64.sub global.get 1 i64.mul"));
    in_loop(&body, "global.get 1 global.set 2 ")
}

/// Memory that is loaded before the loop and in it, and not stored to between.
fn of_memory(work: usize) -> String {
    let loaded = "local.get 0 i32.wrap_i64 i64.load";
    let body = pieces(work, |piece| format!("{loaded} i64.const {piece} i64.sub {loaded} i64.mul"));
    in_loop(&body, "local.get 0 i32.wrap_i64 i64.load global.set 1 ")
}

/// The square of local 3 and other numbers.
fn of_local_3(work: usize) -> String {
    pieces(work, |piece| format!("local.get 3 i64.const {piece} i64.sub local.get 3 i64.mul"))
}

/// What is the same in each round, stored and loaded again in another place in each.
fn of_what_was_stored(work: usize) -> String {
    let (place, stored) = ("local.get 2 i32.wrap_i64", "local.get 0 i64.store");
    let body = format!("end {place} {stored} {place} i64.load local.set 3 global.get 0 if {}", of_local_3(work));
    in_loop(&body, "")
}

/// What is the same in each round, written to a global and read from it, behind a call.
fn of_what_was_set(work: usize) -> String {
    let set = "i32.const 1 memory.grow drop local.get 0 global.set 1 global.get 1 local.set 3";
    in_loop(&format!("end {set} global.get 0 if {}", of_local_3(work)), "")
}

/// A parameter of the loop that each round hands on.
fn of_a_parameter(work: usize) -> String {
    module(&format!(
        "(func (export \"f\") (param i64 i64 i64) (local i64 i64) local.get 0 loop (param i64) i64.const {MARK} global.set 2 \
         local.set 3 global.get 0 if {} end local.get 3 \
         local.get 2 i64.const 1 i64.add local.tee 2 i64.const 1000 i64.lt_u br_if 0 drop end)",
        of_local_3(work)
    ))
}

/// What changes in each round, and is taken away again.
fn of_what_cancels_out(work: usize) -> String {
    let zero = "local.get 2 local.get 0 i64.add local.get 2 i64.sub";
    let piece = |piece| format!("{zero} i64.const {piece} i64.sub local.tee 3 local.get 3 i64.mul local.get 3 i64.mul");
    in_loop(&pieces(work / 2, piece), "")
}

/// A local that branches write with what it was.
fn of_what_branches_leave_alone(work: usize) -> String {
    let same = "local.get 0 local.set 3 ";
    in_loop(&format!("{same} global.get 0 if {same} end {}", of_local_3(work)), "")
}

/// A local that is written in the loop, but never on a way back to its head.
fn of_what_comes_back_unchanged(work: usize) -> String {
    let written = "end global.get 0 if local.get 2 i64.const 3 i64.mul local.set 3 return ";
    in_loop(&(of_local_3(work) + written), "local.get 0 local.set 3 ")
}

/// Vectors that are computed from constants.
fn of_constants(work: usize) -> String {
    let multiply = "v128.const i32x4 3 5 7 9 i32x4.mul ".repeat(4);
    let mut body = String::from("v128.const i64x2 0 0 ");
    for piece in 0..work / 4 {
        write!(body, "v128.const i32x4 {piece} 1 2 3 {multiply} v128.xor ").unwrap();
    }
    in_loop(&(body + "global.set 3 "), "")
}

/// Vectors that are constants.
fn of_vectors(work: usize) -> String {
    let mut body = String::from("v128.const i64x2 0 0 ");
    (0..work).for_each(|piece| write!(body, "v128.const i32x4 {piece} 1 2 3 i32x4.add ").unwrap());
    in_loop(&(body + "global.set 3 "), "")
}

/// The same from what is no constant in the text.
fn of_what_is_a_constant(work: usize) -> String {
    let multiply = "v128.const i32x4 3 5 7 9 i32x4.mul ".repeat(4);
    let mut body = String::from("v128.const i64x2 0 0 ");
    for piece in 0..work / 4 {
        write!(
            body,
            "local.get 2 local.get 2 i64.xor i32.wrap_i64 i32.const {piece} i32.add i32x4.splat {multiply} v128.xor "
        )
        .unwrap();
    }
    in_loop(&(body + "global.set 3 "), "")
}

/// Work, then as many branches that use what it comes to.
fn used(work: usize, branches: usize, ty: &str) -> String {
    let mut body = String::from("local.get 0 ");
    (0..work).for_each(|_| write!(body, "local.tee 1 local.get 1 {ty}.mul local.get 0 {ty}.add ").unwrap());
    body.push_str("local.set 1 ");
    (0..branches).for_each(|_| body.push_str("global.get 0 if local.get 1 global.set 1 end "));
    format!(
        "(module (global (mut i32) (i32.const 0)) (global (mut {ty}) ({ty}.const 0)) \
         (func (export \"f\") (param {ty}) (local {ty}) {body}))"
    )
}

/// Locals from 2 on, with a part of the work behind each.
const LOCALS: std::ops::Range<usize> = 2..32;

fn in_many_locals(work: usize) -> String {
    let product = "local.get 1 i64.mul ".repeat(work / LOCALS.len());
    LOCALS.map(|local| format!("local.get 0 i64.const {local} i64.add {product} local.set {local} ")).collect()
}

/// All of them, in the function that `body` is.
fn all_locals(body: &str) -> String {
    module(&format!("(func (export \"f\") (param i64 i64) (local {}) {body})", "i64 ".repeat(LOCALS.len())))
}

fn sum_of_locals() -> String {
    let all: String = LOCALS.map(|local| format!("local.get {local} i64.xor ")).collect();
    format!("i64.const 0 {all} global.set 1 ")
}

/// Little work behind each of many locals, all of which each branch uses.
fn many_locals(work: usize, branches: usize) -> String {
    all_locals(&(in_many_locals(work) + &format!("global.get 0 if {} end ", sum_of_locals()).repeat(branches)))
}

/// Locals that meet at one label, to which many branches lead.
fn label(work: usize, branches: usize) -> String {
    let others: String = LOCALS.map(|local| format!("local.get 0 i64.const 7 i64.add local.set {local} ")).collect();
    let branches = "global.get 0 if br 1 end ".repeat(branches);
    all_locals(&format!("{} block {branches} {others} end {}", in_many_locals(work), sum_of_locals()))
}

/// Work that is stored, and stored over, so that the first store does not hold it.
fn stored_twice(work: usize, branches: usize) -> String {
    let product = "local.get 1 i64.mul ".repeat(work);
    let mut body = format!("local.get 0 {product} local.tee 2 global.set 1 local.get 0 global.set 1 ");
    (0..branches).for_each(|_| body.push_str("global.get 0 if local.get 2 global.set 1 end "));
    module(&format!("(func (export \"f\") (param i64 i64) (local i64) {body})"))
}

/// An operand that each branch takes as a parameter.
fn operands(work: usize, branches: usize) -> String {
    let product = "local.get 1 i64.mul ".repeat(work);
    let mut body = format!("local.get 0 {product} local.set 2 ");
    (0..branches).for_each(|_| body.push_str("local.get 2 "));
    body.push_str("i64.const 0 local.set 2 ");
    (0..branches).for_each(|_| body.push_str("global.get 0 if (param i64) global.set 1 else drop end "));
    module(&format!("(func (export \"f\") (param i64 i64) (local i64) {body})"))
}

/// Operands that blocks take, of a local that has been written again.
fn overwritten(work: usize, branches: usize) -> String {
    let product = "local.get 1 i64.mul ".repeat(work);
    let mut body = format!("local.get 0 {product} local.set 2 ");
    (0..branches).for_each(|_| body.push_str("local.get 2 "));
    body.push_str("i64.const 0 local.set 2 ");
    (0..branches).for_each(|_| body.push_str("block (param i64) global.get 0 br_if 0 global.set 1 end "));
    module(&format!("(func (export \"f\") (param i64 i64) (local i64) {body})"))
}

/// A vector that is loaded lane by lane.
fn lanes(work: usize, branches: usize) -> String {
    let mut body = String::from("v128.const i64x2 0 0 local.set 2 ");
    for _ in 0..work {
        body.push_str("i32.const 8 local.get 2 v128.load8_lane 3 local.set 2 ");
    }
    (0..branches).for_each(|_| body.push_str("global.get 0 if local.get 2 global.set 3 end "));
    module(&format!("(func (export \"f\") (param i64 i64) (local v128) {body})"))
}
