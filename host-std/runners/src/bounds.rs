//! How much a runner may hold.

/// What is refused before it is allocated.
///
/// ```
/// use subvm_runners::{Archive, Bounds};
/// let small = Bounds { bytes: 4, ..Bounds::default() };
/// let error = Archive::read(b"# {}\n"[..].into(), &small).unwrap_err();
/// assert_eq!(error.to_string(), "5 bytes, where a contract or runner has 4 at most");
/// ```
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes of an archive. Nothing is compressed, so that its files have no more.
    pub bytes: usize,
    /// Entries of an archive, those that hide each other counted too.
    pub entries: usize,
    /// Bytes of a name in an archive.
    pub name: usize,
    /// Components of a name.
    pub components: usize,
    /// Bytes of a `runner.json`.
    pub manifest: usize,
    /// Actions within actions.
    pub action_depth: usize,
    /// Actions that a load follows.
    pub actions: usize,
    /// Files that a load maps, each time counted.
    pub mapped: usize,
    /// Runners that a load reads.
    pub runners: usize,
    /// Bytes of a variable, as it stands once others were put in.
    pub variable: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            entries: 65_536,
            name: 4096,
            components: 64,
            manifest: 1 << 20,
            action_depth: 128,
            actions: 65_536,
            mapped: 65_536,
            runners: 256,
            variable: 1 << 20,
        }
    }
}
