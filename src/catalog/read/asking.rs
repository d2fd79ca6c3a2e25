//! Reads how an endpoint is asked: `methods` and `ask`.

use super::Reader;
use crate::catalog::asking::{Ask, Methods};
use crate::document::{Fields, Node};

/// The longest body that monward sends, in bytes.
const MAX_BODY: usize = 4096;

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
