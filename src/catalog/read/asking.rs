//! Reads how an endpoint is asked: `methods`, `ask` and `inject`.

use super::Reader;
use crate::catalog::asking::{Ask, Form, Inject, Methods};
use crate::document::{Fields, Node};

/// The longest body that monward sends, in bytes.
const MAX_BODY: usize = 4096;

/// The fields that monward or the framing of a request write themselves, in lower case.
const OWN: [&str; 19] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-connection",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-request-id",
];

impl Reader {
    /// `methods: [POST]`; GET and HEAD when it is missing.
    pub(super) fn methods(&mut self, node: Option<&Node>) -> Option<Methods> {
        let Some(node) = node else { return Some(Methods::Get) };
        let mut words = node.texts(&mut self.faults)?;
        words.sort_unstable();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["GET", "HEAD"] => Some(Methods::Get),
            ["POST"] => Some(Methods::Post),
            ["GET", "HEAD", "POST"] => Some(Methods::GetAndPost),
            _ => {
                self.faults.at(node, "expected `[GET, HEAD]`, `[POST]` or `[GET, HEAD, POST]`");
                None
            }
        }
    }

    /// `ask: { method: POST, body: '{}', content_type: application/json }`; a GET when it is missing.
    pub(super) fn ask(&mut self, node: Option<&Node>) -> Option<Ask> {
        let Some(node) = node else { return Some(Ask::Get) };
        let fields = node.fields(&["method", "body", "content_type"], &mut self.faults)?;
        let method = fields.required("method", &mut self.faults)?;
        if self.word("method", method, &[("GET", false), ("POST", true)])? {
            return self.post(fields);
        }
        for node in ["body", "content_type"].iter().filter_map(|key| fields.get(key)) {
            self.faults.at(node, "a GET has no body; write `method: POST`, or leave it out");
        }
        Some(Ask::Get)
    }

    fn post(&mut self, fields: Fields<'_>) -> Option<Ask> {
        let body = fields.required("body", &mut self.faults);
        let body = body.and_then(|node| {
            let body = node.text(&mut self.faults)?;
            if body.len() > MAX_BODY {
                self.faults.at(node, format!("a body has at most {MAX_BODY} bytes"));
            }
            Some(body.to_owned())
        });
        let content_type = fields.required("content_type", &mut self.faults).and_then(|node| self.media_type(node));
        Some(Ask::Post { body: body?, content_type: content_type? })
    }

    /// `inject: { header: X-API-Key, secret: api_key }`, or `hmac_sha256: api_key`.
    pub(super) fn inject(&mut self, node: Option<&Node>, ask: Option<&Ask>) -> Option<Inject> {
        let node = node?;
        let fields = node.fields(&["header", "secret", "hmac_sha256"], &mut self.faults)?;
        let header = fields.required("header", &mut self.faults).and_then(|node| self.header(node));
        let (form, secret) = match (fields.get("secret"), fields.get("hmac_sha256")) {
            (Some(secret), None) => (Form::Plain, secret),
            (None, Some(secret)) => {
                if ask.is_some_and(|ask| ask.body().is_empty()) {
                    self.faults.at(secret, "this signs the body of `ask`, and there is none");
                }
                (Form::HmacSha256, secret)
            }
            (Some(_), Some(_)) | (None, None) => {
                self.faults.at(node, "expected either `secret` or `hmac_sha256`, with the name of a secret");
                return None;
            }
        };
        let name = secret.text(&mut self.faults)?;
        self.plain_name(name, secret.place);
        Some(Inject { header: header?, secret: name.to_owned(), form })
    }

    /// The name of a field that nobody else writes.
    fn header(&mut self, node: &Node) -> Option<String> {
        let name = node.text(&mut self.faults)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            self.faults.at(node, "the name of a header field has letters, digits, `-` and `_`");
        } else if OWN.contains(&name.to_ascii_lowercase().as_str()) {
            self.faults.at(node, format!("`{name}` is a field that monward writes itself; a secret needs another"));
        }
        Some(name.to_owned())
    }

    /// `application/json`, with parameters or without.
    fn media_type(&mut self, node: &Node) -> Option<String> {
        let text = node.text(&mut self.faults)?;
        let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !plain || !text.contains('/') || text.trim() != text {
            self.faults.at(node, "expected a media type, such as `application/json`");
        }
        Some(text.to_owned())
    }
}
