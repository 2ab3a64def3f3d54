//! Arguments and expected results of the specification tests.

use wasmtime::{AsContextMut, ExternRef, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// The argument as the engine takes it.
pub(crate) fn argument(store: impl AsContextMut, argument: &WastArg<'_>) -> Option<Val> {
    let WastArg::Core(argument) = argument else { return None };
    Some(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => Val::FuncRef(None),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => Val::ExternRef(None),
        WastArgCore::RefExtern(value) => Val::ExternRef(Some(ExternRef::new(store, *value).ok()?)),
        _ => return None,
    })
}

/// Whether `value` is what is expected.
pub(crate) fn matches(mut store: impl AsContextMut, expected: &WastRet<'_>, value: &Val) -> bool {
    matches!(expected, WastRet::Core(expected) if matches_core(&mut store, expected, value))
}

fn matches_core(store: &mut impl AsContextMut, expected: &WastRetCore<'_>, value: &Val) -> bool {
    match (expected, value) {
        (WastRetCore::I32(expected), Val::I32(value)) => expected == value,
        (WastRetCore::I64(expected), Val::I64(value)) => expected == value,
        (WastRetCore::F32(expected), Val::F32(bits)) => matches_f32(expected, *bits),
        (WastRetCore::F64(expected), Val::F64(bits)) => matches_f64(expected, *bits),
        (WastRetCore::V128(expected), Val::V128(value)) => matches_v128(expected, value.as_u128()),
        (WastRetCore::RefNull(_), Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None)) => true,
        (WastRetCore::RefFunc(_), Val::FuncRef(Some(_))) => true,
        (WastRetCore::RefExtern(expected), Val::ExternRef(Some(value))) => {
            let data = value.data(store.as_context_mut());
            let data = data.ok().flatten().and_then(|data| data.downcast_ref::<u32>().copied());
            expected.is_none() || data == *expected
        }
        (WastRetCore::Either(choices), value) => choices.iter().any(|choice| matches_core(store, choice, value)),
        _ => false,
    }
}

pub(crate) fn matches_f32(expected: &NanPattern<F32>, bits: u32) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => value.bits == bits,
    }
}

pub(crate) fn matches_f64(expected: &NanPattern<F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(value) => value.bits == bits,
    }
}

pub(crate) fn matches_v128(expected: &V128Pattern, value: u128) -> bool {
    let lane32 = |lane: usize| (value >> (32 * lane)) as u32;
    let lane64 = |lane: usize| (value >> (64 * lane)) as u64;
    match expected {
        V128Pattern::I8x16(lanes) => (0..16).all(|lane| lanes[lane] as u8 == (value >> (8 * lane)) as u8),
        V128Pattern::I16x8(lanes) => (0..8).all(|lane| lanes[lane] as u16 == (value >> (16 * lane)) as u16),
        V128Pattern::I32x4(lanes) => (0..4).all(|lane| lanes[lane] as u32 == lane32(lane)),
        V128Pattern::I64x2(lanes) => (0..2).all(|lane| lanes[lane] as u64 == lane64(lane)),
        V128Pattern::F32x4(lanes) => (0..4).all(|lane| matches_f32(&lanes[lane], lane32(lane))),
        V128Pattern::F64x2(lanes) => (0..2).all(|lane| matches_f64(&lanes[lane], lane64(lane))),
    }
}
