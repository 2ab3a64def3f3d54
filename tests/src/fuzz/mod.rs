//! Fuzz bodies: each takes octets and panics when a property does not hold. Fuzz targets call them, and tests replay them
//! on stable.

pub mod float_programs;
pub mod lowering;
