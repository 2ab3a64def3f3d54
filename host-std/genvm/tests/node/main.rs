//! The executor against a node that was written from the protocol's description, in Python: `tests/genvm/host.py`.
#![cfg(unix)]

mod contracts;
mod faults;
mod modules;
mod peers;
mod runs;
