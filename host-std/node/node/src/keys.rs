//! Keys in files: hexadecimal, mode 600, never printed.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use eyre::{Context, bail};

/// The 32 bytes of a secret key. What it prints as holds nothing of them.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one, from the operating system's generator.
    pub(crate) fn new() -> eyre::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| eyre::eyre!("the operating system gives no random bytes: {error}"))?;
        Ok(Self(bytes))
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Writes it to a file that only its owner may read, and that is not there yet.
    pub(crate) fn write(&self, path: &Path) -> eyre::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).wrap_err_with(|| {
            format!("cannot make the key file {}: an existing one is never overwritten", path.display())
        })?;
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).chain(["\n".into()]).collect();
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .wrap_err_with(|| format!("cannot write {}", path.display()))
    }

    /// Reads it, from a file that nobody else may read.
    pub(crate) fn read(path: &Path) -> eyre::Result<Self> {
        let name = path.display();
        let file = fs::File::open(path)
            .wrap_err_with(|| format!("cannot read the key file {name}; `subvm-node key new FILE` makes one"))?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!("the key file {name} has mode {mode:03o}, and others may read it: chmod 600 {name}");
        }
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text).wrap_err_with(|| format!("the key file {name} is no text"))?;
        // What is wrong with it is not repeated: it may be a secret all the same.
        let bytes = hex_bytes(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| eyre::eyre!("the key file {name} does not hold 64 hexadecimal digits"))
    }
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect())?
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_and_is_never_overwritten_or_printed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        let secret = Secret::new().expect("random bytes");
        secret.write(&path).expect("writes");
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(Secret::read(&path).expect("reads").bytes(), secret.bytes());
        assert!(secret.write(&path).unwrap_err().to_string().contains("never overwritten"));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(Secret::read(&path).unwrap_err().to_string().contains("has mode 640"));
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        for text in ["", "abcd", "not hexadecimal, but perhaps secret", &"g".repeat(64), &"0".repeat(66)] {
            let _ = fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("opens");
            file.write_all(text.as_bytes()).expect("writes");
            let error = Secret::read(&path).unwrap_err().to_string();
            assert!(error.ends_with("does not hold 64 hexadecimal digits") && !error.contains("perhaps"), "{error}");
        }
    }

    #[test]
    fn hexadecimal_is_there_and_back() {
        assert_eq!(hex_bytes("00fF"), Some(vec![0, 255]));
        assert_eq!((hex_bytes("0"), hex_bytes("0x"), hex_bytes("é")), (None, None, None));
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
