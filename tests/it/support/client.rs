//! A raw TLS client: sends any bytes, reads answers, knows whether the connection was closed.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::PATIENCE;
use super::http::{Response, take_response};
use super::pki::{Authority, Identity, SERVER};

/// How to reach a gateway.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub name: &'static str,
    tls: Arc<ClientConfig>,
    source: Option<IpAddr>,
}

/// All that happened on one connection.
#[derive(Debug, Default)]
pub struct Exchange {
    pub responses: Vec<Response>,
    /// Whether the gateway closed it.
    pub closed: bool,
    /// Bytes that were not a whole answer.
    pub rest: Vec<u8>,
}

impl Exchange {
    /// The status of the first answer, 0 for none.
    pub fn status(&self) -> u16 {
        self.responses.first().map_or(0, |response| response.status)
    }

    /// The only answer.
    pub fn only(&self) -> &Response {
        assert_eq!(self.responses.len(), 1, "one answer expected: {self:?}");
        &self.responses[0]
    }

    /// The statuses of all answers.
    pub fn statuses(&self) -> Vec<u16> {
        self.responses.iter().map(|response| response.status).collect()
    }
}

impl Client {
    /// A client that asks for `HTTP/1.1` by ALPN.
    pub fn new(address: SocketAddr) -> Self {
        let tls = Authority::shared().client_config(&[b"http/1.1"]);
        Self { address, name: SERVER, tls, source: None }
    }

    /// The same, offering other protocols.
    pub fn with_alpn(&self, alpn: &[&[u8]]) -> Self {
        let mut tls = ClientConfig::clone(&self.tls);
        tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        self.over(Arc::new(tls))
    }

    /// The same, with other TLS settings.
    pub fn over(&self, tls: Arc<ClientConfig>) -> Self {
        Self { tls, ..self.clone() }
    }

    /// The same, showing a client certificate when it is asked for one.
    pub fn showing(&self, identity: &Identity, alpn: &[&[u8]]) -> Self {
        self.over(Authority::shared().client_config_showing(alpn, Some(identity)))
    }

    /// The same, coming from another address of this machine, such as `127.0.0.2`.
    pub fn coming_from(&self, source: &str) -> Self {
        Self { source: Some(source.parse().unwrap()), ..self.clone() }
    }

    /// The same, asking for another name by SNI.
    pub fn with_name(&self, name: &'static str) -> Self {
        Self { name, ..self.clone() }
    }

    /// The same, of another listener.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The TLS settings.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// A connection without TLS yet.
    pub fn dial(&self) -> TcpStream {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None).unwrap();
        if let Some(source) = self.source {
            socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
        }
        socket.connect(&self.address.into()).unwrap();
        socket.into()
    }

    /// Opens a connection; the handshake happens at the first byte.
    pub fn connect(&self) -> Connection {
        let stream = self.dial();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from(self.name).unwrap();
        let connection = ClientConnection::new(self.tls(), name).unwrap();
        Connection { stream: StreamOwned::new(connection, stream), buffer: Vec::new(), closed: false }
    }

    /// Sends `raw` on a connection of its own and reads until the gateway closes it or falls silent.
    pub fn exchange(&self, raw: &[u8]) -> Exchange {
        self.exchange_within(raw, Duration::from_secs(10))
    }

    /// As [`Client::exchange`], giving up on the first answer after `patience`.
    pub fn exchange_within(&self, raw: &[u8], patience: Duration) -> Exchange {
        let mut connection = self.connect();
        connection.send(raw);
        connection.drain(raw.starts_with(b"HEAD "), patience)
    }

    /// `GET target` as the bearer of `token`, on a connection of its own.
    pub fn get(&self, target: &str, token: Option<&str>) -> Response {
        self.request("GET", target, token, "")
    }

    /// One request on a connection of its own; `extra` is header lines, each with its CRLF.
    pub fn request(&self, method: &str, target: &str, token: Option<&str>, extra: &str) -> Response {
        let mut connection = self.connect();
        connection.send(request(method, target, token, &format!("{extra}Connection: close\r\n")).as_bytes());
        connection.response(method == "HEAD").unwrap_or_else(|| panic!("no answer to {method} {target}"))
    }
}

/// The text of a request.
pub fn request(method: &str, target: &str, token: Option<&str>, extra: &str) -> String {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{method} {target} HTTP/1.1\r\nHost: {SERVER}\r\n{authorization}{extra}\r\n")
}

/// An open connection.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
    closed: bool,
}

impl Connection {
    /// Sends bytes; that the peer went away already shows when reading.
    pub fn send(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
    }

    /// Reads one answer; `None` when the connection closed before it was there.
    pub fn response(&mut self, without_body: bool) -> Option<Response> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(response) = take_response(&mut self.buffer, without_body, self.closed) {
                return Some(response);
            }
            if self.closed {
                return None;
            }
            assert!(Instant::now() < deadline, "no answer within {PATIENCE:?}; have {:?}", self.text());
            self.read(Duration::from_millis(500));
        }
    }

    /// Reads all answers until the peer closes, `patience` passes without the first, or it falls silent after one.
    pub fn drain(&mut self, without_body: bool, patience: Duration) -> Exchange {
        let mut exchange = Exchange::default();
        let mut deadline = Instant::now() + patience;
        loop {
            while let Some(response) = take_response(&mut self.buffer, without_body, self.closed) {
                let last = response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                exchange.responses.push(response);
                let more = if last { PATIENCE } else { Duration::from_millis(200) };
                deadline = Instant::now() + more;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.closed || left.is_zero() {
                break;
            }
            self.read(left);
        }
        exchange.closed = self.closed;
        exchange.rest = std::mem::take(&mut self.buffer);
        exchange
    }

    /// Whether the peer closes the connection within `patience`, sending nothing more.
    pub fn closes_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.read(left);
        }
        true
    }

    /// Reads until `enough` says so of what has come and was not taken, or the peer closes; says whether it closed.
    pub fn until(&mut self, what: &str, enough: impl Fn(&[u8]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.closed && !enough(&self.buffer) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}: {:?}", self.text());
            self.read(Duration::from_millis(100));
        }
        self.closed
    }

    /// The bytes that have come and were not taken yet.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// What has come and was not taken yet.
    pub fn text(&self) -> String {
        super::http::latin1(&self.buffer)
    }

    /// The certificate that the peer showed, DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Ends the connection without a word.
    pub fn reset(self) {
        let _gone = self.stream.sock.shutdown(std::net::Shutdown::Both);
    }

    /// Whether the handshake was a whole one, or went on with an earlier session.
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.stream.conn.handshake_kind()
    }

    /// Whether the gateway lets this connection begin with early data.
    pub fn takes_early_data(&mut self) -> bool {
        self.stream.conn.early_data().is_some()
    }

    /// The protocol chosen by ALPN.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.stream.conn.alpn_protocol().map(<[u8]>::to_vec)
    }

    fn read(&mut self, patience: Duration) {
        self.stream.sock.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).unwrap();
        let mut block = [0; 64 * 1024];
        match self.stream.read(&mut block) {
            Ok(0) => self.closed = true,
            Ok(count) => self.buffer.extend_from_slice(&block[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
    }
}
