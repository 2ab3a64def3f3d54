//! Flags and enums of `typenames.witx`, taken from what a guest passes: what is not of them is `Inval`.

use crate::errno::Errno;
use crate::fd::Rights;

bitflags::bitflags! {
    /// How `path_open` opens.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Oflags: u32 {
        const CREAT = 1 << 0;
        const DIRECTORY = 1 << 1;
        const EXCL = 1 << 2;
        const TRUNC = 1 << 3;
    }
}

bitflags::bitflags! {
    /// What `path_open` accepts beside: append, dsync, nonblock, rsync, sync; none of them does anything.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Fdflags: u32 {
        const ALL = 0b1_1111;
    }
}

bitflags::bitflags! {
    /// How a path is looked up: following symbolic links, of which there are none.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Lookupflags: u32 {
        const SYMLINK_FOLLOW = 1 << 0;
    }
}

impl Oflags {
    pub(crate) fn parse(bits: u32) -> Result<Self, Errno> {
        Self::from_bits(bits).ok_or(Errno::Inval)
    }
}

impl Fdflags {
    pub(crate) fn parse(bits: u32) -> Result<Self, Errno> {
        Self::from_bits(bits).ok_or(Errno::Inval)
    }
}

impl Lookupflags {
    pub(crate) fn parse(bits: u32) -> Result<Self, Errno> {
        Self::from_bits(bits).ok_or(Errno::Inval)
    }
}

impl Rights {
    pub(crate) fn parse(bits: u64) -> Result<Self, Errno> {
        Self::from_bits(bits).ok_or(Errno::Inval)
    }
}

/// What an offset is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whence {
    Set,
    Cur,
    End,
}

impl Whence {
    pub(crate) fn parse(number: u32) -> Result<Self, Errno> {
        match number {
            0 => Ok(Self::Set),
            1 => Ok(Self::Cur),
            2 => Ok(Self::End),
            _ => Err(Errno::Inval),
        }
    }
}

/// The kinds of file there are here, by their numbers in `typenames.witx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Filetype {
    Unknown = 0,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
}
