//! What the client gets: status, fields and body of an answer, and nothing that the upstream spelled.
//!
//! Every field comes from here; a denial is `text/plain` with a fixed sentence and the request id, so that a client
//! that ignores the status cannot mistake it for data. HTML and `application/problem+json` (RFC 9457) only when asked for.

use crate::types::RequestId;

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The media type of the body.
    pub(super) content_type: &'static str,
    /// Fields beyond those that every answer has.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The body, also when only its length is sent.
    pub(super) body: Vec<u8>,
    /// The id that client, record and upstream share.
    pub(super) request_id: RequestId,
}

/// The media type a client prefers for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// `text/plain`: everybody who does not ask for something else.
    Text,
    /// `text/html`: a browser.
    Html,
    /// `application/problem+json`, named in so many words.
    Problem,
}

impl Wish {
    /// Reads an `Accept` field; only exact media types count, never a wildcard.
    #[must_use]
    pub(super) fn of(accept: Option<&[u8]>) -> Self {
        let types = accept.unwrap_or_default().split(|byte| *byte == b',');
        for wanted in types.filter_map(wanted) {
            if wanted.eq_ignore_ascii_case(b"application/problem+json") {
                return Self::Problem;
            }
            if wanted.eq_ignore_ascii_case(b"text/html") {
                return Self::Html;
            }
        }
        Self::Text
    }
}

/// The media type of one part of `Accept`, unless its weight is zero (RFC 9110 §12.4.2).
fn wanted(part: &[u8]) -> Option<&[u8]> {
    let mut pieces = part.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let media = pieces.next()?;
    let refused = |piece: &[u8]| {
        let weight = piece.strip_prefix(b"q=").or_else(|| piece.strip_prefix(b"Q="));
        weight.is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
    };
    (!pieces.any(refused)).then_some(media)
}

impl Answer {
    /// A body that may leave.
    #[must_use]
    pub(super) const fn body(content_type: &'static str, body: Vec<u8>, request_id: RequestId) -> Self {
        Self { status: 200, content_type, fields: Vec::new(), body, request_id }
    }

    /// A refusal or a failure: a fixed sentence for `status` and the request id.
    #[must_use]
    pub(super) fn plain(status: u16, wish: Wish, request_id: RequestId) -> Self {
        let (_, sentence) = words(status);
        Self::said(status, sentence, wish, request_id)
    }

    /// A status of the upstream that is passed on, without its body.
    pub(super) fn relayed(status: u16, wish: Wish, request_id: RequestId) -> Self {
        Self::said(status, "this is the status of the server behind; its body is not passed on", wish, request_id)
    }

    fn said(status: u16, sentence: &str, wish: Wish, request_id: RequestId) -> Self {
        let (title, _) = words(status);
        let (content_type, body) = match wish {
            Wish::Text => {
                ("text/plain; charset=utf-8", format!("{status} {title}: {sentence}\nrequest id: {request_id}\n"))
            }
            Wish::Html => ("text/html; charset=utf-8", html(status, title, sentence, request_id)),
            Wish::Problem => (
                "application/problem+json",
                format!(
                    "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{sentence}\",\"instance\":\"urn:uuid:{request_id}\"}}\n"
                ),
            ),
        };
        Self { status, content_type, fields: Vec::new(), body: body.into_bytes(), request_id }
    }

    /// Adds a field.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// All fields in order, names in lower case; `content-length` is the length of the body.
    pub(super) fn all_fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own = [
            ("content-type", self.content_type.to_owned()),
            ("content-length", self.body.len().to_string()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-request-id", self.request_id.to_string()),
        ];
        own.into_iter().chain(self.fields.iter().cloned())
    }

    /// Appends the head of the HTTP/1.1 answer to `out`.
    pub(super) fn write_head(&self, date: &str, close: bool, out: &mut Vec<u8>) {
        let (title, _) = words(self.status);
        let (status, length) = (self.status.to_string(), self.body.len().to_string());
        let mut push = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        push(&["HTTP/1.1 ", &status, " ", title, "\r\ndate: ", date, "\r\ncontent-type: ", self.content_type]);
        push(&["\r\ncontent-length: ", &length, "\r\ncache-control: no-store\r\nx-content-type-options: nosniff"]);
        push(&["\r\nx-request-id: ", self.request_id.as_str(), "\r\n"]);
        for (name, value) in &self.fields {
            push(&[name, ": ", value, "\r\n"]);
        }
        push(&[if close { "connection: close\r\n\r\n" } else { "\r\n" }]);
    }
}

