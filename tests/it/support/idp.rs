//! An identity provider on loopback that does what a test tells it: answers, lies, hangs, redirects, dies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{latin1, read_request};
use super::pki::{Authority, Identity};
use super::server::{Server, Stream};

/// What happens to one path.
#[derive(Clone, Debug)]
pub enum Page {
    /// 200 with this body, `application/json`, further header lines.
    Json(String, &'static str),
    /// Exactly these bytes, then the connection closes.
    Raw(Vec<u8>),
    /// 200, the body at one byte per second.
    Slow(String),
    /// The header of a good answer, then silence.
    Hang,
    /// 200 and `[` a hundred million times.
    Endless,
    /// This status with an empty body.
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// Asked about a token.
    Judge(Judge),
}

/// What is said of tokens. They are looked for in the body of the request.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// The tokens that are known, each with its answer.
    pub known: Vec<(String, String)>,
    /// The answer about any other.
    pub others: String,
    /// How long each answer takes.
    pub takes: Duration,
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    hits: HashMap<String, usize>,
}

/// The provider.
pub struct Idp {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// Where discovery documents are.
pub const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where the keys are.
pub const JWKS: &str = "/jwks";

impl Idp {
    /// A provider that listens, with a good certificate and discovery document, and `jwks` as its keys.
    pub fn start(jwks: &str) -> Self {
        let idp = Self::dormant(jwks);
        idp.wake();
        idp
    }

    /// The same, not listening yet.
    pub fn dormant(jwks: &str) -> Self {
        Self::with_identity(jwks, &Authority::shared().server(&["127.0.0.1"]))
    }

    /// The same, with a certificate of the test's choice.
    pub fn with_identity(jwks: &str, identity: &Identity) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let seen = Arc::clone(&state);
        let handler = Arc::new(move |stream: &mut dyn Stream, _| serve(stream, &seen));
        let server = Server::reserve(Some(identity.server_config(None)), handler);
        let idp = Self { server, state };
        idp.set(DISCOVERY, Page::Json(idp.discovery(&idp.url(), &format!("{}{JWKS}", idp.url())), ""));
        idp.set(JWKS, Page::Json(jwks.to_owned(), ""));
        idp
    }

    /// A discovery document.
    pub fn discovery(&self, issuer: &str, jwks_uri: &str) -> String {
        serde_json::json!({
            "issuer": issuer, "jwks_uri": jwks_uri,
            "authorization_endpoint": format!("{}/authorize", self.url()), "token_endpoint": format!("{}/token", self.url()),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
        .to_string()
    }

    /// Its address, which is also its issuer identifier.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// Says what `path` answers from now on.
    pub fn set(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// Publishes other keys.
    pub fn rotate(&self, jwks: &str) {
        self.set(JWKS, Page::Json(jwks.to_owned(), ""));
    }

    /// Begins to listen.
    pub fn wake(&self) {
        self.server.listen();
    }

    /// Stops listening: connections are refused.
    pub fn kill(&self) {
        self.server.refuse();
    }

    /// How often `path` was asked for.
    pub fn hits(&self, path: &str) -> usize {
        self.state.lock().unwrap().hits.get(path).copied().unwrap_or(0)
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}

fn serve(stream: &mut dyn Stream, state: &Mutex<State>) {
    let mut buffer = Vec::new();
    while let Some(head) = read_request(stream, &mut buffer) {
        let head = latin1(&head);
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        let Some(body) = read_body(stream, &mut buffer, &head) else { return };
        let page = {
            let mut state = state.lock().unwrap();
            *state.hits.entry(path.clone()).or_default() += 1;
            state.pages.get(&path).cloned().unwrap_or(Page::Status(404))
        };
        if answer(stream, page, &body).is_err() {
            return;
        }
    }
}

/// The body of the request with this head.
fn read_body(stream: &mut dyn Stream, buffer: &mut Vec<u8>, head: &str) -> Option<String> {
    let length =
        head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |text| text.parse().unwrap());
    let mut block = [0; 16 * 1024];
    while buffer.len() < length {
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&block[..count]),
        }
    }
    let rest = buffer.split_off(length);
    Some(latin1(&std::mem::replace(buffer, rest)))
}

/// Answers one request with this body; an error ends the connection.
fn answer(stream: &mut dyn Stream, page: Page, asked: &str) -> std::io::Result<()> {
    let head = |length: usize, extra: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{extra}Content-Length: {length}\r\n\r\n")
    };
    match page {
        Page::Json(body, extra) => {
            stream.write_all(head(body.len(), extra).as_bytes())?;
            stream.write_all(body.as_bytes())?;
        }
        Page::Judge(judge) => {
            std::thread::sleep(judge.takes);
            let known = judge.known.iter().find(|(token, _)| asked.contains(token));
            let body = known.map_or(&judge.others, |(_, answer)| answer);
            stream.write_all(head(body.len(), "").as_bytes())?;
            stream.write_all(body.as_bytes())?;
        }
        Page::Raw(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            return Err(std::io::ErrorKind::Other.into());
        }
        Page::Slow(body) => {
            stream.write_all(head(body.len(), "").as_bytes())?;
            for byte in body.as_bytes() {
                stream.write_all(&[*byte])?;
                stream.flush()?;
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        Page::Hang => {
            stream.write_all(head(1000, "").as_bytes())?;
            stream.flush()?;
            // Until the client gives up.
            let _gone = stream.read(&mut [0]);
            return Err(std::io::ErrorKind::Other.into());
        }
        Page::Endless => {
            stream.write_all(head(100_000_000, "").as_bytes())?;
            let block = [b'['; 100_000];
            for _ in 0..1000 {
                stream.write_all(&block)?;
            }
        }
        Page::Status(code) => {
            stream.write_all(format!("HTTP/1.1 {code} Said So\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
        }
        Page::Redirect(to) => {
            stream
                .write_all(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
        }
    }
    stream.flush()
}
