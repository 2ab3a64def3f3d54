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
/// Linux since 6.7 is asked for what was touched: some microseconds, and more where much was, in many places. An older one keeps 8 bytes a page,
/// which are read and looked at: about 1 ms for each GiB, whatever was touched.
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
    #[cfg(target_os = "linux")]
    let touched = linux::touched(memory);
    #[cfg(not(target_os = "linux"))]
    let touched = {
        let _ = memory;
        None
    };
    touched
}

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod scan;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) use linux::few;

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
