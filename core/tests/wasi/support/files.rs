//! The reference model's files: a map from path to bytes. Slow, and small enough to be read against `docs/spec/wasi.md` line by line.

use std::collections::{BTreeMap, BTreeSet};

use subvm_core::vfs::MapErrorKind;
use subvm_core::wasi::Errno;

use super::FILES;

/// Files by absolute path. A directory is what a file is below; the root is the empty path.
#[derive(Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

pub(crate) fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub(crate) fn ino(path: &str) -> u64 {
    let path = if path.is_empty() { "/" } else { path };
    u64::from_le_bytes(blake3::hash(path.as_bytes()).as_bytes()[..8].try_into().unwrap())
}

fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

impl Files {
    /// [`FILES`].
    pub(crate) fn usual() -> Self {
        Self(FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.as_bytes().to_vec())).collect())
    }

    pub(crate) fn map(&mut self, path: &str, bytes: &[u8]) -> Result<(), MapErrorKind> {
        if self.is_directory(path) {
            return Err(MapErrorKind::Directory);
        }
        if self.0.keys().any(|file| path.starts_with(&format!("{file}/"))) {
            return Err(MapErrorKind::ThroughFile);
        }
        self.0.insert(path.into(), bytes.into());
        Ok(())
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.0.keys().any(|file| file.starts_with(&format!("{path}/")))
    }

    fn filetype(&self, path: &str) -> u64 {
        if self.is_directory(path) { 3 } else { 4 }
    }

    pub(crate) fn stat(&self, path: &str) -> Vec<u8> {
        let size = self.0.get(path).map_or(0, Vec::len) as u64;
        words(&[1, ino(path), self.filetype(path), 1, size, 0, 0, 0])
    }

    fn children(&self, path: &str) -> BTreeSet<String> {
        let below = self.0.keys().filter_map(|file| file.strip_prefix(&format!("{path}/")));
        below.map(|rest| rest.split('/').next().unwrap().to_owned()).collect()
    }

    pub(crate) fn listing(&self, path: &str) -> Vec<Vec<u8>> {
        let mut entries = vec![(".".to_owned(), path.to_owned()), ("..".to_owned(), parent(path).to_owned())];
        entries.extend(self.children(path).into_iter().map(|name| (name.clone(), format!("{path}/{name}"))));
        let entry = |(k, (name, path)): (usize, &(String, String))| {
            let mut bytes = words(&[k as u64 + 1, ino(path)]);
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend((self.filetype(path) as u32).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes
        };
        entries.iter().enumerate().map(entry).collect()
    }

    /// Where `path` leads from `root`, or the errno, and whether the last component alone is missing.
    pub(crate) fn walk(&self, root: &str, path: &[u8]) -> Result<String, (Errno, bool)> {
        let path = form(path).map_err(|errno| (errno, false))?;
        if path.is_empty() {
            return Err((Errno::Noent, false));
        }
        let components: Vec<&str> = path.split('/').collect();
        let mut below: Vec<&str> = vec![];
        let here = |below: &[&str]| below.iter().fold(root.to_owned(), |path, name| format!("{path}/{name}"));
        for (index, component) in components.iter().enumerate() {
            if !self.is_directory(&here(&below)) {
                return Err((Errno::Notdir, false));
            }
            match *component {
                "" | "." => {}
                ".." if below.is_empty() => return Err((Errno::Notcapable, false)),
                ".." => drop(below.pop()),
                name => {
                    below.push(name);
                    let path = here(&below);
                    if !self.is_directory(&path) && !self.0.contains_key(&path) {
                        return Err((Errno::Noent, index + 1 == components.len()));
                    }
                }
            }
        }
        Ok(here(&below))
    }
}

/// What there is to say against a path before it is walked.
pub(crate) fn form(path: &[u8]) -> Result<&str, Errno> {
    if path.len() > 4096 {
        return Err(Errno::Nametoolong);
    }
    let text = std::str::from_utf8(path).map_err(|_| Errno::Ilseq)?;
    if text.contains('\0') {
        return Err(Errno::Inval);
    }
    if text.split('/').any(|component| component.len() > 255) {
        return Err(Errno::Nametoolong);
    }
    if text.starts_with('/') { Err(Errno::Notcapable) } else { Ok(text) }
}
