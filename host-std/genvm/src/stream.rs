//! Bytes to and from a peer, with a deadline for each exchange.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::peer::{Peer, PeerError};

/// A connection.
#[derive(Debug)]
enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A connection to a peer that is called `name` in errors.
#[derive(Debug)]
pub(crate) struct Stream {
    name: String,
    socket: Socket,
    /// How long one exchange may take.
    patience: Duration,
    /// What went wrong: what comes after it would be taken for another answer.
    broken: Option<PeerError>,
}

/// One exchange: what is asked, until when, and how much of the answer was read.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    stream: &'a mut Stream,
    what: &'static str,
    until: Instant,
    at: u64,
}

impl Stream {
    pub(crate) fn connect(peer: &Peer, name: &str, patience: Duration) -> Result<Self, PeerError> {
        let name = format!("{name} at {peer}");
        let socket = match peer {
            Peer::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
            Peer::Fd(number) => inherited(*number).map(|fd| Socket::Unix(fd.into())),
            Peer::Tcp(address) => tcp(address, patience).map(Socket::Tcp),
        };
        match socket {
            Ok(socket) => Ok(Self { name, socket, patience, broken: None }),
            Err(error) => Err(PeerError { peer: name, what: "connecting", at: 0, why: error.to_string() }),
        }
    }

    /// Begins an exchange.
    pub(crate) fn exchange(&mut self, what: &'static str) -> Exchange<'_> {
        let until = Instant::now() + self.patience;
        Exchange { stream: self, what, until, at: 0 }
    }

    /// Reads what is there, waiting for it so long at most; nothing where nothing came.
    pub(crate) fn read_some(&mut self, into: &mut [u8], at_most: Duration) -> io::Result<usize> {
        // Zero would be no limit.
        self.timeouts(at_most.max(Duration::from_millis(1)))?;
        match self.socket.read(into) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, CLOSED)),
            Err(error) if is_timeout(&error) => Ok(0),
            read => read,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&mut self) {
        let _ = match &self.socket {
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
        };
    }

    fn timeouts(&self, timeout: Duration) -> io::Result<()> {
        match &self.socket {
            Socket::Unix(socket) => {
                socket.set_read_timeout(Some(timeout)).and_then(|()| socket.set_write_timeout(Some(timeout)))
            }
            Socket::Tcp(socket) => {
                socket.set_read_timeout(Some(timeout)).and_then(|()| socket.set_write_timeout(Some(timeout)))
            }
        }
    }
}

const CLOSED: &str = "it closed the connection";

impl Exchange<'_> {
    /// Sends all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), PeerError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = self.within(|socket| socket.write(rest))?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Fills `into` from the answer.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Result<(), PeerError> {
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = self.within(|socket| socket.read(rest))?;
            filled += read;
            self.at += read as u64;
        }
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], PeerError> {
        let mut bytes = [0; N];
        self.receive(&mut bytes).map(|()| bytes)
    }

    /// A length and so many bytes, of which there may be `most`. They are allocated as they come.
    pub(crate) fn slice(&mut self, most: u32) -> Result<Vec<u8>, PeerError> {
        let length = u32::from_le_bytes(self.array()?);
        if length > most {
            return Err(self.wrong(format!("it announces {length} bytes, where {most} are the most")));
        }
        let mut bytes = Vec::new();
        while bytes.len() < length as usize {
            let from = bytes.len();
            bytes.resize((length as usize).min(from + (64 << 10)), 0);
            self.receive(bytes.get_mut(from..).unwrap_or_default())?;
        }
        Ok(bytes)
    }

    /// Something is wrong with the answer, after what was read of it: nothing more is asked of this peer.
    pub(crate) fn wrong(&mut self, why: impl Into<String>) -> PeerError {
        let error = PeerError { peer: self.stream.name.clone(), what: self.what, at: self.at, why: why.into() };
        self.stream.broken.get_or_insert_with(|| error.clone());
        error
    }

    fn within(&mut self, mut call: impl FnMut(&mut Socket) -> io::Result<usize>) -> Result<usize, PeerError> {
        loop {
            if let Some(error) = &self.stream.broken {
                return Err(error.clone());
            }
            let left = self.until.saturating_duration_since(Instant::now());
            let patience = self.stream.patience;
            let late = move || format!("it took longer than {patience:?}");
            if left.is_zero() {
                return Err(self.wrong(late()));
            }
            if let Err(error) = self.stream.timeouts(left) {
                return Err(self.wrong(error.to_string()));
            }
            match call(&mut self.stream.socket) {
                Ok(0) => return Err(self.wrong(CLOSED)),
                Ok(some) => return Ok(some),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(self.wrong(late())),
                Err(error) => return Err(self.wrong(error.to_string())),
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.read(into),
            Self::Tcp(socket) => socket.read(into),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.write(bytes),
            Self::Tcp(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tcp(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A descriptor that this process was started with, as its own. Each is asked for once.
///
/// # Errors
/// Where it is not open.
///
/// ```
/// assert!(subvm_genvm::inherited(9999).is_err());
/// ```
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // Whether it is open. Its number is given on the command line, once, for this purpose.
    std::fs::metadata(format!("/dev/fd/{number}"))
        .map_err(|_| io::Error::new(io::ErrorKind::NotFound, "this process was started without that descriptor"))?;
    // SAFETY: the descriptor is open, was opened by whoever started this process, and is nobody else's here: command lines name each once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
