//! What `docs/spec/lowering.md`, *Time gas*, says of loops that are written several times, from its text alone.

use wasmparser::{BlockType, Operator};

use super::places::{ends_way, is_call};
use crate::fuzz::prices;

/// An instruction of a function as it is written, and what it costs: what was added costs nothing.
#[derive(Clone, Debug)]
pub(super) struct Written<'a> {
    pub(super) operator: Operator<'a>,
    pub(super) ticks: i64,
}

impl<'a> Written<'a> {
    fn of(operator: &Operator<'a>) -> Self {
        Written { operator: operator.clone(), ticks: prices::ticks(operator).expect("a price") }
    }

    fn added(operator: Operator<'a>) -> Self {
        Written { operator, ticks: 0 }
    }
}

/// A function with its small loops written several times.
pub(super) fn written_out<'a>(operators: &[Operator<'a>]) -> Vec<Written<'a>> {
    let mut written = Vec::new();
    // Of each block around: whether it is dead throughout, and whether what stands here in it is dead.
    let mut open = vec![(false, false)];
    let mut next = 0;
    while let Some(operator) = operators.get(next) {
        let &(_, dead) = open.last().expect("a function");
        let body = match operator {
            Operator::Loop { blockty: BlockType::Empty } if !dead => body(&operators[next + 1..]),
            _ => None,
        };
        if let Some(body) = body
            && let Some(rounds) = rounds(body)
        {
            unroll(operator, body, rounds, &mut written);
            next += 1 + body.len();
            continue;
        }
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open.push((dead, dead)),
            Operator::Else => {
                let within = open.last_mut().expect("an if");
                within.1 = within.0;
            }
            Operator::End => _ = open.pop(),
            operator if ends_way(operator) => open.last_mut().expect("a function").1 = true,
            _ => {}
        }
        written.push(Written::of(operator));
        next += 1;
    }
    written
}

/// Of what follows a `loop`, what belongs to it, its `end` included; nothing where another block is in it.
fn body<'b, 'a>(operators: &'b [Operator<'a>]) -> Option<&'b [Operator<'a>]> {
    for (index, operator) in operators.iter().enumerate() {
        match operator {
            Operator::Loop { .. } | Operator::Block { .. } | Operator::If { .. } => return None,
            Operator::End => return Some(&operators[..=index]),
            _ => {}
        }
    }
    None
}

/// How often a loop is written, where that is more than once.
fn rounds(body: &[Operator<'_>]) -> Option<i64> {
    let (mut again, mut ticks) = (false, 0);
    let may_go_on = |operator: &Operator<'_>| matches!(operator, Operator::BrIf { relative_depth: 0 });
    if body.iter().rev().skip(2).any(may_go_on) {
        return None;
    }
    for operator in body {
        ticks += prices::ticks(operator).expect("a price");
        match operator {
            Operator::Br { relative_depth: 0 } | Operator::BrIf { relative_depth: 0 } => again = true,
            Operator::BrTable { .. } => return None,
            operator if is_call(operator) || prices::size(operator).is_some() => return None,
            _ => {}
        }
    }
    let instructions = body.len() as i64;
    let rounds = 8.min(128 / instructions).min(1_024 / ticks.max(1));
    (again && instructions <= 32 && rounds > 1).then_some(rounds)
}

fn unroll<'a>(opener: &Operator<'a>, body: &[Operator<'a>], rounds: i64, written: &mut Vec<Written<'a>>) {
    let block = || Written::added(Operator::Block { blockty: BlockType::Empty });
    written.extend([block(), Written::of(opener)]);
    let (end, inside) = body.split_last().expect("its end");
    for _ in 1..rounds {
        written.push(block());
        written.extend(moved(inside, 2));
        // It stands for the loop's end, and costs as much.
        written.push(Written { operator: Operator::Br { relative_depth: 2 }, ..Written::of(end) });
        written.push(Written::added(Operator::End));
    }
    written.extend(moved(inside, 1));
    written.extend([Written::of(end), Written::added(Operator::End)]);
}

/// What is in a loop, with branches that leave it past so many blocks more.
fn moved<'a>(inside: &[Operator<'a>], added: u32) -> Vec<Written<'a>> {
    let mut written: Vec<Written<'a>> = inside.iter().map(Written::of).collect();
    for Written { operator, .. } in &mut written {
        if let Operator::Br { relative_depth } | Operator::BrIf { relative_depth } = operator
            && *relative_depth > 0
        {
            *relative_depth += added;
        }
    }
    written
}
