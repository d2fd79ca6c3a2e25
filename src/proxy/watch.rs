//! Counts the streams that an HTTP/2 client opens, by reading the frame headers that pass.
//!
//! The `h2` crate answers or resets some streams by itself (a malformed pseudo-header, a header list beyond its bound)
//! and says nothing about it. What was opened here and never came out of it as a request is what it refused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The connection preface of a client (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// The length of a frame's header (RFC 9113 §4.1).
const FRAME_HEADER: usize = 9;
/// The type of a HEADERS frame (RFC 9113 §6.2).
const HEADERS: u8 = 1;

/// A connection whose opened streams are counted.
pub(super) struct Watched<S> {
    inner: S,
    scan: Scan,
    opened: Arc<AtomicU32>,
}

impl<S> Watched<S> {
    /// The connection, and the count of the streams that were opened on it so far.
    pub(super) fn new(inner: S) -> (Self, Arc<AtomicU32>) {
        let opened = Arc::new(AtomicU32::new(0));
        (Self { inner, scan: Scan::default(), opened: Arc::clone(&opened) }, opened)
    }
}

/// Where in the stream of frames the next byte stands.
struct Scan {
    /// The bytes to pass over before the next frame's header.
    skip: usize,
    header: [u8; FRAME_HEADER],
    /// How much of `header` is there.
    filled: usize,
    /// The highest stream so far; a client's streams only go up (RFC 9113 §5.1.1), trailers do not.
    highest: u32,
}

impl Default for Scan {
    fn default() -> Self {
        Self { skip: PREFACE, header: [0; FRAME_HEADER], filled: 0, highest: 0 }
    }
}

impl Scan {
    /// The number of streams that are opened in `bytes`.
    fn opened_in(&mut self, mut bytes: &[u8]) -> u32 {
        let mut opened = 0;
        while !bytes.is_empty() {
            let rest = bytes.split_at(self.skip.min(bytes.len())).1;
            self.skip -= bytes.len() - rest.len();
            for (place, byte) in self.header.iter_mut().skip(self.filled).zip(rest) {
                *place = *byte;
            }
            let taken = rest.len().min(FRAME_HEADER - self.filled);
            self.filled += taken;
            bytes = rest.split_at(taken).1;
            if self.filled == FRAME_HEADER {
                opened += u32::from(self.opens());
            }
        }
        opened
    }

    /// Reads a whole frame header: whether it opens a stream.
    fn opens(&mut self) -> bool {
        let [long, er, length, kind, _, stream @ ..] = self.header;
        (self.skip, self.filled) = (u32::from_be_bytes([0, long, er, length]) as usize, 0);
        // The highest bit is reserved.
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        let opens = kind == HEADERS && stream > self.highest;
        if opens {
            self.highest = stream;
        }
        opens
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        let opened = this.scan.opened_in(buffer.filled().get(before..).unwrap_or_default());
        if opened > 0 {
            this.opened.fetch_add(opened, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(payload.len()).expect("short").to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[test]
    fn streams_are_counted_once_whatever_the_cut() {
        let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        wire.extend(frame(4, 0, &[0; 18]));
        wire.extend(frame(1, 1, b"abc"));
        // A payload that looks like a HEADERS frame.
        wire.extend(frame(0, 1, &frame(1, 99, b"")));
        wire.extend(frame(1, 1, b"trailers"));
        wire.extend(frame(1, 0x8000_0003, b""));
        wire.extend(frame(1, 7, &[0; 300]));
        for cut in 1..wire.len() {
            let mut scan = Scan::default();
            let opened: u32 = wire.chunks(cut).map(|chunk| scan.opened_in(chunk)).sum();
            assert_eq!((opened, scan.highest), (3, 7), "cut every {cut} bytes");
        }
    }
}
