//! 256 bits: what balances and values are.

use core::fmt;

use subvm_calldata::Int;

/// An unsigned integer of 256 bits: a balance, a value. Arithmetic is checked.
///
/// ```
/// use subvm_sdk::U256;
/// let all = U256::from(u128::MAX);
/// assert_eq!(all.checked_add(1_u8.into()).unwrap().to_string(), "340282366920938463463374607431768211456");
/// assert_eq!(U256::from(1_u64).checked_sub(all), None);
/// assert_eq!(u64::try_from(U256::from(7_u64)), Ok(7));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct U256 {
    /// Least significant first.
    pub(crate) limbs: [u64; 4],
}

impl U256 {
    /// Nothing.
    pub const ZERO: Self = Self { limbs: [0; 4] };
    /// 2^256 - 1.
    pub const MAX: Self = Self { limbs: [u64::MAX; 4] };

    /// Of 32 bytes, least significant first.
    #[must_use]
    pub fn from_le_bytes(bytes: [u8; 32]) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Self { limbs }
    }

    /// 32 bytes, least significant first.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, limb) in bytes.chunks_exact_mut(8).zip(self.limbs) {
            bytes.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The sum, unless it is 2^256 or more.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.carried(other, |limb, other, carry| {
            let (sum, first) = limb.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (sum, first | second)
        })
    }

    /// The difference, unless it is below 0.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.carried(other, |limb, other, carry| {
            let (rest, first) = limb.overflowing_sub(other);
            let (rest, second) = rest.overflowing_sub(u64::from(carry));
            (rest, first | second)
        })
    }

    fn carried(self, other: Self, step: impl Fn(u64, u64, bool) -> (u64, bool)) -> Option<Self> {
        let (mut limbs, mut carry) = (self.limbs, false);
        for (limb, other) in limbs.iter_mut().zip(other.limbs) {
            (*limb, carry) = step(*limb, other, carry);
        }
        (!carry).then_some(Self { limbs })
    }
}

impl Ord for U256 {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.limbs.iter().rev().cmp(other.limbs.iter().rev())
    }
}

impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! native {
    ($($type:ty)*) => {$(
        impl From<$type> for U256 {
            fn from(n: $type) -> Self {
                let n = u128::from(n);
                Self { limbs: [n as u64, (n >> 64) as u64, 0, 0] }
            }
        }

        /// The value itself is the error where it is too large.
        impl TryFrom<U256> for $type {
            type Error = U256;

            fn try_from(wide: U256) -> Result<Self, U256> {
                let [low, high, 0, 0] = wide.limbs else { return Err(wide) };
                <$type>::try_from(u128::from(high) << 64 | u128::from(low)).map_err(|_| wide)
            }
        }
    )*};
}

native!(u8 u16 u32 u64 u128);

impl From<U256> for Int {
    fn from(n: U256) -> Self {
        Self::from_u256_le(&n.to_le_bytes())
    }
}

/// Decimal.
impl fmt::Display for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Int::from(*self), f)
    }
}
