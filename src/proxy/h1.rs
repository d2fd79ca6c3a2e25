//! The HTTP/1.1 lane: reads heads strictly, answers each with one write, keeps the connection.

use std::ops::Range;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Peer;
use super::entry::Entry;
use super::exchange::{Facts, InForce, exchange, malformed};
use super::head::{self, Head, HeadFault};
use super::respond::Answer;
use super::wire::{Ended, Wire};
use crate::authn::Door;
use crate::gate::Told;
use crate::ops::{clock, date};

/// Bodies up to this size go out in one write with their head.
const ONE_WRITE: usize = 16 * 1024;

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(peer: Peer, stream: S) {
    let mut wire = Wire::new(stream, peer.gateway.tasks.stopping());
    let mut received = Vec::new();
    wire.within(peer.gateway.limits.header);
    // Only an orderly end says goodbye.
    if requests(&peer, &mut wire, &mut received).await.is_ok() {
        wire.close().await;
    }
}

/// Answers request after request; `Ok` when the connection shall be closed in order.
async fn requests<S: AsyncRead + AsyncWrite + Unpin>(
    peer: &Peer,
    wire: &mut Wire<S>,
    received: &mut Vec<u8>,
) -> Result<(), Ended> {
    loop {
        let head = match next_head(peer, wire, received).await {
            Ok(head) => head,
            Err(NoHead::Fault(fault)) => {
                let (answer, entry) = malformed(peer, &in_force(peer)?, fault, "HTTP/1.1");
                return send(peer, wire, (&answer, entry), false, true).await;
            }
            Err(NoHead::Ended(ended)) => return if ended == Ended::Closed { Err(ended) } else { Ok(()) },
        };
        let bytes = received.as_slice();
        let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        let authorization: Vec<&[u8]> = head.authorization.iter().map(part).collect();
        let assertions: Vec<(Door, &[u8])> = head.assertions.iter().map(|(door, at)| (*door, part(at))).collect();
        let told: Vec<(Told, &[u8])> = head.told.iter().map(|(told, at)| (*told, part(at))).collect();
        let facts = Facts {
            method: part(&head.method),
            target: part(&head.target),
            body: part(&head.body),
            host: part(&head.host),
            authorization: &authorization,
            assertions: &assertions,
            told: &told,
            accept: head.accept.as_ref().map(part),
            accept_encoding: head.accept_encoding.as_ref().map(part),
            protocol: "HTTP/1.1",
        };
        let head_only = facts.method == b"HEAD";
        let (answer, entry) = exchange(peer, &in_force(peer)?, &facts).await;
        // What is malformed may be half of something else.
        let close = head.close || answer.status == 400 || wire.is_stopping();
        send(peer, wire, (&answer, entry), head_only, close).await?;
        if close {
            return Ok(());
        }
        next(received, head.body.end);
        wire.within(peer.gateway.limits.idle);
    }
}

/// Forgets the request that was answered; an idle connection keeps no buffer.
fn next(received: &mut Vec<u8>, end: usize) {
    received.drain(..end.min(received.len()));
    if received.is_empty() {
        *received = Vec::new();
    }
}

enum NoHead {
    Fault(HeadFault),
    Ended(Ended),
}

/// The next head, its body behind it. All of it must arrive within the header deadline, counted from its first byte.
async fn next_head<S: AsyncRead + AsyncWrite + Unpin>(
    peer: &Peer,
    wire: &mut Wire<S>,
    received: &mut Vec<u8>,
) -> Result<Head, NoHead> {
    let limits = &peer.gateway.limits;
    if received.is_empty() {
        wire.read_idle(received).await.map_err(NoHead::Ended)?;
    }
    wire.within(limits.header);
    let longest = in_force(peer).map_err(NoHead::Ended)?.guarded().routes.longest_body();
    loop {
        let head = head::read(received, limits.header_bytes, longest).map_err(NoHead::Fault)?;
        if let Some(head) = head.filter(|head| received.len() >= head.body.end) {
            return Ok(head);
        }
        match wire.read(received).await {
            Ok(()) => {}
            Err(Ended::TimedOut) => return Err(NoHead::Fault(HeadFault::TooSlow)),
            Err(ended @ (Ended::Closed | Ended::Stopping)) => return Err(NoHead::Ended(ended)),
        }
    }
}

/// Sends one answer; the record follows when `entry` is dropped.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    peer: &Peer,
    wire: &mut Wire<S>,
    (answer, mut entry): (&Answer, Entry),
    head_only: bool,
    close: bool,
) -> Result<(), Ended> {
    let body = if head_only { &[][..] } else { &answer.body };
    let together = body.len() <= ONE_WRITE;
    let mut out = Vec::with_capacity(512 + if together { body.len() } else { 0 });
    answer.write_head(&date::http_date(clock::now()), close, &mut out);
    let patience = peer.gateway.limits.write;
    if together {
        out.extend_from_slice(body);
        wire.write_all(&out, patience).await?;
    } else {
        wire.write_all(&out, patience).await?;
        wire.write_all(body, patience).await?;
    }
    entry.sent = Some(body.len() as u64);
    Ok(())
}

fn in_force(peer: &Peer) -> Result<InForce, Ended> {
    InForce::now(peer).ok_or(Ended::Closed)
}
