//! A fake upstream: records every byte and connection, and answers exactly what a test wrote.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;

use super::http::{latin1, read_body, read_request};
use super::server::{Server, Stream};

/// One part of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes in one write.
    Send(Vec<u8>),
    /// These bytes, each in a write of its own.
    Drip(Vec<u8>),
    /// Nothing, for this long.
    Pause(Duration),
    /// Nothing, until the gateway goes away.
    Hang,
    /// The connection ends.
    Close,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Request line and header, one character per byte.
    pub head: String,
    /// The body, as its length says.
    pub body: String,
}

impl Seen {
    /// The request line.
    pub fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap()
    }

    /// The request-target.
    pub fn target(&self) -> &str {
        self.line().split(' ').nth(1).unwrap()
    }

    /// All header lines, names in lower case.
    pub fn headers(&self) -> Vec<(String, String)> {
        let lines = self.head.trim_end().split("\r\n").skip(1);
        lines.map(|line| line.split_once(':').unwrap()).map(|(k, v)| (k.to_lowercase(), v.trim().to_owned())).collect()
    }
}

/// What answers.
pub type Script = Box<dyn Fn(&Seen) -> Vec<Step> + Send + Sync>;

struct State {
    script: Mutex<Arc<Script>>,
    seen: Mutex<Vec<Seen>>,
    unread: Mutex<Vec<u8>>,
}

/// The upstream.
pub struct Upstream {
    server: Server,
    state: Arc<State>,
}

impl Upstream {
    /// Answers like a small NATS server.
    pub fn nats() -> Self {
        Self::scripted(Box::new(nats_answers))
    }

    /// Answers what `script` says.
    pub fn scripted(script: Script) -> Self {
        Self::start(None, script)
    }

    /// Over TLS.
    pub fn start(tls: Option<Arc<ServerConfig>>, script: Script) -> Self {
        let state =
            Arc::new(State { script: Mutex::new(Arc::new(script)), seen: Mutex::default(), unread: Mutex::default() });
        let shared = Arc::clone(&state);
        let handler = Arc::new(move |stream: &mut dyn Stream, _| serve(stream, &shared));
        Self { server: Server::start(tls, handler), state }
    }

    /// Answers something else from now on.
    pub fn script(&self, script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(Box::new(script));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Bytes that never became a request.
    pub fn unread(&self) -> Vec<u8> {
        self.state.unread.lock().unwrap().clone()
    }

    /// Panics unless no byte ever came.
    pub fn assert_untouched(&self, why: &str) {
        let requests = self.requests();
        assert!(requests.is_empty() && self.unread().is_empty(), "{why}: the upstream saw {requests:?}");
    }

    /// Stops listening.
    pub fn refuse(&self) {
        self.server.refuse();
    }

    /// Listens again.
    pub fn listen(&self) {
        self.server.listen();
    }
}

fn serve(stream: &mut dyn Stream, state: &State) {
    let mut buffer = Vec::new();
    while let Some(head) = read_request(stream, &mut buffer) {
        let head = latin1(&head);
        let Some(body) = read_body(stream, &mut buffer, &head) else { break };
        let seen = Seen { head, body };
        state.seen.lock().unwrap().push(seen.clone());
        let script = Arc::clone(&state.script.lock().unwrap());
        for step in script(&seen) {
            if take(stream, step).is_err() {
                return;
            }
        }
    }
    state.unread.lock().unwrap().append(&mut buffer);
}

fn take(stream: &mut dyn Stream, step: Step) -> std::io::Result<()> {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes)?,
        Step::Drip(bytes) => {
            for byte in bytes {
                stream.write_all(&[byte])?;
                stream.flush()?;
            }
        }
        Step::Pause(span) => std::thread::sleep(span),
        Step::Hang => {
            let _gone = stream.read(&mut [0]);
            return Err(std::io::ErrorKind::Other.into());
        }
        Step::Close => return Err(std::io::ErrorKind::Other.into()),
    }
    stream.flush()
}

/// `200 OK` with a JSON body and its length.
pub fn json(body: &str) -> Vec<Step> {
    vec![Step::Send(with_length("200 OK", "Content-Type: application/json\r\n", body.as_bytes()))]
}

/// An answer with a length; `headers` are lines, each with its CRLF.
pub fn with_length(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An answer in chunks of `size` bytes.
pub fn chunked(status: &str, headers: &str, body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// What a small server would say.
pub fn nats_answers(seen: &Seen) -> Vec<Step> {
    let path = seen.target().split('?').next().unwrap();
    match path {
        "/varz" => json(r#"{"server_id":"NTEST","version":"2.15.1","connections":3,"mem":1048576,"cores":2}"#),
        "/connz" => {
            json(r#"{"server_id":"NTEST","num_connections":1,"connections":[{"cid":7,"in_msgs":1,"jwt":"x"}]}"#)
        }
        "/accountz" => {
            json(r#"{"server_id":"NTEST","account_detail":{"client_connections":1,"jwt":"x","decoded_jwt":{"a":1}}}"#)
        }
        "/healthz" => json(r#"{"status":"ok"}"#),
        _ => json("{}"),
    }
}
