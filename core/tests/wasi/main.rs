//! WASI Preview 1, call by call: every cell of the tables in `docs/spec/wasi.md`, under the name of its function.

mod always;
mod clock;
mod config;
mod costs;
mod descriptors;
mod hostile;
mod list;
mod model;
mod observer;
mod offset;
mod paths;
mod pending;
mod personality;
mod pointers;
mod poll;
mod prestat;
mod proc;
mod random;
mod roots;
mod small_scopes;
mod stat;
mod strings;
mod support;
mod table;
mod transfer;
mod tree;
