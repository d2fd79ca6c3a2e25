//! Says what a plan does to one body, and where: slowly, for people.
//!
//! In: a plan and a whole body. Out: every place that the plan touches, in the order of the body, never what stands
//! there. The [`Redactor`] judges the body first, so that nothing is said of one that must not leave.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::error::Stop;
use super::fold::fold;
use super::form::Reading;
use super::json::MAX_STRING;
use super::lexer::skip_space;
use super::selector::Step;
use super::unescape::unescape;
use super::{Action, BodyKind, Other, Part, Plan, Pseudonyms, RedactError, Redactor, Report, Rule, located, net, scan};

/// The step to a member whose name must not be shown.
const HIDDEN: &str = "['[redacted]']";

/// One place that a plan touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The place as a path of names and indices: `$.connections[3].jwt`; `$` in a text without structure.
    ///
    /// Names that a rule takes or that look like a secret are shown as `[redacted]`.
    pub path: String,
    /// What of it is touched.
    pub what: Touched,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub cause: Cause,
    /// Where it begins, in bytes from the start of the body.
    pub offset: u64,
    /// What of the unescaped name or text is meant; empty: all of it.
    pub parts: Vec<Range<usize>>,
}

/// What rules mean of a name or a text.
struct Meant {
    /// The first of the strictest.
    rule: usize,
    action: Action,
    /// Empty: all of it.
    parts: Vec<Range<usize>>,
}

/// Why a place is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A rule says so: its place in [`Plan::rules`].
    Rule(usize),
    /// The plan is an allow-list, and keeps neither it nor anything in it.
    NotKept,
    /// It looks like a secret.
    SafetyNet,
}

/// What of a place is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The value.
    Value,
    /// The name of the member.
    Name,
}

impl Touched {
    /// Its word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Name => "name",
        }
    }
}

/// Everything that `plan` touches in `body`, and what the redaction itself counted.
///
/// # Errors
/// When the body cannot be trusted.
pub fn touched(
    plan: &Arc<Plan>,
    pseudonyms: &Arc<Pseudonyms>,
    body: &[u8],
) -> Result<(Vec<Touch>, Report), RedactError> {
    let (mut redactor, mut out) = (Redactor::new(Arc::clone(plan), Arc::clone(pseudonyms)), Vec::new());
    for chunk in body.chunks(64 * 1024) {
        redactor.push(chunk, &mut out)?;
        out.clear();
    }
    let report = redactor.finish(&mut out)?;
    let mut walk = Walk { plan, body, path: "$".to_owned(), touches: Vec::new() };
    if plan.kind() == BodyKind::Json {
        let start = skip_space(body, 0);
        let spots = (0..plan.rules().len()).map(|rule| Spot { rule, passed: 0 }).collect::<Vec<_>>();
        walk.value(start, &spots, !plan.has(Action::Keep)).map_err(|stop| located(stop, 0))?;
    } else {
        walk.guard(body, 0, Touched::Value);
    }
    Ok((walk.touches, report))
}

/// A rule on the way to what it finds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spot {
    rule: usize,
    /// Segments that are passed.
    passed: usize,
}

/// What tells a child from its siblings.
enum Key<'a> {
    Name(&'a str),
    Index(u64),
}

struct Walk<'a> {
    plan: &'a Plan,
    body: &'a [u8],
    path: String,
    touches: Vec<Touch>,
}

