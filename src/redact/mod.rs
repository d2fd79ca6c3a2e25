//! WHAT LEAVES: takes out of a body what its reader must not see, while it streams.
//!
//! In: the bytes of an upstream answer in any chunking, and a [`Plan`] compiled from rules. Out: the same bytes
//! without what the rules name, or an error that says why the body cannot be trusted; never both. Bytes that no rule
//! touches stay as they were, to the letter; how the body was cut into chunks changes nothing.
//!
//! A body must not leave when it is not strict JSON (RFC 8259, UTF-8), and nothing of it may reach a log or an error.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

mod address;
mod bits;
mod block;
mod drift;
mod error;
mod exposition;
mod fence;
mod fold;
mod form;
mod guard;
mod index;
mod json;
mod lexer;
mod names;
mod net;
mod plan;
mod pseudonym;
mod scan;
mod selector;
mod text;
mod touched;
mod unescape;
#[cfg(test)]
mod tests;

pub use drift::{Drift, KnownFields};
pub use error::{RedactError, RedactErrorKind};
pub use exposition::{Series, SeriesRule};
pub use fence::{Fence, FenceError, FenceErrorKind, FenceRule};
pub use form::{Forms, Other};
pub use index::Kernel;
pub use plan::Plan;
pub use pseudonym::{Pseudonym, Pseudonyms};
pub use selector::{Selector, SelectorError};
pub use touched::{Cause, Touch, Touched, touched};

/// What happens to a value that a selector finds, the strictest first.
///
/// A pseudonym or a cut-down address is a string's; any other value becomes what [`Action::Mask`] makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The member or element goes away, with its name.
    Remove,
    /// The value becomes `null`.
    Null,
    /// The value becomes a neutral one of the same type: `"[redacted]"`, `0`, `false`, `[]`, `{}`.
    Mask,
    /// A string becomes its [`Pseudonym`].
    Pseudonym,
    /// The text of an IP address becomes its network: /24 of IPv4, /48 of IPv6; another one is masked. A port stays.
    TruncateIp,
    /// The value stays, and all that is in it, unless another rule finds it. With one such rule in a plan, all else goes;
    /// the objects and arrays on the way to it stay, perhaps empty.
    Keep,
}

/// The kind of body that a plan is for.
///
/// Fixed by the endpoint, never by the Content-Type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// One JSON text (RFC 8259) whose root is an object or an array.
    Json,
    /// Text without structure; only the safety net works on it.
    Text,
    /// A page of metrics: the text format of Prometheus (0.0.4, 1.0.0) or `OpenMetrics` (1.0).
    Exposition,
}

/// One selector and what to do with what it finds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which values.
    pub selector: Selector,
    /// What of them.
    pub part: Part,
    /// What happens to that.
    pub action: Action,
}

/// What of the values that a selector finds a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of each value.
    #[default]
    Value,
    /// What is meant of the name of each member. [`Action::Remove`] takes the member, any other action but
    /// [`Action::Keep`] puts a pseudonym there: two members with one name would be one.
    Name(Forms),
    /// What is meant of each text. [`Action::Remove`] takes the text with its name, whichever form it has; a pseudonym, a
    /// network or `[redacted]` stands in the place of a part. Another value than a text is meant as a whole, or not at all
    /// where [`Other::Keep`] stands.
    Text(Forms),
}

impl Rule {
    /// A rule about all of each value.
    #[must_use]
    pub fn new(selector: Selector, action: Action) -> Self {
        Self { selector, part: Part::Value, action }
    }

    /// What it is about, as people read it: `$.a`, `names $[*]`, `texts $..sid`.
    #[must_use]
    pub fn about(&self) -> Cow<'_, str> {
        let path = self.selector.as_str();
        match self.part {
            Part::Value => Cow::Borrowed(path),
            Part::Name(_) => Cow::Owned(format!("names {path}")),
            Part::Text(_) => Cow::Owned(format!("texts {path}")),
        }
    }
}

/// Whether the safety net would mask something in `text`: a JWT, an NKEY seed, a URL with user-info.
#[must_use]
pub fn is_secret_shaped(text: &str) -> bool {
    let mut spans = Vec::new();
    net::find(text.as_bytes(), &mut spans);
    !spans.is_empty()
}

/// Writes what stands in the place of `text`, which is not to leave as it is.
fn write_instead(action: Action, text: &[u8], pseudonyms: &Pseudonyms, out: &mut Vec<u8>) {
    let written = match action {
        Action::Pseudonym => {
            out.extend_from_slice(pseudonyms.of(text).as_str().as_bytes());
            true
        }
        Action::TruncateIp => address::write_truncated(text, out),
        Action::Remove | Action::Null | Action::Mask | Action::Keep => false,
    };
    if !written {
        out.extend_from_slice(net::MASK);
    }
}

