//! What host calls cost, in ticks of time gas: a base for each call, and a price for the bytes it asks for.
//!
//! One tick is about half a nanosecond on the reference machine; `benches` measures it. They belong to the
//! [`Schedule`](super::instructions::Schedule), as the prices of instructions do. Source: `docs/spec/gas.md`, *Host calls*.
//!
//! ```
//! use subvm_core::costs::calls::{IOVEC, TRANSFER};
//! use subvm_core::costs::instructions::Schedule;
//! use subvm_host_mock::{MemoryHost, play};
//!
//! let report = play(&MemoryHost::new(), |machine| {
//!     machine.mem()[64..72].copy_from_slice(&[0, 16, 0, 0, 100, 0, 0, 0]); // 100 bytes at 4096
//!     machine.wasi("fd_write", &[1, 64, 1, 0]).map(drop)
//! });
//! assert_eq!(report.receipt.gas.time, TRANSFER + IOVEC + Schedule::V1.copying(100));
//! ```

/// Declares what is priced, what it costs in version 1, and the lists of it.
macro_rules! amounts {
    ($($(#[$list_doc:meta])+ $list:ident: { $($(#[doc = $doc:literal])+ $price:ident $name:ident = $amount:literal;)+ })+) => {
        $($(
            $(#[doc = $doc])+
            ///
            /// This is what version 1 has; what a run pays is its schedule's ([`Schedule::call`](super::instructions::Schedule::call)).
            pub const $name: u64 = $amount;
        )+)+

        /// What host calls and starts are priced by: a price in ticks, or a rate in bytes for one tick.
        ///
        /// ```
        /// use subvm_core::costs::calls::{Price, WALK};
        /// use subvm_core::costs::instructions::Schedule;
        /// assert_eq!((Price::Walk.name(), Schedule::V1.call(Price::Walk)), ("WALK", WALK));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Price {
            $($($(#[doc = $doc])+ $price,)+)+
        }

        impl Price {
            /// Every one, in the order of the specification's table.
            pub const ALL: &'static [Price] = &[$($(Price::$price,)+)+];

            /// Whether it is in bytes for one tick, rather than in ticks.
            #[must_use]
            pub const fn is_rate(self) -> bool {
                matches!(self, Self::ModuleBytesPerTick | Self::CopiedPerTick)
            }

            /// The name of its constant.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$price => stringify!($name),)+)+ }
            }
        }

        /// Version 1.
        pub(super) const VERSION_1: [u32; Price::ALL.len()] = [$($($amount,)+)+];

        $(
            $(#[$list_doc])+
            pub const $list: &[Amount] =
                &[$(Amount { name: stringify!($name), what: concat!($($doc,)+), amount: $name },)+];
        )+
    };
}

/// A constant of version 1, for the specification's table.
///
/// ```
/// use subvm_core::costs::calls::{PRICES, WALK};
/// let walk = PRICES.iter().find(|price| price.name == "WALK").unwrap();
/// assert_eq!((walk.amount, walk.what.trim()), (WALK, "Base of a call that walks a path."));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Its name here.
    pub name: &'static str,
    /// What it is charged for.
    pub what: &'static str,
    /// Ticks, or bytes for one tick.
    pub amount: u64,
}

amounts! {
    /// All prices of version 1, in ticks.
    PRICES: {
        /// Base of a call that has a fixed answer.
        Answer ANSWER = 18;
        /// Base of a call that writes a value of the sub-VM, or ends it.
        Value VALUE = 20;
        /// Base of a call that looks at one descriptor or changes it.
        Descriptor DESCRIPTOR = 20;
        /// Base of a call that writes a descriptor's or a file's attributes.
        Attributes ATTRIBUTES = 25;
        /// Base of a call that moves bytes.
        Transfer TRANSFER = 30;
        /// Base of a call that walks a path.
        Walk WALK = 60;
        /// Base of a call that makes random bytes.
        Random RANDOM = 30;
        /// Base of a call that asks the node's storage or chain.
        Node NODE = 1500;
        /// A call of a contract on the layer below, beside its base.
        EthCall ETH_CALL = 20_000;
        /// A page of storage that is read or written.
        StoragePage STORAGE_PAGE = 150;
        /// A byte of a `gl_call` request: it is copied, checked and taken apart.
        RequestByte REQUEST_BYTE = 4;
        /// A value or a key of a `gl_call` request that is calldata: each gets a place of its own, however few bytes it has.
        RequestValue REQUEST_VALUE = 72;
        /// A byte of a non-deterministic result beyond the first 1,024: whatever a leader posts, other nodes check it, and copy it for the receipt and for the contract.
        ResultByte RESULT_BYTE = 8;
        /// The same where a model is asked about the result: a validator takes it apart, prints it, and puts it into a request, beside its own.
        ShownByte SHOWN_BYTE = 128;
        /// Starting a sub-VM.
        SubVm SUB_VM = 20_000;
        /// A byte of RAM beyond the first 16,384 that the instances of a sub-VM are charged together: what it stands for is set up anew at each start.
        InstanceByte INSTANCE_BYTE = 1;
        /// An import of a module that is not alone in its sub-VM: it is looked up by its name at each start.
        LinkedImport LINKED_IMPORT = 400;
        /// A module that is not alone in its sub-VM: its instance is made, and its exports are found by their module's name, at each start.
        LinkedModule LINKED_MODULE = 1500;
        /// A module that is prepared at deployment, for each mode, whatever is in it.
        CompileModule COMPILE_MODULE = 5_000_000;
        /// A byte of a module that is prepared at deployment, for each mode: it is validated, lowered and kept.
        CompileByte COMPILE_BYTE = 200;
        /// A function of a module that is prepared, imported ones included, for each mode.
        CompileFunction COMPILE_FUNCTION = 200_000;
        /// A value that a compiler makes of a module that is prepared, by the estimate of `docs/spec/lowering.md`, for each mode; 32 of the squares of its functions' branches count like one, and 4 of the squares of the slots of operands beyond 64 that a function has at once.
        CompileValue COMPILE_VALUE = 1000;
        /// An iovec, whatever its length.
        Iovec IOVEC = 8;
        /// A subscription of `poll_oneoff`, where the personality judges it.
        Subscription SUBSCRIPTION = 16;
        /// A byte of a path: two of them may be a component to be looked up in the largest of directories.
        PathByte PATH_BYTE = 16;
        /// A byte of a directory listing's buffer.
        ListingByte LISTING_BYTE = 1;
        /// A byte of randomness.
        RandomByte RANDOM_BYTE = 1;
        /// Seeding the deterministic generator of a sub-VM.
        RandomSeed RANDOM_SEED = 6000;
        /// Asking the node's own generator, in non-deterministic mode: a call of the operating system.
        RandomNode RANDOM_NODE = 600;
    }

    /// All rates of version 1, in bytes for one tick.
    RATES: {
        /// Bytes of a started sub-VM's modules for one tick: they are looked up by their digest, and their data is copied.
        ModuleBytesPerTick MODULE_BYTES_PER_TICK = 4;
        /// Bytes that are copied for one tick.
        CopiedPerTick COPIED_PER_TICK = 16;
    }
}

/// Bytes of a sub-VM's instances that cost no [`INSTANCE_BYTE`].
pub const INSTANCE_BYTES_INCLUDED: u64 = 16_384;

/// Bytes of a non-deterministic result that cost no [`RESULT_BYTE`] and no [`SHOWN_BYTE`].
pub const RESULT_BYTES_INCLUDED: u64 = 1024;
