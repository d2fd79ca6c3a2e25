//! The fence: of a whole answer, only what belongs to one tenant.
//!
//! In: a JSON body and the tenant's name. Out: a body rebuilt from what the rules name, or an error that says why the
//! body cannot be trusted; never both. What stays is spelled as it was and in the order in which it was.
//!
//! An allow-list. What no rule names does not leave, least of all totals and places in a list, which tell about others.
//! An object or array outside the tenant's own of which nothing stays goes with its name, so that nobody can tell
//! "nothing there" from "nothing of yours".
//!
//! To let something leave, names are compared byte for byte; to take something out, as [`fold`](super::fold) does.

use std::fmt;

use super::RedactErrorKind;
use super::fold::fold;
use super::selector::{self, Name, SelectorError, Step};
use walk::Walk;

mod walk;

/// Segments of a path, at most: how deep the walk goes before it only copies or skips.
const MAX_SEGMENTS: usize = 32;
/// What stands for the tenant in the form of a name.
const TENANT: &str = "{tenant}";

/// Rules that cut the answers of one endpoint down to one tenant; immutable, shared by all requests.
#[derive(Debug)]
pub struct Fence {
    rules: Vec<FenceRule>,
}

/// One path of a [`Fence`] and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceRule {
    steps: Vec<Vec<Step>>,
    part: Part,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// What belongs to nobody in particular; inside something owned: what alone stays of it.
    Keep,
    /// An object that says by this member whose it is.
    Own(Name),
    /// An object whose members are named after who they belong to.
    Named(Form),
    /// What goes although it stands in something owned.
    Drop,
}

/// How a name tells who its member belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    before: String,
    after: String,
    /// Whether the name goes on behind `after`.
    open: bool,
}

impl Part {
    const fn is_owner(&self) -> bool {
        matches!(self, Self::Own(_) | Self::Named(_))
    }
}

impl FenceRule {
    /// Lets the single values at `path` leave, or, inside something owned, whatever stands there and nothing else of it.
    ///
    /// # Errors
    /// When it is not a path of names and `[*]`.
    pub fn keep(path: &str) -> Result<Self, SelectorError> {
        Self::inner(path, Part::Keep)
    }

    /// Lets the objects at `path` leave whose member `member` is the tenant's name.
    ///
    /// Others are left out where the path ends in `[*]`; elsewhere they make the whole body an error.
    ///
    /// # Errors
    /// When it is not a path of names and `[*]`, or there is no name.
    pub fn own(path: &str, member: &str) -> Result<Self, SelectorError> {
        if fold(member).is_empty() {
            return Err(selector::refusal(path, "the member that says whose it is has no name"));
        }
        Ok(Self { steps: steps(path)?, part: Part::Own(Name { exact: member.to_owned(), folded: fold(member) }) })
    }

    /// Lets those members of the objects at `path` leave whose name has the form `form`.
    ///
    /// `{tenant}` stands for the tenant's name, `*` at the end for anything: `[ACC:{tenant}] *`.
    ///
    /// # Errors
    /// When it is not a path of names and `[*]`, or not such a form.
    pub fn named(path: &str, form: &str) -> Result<Self, SelectorError> {
        let why = "the form of a name has `{tenant}` once, and something between it and a `*` at the end";
        let form = Form::parse(form).ok_or_else(|| selector::refusal(path, why))?;
        Ok(Self { steps: steps(path)?, part: Part::Named(form) })
    }

    /// Takes out what stands at `path` inside something owned.
    ///
    /// # Errors
    /// When it is not a path of names and `[*]`.
    pub fn drop(path: &str) -> Result<Self, SelectorError> {
        Self::inner(path, Part::Drop)
    }

    fn inner(path: &str, part: Part) -> Result<Self, SelectorError> {
        let steps = steps(path)?;
        if steps.is_empty() {
            return Err(selector::refusal(path, "selects the whole body"));
        }
        Ok(Self { steps, part })
    }

    /// Whether the path leads to elements among others.
    fn is_among(&self) -> bool {
        self.steps.last().is_some_and(|step| step.contains(&Step::Any))
    }

