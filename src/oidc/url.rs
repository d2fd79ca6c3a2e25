//! A URL that an issuer may be called at; far narrower than RFC 3986.

use super::{OidcError, Reach};
use rustls::pki_types::ServerName;
use std::fmt;
use std::net::Ipv6Addr;

/// `https://host[:port]/path?query`, checked; `http` only where [`Reach::Anywhere`] allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUrl {
    secure: bool,
    /// Lower case, without the brackets of an IPv6 address.
    host: String,
    port: u16,
    authority: String,
    /// Path and query; starts with a slash.
    target: String,
}

impl SourceUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Another scheme, user information, a fragment, an escape in the host, or anything but visible ASCII.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, OidcError> {
        let bad = |rule| Err(OidcError::Url(rule));
        if text.len() > 2048 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return bad("longer than 2,048 bytes, or not all visible ASCII");
        }
        if text.contains(['#', '\\', '"', '<', '>']) {
            return bad("holds one of # \\ \" < >");
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) if reach == Reach::Anywhere => (false, rest),
            (None, Some(_)) => return bad("http needs `allow_private_addresses`"),
            (None, None) => return bad("not https"),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let Some((host, port)) = host_and_port(authority, if secure { 443 } else { 80 }) else {
            return bad("host or port");
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { secure, host, port, authority: authority.to_ascii_lowercase(), target: format!("{slash}{path}") })
    }

    /// Where an issuer publishes its metadata
    /// ([OpenID Connect Discovery §4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
    ///
    /// # Errors
    /// As [`SourceUrl::parse`]; also when the issuer has a query, which the standard forbids.
    pub fn discovery(issuer: &str, reach: Reach) -> Result<Self, OidcError> {
        if issuer.contains('?') {
            return Err(OidcError::Url("an issuer has no query"));
        }
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        Self::parse(&format!("{base}/.well-known/openid-configuration"), reach)
    }

    /// Whether the scheme is https.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, in lower case and without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own when none was written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What `Host` says.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query as sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.target)
    }
}

fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        },
    };
    let port = match port {
        None => default,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0)?
        }
        Some(_) => return None,
    };
    Some((host.to_ascii_lowercase(), port))
}

/// A host that can also stand in a certificate; so no `@`, no escapes.
fn name(host: &str) -> Option<&str> {
    ServerName::try_from(host).ok().map(|_| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_what_is_dialled_and_what_is_sent() {
        let rows: [(&str, &str, u16, &str, &str); 7] = [
            ("https://idp.example.org", "idp.example.org", 443, "idp.example.org", "/"),
            ("https://IDP.example.org/a/b?c=d&e", "idp.example.org", 443, "idp.example.org", "/a/b?c=d&e"),
            ("https://idp.example.org:8443/x", "idp.example.org", 8443, "idp.example.org:8443", "/x"),
            ("https://idp.example.org?x=/y", "idp.example.org", 443, "idp.example.org", "/?x=/y"),
            ("https://192.0.2.1/jwks", "192.0.2.1", 443, "192.0.2.1", "/jwks"),
            ("https://[2001:DB8::1]:1/", "2001:db8::1", 1, "[2001:db8::1]:1", "/"),
            ("https://[::1]", "::1", 443, "[::1]", "/"),
        ];
        for (text, host, port, authority, target) in rows {
            let url = SourceUrl::parse(text, Reach::Public).unwrap();
            let got = (url.is_secure(), url.host(), url.port(), url.authority(), url.target());
            assert_eq!(got, (true, host, port, authority, target), "{text}");
        }
        let url = SourceUrl::parse("http://127.0.0.1/", Reach::Anywhere).unwrap();
        assert_eq!((url.is_secure(), url.port()), (false, 80));
    }

    /// B11
    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "https://",
            "https:///x",
            "HTTPS://a",
            "http://idp.example.org/",
            "file:///etc/passwd",
            "ftp://a/",
            "gopher://a",
            "data:,x",
            "//a/b",
            "/a",
            "a",
            "https:a",
            "https://user@a/",
            "https://user:pw@a/",
            "https://a:0/",
            "https://a:65536/",
            "https://a:+1/",
            "https://a:/",
            "https://a:1:2/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[zz]/",
            "https://a%2eb/",
            "https://a\\b/",
            "https://a/#b",
            "https://a b/",
            "https://a/\r\nX: y",
            "https://b\u{fc}cher/",
            "https://a/\u{0}",
            "https://::1/",
        ] {
            assert!(matches!(SourceUrl::parse(text, Reach::Public), Err(OidcError::Url(_))), "{text}");
        }
        assert!(SourceUrl::parse(&format!("https://a/{}", "a".repeat(2048)), Reach::Public).is_err());
    }

    #[test]
    fn the_metadata_of_an_issuer_is_below_its_path() {
        for (issuer, target) in [
            ("https://a", "/.well-known/openid-configuration"),
            ("https://a/", "/.well-known/openid-configuration"),
            ("https://a/realms/x", "/realms/x/.well-known/openid-configuration"),
            ("https://a/realms/x/", "/realms/x/.well-known/openid-configuration"),
        ] {
            assert_eq!(SourceUrl::discovery(issuer, Reach::Public).unwrap().target(), target, "{issuer}");
        }
        assert!(SourceUrl::discovery("https://a?x", Reach::Public).is_err());
    }
}
