//! Bisection and looking: a fault in an engine is found at its instruction, on whatever engine, and who looks changes nothing.

mod faults;
mod looks;
mod support;
