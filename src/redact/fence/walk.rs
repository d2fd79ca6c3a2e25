//! The walk through one body: down where rules lead, over everything else.
//!
//! Recurses only as far as the paths of the rules are long; all below is copied or skipped in one piece.

use std::collections::HashSet;

use super::{FenceError, FenceErrorKind, FenceRule, Form, Part};
use crate::redact::RedactErrorKind;
use crate::redact::error::Stop;
use crate::redact::fold::{fold, is_plain};
use crate::redact::lexer;
use crate::redact::scan;
use crate::redact::selector::{Name, Step};
use crate::redact::unescape::unescape;

type Result<T> = std::result::Result<T, FenceError>;

/// One body on its way.
pub(super) struct Walk<'a> {
    rules: &'a [FenceRule],
    tenant: &'a str,
    buf: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

/// A rule on the way to what it finds.
#[derive(Clone, Copy)]
struct Lead<'a> {
    rule: &'a FenceRule,
    /// Steps that are passed.
    passed: usize,
}

/// What happens where no rule speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// It goes. What rules keep must be single values.
    Common,
    /// It goes, although it is the tenant's: rules say what stays of it.
    Picked,
    /// It stays.
    Owned,
}

/// Whose the members of an object are.
#[derive(Clone, Copy)]
enum Kind<'a> {
    /// Whosever the object is.
    Plain,
    /// The one's whom this member names.
    Said(&'a Name),
    /// Each the one's after whom it is named.
    Named(&'a Form),
}

/// What an object was found to be.
struct Found {
    /// Something of it stays.
    stays: bool,
    /// It says that it is the tenant's.
    owned: bool,
}

impl<'a> Lead<'a> {
    fn steps(&self) -> Option<&'a Vec<Step>> {
        self.rule.steps.get(self.passed)
    }

    fn is_here(&self) -> bool {
        self.passed == self.rule.steps.len()
    }

    fn wants(&self, what: impl Fn(&Step) -> bool) -> bool {
        self.steps().is_some_and(|steps| steps.iter().any(what))
    }

    fn down(self) -> Self {
        Self { passed: self.passed + 1, ..self }
    }

    /// Goes down to the member `name`. What lets out is exact, what takes out is not.
    fn member(self, name: &str, ground: Ground) -> Option<Self> {
        let fits = |step: &Step| match step {
            Step::Name(wanted) if self.rule.part == Part::Drop => is_same(name, &wanted.folded),
            Step::Name(wanted) => wanted.exact == name,
            Step::Any => ground != Ground::Common,
            Step::Index(_) => false,
        };
        self.steps()?.iter().any(fits).then(|| self.down())
    }

    fn element(self) -> Option<Self> {
        self.steps()?.contains(&Step::Any).then(|| self.down())
    }

    /// The folded names that it looks for next, unless it takes all that are the same.
    fn wanted(self) -> impl Iterator<Item = &'a str> {
        let steps = self.steps().filter(|_| self.rule.part != Part::Drop);
        steps.into_iter().flatten().filter_map(|step| match step {
            Step::Name(name) => Some(name.folded.as_str()),
            Step::Any | Step::Index(_) => None,
        })
    }
}

/// Whether `name` is, to the most lenient reader, the name that is `folded`.
fn is_same(name: &str, folded: &str) -> bool {
    if name.bytes().all(is_plain) { name.eq_ignore_ascii_case(folded) } else { fold(name) == folded }
}

impl<'a> Walk<'a> {
    pub(super) fn new(rules: &'a [FenceRule], tenant: &'a str, buf: &'a [u8]) -> Self {
        Self { rules, tenant, buf, at: 0, out: Vec::new() }
    }

    /// The whole body.
    pub(super) fn document(mut self) -> Result<Vec<u8>> {
        if self.buf.starts_with("\u{feff}".as_bytes()) {
            return Err(self.stop(RedactErrorKind::ByteOrderMark));
        }
        self.space();
        let nothing: &[u8] = match self.byte() {
            Some(b'{') => b"{}",
            Some(b'[') => b"[]",
            Some(_) => return Err(self.stop(RedactErrorKind::RootScalar)),
            None => return Err(self.stop(RedactErrorKind::Empty)),
        };
        let leads: Vec<Lead<'a>> = self.rules.iter().map(|rule| Lead { rule, passed: 0 }).collect();
        if !self.value(&leads, Ground::Common)? {
            self.out.extend_from_slice(nothing);
        }
        self.space();
        if self.at < self.buf.len() {
            return Err(self.stop(RedactErrorKind::Trailing));
        }
        Ok(self.out)
    }

