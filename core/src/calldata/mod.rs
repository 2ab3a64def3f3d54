//! Calldata.
