//! The table of descriptors: a number is an index.

use alloc::vec::Vec;
use core::{iter, mem};

use crate::costs::FD_ALLOCATION;
use crate::costs::budget::Ram;
use crate::fd::{Descriptor, Fd, File, Object, Rights, Source};
use crate::host::{Modules, Stream};
use crate::outcome::{InternalError, Resource};
use crate::room;
use crate::vfs::NodeId;

/// As many numbers are so few bytes that the process has them.
const FEW: usize = 1024;

/// The open descriptors of a sub-VM, and the numbers that may be given again.
///
/// Every number below `slots.len()` is either open or in the free pool, never both: the seed's first invariant. `slots.len() - 1` is its
/// `next_id`, and a number is given again only out of the free pool: the other two.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
    free: Vec<Fd>,
}

impl Table {
    /// Descriptors 0 to 3: `message`, the two streams, the root; and after them the `roots`. Each may be used for what its rights say, and for
    /// what is `beside`.
    pub(crate) fn new(message: Source, beside: Rights, roots: impl Iterator<Item = NodeId>) -> Self {
        let open = |base, inheriting, object| Some(Descriptor { base, inheriting, allowed: base | beside, object });
        let mut slots = Vec::from([
            open(Rights::CONTENT, Rights::empty(), Object::File(File { source: message, offset: 0 })),
            open(Rights::STREAM, Rights::empty(), Object::Stream(Stream::Stdout)),
            open(Rights::STREAM, Rights::empty(), Object::Stream(Stream::Stderr)),
        ]);
        let numbers = (Fd::ROOT.0..).map(Fd);
        slots.extend(
            numbers.zip(iter::once(NodeId::ROOT).chain(roots)).map(|(fd, node)| {
                open(Rights::DIRECTORY, Rights::BELOW, Object::Directory { node, initial: Some(fd) })
            }),
        );
        Self { slots, free: Vec::new() }
    }

    /// The open descriptor of this number.
    #[inline]
    pub(crate) fn get(&self, fd: Fd) -> Option<&Descriptor> {
        self.slots.get(fd.index())?.as_ref()
    }

    /// The open descriptor of this number, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, fd: Fd) -> Option<&mut Descriptor> {
        self.slots.get_mut(fd.index())?.as_mut()
    }

    /// Makes room for one more number, and for all of them to be free.
    ///
    /// # Errors
    /// An internal error where there is none.
    #[inline]
    pub(crate) fn make_room(&mut self) -> Result<(), InternalError> {
        let capacity = self.slots.capacity();
        if self.slots.len() < capacity && capacity <= FEW { Ok(()) } else { self.make_more_room() }
    }

    #[cold]
    fn make_more_room(&mut self) -> Result<(), InternalError> {
        if self.slots.len() == self.slots.capacity() {
            room::grow(&mut self.slots, 1)?;
        }
        // What is freed is few, mostly, and grows small: it must not fail later.
        if self.slots.capacity() > FEW && self.free.capacity() < self.slots.capacity() {
            let all = self.slots.capacity() - self.free.len();
            room::grow(&mut self.free, all)?;
        }
        Ok(())
    }

    /// Gives `descriptor` a number: the one freed last, else the next.
    ///
    /// # Errors
    /// [`Resource::Fds`] where `limit` are open already, [`Resource::Memory`] where the bytes are not there. Nothing has changed then.
    ///
    /// # Cost
    /// `content` bytes of RAM, and [`FD_ALLOCATION`] for a number never used before.
    pub(crate) fn allocate(
        &mut self,
        descriptor: Descriptor,
        content: u64,
        ram: &mut Ram,
        limit: u32,
    ) -> Result<Fd, Resource> {
        if self.open() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Resource::Fds);
        }
        let number = if self.free.is_empty() { FD_ALLOCATION } else { 0 };
        ram.charge(content.saturating_add(number)).map_err(|_| Resource::Memory)?;
        if let Some(fd) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(fd.index())
        {
            *slot = Some(descriptor);
            return Ok(fd);
        }
        let fd = u32::try_from(self.slots.len()).map_err(|_| Resource::Fds)?;
        self.slots.push(Some(descriptor));
        Ok(Fd(fd))
    }

    /// Frees the number; what it referred to is the caller's to give up.
    pub(crate) fn remove(&mut self, fd: Fd) -> Option<Descriptor> {
        let descriptor = self.slots.get_mut(fd.index())?.take()?;
        self.free.push(fd);
        Some(descriptor)
    }

    /// Lets `to` refer to what `from` did and frees `from`; what `to` referred to is the caller's to give up.
    /// Nothing where one of them is not open; they must differ.
    pub(crate) fn renumber(&mut self, from: Fd, to: Fd) -> Option<Descriptor> {
        self.get(to)?;
        let moved = self.remove(from)?;
        self.get_mut(to).map(|slot| mem::replace(slot, moved))
    }

    /// Gives up all requests that are pending. Their descriptors refer to no bytes afterwards.
    pub(crate) fn cancel_pending(&mut self, modules: &mut dyn Modules) {
        for descriptor in self.slots.iter_mut().flatten() {
            if let Object::File(File { source, .. }) = &mut descriptor.object
                && let Source::Pending { id, charged } = *source
            {
                modules.cancel(id);
                *source = Source::Held { bytes: Vec::new(), charged };
            }
        }
    }

    /// How many numbers were ever given: each is below.
    pub(crate) fn numbers(&self) -> usize {
        self.slots.len()
    }

    fn open(&self) -> usize {
        // Every number is either open or free.
        self.slots.len().saturating_sub(self.free.len())
    }
}
