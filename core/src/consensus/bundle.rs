//! The bytes of what nodes hand to each other before a run: packages, messages, parameters. Each has one form, and a digest.
//! Source: `docs/spec/bundle.md`.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::consensus::config::Refused;
use crate::consensus::fields::uint;
use crate::consensus::message::{EntryKind, Message};
use crate::consensus::package::{Library, Package, PackageError, Parts};
use crate::consensus::params::{FloatPolicy, Params, Personality};
use crate::consensus::profile::Profile;
use crate::costs::{LIBRARIES, Limits};
use crate::wire::{Read, Source, Wrong, put_bytes, put_uint};
use subvm_calldata::{DecodeError, DecodeLimits, Value};

/// Why bytes are no package, message or parameters.
///
/// ```
/// use subvm_core::{FormatError, Package};
/// assert_eq!(Package::from_bundle(b"\0asm\x01\0\0\0").unwrap_err(), FormatError::NoBundle);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// They do not begin as a bundle does.
    NoBundle,
    /// They are a bundle of another version.
    Version(u8),
    /// They are not canonical calldata.
    Calldata(DecodeError),
    /// The named field is missing or of another shape.
    Field(&'static str),
    /// They are cut, or this is wrong with them.
    Malformed(&'static str),
    /// What they say breaks a rule of packages.
    Package(PackageError),
    /// They say something that has another form.
    NotCanonical,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBundle => {
                f.write_str("not a bundle: it does not begin with \"subvm\"; make one with `subvm bundle pack`")
            }
            Self::Version(found) => {
                write!(f, "a bundle of version {found}, where this release reads version {}", Package::BUNDLE_VERSION)
            }
            Self::Calldata(error) => write!(f, "not canonical calldata: {error}"),
            Self::Field(name) => write!(f, "{name} is missing or malformed"),
            Self::Malformed(why) => f.write_str(why),
            Self::Package(error) => write!(f, "not a package: {error}"),
            Self::NotCanonical => f.write_str("what it says has another form: each has one only"),
        }
    }
}

impl core::error::Error for FormatError {}

impl From<Wrong> for FormatError {
    fn from(wrong: Wrong) -> Self {
        Self::Malformed(match wrong {
            Wrong::Ends => "the bytes end before what they say",
            Wrong::Malformed(why) => why,
        })
    }
}

/// How a bundle begins.
const MAGIC: &[u8; 5] = b"subvm";

impl Package {
    /// The version of bundles.
    pub const BUNDLE_VERSION: u8 = 1;

    /// The package as a *bundle*: what a `DeployContract` carries as `code`, what is kept in a file and sent over a network. `subvm`, a byte
    /// for the version, and [`to_bytes`](Self::to_bytes).
    ///
    /// ```
    /// use subvm_core::{Package, Parts, wasi::Refused};
    /// let parts = Parts { start: b"\0asm\x01\0\0\0"[..].into(), args: vec!["x".into()], ..Parts::default() };
    /// let package = parts.check(&Refused::default()).unwrap();
    /// let back = Package::from_bundle(&package.to_bundle())?;
    /// assert_eq!((back.digest(), back.to_bundle()), (package.digest(), package.to_bundle()));
    /// # Ok::<(), subvm_core::FormatError>(())
    /// ```
    #[must_use]
    pub fn to_bundle(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(Self::BUNDLE_VERSION);
        self.put(&mut bytes);
        bytes
    }

