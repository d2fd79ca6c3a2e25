//! Addresses cut down to the networks around them.
//!
//! In: the text of an IP address, perhaps with a port. Out: its network of 256 addresses (IPv4, /24) or of a site (IPv6,
//! /48), in the canonical spelling ([RFC 5952](https://www.rfc-editor.org/rfc/rfc5952)).

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Writes what of the address `text` may be shown, with its port; writes nothing and says so when it is no address.
///
/// An IPv4-mapped one is an IPv4 address, and of one of 6to4 no more is shown than of the IPv4 address in it. A zone goes.
pub(super) fn write_truncated(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let written = if let Ok(address) = text.parse() {
        write!(out, "{}", network(address))
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        write!(out, "{}", SocketAddr::new(network(address.ip()), address.port()))
    } else {
        return false;
    };
    written.is_ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8)).into(),
        // The 32 bits behind 2002::/16 are an IPv4 address (RFC 3056 §2).
        IpAddr::V6(address) if address.segments().first() == Some(&0x2002) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 88)).into()
        }
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_down_to_its_network_and_nothing_else_passes() {
        for (sentence, text, wanted) in [
            ("IPv4 to /24", "203.0.113.77", Some("203.0.113.0")),
            ("with its port", "203.0.113.77:4222", Some("203.0.113.0:4222")),
            ("IPv6 to /48", "2001:db8:1:2:3:4:5:6", Some("2001:db8:1::")),
            ("in capitals, uncompressed", "2001:0DB8:0001:0:0:0:0:1", Some("2001:db8:1::")),
            ("IPv6 with its port", "[2001:db8:1:2::5]:4222", Some("[2001:db8:1::]:4222")),
            ("the loopback address", "::1", Some("::")),
            ("IPv4-mapped as IPv4", "::ffff:203.0.113.77", Some("203.0.113.0")),
            ("IPv4-mapped in hexadecimal digits", "::ffff:cb00:714d", Some("203.0.113.0")),
            ("IPv4 inside 6to4", "2002:cb00:714d::1", Some("2002:cb00:7100::")),
            ("IPv4-mapped with its port", "[::ffff:203.0.113.77]:80", Some("203.0.113.0:80")),
            ("a zone by number goes", "[fe80::1%3]:80", Some("[fe80::]:80")),
            ("a zone by name", "fe80::1%eth0", None),
            ("a name", "nats.example.org", None),
            ("a name with a port", "localhost:4222", None),
            ("nothing", "", None),
            ("a space before", " 203.0.113.77", None),
            ("three numbers", "203.0.113", None),
            ("an octet with a leading zero", "203.0.113.077", None),
            ("a network", "203.0.113.77/32", None),
            ("brackets without a port", "[::1]", None),
            ("two addresses", "203.0.113.77,203.0.113.78", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(write_truncated(text.as_bytes(), &mut out), wanted.is_some(), "{sentence}");
            assert_eq!(String::from_utf8(out).unwrap(), wanted.unwrap_or_default(), "{sentence}");
        }
    }
}
