//! Reads a chunked body, strictly (RFC 9112 §7.1).
//!
//! Narrower than the standard: no chunk extensions, at most eight hexadecimal digits of size, CRLF only. Trailers are
//! read within a bound and dropped.

use super::FetchError;

/// Where in a chunked body the reader is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    state: State,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size {
        digits: u8,
        size: u32,
    },
    SizeLf {
        size: u32,
    },
    Data {
        left: u32,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// What one step took from the input: `used` bytes, of which `data` is body.
pub(super) struct Step<'a> {
    pub(super) used: usize,
    pub(super) data: &'a [u8],
}

/// The most bytes of trailers that are read and dropped.
const MAX_TRAILERS: usize = 8 * 1024;

const START: State = State::Size { digits: 0, size: 0 };

impl Chunked {
    pub(super) const fn new() -> Self {
        Self { state: START, trailer_bytes: 0 }
    }

    /// Whether the last byte of the body has been read.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Reads on until a piece of data, the end of `input`, or the end of the body.
    pub(super) fn step<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, FetchError> {
        let mut rest = input;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.is_done() {
                break;
            }
            if let State::Data { left } = self.state {
                let (data, behind) = self.data(left, rest);
                return Ok(Step { used: input.len() - behind.len(), data });
            }
            self.state = self.next(byte)?;
            rest = behind;
        }
        Ok(Step { used: input.len() - rest.len(), data: &[] })
    }

    /// Splits what belongs to the current chunk from what is behind it.
    fn data<'a>(&mut self, left: u32, rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        let left = left.saturating_sub(u32::try_from(most).unwrap_or(u32::MAX));
        self.state = if left == 0 { State::DataCr } else { State::Data { left } };
        rest.split_at(most)
    }

    fn next(&mut self, byte: u8) -> Result<State, FetchError> {
        let bad = FetchError::Framing;
        Ok(match (self.state, byte) {
            (State::Size { digits: 1.., size }, b'\r') => State::SizeLf { size },
            (State::Size { digits, size }, _) => size_digit(digits, size, byte)?,
            (State::SizeLf { size: 0 } | State::TrailerLf, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => START,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::EndLf, b'\n') => State::Done,
            (State::TrailerStart | State::Trailer, _) => self.trailer_byte(byte)?,
            (State::SizeLf { .. } | State::TrailerLf | State::EndLf, _) => return Err(bad("CR without LF in a chunk")),
            (State::DataCr | State::DataLf, _) => return Err(bad("no CRLF behind a chunk")),
            (State::Data { .. } | State::Done, _) => return Err(bad("unreachable chunk state")),
        })
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, FetchError> {
        self.trailer_bytes = self.trailer_bytes.saturating_add(1);
        if self.trailer_bytes > MAX_TRAILERS {
            return Err(FetchError::Framing("trailers too large"));
        }
        if byte != b'\t' && byte.is_ascii_control() {
            return Err(FetchError::Framing("control byte in a trailer"));
        }
        Ok(State::Trailer)
    }
}

fn size_digit(digits: u8, size: u32, byte: u8) -> Result<State, FetchError> {
    let value = char::from(byte).to_digit(16).ok_or(FetchError::Framing("junk in a chunk size"))?;
    if digits >= 8 {
        return Err(FetchError::Framing("chunk size too long"));
    }
    // Eight hexadecimal digits fill the 32 bits exactly: the shift loses nothing.
    Ok(State::Size { digits: digits + 1, size: (size << 4) | value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `size` bytes; body, and what is left behind its end.
    fn decode(input: &[u8], size: usize) -> Result<(Vec<u8>, usize, bool), FetchError> {
        let (mut chunked, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
        for piece in input.chunks(size) {
            let mut at = 0;
            while at < piece.len() && !chunked.is_done() {
                let step = chunked.step(&piece[at..])?;
                body.extend_from_slice(step.data);
                at += step.used;
            }
            used += at;
        }
        Ok((body, input.len() - used, chunked.is_done()))
    }

    #[test]
    fn a_body_reads_the_same_however_it_is_split() {
        let wire = b"5\r\nhello\r\n00000001\r\n \r\nA\r\n0123456789\r\n0\r\nX-Jwt: eyJ\r\nB:\tc\r\n\r\nREST";
        for size in 1..=wire.len() {
            let (body, left, done) = decode(wire, size).unwrap();
            assert_eq!((body.as_slice(), left, done), (&b"hello 0123456789"[..], 4, true), "pieces of {size}");
        }
    }

    #[test]
    fn a_body_that_stops_anywhere_is_not_done() {
        let wire = b"3\r\nabc\r\n0\r\nA: b\r\n\r\n";
        for end in 0..wire.len() {
            assert!(!decode(&wire[..end], 64).unwrap().2, "cut at {end}");
        }
        assert!(decode(wire, 64).unwrap().2);
    }

    #[test]
    fn what_is_not_strictly_chunked_is_refused() {
        let long_trailer = [b"0\r\nX: ".as_slice(), &[b'a'; MAX_TRAILERS], b"\r\n\r\n"].concat();
        let many_trailers = [b"0\r\n".as_slice(), &b"X: y\r\n".repeat(3000), b"\r\n"].concat();
        let rows: [(&str, &[u8]); 21] = [
            ("no size", b"\r\nabc"),
            ("junk size", b"xyz\r\n"),
            ("0x", b"0x3\r\nabc\r\n0\r\n\r\n"),
            ("sign", b"+3\r\nabc\r\n0\r\n\r\n"),
            ("minus", b"-1\r\n"),
            ("space before the size", b" 3\r\nabc\r\n0\r\n\r\n"),
            ("space behind the size", b"3 \r\nabc\r\n0\r\n\r\n"),
            ("nine digits", b"000000003\r\nabc\r\n0\r\n\r\n"),
            ("overflow", b"100000000\r\n"),
            ("extension", b"3;a=b\r\nabc\r\n0\r\n\r\n"),
            ("LF alone behind the size", b"3\nabc\r\n0\r\n\r\n"),
            ("CR alone behind the size", b"3\rabc\r\n0\r\n\r\n"),
            ("chunk longer than said", b"3\r\nabcd\r\n0\r\n\r\n"),
            ("LF alone behind the data", b"3\r\nabc\n0\r\n\r\n"),
            ("CR alone behind the data", b"3\r\nabc\r0\r\n\r\n"),
            ("LF alone at the end", b"0\r\n\n"),
            ("CR alone at the end", b"0\r\n\rX"),
            ("LF alone behind a trailer", b"0\r\nA: b\n\r\n"),
            ("NUL in a trailer", b"0\r\nA: \0\r\n\r\n"),
            ("trailer too long", &long_trailer),
            ("too many trailers", &many_trailers),
        ];
        for (row, wire) in rows {
            for size in [1, 7, wire.len()] {
                assert!(matches!(decode(wire, size), Err(FetchError::Framing(_))), "{row}, pieces of {size}");
            }
        }
    }
}
