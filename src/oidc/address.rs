//! Which addresses may be called: protection against being turned on the inside of a network (SSRF).

use super::{OidcError, SourceUrl};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How far key fetches may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only addresses of the public internet.
    Public,
    /// Also loopback, private and link-local ones (`allow_private_addresses`).
    Anywhere,
}

/// Looks the host of `url` up; all its addresses, once each of them is allowed.
///
/// The caller dials these and looks nothing up again, so a name that changes its answer gains nothing.
pub(super) async fn resolve(url: &SourceUrl, reach: Reach) -> Result<Vec<SocketAddr>, OidcError> {
    vetted(tokio::net::lookup_host((url.host(), url.port())), url, reach).await
}

/// What one `lookup` found, once each address is allowed.
async fn vetted<A: Iterator<Item = SocketAddr>>(
    lookup: impl Future<Output = std::io::Result<A>>,
    url: &SourceUrl,
    reach: Reach,
) -> Result<Vec<SocketAddr>, OidcError> {
    let found: Vec<SocketAddr> = lookup.await.map_err(|_| OidcError::Unresolved)?.take(16).collect();
    check(&found, url, reach)?;
    Ok(found)
}

/// One bad address spoils all: which of them would be dialled is the resolver's whim.
fn check(found: &[SocketAddr], url: &SourceUrl, reach: Reach) -> Result<(), OidcError> {
    if found.is_empty() {
        return Err(OidcError::Unresolved);
    }
    if reach == Reach::Public && !found.iter().all(|address| is_public(address.ip())) {
        return Err(OidcError::AddressRefused);
    }
    if !url.is_secure() && !found.iter().all(|address| address.ip().to_canonical().is_loopback()) {
        return Err(OidcError::PlainText);
    }
    Ok(())
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By the [registry of special addresses](https://www.iana.org/assignments/iana-ipv4-special-registry), coarsened to the safe side.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a >= 224 // multicast, reserved, broadcast
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b)) // shared by carriers
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)); // benchmarks
    !special
}

/// Only global unicast (`2000::/3`), without the ranges that lead elsewhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..0x4000).contains(&a)
        && !(a == 0x2001 && b < 0x200) // protocol assignments: Teredo, ORCHID, benchmarks
        && !(a == 0x2001 && b == 0x0db8) // documentation
        && a != 0x2002 // 6to4 carries an IPv4 address of any kind
        && !(a == 0x3fff && b < 0x1000) // documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(addresses: &[&str], url: &str, reach: Reach) -> Result<(), OidcError> {
        let found: Vec<_> = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect();
        check(&found, &SourceUrl::parse(url, Reach::Anywhere).unwrap(), reach)
    }

    /// B12, B13
    #[test]
    fn addresses_that_are_not_public_are_refused_unless_allowed() {
        for address in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
        ] {
            let url = "https://idp.example.org";
            assert_eq!(checked(&[address], url, Reach::Public), Err(OidcError::AddressRefused), "{address}");
            assert_eq!(checked(&["8.8.8.8", address], url, Reach::Public), Err(OidcError::AddressRefused), "{address}");
            assert_eq!(checked(&[address], url, Reach::Anywhere), Ok(()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.0.1",
            "2606:4700::1",
            "2a00:1450::1",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(checked(&[address], "https://idp.example.org", Reach::Public), Ok(()), "{address}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (addresses, expected) in [
            (&["127.0.0.1", "::1"][..], Ok(())),
            (&["::ffff:127.0.0.1"], Ok(())),
            (&["127.0.0.1", "10.0.0.1"], Err(OidcError::PlainText)),
            (&["8.8.8.8"], Err(OidcError::PlainText)),
            (&[], Err(OidcError::Unresolved)),
        ] {
            assert_eq!(checked(addresses, "http://idp.example.org", Reach::Anywhere), expected, "{addresses:?}");
        }
    }

    /// Each fetch looks up anew, judges that very answer, and dials what is returned here and nothing else.
    #[tokio::test]
    async fn b13_a_name_that_changes_its_answer_gains_nothing() {
        let url = SourceUrl::parse("https://idp.example.org", Reach::Public).unwrap();
        let answer = |addresses: &[&str]| {
            let found: Vec<_> = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect();
            std::future::ready(Ok(found.into_iter()))
        };
        let first = vetted(answer(&["8.8.8.8", "8.8.4.4"]), &url, Reach::Public).await.unwrap();
        assert_eq!(first.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>(), ["8.8.8.8", "8.8.4.4"]);
        for rebound in [&["127.0.0.1"][..], &["169.254.169.254"], &["8.8.8.8", "10.0.0.1"], &["::ffff:127.0.0.1"]] {
            let second = vetted(answer(rebound), &url, Reach::Public).await;
            assert_eq!(second, Err(OidcError::AddressRefused), "{rebound:?}");
        }
        assert_eq!(vetted(answer(&[]), &url, Reach::Public).await, Err(OidcError::Unresolved));
        // Behind the sixteenth nothing is dialled, so nothing there needs to be judged.
        let many = [&["8.8.8.8"; 16][..], &["127.0.0.1"]].concat();
        assert_eq!(vetted(answer(&many), &url, Reach::Public).await.unwrap().len(), 16);
    }

    /// B12: other spellings of an address are what the resolver makes of them.
    #[tokio::test]
    async fn names_of_this_machine_are_refused_however_they_are_spelled() {
        for host in ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"] {
            let url = SourceUrl::parse(&format!("https://{host}/"), Reach::Public).unwrap();
            assert_eq!(resolve(&url, Reach::Public).await, Err(OidcError::AddressRefused), "{host}");
        }
        let numbers = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"].map(|host| format!("https://{host}/"));
        for url in numbers.iter().filter_map(|text| SourceUrl::parse(text, Reach::Public).ok()) {
            let refused = resolve(&url, Reach::Public).await;
            assert!(matches!(refused, Err(OidcError::AddressRefused | OidcError::Unresolved)), "{url:?}: {refused:?}");
        }
    }
}
