//! Asks the upstream on behalf of a [`Pass`] and takes out of its answer what must not leave.
//!
//! The request is built from the pass alone. The answer is redacted while it arrives and leaves only when it is whole:
//! status and length are always true, and a body that cannot be trusted never shows a byte.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::behind::Behind;
use super::injected::Injected;
use super::pages::{Format, Wants};
use super::via;
use crate::catalog::Ask;
use crate::gate::{Asked, Pass};
use crate::ops::clock;
use crate::redact::{BodyKind, Drift, Fence, FenceErrorKind, Plan, RedactErrorKind, Redactor, Report};
use crate::types::RequestId;
use crate::upstream::{FetchError, ResponseHead, Sink, Stop, Take, write_get, write_post};

/// A redacted answer, whole.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The upstream's status.
    pub(super) status: u16,
    /// What may leave.
    pub(super) body: Vec<u8>,
    /// How often each rule of the plan struck.
    pub(super) hits: Vec<u64>,
    /// How often the safety net masked something.
    pub(super) masked: u64,
    /// What it is, where it is a page of metrics.
    pub(super) format: Format,
    /// The fields that the catalogue does not know, where they were looked for.
    pub(super) unknown: BTreeSet<String>,
}

/// Why nothing of an upstream's answer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It did not come, or not whole, or not in a form that can be trusted.
    Fetch(FetchError),
    /// It is not a success; its body may say anything.
    Status(u16),
    /// Its type is not the one of this endpoint.
    ContentType,
    /// Nobody can tell what of it is the tenant's.
    Tenant(FenceErrorKind),
    /// It repeats the secret that monward asked with.
    Secret,
    /// It cannot be redacted.
    Redaction(RedactErrorKind),
}

impl Withheld {
    /// The upstream's status, where it is passed on: a probe must see that a server is unwell. Never its body.
    pub(super) const fn relayed(self) -> Option<u16> {
        match self {
            Self::Status(status @ (400 | 404 | 500 | 503)) => Some(status),
            Self::Status(_)
            | Self::Fetch(_)
            | Self::ContentType
            | Self::Tenant(_)
            | Self::Secret
            | Self::Redaction(_) => None,
        }
    }

    pub(super) const fn status(self) -> u16 {
        if let Some(status) = self.relayed() {
            return status;
        }
        match self {
            Self::Fetch(FetchError::TimedOut) => 504,
            Self::Fetch(_)
            | Self::Status(_)
            | Self::ContentType
            | Self::Tenant(_)
            | Self::Secret
            | Self::Redaction(_) => 502,
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Fetch(error) => error.label(),
            Self::Status(_) => "upstream_status",
            Self::ContentType => "upstream_content_type",
            Self::Tenant(kind) => kind.label(),
            Self::Secret => "upstream_secret",
            Self::Redaction(kind) => kind.label(),
        }
    }

    pub(super) const fn upstream_status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::ContentType | Self::Tenant(_) | Self::Secret | Self::Redaction(_) => Some(200),
            Self::Fetch(_) => None,
        }
    }
}

/// Fetches and redacts what `pass` permits.
pub(super) async fn fetch(behind: &Behind, pass: &Pass, wants: Wants, id: RequestId) -> Result<Fetched, Withheld> {
    let request = request(behind, pass.asked(), (pass.plan().kind(), wants, id))?;
    let tenancy = behind.guard.policy.catalog().endpoint(pass.asked().endpoint).tenant.as_ref();
    let fence = match (pass.tenant(), tenancy) {
        (None, _) => None,
        (Some(tenant), Some(tenancy)) => Some((&tenancy.fence, tenant)),
        // A policy that binds a tenant where there is no fence is not read; if it were, nothing may leave.
        (Some(_), None) => return Err(Withheld::Tenant(FenceErrorKind::Shape)),
    };
    let redactor = Redactor::new(Arc::clone(pass.plan()), Arc::clone(&behind.pseudonyms));
    let mut sink = Redacting::new(redactor, pass.plan().kind(), fence);
    sink.drift = behind.alarm(pass.asked().endpoint).and_then(|alarm| alarm.look(clock::now()));
    match behind.pool.fetch(&request, &mut sink).await {
        Ok(_) => sink.finish().and_then(|fetched| without(injected_for(behind, pass.asked()), fetched)),
        Err(error) => Err(sink.withheld.unwrap_or(Withheld::Fetch(error))),
    }
}

