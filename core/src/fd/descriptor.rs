//! What a descriptor refers to.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::costs::budget::Ram;
use crate::fd::{Fd, Rights};
use crate::host::{Modules, RequestId, Stream};
use crate::vfs::{NodeId, Tree};

/// What a `gl_call` gives a descriptor for.
///
/// ```
/// use subvm_core::{Ram, costs::Limits, fd::Content, wasi::{Config, State}};
/// let mut ram = Ram::new(1000);
/// # let config = Config {
/// #     mode: subvm_core::Mode::Deterministic,
/// #     stdin: b""[..].into(),
/// #     files: subvm_core::vfs::Tree::builder().build().into(),
/// #     args: Default::default(),
/// #     env: Default::default(),
/// #     personality: Default::default(),
/// #     now: 0,
/// #     schedule: &subvm_core::costs::instructions::Schedule::V1,
/// # };
/// let mut state = State::new(config, &mut ram).unwrap();
/// let fd = state.attach(Content::Bytes(b"\x00\x00"[..].into()), &mut ram, &Limits::default()).unwrap();
/// assert_eq!(fd.0, 4, "the first number that is free");
/// ```
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes that are there.
    Bytes(Vec<u8>),
    /// The result of a module request that still runs. The first call that needs its bytes or its size waits for it.
    Pending {
        /// The request.
        id: RequestId,
        /// Bytes of RAM that the node holds for the request until its result is there, or it is given up.
        held: u64,
    },
}

/// One open descriptor.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// The rights that it reports.
    pub(crate) base: Rights,
    /// The rights that those opened through it may report.
    pub(crate) inheriting: Rights,
    /// What it may be used for: what it reports, and what a personality allows beside.
    pub(crate) allowed: Rights,
    /// What it refers to.
    pub(crate) object: Object,
}

/// What can be referred to. With a tag of its own, as what is inside: calls tell kinds apart in one comparison, where one that is hidden in a
/// vector's capacity takes seven instructions.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Object {
    /// Standard output or standard error.
    Stream(Stream),
    /// Bytes, with an offset of this descriptor's own.
    File(File),
    /// A directory of the tree.
    Directory {
        /// Which.
        node: NodeId,
        /// The number that it had at the start; nothing for what was opened since.
        initial: Option<Fd>,
    },
}

/// Bytes with an offset.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: Source,
    pub(crate) offset: u64,
}

/// Where a file's bytes are.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Source {
    /// In the tree.
    Tree(NodeId),
    /// The message, which its sub-VM keeps whatever becomes of this descriptor.
    Message(Arc<Vec<u8>>),
    /// Held by this descriptor, which charged so many bytes of RAM for them.
    Held { bytes: Vec<u8>, charged: u64 },
    /// Not there yet; meanwhile so many bytes of RAM are charged for the request.
    Pending { id: RequestId, charged: u64 },
}

impl Source {
    /// The bytes; none while they are pending.
    #[inline]
    pub(crate) fn bytes<'a>(&'a self, tree: &'a Tree) -> &'a [u8] {
        match self {
            Self::Tree(node) => tree.bytes(*node),
            Self::Message(bytes) => bytes,
            Self::Held { bytes, .. } => bytes,
            Self::Pending { .. } => &[],
        }
    }

    /// Gives back what is held, and gives up what is pending.
    pub(crate) fn give_up(self, ram: &mut Ram, modules: &mut dyn Modules) {
        match self {
            Self::Tree(_) | Self::Message(_) => {}
            Self::Held { charged, .. } => ram.release(charged),
            Self::Pending { id, charged } => {
                modules.cancel(id);
                ram.release(charged);
            }
        }
    }
}

impl Descriptor {
    /// Ends the use of what it refers to.
    pub(crate) fn give_up(self, ram: &mut Ram, modules: &mut dyn Modules) {
        if let Object::File(file) = self.object {
            file.source.give_up(ram, modules);
        }
    }
}
