//! A client of a few lines: one GET, one answer, over TLS or in the clear.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An answer.
pub(super) struct Reply {
    /// The status code.
    pub(super) status: u16,
    /// The fields of its head, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// Its body, complete.
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The first value of a field; `name` in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks `https://localhost` at `address` for `path`, with a bearer token if there is one.
pub(super) async fn get(
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    path: &str,
    token: Option<&str>,
) -> io::Result<Reply> {
    let credential = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n{credential}Connection: close\r\n\r\n", address.port());
    let asked = async {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = TlsConnector::from(tls).connect(name, TcpStream::connect(address).await?).await?;
        exchange(stream, &request).await
    };
    timeout(PATIENCE, asked).await?
}

/// Asks a plain HTTP server. HTTP/1.0, so that no answer comes in chunks.
pub(super) async fn get_plain(address: SocketAddr, path: &str) -> io::Result<Reply> {
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        exchange(stream, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")).await
    };
    timeout(PATIENCE, asked).await?
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> io::Result<Reply> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut read = Vec::new();
    loop {
        if let Some(reply) = parse(&read, Ended::No)? {
            return Ok(reply);
        }
        let got = (&mut stream).take(64 * 1024).read_buf(&mut read).await?;
        if got == 0 {
            return parse(&read, Ended::Yes)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        if read.len() > LARGEST {
            return Err(io::Error::other("the answer is too large"));
        }
    }
}

/// Whether the peer has closed the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

/// The answer in `read` when it is complete: as long as it says it is, or up to the end if it does not say.
fn parse(read: &[u8], ended: Ended) -> io::Result<Option<Reply>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(start) = head.parse(read).map_err(io::Error::other)? else { return Ok(None) };
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    let mut reply = Reply { status: head.code.unwrap_or_default(), headers, body: Vec::new() };
    let body = read.get(start..).unwrap_or_default();
    let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
    match length {
        Some(length) if body.len() == length => {}
        Some(length) if body.len() > length => return Err(io::Error::other("more bytes than the answer announced")),
        None if reply.header("transfer-encoding").is_some() => return Err(io::Error::other("a chunked answer")),
        None if ended == Ended::Yes => {}
        Some(_) | None => return Ok(None),
    }
    reply.body = body.to_vec();
    Ok(Some(reply))
}

const LARGEST: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_at_its_length_or_at_the_end() {
        let told = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok";
        for cut in 0..told.len() {
            assert!(parse(&told[..cut], Ended::No).unwrap().is_none(), "{cut}");
            assert!(parse(&told[..cut], Ended::Yes).unwrap().is_none(), "{cut}");
        }
        let reply = parse(told, Ended::No).unwrap().unwrap();
        assert_eq!((reply.status, reply.header("x-a"), reply.body.as_slice()), (200, Some("b"), b"ok".as_slice()));
        let untold = b"HTTP/1.0 200 OK\r\n\r\nok";
        assert!(parse(untold, Ended::No).unwrap().is_none());
        assert_eq!(parse(untold, Ended::Yes).unwrap().unwrap().body, b"ok");
    }

    #[test]
    fn an_answer_longer_than_it_says_is_an_error() {
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", Ended::No).is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Ended::No).is_err());
        assert!(parse(b"nonsense\r\n\r\n", Ended::No).is_err());
    }
}
