//! What a program does and costs, by `docs/spec/gas.md` and *Exceptions* of `docs/spec/lowering.md`, read by hand.

use super::{Clause, Statement};

const THROW: i64 = 500;
const CLAUSE: i64 = 8;
/// For each stack unit of a frame that is left.
const UNIT: i64 = 8;
/// For each stack unit that is taken for the first time, beyond the first ones: fewer than engines give, so that programs get there.
const DEPTH: i64 = 3;
pub(super) const DEPTH_INCLUDED: i64 = 2_000;

/// How a function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Returned(i32),
    Thrown(Exception),
}

/// An exception, with its first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exception {
    tag: u8,
    value: i32,
}

/// Why a statement is not followed by the next one.
enum Stop {
    Ended(End),
    OutOfGas,
}

type Went = Result<(), Stop>;

pub(super) struct Model<'a> {
    functions: &'a [Vec<Statement>],
    /// Stack units of `f`, `$deep`, and each function.
    units: &'a [u32],
    limit: i64,
    pub(super) gas: i64,
    /// Stack units in use.
    pub(super) used: i64,
    /// Stack units that were in use at the deepest place that was paid for.
    deepest: i64,
    /// Exceptions that were caught.
    pub(super) caught: usize,
}

/// A function that is active.
struct Frame {
    y: i32,
    units: i64,
    /// Which exception was caught last with a reference, under which it may be thrown again.
    x: Option<Exception>,
    tail: Option<usize>,
}

impl<'a> Model<'a> {
    pub(super) fn new(functions: &'a [Vec<Statement>], units: &'a [u32], limit: i64) -> Self {
        Self { functions, units, limit, gas: 0, used: 0, deepest: DEPTH_INCLUDED, caught: 0 }
    }

    /// What comes of `f`; nothing where it takes more gas than there is.
    pub(super) fn run(&mut self, argument: i32) -> Option<End> {
        match self.main(argument) {
            Ok(end) | Err(Stop::Ended(end)) => Some(end),
            Err(Stop::OutOfGas) => None,
        }
    }

    fn main(&mut self, argument: i32) -> Result<End, Stop> {
        self.enter(0)?;
        self.pay(1 + 3)?;
        let value = self.call(0, argument)?;
        self.used -= i64::from(self.units[0]);
        Ok(End::Returned(value))
    }

    fn pay(&mut self, ticks: i64) -> Went {
        self.gas += ticks;
        if self.gas > self.limit { Err(Stop::OutOfGas) } else { Ok(()) }
    }

    fn enter(&mut self, index: usize) -> Went {
        self.used += i64::from(self.units[index]);
        if index.checked_sub(2).is_none_or(|function| self.functions[function].iter().any(Statement::calls)) {
            let deeper = (self.used - self.deepest).max(0);
            self.deepest += deeper;
            self.pay(DEPTH * deeper)?;
        }
        self.pay(2 + i64::from(self.units[index] / 32))
    }

    /// A call of one of the functions, which is paid; exceptions come as [`Stop`].
    fn call(&mut self, function: usize, argument: i32) -> Result<i32, Stop> {
        let mut frame = Frame { y: argument, units: 0, x: None, tail: None };
        let mut function = function;
        loop {
            self.enter(2 + function)?;
            frame.units = self.units[2 + function].into();
            let went = self.all(&self.functions[function], &mut frame).and_then(|()| self.pay(1));
            let value = match went {
                Ok(()) => frame.y,
                Err(Stop::Ended(End::Returned(value))) => value,
                Err(stop) => return Err(stop),
            };
            self.used -= frame.units;
            match frame.tail.take() {
                None => return Ok(value),
                Some(next) => {
                    function = next;
                    frame.x = None;
                }
            }
        }
    }

    fn all(&mut self, statements: &[Statement], frame: &mut Frame) -> Went {
        statements.iter().try_for_each(|statement| self.one(statement, frame))
    }

    fn one(&mut self, statement: &Statement, frame: &mut Frame) -> Went {
        match statement {
            Statement::Mix(by) => {
                self.pay(7)?;
                frame.y = frame.y.wrapping_mul(33).wrapping_add(*by);
            }
            Statement::If(bit, then) => {
                self.pay(6)?;
                if frame.y as u32 >> bit & 1 == 1 {
                    self.all(then, frame)?;
                }
            }
            Statement::Repeat(rounds, statements) => {
                self.pay(2)?;
                for _ in 0..*rounds {
                    self.all(statements, frame)?;
                    self.pay(5)?;
                }
            }
            Statement::Throw(tag) => {
                self.pay(i64::from(*tag) + THROW)?;
                let value = if *tag == 0 { 0 } else { frame.y };
                return Err(Stop::Ended(End::Thrown(Exception { tag: *tag, value })));
            }
            Statement::Deep(frames) => {
                self.pay(1 + 3)?;
                for _ in 0..*frames {
                    self.enter(1)?;
                    self.pay(3 + 6)?;
                }
                self.enter(1)?;
                self.pay(3 + 1 + THROW)?;
                return Err(Stop::Ended(End::Thrown(Exception { tag: 1, value: 77 })));
            }
            Statement::Call(function, through) => {
                self.pay(if *through { 2 + 24 } else { 1 + 3 })?;
                frame.y = self.call(*function, frame.y)?;
                self.pay(1)?;
            }
            Statement::Tail(function) => {
                self.pay(1 + 3)?;
                frame.tail = Some(*function);
                return Err(Stop::Ended(End::Returned(frame.y)));
            }
            Statement::Return => {
                self.pay(1)?;
                return Err(Stop::Ended(End::Returned(frame.y)));
            }
            Statement::Try(clauses, body) => return self.attempt(clauses, body, frame),
        }
        Ok(())
    }

    fn attempt(&mut self, clauses: &[Clause], body: &[Statement], frame: &mut Frame) -> Went {
        self.pay(CLAUSE * clauses.len() as i64)?;
        let used = self.used;
        let thrown = match self.all(body, frame) {
            Ok(()) => return self.pay(1),
            Err(Stop::Ended(End::Thrown(thrown))) => thrown,
            stopped => return stopped,
        };
        let catches = |clause: &&Clause| clause.tag.is_none_or(|tag| tag == thrown.tag);
        let Some(clause) = clauses.iter().find(catches) else { return Err(Stop::Ended(End::Thrown(thrown))) };
        self.caught += 1;
        self.pay(UNIT * (self.used - used))?;
        self.used = used;
        if clause.rethrows.is_some() {
            frame.x = Some(thrown);
            self.pay(1)?;
        }
        if clause.tag.is_some_and(|tag| tag > 0) {
            frame.y = thrown.value;
            self.pay(1)?;
        }
        self.all(&clause.handler, frame)?;
        if clause.rethrows == Some(true) {
            self.pay(1 + THROW)?;
            // A clause within may have caught another one since.
            let again = frame.x.expect("one was caught");
            return Err(Stop::Ended(End::Thrown(again)));
        }
        self.pay(1)
    }
}
