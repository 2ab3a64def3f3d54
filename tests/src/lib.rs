//! subvm-tests