    /// The value at hand; says whether something of it stays.
    fn value(&mut self, leads: &[Lead<'a>], ground: Ground) -> Result<bool> {
        let here = || leads.iter().filter(|lead| lead.is_here()).map(|lead| lead.rule);
        let goes_on = leads.iter().any(|lead| !lead.is_here());
        if here().any(|rule| rule.part == Part::Drop) {
            return self.skip();
        }
        for rule in here() {
            match &rule.part {
                Part::Own(member) => return self.said(leads, rule, member),
                Part::Named(form) => return self.named(leads, form),
                Part::Keep | Part::Drop => {}
            }
        }
        let kept = here().next().is_some();
        match (kept, ground) {
            (true, Ground::Common) if matches!(self.byte(), Some(b'{' | b'[')) => self.unfit(),
            (true, Ground::Picked | Ground::Owned) if goes_on => self.inside(leads, Ground::Owned),
            (false, _) if goes_on => self.inside(leads, ground),
            (true, _) | (false, Ground::Owned) => self.copy(),
            (false, Ground::Common | Ground::Picked) => self.skip(),
        }
    }

    /// Goes into the object or array at hand, where the leads go on.
    fn inside(&mut self, leads: &[Lead<'a>], ground: Ground) -> Result<bool> {
        let wants_names = leads.iter().any(|lead| lead.wants(|step| matches!(step, Step::Name(_))));
        let wants_any = leads.iter().any(|lead| lead.wants(|step| *step == Step::Any));
        let (stays, empty) = match self.byte() {
            Some(b'{') if wants_names || ground != Ground::Common => {
                (self.object(leads, ground, Kind::Plain)?.stays, b"{}")
            }
            Some(b'[') if wants_any => {
                let leads: Vec<Lead<'a>> = leads.iter().filter_map(|lead| lead.element()).collect();
                (self.children(|walk| walk.value(&leads, ground))?, b"[]")
            }
            Some(b'n') if ground == Ground::Owned => return self.copy(),
            Some(b'n') => return self.skip(),
            Some(_) | None => return self.unfit(),
        };
        // What is common goes with its name: it must not tell whether others have something there.
        if !stays && ground != Ground::Common {
            self.out.extend_from_slice(empty);
        }
        Ok(stays || ground != Ground::Common)
    }

    /// An object that says whose it is.
    fn said(&mut self, leads: &[Lead<'a>], rule: &FenceRule, member: &'a Name) -> Result<bool> {
        let (start, mark) = (self.at, self.out.len());
        match self.byte() {
            Some(b'{') => {}
            Some(b'n') => return self.skip(),
            Some(_) | None => return self.unfit(),
        }
        let picked = leads.iter().any(|lead| lead.rule.part == Part::Keep && !lead.is_here());
        let found = self.object(leads, if picked { Ground::Picked } else { Ground::Owned }, Kind::Said(member))?;
        if !found.owned {
            self.out.truncate(mark);
            return if rule.is_among() { Ok(false) } else { Err(error(FenceErrorKind::Stranger, start)) };
        }
        if !found.stays {
            self.out.extend_from_slice(b"{}");
        }
        Ok(true)
    }

    /// An object whose members are named after who they belong to.
    fn named(&mut self, leads: &[Lead<'a>], form: &'a Form) -> Result<bool> {
        match self.byte() {
            Some(b'{') => Ok(self.object(leads, Ground::Owned, Kind::Named(form))?.stays),
            Some(b'n') => self.skip(),
            Some(_) | None => self.unfit(),
        }
    }

    fn object(&mut self, leads: &[Lead<'a>], ground: Ground, kind: Kind<'a>) -> Result<Found> {
        let mut seen = HashSet::new();
        let mut owned = false;
        let stays = self.children(|walk| {
            let start = walk.at;
            let name = walk.name()?;
            let once = match kind {
                Kind::Named(form) if !form.fits(&name, walk.tenant) => return walk.skip(),
                Kind::Named(_) => Some(name.clone()),
                Kind::Said(member) if is_same(&name, &member.folded) => Some(member.folded.clone()),
                Kind::Said(_) | Kind::Plain => wanted(leads, &name),
            };
            if once.is_some_and(|name| !seen.insert(name)) {
                return Err(error(FenceErrorKind::Repeated, start));
            }
            if let Kind::Said(member) = kind
                && member.exact == name
            {
                owned = walk.is_tenant()?;
            }
            walk.write(start);
            let leads: Vec<Lead<'a>> = leads.iter().filter_map(|lead| lead.member(&name, ground)).collect();
            walk.value(&leads, ground)
        })?;
        Ok(Found { stays, owned })
    }

    /// Goes through the children of the object or array at hand; says whether any stays. If none does, nothing is written.
    fn children(&mut self, mut child: impl FnMut(&mut Self) -> Result<bool>) -> Result<bool> {
        let close = if self.byte() == Some(b'{') { b'}' } else { b']' };
        let (begin, mut start) = (self.out.len(), self.at);
        let mut stays = false;
        self.at += 1;
        self.write(start);
        start = self.at;
        self.space();
        let mut more = self.byte() != Some(close);
        while more {
            let mark = self.out.len();
            if stays {
                self.out.push(b',');
            }
            self.write(start);
            if child(self)? {
                stays = true;
            } else {
                self.out.truncate(mark);
            }
            start = self.at;
            self.space();
            more = match self.byte() {
                Some(b',') => true,
                Some(byte) if byte == close => false,
                other => return Err(located(scan::wrong(other.as_ref(), self.at))),
            };
            if more {
                self.at += 1;
                start = self.at;
                self.space();
            }
        }
        self.at += 1;
        if stays {
            self.write(start);
        } else {
            self.out.truncate(begin);
        }
        Ok(stays)
    }

    /// Steps over the name at hand and its colon.
    fn name(&mut self) -> Result<String> {
        let start = self.at;
        let (end, value) = scan::name(self.buf, start).map_err(located)?;
        self.at = value;
        self.text(start, end).ok_or_else(|| error(FenceErrorKind::Json(RedactErrorKind::LoneSurrogate), start))
    }

    /// Whether the value at hand is the tenant's name.
    fn is_tenant(&self) -> Result<bool> {
        match self.byte() {
            Some(b'"') => {
                let end = scan::single(self.buf, self.at).map_err(located)?;
                Ok(!self.tenant.is_empty() && self.text(self.at, end).as_deref() == Some(self.tenant))
            }
            Some(b'n') => Ok(false),
            Some(_) | None => Err(error(FenceErrorKind::Shape, self.at)),
        }
    }

    /// What the string from `start` to `end` stands for, unless half a surrogate pair is in it.
    fn text(&self, start: usize, end: usize) -> Option<String> {
        let mut text = Vec::new();
        let lone = unescape(self.buf.get(start + 1..end - 1)?, &mut text);
        String::from_utf8(text).ok().filter(|_| !lone)
    }

    fn copy(&mut self) -> Result<bool> {
        let start = self.at;
        self.skip()?;
        self.write(start);
        Ok(true)
    }

    fn skip(&mut self) -> Result<bool> {
        self.at = scan::value(self.buf, self.at).map_err(located)?;
        Ok(false)
    }

    /// A value of another type than the rules expect.
    fn unfit(&mut self) -> Result<bool> {
        let start = self.at;
        self.skip()?;
        Err(error(FenceErrorKind::Shape, start))
    }

    /// Writes what is behind, from `start`.
    fn write(&mut self, start: usize) {
        self.out.extend_from_slice(self.buf.get(start..self.at).unwrap_or_default());
    }

    fn byte(&self) -> Option<u8> {
        self.buf.get(self.at).copied()
    }

    fn space(&mut self) {
        self.at = lexer::skip_space(self.buf, self.at);
    }

    fn stop(&self, kind: RedactErrorKind) -> FenceError {
        error(FenceErrorKind::Json(kind), self.at)
    }
}

/// The folded name that a lead looks for and `name` is.
fn wanted(leads: &[Lead<'_>], name: &str) -> Option<String> {
    leads.iter().flat_map(|lead| lead.wanted()).find(|folded| is_same(name, folded)).map(str::to_owned)
}

fn located(stop: Stop) -> FenceError {
    error(FenceErrorKind::Json(stop.kind), stop.at)
}

fn error(kind: FenceErrorKind, at: usize) -> FenceError {
    FenceError { kind, offset: at as u64 }
}
