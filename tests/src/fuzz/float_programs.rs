//! Programs dense with floats: NaNs of all kinds flow through locals, loops, selects, calls, vectors and memory.

use std::fmt::Write as _;

use arbitrary::{Arbitrary, Unstructured};

/// A program in the text format, and arguments for it.
pub fn program(data: &[u8]) -> (String, Vec<u64>) {
    let mut source = Source { data: Unstructured::new(data), counters: 0 };
    let helper = source.float(F64, 4);
    let body: String = (0..12).map(|_| source.statement(2)).collect();
    let mut text = String::from("(module (memory (export \"m\") 1) (data (i32.const 0) \"");
    for _ in 0..512 {
        let byte = source.pick(&["7f", "ff", "f8", "00", "80", "3f", "01", "c0"]);
        write!(text, "\\{byte}").expect("a string grows");
    }
    let counters: String = (0..source.counters).map(|counter| format!("(local $c{counter} i32)")).collect();
    write!(
        text,
        "\") (func $g (param $d0 f64) (param $s0 f32) (result f64)
            (local $d1 f64) (local $d2 f64) (local $s1 f32) (local $s2 f32) (local $v0 v128) (local $v1 v128) (local $i i32)
            {helper})
        (func (export \"f\") (param $d0 f64) (param $s0 f32) (result f64 f32 v128)
            (local $d1 f64) (local $d2 f64) (local $s1 f32) (local $s2 f32) (local $v0 v128) (local $v1 v128) (local $i i32)
            {counters} {body} (local.get $d{}) (local.get $s{}) (local.get $v{})))",
        source.below(3),
        source.below(3),
        source.below(2)
    )
    .expect("a string grows");
    let arguments = (0..2).map(|_| u64::arbitrary(&mut source.data).unwrap_or_default()).collect();
    (text, arguments)
}

/// A scalar type: its name, the letter of its locals, the size of its values in bytes.
#[derive(Clone, Copy)]
struct Scalar(&'static str, char, u32);

const F32: Scalar = Scalar("f32", 's', 4);
const F64: Scalar = Scalar("f64", 'd', 8);

struct Source<'a> {
    data: Unstructured<'a>,
    counters: u32,
}

