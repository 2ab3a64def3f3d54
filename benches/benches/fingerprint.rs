//! BLAKE3 of a memory of 4 GiB of which a guest touched 16 MiB, beside plain BLAKE3 of the same bytes.
//!
//! The bar (`docs/spec/fingerprint.md`): at most a twentieth of plain.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use subvm_core::fingerprint::{LEAF_LEN, ZeroTree, hash_memory};
use subvm_host_std::pages;

const MIB: usize = 1 << 20;
const MEMORY: usize = 4096 * MIB;
const TOUCHED: usize = 16 * MIB;

/// A memory of which 16 MiB were touched, in blocks of `block` bytes, evenly spread. Like a guest's it starts with a
/// page: otherwise reading a leaf would touch a page of the next, and so on with each run.
fn memory(block: usize) -> &'static [u8] {
    let memory = vec![0; MEMORY + LEAF_LEN].leak();
    let start = memory.as_ptr().align_offset(LEAF_LEN);
    let memory = &mut memory[start..start + MEMORY];
    for start in (0..MEMORY).step_by(MEMORY / (TOUCHED / block)) {
        for (at, byte) in memory[start..start + block].iter_mut().enumerate() {
            *byte = (at * 31 + start) as u8 | 1;
        }
    }
    memory
}

fn in_proportion(memory: &[u8], zeros: &mut ZeroTree) -> [u8; 32] {
    hash_memory(memory, pages::touched(memory).as_ref(), zeros)
}

fn fingerprint(c: &mut Criterion) {
    let mut group = c.benchmark_group("fingerprint/4 GiB, 16 MiB touched");
    group.sample_size(10);
    let mut zeros = ZeroTree::default();
    for (name, block) in [("at the start", TOUCHED), ("in 256 leaves", LEAF_LEN)] {
        let memory = memory(block);
        in_proportion(memory, &mut zeros);
        group.bench_function(format!("{name}, zeros known"), |b| {
            b.iter(|| in_proportion(black_box(memory), &mut zeros));
        });
        group.bench_function(format!("{name}, zeros to learn"), |b| {
            b.iter(|| in_proportion(black_box(memory), &mut ZeroTree::default()));
        });
        group.bench_function(format!("{name}, which pages"), |b| {
            b.iter(|| pages::touched(black_box(memory)));
        });
        // From here on all of it counts as touched: reading a page maps it.
        group.bench_function(format!("{name}, by looking"), |b| {
            b.iter(|| hash_memory(black_box(memory), None, &mut zeros));
        });
        group.bench_function(format!("{name}, plain"), |b| b.iter(|| blake3::hash(black_box(memory))));
    }
    group.finish();
}

criterion_group!(benches, fingerprint);
criterion_main!(benches);
