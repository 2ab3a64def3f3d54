//! subvm for a node with an operating system: the rooms of this street under one roof, a feature for each.
//!
//! | feature | gives | crate |
//! |---|---|---|
//! | `wasmtime` | [`WasmtimeEngine`], [`cache`], [`pages`], [`lower`](mod@lower), [`link`](mod@link), [`profile`](mod@profile), [`observe`] | `subvm-wasmtime`, `subvm-lower`, `subvm-profile`, `subvm-observe` |
//! | `check` | `check`: what a run would refuse, found without a run | `subvm-check` |
//! | `wasmi` | [`WasmiEngine`], [`lower`](mod@lower) | `subvm-wasmi`, `subvm-lower` |
//! | `tiered` | `TieredEngine`, beside both | `subvm-tiered` |
//! | `ledger`, `postgres` | [`ledger`]: storage in redb, or in PostgreSQL | `subvm-ledger` |
//! | `modules` | [`modules`], [`web`], [`model`]: what non-deterministic code may ask | `subvm-modules` |
//! | `system` | [`clock`], [`random`]: the operating system's | `subvm-system` |
//! | `pool` | `pool`: runs on a bounded number of threads | `subvm-pool` |
//! | `block` | `block`: the transactions of a block in parallel, with the receipts of one after the other | `subvm-block` |
//! | `replay` | `replay`: recordings of runs, run again and compared | `subvm-replay` |
//! | `symbols` | `symbols`: what people call functions, files and lines from DWARF | `subvm-symbols` |
//! | `look` | `look`: the machine at any tick of a recorded run, and where two of them part | `subvm-look` |
//! | `snapshot` | `snapshot`: modules that have started already | `subvm-snapshot` |
//! | `config` | `config`: the file that says how | `subvm-config` |
//!
//! All but `check`, `wasmi`, `tiered`, `postgres`, `pool`, `block`, `replay`, `look`, `symbols`, `snapshot` and `config` are on by default. Who needs one part takes its crate alone. The command `subvm` is `subvm-cli`.

#[cfg(feature = "block")]
pub use subvm_block as block;
#[cfg(feature = "check")]
pub use subvm_check as check;
#[cfg(feature = "config")]
pub use subvm_config as config;
#[cfg(feature = "ledger")]
pub use subvm_ledger as ledger;
#[cfg(feature = "look")]
pub use subvm_look as look;
#[cfg(feature = "modules")]
pub use subvm_modules::{self as modules, model, web};
#[cfg(any(feature = "wasmtime", feature = "modules"))]
pub use subvm_observe as observe;
#[cfg(feature = "pool")]
pub use subvm_pool as pool;
#[cfg(any(feature = "wasmtime", feature = "wasmi"))]
pub use subvm_profile as profile;
#[cfg(feature = "replay")]
pub use subvm_replay as replay;
#[cfg(feature = "snapshot")]
pub use subvm_snapshot as snapshot;
#[cfg(feature = "symbols")]
pub use subvm_symbols as symbols;
#[cfg(feature = "system")]
pub use subvm_system::{clock, random};
#[cfg(feature = "tiered")]
pub use subvm_tiered::{Begun, TieredEngine};
#[cfg(feature = "wasmi")]
pub use subvm_wasmi::WasmiEngine;
#[cfg(feature = "wasmtime")]
pub use subvm_wasmtime::{
    Codegen, EngineBuilder, FloatState, ModuleEvent, PrepareError, Prepared, WasmtimeEngine, cache, pages,
    restore_for_guests,
};
#[cfg(any(feature = "wasmtime", feature = "wasmi"))]
pub use {subvm_link as link, subvm_lower as lower};
