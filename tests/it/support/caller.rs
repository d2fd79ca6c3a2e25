//! Somebody who asks with all that they show, over both protocols, and what must come of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::answers::{denial, success};
use super::bench::Bench;
use super::client::{Client, Connection};
use super::eventually;
use super::h2client;
use super::http::Response;
use super::pki::Identity;

/// The caller.
#[derive(Clone)]
pub struct Caller<'a> {
    bench: &'a Bench,
    pub client: Client,
    fields: Vec<(String, String)>,
}

/// The value of `Authorization` for a name and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Bench {
    /// Somebody who shows nothing yet.
    pub fn caller(&self) -> Caller<'_> {
        Caller { bench: self, client: self.client.clone(), fields: Vec::new() }
    }

    /// The audit record of the request that `response` answers.
    pub fn record_of(&self, response: &Response) -> Value {
        let id = response.header("x-request-id").unwrap();
        eventually("the audit record", || self.gateway.audit(1).into_iter().find(|record| record["request_id"] == id))
    }

    /// What the upstream saw: requests, and bytes that are none.
    fn seen(&self) -> (usize, usize) {
        (self.upstream.requests().len(), self.upstream.unread().len())
    }
}

impl Caller<'_> {
    /// With one more field.
    pub fn field(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.fields.push((name.to_lowercase(), value.to_owned()));
        more
    }

    /// With a bearer token.
    pub fn bearer(&self, token: &str) -> Self {
        self.field("authorization", &format!("Bearer {token}"))
    }

    /// With a name and a password.
    pub fn basic(&self, user: &str, password: &str) -> Self {
        self.field("authorization", &basic(user, password))
    }

    /// With a client certificate.
    pub fn showing(&self, identity: &Identity) -> Self {
        Self { client: self.client.showing(identity, &[b"http/1.1"]), ..self.clone() }
    }

    /// From another address of this machine.
    pub fn coming_from(&self, source: &str) -> Self {
        Self { client: self.client.coming_from(source), ..self.clone() }
    }

    /// At another listener.
    pub fn at(&self, listener: usize) -> Self {
        let mut other = self.clone();
        other.client.address = self.bench.gateway.listeners[listener];
        other
    }

    /// The answers over HTTP/1.1 and HTTP/2, on connections of their own.
    pub fn ask(&self, target: &str) -> [Response; 2] {
        let over_h2 = h2client::request(&self.client, "GET", target, None, &self.pairs());
        [self.client.request("GET", target, None, &self.lines()), over_h2.unwrap()]
    }

    /// Their statuses.
    pub fn statuses(&self, target: &str) -> [u16; 2] {
        self.ask(target).map(|answer| answer.status)
    }

    /// Lets in, over both protocols: the upstream is asked, and the record names just this principal.
    pub fn permitted(&self, target: &str, principal: &Value) {
        let (before, unread) = self.bench.seen();
        for answer in self.ask(target) {
            success(&answer, target);
            let record = self.bench.record_of(&answer);
            assert_eq!(&record["principal"], principal, "{record}");
            assert_eq!((&record["decision"], &record["reason"]), (&"permit".into(), &"rule".into()), "{record}");
        }
        assert_eq!(self.bench.seen(), (before + 2, unread), "{target}: what the upstream saw");
        for seen in &self.bench.upstream.requests()[before..] {
            for (name, value) in &self.fields {
                assert!(!seen.head.contains(value) && !seen.head.to_lowercase().contains(name), "{}", seen.head);
            }
        }
    }

    /// Refuses, over both protocols, with this status and for this reason; the upstream sees no byte.
    pub fn refused(&self, target: &str, status: u16, reason: &str) -> [Response; 2] {
        let before = self.bench.seen();
        let answers = self.ask(target);
        for answer in &answers {
            denial(answer, &[status], reason);
            let record = self.bench.record_of(answer);
            assert_eq!((&record["decision"], &record["reason"]), (&"deny".into(), &reason.into()), "{record}");
        }
        assert_eq!(self.bench.seen(), before, "{target}: what the upstream saw of a {status}");
        answers
    }

    /// Waits until both protocols answer with `status`; until then with `before` only.
    pub fn becomes(&self, target: &str, before: u16, status: u16) {
        eventually(&format!("{status} instead of {before}"), || {
            let statuses = self.statuses(target);
            assert!(statuses.iter().all(|got| [before, status].contains(got)), "{statuses:?}");
            (statuses == [status; 2]).then_some(())
        });
    }

    /// Two connections that stay open.
    pub fn open(&self) -> Open {
        let (lines, fields) = (self.lines(), self.fields.clone());
        Open { h1: self.client.connect(), h2: h2client::Line::to(&self.client).unwrap(), lines, fields }
    }

    fn lines(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        pairs(&self.fields)
    }
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// One connection of each protocol, on which the same is shown with each request.
pub struct Open {
    h1: Connection,
    h2: h2client::Line,
    lines: String,
    fields: Vec<(String, String)>,
}

impl Open {
    /// One more request on each.
    pub fn ask(&mut self, target: &str) -> [Response; 2] {
        self.h1.send(super::client::request("GET", target, None, &self.lines).as_bytes());
        let over_h1 = self.h1.response(false).expect("the connection is still open");
        [over_h1, self.h2.request("GET", target, None, &pairs(&self.fields)).expect("the connection is still open")]
    }

    /// Their statuses.
    pub fn statuses(&mut self, target: &str) -> [u16; 2] {
        self.ask(target).map(|answer| answer.status)
    }
}
