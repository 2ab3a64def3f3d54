//! Where a ledger is, and what is done to one wherever it is.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use subvm_core::state::Digest;

use super::unusable;
use crate::Failure;
use subvm_host_std::ledger::trie::Verified;
use subvm_host_std::ledger::{Dump, Ledger, Pages, RedbLedger, RedbOptions};

/// A ledger that a command names: by its directory, or, with `@` before it, by a file of settings for PostgreSQL.
#[derive(Debug)]
pub(super) enum Place<'p> {
    Directory(&'p Path),
    Settings(PathBuf),
}

impl<'p> Place<'p> {
    pub(super) fn of(path: &'p Path) -> Self {
        // A directory of such a name is `./@name`.
        let settings = path.to_str().and_then(|path| path.strip_prefix('@'));
        settings.map_or(Self::Directory(path), |file| Self::Settings(file.into()))
    }

    /// The directory, where it is one; else what is done there instead.
    pub(super) fn directory(&self, doing: &str, instead: &str) -> Result<&'p Path, Failure> {
        match self {
            Self::Directory(path) => Ok(path),
            Self::Settings(_) => Err(Failure::usage(format_args!("cannot {doing} a ledger in PostgreSQL"), instead)),
        }
    }

    /// Opens a ledger that is there, to be changed. One of an earlier layout is migrated.
    pub(super) fn open(&self, options: RedbOptions) -> Result<Opened, Failure> {
        match self {
            Self::Directory(directory) => Ok(Opened::Redb(Box::new(open(directory, options)?))),
            Self::Settings(file) => postgres::open(file),
        }
    }

    /// Opens a ledger that is there, to be read: nothing is written.
    pub(super) fn read(&self, options: RedbOptions) -> Result<Opened, Failure> {
        match self {
            Self::Directory(directory) => Ok(Opened::Redb(Box::new(read(directory, options)?))),
            Self::Settings(file) => postgres::read(file),
        }
    }

    /// Makes a ledger of a state that was exported.
    pub(super) fn import(&self, from: &mut dyn Read, root: Option<&Digest>) -> Result<Dump, Failure> {
        match self {
            Self::Directory(directory) => RedbLedger::import(directory, from, root).map_err(unusable),
            Self::Settings(file) => postgres::import(file, from, root),
        }
    }
}

/// Opens the ledger of a directory that holds one, to be changed.
pub(super) fn open(directory: &Path, options: RedbOptions) -> Result<RedbLedger, Failure> {
    holds_one(directory)?;
    RedbLedger::open_with(directory, options).map_err(unusable)
}

/// The same, to be read.
pub(super) fn read(directory: &Path, options: RedbOptions) -> Result<RedbLedger, Failure> {
    holds_one(directory)?;
    RedbLedger::open_read_only(directory, options).map_err(unusable)
}

fn holds_one(directory: &Path) -> Result<(), Failure> {
    if directory.join(RedbLedger::FILE).try_exists().unwrap_or(true) {
        return Ok(());
    }
    let what = format_args!("there is no ledger in {}", directory.display());
    Err(Failure::usage(what, format_args!("name the directory that holds {}", RedbLedger::FILE)))
}

/// An open ledger.
pub(super) enum Opened {
    Redb(Box<RedbLedger>),
    #[cfg(feature = "postgres")]
    Postgres(Box<subvm_host_std::ledger::PostgresLedger>),
}

impl Opened {
    pub(super) fn ledger(&mut self) -> &mut dyn Ledger {
        match self {
            Self::Redb(ledger) => &mut **ledger,
            #[cfg(feature = "postgres")]
            Self::Postgres(ledger) => &mut **ledger,
        }
    }

    pub(super) fn pages(&mut self) -> Result<Pages, Failure> {
        match self {
            Self::Redb(ledger) => ledger.snapshot().and_then(|snapshot| snapshot.pages()),
            #[cfg(feature = "postgres")]
            Self::Postgres(ledger) => ledger.pages(),
        }
        .map_err(unusable)
    }

    pub(super) fn verify(&mut self) -> Result<Verified, Failure> {
        match self {
            Self::Redb(ledger) => ledger.snapshot().and_then(|snapshot| snapshot.verify()),
            #[cfg(feature = "postgres")]
            Self::Postgres(ledger) => ledger.verify(),
        }
        .map_err(unusable)
    }

    pub(super) fn export(&mut self, height: u64, out: &mut dyn Write) -> Result<Dump, Failure> {
        match self {
            Self::Redb(ledger) => ledger.snapshot().and_then(|snapshot| snapshot.export(height, out)),
            #[cfg(feature = "postgres")]
            Self::Postgres(ledger) => ledger.export(height, out),
        }
        .map_err(unusable)
    }
}

/// The settings that a file holds. They may be secret, and are never shown.
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "a build without PostgreSQL reads none"))]
fn settings(file: &Path) -> Result<String, Failure> {
    let read = fs::read_to_string(file);
    let text = read.map_err(|error| Failure::usage(format_args!("cannot read {}", file.display()), error))?;
    // Its lines are the parser's to read: what is quoted, a password for one, may hold spaces.
    Ok(text.trim().to_owned())
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::io::Read;
    use std::path::Path;

    use subvm_core::state::Digest;
    use subvm_host_std::ledger::{Dump, PostgresLedger};

    use super::{Opened, settings, unusable};
    use crate::Failure;

    pub(super) fn open(file: &Path) -> Result<Opened, Failure> {
        let ledger = PostgresLedger::connect_to_existing(&settings(file)?).map_err(unusable)?;
        // What is pruned or kept is the node's to say: nothing here finalizes.
        Ok(Opened::Postgres(Box::new(ledger)))
    }

    pub(super) fn read(file: &Path) -> Result<Opened, Failure> {
        let ledger = PostgresLedger::connect_read_only(&settings(file)?).map_err(unusable)?;
        Ok(Opened::Postgres(Box::new(ledger)))
    }

    pub(super) fn import(file: &Path, from: &mut dyn Read, root: Option<&Digest>) -> Result<Dump, Failure> {
        PostgresLedger::import(&settings(file)?, from, root).map_err(unusable)
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    use std::io::Read;
    use std::path::Path;

    use subvm_core::state::Digest;
    use subvm_host_std::ledger::Dump;

    use super::Opened;
    use crate::Failure;

    fn lacking(file: &Path) -> Failure {
        let instead = "this build lacks PostgreSQL: build it with `--features postgres`, or name a directory";
        Failure::usage(format_args!("cannot use @{}", file.display()), instead)
    }

    pub(super) fn open(file: &Path) -> Result<Opened, Failure> {
        Err(lacking(file))
    }

    pub(super) fn read(file: &Path) -> Result<Opened, Failure> {
        Err(lacking(file))
    }

    pub(super) fn import(file: &Path, _: &mut dyn Read, _: Option<&Digest>) -> Result<Dump, Failure> {
        Err(lacking(file))
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_in_settings_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("chain.conn");
        fs::write(&file, "host=/run/postgresql\nuser=subvm password='two  spaces,\ta tab'\n").unwrap();
        let settings = settings(&file).unwrap();
        assert!(settings.contains("password='two  spaces,\ta tab'"), "{settings:?}");
        assert!(settings.ends_with('\''), "no end of line, which an address would take for a part of itself");
    }
}