/// What was done to one body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each rule of the plan found a value.
    ///
    /// Also when a stricter rule acted on it.
    pub hits: Vec<u64>,
    /// How often the safety net masked a secret-shaped text.
    pub masked: u64,
}

/// One body on its way through a [`Plan`].
///
/// Holds back at most 64 KiB plus a few, whatever the size of the body; of a page of metrics at most a line and what is
/// said about its family (3 MiB), and 16 bytes for each series that loses labels, of which there may be 2^19. What it has
/// written to `out` before an error is the redaction of a valid beginning; the caller must not end such an answer as if
/// it were whole.
pub struct Redactor {
    plan: Arc<Plan>,
    pseudonyms: Arc<Pseudonyms>,
    machine: Machine,
    /// What the machine has left of earlier chunks.
    carry: Vec<u8>,
    /// The offset of the first byte of `carry`, or of the next chunk.
    offset: u64,
    failed: Option<RedactError>,
}

enum Machine {
    Json(Box<json::Machine>),
    Text(text::Machine),
    Exposition(Box<exposition::Machine>),
}

/// Bytes of a chunk that are put behind the carry at once.
const PIECE: usize = 1024;

impl Redactor {
    /// Begins a body.
    #[must_use]
    pub fn new(plan: Arc<Plan>, pseudonyms: Arc<Pseudonyms>) -> Self {
        let machine = match plan.kind() {
            BodyKind::Json => Machine::Json(Box::new(json::Machine::new(&plan))),
            BodyKind::Text => Machine::Text(text::Machine::default()),
            BodyKind::Exposition => Machine::Exposition(Box::new(exposition::Machine::new(plan.sheet()))),
        };
        Self { plan, pseudonyms, machine, carry: Vec::new(), offset: 0, failed: None }
    }

    /// Says that the body is one of `OpenMetrics`, which ends with `# EOF`: without it, it was cut off.
    pub fn expect_end(&mut self) {
        if let Machine::Exposition(machine) = &mut self.machine {
            machine.expect_end();
        }
    }

    /// Looks through the body with other instructions than the fastest, to compare them.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        if let Machine::Json(machine) = &mut self.machine {
            machine.set_kernel(kernel);
        }
        self
    }

    /// Takes the next bytes of the body and appends to `out` what may leave.
    ///
    /// # Errors
    /// When the body cannot be trusted; then every further call fails the same way.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.take(chunk, out);
        self.failed = result.err();
        result
    }

    /// The end of the body.
    ///
    /// # Errors
    /// When the body ends too early, or an earlier call failed.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Report, RedactError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let offset = self.offset;
        let report = match self.machine {
            Machine::Json(machine) => machine.finish(self.carry.len()),
            Machine::Text(machine) => machine.finish(&self.carry, out),
            Machine::Exposition(machine) => machine.finish((self.plan.sheet(), &self.pseudonyms), &self.carry, out),
        };
        report.map_err(|stop| located(stop, offset))
    }

    fn take(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut carry = std::mem::take(&mut self.carry);
        while !carry.is_empty() && !chunk.is_empty() {
            let earlier = carry.len();
            let (piece, rest) = chunk.split_at(chunk.len().min(PIECE));
            carry.extend_from_slice(piece);
            let used = self.run(&carry, out)?;
            if used < earlier {
                carry.drain(..used);
                chunk = rest;
            } else {
                // What is left lies in the chunk itself, from here on.
                carry.clear();
                chunk = chunk.get(used - earlier..).unwrap_or_default();
            }
        }
        if carry.is_empty() {
            let used = self.run(chunk, out)?;
            carry.extend_from_slice(chunk.get(used..).unwrap_or_default());
        }
        self.carry = carry;
        Ok(())
    }

    fn run(&mut self, buf: &[u8], out: &mut Vec<u8>) -> Result<usize, RedactError> {
        let used = match &mut self.machine {
            Machine::Json(machine) => machine.run((&self.plan, &self.pseudonyms), buf, out),
            Machine::Text(machine) => machine.run(buf, out),
            Machine::Exposition(machine) => machine.run((self.plan.sheet(), &self.pseudonyms), buf, out),
        };
        let used = used.map_err(|stop| located(stop, self.offset))?;
        self.offset += used as u64;
        Ok(used)
    }
}

fn located(stop: error::Stop, offset: u64) -> RedactError {
    RedactError { kind: stop.kind, offset: offset + stop.at as u64 }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("kind", &self.plan.kind())
            .field("offset", &self.offset)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
