//! Where a run's gas and memory went, and which of its code was reached.
//!
//! An engine that is given a [`Watcher`] lowers modules so that they tell of each function that they enter and leave, with the ticks that
//! remain. No tick is sampled and none is lost: what is charged between two of these moments belongs to the function that ran. The run's
//! receipt, ticks, stack and RAM are those of a run that nobody watches, and the profile is the same on every engine and machine.
//!
//! ```
//! use subvm_profile::{Frame, Unit, Watcher};
//! let watcher = Watcher::calls();
//! // What an engine tells: a sub-VM, and function 7 of its first module, which calls the host.
//! watcher.begins(subvm_core::Mode::Deterministic, 1_000);
//! watcher.links([("main", &subvm_core::Wasm::from(vec![]))]);
//! watcher.enter(7, 990);
//! watcher.host_begins("fd_write", 980);
//! watcher.host_ends(900);
//! watcher.leave(895);
//! watcher.ends(895);
//! let profile = watcher.take();
//! assert_eq!(profile.total(Unit::Ticks), 105);
//! let costs: Vec<u64> = profile.nodes().iter().map(|node| node.ticks).collect();
//! assert_eq!(costs, [10, 15, 80], "the sub-VM itself, the function, the host call");
//! assert_eq!(profile.nodes()[1].frame, Frame::Function { module: 0, index: 7 });
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod profile;
mod watcher;
mod write;

pub use profile::{Coverage, Frame, LinkedModule, Node, Profile, Unit};
pub use watcher::{MOST_DEEP, MOST_PATHS, Watcher};
