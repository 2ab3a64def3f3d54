//! What `docs/spec/lowering.md`, *Time gas*, says of each place within a function: the blocks, what is owed there, and
//! what may have run uncompared. From its text alone.
//!
//! A trap shows what the counter said last, at a place where it was exact. What is *owed* is never seen: it only takes part
//! in what is *uncompared*.

use std::collections::BTreeSet;

use wasmparser::Operator;

use super::Callees;
use crate::fuzz::prices::{self, Size};

/// How many ticks may run from one comparison to the next, and how many a trap may hide.
pub(super) const UNCOMPARED: i64 = 1_024;

/// What entering a small function and all of its instructions may cost.
pub(super) const SMALL: i64 = 256;

/// What the model does at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The counter is compared with zero.
    Compare,
    /// A block is charged.
    Charge(i64),
    /// The instruction that follows is charged for its size.
    ChargeSize(Size),
    /// The counter is exact, and says so until the next such step.
    Show,
    /// A frame of so many stack units is taken, and paid for where none was so deep before.
    Enter(i64),
    /// It is given back.
    Leave(i64),
}

/// The steps of a function: before each of its instructions, and behind its end.
pub(super) fn steps(function: usize, operators: &[Operator<'_>], callees: &Callees<'_>) -> Vec<Vec<Step>> {
    let mut pass = Pass {
        callees,
        labels: vec![Label::new(Kind::Block, false, named_by_tables(operators).contains(&None))],
        tables: named_by_tables(operators),
        steps: vec![Vec::new(); operators.len() + 1],
        here: Some(Place::default()),
        block: Block { start: 0, cost: callees.entry(function) },
    };
    let small = callees.is_small(function);
    let calls = operators.iter().any(is_call);
    let units = callees.units[function];
    if calls {
        pass.steps[0].push(Step::Enter(units));
    }
    if !small {
        pass.steps[0].push(Step::Compare);
    }
    for (index, operator) in operators.iter().enumerate() {
        pass.instruction(index, operator);
    }
    pass.steps[operators.len()].push(Step::Show);
    if !small {
        pass.steps[operators.len()].push(Step::Compare);
    }
    for (index, _) in operators.iter().enumerate().filter(|(_, operator)| is_tail_call(operator)) {
        pass.steps[index].push(Step::Leave(units));
    }
    if calls {
        pass.steps[operators.len()].push(Step::Leave(units));
    }
    pass.steps
}

/// The instructions whose labels a `br_table` names, in dead code, too; `None` is the function.
fn named_by_tables(operators: &[Operator<'_>]) -> BTreeSet<Option<usize>> {
    let (mut open, mut named) = (vec![None], BTreeSet::new());
    for (index, operator) in operators.iter().enumerate() {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open.push(Some(index)),
            Operator::End => _ = open.pop(),
            Operator::BrTable { targets } => named.extend(depths(targets).map(|depth| open[open.len() - 1 - depth])),
            _ => {}
        }
    }
    named
}

fn depths(targets: &wasmparser::BrTable<'_>) -> impl Iterator<Item = usize> {
    let named = targets.targets().map(|target| target.expect("a target"));
    named.chain([targets.default()]).map(|depth| depth as usize)
}

/// What is known of a place, in ticks.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    owed: i64,
    uncompared: i64,
}

/// A block: its first instruction, and what it costs so far.
struct Block {
    start: usize,
    cost: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A `block`, an `if` behind its `else`, or a function.
    Block,
    Loop,
    /// An `if` that has had no `else` yet.
    If,
}

struct Label {
    kind: Kind,
    /// It was opened in dead code.
    dead: bool,
    /// What it owes: the first way says so, or a `br_table` that names it.
    owed: Option<i64>,
    /// The most of the ways to it; nothing where there was none.
    uncompared: Option<i64>,
    /// Where an `if` chooses its way.
    before: Place,
}

impl Label {
    fn new(kind: Kind, dead: bool, named_by_table: bool) -> Self {
        let owed = (named_by_table || kind == Kind::Loop).then_some(0);
        Self { kind, dead, owed, uncompared: None, before: Place::default() }
    }

    /// A way to it: gives what there is owed where it comes from.
    fn way(&mut self, mut from: Place) -> Place {
        from.owed = *self.owed.get_or_insert(from.owed);
        from.uncompared = from.uncompared.max(from.owed);
        self.uncompared = self.uncompared.max(Some(from.uncompared));
        from
    }

    /// The way around the inside of an `if` that has no `else`: the first, unless a branch came before.
    fn way_around(&mut self) {
        if self.kind == Kind::If {
            self.way(self.before);
        }
    }

    /// The place behind its `end`.
    fn behind(&self) -> Place {
        match self.uncompared {
            Some(uncompared) => Place { owed: self.owed.expect("the first way said so"), uncompared },
            None => Place::default(),
        }
    }
}

