//! A gateway that knows clients by their certificates, asked over both protocols.

use std::sync::Arc;

use rcgen::CertificateParams;
use rustls::SupportedProtocolVersion;
use serde_json::Value;

use super::answers::{denial, success};
use super::client::{Client, Connection, request};
use super::eventually;
use super::gateway::{Gateway, Setup};
use super::h2client::{self, Line};
use super::http::Response;
use super::pki::{Authority, Identity, workload};
use super::upstream::Upstream;

/// The name of the client that may ask.
pub const MINE: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

/// The client called [`MINE`] may ask, and whoever has a token of a viewer.
pub const POLICY: &str = r"
version: 1
catalog: nats
roles:
  scraper:
    - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/prometheus' }
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: view
    endpoints: [varz]
    allow: [scraper, viewer]
    redact: standard
";

/// The versions that are spoken, each alone.
pub const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&rustls::version::TLS13], &[&rustls::version::TLS12]];

/// A protocol.
#[derive(Clone, Copy, Debug)]
pub enum Via {
    H1,
    H2,
}

/// Both of them.
pub const BOTH: [Via; 2] = [Via::H1, Via::H2];

/// The gateway, what it guards, and who signs its clients.
pub struct World {
    pub upstream: Upstream,
    pub gateway: Gateway,
    pub clients: Authority,
}

/// A gateway in this `mode` with an empty revocation list.
pub fn setup(upstream: &Upstream, clients: &Authority, mode: &str) -> Setup {
    let mut setup = Setup::before(upstream)
        .policy(POLICY)
        .file("clients.pem", clients.certificate.clone())
        .file("clients.crl", clients.revoked(&[], 2090));
    setup.listener =
        format!("    client_auth: {mode}\n    client_ca_file: clients.pem\n    crl_files: [clients.crl]\n");
    setup
}

impl World {
    /// With a gateway that is set up as `change` wants it.
    pub fn with(mode: &str, change: impl FnOnce(Setup) -> Setup) -> Self {
        let (upstream, clients) = (Upstream::nats(), Authority::new("clients"));
        let gateway = change(setup(&upstream, &clients, mode)).start();
        Self { upstream, gateway, clients }
    }

    /// The usual one.
    pub fn new(mode: &str) -> Self {
        Self::with(mode, |setup| setup)
    }

    /// A client without a certificate.
    pub fn anonymous(&self) -> Client {
        self.gateway.client()
    }

    /// A client that shows `identity`.
    pub fn showing(&self, identity: &Identity) -> Client {
        self.anonymous().showing(identity, &[b"http/1.1"])
    }

    /// The client called [`MINE`], with this serial number.
    pub fn mine(&self, serial: u8) -> Client {
        self.showing(&self.clients.workload(MINE, serial))
    }

    /// A client like [`MINE`], but for what `change` does.
    pub fn unlike(&self, change: impl FnOnce(&mut CertificateParams)) -> Client {
        let mut params = workload(MINE, 1);
        change(&mut params);
        self.showing(&self.clients.issue(&params))
    }

