//! The machine for JSON bodies: grammar, rules and safety net in one pass.
//!
//! In: buffers that begin where the last one was used up to. Out: the redacted bytes, and how much of the buffer
//! was used. All that lasts between buffers is at a token's edge; a token that the buffer cuts is seen again,
//! whole, with the next one.
//!
//! A separator belongs to the member or element behind it: both stay or both go. So a member's bytes are held back
//! from its comma until its name is known; while all before it in its container went, the comma goes alone.
//!
//! In an allow-list only what a rule keeps stays, with all that is in it, and the objects and arrays on the way there:
//! such a child is held back until its value begins.

use std::ops::Range;

use self::parts::Parts;
use super::error::{RedactErrorKind, Stop};
use super::guard::Guard;
use super::index::Kernel;
use super::lexer::{self, Scan};
use super::plan::Plan;
use super::{Action, Pseudonyms, Report};

mod fate;
mod lane;
mod leap;
mod parts;
mod value;

use leap::Leaps;

/// Objects and arrays inside each other, at most.
const MAX_DEPTH: usize = 512;
/// Objects and arrays inside each other, in most bodies.
const LEVELS: usize = 8;
/// Bytes from a separator to the end of the name behind it, at most.
const MAX_HELD: usize = 64 * 1024;
/// Bytes of a string that the safety net can look through; a longer one is masked as a whole.
pub(super) const MAX_STRING: usize = 64 * 1024;
/// Bytes of a number, at most.
const MAX_NUMBER: usize = 4 * 1024;

/// What comes next, white space aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    FirstName,
    NextName,
    Colon,
    FirstElement,
    Value,
    /// The rest of a string that does not leave.
    Dropped,
    After,
    Done,
}

/// An object or array that is open.
#[derive(Clone)]
struct Level {
    object: bool,
    /// Nothing in it has stayed so far.
    bare: bool,
    /// Children can be found by a rule.
    careful: bool,
    rest: Rest,
    ease: Ease,
    /// The place of the element at hand.
    index: u64,
}

/// What becomes of a value that no rule finds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Stays,
    /// Unless it is an object or array on the way to something that stays.
    Goes,
}

/// Which children of a level no rule can find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ease {
    Never,
    /// All but those of the names that rules wait for.
    ButNames,
    All,
}

/// Whether the buffer goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Out,
}

/// One buffer on its way through.
struct Pass<'a> {
    buf: &'a [u8],
    out: &'a mut Vec<u8>,
    pseudonyms: &'a Pseudonyms,
    at: usize,
    /// All before this place has left, or never will.
    from: usize,
    /// Since here it is open whether the bytes stay.
    held: Option<usize>,
    /// Spaces that are expected in front of the next member or element.
    indent: usize,
}

impl Pass<'_> {
    fn emit(&mut self, to: usize) {
        self.out.extend_from_slice(self.buf.get(self.from..to).unwrap_or_default());
        self.from = to;
    }

    fn window(&self, from: usize, limit: usize) -> &[u8] {
        self.buf.get(..from + limit).unwrap_or(self.buf)
    }
}

/// How far a string is known that the last buffer cut.
#[derive(Clone, Copy, Default)]
struct Partial {
    done: usize,
    escaped: bool,
}

/// What happens to the value to come; never [`Action::Remove`] nor [`Action::Keep`].
#[derive(Clone, Copy)]
enum Fate {
    All(Action),
    /// To parts of it when it is a text, else this.
    Parts(Option<Action>),
}

/// A child that stays only if its value is what it should be.
struct Waiting {
    awaited: Awaited,
    /// The inside of its name, counted from where it is held; empty for an element.
    name: Range<usize>,
    escaped: bool,
}

/// What a value must be to stay.
#[derive(Clone, Copy)]
enum Awaited {
    /// An object or an array.
    Container,
    /// Anything but a text.
    NoText,
}

