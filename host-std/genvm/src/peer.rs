//! Whom an executor connects to, and what goes wrong there.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a node or a module listens.
///
/// ```
/// use subvm_genvm::Peer;
/// assert_eq!("fd://5".parse(), Ok(Peer::Fd(5)));
/// assert!("wss://example.org".parse::<Peer>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// `unix://<path>`.
    Unix(PathBuf),
    /// `fd://<number>`: a connected socket that this process was started with.
    Fd(RawFd),
    /// `<host>:<port>`.
    Tcp(String),
}

/// A text that names no peer.
///
/// ```
/// use subvm_genvm::Peer;
/// let error = "nowhere".parse::<Peer>().unwrap_err();
/// assert_eq!(error.to_string(), r#""nowhere" is neither unix://<path>, fd://<number> nor <host>:<port>"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongPeer(String);

impl fmt::Display for WrongPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither unix://<path>, fd://<number> nor <host>:<port>", self.0)
    }
}

impl std::error::Error for WrongPeer {}

impl FromStr for Peer {
    type Err = WrongPeer;

    fn from_str(text: &str) -> Result<Self, WrongPeer> {
        let wrong = || WrongPeer(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        if let Some(number) = text.strip_prefix("fd://") {
            // Standard streams are no sockets of a node's.
            return number.parse().ok().filter(|fd| *fd > 2).map(Self::Fd).ok_or_else(wrong);
        }
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
            Some(_) => Ok(Self::Tcp(text.to_owned())),
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Fd(number) => write!(f, "fd://{number}"),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// What went wrong with a peer: who, in which method or frame, at which byte of what it sent.
///
/// ```
/// use subvm_genvm::PeerError;
/// let error = PeerError { peer: "host 0 at fd://5".into(), what: "storage_read", at: 1, why: "it closed the connection".into() };
/// assert_eq!(error.to_string(), "host 0 at fd://5: storage_read, byte 1 of the answer: it closed the connection");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerError {
    /// Who.
    pub peer: String,
    /// The method or the kind of frame.
    pub what: &'static str,
    /// Bytes of the answer that were read.
    pub at: u64,
    /// Why.
    pub why: String,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, what, at, why } = self;
        write!(f, "{peer}: {what}, byte {at} of the answer: {why}")
    }
}

impl std::error::Error for PeerError {}
