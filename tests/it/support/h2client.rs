//! An HTTP/2 client: one connection per request, or one that stays open.

use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{Method, Request};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::PATIENCE;
use super::client::Client;
use super::http::Response;
use super::pki::SERVER;

/// `GET target` as the bearer of `token` over HTTP/2.
pub fn get(client: &Client, target: &str, token: Option<&str>) -> Response {
    request(client, "GET", target, token, &[]).unwrap_or_else(|error| panic!("h2 GET {target}: {error}"))
}

/// One request over HTTP/2. A reset of the stream while the body flows gives an answer that is not `complete`.
pub fn request(
    client: &Client,
    method: &str,
    target: &str,
    token: Option<&str>,
    extra: &[(&str, &str)],
) -> Result<Response, String> {
    Line::to(client)?.request(method, target, token, extra)
}

/// A connection that stays open between requests.
pub struct Line {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl Line {
    /// Connects.
    pub fn to(client: &Client) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = client.with_alpn(&[b"h2"]);
        let (sender, driver) = runtime.block_on(in_time(connect(&client)))?;
        Ok(Self { runtime, sender, driver })
    }

    /// `GET target` as the bearer of `token`.
    pub fn get(&mut self, target: &str, token: Option<&str>) -> Result<Response, String> {
        self.request("GET", target, token, &[])
    }

    /// One request.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        token: Option<&str>,
        extra: &[(&str, &str)],
    ) -> Result<Response, String> {
        self.send((method, target), token, extra, b"")
    }

    /// One request whose body, unless it is empty, comes in a frame of its own.
    pub fn send(
        &mut self,
        (method, target): (&str, &str),
        token: Option<&str>,
        extra: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, String> {
        let request = build(method, target, token, extra)?;
        let end = if body.is_empty() { End::Head } else { End::Body(Bytes::copy_from_slice(body)) };
        self.runtime.block_on(in_time(exchange(self.sender.clone(), request, end)))
    }

    /// One request whose body begins with `body` and does not end.
    pub fn unfinished(
        &mut self,
        method: &str,
        target: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Response, String> {
        let request = build(method, target, token, &[])?;
        let end = End::Never(Bytes::copy_from_slice(body));
        self.runtime.block_on(in_time(exchange(self.sender.clone(), request, end)))
    }
}

/// What ends a request.
enum End {
    Head,
    Body(Bytes),
    Never(Bytes),
}

fn build(method: &str, target: &str, token: Option<&str>, extra: &[(&str, &str)]) -> Result<Request<()>, String> {
    let mut builder = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?)
        .uri(format!("https://{SERVER}{target}"))
        .version(http::Version::HTTP_2);
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in extra {
        builder = builder.header(*name, *value);
    }
    builder.body(()).map_err(|error| error.to_string())
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(PATIENCE, work).await.map_err(|_| "no answer".to_owned())?
}

async fn connect(client: &Client) -> Result<(SendRequest<Bytes>, JoinHandle<()>), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let stream = client.dial();
    stream.set_nonblocking(true).map_err(|error| said(&error))?;
    let stream = TcpStream::from_std(stream).map_err(|error| said(&error))?;
    let name = ServerName::try_from(client.name).unwrap();
    let stream = TlsConnector::from(client.tls()).connect(name, stream).await.map_err(|error| said(&error))?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("h2 was not chosen".to_owned());
    }
    let (sender, connection) = client::handshake(stream).await.map_err(|error| said(&error))?;
    let driver = tokio::spawn(async move {
        let _ended = connection.await;
    });
    Ok((sender, driver))
}

async fn exchange(sender: SendRequest<Bytes>, request: Request<()>, end: End) -> Result<Response, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut sender = sender.ready().await.map_err(|error| said(&error))?;
    let (answer, mut stream) = sender.send_request(request, matches!(end, End::Head)).map_err(|error| said(&error))?;
    match end {
        End::Head => {}
        End::Body(body) => stream.send_data(body, true).map_err(|error| said(&error))?,
        End::Never(body) => stream.send_data(body, false).map_err(|error| said(&error))?,
    }
    let answer = answer.await.map_err(|error| said(&error))?;
    let mut response = Response { status: answer.status().as_u16(), complete: true, ..Response::default() };
    response.head = format!("HTTP/2 {}\r\n", response.status);
    for (name, value) in answer.headers() {
        let value = super::http::latin1(value.as_bytes());
        response.head.push_str(&format!("{name}: {value}\r\n"));
        response.headers.push((name.to_string(), value));
    }
    let mut body = answer.into_body();
    while let Some(chunk) = body.data().await {
        let Ok(chunk): Result<Bytes, _> = chunk else {
            response.complete = false;
            break;
        };
        let _ = body.flow_control().release_capacity(chunk.len());
        response.body.extend_from_slice(&chunk);
    }
    Ok(response)
}

/// The preface of a connection with empty settings, then `frames`: for what no client library would send.
pub fn raw(frames: &[Vec<u8>]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, b""), frames.concat()].concat()
}

/// One frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A HEADERS frame that is the whole request.
pub fn headers(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, 0b101, stream, &block(fields))
}

/// A HEADERS frame that a body follows.
pub fn open(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, 0b100, stream, &block(fields))
}

/// Fields as literals that are never indexed (RFC 7541 §6.2.3).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| [vec![0x10], literal(name), literal(value)].concat()).collect()
}

/// A string literal without Huffman code (RFC 7541 §5.2).
pub fn literal(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len().checked_sub(127) {
        None => bytes.push(u8::try_from(text.len()).unwrap()),
        Some(mut rest) => {
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128 + 128).unwrap());
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A frame as it came: kind, flags, stream, payload.
pub type Frame = (u8, u8, u32, Vec<u8>);

/// The whole frames at the beginning of `bytes`.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        found.push((head[3], head[4], stream, payload.to_vec()));
        bytes = rest;
    }
    found
}
