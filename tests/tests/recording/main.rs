//! Recordings: what is recorded is run again to the same end, what is cut or changed is refused or read as far as it goes, and recording
//! changes nothing.

mod compare;
mod damaged;
mod killed;
mod limits;
mod support;
mod trees;
