//! Programs of functions that call each other in every way, dense with branches and labels of every kind, with
//! instructions that may trap or cost much between them.

use subvm_host_std::lower::{Floats, Options};

use super::branching_programs::bit_of_x;
use super::modelled::idle;
use super::source::Source;

/// A program, and what to do with it.
pub(super) struct Program {
    /// In the text format. It exports `f`, from an `i32` to an `i32`, and its `memory`.
    pub(super) text: String,
    pub(super) arguments: Vec<i32>,
    /// At how many places to run out of gas, for each argument.
    pub(super) places: usize,
    /// How to lower it.
    pub(super) options: Options,
}

/// What is around the functions. `$n` says how many loop heads may still be passed, and calls back made.
const FRAME: &str = "
    (type $t (func (param i32) (result i32))) (type $two (func (param i32) (result i32 i32)))
    (memory (export \"memory\") 1 3) (data $d \"bytes\") (global $n (mut i32) (i32.const 0))
    (table 8 12 funcref) (elem (i32.const 0) $f0 $f1 $s0 $s1 $f2 $f3 $p) (elem $e func $f3 $s1)";

/// The functions from `i32` to `i32` but the first: those that may call those after them, and two that call nothing.
const FUNCTIONS: [&str; 6] = ["$f0", "$f1", "$f2", "$f3", "$s0", "$s1"];

/// A program, generated from `data`.
pub(super) fn program(data: &[u8]) -> Program {
    let mut source = Source::new(data);
    let floats =
        source.choose(&[Floats::Native, Floats::Native, Floats::Native, Floats::Canonical, Floats::Trap, Floats::Soft]);
    let probe_stores = source.once_in(4) || Options::default().probe_stores;
    let options = Options { floats, probe_stores, ..Options::default() };
    let arguments = (0..3).map(|_| source.u32() as i32).collect();
    let places = 8 + usize::from(source.below(12));
    let mut writer = Writer { source, function: 0, results: 1, labels: Vec::new(), marks: 0 };
    let call = writer.source.choose(&["call", "return_call"]);
    let mut text = format!(
        "(module {FRAME} (func (export \"f\") (type $t) (global.set $n (i32.const 30)) ({call} $f0 (local.get 0)))"
    );
    for function in 0..FUNCTIONS.len() {
        text += &writer.function(function);
    }
    text += &format!("{})", writer.two_results());
    Program { text, arguments, places, options }
}

struct Writer<'a> {
    source: Source<'a>,
    /// Which of [`FUNCTIONS`] is being written.
    function: usize,
    /// How many results it has.
    results: usize,
    /// How many values each label around takes; the function's own is first.
    labels: Vec<usize>,
    /// How many marks were made.
    marks: u32,
}

impl Writer<'_> {
    fn below(&mut self, bound: u8) -> usize {
        self.source.below(bound).into()
    }

    /// A function of [`FUNCTIONS`]. `$x` is what conditions look at.
    fn function(&mut self, function: usize) -> String {
        (self.function, self.results, self.labels) = (function, 1, vec![1]);
        let body = if function < 4 { self.body([4, 3, 2, 1][function]) } else { self.leaf() };
        format!("(func {} (param $x i32) (result i32) {LOCALS} {body} (local.get $y))\n", FUNCTIONS[function])
    }

    fn two_results(&mut self) -> String {
        (self.function, self.results, self.labels) = (FUNCTIONS.len(), 2, vec![2]);
        let body = self.body(1);
        format!("(func $p (param $x i32) (result i32 i32) {LOCALS} {body} (local.get $x) (local.get $y))\n")
    }

    fn body(&mut self, nesting: usize) -> String {
        (0..2 + self.below(5)).map(|_| self.statement(nesting)).collect()
    }

    /// Calls nothing, has no loops, and costs about as much as a small function may.
    fn leaf(&mut self) -> String {
        let (some, many) = (self.below(40), 200 + self.below(40));
        let ticks = self.source.choose(&[0, some, many, many]);
        let (before, behind) = (self.plain(), self.branch());
        format!("{before} {} {behind} {}", idle(ticks), self.plain())
    }

    /// A statement, now and then with a mark behind it.
    fn statement(&mut self, nesting: usize) -> String {
        let statement = self.unmarked(nesting);
        if self.source.once_in(2) { statement + &self.mark() } else { statement }
    }

    /// Shows in memory how far the program came.
    fn mark(&mut self) -> String {
        self.marks += 1;
        format!("(i32.store (i32.const 4) (i32.const {}))", self.marks)
    }

    fn unmarked(&mut self, nesting: usize) -> String {
        match self.below(if nesting == 0 { 12 } else { 25 }) {
            0 | 1 => self.plain(),
            2 | 3 => self.branch(),
            4 | 5 => self.call(),
            6 => self.sized(),
            7 => self.costly(),
            8 | 9 => self.may_trap(),
            10 => format!("(if (i32.eqz (i32.and (local.get $x) (i32.const 7))) (then {}))", self.leave()),
            11 if self.source.once_in(6) => self.leave(),
            11 => self.burn(),
            12..=14 => self.block(nesting),
            15..=17 => self.looped(nesting),
            18 | 19 => self.one_way(nesting),
            20 | 21 => self.two_ways(nesting),
            22 | 23 => self.rungs(),
            _ => self.never_ended(),
        }
    }

    /// Statements in a block whose label takes so many values.
    fn inner(&mut self, nesting: usize, values: usize) -> String {
        self.labels.push(values);
        let inner = (0..1 + self.below(4)).map(|_| self.statement(nesting - 1)).collect();
        self.labels.pop();
        inner
    }

    fn block(&mut self, nesting: usize) -> String {
        let (parameters, results) = (self.below(2), self.below(3));
        let inner = self.inner(nesting, results);
        let block = format!("(block {} {} {inner} {})", typed(parameters, results), taken(parameters), given(results));
        match (parameters, results) {
            (0, 1) => format!("(local.set $y (i32.add (local.get $x) {block}))"),
            _ => format!("{} {block} {}", given(parameters), taken(results)),
        }
    }

    fn looped(&mut self, nesting: usize) -> String {
        let (parameters, results) = (self.below(3), self.below(2));
        let guard = if self.source.once_in(24) {
            String::new()
        } else {
            format!(
                "(if (i32.eqz (global.get $n)) (then (return {})))
                (global.set $n (i32.sub (global.get $n) (i32.const 1)))",
                given(self.results)
            )
        };
        let inner = self.inner(nesting, parameters);
        let (ty, takes, gives) = (typed(parameters, results), taken(parameters), given(results));
        format!("{} (loop {ty} {takes} {guard} {inner} {gives}) {}", given(parameters), taken(results))
    }

    fn one_way(&mut self, nesting: usize) -> String {
        let values = self.below(2);
        let (condition, inner) = (self.condition(), self.inner(nesting, values));
        let (ty, gives, takes) = (typed(values, values), given(values), taken(values));
        format!("{gives} (if {ty} {condition} (then {takes} {inner} {gives})) {takes}")
    }

    fn two_ways(&mut self, nesting: usize) -> String {
        let (parameters, results) = (self.below(2), self.below(2));
        let condition = self.condition();
        let (then, otherwise) = (self.inner(nesting, results), self.inner(nesting, results));
        let (ty, takes, gives) = (typed(parameters, results), taken(parameters), given(results));
        let ways = format!("(then {takes} {then} {gives}) (else {takes} {otherwise} {gives})");
        format!("{} (if {ty} {condition} {ways}) {}", given(parameters), taken(results))
    }

    fn plain(&mut self) -> String {
        let (local, operand) = (self.source.choose(&["$x", "$y"]), self.operand());
        match self.below(3) {
            0 => format!("(local.set {local} (i32.add {operand} (i32.const 40503)))"),
            1 => format!("(local.set {local} (i32.mul {operand} (i32.const 1664525)))"),
            _ => idle(1 + self.below(12)),
        }
    }

    /// A value, now and then of something that may trap.
    fn operand(&mut self) -> String {
        if self.source.once_in(5) {
            self.trapping()
        } else {
            self.source.choose(&["(local.get $x)", "(local.get $y)"]).into()
        }
    }

    /// Looks at one bit of `$x`, which it changes, or at something that may trap.
    fn condition(&mut self) -> String {
        if self.source.once_in(8) {
            return self.trapping();
        }
        bit_of_x(8 + u32::from(self.source.below(24)))
    }

    /// A label, and the values it takes.
    fn label(&mut self) -> (usize, String) {
        let depth = self.below(self.labels.len() as u8);
        (depth, given(self.labels[self.labels.len() - 1 - depth]))
    }

    fn branch(&mut self) -> String {
        let (depth, values) = self.label();
        match self.below(8) {
            0 => format!("(br {depth} {values})"),
            1 => {
                let taken = self.labels[self.labels.len() - 1 - depth];
                let alike = |depth: &usize| self.labels[self.labels.len() - 1 - depth] == taken;
                let alike: Vec<usize> = (0..self.labels.len()).filter(alike).collect();
                let targets: String =
                    (0..1 + self.below(3)).map(|_| format!("{} ", self.source.choose(&alike))).collect();
                format!("(br_table {targets} {depth} {values} (i32.and {} (i32.const 3)))", self.operand())
            }
            _ => {
                let dropped = "(drop)".repeat(values.matches('(').count());
                format!("{values} (br_if {depth} {}) {dropped}", self.condition())
            }
        }
    }

    fn leave(&mut self) -> String {
        match self.below(4) {
            0 => "(unreachable)".into(),
            1 if self.results == 1 => self.tail_call(),
            _ => format!("(return {})", given(self.results)),
        }
    }

    /// A function that comes later, or, behind a look at `$n`, any.
    fn call(&mut self) -> String {
        let later = self.function + 1;
        if later < FUNCTIONS.len() && !self.source.once_in(4) {
            let callee = self.source.choose(&FUNCTIONS[later..]);
            let operand = self.operand();
            return if self.source.once_in(4) {
                format!("(call $p {operand}) (local.set $y) (local.set $x)")
            } else {
                format!("(local.set $y (call {callee} {operand}))")
            };
        }
        let call =
            if self.source.once_in(4) { self.tail_call() } else { format!("(local.set $y {})", self.call_of_any("")) };
        if self.results == 2 && call.contains("return_call") { String::new() } else { guarded(&call) }
    }

    fn tail_call(&mut self) -> String {
        if self.source.once_in(2) && self.function < 4 {
            let later = self.source.choose(&FUNCTIONS[self.function + 1..]);
            return format!("(return_call {later} {})", self.operand());
        }
        self.call_of_any("return_")
    }

    fn call_of_any(&mut self, prefix: &str) -> String {
        let operand = self.operand();
        if self.source.once_in(3) {
            return format!("({prefix}call {} {operand})", self.source.choose(&FUNCTIONS));
        }
        let mask = self.source.choose(&[3, 3, 3, 5, 7]);
        format!("({prefix}call_indirect (type $t) {operand} (i32.and (local.get $x) (i32.const {mask})))")
    }

    /// Bulk and growth instructions.
    fn sized(&mut self) -> String {
        let size = self.source.choose(&[0, 1, 7, 8, 9, 64, 1_000, 8_192, 8_300, 70_000, u32::MAX]);
        let size = if self.source.once_in(4) { self.operand() } else { format!("(i32.const {size})") };
        let place = if self.source.once_in(4) { self.operand() } else { "(i32.const 11)".into() };
        let entries = self.below(4);
        match self.below(12) {
            0..=3 => format!("(memory.fill {place} (local.get $x) {size})"),
            4 | 5 => format!("(memory.copy {place} (i32.const 77) {size})"),
            6 => format!("(memory.init $d {place} (i32.const 0) (i32.const {entries}))"),
            7 => format!("(local.set $y (memory.grow (i32.const {})))", entries / 2),
            8 => format!("(drop (table.grow (ref.null func) (i32.const {entries})))"),
            9 => format!("(table.fill (i32.const 6) (ref.null func) (i32.const {entries}))"),
            10 => format!("(table.copy (i32.const 5) (i32.const 0) (i32.const {entries}))"),
            _ => format!("(table.init $e (i32.const {entries}) (i32.const 0) (i32.const {}))", self.below(4)),
        }
    }

    /// About as much as may run uncompared, or as a small function may cost, or anything.
    fn costly(&mut self) -> String {
        match self.below(6) {
            0 | 1 => {
                let (roots, rest) = (1 + self.below(18), self.below(40));
                format!(
                    "(local.set $q {} (local.get $q) {}) {}",
                    "(f64.sqrt".repeat(roots),
                    ")".repeat(roots),
                    idle(rest)
                )
            }
            2 => idle(960 + self.below(80)),
            3 => idle(4 * self.below(255)),
            _ => idle(self.below(255)),
        }
    }

    /// Ways to one label from places where much has run and where little has.
    fn rungs(&mut self) -> String {
        self.labels.push(0);
        let (depth, values) = self.label();
        let mut rungs = String::new();
        for _ in 0..2 + self.below(3) {
            let (ticks, condition) = (4 * self.below(255), self.condition());
            let dropped = "(drop)".repeat(values.matches('(').count());
            rungs += &format!("{} {values} (br_if {depth} {condition}) {dropped} {}", idle(ticks), self.mark());
        }
        self.labels.pop();
        let opener = self.source.choose(&["(block", "(if (local.get $y) (then", "(if (local.get $x) (then"]);
        let closer = ")".repeat(opener.matches('(').count() - opener.matches(')').count());
        format!("{opener} {rungs} {closer} {}", idle(3 * self.below(255)))
    }

    /// An end to which no way leads, and code behind it.
    fn never_ended(&mut self) -> String {
        let opener = self.source.choose(&["block", "loop"]);
        let (before, behind, after) = (3 * self.below(255), 3 * self.below(255), 3 * self.below(255));
        format!(
            "(if {} (then {} ({opener} (br 1)) {})) {} {}",
            self.condition(),
            idle(before),
            idle(behind),
            idle(after),
            self.mark()
        )
    }

    /// A value of something that may trap.
    fn trapping(&mut self) -> String {
        match self.below(if self.function < 4 { 6 } else { 5 }) {
            0 => format!("(i32.load (i32.shr_u (local.get $x) (i32.const {})))", 15 + self.below(4)),
            1 | 2 => {
                let mask = self.source.choose(&[1, 7, 31, 63, 255, 1_023]);
                format!("(i32.rem_u (local.get $y) (i32.and (local.get $x) (i32.const {mask})))")
            }
            3 => {
                let mask = self.source.choose(&[0x7fff_ffff, 0x4fff_ffff, 0x0fff_ffff]);
                format!("(i32.trunc_f32_s (f32.reinterpret_i32 (i32.and (local.get $x) (i32.const {mask}))))")
            }
            4 => "(i32.trunc_f64_s (f64.convert_i32_u (local.get $x)))".into(),
            _ => "(call $s0 (local.get $x))".into(),
        }
    }

    fn may_trap(&mut self) -> String {
        match self.below(4) {
            0 => format!("(i32.store (i32.shr_u (local.get $x) (i32.const {})) (local.get $y))", 15 + self.below(4)),
            1 => format!("(drop (table.get (i32.and (local.get $x) (i32.const {}))))", self.source.choose(&[7, 7, 9])),
            _ => format!("(local.set $y {})", self.trapping()),
        }
    }

    /// Rounds of a loop that does nothing.
    fn burn(&mut self) -> String {
        format!(
            "(local.set $z (i32.const {})) (loop (br_if 0 (local.tee $z (i32.sub (local.get $z) (i32.const 1)))))",
            1 + self.below(255)
        )
    }
}

const LOCALS: &str = "(local $y i32) (local $z i32) (local $q f64)";

/// Only while `$n` is above zero, which it lowers.
fn guarded(call: &str) -> String {
    format!("(if (global.get $n) (then (global.set $n (i32.sub (global.get $n) (i32.const 1))) {call}))")
}

fn typed(parameters: usize, results: usize) -> String {
    "(param i32)".repeat(parameters) + &"(result i32)".repeat(results)
}

/// So many values, of which the last is `$y`.
fn given(values: usize) -> String {
    ["", "(local.get $y)", "(local.get $x) (local.get $y)"][values].into()
}

/// Takes them.
fn taken(values: usize) -> String {
    ["", "(local.set $y)", "(local.set $y) (local.set $x)"][values].into()
}
