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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_special(text: &str) -> bool {
        is_special_address(text.parse().unwrap())
    }

    #[test]
    fn the_first_and_last_address_of_every_range_is_special() {
        for (network, length) in V4 {
            let last = u32::from(network) | u32::MAX.checked_shr(length).unwrap_or(0);
            assert!(is_special_address(network.into()), "{network}");
            assert!(is_special_address(Ipv4Addr::from(last).into()), "{network}/{length}");
        }
        for (network, length) in V6 {
            let last = u128::from(network) | u128::MAX.checked_shr(length).unwrap_or(0);
            assert!(is_special_address(network.into()), "{network}");
            assert!(is_special_address(Ipv6Addr::from(last).into()), "{network}/{length}");
        }
    }

    #[test]
    fn the_registries_of_iana_are_special() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.0.170",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.1.1",
            "192.175.48.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:1::1",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:20::1",
            "2001:30::1",
            "2001:db8::1",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_special(address), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_not_special() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "13.108.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2600::1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(!is_special(address), "{address}");
        }
    }
}
