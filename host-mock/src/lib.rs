//! subvm-host-mock