impl Source<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        self.data.int_in_range(0..=bound - 1).unwrap_or_default()
    }

    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn leaf(&mut self, Scalar(ty, local, size): Scalar) -> String {
        match self.below(4) {
            0 => format!("({ty}.load (i32.const {}))", self.below(64) * size),
            1 | 2 => format!("(local.get ${local}{})", self.below(3)),
            _ => {
                let constants =
                    ["0x1p-149", "-0x0p0", "1.5", "inf", "-inf", "nan", "-nan", "nan:0x123", "-nan:0x200001", "3e38"];
                format!("({ty}.const {})", self.pick(&constants))
            }
        }
    }

    fn float(&mut self, scalar: Scalar, depth: u32) -> String {
        let Scalar(ty, local, _) = scalar;
        if depth == 0 || self.below(8) == 0 {
            return self.leaf(scalar);
        }
        let depth = depth - 1;
        match self.below(12) {
            0..=3 => {
                let operation = self.pick(&["add", "sub", "mul", "div", "min", "max", "copysign"]);
                format!("({ty}.{operation} {} {})", self.float(scalar, depth), self.float(scalar, depth))
            }
            4 | 5 => {
                let operation = self.pick(&["sqrt", "ceil", "floor", "trunc", "nearest", "neg", "abs"]);
                format!("({ty}.{operation} {})", self.float(scalar, depth))
            }
            6 => format!("(local.tee ${local}{} {})", self.below(3), self.float(scalar, depth)),
            7 if ty == "f64" => format!("(f64.promote_f32 {})", self.float(F32, depth)),
            7 => format!("(f32.demote_f64 {})", self.float(F64, depth)),
            8 => {
                format!("(select {} {} {})", self.float(scalar, depth), self.float(scalar, depth), self.integer(depth))
            }
            9 => format!(
                "(if (result {ty}) {} (then {}) (else {}))",
                self.integer(depth),
                self.float(scalar, depth),
                self.float(scalar, depth)
            ),
            10 => {
                let shape = if ty == "f64" { "f64x2" } else { "f32x4" };
                format!("({shape}.extract_lane {} {})", self.below(2), self.vector(depth))
            }
            _ => format!("({ty}.convert_i32_s {})", self.integer(depth)),
        }
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 || self.below(6) == 0 {
            return match self.below(3) {
                0 => format!("(v128.load (i32.const {}))", self.below(30) * 16),
                _ => format!("(local.get $v{})", self.below(2)),
            };
        }
        let depth = depth - 1;
        let shape = self.pick(&["f32x4", "f64x2"]);
        match self.below(8) {
            0..=2 => {
                let operation = self.pick(&["add", "sub", "mul", "div", "min", "max", "pmin", "pmax", "lt", "eq"]);
                format!("({shape}.{operation} {} {})", self.vector(depth), self.vector(depth))
            }
            3 => {
                let operation = self.pick(&["sqrt", "neg", "abs", "ceil", "nearest"]);
                format!("({shape}.{operation} {})", self.vector(depth))
            }
            4 => format!("(v128.xor {} {})", self.vector(depth), self.vector(depth)),
            5 => format!("(local.tee $v{} {})", self.below(2), self.vector(depth)),
            6 => {
                let conversions = [
                    "f32x4.demote_f64x2_zero",
                    "f64x2.promote_low_f32x4",
                    "i32x4.trunc_sat_f32x4_s",
                    "f64x2.convert_low_i32x4_u",
                    "i32x4.trunc_sat_f64x2_u_zero",
                ];
                format!("({} {})", self.pick(&conversions), self.vector(depth))
            }
            _ if shape == "f64x2" => format!("(f64x2.splat {})", self.float(F64, depth)),
            _ => format!("(f32x4.splat {})", self.float(F32, depth)),
        }
    }

    fn integer(&mut self, depth: u32) -> String {
        if depth == 0 {
            return "(local.get $i)".to_owned();
        }
        let depth = depth - 1;
        match self.below(4) {
            0 => format!("(f64.lt {} {})", self.float(F64, depth), self.float(F64, depth)),
            1 => format!("(f32.ne {} {})", self.float(F32, depth), self.float(F32, depth)),
            2 => format!("(i32.trunc_sat_f64_s {})", self.float(F64, depth)),
            _ => format!("(i32.reinterpret_f32 {})", self.float(F32, depth)),
        }
    }

    fn statement(&mut self, depth: u32) -> String {
        match self.below(10) {
            0 | 1 => format!("(local.set $d{} {})\n", self.below(3), self.float(F64, 4)),
            2 => format!("(local.set $s{} {})\n", self.below(3), self.float(F32, 4)),
            3 => format!("(f64.store (i32.const {}) {})\n", self.below(64) * 8, self.float(F64, 4)),
            4 => format!("(f32.store (i32.const {}) {})\n", self.below(64) * 4, self.float(F32, 4)),
            5 => format!("(local.set $v{} {})\n", self.below(2), self.vector(3)),
            6 => format!("(v128.store (i32.const {}) {})\n", self.below(30) * 16, self.vector(3)),
            7 if depth > 0 => format!(
                "(if {} (then {} {}) (else {}))\n",
                self.integer(2),
                self.statement(depth - 1),
                self.statement(depth - 1),
                self.statement(depth - 1)
            ),
            8 if depth > 0 => {
                let counter = self.counters;
                self.counters += 1;
                format!(
                    "(local.set $c{counter} (i32.const 3)) (loop $l{counter} {} {}
                        (br_if $l{counter} (local.tee $c{counter} (i32.sub (local.get $c{counter}) (i32.const 1)))))\n",
                    self.statement(depth - 1),
                    self.statement(depth - 1)
                )
            }
            _ => format!("(local.set $d{} (call $g {} {}))\n", self.below(3), self.float(F64, 2), self.float(F32, 2)),
        }
    }
}
