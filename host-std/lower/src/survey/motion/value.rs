//! What is known of a value: how far out a compiler may compute it, and how much pure work it may find at each use.

use super::loops::Loops;
use super::state::Stored;

/// Roots of what was loaded: two loads may be one, and a load may be what was stored.
const LOADED: u64 = 1 << 63;

/// As the root of an address: a global, or a place in memory that is a constant.
pub(super) const FIXED: u64 = 1 << 62;

/// What is known of a value. All of it errs towards more that may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Values of one number are the same.
    pub(super) id: u32,
    /// Nothing that it may turn out to be is older than the value of this number.
    pub(super) born: u32,
    /// From what it is computed, as bits; those of values that may have something in common meet.
    pub(super) roots: u64,
    /// Ticks of pure work that may be done again where it is used.
    pub(super) cone: u32,
    /// The innermost loop, by number, that it cannot be lifted out of; or it is a constant, where that is not [`sure`](Self::sure).
    pub(super) high: u16,
    /// The outermost loop of what it is computed from.
    pub(super) low: u16,
    /// Whether it depends on what `high` speaks of, whatever a compiler finds out.
    pub(super) sure: bool,
    /// Whether it may be any value of its type.
    pub(super) whole: bool,
    /// Whether no older value can turn out to be the same.
    pub(super) firm: bool,
    /// Whether it is a constant, or computed from constants alone.
    pub(super) constant: bool,
    /// Whether it is a constant that absorbs nothing: neither none nor all of its bits are set.
    pub(super) literal: bool,
    /// Whether no barrier at a loop's head keeps it in the loop: it is not computed from locals alone.
    pub(super) adrift: bool,
}

impl Value {
    /// A value that no compiler knows, made in loop `within`.
    pub(super) fn fresh(id: u32, within: u16) -> Self {
        Value {
            id,
            born: id,
            roots: root(id),
            cone: 0,
            high: within,
            low: within,
            sure: true,
            whole: true,
            firm: true,
            constant: false,
            literal: false,
            adrift: false,
        }
    }

    /// A constant; `literal` says whether it absorbs nothing.
    pub(super) fn constant(id: u32, literal: bool) -> Self {
        Value { roots: 0, sure: false, whole: false, constant: true, literal, ..Value::fresh(id, u16::MAX) }
    }

    /// What a load gives from what has `places` for roots: what was loaded before it in loop `within` or behind, or what was
    /// stored.
    pub(super) fn loaded(id: u32, within: u16, places: u64, stored: Stored, loops: &Loops) -> Self {
        let found = stored.places & places != 0;
        let high = if found { loops.outer(within, stored.high) } else { within };
        let adrift = loops.depth_of(high) < loops.depth();
        let sure = !found || stored.sure;
        Value { roots: LOADED | stored.roots, adrift, sure, whole: sure, low: high, ..Value::fresh(id, high) }
    }

    /// The same at a label in loop `within` where it may be this value still, or another one in its place that no compiler
    /// knows.
    pub(super) fn blurred(self, id: u32, within: u16, loops: &Loops) -> Self {
        Value {
            id,
            roots: self.roots | root(id),
            high: loops.outer(within, self.high),
            low: loops.outer(within, self.low),
            firm: false,
            constant: false,
            ..self
        }
    }

    /// What it is at a label in loop `within`, where a way with `other` meets the one with this.
    pub(super) fn meet(self, other: Value, id: u32, within: u16, loops: &Loops) -> Self {
        if self.id == other.id {
            return Value { cone: self.cone.max(other.cone), ..self };
        }
        let newer = if self.id > other.id { self } else { other };
        if newer.firm {
            // They differ, so the label has a value of its own, and each way has computed what it brings.
            return Value::fresh(id, within);
        }
        let both = Value {
            born: self.born.min(other.born),
            roots: self.roots | other.roots,
            cone: self.cone.max(other.cone),
            high: loops.outer(self.high, other.high),
            low: loops.outer(self.low, other.low),
            sure: self.sure && other.sure,
            whole: self.whole && other.whole,
            adrift: self.adrift || other.adrift,
            ..self
        };
        both.blurred(id, within, loops)
    }
}

fn root(id: u32) -> u64 {
    1 << (id % 62)
}

/// What an operator does with what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether its result differs wherever one operand differs and the others do not.
    pub(super) keeps: bool,
    /// Whether its result is any value where one operand is.
    pub(super) spreads: bool,
    /// Whether compilers compute it themselves where all operands are constants.
    pub(super) folds: bool,
    /// Whether it depends on each operand whatever the others are.
    pub(super) opaque: bool,
}

/// What an operator of `shape` makes of `operands`, with `ticks` of pure work.
pub(super) fn combined(operands: &[Value], shape: Shape, ticks: u64, id: u32, loops: &Loops) -> Value {
    let varying = || operands.iter().filter(|value| !value.constant);
    let mut cone = u32::try_from(ticks).unwrap_or(u32::MAX);
    let (mut roots, mut related, mut sure, mut lossy, mut adrift) = (0, false, !shape.opaque, 0, false);
    for value in varying() {
        related |= roots & value.roots != 0;
        roots |= value.roots;
        sure = if shape.opaque { sure || value.sure } else { sure && value.sure };
        lossy += usize::from(!value.whole);
        adrift |= value.adrift;
        cone = cone.saturating_add(value.cone);
    }
    let outermost = varying().map(|value| value.low).reduce(|one, other| loops.outer(one, other));
    let counted = varying().filter(|value| value.sure || !shape.opaque);
    let innermost = counted.map(|value| value.high).reduce(|one, other| loops.inner(one, other));
    let Some(low) = outermost else {
        return match shape.folds {
            true => Value::constant(id, false),
            false => Value { sure: false, whole: false, adrift: true, cone, ..Value::fresh(id, 0) },
        };
    };
    let constants = operands.len() - varying().count();
    let absorbed = operands.iter().any(|value| value.constant && !value.literal);
    let kept = shape.keeps || (!absorbed && lossy + constants + usize::from(operands.len() == 1) <= 1);
    let sure = sure && (shape.opaque || (!related && kept));
    Value {
        roots,
        cone,
        high: innermost.filter(|_| sure).unwrap_or(low),
        low,
        sure,
        whole: sure && shape.spreads && varying().any(|value| value.whole),
        adrift: adrift && !sure,
        ..Value::fresh(id, 0)
    }
}
