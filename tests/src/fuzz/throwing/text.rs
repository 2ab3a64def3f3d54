//! The text of a program.

use super::{Clause, FUNCTIONS, Statement};

/// The module: `f` calls the first function; `$deep` throws below as many frames as its parameter says.
pub(super) fn module(functions: &[Vec<Statement>]) -> String {
    let elements: String = (0..FUNCTIONS).map(|function| format!("$f{function} ")).collect();
    let mut text = format!(
        "(module (type $t (func (param i32) (result i32)))
        (tag $t0) (tag $t1 (param i32)) (tag $t2 (param i32 i64))
        (table funcref (elem {elements}))
        (func (export \"f\") (param i32) (result i32) (call $f0 (local.get 0)))
        (func $deep (param $y i32) (result i32)
            (if (i32.eqz (local.get $y)) (then (throw $t1 (i32.const 77))))
            (i32.add (call $deep (i32.sub (local.get $y) (i32.const 1))) (i32.const 1)))\n"
    );
    for (function, statements) in functions.iter().enumerate() {
        let mut writer = Writer { blocks: 0, rounds: 0 };
        let body = writer.all(statements);
        text += &format!("(func $f{function} (type $t) (param $y i32) (result i32) (local $x exnref)");
        text += " (local $i0 i32) (local $i1 i32) (local $i2 i32) (local $i3 i32)\n";
        text += &format!("{body} local.get $y)\n");
    }
    text + ")"
}

struct Writer {
    /// Blocks that were named.
    blocks: usize,
    /// Loops around.
    rounds: usize,
}

impl Writer {
    fn all(&mut self, statements: &[Statement]) -> String {
        statements.iter().map(|statement| self.one(statement)).collect()
    }

    fn one(&mut self, statement: &Statement) -> String {
        match statement {
            Statement::Mix(by) => {
                format!("(local.set $y (i32.add (i32.mul (local.get $y) (i32.const 33)) (i32.const {by})))\n")
            }
            Statement::If(bit, then) => format!(
                "(if (i32.and (i32.shr_u (local.get $y) (i32.const {bit})) (i32.const 1)) (then {}))\n",
                self.all(then)
            ),
            Statement::Repeat(rounds, statements) => {
                let (block, counter) = (self.block(), format!("$i{}", self.rounds));
                self.rounds += 1;
                let body = self.all(statements);
                self.rounds -= 1;
                format!(
                    "(local.set {counter} (i32.const {rounds})) (loop $b{block} {body}
                    (br_if $b{block} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))))\n"
                )
            }
            Statement::Throw(0) => "(throw $t0)\n".into(),
            Statement::Throw(1) => "(throw $t1 (local.get $y))\n".into(),
            Statement::Throw(_) => "(throw $t2 (local.get $y) (i64.const 5))\n".into(),
            Statement::Deep(frames) => format!("(drop (call $deep (i32.const {frames})))\n"),
            Statement::Call(function, false) => format!("(local.set $y (call $f{function} (local.get $y)))\n"),
            Statement::Call(function, true) => {
                format!("(local.set $y (call_indirect (type $t) (local.get $y) (i32.const {function})))\n")
            }
            Statement::Tail(function) => format!("(return_call $f{function} (local.get $y))\n"),
            Statement::Return => "(return (local.get $y))\n".into(),
            Statement::Try(clauses, body) => self.try_table(clauses, body),
        }
    }

    fn try_table(&mut self, clauses: &[Clause], body: &[Statement]) -> String {
        let done = self.block();
        let labels: Vec<usize> = clauses.iter().map(|_| self.block()).collect();
        let mut catches = String::new();
        for (clause, label) in clauses.iter().zip(&labels) {
            let reference = if clause.rethrows.is_some() { "_ref" } else { "" };
            catches += &match clause.tag {
                Some(tag) => format!("(catch{reference} $t{tag} $b{label})"),
                None => format!("(catch_all{reference} $b{label})"),
            };
        }
        let mut text = format!("(try_table {catches} {}) br $b{done}", self.all(body));
        for (clause, label) in clauses.iter().zip(&labels).rev() {
            let values = match clause.tag {
                Some(1) => "i32",
                Some(2) => "i32 i64",
                _ => "",
            };
            let reference = if clause.rethrows.is_some() { "exnref" } else { "" };
            let take_reference = if clause.rethrows.is_some() { "local.set $x" } else { "" };
            let take = match clause.tag {
                Some(1) => "local.set $y",
                Some(2) => "drop local.set $y",
                _ => "",
            };
            let again = if clause.rethrows == Some(true) { "(throw_ref (local.get $x))" } else { "" };
            let handler = self.all(&clause.handler);
            text = format!(
                "(block $b{label} (result {values} {reference}) {text})\n{take_reference} {take} {handler} {again} br $b{done}\n"
            );
        }
        format!("(block $b{done} {text})\n")
    }

    fn block(&mut self) -> usize {
        self.blocks += 1;
        self.blocks
    }
}
