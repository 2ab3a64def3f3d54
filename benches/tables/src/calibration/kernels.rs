//! What is executed to learn the price of a class of instructions: as little else as can be.

/// Instructions of one class, many times over.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// The class, as `docs/spec/gas.md` calls it.
    pub class: &'static str,
    /// Which of its instructions, and on what.
    pub what: &'static str,
    /// Made once.
    pub setup: &'static str,
    /// Made again and again.
    pub body: &'static str,
    /// How often the body stands in the loop.
    pub copies: usize,
    /// Whether it is about floats, and differs between policies.
    pub floats: bool,
}

const fn int(class: &'static str, what: &'static str, body: &'static str) -> Kernel {
    Kernel { class, what, setup: "", body, copies: 64, floats: false }
}

const fn float(class: &'static str, what: &'static str, body: &'static str) -> Kernel {
    Kernel { class, what, setup: "", body, copies: 16, floats: true }
}

const fn slow(class: &'static str, what: &'static str, setup: &'static str, body: &'static str) -> Kernel {
    Kernel { class, what, setup, body, copies: 4, floats: false }
}

/// The same text eight times.
macro_rules! eight {
    ($text:literal) => {
        concat!($text, $text, $text, $text, $text, $text, $text, $text)
    };
}

/// The same text 64 times.
macro_rules! sixty_four {
    ($text:literal) => {
        concat!(
            eight!($text),
            eight!($text),
            eight!($text),
            eight!($text),
            eight!($text),
            eight!($text),
            eight!($text),
            eight!($text)
        )
    };
}

