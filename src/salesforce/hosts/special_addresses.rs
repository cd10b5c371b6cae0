//! Addresses that no host of Salesforce has: the special-purpose registries of IANA for IPv4 and IPv6, with multicast
//! and the deprecated ranges. A name that resolves into them is an attack or a mistake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Network and prefix length.
const V4: [(Ipv4Addr, u32); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const V6: [(Ipv6Addr, u32); 16] = [
    // Unspecified, loopback, and the deprecated IPv4-compatible form.
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96),
    // NAT64 of a local network; the well-known prefix is judged by the IPv4 address within.
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64),
    // Protocol assignments: Teredo, benchmarking, ORCHID, AMT and more.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    // IPv4-translated (stateless translation).
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Whether an address is set aside for something other than a public host. An IPv6 address that only wraps an IPv4 one
/// (mapped, or NAT64) is judged by the one within.
pub fn is_special_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) => match wrapped_v4(v6) {
            Some(v4) => is_special_v4(v4),
            None => V6
                .iter()
                .any(|(network, length)| (u128::from(v6) ^ u128::from(*network)).checked_shr(128 - length) == Some(0)),
        },
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    V4.iter().any(|(network, length)| (u32::from(address) ^ u32::from(*network)).checked_shr(32 - length) == Some(0))
}

fn wrapped_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = |address: Ipv6Addr| {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    let is_nat64 = matches!(address.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _]);
    if is_nat64 { Some(low(address)) } else { address.to_ipv4_mapped() }
}
