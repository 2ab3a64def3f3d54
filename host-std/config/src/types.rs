//! Types of values.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use subvm_core::costs::Limits;
use subvm_core::{FloatPolicy, Personality, Profile};

/// How [`FloatPolicy`] is written.
#[derive(Deserialize, Serialize)]
#[serde(remote = "FloatPolicy", rename_all = "lowercase")]
pub(super) enum FloatPolicyKeys {
    Soft,
    Trap,
    Canonical,
}

/// How [`Profile`] is written.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Profile")]
pub(super) enum ProfileKeys {
    #[serde(rename = "seed")]
    Seed,
    #[serde(rename = "genvm-0.1")]
    GenVm0_1,
    #[serde(rename = "genvm-0.2")]
    GenVm0_2,
    #[serde(rename = "genvm-0.3")]
    GenVm0_3,
}

/// How [`Personality`] is written.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Personality", rename_all = "lowercase")]
enum PersonalityKeys {
    Seed,
    Program,
    GenVm,
}

/// A [`Personality`] that may be left out.
pub(super) mod personality {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use subvm_core::Personality;

    #[derive(Deserialize, Serialize)]
    struct Key(#[serde(with = "super::PersonalityKeys")] Personality);

    pub(crate) fn serialize<S: Serializer>(key: &Option<Personality>, serializer: S) -> Result<S::Ok, S::Error> {
        key.map(Key).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Personality>, D::Error> {
        Key::deserialize(deserializer).map(|Key(personality)| Some(personality))
    }
}

/// The keys of [`Limits`]: the compiler holds them to the core's fields.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Limits", default = "Limits::default", deny_unknown_fields)]
pub(super) struct LimitsKeys {
    ram: u64,
    open_fds: u32,
    depth: u32,
    nondet_blocks: u32,
    stack_units: u64,
    nondet_result: u64,
    fingerprint_frames: u32,
    gas_time: u64,
    gas_time_nondet: u64,
    gas_storage: u64,
    gas_data: u64,
}

/// [`Refused`] as an array of patterns.
pub(super) mod refused {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use subvm_core::wasi::{Pattern, Refused};

    pub(crate) fn serialize<S: Serializer>(refused: &Refused, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(refused.patterns().iter().map(Pattern::as_str))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Refused, D::Error> {
        let patterns = Vec::<String>::deserialize(deserializer)?;
        let patterns: Result<Vec<Pattern>, _> = patterns.iter().map(|pattern| pattern.parse()).collect();
        patterns.map(Refused::new).map_err(D::Error::custom)
    }
}

/// A length of time, written `30s`, `500ms` or `1m 30s`.
///
/// ```
/// use std::time::Duration;
/// use subvm_config::Time;
/// let time: Time = "1m 30s".parse()?;
/// assert_eq!((time.0, time.to_string()), (Duration::from_secs(90), "1m 30s".into()));
/// assert!("90".parse::<Time>().is_err(), "without a unit");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time: Option<SignedDuration> = text.parse().ok();
        let time = time.filter(SignedDuration::is_positive).and_then(|time| Duration::try_from(time).ok());
        time.map(Self).ok_or_else(|| format!("{text:?} is no length of time: write it as 30s, 500ms or 1m 30s"))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{time:#}")
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

/// Lists of values that are written as strings.
pub(crate) mod strings {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    struct Text<T>(T);

    impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let parsed = text.parse().map(Self);
            parsed.map_err(|error| serde::de::Error::custom(format_args!("{text:?} is {error}")))
        }
    }

    pub(crate) fn serialize<T: Display, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(T::to_string))
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(deserializer)?.into_iter().map(|Text(value)| value).collect())
    }
}
