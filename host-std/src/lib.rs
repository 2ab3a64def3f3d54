//! subvm-host-std
