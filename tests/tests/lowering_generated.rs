//! The fuzz bodies of lowering, replayed on inputs of a fixed generator. `SUBVM_ROUNDS` says how many of each.

use subvm_tests::fuzz::modelled::{self, Compared};
use subvm_tests::fuzz::{answers, counting, engines, lowering};

/// Bytes of xorshift64* (S. Vigna), the same on every run.
fn inputs(seed: u64, length: usize) -> impl Iterator<Item = Vec<u8>> {
    let rounds = std::env::var("SUBVM_ROUNDS").map_or(60, |rounds| rounds.parse().expect("a number"));
    (0..rounds).map(move |round: u64| {
        let mut state = (seed << 32 | round).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let byte = move || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        };
        std::iter::repeat_with(byte).take(length).collect()
    })
}

/// The seeds of the fuzz target.
#[test]
fn the_corpus() {
    let corpus = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/lowering")).expect("a corpus");
    let files: Vec<_> = corpus.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() >= 13, "{}", files.len());
    files.iter().for_each(|path| lowering::any(&std::fs::read(path).expect("a seed")));
}

#[test]
fn generated_modules() {
    inputs(1, 6_000).for_each(|data| lowering::generated(&data));
}

#[test]
fn float_programs() {
    inputs(2, 6_000).for_each(|data| lowering::floats(&data));
}

#[test]
fn counts_taken_the_plain_way() {
    let compared: usize = inputs(4, 2_000).map(|data| counting::branching(&data)).sum();
    assert!(compared >= 100, "compared {compared} calls");
}

#[test]
fn counters_that_say_what_the_specification_says() {
    let mut compared = Compared::default();
    inputs(5, 3_000).for_each(|data| compared += modelled::calling(&data));
    let enough = [compared.returned, compared.trapped, compared.out_of_gas].map(|calls| calls >= 100);
    assert_eq!(enough, [true; 3], "{compared:?}");
}

#[test]
fn whole_programs_on_both_engines() {
    inputs(6, 6_000).for_each(|data| engines::programs(&data));
}

#[test]
fn trees_of_sub_vms_on_both_engines() {
    inputs(7, 600).for_each(|data| engines::trees(&data));
}

#[test]
fn calls_that_are_answered_inside_and_outside() {
    inputs(8, 1_000).for_each(|data| answers::sequences(&data));
}

#[test]
fn damaged_modules() {
    let whole = wat::parse_str(
        "(module (import \"m\" \"f\" (func)) (memory 1) (table 2 funcref) (elem (i32.const 0) 0 1) (start 1)
            (func (result i32) (block (loop (br_table 0 1 0 (i32.const 1)))) (i32.trunc_f32_s (f32.const 1)) drop
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (return_call 1)) (data \"x\"))",
    );
    let whole =
        whole.or_else(|_| wat::parse_str("(module (memory 1) (func (result i32) (i32.trunc_f32_s (f32.const 1))))"));
    let whole = whole.expect("a module");
    for data in inputs(3, 8) {
        let mut damaged = whole.clone();
        for pair in data.chunks(2) {
            let place = usize::from(pair[0]) % damaged.len();
            damaged[place] = pair[1];
        }
        lowering::bytes(&damaged);
    }
}
