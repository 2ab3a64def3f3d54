//! What runners are called.

use std::fmt;

use sha2::Digest as _;
use subvm_core::{Address, SlotId};

use crate::excerpt::excerpt;
use crate::gvm32;

/// The name of a runner: what it is, by content, but for what stands on the chain.
///
/// ```
/// use subvm_runners::{Known, RunnerId};
/// let id = RunnerId::parse(&format!("py-genlayer:{}", "0".repeat(52)), Known::Gvm32)?;
/// assert_eq!(id, RunnerId::Named { name: "py-genlayer".into(), digest: [0; 32] });
/// let floating = RunnerId::parse("py-genlayer:test", Known::Gvm32)?;
/// assert!(matches!(floating, RunnerId::Tag { .. }));
/// # Ok::<(), subvm_runners::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunnerId {
    /// `<name>:<digest>`, by the SHA-256 of its archive.
    Named {
        /// `[a-zA-Z0-9_-]+`.
        name: String,
        /// SHA-256 of the archive.
        digest: [u8; 32],
    },
    /// `<name>:latest` and `<name>:test`: whatever there is. For developers: no two nodes need have the same.
    Tag {
        /// `[a-zA-Z0-9_-]+`.
        name: String,
        /// `latest` or `test`.
        tag: &'static str,
    },
    /// `contract`: the contract that runs.
    Contract,
    /// `chain:0x<address>[:<a|f>[:<slot>]]`: what stands on the chain.
    Chain {
        /// Whose storage.
        address: Address,
        /// In which state.
        view: View,
        /// At which slot; where the contract keeps its code, where none is said.
        slot: Option<SlotId>,
    },
    /// `custom:<digest>`: what the running contract registered, by its SHA3-256.
    Custom {
        /// SHA3-256 of its bytes.
        digest: [u8; 32],
    },
}

/// The state that a `chain:` id reads.
///
/// ```
/// use subvm_runners::{Known, RunnerId, View};
/// let id = RunnerId::parse(&format!("chain:0x{}:f", "00".repeat(20)), Known::Gvm32).unwrap();
/// assert!(matches!(id, RunnerId::Chain { view: View::Finalized, .. }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The run's own: none was said.
    #[default]
    Own,
    /// `a`: accepted.
    Accepted,
    /// `f`: finalized.
    Finalized,
}

/// How ids write digests.
///
/// ```
/// use subvm_runners::{Known, RunnerId};
/// // Nix's alphabet has `i`, GVM32 has `j`.
/// let id = format!("a:{}i", "0".repeat(51));
/// assert!(RunnerId::parse(&id, Known::Nix32).is_ok());
/// assert!(RunnerId::parse(&id, Known::Gvm32).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// In GVM32, as GenVM 0.3 does.
    #[default]
    Gvm32,
    /// In Nix's base 32, as GenVM 0.1 and 0.2 do; `custom:` is not known.
    Nix32,
}

impl RunnerId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`IdError`], which says what is wrong with which part.
    pub fn parse(text: &str, known: Known) -> Result<Self, IdError> {
        let wrong = |why| IdError { id: excerpt(text), why };
        if text == "contract" {
            return Ok(Self::Contract);
        }
        let (name, rest) = text.split_once(':').ok_or_else(|| wrong("it is not <name>:<digest>"))?;
        let digest = |text: &str| match known {
            Known::Gvm32 => gvm32::decode(text).ok_or("its digest is not 52 characters of GVM32"),
            Known::Nix32 => gvm32::decode_nix(text).ok_or("its digest is not 52 characters of Nix's base 32"),
        };
        match (name, known) {
            ("chain", _) => chain(rest).map_err(wrong),
            ("custom", Known::Gvm32) => Ok(Self::Custom { digest: digest(rest).map_err(wrong)? }),
            _ if !is_name(name) => Err(wrong("its name is not of ASCII letters, digits, _ and -")),
            _ => match rest {
                "latest" => Ok(Self::Tag { name: name.into(), tag: "latest" }),
                "test" => Ok(Self::Tag { name: name.into(), tag: "test" }),
                _ => Ok(Self::Named { name: name.into(), digest: digest(rest).map_err(wrong)? }),
            },
        }
    }

    /// The id of what a contract registers.
    ///
    /// ```
    /// use subvm_runners::RunnerId;
    /// assert_eq!(RunnerId::custom(b"").to_string(), "custom:mzzwdy5z3vbpcme18xba0repcbtr1ztdwgxmkym2v054q07r8d50");
    /// ```
    #[must_use]
    pub fn custom(code: &[u8]) -> Self {
        Self::Custom { digest: sha3_256(&[code]) }
    }

    /// The id of an archive under a name.
    #[must_use]
    pub fn named(name: &str, archive: &[u8]) -> Self {
        Self::Named { name: name.into(), digest: sha2_256(archive) }
    }
}

/// The id in the form of GenVM 0.3.
impl fmt::Display for RunnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { name, digest } => write!(f, "{name}:{}", gvm32::encode(digest)),
            Self::Tag { name, tag } => write!(f, "{name}:{tag}"),
            Self::Contract => f.write_str("contract"),
            Self::Custom { digest } => write!(f, "custom:{}", gvm32::encode(digest)),
            Self::Chain { address, view, slot } => {
                f.write_str("chain:0x")?;
                address.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                match (view, slot) {
                    (View::Own, _) => Ok(()),
                    (View::Accepted, None) => f.write_str(":a"),
                    (View::Finalized, None) => f.write_str(":f"),
                    (View::Accepted, Some(slot)) => write!(f, ":a:{}", gvm32::encode(&slot.0)),
                    (View::Finalized, Some(slot)) => write!(f, ":f:{}", gvm32::encode(&slot.0)),
                }
            }
        }
    }
}

fn chain(text: &str) -> Result<RunnerId, &'static str> {
    let mut parts = text.split(':');
    let digits =
        parts.next().and_then(|address| address.strip_prefix("0x")).ok_or("its address does not begin with 0x")?;
    let address = address(digits).ok_or("its address is not of 40 hexadecimal digits")?;
    let view = match parts.next() {
        None => View::Own,
        Some("a") => View::Accepted,
        Some("f") => View::Finalized,
        Some(_) => return Err("its state is neither a nor f"),
    };
    let slot = match parts.next() {
        None => None,
        Some(slot) => Some(SlotId(gvm32::decode(slot).ok_or("its slot is not 52 characters of GVM32")?)),
    };
    match parts.next() {
        None => Ok(RunnerId::Chain { address, view, slot }),
        Some(_) => Err("something follows its slot"),
    }
}

fn address(digits: &str) -> Option<Address> {
    let mut address = [0; 20];
    if digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in address.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(Address(address))
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// SHA3-256 of parts, one after another.
///
/// ```
/// assert_eq!(subvm_runners::sha3_256(&[b"a", b"b"]), subvm_runners::sha3_256(&[b"ab"]));
/// ```
#[must_use]
pub fn sha3_256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = sha3::Sha3_256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// SHA-256 of bytes.
///
/// ```
/// assert_eq!(subvm_runners::sha2_256(b"")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
/// ```
#[must_use]
pub fn sha2_256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// Why a text is no runner's id.
///
/// ```
/// use subvm_runners::{Known, RunnerId};
/// let error = RunnerId::parse("../etc:x", Known::Gvm32).unwrap_err();
/// assert_eq!(error.to_string(), r#"the runner id "../etc:x": its name is not of ASCII letters, digits, _ and -"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdError {
    /// What was written, its beginning.
    pub id: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the runner id {:?}: {}", self.id, self.why)
    }
}

impl std::error::Error for IdError {}