/// The request for what is asked.
fn request(
    behind: &Behind,
    asked: &Asked,
    (kind, wants, id): (BodyKind, Wants, RequestId),
) -> Result<Vec<u8>, Withheld> {
    let span = RequestId::new(rand::random());
    let trace = ["00-", id.as_str(), "-", span.as_str().get(..16).unwrap_or_default(), "-00"].concat();
    let mut request = Vec::with_capacity(320);
    let accept = match kind {
        BodyKind::Json => "application/json",
        BodyKind::Text => "*/*",
        BodyKind::Exposition => wants.accept(),
    };
    let fields = [
        ("Accept", accept),
        ("User-Agent", "monward"),
        ("Via", via::ours()),
        ("X-Request-Id", id.as_str()),
        ("traceparent", trace.as_str()),
    ];
    write(&mut request, behind, asked, &fields).map_err(Withheld::Fetch)?;
    Ok(request)
}

/// An answer, before and after.
pub struct Examined {
    /// As the upstream gave it. Nothing of it may leave.
    pub raw: Vec<u8>,
    /// What a client would get.
    pub left: Vec<u8>,
    /// Its fields that the catalogue does not know.
    pub unknown: BTreeSet<String>,
}

/// Asks `behind` as a request that was permitted would, and redacts the answer in the same way, for whoever examines it.
///
/// # Errors
/// Why a client would get nothing, as one word, and the upstream's status.
pub async fn examine(
    behind: &Behind,
    asked: &Asked,
    plan: &Arc<Plan>,
) -> Result<Examined, (&'static str, Option<u16>)> {
    let said = |withheld: Withheld| (withheld.label(), withheld.upstream_status());
    let id = RequestId::new(rand::random());
    let request = request(behind, asked, (plan.kind(), Wants::of(None, None), id)).map_err(said)?;
    let redactor = Redactor::new(Arc::clone(plan), Arc::clone(&behind.pseudonyms));
    let mut redacting = Redacting::new(redactor, plan.kind(), None);
    let known = behind.guard.policy.catalog().endpoint(asked.endpoint).fields.as_ref();
    redacting.drift = known.map(|known| Drift::new(Arc::clone(known)));
    let mut sink = Both { redacting, raw: Vec::new() };
    let fetched = behind.pool.fetch(&request, &mut sink).await;
    let Both { redacting, raw } = sink;
    if let Err(error) = fetched {
        return Err(said(redacting.withheld.unwrap_or(Withheld::Fetch(error))));
    }
    let fetched = redacting.finish().and_then(|fetched| without(injected_for(behind, asked), fetched)).map_err(said)?;
    Ok(Examined { raw, left: fetched.body, unknown: fetched.unknown })
}

/// Redacts an answer and keeps it as it came.
struct Both<'a> {
    redacting: Redacting<'a>,
    raw: Vec<u8>,
}

impl Sink for Both<'_> {
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop> {
        self.redacting.head(head)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.raw.extend_from_slice(bytes);
        self.redacting.data(bytes)
    }
}

/// The field with a secret that goes with what is asked.
fn injected_for<'a>(behind: &'a Behind, asked: &Asked) -> Option<&'a Injected> {
    behind.injected.get(asked.endpoint.index()).and_then(Option::as_ref)
}

/// The answer, unless it repeats the secret that it was asked with.
fn without(injected: Option<&Injected>, fetched: Fetched) -> Result<Fetched, Withheld> {
    match injected {
        Some(injected) if injected.is_in(&fetched.body) => Err(Withheld::Secret),
        Some(_) | None => Ok(fetched),
    }
}

/// The whole request, of what catalogue and configuration say and nothing else.
fn write(out: &mut Vec<u8>, behind: &Behind, asked: &Asked, fields: &[(&str, &str)]) -> Result<(), FetchError> {
    let endpoint = behind.guard.policy.catalog().endpoint(asked.endpoint);
    let injected = injected_for(behind, asked);
    if endpoint.inject.is_some() != injected.is_some() {
        return Err(FetchError::Request);
    }
    let mut fields = fields.to_vec();
    fields.extend(injected.map(Injected::field));
    let (authority, target) = (behind.pool.authority(), behind.on_wire(&asked.target));
    match &endpoint.ask {
        Ask::Get => write_get(out, authority, &target, &fields),
        Ask::Post { body, content_type } => {
            fields.push(("Content-Type", content_type));
            write_post(out, authority, &target, &fields, body.as_bytes())
        }
    }
}

/// Redacts an answer while it arrives; one that is cut down to a tenant first, once it is whole.
struct Redacting<'a> {
    redactor: Redactor,
    /// The fence, and whose part stays.
    fence: Option<(&'a Fence, &'a str)>,
    /// What arrived, where there is a fence.
    raw: Vec<u8>,
    kind: BodyKind,
    status: u16,
    format: Format,
    body: Vec<u8>,
    withheld: Option<Withheld>,
    /// What looks for unknown fields in what arrives.
    drift: Option<Drift>,
}