impl Walk<'_> {
    /// Looks at the value at `at`, where rules are at `spots` and what none of them finds is `kept` or not; says where
    /// it ends.
    fn value(&mut self, at: usize, spots: &[Spot], kept: bool) -> Result<usize, Stop> {
        let end = match self.body.get(at) {
            Some(b'{') => return self.children(at, b'}', (spots, kept)),
            Some(b'[') => return self.children(at, b']', (spots, kept)),
            _ => scan::single(self.body, at)?,
        };
        if self.body.get(at) == Some(&b'"') {
            let mut text = Vec::new();
            unescape(self.body.get(at + 1..end - 1).unwrap_or_default(), &mut text);
            let meant = self.meant(spots, &text, Touched::Value);
            self.parts((at, end), meant, Touched::Value);
        }
        Ok(end)
    }

    fn children(&mut self, at: usize, close: u8, above: (&[Spot], bool)) -> Result<usize, Stop> {
        let mut at = skip_space(self.body, at + 1);
        let mut index = 0;
        while self.body.get(at) != Some(&close) {
            let length = self.path.len();
            at = if close == b'}' { self.member(at, above)? } else { self.child(&Key::Index(index), (at, at), above)? };
            self.path.truncate(length);
            index += 1;
            at = skip_space(self.body, at);
            match self.body.get(at) {
                Some(b',') => at = skip_space(self.body, at + 1),
                Some(byte) if *byte == close => {}
                other => return Err(scan::wrong(other, at)),
            }
        }
        Ok(at + 1)
    }

    fn member(&mut self, at: usize, above: (&[Spot], bool)) -> Result<usize, Stop> {
        let (end, value) = scan::name(self.body, at)?;
        let mut name = Vec::new();
        unescape(self.body.get(at + 1..end - 1).unwrap_or_default(), &mut name);
        self.child(&Key::Name(&String::from_utf8_lossy(&name)), (at, value), above)
    }

    /// Looks at a child that begins at the first place, with a value at the second; says where it ends.
    fn child(
        &mut self,
        key: &Key<'_>,
        (at, value): (usize, usize),
        (spots, kept): (&[Spot], bool),
    ) -> Result<usize, Stop> {
        let (above, down) = (self.path.len(), self.step(key, spots));
        write_step(&mut self.path, key);
        let kept = kept || self.ended(&down).any(|(_, rule)| rule.action == Action::Keep);
        let decided = self.decided(&down, self.body.get(value) == Some(&b'"'));
        let renamed = match key {
            Key::Name(name) => self.meant(&down, name.as_bytes(), Touched::Name),
            Key::Index(_) => None,
        };
        let gone = match (decided, &renamed) {
            (Some((rule, Action::Remove)), _) => Some(Cause::Rule(rule)),
            (_, Some(Meant { rule, action: Action::Remove, .. })) => Some(Cause::Rule(*rule)),
            _ if kept || self.leads_on(value, &down) => None,
            _ => Some(Cause::NotKept),
        };
        if renamed.is_some() || (gone.is_some() && self.by_any(&down)) {
            // The name is what must not be seen, or may be.
            self.path.truncate(above);
            self.path.push_str(HIDDEN);
        }
        if let Some(cause) = gone {
            self.touch(Touched::Value, Action::Remove, cause, at);
            return scan::value(self.body, value);
        }
        if matches!(key, Key::Name(_)) {
            let end = scan::single(self.body, at)?;
            self.parts((at, end), renamed, Touched::Name);
        }
        if let Some((rule, action)) = decided {
            self.touch(Touched::Value, action, Cause::Rule(rule), value);
            return scan::value(self.body, value);
        }
        self.value(value, &down, kept)
    }

    /// Whether a rule that ends at `spots` takes members of any name.
    fn by_any(&self, spots: &[Spot]) -> bool {
        let last = |rule: &Rule| rule.selector.segments().last().is_some_and(|last| last.steps.contains(&Step::Any));
        self.ended(spots).any(|(_, rule)| last(rule))
    }

    /// Whether a rule may keep something in the value at `at`.
    fn leads_on(&self, at: usize, spots: &[Spot]) -> bool {
        let keeps = |spot: &Spot| {
            let rule = self.plan.rules().get(spot.rule);
            rule.is_some_and(|rule| rule.action == Action::Keep && spot.passed < rule.selector.segments().len())
        };
        matches!(self.body.get(at), Some(b'{' | b'[')) && spots.iter().any(keeps)
    }

    /// Where rules are that were at `spots`, one step further down.
    fn step(&self, key: &Key<'_>, spots: &[Spot]) -> Vec<Spot> {
        let mut down = Vec::new();
        for spot in spots {
            let Some(rule) = self.plan.rules().get(spot.rule) else { continue };
            let Some(segment) = rule.selector.segments().get(spot.passed) else { continue };
            let stays = segment.descendant.then_some(*spot);
            let takes = segment.steps.iter().any(|step| takes(step, key, rule.action));
            let passed = takes.then_some(Spot { passed: spot.passed + 1, ..*spot });
            down.extend(stays.into_iter().chain(passed));
        }
        down.dedup();
        down
    }

    /// The rules that end at `spots`.
    fn ended(&self, spots: &[Spot]) -> impl Iterator<Item = (usize, &Rule)> {
        spots.iter().filter_map(|spot| {
            let rule = self.plan.rules().get(spot.rule)?;
            (spot.passed == rule.selector.segments().len()).then_some((spot.rule, rule))
        })
    }

    /// The strictest rule that ends at `spots` and takes all of the value, which is a text or not, the first of those; one
    /// that keeps decides nothing.
    fn decided(&self, spots: &[Spot], is_text: bool) -> Option<(usize, Action)> {
        let text = |rule: &Rule| matches!(rule.part, Part::Text(_));
        let whole = |rule: &Rule| match &rule.part {
            Part::Value => rule.action != Action::Keep,
            Part::Name(_) => false,
            Part::Text(_) if rule.action == Action::Remove => true,
            Part::Text(forms) => !is_text && forms.other() == Other::Whole,
        };
        let decides = self.ended(spots).any(|(_, rule)| whole(rule));
        // What is replaced anyhow is replaced in the strictest way.
        let strictest = self.ended(spots).filter(|(_, rule)| whole(rule) || (is_text && text(rule)));
        let strictest = strictest.map(|(at, rule)| (at, rule.action));
        strictest.min_by_key(|(rule, action)| (*action, *rule)).filter(|_| decides)
    }

    /// What the rules that end at `spots` mean of a name or a text.
    fn meant(&self, spots: &[Spot], text: &[u8], what: Touched) -> Option<Meant> {
        let mut found: Option<Meant> = None;
        let mut all = false;
        for (at, rule) in self.ended(spots) {
            let (action, forms) = match (&rule.part, what) {
                (Part::Name(_), Touched::Name) if rule.action == Action::Keep => continue,
                (Part::Name(forms), Touched::Name) if rule.action == Action::Remove => (Action::Remove, forms),
                (Part::Name(forms), Touched::Name) => (Action::Pseudonym, forms),
                (Part::Text(forms), Touched::Value) => (rule.action, forms),
                (Part::Value | Part::Name(_) | Part::Text(_), _) => continue,
            };
            let mut spans = Vec::new();
            let whole = forms.read(text, &mut spans) == Reading::Whole;
            if !whole && spans.is_empty() {
                continue;
            }
            all |= whole;
            let meant = found.get_or_insert(Meant { rule: at, action, parts: Vec::new() });
            if action < meant.action {
                (meant.rule, meant.action) = (at, action);
            }
            meant.parts.append(&mut spans);
        }
        found.map(|meant| if all { Meant { parts: Vec::new(), ..meant } } else { meant })
    }

    /// Tells what is meant of the name or text between the two places, and what of the rest looks like a secret.
    fn parts(&mut self, (at, end): (usize, usize), meant: Option<Meant>, what: Touched) {
        let in_parts = meant.as_ref().is_none_or(|meant| !meant.parts.is_empty());
        if let Some(Meant { rule, action, parts }) = meant {
            self.touch(what, action, Cause::Rule(rule), at);
            self.touches.last_mut().into_iter().for_each(|touch| touch.parts.clone_from(&parts));
        }
        if in_parts {
            self.text(at, end, what);
        }
    }

    /// Asks the safety net about the string between the two places.
    fn text(&mut self, at: usize, end: usize, what: Touched) {
        let inside = self.body.get(at + 1..end - 1).unwrap_or_default();
        if what == Touched::Value && end - at > MAX_STRING {
            return self.touch(what, Action::Mask, Cause::SafetyNet, at);
        }
        let mut text = Vec::new();
        unescape(inside, &mut text);
        self.guard(&text, at, what);
    }

    fn guard(&mut self, text: &[u8], at: usize, what: Touched) {
        let mut spans = Vec::new();
        net::find(text, &mut spans);
        for span in spans {
            let inside = if self.plan.kind() == BodyKind::Json { 0 } else { span.start };
            self.touch(what, Action::Mask, Cause::SafetyNet, at + inside);
            self.touches.last_mut().into_iter().for_each(|touch| touch.parts.push(span.clone()));
        }
    }

    fn touch(&mut self, what: Touched, action: Action, cause: Cause, at: usize) {
        self.touches.push(Touch { path: self.path.clone(), what, action, cause, offset: at as u64, parts: Vec::new() });
    }
}

fn takes(step: &Step, key: &Key<'_>, action: Action) -> bool {
    match (step, key) {
        (Step::Any, _) => true,
        (Step::Name(name), Key::Name(key)) if action == Action::Keep => name.exact == *key,
        (Step::Name(name), Key::Name(key)) => name.folded == fold(key),
        (Step::Index(index), Key::Index(key)) => index == key,
        (Step::Name(_), Key::Index(_)) | (Step::Index(_), Key::Name(_)) => false,
    }
}

/// Appends one step of a path, as [RFC 9535 §2.7](https://www.rfc-editor.org/rfc/rfc9535#section-2.7) spells it, but
/// with a dot before plain names.
fn write_step(path: &mut String, key: &Key<'_>) {
    // Writing to a `String` cannot fail.
    let _infallible = match key {
        Key::Index(index) => write!(path, "[{index}]"),
        Key::Name(name) if super::is_secret_shaped(name) => write!(path, "{HIDDEN}"),
        Key::Name(name) if is_identifier(name) => write!(path, ".{name}"),
        Key::Name(name) => write!(path, "['{}']", name.escape_debug()),
    };
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
