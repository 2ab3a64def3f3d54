//! Genes as the text of a module.

use std::fmt::{Arguments, Write};

use subvm_core::costs::SetUp;
use subvm_core::costs::instructions::Schedule;
use subvm_core::sdk;
use subvm_core::wasi::{MODULE, ParamType};

use super::calls::{self, Requests};
use super::operators::{BINARY_32, BINARY_64, FLOATS, UNARY_64, VECTORS};
use super::{Gene, Genome};

/// Kinds of genes.
pub(super) const KINDS: u8 = 31;

const PAGES: [u32; 8] = [2, 2, 2, 16, 64, 256, 1024, 4096];
const ENTRIES: [u32; 8] = [64, 64, 64, 64, 1024, 16_384, 65_536, 1 << 20];
const LOCALS: [usize; 8] = [0, 0, 0, 0, 24, 100, 400, 5000];
/// Blocks that may be open at once.
const DEPTH: usize = 6;
const LENGTHS: [u32; 8] = [0, 1, 8, 64, 300, 4096, 65_536, 100_000];
/// Vectors that a branch which is never taken keeps over a call: how large a frame is that nobody uses.
const KEPT: [usize; 4] = [4, 32, 256, 2000];
const LISTS: [&str; 4] = ["$main", "$f1", "$f2", "$child"];

struct Writer<'a> {
    text: String,
    /// What is open, and the instructions that come before its `end`.
    open: Vec<String>,
    requests: &'a Requests,
    list: usize,
    pages: u32,
    entries: u32,
}

/// A number of a table.
fn of<T: Copy>(table: &[T], number: u8) -> T {
    table[usize::from(number) % table.len()]
}

/// What the memory and the table that a program declares cost at each start, in ticks.
pub(super) fn declared_ticks(genome: &Genome) -> u64 {
    let [pages, entries, ..] = genome.declared;
    let set_up = SetUp { pages: of(&PAGES, pages).into(), entries: of(&ENTRIES, entries).into(), ..SetUp::default() };
    SetUp::ticks(&[set_up], &Schedule::V1)
}

pub(super) fn module(genome: &Genome) -> String {
    let requests = Requests::new();
    let [pages, entries, locals, _] = genome.declared;
    let (pages, entries, locals) = (of(&PAGES, pages), of(&ENTRIES, entries), of(&LOCALS, locals));
    let mut bodies = String::new();
    for (list, genes) in genome.lists.iter().enumerate() {
        let mut writer = Writer { text: String::new(), open: Vec::new(), requests: &requests, list, pages, entries };
        genes.iter().for_each(|gene| writer.gene(gene));
        while writer.close() {}
        let name = LISTS[list];
        let more = "i64 ".repeat(locals);
        let (head, tail) = if list == 0 { ("(loop $again", "(br $again))") } else { ("", "") };
        write!(
            bodies,
            "\n(func {name} (local $i0 i32) (local $i1 i32) (local $i2 i32) (local $i3 i32) (local $l0 i64) (local $l1 i64) (local $l2 i64) (local $l3 i64)
  (local $d0 f64) (local $d1 f64) (local $v0 v128) (local $v1 v128) {} (local {more})
  (local.set $i0 (global.get $seed)) (local.set $l0 (i64.extend_i32_u (local.get $i0))) (local.set $d0 (f64.convert_i32_s (local.get $i0)))
  (local.set $v0 (i32x4.splat (local.get $i0)))
  {head}{}\n  (global.set $seed (i32.add (local.get $i0) (i32.const 1))) {tail})",
            (0..DEPTH).map(|depth| format!("(local $n{depth} i32)")).collect::<String>(),
            writer.text
        )
        .unwrap();
    }
    surrounded(&bodies, &requests, pages, entries)
}

