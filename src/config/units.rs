//! Durations, sizes and URLs as operators write them.

use std::time::Duration;

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

/// An `http` or `https` URL without path, user or query: scheme is TLS, host, port.
pub(super) fn origin(text: &str) -> Result<(bool, String, u16), String> {
    let (scheme, rest) = text.split_once("://").ok_or("expected `http://HOST:PORT` or `https://HOST:PORT`")?;
    let (tls, default) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return Err(format!("unknown scheme `{scheme}`; known are `http`, `https`")),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@', ' ', '\\']) {
        return Err("expected only scheme, host and port, without path, user or query".to_owned());
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
    Ok((tls, host.to_owned(), port))
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
    fn an_upstream_is_scheme_host_and_port_only() {
        assert_eq!(origin("http://127.0.0.1:8222"), Ok((false, "127.0.0.1".to_owned(), 8222)));
        assert_eq!(origin("https://nats.example.org/"), Ok((true, "nats.example.org".to_owned(), 443)));
        assert_eq!(origin("http://[::1]:8222"), Ok((false, "::1".to_owned(), 8222)));
        for wrong in
            ["127.0.0.1:8222", "ftp://a", "http://a/nats", "http://u:p@a", "http://a:0", "http://:1", "http://a:x"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