    /// A client that speaks `versions` alone.
    pub fn speaking(&self, versions: &[&'static SupportedProtocolVersion], identity: Option<&Identity>) -> Client {
        self.anonymous().over(Authority::shared().client_config_of(versions, &[b"http/1.1"], identity))
    }

    /// Panics unless `client` gets its answer by both protocols, and what it guards is asked each time.
    pub fn serves(&self, client: &Client, token: Option<&str>, what: &str) {
        for via in BOTH {
            let before = self.upstream.requests().len();
            success(&ask(client, via, token).unwrap_or_else(|| panic!("{what}, {via:?}: no answer")), what);
            assert_eq!(self.upstream.requests().len(), before + 1, "{what}, {via:?}");
        }
    }

    /// Panics unless `client` is answered with `status` for `reason` by both protocols, with a record and a count of
    /// each, and without a byte to what is guarded.
    pub fn denies(&self, client: &Client, token: Option<&str>, (status, reason): (u16, &str), what: &str) {
        for via in BOTH {
            let untouched = self.untouched();
            let count = || self.denied(status, reason);
            let before = count();
            let answer = ask(client, via, token).unwrap_or_else(|| panic!("{what}, {via:?}: no answer"));
            denial(&answer, &[status], what);
            let record = self.record(&answer);
            assert_eq!((&record["reason"], &record["decision"]), (&reason.into(), &"deny".into()), "{what}: {record}");
            eventually("the count", || (count() > before).then_some(()));
            untouched(what);
        }
    }

    /// Panics unless `client` gets no answer at all by either protocol, with a record and a count of each, and without
    /// a byte to what is guarded.
    pub fn shuts_out(&self, client: &Client, reason: &str, what: &str) {
        for via in BOTH {
            self.shut_out(reason, what, || {
                let answer = ask(client, via, None);
                assert!(answer.is_none(), "{what}, {via:?}: {answer:?}");
            });
        }
    }

    /// Panics unless what `attempt` does is one connection that is refused for `reason`.
    pub fn shut_out(&self, reason: &str, what: &str, attempt: impl FnOnce()) {
        let untouched = self.untouched();
        let before = self.refused(reason);
        attempt();
        let (records, count) = eventually(&format!("{what}: a refusal for {reason}"), || {
            let now = self.refused(reason);
            (now.0.len() > before.0.len() && now.1 > before.1).then_some(now)
        });
        assert_eq!((records.len(), count), (before.0.len() + 1, before.1 + 1.0), "{what}");
        let record = &records[before.0.len()];
        assert_eq!((&record["status"], &record["protocol"]), (&0.into(), &"-".into()), "{what}: {record}");
        assert_eq!((&record["principal"], &record["decision"]), (&Value::Null, &"deny".into()), "{what}: {record}");
        untouched(what);
    }

    /// Panics unless the gateway logs a line with all of these words.
    pub fn logs(&self, words: &[&str]) {
        eventually(&format!("a line of the log with {words:?}"), || {
            self.gateway.stderr().lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        });
    }

    /// Panics unless the gateway reloads with this `result` after `change`, without any signal.
    pub fn noticed(&self, result: &str, change: impl FnOnce()) {
        let label = format!("result=\"{result}\"");
        let count = || self.gateway.metric("monward_config_reloads_total", &[&label]);
        let before = count();
        change();
        eventually(&format!("a reload that nobody asked for, {result}"), || (count() > before).then_some(()));
    }

    /// The record of the request that got this answer.
    pub fn record(&self, answer: &Response) -> Value {
        let id = answer.header("x-request-id").unwrap();
        eventually("the record of an answer", || {
            self.gateway.audit(1).into_iter().find(|record| record["request_id"] == id)
        })
    }

    /// Panics, when called, if anything reached what is guarded since this was made.
    fn untouched(&self) -> impl Fn(&str) {
        let seen = || (self.upstream.requests().len(), self.upstream.connections(), self.upstream.unread());
        let before = seen();
        move |what: &str| assert_eq!(seen(), before, "{what}: something went upstream")
    }

    /// How many requests were denied with this status and reason.
    fn denied(&self, status: u16, reason: &str) -> f64 {
        let labels = [format!("status=\"{status}\""), format!("reason=\"{reason}\""), "decision=\"deny\"".to_owned()];
        self.gateway.metric("monward_requests_total", &labels.each_ref().map(String::as_str))
    }

    /// The connections that were refused for this reason: their records, and how many were counted.
    fn refused(&self, reason: &str) -> (Vec<Value>, f64) {
        let text = self.gateway.audit_text();
        let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let records = records.filter(|record| record["reason"] == reason && record["status"] == 0).collect();
        let label = format!("reason=\"{reason}\"");
        (records, self.gateway.metric("monward_connections_refused_total", &[&label]))
    }
}

/// `GET /varz` on a connection of its own; `None` when there is no answer.
pub fn ask(client: &Client, via: Via, token: Option<&str>) -> Option<Response> {
    match via {
        Via::H1 => client.exchange(request("GET", "/varz", token, "").as_bytes()).responses.into_iter().next(),
        Via::H2 => h2client::request(client, "GET", "/varz", token, &[]).ok(),
    }
}

/// A connection that stays open between requests.
pub enum Kept {
    H1(Box<Connection>),
    H2(Line),
}

impl Kept {
    /// Connects.
    pub fn open(client: &Client, via: Via) -> Self {
        match via {
            Via::H1 => Self::H1(Box::new(client.connect())),
            Via::H2 => Self::H2(Line::to(client).unwrap()),
        }
    }

    /// `GET /varz`.
    pub fn ask(&mut self, token: Option<&str>) -> Response {
        match self {
            Self::H1(connection) => {
                connection.send(request("GET", "/varz", token, "").as_bytes());
                connection.response(false).expect("an answer on the open connection")
            }
            Self::H2(session) => session.get("/varz", token).unwrap(),
        }
    }
}

/// Panics unless each of these connections is still good for an answer.
pub fn all_serve(open: &mut [Kept], token: Option<&str>, what: &str) {
    for open in open {
        success(&open.ask(token), what);
    }
}

/// Panics unless each of these connections gets 401 for `reason`, with a record of it.
pub fn all_denied(world: &World, open: &mut [Kept], token: Option<&str>, reason: &str) {
    for open in open {
        let answer = open.ask(token);
        denial(&answer, &[401], reason);
        let record = world.record(&answer);
        assert_eq!(record["reason"], reason, "{record}");
    }
}

/// The TLS settings of a client, with this change.
pub fn changed(client: &Client, change: impl FnOnce(&mut rustls::ClientConfig)) -> Client {
    let mut tls = rustls::ClientConfig::clone(&client.tls());
    change(&mut tls);
    client.over(Arc::new(tls))
}
