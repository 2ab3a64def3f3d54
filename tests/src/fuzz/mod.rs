//! The bodies of the fuzz targets, so that stable tests can replay what fuzzing has found.

pub mod calldata;