/// The module around its functions.
fn surrounded(bodies: &str, requests: &Requests, pages: u32, entries: u32) -> String {
    let mut text = String::from("(module\n");
    for function in calls::functions() {
        let types: String =
            function.types.iter().map(|ty| if *ty == ParamType::I64 { "i64 " } else { "i32 " }).collect();
        let name = function.name;
        // What is not called costs nothing but an import.
        if bodies.contains(&format!("${name} ")) {
            writeln!(text, "(import \"{MODULE}\" \"{name}\" (func ${name} (param {types}) (result i32)))").unwrap();
        }
    }
    for function in sdk::FUNCTIONS {
        let (name, types) = (function.name, "i32 ".repeat(function.params.len()));
        writeln!(text, "(import \"{}\" \"{name}\" (func ${name} (param {types}) (result i32)))", sdk::MODULE).unwrap();
    }
    let mut data = |place: u32, bytes: &[u8]| {
        let bytes: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(text, "(data (i32.const {place}) \"{bytes}\")").unwrap();
    };
    data(calls::REQUESTS, &requests.bytes);
    calls::pieces().iter().for_each(|(place, bytes)| data(*place, bytes));
    let wide = "i64 ".repeat(64);
    let gets: String = (0..64).map(|number| format!("local.get {number} ")).collect();
    write!(
        text,
        "(memory (export \"memory\") {pages} 8192) (table $t {entries} 2000000 funcref) (data $passive \"0123456789abcdef\")
(elem (i32.const 0) func $n0 $n1 $n2 $n3) (elem $items func $n0 $n1)
(global $seed (mut i32) (i32.const 1)) (global $g (mut i64) (i64.const 0)) (global $never (mut i32) (i32.const 0)) (global $depth (mut i32) (i32.const 0))
(type $unary (func (param i32) (result i32)))
(func $n0 (type $unary) local.get 0) (func $n1 (type $unary) (i32.add (local.get 0) (i32.const 7)))
(func $n2 (type $unary) (i32.mul (local.get 0) (i32.const 9))) (func $n3 (type $unary) (i32.xor (local.get 0) (i32.const 5)))
(func $wide (param {wide}) (result {wide}) {gets})
{bodies}
(func (export \"_start\")
  ;; A sandbox may not write.
  (if (i32.eq (call $storage_write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 6))
    (then (call $child)) (else (call $main)))))\n"
    )
    .unwrap();
    text
}