    /// The package of a bundle.
    ///
    /// Which names its environment may not hold is the chain's rule, and is decided where it runs, as everything that lies in its modules.
    ///
    /// # Errors
    /// [`FormatError`], where it is none, or another one has this meaning.
    ///
    /// # Cost
    /// Linear in the bytes, of which it holds less than 500 for each; modules and files are copied once.
    pub fn from_bundle(bytes: &[u8]) -> Result<Self, FormatError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(FormatError::NoBundle)?;
        let (version, rest) = rest.split_first().ok_or(FormatError::NoBundle)?;
        if *version != Self::BUNDLE_VERSION {
            return Err(FormatError::Version(*version));
        }
        Self::from_bytes(rest)
    }

    /// All of the package, as recordings hold it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        put_bytes(bytes, &self.start);
        put_uint(bytes, self.libraries.len() as u64);
        for library in &self.libraries {
            put_bytes(bytes, library.name.as_bytes());
            put_bytes(bytes, &library.wasm);
        }
        let files = self.files.files();
        put_uint(bytes, files.len() as u64);
        for (path, content) in files {
            put_bytes(bytes, path.as_bytes());
            put_bytes(bytes, content);
        }
        let directories = self.files.empty_directories();
        put_uint(bytes, directories.len() as u64);
        directories.iter().for_each(|path| put_bytes(bytes, path.as_bytes()));
        self.put_surroundings(bytes);
    }

    /// Roots, arguments, environment.
    fn put_surroundings(&self, bytes: &mut Vec<u8>) {
        put_uint(bytes, self.files.roots().len() as u64);
        self.files.roots().for_each(|path| put_bytes(bytes, path.as_bytes()));
        put_uint(bytes, self.args.iter().count() as u64);
        self.args.iter().for_each(|arg| put_bytes(bytes, arg.as_bytes()));
        put_uint(bytes, self.env.iter().count() as u64);
        self.env.iter().for_each(|variable| put_bytes(bytes, variable));
    }

    /// The package that has these bytes, and no other.
    ///
    /// # Errors
    /// As [`from_bundle`](Self::from_bundle).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut source = Source(bytes);
        let parts = parts(&mut source)?;
        if !source.0.is_empty() {
            return Err(FormatError::Malformed("bytes follow the package"));
        }
        let package = parts.check(&Refused::new([])).map_err(FormatError::Package)?;
        if package.to_bytes() == bytes { Ok(package) } else { Err(FormatError::NotCanonical) }
    }

    /// The digest by which nodes name it: BLAKE3 of what it is made of, the modules and the tree of files by their own digests.
    ///
    /// # Cost
    /// Modules bring their digests, and a tree of files keeps its own once it was asked for; the rest is short.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = self.start.digest().to_vec();
        put_uint(&mut bytes, self.libraries.len() as u64);
        for library in &self.libraries {
            put_bytes(&mut bytes, library.name.as_bytes());
            bytes.extend_from_slice(library.wasm.digest());
        }
        bytes.extend_from_slice(&self.files.digest());
        self.put_surroundings(&mut bytes);
        *blake3::hash(&bytes).as_bytes()
    }
}

fn parts(source: &mut Source<'_>) -> Read<Parts> {
    let start = Arc::<[u8]>::from(source.bytes()?).into();
    let count = source.uint()?;
    if count > LIBRARIES as u64 {
        return Err(Wrong::Malformed("it has more libraries than a package may"));
    }
    let mut libraries = Vec::new();
    for _ in 0..count {
        libraries.push(Library { name: source.text()?.to_owned(), wasm: Arc::<[u8]>::from(source.bytes()?).into() });
    }
    let files = source.list(|source| Ok((source.text()?.to_owned(), source.bytes()?.into())))?;
    let directories = source.list(|source| Ok(source.text()?.to_owned()))?;
    let roots = source.list(|source| Ok(source.text()?.to_owned()))?;
    let args = source.list(|source| Ok(source.text()?.to_owned()))?;
    let env = source.list(|source| {
        let (name, value) = source.text()?.split_once('=').ok_or(Wrong::Malformed("a variable without ="))?;
        Ok((name.to_owned(), value.to_owned()))
    })?;
    Ok(Parts { start, libraries, files, directories, roots, args, env })
}

impl Message {
    /// The message as nodes hand it to each other: [`to_bytes`](Self::to_bytes) of a main entry, with an empty instant.
    ///
    /// ```
    /// use subvm_core::Message;
    /// let message = Message { chain_id: 61_999.into(), ..Message::default() };
    /// assert_eq!(Message::decode(&message.encode())?, message);
    /// # Ok::<(), subvm_core::FormatError>(())
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_bytes(EntryKind::Main, "", None)
    }

    /// The message that has these bytes, and no other.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let fields = Value::decode_with(bytes, &DecodeLimits::default()).map_err(FormatError::Calldata)?;
        let field = |name: &'static str| fields.get(name).ok_or(FormatError::Field(name));
        let address = |name| field(name)?.as_address().ok_or(FormatError::Field(name));
        let int = |name| field(name)?.as_int().cloned().ok_or(FormatError::Field(name));
        let stack = field("stack")?.as_array().ok_or(FormatError::Field("stack"))?;
        let message = Self {
            contract_address: address("contract_address")?,
            sender_address: address("sender_address")?,
            origin_address: address("origin_address")?,
            // Left out where it was not given.
            signer_address: match fields.get("signer_address") {
                None => None,
                Some(_) => Some(address("signer_address")?),
            },
            stack: stack.iter().map(Value::as_address).collect::<Option<_>>().ok_or(FormatError::Field("stack"))?,
            chain_id: int("chain_id")?,
            value: int("value")?,
            is_init: field("is_init")?.as_bool().ok_or(FormatError::Field("is_init"))?,
            entry_data: field("entry_data")?.as_bytes().ok_or(FormatError::Field("entry_data"))?.to_vec(),
        };
        if message.encode() == bytes { Ok(message) } else { Err(FormatError::NotCanonical) }
    }

    /// BLAKE3 of [`encode`](Self::encode): which message it is. A receipt's is of descriptor 0, which has the instant too.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.encode()).as_bytes()
    }
}

