//! Which parameters are in force at which height. The promise behind it: `docs/upgrades.md`; why it is a value: `docs/RATIONALE.md#rules-by-height-are-a-value`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use super::bundle::FormatError;
use super::fields::uint;
use super::params::Params;
use subvm_calldata::{DecodeLimits, Value};

/// The rules of a chain, by the height of the first block that each set is in force for. A node that replays old blocks asks it for each.
///
/// ```
/// use subvm_core::{Params, RuleSets, RulesError, costs::Limits};
///
/// let first = Params::default();
/// let second = Params { limits: Limits { depth: 64, ..Limits::default() }, ..Params::default() };
/// let rules = RuleSets::new([(1, first.clone()), (100, second.clone())])?;
/// assert_eq!((&**rules.at(99)?, &**rules.at(100)?), (&first, &second));
/// assert_eq!(rules.at(0).unwrap_err(), RulesError::Before { height: 0, first: 1 });
/// assert_eq!(RuleSets::from_bytes(&rules.to_bytes())?, rules);
/// # Ok::<(), RulesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSets(Vec<(u64, Arc<Params>)>);

/// Why heights have no rules.
///
/// ```
/// use subvm_core::{RuleSets, RulesError};
/// let error = RuleSets::new([]).unwrap_err();
/// assert_eq!(error, RulesError::None);
/// assert!(error.to_string().contains("at least one"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// There is no rule set.
    None,
    /// The heights do not ascend.
    Order {
        /// The height that is out of order.
        height: u64,
        /// The one before it.
        after: u64,
    },
    /// No run of this release can be held to a set.
    Refused {
        /// Where it begins.
        height: u64,
        /// Why.
        why: String,
    },
    /// No rule set is in force yet.
    Before {
        /// The height that was asked for.
        height: u64,
        /// Where the first one begins.
        first: u64,
    },
    /// The bytes are no rule sets.
    Format(FormatError),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there are no rules: give at least one set, from the first block on"),
            Self::Order { height, after } => {
                write!(f, "the rules of height {height} come after those of {after}: give each height once, ascending")
            }
            Self::Refused { height, why } => {
                write!(f, "the rules from height {height} on: {why}: use a release that has them")
            }
            Self::Before { height, first } => {
                write!(
                    f,
                    "height {height} has no rules, the first are of {first}: ask for that or higher, or give earlier ones"
                )
            }
            Self::Format(error) => write!(f, "not rules by height: {error}"),
        }
    }
}

impl core::error::Error for RulesError {}

impl RuleSets {
    /// Rules from their heights on, ascending. All that can be wrong with them is found here, not at the height.
    ///
    /// # Errors
    /// [`RulesError::None`], [`RulesError::Order`], [`RulesError::Refused`].
    pub fn new(sets: impl IntoIterator<Item = (u64, Params)>) -> Result<Self, RulesError> {
        let sets: Vec<(u64, Arc<Params>)> =
            sets.into_iter().map(|(height, params)| (height, Arc::new(params))).collect();
        if sets.is_empty() {
            return Err(RulesError::None);
        }
        for pair in sets.windows(2) {
            if let [(after, _), (height, _)] = pair
                && height <= after
            {
                return Err(RulesError::Order { height: *height, after: *after });
            }
        }
        for (height, params) in &sets {
            params.supported().map_err(|why| RulesError::Refused { height: *height, why })?;
        }
        Ok(Self(sets))
    }

    /// The rules of a block.
    ///
    /// # Errors
    /// [`RulesError::Before`] where the height is below the first.
    ///
    /// # Cost
    /// The logarithm of how often rules changed.
    pub fn at(&self, height: u64) -> Result<&Arc<Params>, RulesError> {
        let sets = self.0.partition_point(|(from, _)| *from <= height);
        let first = self.0.first().map_or(0, |(first, _)| *first);
        let set = sets.checked_sub(1).and_then(|last| self.0.get(last));
        set.map(|(_, params)| params).ok_or(RulesError::Before { height, first })
    }

