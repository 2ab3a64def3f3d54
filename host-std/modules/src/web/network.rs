//! Which addresses are public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses, written `10.0.0.0/8` or `fd00::/8`; an address alone is a range of one. IPv4-mapped addresses
/// (`::ffff:10.0.0.0/104`) are what they map.
///
/// ```
/// use subvm_modules::web::Network;
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?) && !network.contains("11.0.0.0".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` is in the range. An IPv4 address in IPv6 clothes counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                same_prefix(first.to_bits().into(), address.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                same_prefix(first.to_bits(), address.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, width: u8, prefix: u8) -> bool {
    (a ^ b).checked_shr(u32::from(width - prefix)).unwrap_or(0) == 0
}

/// The text is no range of addresses.
///
/// ```
/// use subvm_modules::web::{Network, NetworkError};
/// assert_eq!("10.0.0.0/33".parse::<Network>(), Err(NetworkError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a range of IP addresses: write it as 10.0.0.0/8 or fd00::/8")
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let first: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.map_or(Ok(width), str::parse).map_err(|_| NetworkError)?;
        match (first.to_canonical(), prefix) {
            (_, prefix) if prefix > width => Err(NetworkError),
            (IpAddr::V4(v4), 96..) => Ok(Self { first: v4.into(), prefix: prefix - 96 }),
            _ => Ok(Self { first, prefix }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// First bytes and prefix lengths of what is not public. Source: IANA IPv4 Special-Purpose Address Registry, and multicast.
const SPECIAL_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local; the metadata service of most clouds.
    ([169, 254, 0, 0], 16),
    // The metadata service of Azure, though in a public range.
    ([168, 63, 129, 16], 32),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// What is not public of `2000::/3`, outside of which nothing is: first segments and prefix lengths. Source: IANA IPv6 Special-Purpose
/// Address Registry.
const SPECIAL_V6: &[([u16; 2], u8)] = &[
    // Protocol assignments, with Teredo, which carries IPv4 addresses.
    ([0x2001, 0], 23),
    ([0x2001, 0xdb8], 32),
    // 6to4 carries IPv4 addresses.
    ([0x2002, 0], 16),
    ([0x3fff, 0], 20),
];

/// The IPv4 address that packets to the IPv6 `address` may come out at, behind a gateway or a tunnel: IPv4-compatible (RFC 4291,
/// section 2.5.5), IPv4-translated (RFC 7915), NAT64 (RFC 6052, RFC 8215 with a prefix of 96 bits), 6to4 (RFC 3056), the client of Teredo
/// (RFC 4380), ISATAP (RFC 5214). Prefixes that a network chose for its own NAT64 cannot be known.
pub(super) fn inner(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address.to_canonical() else { return None };
    let last = Ipv4Addr::from_bits(v6.to_bits() as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(last),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(last),
        [0x2002, ..] => Some(Ipv4Addr::from_bits((v6.to_bits() >> 80) as u32)),
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!last.to_bits())),
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(last),
        _ => None,
    }
}

/// Whether `address` belongs to somebody on the public internet: not to this machine, its network, a cloud's metadata service, or a
/// mechanism that leads to one of them.
///
/// ```
/// use subvm_modules::web::is_public;
/// assert!(is_public("1.1.1.1".parse().unwrap()));
/// assert!(!is_public("169.254.169.254".parse().unwrap()));
/// assert!(!is_public("::ffff:127.0.0.1".parse().unwrap()));
/// ```
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let special = |first: IpAddr, prefix| Network { first, prefix }.contains(address);
    match address.to_canonical() {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(|(first, prefix)| special(Ipv4Addr::from(*first).into(), *prefix)),
        IpAddr::V6(v6) => {
            let first = |[a, b]: [u16; 2]| Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0);
            v6.segments()[0] >> 13 == 1
                && !SPECIAL_V6.iter().any(|(segments, prefix)| special(first(*segments).into(), *prefix))
                && inner(v6.into()).is_none_or(|v4| is_public(v4.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_known() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2a00::5efe:7f00:1",
            "5f00::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.1",
            "192.0.1.1",
            "2606:4700::1",
            "2a00::1",
            "2a00::5efe:101:101",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn networks_have_edges() {
        let network: Network = "10.4.0.0/14".parse().unwrap();
        assert!(network.contains("10.7.255.255".parse().unwrap()));
        assert!(!network.contains("10.8.0.0".parse().unwrap()));
        assert!("::/0".parse::<Network>().unwrap().contains("fe80::1".parse().unwrap()));
        assert!("1.2.3.4".parse::<Network>().unwrap().contains("::ffff:1.2.3.4".parse().unwrap()));
        let mapped: Network = "::ffff:10.4.0.0/110".parse().unwrap();
        assert_eq!((mapped, mapped.to_string().as_str()), (network, "10.4.0.0/14"));
        for text in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "::/129", "::ffff:1.2.3.4/129", "a/8"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }

    #[test]
    fn one_address_has_many_clothes() {
        for text in [
            "::1.2.3.4",
            "::ffff:0:1.2.3.4",
            "64:ff9b::1.2.3.4",
            "64:ff9b:1::1.2.3.4",
            "2002:102:304::1",
            "2001:0:5:6:7:8:fefd:fcfb",
            "fe80::5efe:1.2.3.4",
            "2a00::200:5efe:1.2.3.4",
        ] {
            assert_eq!(inner(text.parse().unwrap()), Some(Ipv4Addr::new(1, 2, 3, 4)), "{text}");
        }
        for text in ["::", "::1", "1.2.3.4", "::ffff:1.2.3.4", "2a00::1.2.3.4", "fd00::1"] {
            assert_eq!(inner(text.parse().unwrap()), None, "{text}");
        }
    }
}
