//! The library as WebAssembly: each export bears the name of the operator that it carries out.

use crate::{Unrepresentable, binary32, binary64, demote, promote};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[link(wasm_import_module = "lowering")]
unsafe extern "C" {
    /// Ends the guest with the trap of this number (`TrapKind` of lowering).
    safe fn trap(kind: i32) -> !;
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

/// Exports the operations on one format.
macro_rules! export {
    ($module:ident, $float:ident, $($operator:literal $name:ident $kind:ident;)*) => {
        $(export!(@$kind $module $float $operator $name);)*
    };
    (@binary $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $float, b: $float) -> $float {
                $float::from_bits($module::$name(a.to_bits(), b.to_bits()))
            }
        };
    };
    (@unary $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $float) -> $float {
                $float::from_bits($module::$name(a.to_bits()))
            }
        };
    };
    (@compare $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $float, b: $float) -> bool {
                $module::$name(a.to_bits(), b.to_bits())
            }
        };
    };
    (@swapped $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $float, b: $float) -> bool {
                $module::$name(b.to_bits(), a.to_bits())
            }
        };
    };
    (@i32 $module:ident $float:ident $operator:literal $name:ident) => { export!(@to i32 $module $float $operator $name); };
    (@u32 $module:ident $float:ident $operator:literal $name:ident) => { export!(@to u32 $module $float $operator $name); };
    (@i64 $module:ident $float:ident $operator:literal $name:ident) => { export!(@to i64 $module $float $operator $name); };
    (@u64 $module:ident $float:ident $operator:literal $name:ident) => { export!(@to u64 $module $float $operator $name); };
    (@to $integer:ident $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $float) -> $integer {
                or_trap($module::$name(a.to_bits()).into_result())
            }
        };
    };
    (@from_i32 $module:ident $float:ident $operator:literal $name:ident) => { export!(@from i32 $module $float $operator $name); };
    (@from_u32 $module:ident $float:ident $operator:literal $name:ident) => { export!(@from u32 $module $float $operator $name); };
    (@from_i64 $module:ident $float:ident $operator:literal $name:ident) => { export!(@from i64 $module $float $operator $name); };
    (@from_u64 $module:ident $float:ident $operator:literal $name:ident) => { export!(@from u64 $module $float $operator $name); };
    (@from $integer:ident $module:ident $float:ident $operator:literal $name:ident) => {
        const _: () = {
            // SAFETY: no other export has the name.
            #[unsafe(export_name = $operator)]
            extern "C" fn export(a: $integer) -> $float {
                $float::from_bits($module::$name(a))
            }
        };
    };
}

/// A conversion that may fail, or never does.
trait IntoResult<T> {
    fn into_result(self) -> Result<T, Unrepresentable>;
}

impl<T> IntoResult<T> for Result<T, Unrepresentable> {
    fn into_result(self) -> Result<T, Unrepresentable> {
        self
    }
}

macro_rules! infallible {
    ($($integer:ident)*) => {
        $(impl IntoResult<$integer> for $integer {
            fn into_result(self) -> Result<$integer, Unrepresentable> {
                Ok(self)
            }
        })*
    };
}

infallible!(i32 u32 i64 u64);

export! { binary32, f32,
    "f32.add" add binary; "f32.sub" sub binary; "f32.mul" mul binary; "f32.div" div binary;
    "f32.min" min binary; "f32.max" max binary; "f32.sqrt" sqrt unary;
    "f32.ceil" ceil unary; "f32.floor" floor unary; "f32.trunc" trunc unary; "f32.nearest" nearest unary;
    "f32.eq" eq compare; "f32.ne" ne compare; "f32.lt" lt compare; "f32.le" le compare;
    "f32.gt" lt swapped; "f32.ge" le swapped;
    "i32.trunc_f32_s" to_i32 i32; "i32.trunc_f32_u" to_u32 u32;
    "i64.trunc_f32_s" to_i64 i64; "i64.trunc_f32_u" to_u64 u64;
    "i32.trunc_sat_f32_s" saturate_i32 i32; "i32.trunc_sat_f32_u" saturate_u32 u32;
    "i64.trunc_sat_f32_s" saturate_i64 i64; "i64.trunc_sat_f32_u" saturate_u64 u64;
    "f32.convert_i32_s" from_i32 from_i32; "f32.convert_i32_u" from_u32 from_u32;
    "f32.convert_i64_s" from_i64 from_i64; "f32.convert_i64_u" from_u64 from_u64;
}

export! { binary64, f64,
    "f64.add" add binary; "f64.sub" sub binary; "f64.mul" mul binary; "f64.div" div binary;
    "f64.min" min binary; "f64.max" max binary; "f64.sqrt" sqrt unary;
    "f64.ceil" ceil unary; "f64.floor" floor unary; "f64.trunc" trunc unary; "f64.nearest" nearest unary;
    "f64.eq" eq compare; "f64.ne" ne compare; "f64.lt" lt compare; "f64.le" le compare;
    "f64.gt" lt swapped; "f64.ge" le swapped;
    "i32.trunc_f64_s" to_i32 i32; "i32.trunc_f64_u" to_u32 u32;
    "i64.trunc_f64_s" to_i64 i64; "i64.trunc_f64_u" to_u64 u64;
    "i32.trunc_sat_f64_s" saturate_i32 i32; "i32.trunc_sat_f64_u" saturate_u32 u32;
    "i64.trunc_sat_f64_s" saturate_i64 i64; "i64.trunc_sat_f64_u" saturate_u64 u64;
    "f64.convert_i32_s" from_i32 from_i32; "f64.convert_i32_u" from_u32 from_u32;
    "f64.convert_i64_s" from_i64 from_i64; "f64.convert_i64_u" from_u64 from_u64;
}

// SAFETY: no other export has the name.
#[unsafe(export_name = "f64.promote_f32")]
extern "C" fn export_promote(a: f32) -> f64 {
    f64::from_bits(promote(a.to_bits()))
}

// SAFETY: no other export has the name.
#[unsafe(export_name = "f32.demote_f64")]
extern "C" fn export_demote(a: f64) -> f32 {
    f32::from_bits(demote(a.to_bits()))
}
