//! What every answer of monward owes its reader.

use super::http::Response;

/// What a listener that takes HTTP Basic offers beside bearer tokens.
pub const BASIC: &str = "Basic realm=\"monward\", charset=\"UTF-8\"";

/// Checks what holds for every refusal: its status, fixed text, no cache, no hint of what is behind.
pub fn denial(response: &Response, wanted: &[u16], what: &str) {
    assert!(wanted.contains(&response.status), "{what}: {wanted:?} wanted: {}{}", response.head, response.text());
    assert!(response.complete, "{what}: the answer is cut");
    assert!(response.body.len() <= 1024, "{what}: {} bytes", response.body.len());
    let text = response.text();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err(), "{what}: a denial that reads as JSON: {text}");
    for header in ["server", "x-powered-by", "location", "set-cookie", "access-control-allow-origin", "via"] {
        assert_eq!(response.header(header), None, "{what}: {}", response.head);
    }
    let all = response.everything().to_lowercase();
    for word in ["pingora", "monward/", "127.0.0.1", "viewer", "admin", "version"] {
        assert!(!all.replace("http version", "").contains(word), "{what}: {word} in {all}");
    }
    if response.status == 401 {
        let challenges = response.all("www-authenticate");
        assert!(challenges[0].starts_with("Bearer realm=\"monward\""), "{what}: {}", response.head);
        assert!(challenges[1..].is_empty() || challenges[1..] == [BASIC], "{what}: {}", response.head);
    }
    common(response, what);
}

/// Checks an answer that carries something of the upstream.
pub fn success(response: &Response, what: &str) {
    assert_eq!(response.status, 200, "{what}: {}{}", response.head, response.text());
    assert!(response.complete, "{what}: the answer is cut");
    common(response, what);
}

fn common(response: &Response, what: &str) {
    assert_eq!(response.header("cache-control"), Some("no-store"), "{what}: {}", response.head);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}: {}", response.head);
    let id = response.header("x-request-id").unwrap_or_else(|| panic!("{what}: no request id: {}", response.head));
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{what}: {id}");
}
