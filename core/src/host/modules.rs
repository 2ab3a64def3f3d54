//! The web and language models.

use alloc::vec::Vec;
use core::time::Duration;

use super::HostError;

/// A number under which a started request is waited for; unique within a run.
///
/// ```
/// use subvm_core::host::{Modules, RequestId};
/// # let mut host = subvm_host_mock::MemoryHost::new();
/// # (0..2).for_each(|_| host.answer(vec![0]));
/// assert_eq!([host.start(b"\x06")?, host.start(b"\x06")?], [RequestId(0), RequestId(1)]);
/// # Ok::<(), subvm_core::host::HostError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Where a request stands.
///
/// ```
/// use subvm_core::{calldata::{Map, Value}, host::Progress};
/// let result = Value::from(Map::from([("ok", "200")]));
/// let progress = Progress::Ready(result.encode().unwrap());
/// assert_ne!(progress, Progress::Pending);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not done; ask again.
    Pending,
    /// The canonical calldata of its result: `{"ok": ..}` or `{"error": ..}`.
    Ready(Vec<u8>),
}

/// Reaches the web and language models, for non-deterministic mode. Requests overlap: each is started without waiting.
///
/// ```
/// use std::{collections::BTreeMap, time::Duration};
/// use subvm_core::calldata::{Map, Value};
/// use subvm_core::host::{HostError, Modules, Progress, RequestId};
///
/// /// Answers each request at once, with the request.
/// #[derive(Default)]
/// struct Echo { next: u64, done: BTreeMap<RequestId, Vec<u8>> }
///
/// impl Modules for Echo {
///     fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
///         let answer = Value::from(Map::from([("ok", Value::decode(request)?)])).encode()?;
///         let id = RequestId(self.next);
///         self.next += 1;
///         self.done.insert(id, answer);
///         Ok(id)
///     }
///     fn wait(&mut self, id: RequestId, _at_most: Duration) -> Result<Progress, HostError> {
///         self.done.remove(&id).map(Progress::Ready).ok_or_else(|| "spent".into())
///     }
///     fn cancel(&mut self, id: RequestId) {
///         self.done.remove(&id);
///     }
/// }
///
/// let mut echo = Echo::default();
/// let (first, second) = (echo.start(b"\x09")?, echo.start(b"\x11")?);
/// echo.cancel(first);
/// assert_eq!(echo.wait(second, Duration::ZERO)?, Progress::Ready(b"\x0e\x02ok\x11".into()));
/// assert!(echo.wait(second, Duration::ZERO).is_err());
/// # Ok::<(), HostError>(())
/// ```
pub trait Modules: Send + 'static {
    /// Starts a request: its canonical calldata, `{"<name>": {fields}}` as `gl_call` was given it, already checked.
    ///
    /// # Errors
    /// When there is no such module. A module's own failure is a result, `{"error": ..}`.
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError>;

    /// Waits for a started request, `at_most` this long. After `Ready` the number is spent.
    ///
    /// # Errors
    /// When the number was never started, or is spent.
    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError>;

    /// Gives up a started request, whose result nobody will ask for.
    fn cancel(&mut self, id: RequestId);
}