    /// All sets, and from where on each is in force.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Params>)> {
        self.0.iter().map(|(height, params)| (*height, params))
    }

    /// The first of these heights for which other rules say another thing: what must not be, of blocks that are there.
    ///
    /// ```
    /// use subvm_core::{Params, RuleSets, RulesError};
    /// let short = Params { fingerprints: false, ..Params::default() };
    /// let now = RuleSets::new([(1, Params::default())])?;
    /// let later = RuleSets::new([(1, Params::default()), (100, short.clone())])?;
    /// assert_eq!((now.differs(&later, 1..=99), now.differs(&later, 1..=500)), (None, Some(100)));
    /// // A chain that began elsewhere.
    /// assert_eq!(now.differs(&RuleSets::new([(7, Params::default())])?, 1..=9), Some(1));
    /// # Ok::<(), RulesError>(())
    /// ```
    ///
    /// # Cost
    /// In proportion to how often either changed.
    #[must_use]
    pub fn differs(&self, other: &Self, heights: RangeInclusive<u64>) -> Option<u64> {
        let changes = self.iter().chain(other.iter()).map(|(height, _)| height);
        let mut changes: Vec<u64> = changes.filter(|height| heights.contains(height)).collect();
        changes.extend((!heights.is_empty()).then_some(*heights.start()));
        changes.sort_unstable();
        changes.into_iter().find(|height| self.at(*height).ok() != other.at(*height).ok())
    }

    /// The canonical encoding: a calldata array of pairs, height and the bytes of parameters.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let pair = |(height, params): &(u64, Arc<Params>)| {
            Value::Array([Value::Int((*height).into()), Value::Bytes(params.to_bytes())].into())
        };
        crate::own::encode(&Value::Array(self.0.iter().map(pair).collect()))
    }

    /// BLAKE3 of the encoding: what the nodes of a chain compare.
    ///
    /// ```
    /// use subvm_core::{Params, RuleSets};
    /// let from = |height| RuleSets::new([(height, Params::default())]).unwrap();
    /// assert_ne!(from(0).digest(), from(1).digest());
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// The rules that have these bytes.
    ///
    /// # Errors
    /// [`RulesError::Format`], and as [`new`](Self::new).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RulesError> {
        let wrong = || RulesError::Format(FormatError::Field("a pair of height and parameters"));
        let value = Value::decode_with(bytes, &DecodeLimits::default());
        let value = value.map_err(|error| RulesError::Format(FormatError::Calldata(error)))?;
        let mut sets = Vec::new();
        for pair in value.as_array().ok_or_else(wrong)?.iter() {
            let [height, params] = pair.as_array().ok_or_else(wrong)?.iter().as_slice() else { return Err(wrong()) };
            let params = Params::from_bytes(params.as_bytes().ok_or_else(wrong)?).map_err(RulesError::Format)?;
            sets.push((uint(height).ok_or_else(wrong)?, params));
        }
        Self::new(sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn what_is_no_rules_is_refused_in_words() {
        let params = Params::default;
        let refused = |sets: Vec<(u64, Params)>, words: &str| {
            let error = RuleSets::new(sets).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused(vec![], "at least one");
        refused(vec![(5, params()), (5, params())], "height 5 come after those of 5");
        refused(vec![(5, params()), (4, params())], "ascending");
        refused(
            vec![(1, params()), (7, Params { schedule: 9, ..params() })],
            "from height 7 on: parameters ask for schedule 9",
        );
        refused(vec![(1, Params { lowering: 0, ..params() })], "from height 1 on");
        let rules = RuleSets::new([(10, params())]).unwrap();
        let error = rules.at(9).unwrap_err().to_string();
        assert!(error.contains("height 9 has no rules, the first are of 10"), "{error}");
        assert!(rules.at(u64::MAX).is_ok());

        let bytes = rules.to_bytes();
        for cut in 0..bytes.len() {
            assert!(RuleSets::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(matches!(RuleSets::from_bytes(&[4]), Err(RulesError::Format(_) | RulesError::None)));
    }
}
