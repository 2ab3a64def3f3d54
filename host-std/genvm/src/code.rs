//! Contracts' code, from their storage, and the runners that it names.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use subvm_core::host::{Code, HostError};
use subvm_core::{Address, Invalid, Mode, Package, Params, Profile, SlotId};
use subvm_runners::root::{Layout, RootError, code_at};
use subvm_runners::{Blame, Charge, Loader, Registry, RunnerError, Source, SourceError, View};

use crate::execute::Line;
use crate::host::{Answer, Hosts, Status};
use crate::peer::PeerError;

/// Bytes of a contract's code.
const CODE: u32 = 128 << 20;

/// Why the host gave no bytes.
#[derive(Debug)]
pub(crate) enum Unread {
    Peer(PeerError),
    Refused(Status),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(error) => write!(f, "{error}"),
            Self::Refused(status) => write!(f, "storage_read: the host answered {status:?}"),
        }
    }
}

impl std::error::Error for Unread {}

/// Reads a contract's storage over the socket.
pub(crate) fn read(
    hosts: &Mutex<Hosts>,
    view: u8,
    address: Address,
) -> impl FnMut(&SlotId, u32, &mut [u8]) -> Result<(), Unread> {
    move |slot, index, into| {
        let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let answer: Answer<()> = hosts.storage_read(view, &address, slot, index, into).map_err(Unread::Peer)?;
        answer.map_err(Unread::Refused)
    }
}

impl Line {
    /// Whose rules contracts find.
    pub(crate) fn profile(self) -> Profile {
        match self {
            Self::V0_2 => Profile::GenVm0_2,
            Self::V0_3 => Profile::GenVm0_3,
        }
    }

    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::V0_2 => Layout::V0_2,
            Self::V0_3 => Layout::V0_3,
        }
    }
}

/// Runners of a directory, and of the chain.
#[derive(Debug)]
pub(crate) struct Runners {
    pub(crate) registry: Option<Registry>,
    pub(crate) hosts: Arc<Mutex<Hosts>>,
    pub(crate) layout: Layout,
}

impl Source for Runners {
    fn named(&mut self, name: &str, digest: &[u8; 32]) -> Result<Option<Arc<[u8]>>, SourceError> {
        self.registry.as_mut().map_or(Ok(None), |registry| registry.named(name, digest))
    }

    fn tagged(&mut self, name: &str, tag: &str) -> Result<Option<[u8; 32]>, SourceError> {
        self.registry.as_mut().map_or(Ok(None), |registry| registry.tagged(name, tag))
    }

    fn chain(
        &mut self,
        address: &Address,
        view: View,
        slot: Option<&SlotId>,
    ) -> Result<Option<Arc<[u8]>>, SourceError> {
        let view = match view {
            View::Own => 0,
            View::Finalized => 1,
            View::Accepted => 2,
        };
        let mut read = read(&self.hosts, view, *address);
        let code = match slot {
            Some(slot) => code_at(slot, &mut read, CODE),
            None => self.layout.code(&mut read, CODE),
        };
        Ok(code?.map(Arc::from))
    }
}

/// Makes packages of contracts' code.
#[derive(Debug)]
pub(crate) struct Codes {
    pub(crate) loader: Loader<Runners>,
    pub(crate) params: Arc<Params>,
}

/// A contract's code as it was loaded.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) code: Code,
    /// Why, for people.
    pub(crate) why: Option<String>,
    pub(crate) charges: Vec<Charge>,
}

impl Found {
    pub(crate) fn malformed(invalid: Invalid, why: String) -> Self {
        Self { code: Code::Malformed(invalid), why: Some(why), charges: Vec::new() }
    }
}

impl Codes {
    /// What these bytes come to; nothing where there are none.
    ///
    /// # Errors
    /// Where this node cannot load what others may.
    pub(crate) fn found(&mut self, code: Option<&[u8]>) -> Result<Found, HostError> {
        let Some(code) = code else {
            let why = "there is no code at the contract's address".to_owned();
            return Ok(Found::malformed(Invalid::RunnerAbsent, why));
        };
        // subvm's own form.
        if code.starts_with(b"subvm") {
            return Ok(match Package::from_bundle(code) {
                Ok(package) => Found { code: Code::Package(package.into()), why: None, charges: Vec::new() },
                Err(error) => Found::malformed(Invalid::RunnerMalformed, error.to_string()),
            });
        }
        let loaded = match self.loader.contract(code, Mode::Deterministic) {
            Ok(loaded) => loaded,
            Err(error) => return refused(error),
        };
        Ok(match loaded.parts.check(&self.params.refused_env) {
            Ok(package) => Found { code: Code::Package(package.into()), why: None, charges: loaded.charges },
            Err(error) => return refused(RunnerError::Package(error)),
        })
    }

    /// What stands at an address, as `view` sees it.
    pub(crate) fn at(
        &mut self,
        hosts: &Mutex<Hosts>,
        layout: Layout,
        view: u8,
        address: Address,
    ) -> Result<Found, HostError> {
        let code = layout.code(&mut read(hosts, view, address), CODE);
        match code {
            Ok(code) => self.found(code.as_deref()),
            Err(error) => unreadable(error),
        }
    }
}

fn refused(error: RunnerError) -> Result<Found, HostError> {
    match error.blame() {
        Blame::Contract(invalid) => Ok(Found::malformed(invalid, error.to_string())),
        Blame::Node => Err(error.into()),
    }
}

/// What a root slot that cannot be read comes to: the contract's fault where its counts are wrong.
pub(crate) fn unreadable(error: RootError<Unread>) -> Result<Found, HostError> {
    match error {
        RootError::Storage(error) => Err(error.into()),
        error => Ok(Found::malformed(Invalid::RunnerMalformed, error.to_string())),
    }
}
