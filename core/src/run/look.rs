//! What diagnosis sees of a sub-VM that has ended: its descriptors, and what its run has written.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::consensus::receipt::PageWrite;
use crate::fd::{Fd, Object, Source};
use crate::run::sub_vm::SubVm;

impl SubVm {
    /// Its open descriptors by number, each in words for people. No part of any result.
    ///
    /// ```
    /// use subvm_host_mock::{MemoryHost, play};
    /// play(&MemoryHost::new(), |machine| {
    ///     let open = machine.guest().vm.descriptors();
    ///     assert_eq!(open[1], (1, "standard output".to_owned()));
    ///     assert_eq!(open[3], (3, "directory /".to_owned()));
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn descriptors(&self) -> Vec<(u32, String)> {
        let files = &self.package.files;
        let words = |object: &Object| match object {
            Object::Stream(crate::host::Stream::Stdout) => "standard output".into(),
            Object::Stream(crate::host::Stream::Stderr) => "standard error".into(),
            Object::Stream(crate::host::Stream::Trace) => "trace".into(),
            Object::Directory { node, .. } => format!("directory {}", files.path(*node)),
            Object::File(file) => {
                let bytes = file.source.bytes(files).len();
                let what = match &file.source {
                    Source::Tree(node) => format!("file {}", files.path(*node)),
                    Source::Message(_) | Source::Held { .. } => "bytes held".into(),
                    Source::Pending { .. } => "a module's result, not there yet".into(),
                };
                format!("{what}, {bytes} bytes, at {}", file.offset)
            }
        };
        let numbers = (0u32..).take(self.wasi.fds.numbers());
        numbers.filter_map(|fd| Some((fd, words(&self.wasi.fds.get(Fd(fd))?.object)))).collect()
    }

    /// The pages of storage that its run has written so far, ascending by slot, then page.
    ///
    /// # Errors
    /// An internal error when the transaction is elsewhere.
    ///
    /// ```
    /// use subvm_host_mock::{MemoryHost, play};
    /// play(&MemoryHost::new(), |machine| {
    ///     assert!(machine.guest().vm.written()?.is_empty());
    ///     Ok(())
    /// });
    /// ```
    pub fn written(&self) -> Result<Vec<PageWrite>, crate::InternalError> {
        Ok(self.transaction_ref()?.overlay.pages())
    }
}
