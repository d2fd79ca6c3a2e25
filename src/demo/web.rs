//! The small HTTP/1.1 server behind the embedded issuer and the recorded upstream.
//!
//! In: a listener and a [`Handler`]. Out: answers, until the [`Server`] is dropped. It is for loopback, but still
//! bounded: connections, header time, body bytes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Answers one request, whose body was read already.
pub(super) trait Handler: Send + Sync + 'static {
    /// The answer to `request`.
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes>;
}

/// A server that runs until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Server {
    /// Serves `handler` on `listener`; over TLS when there is an acceptor.
    pub(super) fn start(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        handler: Arc<dyn Handler>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, handler));
        Ok(Self { address, _accepting: accepting })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, handler: Arc<dyn Handler>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, handler) = (tls.clone(), Arc::clone(&handler));
        connections.spawn(async move {
            connection(stream, tls, handler).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, handler: Arc<dyn Handler>) {
    match tls {
        None => converse(stream, handler).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await {
                converse(stream, handler).await;
            }
        }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, handler: Arc<dyn Handler>) {
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(exchange(request, handler.as_ref()).await.map(Full::new)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // A peer that breaks the connection is its own loss: nobody is left to answer.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn exchange(request: Request<Incoming>, handler: &dyn Handler) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    #[expect(clippy::disallowed_methods, reason = "the body is inside `Limited`")]
    let read = timeout(PATIENCE, Limited::new(body, BODY).collect()).await;
    match read {
        Ok(Ok(body)) => handler.answer(&Request::from_parts(head, body.to_bytes())),
        Ok(Err(_)) => text(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large or broken\n"),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the request body took too long\n"),
    }
}

/// A short answer in plain text.
pub(super) fn text(status: StatusCode, sentence: &'static str) -> Response<Bytes> {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(sentence.as_bytes()))
}

/// An answer with a body of type `kind`.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

const BODY: usize = 16 * 1024;
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Answers with the length of the body.
    struct Length;

    impl Handler for Length {
        fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
            answer(StatusCode::OK, "text/plain", Bytes::from(request.body().len().to_string()))
        }
    }

    /// The status line and the last line of the answer to a POST with `bytes` bytes.
    async fn post(server: &Server, bytes: usize) -> (String, String) {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come before all of it was taken.
        let _ = stream.write_all(&vec![b'x'; bytes]).await;
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        let line = |line: Option<&str>| line.unwrap_or_default().to_owned();
        (line(text.lines().next()), line(text.lines().last()))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_cap() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::start(listener, None, Arc::new(Length)).unwrap();
        assert_eq!(post(&server, BODY).await, ("HTTP/1.1 200 OK".to_owned(), BODY.to_string()));
        assert!(post(&server, BODY + 1).await.0.starts_with("HTTP/1.1 413"), "one byte too many");
    }
}
