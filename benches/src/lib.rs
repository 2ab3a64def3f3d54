//! subvm-benches
