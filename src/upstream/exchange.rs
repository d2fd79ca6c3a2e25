//! One request and its answer on one connection.

use super::FetchError;
use super::chunked::Chunked;
use super::connection::Connection;
use super::head::{self, Framing, MAX_FIELDS, Meaning, Parsed, ResponseHead};

/// Takes an answer piece by piece.
///
/// INVARIANT of the caller: nothing leaves monward before [`super::Pool::fetch`] says that the answer is whole.
pub trait Sink {
    /// Sees the head, once, first; says whether the body is wanted.
    ///
    /// # Errors
    /// [`Stop`] ends the fetch with [`FetchError::Stopped`].
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop>;

    /// Sees the next piece of the body; never empty.
    ///
    /// # Errors
    /// [`Stop`] ends the fetch with [`FetchError::Stopped`].
    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop>;
}

/// What a sink wants of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The body, all of it.
    Body,
    /// Only the head: the body is never looked at, and need not be sound.
    Head,
}

/// A sink's word that the fetch shall end. The reason stays with the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// An answer that came whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// 200 to 599.
    pub status: u16,
    /// Bytes of body given to the sink.
    pub body_bytes: u64,
}

/// How far a failed exchange got.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// The connection ended before the first byte of an answer; a kept one may simply have been too old.
    Unanswered(FetchError),
    /// It failed later.
    Failed(FetchError),
}

/// What an exchange may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) max_head: usize,
    pub(super) max_body: u64,
}

/// The most interim (1xx) answers before the real one.
const MAX_INTERIM: usize = 8;

/// Sends `request` and hands the answer to `sink`; says also whether the connection can be used again.
pub(super) async fn exchange<S: Sink>(
    connection: &mut Connection,
    request: &[u8],
    sink: &mut S,
    bounds: Bounds,
) -> Result<(Fetched, bool), Broken> {
    connection.send(request).await.map_err(Broken::Unanswered)?;
    connection.fill().await.map_err(Broken::Unanswered)?;
    answer(connection, sink, bounds).await.map_err(Broken::Failed)
}

async fn answer<S: Sink>(
    connection: &mut Connection,
    sink: &mut S,
    bounds: Bounds,
) -> Result<(Fetched, bool), FetchError> {
    let (status, meaning, take) = final_head(connection, sink, bounds.max_head).await?;
    if take == Take::Head {
        let keep = meaning.keep && skip_buffered(connection, meaning.framing) && connection.is_quiet();
        return Ok((Fetched { status, body_bytes: 0 }, keep));
    }
    if meaning.encoded {
        return Err(FetchError::Encoded);
    }
    let body_bytes = match meaning.framing {
        Framing::Empty => 0,
        Framing::Length(length) => sized(connection, sink, length, bounds.max_body).await?,
        Framing::Chunked => chunked(connection, sink, bounds.max_body).await?,
    };
    if !connection.bytes().is_empty() {
        // Either the length is a lie, or this is an answer meant for the next request.
        return Err(FetchError::Framing("bytes behind the answer"));
    }
    Ok((Fetched { status, body_bytes }, meaning.keep && connection.is_quiet()))
}

async fn final_head<S: Sink>(
    connection: &mut Connection,
    sink: &mut S,
    max_head: usize,
) -> Result<(u16, Meaning, Take), FetchError> {
    for _ in 0..=MAX_INTERIM {
        let length = whole_head(connection, max_head).await?;
        let found = show_head(connection.bytes().get(..length).unwrap_or_default(), sink)?;
        connection.consume(length);
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(FetchError::Framing("too many interim answers"))
}

fn show_head<S: Sink>(bytes: &[u8], sink: &mut S) -> Result<Option<(u16, Meaning, Take)>, FetchError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match head::parse(bytes, &mut fields)? {
        Parsed::Interim => Ok(None),
        Parsed::Final(head, meaning) => {
            let take = sink.head(&head).map_err(|Stop| FetchError::Stopped)?;
            Ok(Some((head.status, meaning, take)))
        }
    }
}

/// Reads until a head stands whole at the start of the buffer; its length.
async fn whole_head(connection: &mut Connection, max_head: usize) -> Result<usize, FetchError> {
    let mut seen = 0;
    loop {
        let bytes = connection.bytes();
        let length = head::length(bytes, seen)?;
        if length.unwrap_or(bytes.len()) > max_head {
            return Err(FetchError::Framing("head too large"));
        }
        if let Some(length) = length {
            return Ok(length);
        }
        seen = bytes.len();
        connection.fill().await?;
    }
}

async fn sized<S: Sink>(
    connection: &mut Connection,
    sink: &mut S,
    length: u64,
    max_body: u64,
) -> Result<u64, FetchError> {
    if length > max_body {
        return Err(FetchError::TooLarge);
    }
    let mut left = length;
    while left > 0 {
        if connection.bytes().is_empty() {
            connection.fill().await?;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(connection.bytes().len());
        sink.data(connection.bytes().get(..most).unwrap_or_default()).map_err(|Stop| FetchError::Stopped)?;
        connection.consume(most);
        left = left.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
    }
    Ok(length)
}

async fn chunked<S: Sink>(connection: &mut Connection, sink: &mut S, max_body: u64) -> Result<u64, FetchError> {
    let (mut decoder, mut total) = (Chunked::new(), 0_u64);
    while !decoder.is_done() {
        if connection.bytes().is_empty() {
            connection.fill().await?;
        }
        let step = decoder.step(connection.bytes())?;
        total = total.saturating_add(u64::try_from(step.data.len()).unwrap_or(u64::MAX));
        if total > max_body {
            return Err(FetchError::TooLarge);
        }
        if !step.data.is_empty() {
            sink.data(step.data).map_err(|Stop| FetchError::Stopped)?;
        }
        let used = step.used;
        connection.consume(used);
    }
    Ok(total)
}

/// Drops an unwanted body, if it is already here; waiting for it would cost more than a new connection.
fn skip_buffered(connection: &mut Connection, framing: Framing) -> bool {
    match framing {
        Framing::Empty => true,
        Framing::Length(length) => {
            let here = usize::try_from(length).is_ok_and(|length| length == connection.bytes().len());
            connection.consume(connection.bytes().len());
            here
        }
        Framing::Chunked => {
            let mut decoder = Chunked::new();
            while !decoder.is_done() && !connection.bytes().is_empty() {
                let Ok(step) = decoder.step(connection.bytes()) else { return false };
                let used = step.used;
                connection.consume(used);
            }
            decoder.is_done()
        }
    }
}