/// The page a browser shows for a refusal: no script, no style from elsewhere.
fn html(status: u16, title: &str, sentence: &str, request_id: RequestId) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{status} {title}</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}code{{overflow-wrap:anywhere}}</style>\
         <h1>{status} {title}</h1><p>{sentence}</p><p>Request id: <code>{request_id}</code></p></html>\n"
    )
}

/// Reason phrase and sentence of every status that monward gives. They name no role, rule, user, host or version.
const fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        200 => ("OK", ""),
        400 => ("Bad Request", "the request cannot be understood as it is written"),
        401 => ("Unauthorized", "a valid credential is needed"),
        403 => ("Forbidden", "your identity is known, but it may not ask this"),
        404 => ("Not Found", "there is no such endpoint"),
        405 => ("Method Not Allowed", "this endpoint is asked with other methods; Allow names them"),
        408 => ("Request Timeout", "the request took too long to arrive"),
        414 => ("URI Too Long", "the request target is too long"),
        417 => ("Expectation Failed", "send the request without an Expect field"),
        421 => ("Misdirected Request", "this server does not answer for that host name"),
        429 => ("Too Many Requests", "you ask more often than you may; Retry-After says when to come back"),
        431 => ("Request Header Fields Too Large", "the head of the request is too large"),
        500 => ("Internal Server Error", "the server behind reports an error of its own"),
        502 => ("Bad Gateway", "the server behind gave no answer that can be passed on"),
        503 => ("Service Unavailable", "this cannot be answered right now; try again shortly"),
        504 => ("Gateway Timeout", "the server behind took too long"),
        505 => ("HTTP Version Not Supported", "use HTTP/1.1 or HTTP/2"),
        508 => ("Loop Detected", "the request has passed here before"),
        _ => ("Error", "the request cannot be answered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RequestId {
        RequestId::new(0xabc)
    }

    #[test]
    fn a_denial_is_text_unless_something_else_is_asked_for_by_name() {
        for (accept, wanted) in [
            (None, Wish::Text),
            (Some("*/*"), Wish::Text),
            (Some("application/json"), Wish::Text),
            (Some("application/json, text/*"), Wish::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Wish::Html),
            (Some("application/problem+json;q=0.9"), Wish::Problem),
            (Some("application/problem+json;q=0"), Wish::Text),
            (Some("text/html; q=0.000, application/problem+json"), Wish::Problem),
        ] {
            assert_eq!(Wish::of(accept.map(str::as_bytes)), wanted, "{accept:?}");
        }
    }

    #[test]
    fn no_denial_decodes_as_json_unless_it_was_asked_for() {
        for status in [400, 401, 403, 404, 405, 408, 414, 417, 421, 429, 431, 500, 502, 503, 504, 505, 508] {
            for wish in [Wish::Text, Wish::Html] {
                let answer = Answer::plain(status, wish, id());
                assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err(), "{status}");
                assert!(answer.body.len() < 1024, "{status}");
            }
            let problem = Answer::plain(status, Wish::Problem, id());
            let problem: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
            assert_eq!(problem["status"], status);
            assert_ne!(problem["title"], "Error", "{status} has no words of its own");
        }
    }

    #[test]
    fn a_head_carries_exactly_the_listed_fields() {
        let answer = Answer::plain(429, Wish::Text, id()).with("retry-after", "3");
        let mut out = Vec::new();
        answer.write_head("Thu, 01 Jan 1970 00:00:00 GMT", true, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "HTTP/1.1 429 Too Many Requests\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
                 content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
                 x-content-type-options: nosniff\r\nx-request-id: 00000000000000000000000000000abc\r\n\
                 retry-after: 3\r\nconnection: close\r\n\r\n",
                answer.body.len()
            )
        );
    }

    #[test]
    fn a_field_that_is_added_twice_is_sent_twice() {
        let answer = Answer::plain(401, Wish::Text, id()).with("www-authenticate", "a").with("www-authenticate", "b");
        let mut out = Vec::new();
        answer.write_head("", false, &mut out);
        assert!(String::from_utf8(out).unwrap().contains("\r\nwww-authenticate: a\r\nwww-authenticate: b\r\n"));
        assert_eq!(answer.all_fields().filter(|(name, _)| *name == "www-authenticate").count(), 2);
    }
}