const POLICIES: [FloatPolicy; 3] = [FloatPolicy::Soft, FloatPolicy::Trap, FloatPolicy::Canonical];
const PERSONALITIES: [Personality; 3] = [Personality::Seed, Personality::Program, Personality::GenVm];

impl Params {
    /// The parameters that have these bytes, and no others.
    ///
    /// ```
    /// use subvm_core::Params;
    /// let params = Params { fingerprints: false, ..Params::default() };
    /// assert_eq!(Params::from_bytes(&params.to_bytes())?, params);
    /// # Ok::<(), subvm_core::FormatError>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError`]; one of a limit says `limits`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let fields = Value::decode_with(bytes, &DecodeLimits::default()).map_err(FormatError::Calldata)?;
        let field = |name: &'static str| fields.get(name).ok_or(FormatError::Field(name));
        let wrong = |name: &'static str| FormatError::Field(name);
        let version = |name| uint(field(name)?).and_then(|version| u32::try_from(version).ok()).ok_or(wrong(name));
        let floats = field("floats")?.as_str().ok_or(wrong("floats"))?;
        let refused = field("refused_env")?.as_array().ok_or(wrong("refused_env"))?.iter();
        let refused = refused.map(|pattern| pattern.as_str()?.parse().ok()).collect::<Option<Vec<_>>>();
        // Left out where it is the seed's.
        let personality = match fields.get("personality") {
            None => Some(Personality::Seed),
            Some(name) => PERSONALITIES.into_iter().find(|personality| name.as_str() == Some(personality.name())),
        };
        let profile = match fields.get("profile") {
            None => Some(Profile::Seed),
            Some(name) => Profile::ALL.into_iter().find(|profile| name.as_str() == Some(profile.name())),
        };
        // Left out where it is false.
        let exceptions = fields.get("exceptions").map_or(Some(false), Value::as_bool);
        let params = Self {
            exceptions: exceptions.ok_or(wrong("exceptions"))?,
            profile: profile.ok_or(wrong("profile"))?,
            personality: personality.ok_or(wrong("personality"))?,
            floats: POLICIES.into_iter().find(|policy| policy.name() == floats).ok_or(wrong("floats"))?,
            schedule: version("schedule")?,
            lowering: version("lowering")?,
            limits: limits(field("limits")?).ok_or(wrong("limits"))?,
            refused_env: Refused::new(refused.ok_or(wrong("refused_env"))?),
            fingerprints: field("fingerprints")?.as_bool().ok_or(wrong("fingerprints"))?,
        };
        // What was left out here would be lost, and what was written otherwise was written by somebody else.
        if params.to_bytes() == bytes { Ok(params) } else { Err(FormatError::NotCanonical) }
    }
}

