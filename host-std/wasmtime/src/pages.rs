//! Which parts of a memory a guest touched, as the operating system's page tables tell.

use subvm_core::fingerprint::Touched;

/// The leaves of `memory` that may hold something else than zeros: all of those with a page that was ever written,
/// and perhaps more. `None` where the system does not tell; [`subvm_core::fingerprint::hash_memory`] then looks
/// itself.
///
/// `memory` has to lie in a private anonymous mapping, in which a page that nobody touched is zero: what allocators
/// and wasmtime hand out. A page mapped from a file has content before anyone touched it (with wasmtime's
/// `memory_init_cow`, the initial image has), and would be taken as zero.
///
/// Whether the system tells the truth is tried once for the process, with pages that were written: an emulator may hand out
/// the page tables of somebody else. One that does not is not asked again.
///
/// # Cost
///
/// Linux keeps 8 bytes a page, which are read and looked at: about 1 ms for each GiB, whatever was touched.
///
/// ```
/// use subvm_core::fingerprint::{LEAF_LEN, ZeroTree, hash_memory};
/// use subvm_wasmtime::pages::touched;
/// // Large enough that the allocator takes it straight from the operating system.
/// let mut memory = vec![0; 64 * LEAF_LEN];
/// memory[3 * LEAF_LEN + 7] = 1;
/// let touched = touched(&memory);
/// assert_eq!(hash_memory(&memory, touched.as_ref(), &mut ZeroTree::default()), *blake3::hash(&memory).as_bytes());
/// ```
pub fn touched(memory: &[u8]) -> Option<Touched> {
    system::touched(memory)
}

#[cfg(target_os = "linux")]
mod system {
    use std::{fs::File, ops::Range, os::unix::fs::FileExt, sync::OnceLock};
    use subvm_core::fingerprint::{LEAF_LEN, Touched};

    /// An entry's bits for a page in memory and for one that was swapped out, or is on its way
    /// (`Documentation/admin-guide/mm/pagemap.rst` of Linux). An entry without both was never touched.
    const PRESENT_OR_SWAPPED: u64 = 1 << 63 | 1 << 62;
    const ENTRY_LEN: usize = size_of::<u64>();

    pub(super) fn touched(memory: &[u8]) -> Option<Touched> {
        static TRUE: OnceLock<bool> = OnceLock::new();
        if !TRUE.get_or_init(|| tells_the_truth(read)) {
            return None;
        }
        let page_len = rustix::param::page_size();
        let addresses = memory.as_ptr_range();
        let addresses = addresses.start as usize..addresses.end as usize;
        let mut touched = Touched::nothing();
        read(memory, &mut |page, is_touched| {
            if is_touched {
                touched.insert(leaves(page * page_len..(page + 1) * page_len, addresses.clone()));
            }
        })?;
        Some(touched)
    }

