//! HTTP/2: converts each stream to the same facts, and the answer back.
//!
//! Frames, flow control and floods are the `h2` crate's; the bounds are pingora's defaults, made narrower. Streams are
//! accepted here and not by pingora, which answers some requests before anybody could record them. What the crate
//! itself refuses (malformed streams, broken frames) leaves one record for its connection, with the reason `h2_malformed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response};
use pingora::protocols::http::v2::server::default_h2_options;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use super::Peer;
use super::entry::{Entry, refused_connection};
use super::exchange::{Facts, InForce, exchange, malformed};
use super::head::{HeadFault, MAX_TARGET, body_length, is_host, longest_of};
use super::respond::Answer;
use super::via;
use super::watch::Watched;
use super::wire::longest_write;
use crate::authn::Door;
use crate::gate::Told;
use crate::ops::{clock, date};

/// The largest header list that is decoded at all, in bytes as RFC 9113 §6.5.2 counts them.
const HARD_HEADER_LIST: u32 = 128 * 1024;
/// The most streams that one connection may have open.
const MAX_STREAMS: u32 = 100;
/// The most of a body that is handed over at once.
const PIECE: usize = 64 * 1024;

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(peer: Peer, stream: S) {
    let mut options = default_h2_options();
    // Beyond this, h2 answers by itself, without a record; up to it, a head that is too large gets our own answer.
    options.max_header_list_size(HARD_HEADER_LIST).max_concurrent_streams(MAX_STREAMS);
    let (stream, opened) = Watched::new(stream);
    match timeout(peer.gateway.limits.header, options.handshake(stream)).await {
        Ok(Ok(connection)) => accept(&peer, connection, &opened).await,
        Ok(Err(_)) | Err(_) => refused(&peer, "h2_preface"),
    }
}

fn refused(peer: &Peer, reason: &'static str) {
    if let Some(force) = InForce::now(peer) {
        refused_connection(peer, force.guarded(), reason);
    }
}

/// Accepts streams until the client leaves, the connection is idle for too long, or a drain has let all of them finish.
async fn accept<S>(peer: &Peer, mut connection: Connection<S, Bytes>, opened: &AtomicU32)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = &peer.gateway.limits;
    let mut stopping = peer.gateway.tasks.stopping();
    let (mut told, mut quiet, mut accepted) = (false, true, 0);
    let mut patience = limits.header;
    // Each stream holds one more.
    let streams = Arc::new(());
    let broken = loop {
        tokio::select! {
            biased;
            () = stopping.stopped(), if !told => {
                connection.graceful_shutdown();
                told = true;
            }
            next = connection.accept() => {
                let (request, respond) = match next {
                    Some(Ok(stream)) => stream,
                    Some(Err(fault)) => break fault.is_library(),
                    None => break false,
                };
                (quiet, patience) = (false, limits.idle);
                accepted += 1;
                let (peer, stream) = (peer.clone(), Arc::clone(&streams));
                peer.gateway.tasks.clone().spawn(async move {
                    serve_stream(&peer, request, respond).await;
                    drop(stream);
                });
            }
            // Closed when it was without a stream at the beginning and at the end of one whole span.
            () = sleep(patience) => {
                let idle = Arc::strong_count(&streams) == 1;
                if idle && quiet {
                    break false;
                }
                quiet = idle;
            }
        }
    };
    // What a client opens after it was told to stop is its own to repeat.
    let unread = !told && opened.load(Ordering::Relaxed) > accepted;
    if broken || unread {
        refused(peer, "h2_malformed");
    }
}

async fn serve_stream(peer: &Peer, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    let Some((answer, mut entry)) = answer(peer, &head, &mut body, &mut respond).await else { return };
    let patience = peer.gateway.limits.write;
    let longest = longest_write(answer.body.len(), patience);
    let head_only = head.method == http::Method::HEAD;
    // A client that is gone or too slow is noted by what was sent to it: nothing.
    let sent = timeout(longest, send(&mut respond, &answer, head_only, patience)).await;
    match sent {
        Ok(Some(bytes)) => entry.sent = Some(bytes),
        Ok(None) | Err(_) => respond.send_reset(Reason::CANCEL),
    }
}

/// The same checks as the HTTP/1.1 lane makes on a head, on what HTTP/2 has of it.
async fn answer(
    peer: &Peer,
    head: &Parts,
    body: &mut RecvStream,
    respond: &mut SendResponse<Bytes>,
) -> Option<(Answer, Entry)> {
    let force = InForce::now(peer)?;
    let fault = |fault| Some(malformed(peer, &force, fault, "HTTP/2"));
    let values = |name: HeaderName| head.headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let longest = longest_of(head.method.as_str().as_bytes(), force.guarded().routes.longest_body());
    if !may_follow(head, body, longest) {
        return fault(HeadFault::Body);
    }
    if list_size(head) > peer.gateway.limits.header_bytes {
        return fault(HeadFault::TooLarge);
    }
    if head.headers.contains_key(http::header::EXPECT) {
        return fault(HeadFault::Expect);
    }
    if values(http::header::VIA).any(via::names_us) {
        return fault(HeadFault::Loop);
    }
    let target = head.uri.path_and_query().map_or("", |target| target.as_str()).as_bytes();
    if target.len() > MAX_TARGET {
        return fault(HeadFault::TargetTooLong);
    }
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = values(http::header::HOST).chain(authority);
    let host = hosts.next().unwrap_or_default();
    let several = values(http::header::HOST).count() > 1;
    if several || !is_host(host) || hosts.any(|other| !other.eq_ignore_ascii_case(host)) {
        return fault(HeadFault::Host);
    }
    let body = match whole_body(body, longest, peer.gateway.limits.header).await {
        Ok(body) => body,
        Err(refused) => return fault(refused),
    };
    let authorization: Vec<&[u8]> = values(http::header::AUTHORIZATION).take(2).collect();
    let facts = Facts {
        method: head.method.as_str().as_bytes(),
        target,
        body: &body,
        host,
        authorization: &authorization,
        assertions: &assertions(head),
        told: &told(head),
        accept: only(values(http::header::ACCEPT)),
        accept_encoding: only(values(http::header::ACCEPT_ENCODING)),
        protocol: "HTTP/2",
    };
    until_reset(respond, exchange(peer, &force, &facts)).await
}