impl<'a> Redacting<'a> {
    fn new(redactor: Redactor, kind: BodyKind, fence: Option<(&'a Fence, &'a str)>) -> Self {
        Self {
            redactor,
            fence,
            raw: Vec::new(),
            kind,
            status: 0,
            format: Format::Text,
            body: Vec::new(),
            withheld: None,
            drift: None,
        }
    }

    fn finish(mut self) -> Result<Fetched, Withheld> {
        if let Some(withheld) = self.withheld {
            return Err(withheld);
        }
        if let Some((fence, tenant)) = self.fence {
            let own = fence.apply(tenant, &self.raw).map_err(|error| Withheld::Tenant(error.kind))?;
            let pushed = self.redactor.push(&own, &mut self.body);
            pushed.map_err(|error| Withheld::Redaction(error.kind))?;
        }
        let report = self.redactor.finish(&mut self.body).map_err(|error| Withheld::Redaction(error.kind))?;
        let Report { hits, masked } = report;
        let unknown = self.drift.map(Drift::finish).unwrap_or_default();
        Ok(Fetched { status: self.status, body: self.body, hits, masked, format: self.format, unknown })
    }

    fn stop(&mut self, withheld: Withheld) -> Stop {
        self.withheld = Some(withheld);
        Stop
    }
}

impl Sink for Redacting<'_> {
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop> {
        self.status = head.status;
        if head.status != 200 {
            self.withheld = Some(Withheld::Status(head.status));
            return Ok(Take::Head);
        }
        match (self.kind, Format::of(head.content_type)) {
            (BodyKind::Exposition, Some(format)) => self.format = format,
            (BodyKind::Json | BodyKind::Text, _) if fits(self.kind, head.content_type) => {}
            (BodyKind::Exposition | BodyKind::Json | BodyKind::Text, _) => {
                return Err(self.stop(Withheld::ContentType));
            }
        }
        if self.format.says_its_end() {
            self.redactor.expect_end();
        }
        if let Some(length) = head.content_length.and_then(|length| usize::try_from(length).ok()) {
            self.body.reserve(length.min(1 << 20));
        }
        Ok(Take::Body)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if let Some(drift) = &mut self.drift {
            drift.push(bytes);
        }
        if self.fence.is_some() {
            self.raw.extend_from_slice(bytes);
            return Ok(());
        }
        self.redactor.push(bytes, &mut self.body).map_err(|error| self.stop(Withheld::Redaction(error.kind)))
    }
}

/// Whether a body of this type may be what the endpoint answers; one that says nothing may be. What is done with it never depends on the type.
fn fits(kind: BodyKind, content_type: Option<&[u8]>) -> bool {
    let Some(value) = content_type else { return true };
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let media = parts.next().unwrap_or_default();
    let utf8 = |part: &[u8]| {
        let (name, value) = part.split_at(part.iter().position(|byte| *byte == b'=').unwrap_or(part.len()));
        let value = value.strip_prefix(b"=").unwrap_or_default();
        !name.eq_ignore_ascii_case(b"charset")
            || value.eq_ignore_ascii_case(b"utf-8")
            || value.eq_ignore_ascii_case(b"\"utf-8\"")
    };
    let kind_fits = match kind {
        BodyKind::Json => media.eq_ignore_ascii_case(b"application/json"),
        BodyKind::Exposition => false,
        // NATS declares its stack dump as JSON.
        BodyKind::Text => {
            media.eq_ignore_ascii_case(b"application/json")
                || media.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
        }
    };
    kind_fits && parts.all(utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_declared_kind_of_body_is_read() {
        use BodyKind::{Json, Text};
        for (kind, content_type, wanted) in [
            (Json, Some("application/json"), true),
            (Json, Some("Application/JSON; charset=UTF-8"), true),
            (Json, Some("application/json; charset=utf-16"), false),
            (Json, Some("application/javascript"), false),
            (Json, Some("application/x-ndjson"), false),
            (Json, Some("text/html"), false),
            (Json, Some("text/plain"), false),
            (Json, None, true),
            (Text, Some("text/plain; charset=utf-8"), true),
            (Text, Some("application/json"), true),
            (Text, Some("image/png"), false),
            (Text, None, true),
        ] {
            assert_eq!(fits(kind, content_type.map(str::as_bytes)), wanted, "{kind:?} {content_type:?}");
        }
    }

    #[test]
    fn only_statuses_that_tell_a_probe_something_are_passed_on() {
        for (withheld, wanted) in [
            (Withheld::Status(503), 503),
            (Withheld::Status(404), 404),
            (Withheld::Status(301), 502),
            (Withheld::Status(206), 502),
            (Withheld::Status(401), 502),
            (Withheld::Fetch(FetchError::TimedOut), 504),
            (Withheld::Fetch(FetchError::Truncated), 502),
            (Withheld::ContentType, 502),
        ] {
            assert_eq!(withheld.status(), wanted, "{withheld:?}");
        }
    }
}
