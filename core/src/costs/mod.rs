//! Every price and every limit, each a named constant.

pub mod instructions;
