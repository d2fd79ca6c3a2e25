//! One connection and the bytes read from it but not yet used.

use super::FetchError;
use bytes::{Buf, BytesMut};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The transport of a connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with its read buffer; the buffer lives as long as the connection does.
pub(super) struct Connection {
    stream: Stream,
    buffer: BytesMut,
}

/// How much one read takes at least.
const READ: usize = 16 * 1024;

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// What was read and not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Forgets the first `count` bytes, at most all.
    pub(super) fn consume(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
    }

    /// Sends a whole request with one write.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<(), FetchError> {
        let sent = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(request).await,
            Stream::Tls(stream) => match stream.write_all(request).await {
                Ok(()) => stream.flush().await,
                failed @ Err(_) => failed,
            },
        };
        sent.map_err(broken)
    }

    /// Reads once; fails with [`FetchError::Truncated`] at the end of the connection.
    pub(super) async fn fill(&mut self) -> Result<(), FetchError> {
        // Moves what is left to the front before it allocates; an empty buffer only forgets its offset.
        self.buffer.reserve(READ);
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await,
            Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await,
        };
        match read {
            Ok(0) => Err(FetchError::Truncated),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(error)),
        }
    }

    /// Whether nothing arrived that no request asked for, neither bytes nor the end.
    ///
    /// Costs no system call as a rule: tokio remembers that the last read emptied the socket, so `try_read` answers from
    /// memory until the poller sees something new.
    pub(super) fn is_quiet(&mut self) -> bool {
        if !self.buffer.is_empty() {
            return false;
        }
        let mut one = [0_u8];
        let (tcp, nothing_decrypted) = match &mut self.stream {
            Stream::Plain(stream) => (&*stream, true),
            Stream::Tls(stream) => {
                let (tcp, session) = stream.get_mut();
                let state = session.process_new_packets();
                (&*tcp, state.is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed()))
            }
        };
        nothing_decrypted && tcp.try_read(&mut one).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Gives back the room that an unusually large head took.
    pub(super) fn rest(&mut self) {
        if self.buffer.capacity() > 4 * READ {
            self.buffer = BytesMut::new();
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn broken(error: io::Error) -> FetchError {
    if matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>()) {
        FetchError::TlsFailed
    } else {
        FetchError::Truncated
    }
}