/// The value of a field that stands there once.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    values.next().filter(|_| values.next().is_none())
}

/// What comes of `work`, unless the client resets the stream before: then whatever was begun for it ends.
async fn until_reset<T>(respond: &mut SendResponse<Bytes>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // First the work, so that it has begun, and leaves a record, in any case.
        biased;
        done = work => Some(done),
        _ = std::future::poll_fn(|context| respond.poll_reset(context)) => None,
    }
}

/// Whether what the head says of its body is right so far; the `h2` crate holds the body to its `content-length`.
fn may_follow(head: &Parts, body: &RecvStream, longest: usize) -> bool {
    let mut lengths = head.headers.get_all(http::header::CONTENT_LENGTH).into_iter();
    let longest = if body.is_end_stream() { 0 } else { longest };
    let length = lengths.next().map(|length| body_length(length.as_bytes(), longest));
    (body.is_end_stream() || longest > 0) && lengths.next().is_none() && length.is_none_or(|length| length.is_ok())
}

/// The body to its end, which must come within `patience`.
async fn whole_body(body: &mut RecvStream, longest: usize, patience: Duration) -> Result<Vec<u8>, HeadFault> {
    // Nearly all requests: no timer for them.
    if body.is_end_stream() {
        return Ok(Vec::new());
    }
    timeout(patience, collect(body, longest)).await.unwrap_or(Err(HeadFault::TooSlow))
}

/// The body to its end; trailers are none of it.
async fn collect(body: &mut RecvStream, longest: usize) -> Result<Vec<u8>, HeadFault> {
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| HeadFault::Body)?;
        whole.extend_from_slice(&piece);
        if whole.len() > longest || body.flow_control().release_capacity(piece.len()).is_err() {
            return Err(HeadFault::Body);
        }
    }
    match body.trailers().await {
        Ok(None) => Ok(whole),
        Ok(Some(_)) | Err(_) => Err(HeadFault::Body),
    }
}

/// The values of the fields in which front doors put assertions.
fn assertions(head: &Parts) -> Vec<(Door, &[u8])> {
    let door = |name: &HeaderName| Door::of_field(name.as_str().as_bytes());
    head.headers.iter().filter_map(|(name, value)| Some((door(name)?, value.as_bytes()))).collect()
}

/// The values of the fields in which proxies tell what was asked.
fn told(head: &Parts) -> Vec<(Told, &[u8])> {
    let told = |name: &HeaderName| Told::of_field(name.as_str().as_bytes());
    head.headers.iter().filter_map(|(name, value)| Some((told(name)?, value.as_bytes()))).collect()
}

/// The size of a header list: names, values and 32 bytes for each field (RFC 9113 §6.5.2).
fn list_size(head: &Parts) -> usize {
    let fields: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    let authority = head.uri.authority().map_or(0, |authority| authority.as_str().len());
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    fields + authority + target
}

/// Sends head and body and ends the stream: the bytes of body, or `None` when the client is gone or does not read.
async fn send(respond: &mut SendResponse<Bytes>, answer: &Answer, head_only: bool, patience: Duration) -> Option<u64> {
    let mut head = Response::builder().status(answer.status).version(http::Version::HTTP_2);
    for (name, value) in answer.all_fields() {
        head = head.header(name, value);
    }
    let head = head.header(http::header::DATE, date::http_date(clock::now())).body(()).ok()?;
    let body = if head_only { Bytes::new() } else { Bytes::copy_from_slice(&answer.body) };
    let bytes = body.len() as u64;
    let mut stream = respond.send_response(head, body.is_empty()).ok()?;
    send_body(&mut stream, body, patience).await?;
    Some(bytes)
}

/// Hands the body over as the client's window opens; each piece must find room within `patience`.
async fn send_body(stream: &mut SendStream<Bytes>, mut body: Bytes, patience: Duration) -> Option<()> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len().min(PIECE));
        let room = std::future::poll_fn(|context| stream.poll_capacity(context));
        let room = timeout(patience, room).await.ok()??.ok()?;
        let piece = body.split_to(room.min(body.len()));
        stream.send_data(piece, body.is_empty()).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assertions_of_front_doors_are_kept_and_no_other_field_is() {
        let head = |fields: &[(&str, &str)]| {
            let add = |request: http::request::Builder, (name, value): &(&str, &str)| request.header(*name, *value);
            fields.iter().fold(Request::builder(), add).body(()).unwrap().into_parts().0
        };
        let plain = head(&[("host", "a"), ("authorization", "x"), ("x-amzn-oidc-identity", "x")]);
        let none = assertions(&plain);
        assert_eq!((none.len(), none.capacity()), (0, 0));
        let several = head(&[
            ("x-amzn-oidc-data", "1"),
            ("accept", "*/*"),
            ("X-Goog-IAP-JWT-Assertion", "2"),
            ("x-amzn-oidc-data", "1"),
        ]);
        let mut kept = assertions(&several);
        kept.sort_by_key(|(_, value)| *value);
        assert_eq!(kept, [(Door::AwsAlb, &b"1"[..]), (Door::AwsAlb, b"1"), (Door::GoogleIap, b"2")]);
    }
}