/// What every kernel finds: locals, memory, tables, functions.
pub const SURROUNDINGS: &str = concat!(
    r#"
    (memory (export "memory") 4096 4096) (global $g (mut i64) (i64.const 0))
    (table $t 64 64 funcref) (elem (i32.const 0) $nothing $nothing $nothing $nothing $nothing $nothing $nothing $nothing)
    (func $nothing)
    (func $large (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))
    (type $integers (func (result "#,
    eight!("i64 i64 i64 i64 "),
    r#")))
    (func $integers3 (type $integers) "#,
    eight!("(i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) "),
    r#")
    (func $integers2 (type $integers) (call $integers3)) (func $integers1 (type $integers) (call $integers2))
    (func $integers (type $integers) (call $integers1))
    (type $vectors (func (result "#,
    sixty_four!("v128 v128 v128 v128 "),
    r#")))
    (type $turn (func (param "#,
    sixty_four!("v128 v128 v128 v128 "),
    r#") (result "#,
    sixty_four!("v128 v128 v128 v128 "),
    r#")))
    (func $vectors3 (type $vectors) "#,
    sixty_four!("global.get $v global.get $v global.get $v global.get $v "),
    r#")
    (func $vectors2 (type $vectors) (call $vectors3)) (func $vectors1 (type $vectors) (call $vectors2))
    (func $vectors (type $vectors) (call $vectors1))
    (global $v (mut v128) (v128.const i64x2 1 2))"#
);

/// Makes all pages the guest's own, so that none is the one page of zeros.
const TOUCH_ALL: &str = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x10000000))";

/// What no price covers: every load misses every cache.
pub const BEYOND_THE_CACHE: &str = "i32.load, all over 256 MiB";

/// Every kernel.
pub const KERNELS: &[Kernel] = &[
    int(
        "simple",
        "i64.add",
        "(local.set $x (i64.add (local.get $x) (local.get $y))) (local.set $y (i64.xor (local.get $y) (local.get $x)))",
    ),
    int("simple", "i64.rotl", "(local.set $x (i64.rotl (local.get $y) (local.get $x)))"),
    int("simple", "i64.popcnt", "(local.set $x (i64.add (i64.popcnt (local.get $x)) (local.get $y)))"),
    int("simple", "i64.clz", "(local.set $x (i64.add (i64.clz (local.get $x)) (local.get $y)))"),
    int("simple", "select", "(local.set $x (select (local.get $y) (local.get $x) (i64.eqz (local.get $x))))"),
    int("multiply", "i64.mul", "(local.set $x (i64.mul (local.get $x) (i64.add (local.get $x) (local.get $y))))"),
    int("divide", "i64.div_u", "(local.set $x (i64.or (i64.div_u (local.get $y) (local.get $x)) (i64.const 3)))"),
    int("divide", "i64.rem_s", "(local.set $x (i64.or (i64.rem_s (local.get $y) (local.get $x)) (i64.const 3)))"),
    int("divide", "i32.div_u", "(local.set $i (i32.div_u (i32.const -1) (i32.or (local.get $i) (i32.const 3))))"),
    int("memory", "i32.load, in the cache", "(local.set $i (i32.load (local.get $i)))"),
    int(
        "memory",
        "i64.store, in the cache",
        "(i64.store (i32.const 1024) (local.tee $x (i64.add (local.get $x) (local.get $y))))",
    ),
    Kernel {
        setup: TOUCH_ALL,
        ..int(
            "memory",
            BEYOND_THE_CACHE,
            "(local.set $i (i32.load (local.tee $j (i32.and (i32.add (i32.mul (i32.add (local.get $j) (local.get $i)) (i32.const 0x41c64e6d)) (i32.const 12345)) (i32.const 0xfffffc0)))))",
        )
    },
    int("global", "global.get and global.set", "(global.set $g (i64.add (global.get $g) (local.get $y)))"),
    int("branch", "br_if, foreseeable", "(block (br_if 0 (i64.eqz (local.get $x))) (global.set $g (local.get $x)))"),
    int(
        "branch",
        "if, unforeseeable",
        "(local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (if (i64.eqz (i64.and (local.get $x) (i64.const 1))) (then (global.set $g (local.get $x))))",
    ),
    int(
        "branch_table",
        "br_table, unforeseeable",
        "(local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (block (block (block (block (br_table 0 1 2 3 (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))
            (global.set $g (local.get $x))) (global.set $g (local.get $y))) (global.set $g (i64.const 1)))",
    ),
    int("call, entry", "call of an empty function", "(call $nothing)"),
    int("call, entry_frame", "call of a function with 24 locals", "(call $large)"),
    int(
        "call_indirect, entry",
        "call_indirect of an empty function",
        "(call_indirect (i32.and (local.get $i) (i32.const 7)))",
    ),
    slow("value", "32 integers through four calls", "", concat!("(call $integers)", eight!(" drop drop drop drop"))),
    slow(
        "value",
        "256 vectors through four calls",
        "",
        concat!("(call $vectors)", sixty_four!(" drop drop drop drop")),
    ),
    slow(
        "value",
        "256 vectors moved by a place at a loop's label",
        "",
        concat!(
            "(call $vectors) (local.set $i (i32.const 100))
            loop (type $turn) local.get $v (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))) drop end",
            sixty_four!(" drop drop drop drop")
        ),
    ),
    int("table", "table.get and table.set", "(table.set $t (i32.const 9) (table.get $t (i32.const 1)))"),
    slow("runtime", "ref.func", "", "(table.set $t (i32.const 9) (ref.func $nothing))"),
    int("vector", "i32x4.mul", "(local.set $v (i32x4.mul (local.get $v) (local.get $w)))"),
    int("vector", "i64x2.mul", "(local.set $v (i64x2.mul (local.get $v) (local.get $w)))"),
    int("vector", "i8x16.swizzle", "(local.set $v (i8x16.swizzle (local.get $v) (local.get $w)))"),
    int("vector", "i8x16.popcnt", "(local.set $v (i8x16.popcnt (local.get $v)))"),
    int("vector", "i8x16.shl", "(local.set $v (i8x16.shl (v128.not (local.get $v)) (local.get $i)))"),
    int("vector", "v128.any_true", "(local.set $v (i32x4.splat (v128.any_true (local.get $v))))"),
    float(
        "float_bits",
        "f64.copysign and f64.neg",
        "(local.set $f (f64.copysign (local.get $h) (f64.neg (local.get $f))))",
    ),
    float(
        "float_compare",
        "f64.lt",
        "(local.set $f (select (local.get $h) (local.get $f) (f64.lt (local.get $f) (local.get $h))))",
    ),
    float("float_min_max", "f64.min", "(local.set $f (f64.min (local.get $f) (local.get $h)))"),
    float("float_round", "f64.nearest", "(local.set $f (f64.nearest (local.get $f)))"),
    float(
        "float_convert",
        "f64.convert_i64_u",
        "(local.set $x (i64.reinterpret_f64 (f64.convert_i64_u (local.get $x))))",
    ),
    float(
        "float_convert",
        "i64.trunc_sat_f64_s",
        "(local.set $f (f64.reinterpret_i64 (i64.trunc_sat_f64_s (local.get $f))))",
    ),
    float("float_convert", "f64.promote_f32", "(local.set $f (f64.promote_f32 (f32.demote_f64 (local.get $f))))"),
    float("float_add", "f64.add", "(local.set $f (f64.add (local.get $f) (local.get $h)))"),
    float("float_add", "f64.sub, of what nearly cancels", "(local.set $f (f64.sub (local.get $h) (local.get $f)))"),
    float("float_multiply", "f64.mul", "(local.set $f (f64.mul (local.get $f) (local.get $h)))"),
    float(
        "float_multiply",
        "f64.mul, to a subnormal and back",
        "(local.set $f (f64.mul (f64.const 0x1p-1030) (f64.mul (local.get $f) (f64.const 0x1p1022))))",
    ),
    float("float_divide", "f64.div", "(local.set $f (f64.div (local.get $h) (local.get $f)))"),
    float("float_square_root", "f64.sqrt", "(local.set $f (f64.sqrt (f64.sqrt (local.get $f))))"),
    float("float_lane", "f32x4.add", "(local.set $v (f32x4.add (local.get $v) (local.get $w)))"),
    slow("bulk", "memory.fill of 8 bytes", "", "(memory.fill (i32.const 64) (i32.const 1) (i32.const 8))"),
    slow("bulk", "memory.copy of 8 bytes", "", "(memory.copy (i32.const 64) (i32.const 128) (i32.const 8))"),
    slow("bulk_bytes", "memory.fill of 64 KiB", "", "(memory.fill (i32.const 64) (i32.const 1) (i32.const 65536))"),
    slow(
        "bulk_bytes",
        "memory.copy of 1 MiB",
        TOUCH_ALL,
        "(memory.copy (i32.const 0x8000000) (i32.const 0x4000000) (i32.const 0x100000))",
    ),
    slow("bulk_entry", "table.copy of 32 entries", "", "(table.copy (i32.const 0) (i32.const 32) (i32.const 32))"),
    slow("bulk_entry", "table.fill of 32 entries", "", "(table.fill $t (i32.const 32) (ref.null func) (i32.const 32))"),
    slow("grow", "memory.grow of nothing", "", "(drop (memory.grow (i32.const 0)))"),
];

impl Kernel {
    /// A module that goes `times` through the body.
    #[must_use]
    pub fn text(&self, times: u32) -> String {
        let body = self.body.repeat(self.copies);
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            {SURROUNDINGS}
            (func (export "_start")
                (local $n i32) (local $i i32) (local $j i32) (local $x i64) (local $y i64) (local $f f64) (local $h f64) (local $v v128) (local $w v128)
                {setup}
                (i64.store (i32.const 2048) (i64.const 88172645463325252)) (i64.store (i32.const 2056) (i64.const -7046029254386353131))
                (f64.store (i32.const 2064) (f64.const 1)) (f64.store (i32.const 2072) (f64.const 1.0000001))
                (v128.store (i32.const 2080) (v128.const i32x4 0x3f800001 0x3f800002 0x3f800003 0x40490fdb))
                (local.set $x (i64.load (i32.const 2048))) (local.set $y (i64.load (i32.const 2056)))
                (local.set $f (f64.load (i32.const 2064))) (local.set $h (f64.load (i32.const 2072)))
                (local.set $v (v128.load (i32.const 2080))) (local.set $w (local.get $v))
                (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)))
                (local.set $n (i32.const {times}))
                (loop $again {body} (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)))
                (global.set $g (i64.add (global.get $g) (i64.add (local.get $x) (i64.extend_i32_u (i32.add (local.get $i) (local.get $j))))))
                (f64.store (i32.const 8) (f64.add (local.get $f) (local.get $h)))
                (v128.store (i32.const 16) (local.get $v))))"#,
            setup = self.setup
        )
    }
}