    /// Whether `read` sees every page that was written: so many that chance does not.
    fn tells_the_truth(read: fn(&[u8], &mut See<'_>) -> Option<()>) -> bool {
        let written = std::hint::black_box(vec![1; 4 << 20]);
        let mut all = true;
        read(&written, &mut |_, is_touched| all &= is_touched).is_some() && all
    }

    /// Is told of a page, by its number in the address space, and whether it was touched.
    type See<'a> = dyn FnMut(usize, bool) + 'a;

    /// Looks at each page of `memory`, in order.
    fn read(memory: &[u8], see: &mut See<'_>) -> Option<()> {
        let page_len = rustix::param::page_size();
        let entries = File::open("/proc/self/pagemap").ok()?;
        let addresses = memory.as_ptr_range();
        let pages = addresses.start as usize / page_len..(addresses.end as usize).div_ceil(page_len);
        let mut buffer = [0; 8192 * ENTRY_LEN];
        for first in pages.clone().step_by(buffer.len() / ENTRY_LEN) {
            let len = buffer.len().min((pages.end - first) * ENTRY_LEN);
            entries.read_exact_at(&mut buffer[..len], (first * ENTRY_LEN) as u64).ok()?;
            for (page, entry) in (first..).zip(buffer[..len].as_chunks().0) {
                see(page, u64::from_ne_bytes(*entry) & PRESENT_OR_SWAPPED != 0);
            }
        }
        Some(())
    }

    /// The leaves of a memory that a page overlaps; both are ranges of addresses.
    fn leaves(page: Range<usize>, memory: Range<usize>) -> Range<usize> {
        let start = page.start.max(memory.start) - memory.start;
        let end = page.end.min(memory.end) - memory.start;
        start / LEAF_LEN..end.div_ceil(LEAF_LEN)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn who_overlooks_what_was_written_is_not_believed() {
            assert!(tells_the_truth(read), "Linux tells what was touched");
            assert!(!tells_the_truth(|_, _| None));
            assert!(!tells_the_truth(|memory, see| {
                let mut number = 0;
                read(memory, &mut |page, is_touched| {
                    number += 1;
                    see(page, is_touched && number != 700);
                })
            }));
        }

        #[test]
        fn a_page_belongs_to_every_leaf_that_it_overlaps() {
            const MEMORY: Range<usize> = 0x1_0010..0x1_0010 + 3 * LEAF_LEN;
            assert_eq!(leaves(0x1_0000..0x1_1000, MEMORY), 0..1);
            assert_eq!(leaves(0x2_0000..0x2_1000, MEMORY), 0..2);
            assert_eq!(leaves(0x2_1000..0x2_2000, MEMORY), 1..2);
            assert_eq!(leaves(0x4_0000..0x4_1000, MEMORY), 2..3);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use subvm_core::fingerprint::Touched;

    pub(super) fn touched(_memory: &[u8]) -> Option<Touched> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use subvm_core::fingerprint::{LEAF_LEN, ZeroTree, hash_memory};

    const MIB: usize = 1 << 20;

    fn plain(memory: &[u8]) -> [u8; 32] {
        blake3::hash(memory).into()
    }

    /// An allocator gives so much from the system, as pages that nobody touched.
    #[test]
    fn finds_what_was_written_to_fresh_memory() {
        let mut memory = vec![0; 256 * MIB];
        for at in [0, 5 * MIB + 3, 77 * MIB - 1, 256 * MIB - 1] {
            memory[at] = 7;
        }
        let touched = touched(&memory);
        let digest = hash_memory(&memory, touched.as_ref(), &mut ZeroTree::default());
        assert_eq!(digest, plain(&memory));

        if cfg!(target_os = "linux") {
            let touched = touched.expect("Linux tells what was touched");
            let count = (0..memory.len() / LEAF_LEN).filter(|leaf| touched.any(*leaf..leaf + 1)).count();
            assert!((4..=memory.len() / LEAF_LEN / 4).contains(&count), "{count} leaves were touched");
        }
    }

    #[test]
    fn finds_what_was_written_to_memory_that_starts_within_a_page() {
        let mut memory = vec![0; 64 * MIB];
        for at in [1, LEAF_LEN, 20 * MIB, 40 * MIB - 1] {
            memory[at] = 7;
        }
        for start in [1, 4095, 4097, LEAF_LEN + 1] {
            let memory = &memory[start..40 * MIB];
            let touched = touched(memory);
            assert_eq!(hash_memory(memory, touched.as_ref(), &mut ZeroTree::default()), plain(memory));
        }
    }

    #[test]
    fn an_empty_memory_was_not_touched() {
        assert_eq!(hash_memory(&[], touched(&[]).as_ref(), &mut ZeroTree::default()), plain(&[]));
    }

    /// A guest's memory: data segments, what it wrote, what it grew, and the memory of an instance before it.
    #[test]
    fn finds_what_a_guest_wrote() -> wasmtime::Result<()> {
        const GUEST: &str = r#"(module
            (memory (export "memory") 2048)
            (data (i32.const 100000000) "initial")
            (func (export "run")
                (i32.store (i32.const 50000000) (i32.const 7))
                (drop (memory.grow (i32.const 2048)))
                (i32.store (i32.const 268435452) (i32.const 7))))"#;
        let mut pooling = wasmtime::PoolingAllocationConfig::default();
        pooling.total_core_instances(1).total_memories(1);
        for strategy in
            [wasmtime::InstanceAllocationStrategy::OnDemand, wasmtime::InstanceAllocationStrategy::Pooling(pooling)]
        {
            let mut config = wasmtime::Config::new();
            config.memory_init_cow(false).allocation_strategy(strategy);
            let engine = wasmtime::Engine::new(&config)?;
            let module = wasmtime::Module::new(&engine, wat::parse_str(GUEST)?)?;
            for _ in 0..2 {
                let mut store = wasmtime::Store::new(&engine, ());
                let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
                instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
                let memory = instance.get_memory(&mut store, "memory").expect("it is exported").data(&store);
                let digest = hash_memory(memory, touched(memory).as_ref(), &mut ZeroTree::default());
                assert_eq!(digest, plain(memory));
            }
        }
        Ok(())
    }
}