fn limits(fields: &Value) -> Option<Limits> {
    let limit = |name: &str| uint(fields.get(name)?);
    let small = |name: &str| u32::try_from(limit(name)?).ok();
    Some(Limits {
        ram: limit("ram")?,
        open_fds: small("open_fds")?,
        depth: small("depth")?,
        nondet_blocks: small("nondet_blocks")?,
        stack_units: limit("stack_units")?,
        nondet_result: limit("nondet_result")?,
        fingerprint_frames: small("fingerprint_frames")?,
        gas_time: limit("gas_time")?,
        gas_time_nondet: limit("gas_time_nondet")?,
        gas_storage: limit("gas_storage")?,
        gas_data: limit("gas_data")?,
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::ids::Address;

    fn package() -> Package {
        let library = |name: &str| Library { name: name.into(), wasm: b"lib"[..].into() };
        let parts = Parts {
            start: b"start"[..].into(),
            libraries: vec![library("a"), library("b")],
            files: vec![("/x/y".into(), b"1"[..].into()), ("/a".into(), b""[..].into())],
            directories: vec!["/empty/er".into()],
            roots: vec!["/x".into(), "/empty/er".into(), "/empty".into()],
            args: vec!["prog".into(), "--flag".into()],
            env: vec![("TZ".into(), "CET".into()), ("HOME".into(), "/=".into())],
        };
        parts.check(&Refused::default()).unwrap()
    }

    #[test]
    fn a_package_comes_back_as_it_was() {
        let bytes = package().to_bytes();
        let back = Package::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.digest(), package().digest());
        assert_eq!(Package::from_bundle(&package().to_bundle()).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn what_is_not_one_is_refused() {
        let bytes = package().to_bundle();
        for len in 0..bytes.len() {
            assert!(Package::from_bundle(&bytes[..len]).is_err(), "the first {len} bytes");
        }
        let refused = |bytes: &[u8]| Package::from_bundle(bytes).unwrap_err();
        assert_eq!(refused(&[&bytes[..], &[0]].concat()), FormatError::Malformed("bytes follow the package"));
        assert_eq!(refused(b"subvm\x02"), FormatError::Version(2));
        let many = [&b"subvm\x01\0"[..], &[17], &[0; 60]].concat();
        assert_eq!(refused(&many), FormatError::Malformed("it has more libraries than a package may"));
        // The root is in every tree.
        assert!(matches!(
            refused(b"subvm\x01\0\0\x01\x01x\0\0\0\0\0"),
            FormatError::Package(PackageError::File { .. })
        ));
        // Files in another order than their paths'.
        assert_eq!(refused(b"subvm\x01\0\0\x02\x02/b\0\x02/a\0\0\0\0\0"), FormatError::NotCanonical);
        // A root that is no directory, one that is there twice, and one that is there always.
        for roots in [&b"\x01\x02/a"[..], b"\x01\x02/x", b"\x02\x02/d\x02/d", b"\x01\x01/"] {
            let bytes = [&b"subvm\x01\0\0\x01\x02/a\0\x01\x02/d"[..], roots, b"\0\0"].concat();
            assert!(matches!(refused(&bytes), FormatError::Package(PackageError::Root { .. })), "{roots:?}");
        }
    }

    #[test]
    fn whatever_of_it_changes_changes_the_digest() {
        let digest = package().digest();
        let with = |change: fn(&mut Package)| {
            let mut package = package();
            change(&mut package);
            package.digest()
        };
        assert_eq!(with(|_| ()), digest);
        assert_ne!(with(|package| package.start = b"other"[..].into()), digest);
        assert_ne!(with(|package| package.libraries.reverse()), digest);
        assert_ne!(with(|package| package.files = Arc::default()), digest);
        assert_ne!(with(|package| package.args = Arc::default()), digest);
        // The same files, with one root less, and with the roots in another order.
        for roots in [&["/x", "/empty/er"][..], &["/empty/er", "/x", "/empty"]] {
            let mut package = package();
            let mut files = crate::vfs::Tree::builder();
            package.files.files().into_iter().for_each(|(path, bytes)| files.map(&path, bytes.clone()).unwrap());
            package.files.empty_directories().iter().for_each(|path| files.make_directory(path).unwrap());
            let same = package.files.digest();
            roots.iter().for_each(|path| files.announce(path).unwrap());
            package.files = Arc::new(files.build());
            assert_eq!(package.files.digest(), same);
            assert_ne!(package.digest(), digest);
        }
        assert_ne!(with(|package| package.env = Arc::default()), digest);
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let message = Message {
            contract_address: Address([1; 20]),
            sender_address: Address([2; 20]),
            origin_address: Address([3; 20]),
            signer_address: Some(Address([5; 20])),
            stack: vec![Address([4; 20])],
            chain_id: 61_999.into(),
            value: (-5).into(),
            is_init: true,
            entry_data: vec![1, 2, 3],
        };
        assert_eq!(Message::decode(&message.encode()), Ok(message.clone()));
        let unsigned = Message { signer_address: None, ..message.clone() };
        assert_eq!(Message::decode(&unsigned.encode()), Ok(unsigned.clone()));
        assert_ne!(unsigned.digest(), message.digest());
        let other = message.to_bytes(EntryKind::Sandbox, "", None);
        assert_eq!(Message::decode(&other), Err(FormatError::NotCanonical), "another kind of entry would be lost");
        assert_eq!(Message::decode(b"\x06"), Err(FormatError::Field("stack")));
    }

    #[test]
    fn parameters_come_back_as_they_were() {
        let limits = Limits { gas_time: 5, depth: 3, ..Limits::default() };
        let refused_env = Refused::new(["A*".parse().unwrap(), "*B".parse().unwrap()]);
        let kinds = POLICIES.into_iter().flat_map(|floats| PERSONALITIES.map(|personality| (floats, personality)));
        for ((floats, personality), profile) in kinds.zip(Profile::ALL.into_iter().cycle()) {
            let own = Params {
                profile,
                floats,
                personality,
                exceptions: floats == FloatPolicy::Trap,
                schedule: 7,
                lowering: 9,
                limits: limits.clone(),
                refused_env: refused_env.clone(),
                fingerprints: false,
            };
            assert_eq!(Params::from_bytes(&own.to_bytes()), Ok(own.clone()));
        }
        assert_eq!(Params::from_bytes(&Message::default().encode()), Err(FormatError::Field("floats")));
    }
}
