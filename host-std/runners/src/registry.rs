//! A directory of runners.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use subvm_core::{Address, SlotId};

use crate::bounds::Bounds;
use crate::gvm32;
use crate::id::{View, sha2_256};
use crate::source::{Source, SourceError};

/// The endings that archives have, in the order in which they are looked for.
const ENDINGS: [&str; 2] = ["tar", "zip"];

/// Runners in a directory: `<name>/<2 characters>/<50 characters>.tar` or `.zip`, the 52 characters being the SHA-256 of the archive in GVM32.
///
/// An archive is read anew at each load, and [`Loader`](crate::Loader) compares its digest, so that one that changed on disk is noticed.
///
/// ```
/// use subvm_core::Mode;
/// use subvm_runners::{Loader, Registry};
/// # let dir = tempfile::tempdir()?;
/// let mut registry = Registry::open(dir.path())?;
/// let runner = b"\0asm\x01\0\0\0";
/// let id = registry.add("bare", runner)?;
/// let contract = format!("# {{ \"Depends\": \"{id}\" }}");
/// let loaded = Loader::new(registry).contract(contract.as_bytes(), Mode::Deterministic)?;
/// assert_eq!(*loaded.parts.start, *runner);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    directory: PathBuf,
    most: usize,
    floating: bool,
    nix: bool,
}

impl Registry {
    /// The registry in a directory that is there.
    ///
    /// # Errors
    /// Where it is not, or is no directory.
    pub fn open(directory: &Path) -> io::Result<Self> {
        if !fs::metadata(directory)?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "a registry of runners is a directory"));
        }
        Ok(Self { directory: directory.to_owned(), most: Bounds::default().bytes, floating: false, nix: false })
    }

    /// With files that Nix's base 32 names, as GenVM 0.1 and 0.2 have them.
    #[must_use]
    pub fn nix(self) -> Self {
        Self { nix: true, ..self }
    }

    /// With names that float: `<name>:latest` and `<name>:test` stand for the one archive of that name. For developers: what it stands for is
    /// this directory's, and no chain's.
    ///
    /// ```
    /// use subvm_runners::{Registry, Source};
    /// # let dir = tempfile::tempdir()?;
    /// let mut registry = Registry::open(dir.path())?;
    /// registry.add("one", b"\0asm\x01\0\0\0")?;
    /// assert!(registry.tagged("one", "test").unwrap().is_none());
    /// assert!(registry.floating().tagged("one", "test").unwrap().is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn floating(self) -> Self {
        Self { floating: true, ..self }
    }

    /// Puts an archive, or a module, under a name, and gives its id.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&mut self, name: &str, archive: &[u8]) -> io::Result<crate::RunnerId> {
        let id = crate::RunnerId::named(name, archive);
        if !crate::id::is_name(name) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a runner's name is of ASCII letters, digits, _ and -",
            ));
        }
        let ending = if archive.starts_with(b"PK") { "zip" } else { "tar" };
        let path = self.path(name, &sha2_256(archive), ending);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Under another name first: nobody reads half of it.
        let part = path.with_extension("part");
        fs::write(&part, archive)?;
        fs::rename(&part, &path)?;
        Ok(id)
    }

    fn path(&self, name: &str, digest: &[u8; 32], ending: &str) -> PathBuf {
        let text = if self.nix { gvm32::encode_nix(digest) } else { gvm32::encode(digest) };
        let (folder, file) = text.split_at_checked(2).unwrap_or((&text, ""));
        self.directory.join(name).join(folder).join(format!("{file}.{ending}"))
    }

    /// A regular file of no more bytes than an archive may have.
    fn read(&self, path: &Path) -> io::Result<Option<Arc<[u8]>>> {
        let wrong = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display())));
        // A pipe must not make it wait.
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return wrong(error.to_string()),
            Ok(found) if !found.is_file() => return wrong("it is no regular file".into()),
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(self.most as u64 + 1).read_to_end(&mut bytes));
        match read {
            Err(error) => wrong(error.to_string()),
            Ok(_) if bytes.len() > self.most => wrong(format!("it has more than {} bytes", self.most)),
            Ok(_) => Ok(Some(bytes.into())),
        }
    }

    /// The digests of all archives under a name.
    fn all(&self, name: &str) -> io::Result<Vec<[u8; 32]>> {
        let mut found = Vec::new();
        for folder in fs::read_dir(self.directory.join(name))? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let path = file?.path();
                let ending = path.extension().and_then(|ending| ending.to_str());
                if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
                    continue;
                }
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = format!("{}{stem}", folder.file_name().to_string_lossy());
                found.extend(if self.nix { gvm32::decode_nix(&text) } else { gvm32::decode(&text) });
            }
        }
        Ok(found)
    }
}

impl Source for Registry {
    fn named(&mut self, name: &str, digest: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError> {
        for ending in ENDINGS {
            if let Some(bytes) = self.read(&self.path(name, digest, ending))? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn tagged(&mut self, name: &str, tag: &str) -> Result<Option<[u8; 32]>, SourceError> {
        if !self.floating {
            return Ok(None);
        }
        let place = self.directory.join(name);
        match self.all(name).map_err(|error| format!("{}: {error}", place.display()))?.as_slice() {
            [one] => Ok(Some(*one)),
            [] => Err(format!("{} holds no archive that {name}:{tag} could stand for", place.display()).into()),
            many => {
                Err(format!("{} holds {} archives: say which, as {name}:<digest>", place.display(), many.len()).into())
            }
        }
    }

    fn chain(&mut self, _: &Address, _: View, _: Option<&SlotId>) -> Result<Option<Arc<[u8]>>, SourceError> {
        Ok(None)
    }
}
