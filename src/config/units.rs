//! Durations, sizes and URLs as operators write them.

use std::time::Duration;

use crate::catalog::is_canonical;

/// `500ms`, `30s`, `5m`, `24h`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// `512B`, `16KiB`, `64MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

/// Where an upstream is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Whether it is reached over TLS.
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What stands before its paths: canonical, or empty.
    pub(super) base: String,
}

/// An `http` or `https` URL without user or query.
pub(super) fn origin(text: &str) -> Result<Origin, String> {
    let (scheme, rest) = text.split_once("://").ok_or("expected `http://HOST:PORT` or `https://HOST:PORT`")?;
    let (tls, default) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return Err(format!("unknown scheme `{scheme}`; known are `http`, `https`")),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if rest.contains(['?', '#', '@', ' ', '\\']) {
        return Err("expected only scheme, host, port and path, without user or query".to_owned());
    }
    let base = if path == "/" { "" } else { path };
    if !base.is_empty() && (base.ends_with('/') || !is_canonical(base)) {
        return Err(format!(
            "the path `{base}` is not canonical: write `/a/b` of unreserved characters, no slash last"
        ));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => default,
        Some(port) => port.parse().map_err(|_| format!("`{port}` is not a port"))?,
    };
    if host.is_empty() || port == 0 {
        return Err("expected a host and a port from 1 to 65535".to_owned());
    }
    Ok(Origin { tls, host: host.to_owned(), port, base: base.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_a_unit() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("24h"), Some(Duration::from_hours(24)));
        assert_eq!(size("64MiB"), Some(64 << 20));
        for wrong in ["90", "", "s", "-1s", "1.5s", "90 s", "1w", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_upstream_is_scheme_host_port_and_a_canonical_path() {
        let found =
            |tls, host: &str, port, base: &str| Ok(Origin { tls, host: host.to_owned(), port, base: base.to_owned() });
        assert_eq!(origin("http://127.0.0.1:8222"), found(false, "127.0.0.1", 8222, ""));
        assert_eq!(origin("https://nats.example.org/"), found(true, "nats.example.org", 443, ""));
        assert_eq!(origin("http://[::1]:8222"), found(false, "::1", 8222, ""));
        assert_eq!(origin("http://127.0.0.1:8222/nats"), found(false, "127.0.0.1", 8222, "/nats"));
        assert_eq!(origin("https://[::1]/a/b.c"), found(true, "::1", 443, "/a/b.c"));
        for wrong in [
            "127.0.0.1:8222",
            "ftp://a",
            "http://u:p@a",
            "http://a:0",
            "http://:1",
            "http://a:x",
            "http:///nats",
            "http://a/nats/",
            "http://a//nats",
            "http://a//",
            "http://a/../nats",
            "http://a/./nats",
            "http://a/n%61ts",
            "http://a/n ts",
            "http://a/nats?x=1",
            "http://a/nats#x",
            "http://a/n\\ats",
            "http://a/u:p@nats",
            "http://a/nätz",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