impl Writer<'_> {
    fn put(&mut self, text: Arguments<'_>) {
        self.text.push_str("\n  ");
        self.text.write_fmt(text).expect("a string takes it");
    }

    /// Closes what is open, innermost first.
    fn close(&mut self) -> bool {
        let Some(before) = self.open.pop() else { return false };
        self.put(format_args!("{before} end"));
        true
    }

    fn gene(&mut self, gene: &Gene) {
        let [a, b, c] = gene.how;
        let (x, y, z) = (a % 4, b % 4, c % 4);
        let depth = self.open.len();
        let address =
            format!("(i32.and (local.get $i{x}) (i32.const {}))", of(&[60, 0xffc0, self.mask(), self.mask()], b / 4));
        match gene.kind {
            0 => self.put(format_args!("(local.set $i{x} (i32.add (i32.mul (local.get $i{x}) (i32.const 1664525)) (i32.const 1013904223)))")),
            1 => self.put(format_args!("local.get $i{x} local.get $i{y} {} local.set $i{z}", of(BINARY_32, a / 4))),
            2 => self.put(format_args!("local.get $l{x} local.get $l{y} {} local.set $l{z}", of(BINARY_64, a / 4))),
            3 => self.put(format_args!("local.get $l{x} {} local.set $l{y}", of(UNARY_64, c))),
            4 => self.put(format_args!("local.get $d{} local.get $d{} {} local.set $d{}", x % 2, y % 2, of(FLOATS, c), z % 2)),
            5 => self.put(format_args!("local.get $v{} local.get $v{} {} local.set $v{}", x % 2, y % 2, of(VECTORS, c), z % 2)),
            6 => self.put(format_args!("(local.set $i{z} (i32.load {address}))")),
            7 => self.put(format_args!("(local.set $l{z} (i64.load offset={} {address}))", of(&[0, 1, 63, 4093, 40_000_000], c / 4))),
            8 => self.put(format_args!("(i64.store offset={} {address} (local.get $l{z}))", of(&[0, 1, 60, 4093], c / 4))),
            9 => self.put(format_args!("(local.set $v{} (v128.load {address})) (v128.store offset=48 {address} (local.get $v{}))", z % 2, y % 2)),
            10 => self.put(format_args!("(local.set $i{x} (i32.const {})) (local.set $l{y} (i64.const {}))", i32::from(b) << (c % 25), i64::from(c) << (b % 57))),
            11 if depth < DEPTH => {
                let condition = of(&["global.get $never", "local.get $i0", "local.get $i1 i32.const 1 i32.and"], a);
                self.put(format_args!("{condition} if"));
                self.open.push(String::new());
            }
            12 if depth < DEPTH => {
                let times = of(&[2, 4, 16, 64, 1000], a);
                self.put(format_args!("(local.set $n{depth} (i32.const {times})) loop"));
                self.open.push(format!("(br_if 0 (local.tee $n{depth} (i32.sub (local.get $n{depth}) (i32.const 1))))"));
            }
            13 => _ = self.close(),
            14 => self.put(format_args!("(block (block (block (block local.get $i{x} i32.const 3 i32.and br_table 0 1 2 3) (global.set $g (local.get $l{y}))) (local.set $l{y} (global.get $g))) (br 0))")),
            15 => self.put(format_args!("(block (br_if 0 (i32.lt_u (local.get $i{x}) (local.get $i{y}))) (global.set $g (local.get $l{z})))")),
            16 if self.list < 2 => self.put(format_args!("call {}", LISTS[1 + usize::from(a) % (2 - self.list) + self.list])),
            17 => self.put(format_args!("(local.set $i{z} (call_indirect (type $unary) (local.get $i{x}) (i32.and (local.get $i{y}) (i32.const 3))))")),
            18 => self.bulk(gene.how),
            19 => self.table(gene.how),
            20 => self.put(format_args!("(drop (memory.grow (i32.const {})))", of(&[0, 0, 1, 16], a))),
            21 => self.wasi(gene.how),
            22 => self.storage(gene.how),
            23 => self.request(gene.how),
            24 => self.put(format_args!("(global.set $g (i64.add (global.get $g) (local.get $l{x})))")),
            25 => self.put(format_args!("{} call $wide {}", "local.get $l0 ".repeat(64), "drop ".repeat(64))),
            26 => self.put(format_args!("{}", of(&["(drop (ref.func $n0))", "data.drop $passive", "elem.drop $items", "(drop (memory.size))", "(drop (table.size $t))"], a))),
            27 => self.put(format_args!("(local.set $i{x} (select (local.get $i{y}) (local.get $i{z}) (local.get $i0)))")),
            // As deep as this.
            28 if self.list > 0 => self.put(format_args!(
                "(if (i32.lt_u (global.get $depth) (i32.const {})) (then (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call {}) (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))))",
                of(&[10, 1000, 100_000], a),
                LISTS[self.list]
            )),
            29 => self.put(format_args!("(drop (call $gl_call (i32.const {}) (i32.const {}) (i32.const {})))", 65_536, of(&LENGTHS, a), calls::answers())),
            30 => {
                let kept = of(&KEPT, a);
                let loads = "(v128.load (i32.const 0)) ".repeat(kept);
                let used = "v128.xor ".repeat(kept - 1);
                self.put(format_args!("global.get $never if {loads} (drop (call $n0 (i32.const 0))) {used} local.set $v{} end", y % 2));
            }
            _ => self.put(format_args!("nop")),
        }
    }

    /// Addresses all over memory, with room behind.
    fn mask(&self) -> u32 {
        (self.pages * 65_536 / 2) - 64
    }

    fn bulk(&mut self, [a, b, c]: [u8; 3]) {
        let place = format!(
            "(i32.and (local.get $i{}) (i32.const {}))",
            b % 4,
            if self.pages >= 64 { self.pages * 65_536 / 2 - 1 } else { 0x3fff }
        );
        let len = of(&LENGTHS, c).min(if self.pages >= 64 { 100_000 } else { 65_536 });
        let near = "(i32.const 65536)";
        match a % 5 {
            0 => self.put(format_args!("(memory.fill {near} (local.get $i0) (i32.const {len}))")),
            1 => self.put(format_args!("(memory.copy {near} {place} (i32.const {}))", len.min(0xc000))),
            2 => self.put(format_args!("(memory.fill {place} (local.get $i1) (i32.const {}))", len.min(0xc000))),
            3 => self.put(format_args!("(memory.init $passive {near} (i32.const 0) (i32.const 0))")),
            _ => self.put(format_args!(
                "(memory.copy (i32.add {near} (i32.const 1)) {near} (i32.const {}))",
                len.min(0xc000)
            )),
        }
    }

    fn table(&mut self, [a, b, c]: [u8; 3]) {
        let place = format!("(i32.and (local.get $i{}) (i32.const {}))", b % 4, self.entries / 2 - 1);
        let len = of(&[0, 1, 8, 32], c);
        match a % 6 {
            0 => self.put(format_args!("(drop (table.get $t {place}))")),
            1 => self.put(format_args!("(table.set $t (i32.add {place} (i32.const 8)) (table.get $t (i32.const 1)))")),
            2 => self.put(format_args!("(drop (table.grow $t (ref.null func) (i32.const {})))", len / 8)),
            3 => self.put(format_args!("(table.fill $t {place} (table.get $t (i32.const 0)) (i32.const {len}))")),
            4 => self.put(format_args!("(table.copy $t $t {place} (i32.const 0) (i32.const {len}))")),
            _ => self.put(format_args!("(table.init $t $items {place} (i32.const 0) (i32.const 0))")),
        }
    }

    fn wasi(&mut self, how: [u8; 3]) {
        let functions: Vec<_> = calls::functions().collect();
        let function = functions[usize::from(how[0]) % functions.len()];
        let how = [how[1], how[2], how[1] ^ how[2]];
        let arguments: Vec<String> = (0..function.params.len()).map(|at| calls::argument(function, at, how)).collect();
        self.put(format_args!("(drop (call ${} {}))", function.name, arguments.join(" ")));
    }

    fn storage(&mut self, [a, b, c]: [u8; 3]) {
        let index = of(&["(i32.const 0)", "(local.get $i0)", "(i32.shl (local.get $i1) (i32.const 5))"], b);
        let len = of(&[0, 1, 32, 4096, 65_536], c);
        match a % 4 {
            0 => self.put(format_args!(
                "(drop (call $storage_read (i32.const 32) {index} (i32.const 65536) (i32.const {len})))"
            )),
            1 => self.put(format_args!(
                "(drop (call $storage_write (i32.const 32) {index} (i32.const 65536) (i32.const {len})))"
            )),
            2 => self.put(format_args!("(drop (call $get_balance (i32.const 0) (i32.const 49216)))")),
            _ => self.put(format_args!("(drop (call $get_self_balance (i32.const 49216)))")),
        }
    }

    /// A request; what it gives may be read, and is closed.
    fn request(&mut self, [a, b, c]: [u8; 3]) {
        let (place, len) = of(&self.requests.placed, a);
        let answers = calls::answers();
        self.put(format_args!("(drop (call $gl_call (i32.const {place}) (i32.const {len}) (i32.const {answers})))"));
        let descriptor = format!("(i32.load (i32.const {answers}))");
        if b % 4 == 0 {
            self.put(format_args!(
                "(drop (call $fd_read {descriptor} (i32.const 24576) (i32.const {}) (i32.const 49160)))",
                of(&[1, 2], c)
            ));
        }
        if b < 224 {
            self.put(format_args!("(drop (call $fd_close {descriptor}))"));
        }
    }
}