/// The state between two buffers.
pub(super) struct Machine {
    place: Place,
    levels: Vec<Level>,
    /// The rules' positions of each level that stays, one set after the other.
    states: Vec<u64>,
    /// The rules' positions of the value to come.
    child: Vec<u64>,
    fate: Option<Fate>,
    /// Some rule is about the name of the member at hand.
    renamed: bool,
    parts: Parts,
    /// What becomes of the value to come, or of what is in it.
    rest: Rest,
    /// The value to come decides on this.
    waiting: Option<Waiting>,
    /// The number of levels around a value that does not leave, while inside it.
    drop: Option<usize>,
    held: bool,
    resume: usize,
    partial: Partial,
    guard: Guard,
    report: Report,
    leaps: Leaps,
}

impl Machine {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            place: Place::Root,
            levels: Vec::with_capacity(LEVELS),
            states: Vec::with_capacity(LEVELS * plan.positions().width()),
            child: plan.positions().start().to_vec(),
            fate: None,
            renamed: false,
            parts: Parts::default(),
            rest: if plan.is_allow_list() { Rest::Goes } else { Rest::Stays },
            waiting: None,
            drop: None,
            held: false,
            resume: 0,
            partial: Partial::default(),
            guard: Guard::new(),
            report: Report { hits: vec![0; plan.rules().len()], masked: 0 },
            leaps: Leaps::new(Kernel::best()),
        }
    }

    /// Looks through the body with other instructions than the fastest.
    pub(super) fn set_kernel(&mut self, kernel: Kernel) {
        self.leaps = Leaps::new(kernel);
    }

    /// Takes a buffer whose first bytes are those that the last call left; says how many were used.
    pub(super) fn run(
        &mut self,
        (plan, pseudonyms): (&Plan, &Pseudonyms),
        buf: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Stop> {
        let held = self.held.then_some(0);
        let mut pass = Pass { buf, out, pseudonyms, at: self.resume, from: 0, held, indent: 0 };
        self.guard.restart();
        self.leaps.clear();
        loop {
            if self.pass_plain(plan, &mut pass)? == Flow::Out || self.step(plan, &mut pass)? == Flow::Out {
                break;
            }
        }
        let used = pass.held.unwrap_or(pass.at);
        if self.drop.is_none() {
            pass.emit(used);
        }
        self.held = pass.held.is_some();
        self.resume = pass.at - used;
        Ok(used)
    }

    /// The end of the body, with `left` bytes not used.
    pub(super) fn finish(self, left: usize) -> Result<Report, Stop> {
        match self.place {
            Place::Done => Ok(self.report),
            Place::Root => Err(Stop::new(RedactErrorKind::Empty, left)),
            Place::FirstName
            | Place::NextName
            | Place::Colon
            | Place::FirstElement
            | Place::Value
            | Place::Dropped
            | Place::After => Err(Stop::new(RedactErrorKind::Truncated, left)),
        }
    }

    fn step(&mut self, plan: &Plan, pass: &mut Pass) -> Result<Flow, Stop> {
        if self.place == Place::Dropped {
            return self.dropped(pass);
        }
        pass.at = lexer::skip_space(pass.buf, pass.at);
        if let Some(held) = pass.held.filter(|held| pass.at - held > MAX_HELD) {
            return Err(Stop::new(RedactErrorKind::TooLong, held));
        }
        let Some(byte) = pass.buf.get(pass.at).copied() else { return Ok(Flow::Out) };
        match self.place {
            Place::Root => self.root(pass, byte),
            Place::FirstName if byte == b'}' => self.close(pass, byte),
            Place::FirstName | Place::NextName => self.name(plan, pass, byte),
            Place::Colon if byte == b':' => {
                pass.at += 1;
                self.place = Place::Value;
                Ok(Flow::On)
            }
            Place::FirstElement if byte == b']' => self.close(pass, byte),
            Place::FirstElement => {
                self.element(plan, pass, pass.held.unwrap_or(pass.at));
                Ok(Flow::On)
            }
            Place::Value => self.value(plan, pass, byte),
            Place::After => self.after(plan, pass, byte),
            Place::Done => Err(Stop::new(RedactErrorKind::Trailing, pass.at)),
            Place::Colon | Place::Dropped => Err(Stop::new(RedactErrorKind::Syntax, pass.at)),
        }
    }

    fn root(&mut self, pass: &Pass, byte: u8) -> Result<Flow, Stop> {
        let kind = match byte {
            b'{' | b'[' => {
                self.place = Place::Value;
                return Ok(Flow::On);
            }
            0xef => RedactErrorKind::ByteOrderMark,
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => RedactErrorKind::RootScalar,
            _ => RedactErrorKind::Syntax,
        };
        Err(Stop::new(kind, pass.at))
    }

    fn name(&mut self, plan: &Plan, pass: &mut Pass, byte: u8) -> Result<Flow, Stop> {
        let start = pass.at;
        if byte != b'"' {
            return Err(Stop::new(RedactErrorKind::Syntax, start));
        }
        let held = pass.held.unwrap_or(start);
        let mut partial = std::mem::take(&mut self.partial);
        let window = pass.window(held, MAX_HELD);
        match lexer::string(window, start + partial.done.max(1), &mut partial.escaped)? {
            Scan::More(_) if window.len() == held + MAX_HELD => Err(Stop::new(RedactErrorKind::TooLong, held)),
            Scan::More(at) => {
                self.partial = Partial { done: at - start, ..partial };
                Ok(Flow::Out)
            }
            Scan::End(end) => {
                pass.at = end;
                self.place = Place::Colon;
                self.member(plan, pass, start, partial.escaped)?;
                if pass.buf.get(end) == Some(&b':') {
                    pass.at += 1;
                    self.place = Place::Value;
                }
                Ok(Flow::On)
            }
        }
    }

    fn open(&mut self, plan: &Plan, pass: &mut Pass, object: bool) -> Result<Flow, Stop> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(Stop::new(RedactErrorKind::Depth, pass.at));
        }
        pass.at += 1;
        pass.indent += 2;
        let level = self.level(plan, object);
        if self.drop.is_none() {
            self.states.extend_from_slice(&self.child);
        }
        if level.careful {
            pass.held = Some(pass.at);
        }
        self.levels.push(level);
        self.place = if object { Place::FirstName } else { Place::FirstElement };
        Ok(Flow::On)
    }

    fn after(&mut self, plan: &Plan, pass: &mut Pass, byte: u8) -> Result<Flow, Stop> {
        if byte != b',' {
            return self.close(pass, byte);
        }
        let comma = pass.at;
        pass.at += 1;
        let Some(level) = self.levels.last_mut() else { return Err(Stop::new(RedactErrorKind::Syntax, comma)) };
        level.index += 1;
        let mut held = comma;
        if level.careful && level.bare && self.drop.is_none() {
            pass.emit(comma);
            pass.from = pass.at;
            held = pass.at;
        }
        if level.object {
            self.place = Place::NextName;
            pass.held = self.drop.is_none().then_some(held);
        } else {
            self.element(plan, pass, held);
        }
        Ok(Flow::On)
    }

    fn close(&mut self, pass: &mut Pass, byte: u8) -> Result<Flow, Stop> {
        let bracket = |level: &Level| if level.object { b'}' } else { b']' };
        if self.levels.last().map(bracket) != Some(byte) {
            return Err(Stop::new(RedactErrorKind::Syntax, pass.at));
        }
        pass.at += 1;
        pass.held = None;
        self.levels.pop();
        if self.drop.is_none() {
            let width = self.child.len();
            self.states.truncate(self.states.len() - width);
        }
        self.value_done(pass);
        Ok(Flow::On)
    }

    fn value_done(&mut self, pass: &mut Pass) {
        if self.drop == Some(self.levels.len()) {
            self.drop = None;
            pass.from = pass.at;
        }
        self.place = if self.levels.is_empty() { Place::Done } else { Place::After };
    }
}
