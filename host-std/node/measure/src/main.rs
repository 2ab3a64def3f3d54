//! `subvm-measure`: what a network of validators costs beside its virtual machine, which `cargo bench --workspace --bench transactions` measures.
//!
//! ```text
//! cargo run --release -p subvm-measure              # all tables
//! cargo run --release -p subvm-measure -- network   # one of them: network, blocks, oracles, parts
//! ```
//!
//! Validators share this process and one thread. Their time is virtual: it goes on by the processor time that each of them takes, as if each had
//! a processor of its own, and by half a millisecond to one and a half for each message. A machine that has much else to do changes little.

use std::process::ExitCode;

mod chain;
mod parts;
mod tables;

fn main() -> ExitCode {
    let tables: [(&str, fn()); 4] = [
        ("network", tables::network),
        ("blocks", tables::blocks),
        ("oracles", tables::oracles),
        ("parts", parts::parts),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| tables.iter().all(|(known, _)| known != name)) {
        eprintln!("subvm-measure: {unknown} is none of its tables: network, blocks, oracles, parts");
        return ExitCode::from(2);
    }
    for (name, table) in tables {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            table();
        }
    }
    ExitCode::SUCCESS
}