    /// Whether both find some value.
    fn meets(&self, other: &Self) -> bool {
        let meet = |(left, right): (&Vec<Step>, &Vec<Step>)| {
            left.contains(&Step::Any) || right.contains(&Step::Any) || left.iter().any(|step| right.contains(step))
        };
        self.steps.len() == other.steps.len() && self.steps.iter().zip(&other.steps).all(meet)
    }
}

/// A path that leads down step by step.
fn steps(path: &str) -> Result<Vec<Vec<Step>>, SelectorError> {
    let segments = selector::path(path)?;
    if segments.iter().any(|segment| segment.descendant) {
        return Err(selector::refusal(path, "write the way down step by step, without `..`"));
    }
    if segments.iter().flat_map(|segment| &segment.steps).any(|step| matches!(step, Step::Index(_))) {
        return Err(selector::refusal(path, "the place of an element does not say whose it is; write `[*]`"));
    }
    if segments.len() > MAX_SEGMENTS {
        return Err(selector::refusal(path, "is too long"));
    }
    Ok(segments.into_iter().map(|segment| segment.steps).collect())
}

impl Form {
    fn parse(text: &str) -> Option<Self> {
        let (before, rest) = text.split_once(TENANT)?;
        let after = rest.strip_suffix('*');
        let form = Self { before: before.to_owned(), after: after.unwrap_or(rest).to_owned(), open: after.is_some() };
        let certain = !rest.contains(TENANT) && (!form.open || !form.after.is_empty());
        certain.then_some(form)
    }

    /// Whether `name` is certainly one of `tenant`.
    ///
    /// What ends the tenant's name stands in it only once: a name that could be read in two ways is nobody's.
    fn fits(&self, name: &str, tenant: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.before.as_str()).filter(|_| !tenant.is_empty()) else { return false };
        if self.open {
            rest.split_once(self.after.as_str())
                .is_some_and(|(who, more)| who == tenant && !more.contains(self.after.as_str()))
        } else {
            rest.strip_suffix(self.after.as_str()) == Some(tenant)
        }
    }
}

impl Fence {
    /// A fence of `rules`; without any, nothing leaves.
    ///
    /// # Errors
    /// When two rules say of one object whose it is.
    pub fn new(rules: Vec<FenceRule>) -> Result<Self, SelectorError> {
        let owners: Vec<&FenceRule> = rules.iter().filter(|rule| rule.part.is_owner()).collect();
        let twice =
            owners.iter().enumerate().any(|(at, rule)| owners.iter().skip(at + 1).any(|other| rule.meets(other)));
        if twice {
            return Err(SelectorError("two paths of `own` and `named` find the same object; write one".to_owned()));
        }
        Ok(Self { rules })
    }

    /// What of `body` belongs to `tenant`.
    ///
    /// # Errors
    /// When the body is not JSON, does not have the shape that the rules expect, says something twice, or is not the
    /// tenant's at all.
    pub fn apply(&self, tenant: &str, body: &[u8]) -> Result<Vec<u8>, FenceError> {
        Walk::new(&self.rules, tenant, body).document()
    }
}

/// Why a body could not be cut down to one tenant: what and where, never a byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct FenceError {
    /// What is wrong.
    pub kind: FenceErrorKind,
    /// Where, in bytes from the start of the body.
    pub offset: u64,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FenceErrorKind {
    /// Not JSON that can be trusted.
    Json(RedactErrorKind),
    /// A value of another type than a rule expects.
    Shape,
    /// A name that a rule looks for stands twice in one object.
    Repeated,
    /// The answer is about somebody else, or does not say about whom.
    Stranger,
}

impl FenceErrorKind {
    /// The kind as one word for metrics and records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Json(kind) => kind.label(),
            Self::Shape => "tenant_shape",
            Self::Repeated => "tenant_repeated",
            Self::Stranger => "tenant_stranger",
        }
    }
}

impl fmt::Display for FenceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(kind) => return kind.fmt(f),
            Self::Shape => "value of an unexpected type",
            Self::Repeated => "the same name twice",
            Self::Stranger => "not the tenant's",
        })
    }
}
