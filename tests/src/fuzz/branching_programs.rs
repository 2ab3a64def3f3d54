//! Programs dense with branches: every way into and out of blocks, loops, ifs and functions, and instructions that may trap
//! between them.

use super::source::Source;

/// A program in the text format, and arguments for its export `f`.
pub(super) fn program(data: &[u8]) -> (String, Vec<u64>) {
    let mut program = Program(Source::new(data));
    // $x is what conditions look at, $n how many loop heads may still be passed.
    let callee = program.body(1, 2);
    let body = program.body(0, 4);
    let text = format!(
        "(module (memory 1) (global $n (mut i32) (i32.const 60))
        (func $g (param $x i32) (result i32) (local $y i32) {callee} (local.get $y))
        (func (export \"f\") (param $x i32) (result i32) (local $y i32) {body} (local.get $y)))"
    );
    let arguments = (0..4).map(|_| program.0.u32().into()).collect();
    (text, arguments)
}

struct Program<'a>(Source<'a>);

impl Program<'_> {
    fn below(&mut self, bound: u8) -> u32 {
        self.0.below(bound).into()
    }

    fn body(&mut self, callees: u8, nesting: u8) -> String {
        (0..2 + self.below(6)).map(|_| self.statement(0, nesting, callees)).collect()
    }

    /// A statement within `labels` blocks, with as many blocks in it as `nesting` at most. Functions from `callees` on do
    /// not call.
    fn statement(&mut self, labels: u8, nesting: u8, callees: u8) -> String {
        let kinds = if nesting == 0 { 11 } else { 18 };
        match self.below(kinds) {
            0 | 1 => self.arithmetic(),
            2 | 3 if labels > 0 => format!("(br_if {} {})", self.below(labels), self.condition()),
            4 if labels > 0 => format!("(br {})", self.below(labels)),
            5 if labels > 0 => {
                let targets: String = (0..1 + self.below(4)).map(|_| format!("{} ", self.below(labels))).collect();
                format!("(br_table {targets} (i32.and (local.get $x) (i32.const 3)))")
            }
            6 if callees == 0 => "(local.set $y (call $g (local.get $x)))".into(),
            7 => format!("(i32.store (i32.shr_u (local.get $x) (i32.const {})) (local.get $y))", 14 + self.below(4)),
            8 => format!(
                "(local.set $y (i32.div_u (local.get $y) (i32.and (local.get $x) (i32.const {}))))",
                1 + self.below(64)
            ),
            2..=6 => self.arithmetic(),
            9 => format!("(if {} (then (return (local.get $x))))", self.condition()),
            10 => format!("(if {} (then unreachable))", self.condition()).repeat(usize::from(self.below(4) == 0)),
            11 => "(local.set $y (i32.rotl (local.get $y) (i32.const 1)))".repeat(40 * (1 + self.below(4)) as usize),
            12 | 13 => format!("(block {})", self.inner(labels, nesting, callees)),
            14 | 15 => format!(
                "(loop (if (i32.eqz (global.get $n)) (then (return (local.get $y))))
                    (global.set $n (i32.sub (global.get $n) (i32.const 1))) {})",
                self.inner(labels, nesting, callees)
            ),
            16 => format!("(if {} (then {}))", self.condition(), self.inner(labels, nesting, callees)),
            _ => {
                let (condition, then) = (self.condition(), self.inner(labels, nesting, callees));
                format!("(if {condition} (then {then}) (else {}))", self.inner(labels, nesting, callees))
            }
        }
    }

    fn inner(&mut self, labels: u8, nesting: u8, callees: u8) -> String {
        (0..1 + self.below(5)).map(|_| self.statement(labels + 1, nesting - 1, callees)).collect()
    }

    fn arithmetic(&mut self) -> String {
        let steps = ["(i32.add (local.get $x) (i32.const 40503))", "(i32.mul (local.get $x) (i32.const 1664525))"];
        let local = ["$x", "$y"][self.below(2) as usize];
        format!("(local.set {local} {})", steps[self.below(2) as usize])
    }

    /// Looks at one bit of `$x`, and changes `$x`.
    fn condition(&mut self) -> String {
        let bit = 8 + self.below(24);
        bit_of_x(bit)
    }
}

/// One bit of `$x`, which changes.
pub(super) fn bit_of_x(bit: u32) -> String {
    let next = "(local.tee $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))";
    format!("(i32.and (i32.shr_u {next} (i32.const {bit})) (i32.const 1))")
}