struct Pass<'a> {
    callees: &'a Callees<'a>,
    /// The blocks around, the function first.
    labels: Vec<Label>,
    tables: BTreeSet<Option<usize>>,
    steps: Vec<Vec<Step>>,
    /// Where the block that is being read starts; nothing in dead code.
    here: Option<Place>,
    block: Block,
}

impl Pass<'_> {
    fn instruction(&mut self, index: usize, operator: &Operator<'_>) {
        if let Some(start) = self.here {
            self.block.cost += prices::ticks(operator).expect("a price");
            let end = ends_block(operator).then(|| self.end_block(start, index, operator));
            self.structure(index, operator, end);
            if end.is_some() {
                self.block = Block { start: index + 1, cost: 0 };
            }
        } else {
            self.structure(index, operator, None);
            self.block = Block { start: index + 1, cost: 0 };
        }
    }

    /// Charges the block that ends with the instruction at `index`, and gives the place behind it.
    fn end_block(&mut self, start: Place, index: usize, operator: &Operator<'_>) -> Place {
        let cost = self.block.cost;
        let callee = self.callees.uncompared_in(operator);
        let compared = start.uncompared + cost + callee > UNCOMPARED || is_tail_call(operator);
        let exact = compared || shows(operator);
        let mut end = Place {
            owed: if exact { 0 } else { start.owed + cost },
            uncompared: if compared { 0 } else { start.uncompared + cost } + callee,
        };
        if let Some(last) = self.callees.uncompared_after(operator) {
            end.uncompared = last;
        }
        let end = self.lead(end, operator);
        let first = &mut self.steps[self.block.start];
        first.push(Step::Charge(cost));
        if exact {
            first.push(Step::Show);
        }
        if compared {
            first.push(Step::Compare);
        }
        if let Some(size) = prices::size(operator) {
            self.steps[index].extend([Step::ChargeSize(size), Step::Show, Step::Compare]);
        }
        end
    }

    /// Makes the end of a block owe what the labels do to which its last instruction leads.
    fn lead(&mut self, end: Place, operator: &Operator<'_>) -> Place {
        let innermost = self.labels.len() - 1;
        match operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.labels[innermost - *relative_depth as usize].way(end)
            }
            Operator::BrTable { targets } => {
                let end = Place { owed: 0, ..end };
                depths(targets).fold(end, |end, depth| self.labels[innermost - depth].way(end))
            }
            Operator::Return => self.labels[0].way(end),
            Operator::Else => self.labels[innermost].way(end),
            Operator::End if self.labels[innermost].kind != Kind::Loop => {
                self.labels[innermost].way_around();
                self.labels[innermost].way(end)
            }
            _ => end,
        }
    }

    /// Opens and closes blocks. `end` is the place at the end of the block that ends here, if one does.
    fn structure(&mut self, index: usize, operator: &Operator<'_>, end: Option<Place>) {
        let dead = self.here.is_none();
        match operator {
            Operator::Block { .. } => self.open(Kind::Block, index),
            Operator::Loop { .. } => {
                self.open(Kind::Loop, index);
                if !dead {
                    self.steps[index + 1].extend([Step::Show, Step::Compare]);
                    self.here = Some(Place::default());
                }
            }
            Operator::If { .. } => {
                self.open(Kind::If, index);
                self.labels.last_mut().expect("just opened").before = end.unwrap_or_default();
                self.here = end;
            }
            Operator::Else => {
                let label = self.labels.last_mut().expect("an if");
                label.kind = Kind::Block;
                self.here = (!label.dead).then_some(label.before);
            }
            Operator::End => {
                let label = self.labels.pop().expect("an open block");
                self.close(label, end);
            }
            _ if ends_way(operator) => self.here = None,
            _ if end.is_some() => self.here = end,
            _ => {}
        }
    }

    fn open(&mut self, kind: Kind, index: usize) {
        let named = self.tables.contains(&Some(index));
        self.labels.push(Label::new(kind, self.here.is_none(), named));
    }

    fn close(&mut self, mut label: Label, end: Option<Place>) {
        if label.dead {
            return;
        }
        label.way_around();
        self.here = Some(if label.kind == Kind::Loop { end.unwrap_or_default() } else { label.behind() });
    }
}

/// Whether the counter is exact in a block that ends with it.
fn shows(operator: &Operator<'_>) -> bool {
    is_call(operator) || prices::size(operator).is_some() || matches!(operator, Operator::Unreachable)
}

/// Whether it calls, be it as the last thing a function does.
pub(super) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. }) || is_tail_call(operator)
}

fn is_tail_call(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. })
}

/// Whether what follows is dead.
fn ends_way(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(operator, Br { .. } | BrTable { .. } | Return | Unreachable) || is_tail_call(operator)
}

fn ends_block(operator: &Operator<'_>) -> bool {
    use Operator::*;
    ends_way(operator)
        || matches!(operator, Loop { .. } | If { .. } | Else | End | BrIf { .. })
        || is_call(operator)
        || prices::size(operator).is_some()
}
