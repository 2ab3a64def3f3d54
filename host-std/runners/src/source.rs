//! Where runners come from.

use std::sync::Arc;

use subvm_core::{Address, SlotId};

use crate::id::View;

/// Why a runner cannot be had on this node.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Has runners. What it gives under a digest is checked by who asks.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::{Address, SlotId};
/// use subvm_runners::{Source, SourceError, View};
///
/// /// One runner, and no chain.
/// struct One(Arc<[u8]>);
///
/// impl Source for One {
///     fn named(&mut self, _: &str, digest: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError> {
///         Ok((subvm_runners::sha2_256(&self.0) == *digest).then(|| self.0.clone()))
///     }
///     fn tagged(&mut self, _: &str, _: &str) -> Result<Option<[u8; 32]>, SourceError> {
///         Ok(None)
///     }
///     fn chain(&mut self, _: &Address, _: View, _: Option<&SlotId>) -> Result<Option<Arc<[u8]>>, SourceError> {
///         Ok(None)
///     }
/// }
/// # let _ = One(Arc::from(&b""[..]));
/// ```
pub trait Source {
    /// The archive of this name and SHA-256.
    ///
    /// # Errors
    /// Where it may be there and cannot be read.
    fn named(&mut self, name: &str, digest: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError>;

    /// The digest of the archive that `name:tag` stands for, where this source allows names that float.
    ///
    /// # Errors
    /// Where it allows them, and cannot say.
    fn tagged(&mut self, name: &str, tag: &str) -> Result<Option<[u8; 32]>, SourceError>;

    /// The code at an address and a slot; at the contract's own, where none is said.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn chain(&mut self, address: &Address, view: View, slot: Option<&SlotId>)
    -> Result<Option<Arc<[u8]>>, SourceError>;
}

/// A source that has nothing.
///
/// ```
/// use subvm_runners::{Nowhere, Source};
/// assert!(Nowhere.named("py-genlayer", &[0; 32])?.is_none());
/// # Ok::<(), subvm_runners::SourceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Source for Nowhere {
    fn named(&mut self, _: &str, _: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError> {
        Ok(None)
    }

    fn tagged(&mut self, _: &str, _: &str) -> Result<Option<[u8; 32]>, SourceError> {
        Ok(None)
    }

    fn chain(&mut self, _: &Address, _: View, _: Option<&SlotId>) -> Result<Option<Arc<[u8]>>, SourceError> {
        Ok(None)
    }
}
