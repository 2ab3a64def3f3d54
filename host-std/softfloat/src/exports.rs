//! The library as WebAssembly: each export bears the name of the operator that it carries out.
//!
//! Reinterpretations are imported functions, which lowering replaces by the instructions: a compiler that saw through them
//! would see floats, and turn a test for NaN into a comparison of floats.

use crate::{Unrepresentable, binary32, binary64, demote, promote};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[link(wasm_import_module = "lowering")]
unsafe extern "C" {
    /// Ends the guest with the trap of this number (`TrapKind` of lowering).
    safe fn trap(kind: i32) -> !;

    /// `i32.reinterpret_f32`.
    safe fn bits_of_f32(a: f32) -> u32;

    /// `i64.reinterpret_f64`.
    safe fn bits_of_f64(a: f64) -> u64;

    /// `f32.reinterpret_i32`.
    safe fn f32_of_bits(a: u32) -> f32;

    /// `f64.reinterpret_i64`.
    safe fn f64_of_bits(a: u64) -> f64;
}

/// A float and its bit pattern.
trait Float: Copy {
    type Bits;
    fn to_pattern(self) -> Self::Bits;
    fn from_pattern(bits: Self::Bits) -> Self;
}

impl Float for f32 {
    type Bits = u32;
    fn to_pattern(self) -> u32 {
        bits_of_f32(self)
    }
    fn from_pattern(bits: u32) -> f32 {
        f32_of_bits(bits)
    }
}

impl Float for f64 {
    type Bits = u64;
    fn to_pattern(self) -> u64 {
        bits_of_f64(self)
    }
    fn from_pattern(bits: u64) -> f64 {
        f64_of_bits(bits)
    }
}

/// `TrapKind::IntegerOverflow` and `TrapKind::BadConversionToInteger`.
const INTEGER_OVERFLOW: i32 = 4;
const BAD_CONVERSION_TO_INTEGER: i32 = 5;

fn or_trap<T>(converted: Result<T, Unrepresentable>) -> T {
    match converted {
        Ok(integer) => integer,
        Err(Unrepresentable::Nan) => trap(BAD_CONVERSION_TO_INTEGER),
        Err(_) => trap(INTEGER_OVERFLOW),
    }
}

/// Exports one function.
macro_rules! define {
    ($operator:literal ($($a:ident: $ty:ty),*) -> $result:ty { $body:expr }) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export($($a: $ty),*) -> $result {
                $body
            }
        };
    };
}

/// Exports the operations on one format.
macro_rules! export {
    ($module:ident, $float:ident, $($operator:literal $name:ident $($kind:ident)+;)*) => {
        $(export!(@$($kind)+ $module $float $operator $name);)*
    };
    (@binary $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float, b: $float) -> $float {
            $float::from_pattern($module::$name(a.to_pattern(), b.to_pattern()))
        });
    };
    (@unary $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float) -> $float { $float::from_pattern($module::$name(a.to_pattern())) });
    };
    (@compare $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float, b: $float) -> bool { $module::$name(a.to_pattern(), b.to_pattern()) });
    };
    (@swapped $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float, b: $float) -> bool { $module::$name(b.to_pattern(), a.to_pattern()) });
    };
    (@to $integer:ident $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float) -> $integer { or_trap($module::$name(a.to_pattern())) });
    };
    (@saturate $integer:ident $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $float) -> $integer { $module::$name(a.to_pattern()) });
    };
    (@from $integer:ident $module:ident $float:ident $operator:literal $name:ident) => {
        define!($operator (a: $integer) -> $float { $float::from_pattern($module::$name(a)) });
    };
}

export! { binary32, f32,
    "f32.add" add binary; "f32.sub" sub binary; "f32.mul" mul binary; "f32.div" div binary;
    "f32.min" min binary; "f32.max" max binary; "f32.sqrt" sqrt unary;
    "f32.ceil" ceil unary; "f32.floor" floor unary; "f32.trunc" trunc unary; "f32.nearest" nearest unary;
    "f32.eq" eq compare; "f32.ne" ne compare; "f32.lt" lt compare; "f32.le" le compare;
    "f32.gt" lt swapped; "f32.ge" le swapped;
    "i32.trunc_f32_s" to_i32 to i32; "i32.trunc_f32_u" to_u32 to u32;
    "i64.trunc_f32_s" to_i64 to i64; "i64.trunc_f32_u" to_u64 to u64;
    "i32.trunc_sat_f32_s" saturate_i32 saturate i32; "i32.trunc_sat_f32_u" saturate_u32 saturate u32;
    "i64.trunc_sat_f32_s" saturate_i64 saturate i64; "i64.trunc_sat_f32_u" saturate_u64 saturate u64;
    "f32.convert_i32_s" from_i32 from i32; "f32.convert_i32_u" from_u32 from u32;
    "f32.convert_i64_s" from_i64 from i64; "f32.convert_i64_u" from_u64 from u64;
}

export! { binary64, f64,
    "f64.add" add binary; "f64.sub" sub binary; "f64.mul" mul binary; "f64.div" div binary;
    "f64.min" min binary; "f64.max" max binary; "f64.sqrt" sqrt unary;
    "f64.ceil" ceil unary; "f64.floor" floor unary; "f64.trunc" trunc unary; "f64.nearest" nearest unary;
    "f64.eq" eq compare; "f64.ne" ne compare; "f64.lt" lt compare; "f64.le" le compare;
    "f64.gt" lt swapped; "f64.ge" le swapped;
    "i32.trunc_f64_s" to_i32 to i32; "i32.trunc_f64_u" to_u32 to u32;
    "i64.trunc_f64_s" to_i64 to i64; "i64.trunc_f64_u" to_u64 to u64;
    "i32.trunc_sat_f64_s" saturate_i32 saturate i32; "i32.trunc_sat_f64_u" saturate_u32 saturate u32;
    "i64.trunc_sat_f64_s" saturate_i64 saturate i64; "i64.trunc_sat_f64_u" saturate_u64 saturate u64;
    "f64.convert_i32_s" from_i32 from i32; "f64.convert_i32_u" from_u32 from u32;
    "f64.convert_i64_s" from_i64 from i64; "f64.convert_i64_u" from_u64 from u64;
}

define!("f64.promote_f32" (a: f32) -> f64 { f64::from_pattern(promote(a.to_pattern())) });
define!("f32.demote_f64" (a: f64) -> f32 { f32::from_pattern(demote(a.to_pattern())) });
