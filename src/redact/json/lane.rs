//! The short way past members and elements that no rule is about.
//!
//! In: a place behind a value or an opening brace. Out: a later such place, or the value that the machine must look
//! at. What is not plain (escapes, letters outside ASCII, names that rules might mean, limits, faults, the end of the
//! buffer) is left to the machine at the edge of the token before it, so nothing is decided here but what passes.

use super::{Ease, Flow, Machine, Pass, Place};
use crate::redact::block::{self, block};
use crate::redact::error::Stop;
use crate::redact::guard::Guard;
use crate::redact::names::Names;
use crate::redact::net::SEED;
use crate::redact::plan::Plan;

/// Bytes from a separator to the end of a name, at most; far below any limit.
const SHORT: usize = 1024;
/// Bytes of a string, at most; far below any limit.
const LONG: usize = 16 * 1024;

/// The way through the members or elements of one level.
struct Lane<'a> {
    buf: &'a [u8],
    /// Behind the last value, or behind the opening brace.
    at: usize,
    /// How many values are behind.
    passed: u64,
    object: bool,
    /// The names that rules wait for here.
    names: Option<&'a Names>,
    /// The safety net, unless nothing of the level leaves.
    guard: Option<&'a mut Guard>,
    /// Short strings before this place are clear.
    clear: usize,
    /// Spaces in front of the last member or element.
    indent: usize,
}

/// Why a lane or a leap ends.
pub(super) enum Exit {
    /// Here the machine must look.
    Unknown,
    /// Another leap may begin here.
    On,
    /// At a byte that may be a bracket of the level.
    Close,
    /// At a value that may be anything, whose name (if it has one) is no rule's.
    Value(usize),
    /// At a name.
    Name(Name),
}

/// The name of a member.
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the value begins.
    pub(super) value: usize,
    /// No rule can mean it, and the safety net has nothing to say.
    pub(super) free: bool,
}

impl Machine {
    /// Goes on past all that is plain.
    pub(super) fn pass_plain(&mut self, plan: &Plan, pass: &mut Pass) -> Result<Flow, Stop> {
        loop {
            self.begin(plan, pass)?;
            let exit = if self.leaps.are_on() { self.leap(plan, pass) } else { self.pass_level(plan, pass) };
            if matches!(exit, Exit::Unknown) {
                return Ok(Flow::On);
            }
            if self.leave(plan, pass, &exit)? == Flow::Out {
                return Ok(Flow::Out);
            }
        }
    }

    /// Does what stands at the end of a lane.
    #[inline]
    fn leave(&mut self, plan: &Plan, pass: &mut Pass, exit: &Exit) -> Result<Flow, Stop> {
        if let Exit::Name(name) = exit {
            self.plain_member(plan, pass, name.start);
            (self.place, pass.at) = (Place::Value, name.value);
        }
        let Some(byte) = pass.buf.get(pass.at).copied() else { return Ok(Flow::Out) };
        match exit {
            Exit::Close => self.close(pass, byte),
            Exit::Value(_) | Exit::Name(_) => self.value(plan, pass, byte),
            Exit::Unknown | Exit::On => Ok(Flow::On),
        }
    }

    /// Takes the comma behind a member that went, when all before it went, too.
    fn begin(&mut self, plan: &Plan, pass: &mut Pass) -> Result<(), Stop> {
        let bare = self.levels.last().is_some_and(|level| level.ease != Ease::Never && level.bare && level.careful);
        if bare && self.place == Place::After && self.drop.is_none() && pass.buf.get(pass.at) == Some(&b',') {
            self.after(plan, pass, b',')?;
        }
        Ok(())
    }

    /// Goes on past what is plain in the level at hand.
    fn pass_level(&mut self, plan: &Plan, pass: &mut Pass) -> Exit {
        let stays = self.drop.is_none();
        let Some(level) = self.levels.last_mut().filter(|level| level.ease != Ease::Never) else {
            return Exit::Unknown;
        };
        let first = match self.place {
            Place::FirstName | Place::NextName | Place::FirstElement => true,
            Place::After if !(stays && level.bare && level.careful) => false,
            Place::After | Place::Root | Place::Colon | Place::Value | Place::Dropped | Place::Done => {
                return Exit::Unknown;
            }
        };
        if self.partial.done > 0 {
            return Exit::Unknown;
        }
        let names = (level.ease == Ease::ButNames).then(|| plan.positions().names());
        let clear = self.guard.clear();
        let guard = stays.then_some(&mut self.guard);
        let (buf, at, object) = (pass.buf, pass.at, level.object);
        let indent = pass.indent;
        let mut lane = Lane { buf, at, passed: 0, object, names, guard, clear, indent };
        let exit = lane.follow(first, pass.held.unwrap_or(at));
        let next = matches!(exit, Exit::Value(_) | Exit::Name(_));
        level.index += (lane.passed + u64::from(next)).saturating_sub(u64::from(first));
        (pass.at, pass.indent) = (lane.at, lane.indent);
        if lane.passed > 0 {
            level.bare = false;
            pass.held = None;
            self.place = Place::After;
        }
        match &exit {
            Exit::Value(value) => {
                level.bare = false;
                pass.held = None;
                (self.place, pass.at) = (Place::Value, *value);
                if stays {
                    let width = plan.positions().width();
                    let from = self.states.get(self.states.len() - width..).unwrap_or_default();
                    plan.positions().member(from, None, &mut self.child);
                }
            }
            Exit::Name(name) => {
                pass.held = pass.held.or_else(|| Some(lane.comma()));
                pass.at = name.end;
            }
            Exit::Unknown | Exit::On | Exit::Close => {}
        }
        exit
    }
}

impl Lane<'_> {
    /// Goes on to a place behind a value, or to the value or name that ends the lane.
    #[inline]
    fn follow(&mut self, mut first: bool, mut held: usize) -> Exit {
        loop {
            let value = match self.child(first, held) {
                Ok(value) => value,
                Err(exit) => return exit,
            };
            let Some(end) = self.value(value) else { return Exit::Value(value) };
            self.at = end;
            self.passed += 1;
            (first, held) = (false, end);
        }
    }

    /// The place of the next value, whose bytes (with what separates it) begin behind `held`.
    #[inline]
    fn child(&mut self, first: bool, held: usize) -> Result<usize, Exit> {
        let item = self.item(first).map_err(|end| {
            self.at = end;
            Exit::Close
        })?;
        if item - held > SHORT {
            return Err(Exit::Unknown);
        }
        if !self.object {
            let none = first && matches!(self.at(item), Some(b']') | None);
            return if none { Err(Exit::Unknown) } else { Ok(item) };
        }
        let name = self.name(item).filter(|name| name.value - held < SHORT).ok_or(Exit::Unknown)?;
        if name.free { Ok(name.value) } else { Err(Exit::Name(name)) }
    }

    fn at(&self, at: usize) -> Option<u8> {
        self.buf.get(at).copied()
    }

    /// The place behind the next comma, or that of another byte.
    #[inline]
    fn behind_comma(&mut self) -> Result<usize, usize> {
        let comma = if self.at(self.at) == Some(b',') { self.at } else { self.space(self.at) };
        if self.at(comma) == Some(b',') {
            return Ok(comma + 1);
        }
        // A closing bracket stands below the member or element that it closes.
        self.indent = (comma - self.at).saturating_sub(1);
        Err(comma)
    }

    /// The place of the next member or element, or that of another byte than a comma. Most stand below the one before.
    #[inline]
    fn item(&mut self, first: bool) -> Result<usize, usize> {
        let mut at = if first { self.at } else { self.behind_comma()? };
        match self.at(at) {
            Some(b'\n') => {}
            Some(b'!'..) => return Ok(at),
            Some(_) | None => return Ok(self.space(at)),
        }
        at += 1;
        let same = at + self.indent;
        if block(self.buf, at).is_some_and(|block| block::starts_with_spaces(block, self.indent))
            && self.at(same).is_some_and(|byte| byte > b' ')
        {
            return Ok(same);
        }
        let place = self.space(at);
        self.indent = place - at;
        Ok(place)
    }

    /// The comma behind the last value.
    fn comma(&self) -> usize {
        self.space(self.at)
    }

    /// The name that begins at `at`, when it is plain.
    #[inline]
    fn name(&mut self, at: usize) -> Option<Name> {
        if self.at(at) != Some(b'"') {
            return None;
        }
        let start = at + 1;
        let end = block::first_mark(self.buf, start, block::name_marks)?;
        if self.buf.get(end..end + 2)? != b"\":" {
            return None;
        }
        let name = self.buf.get(start..end)?;
        let free = self.names.is_none_or(|names| !names.may_have(name)) && self.is_clear(start, end);
        let value = match self.buf.get(end + 2..end + 4)? {
            [b' ', next] if *next > b' ' => end + 3,
            [next, _] if *next > b' ' => end + 2,
            _ => self.space(end + 2),
        };
        Some(Name { start: at, end: end + 1, value, free })
    }

    /// The place behind the value at `at`.
    #[inline]
    fn value(&mut self, at: usize) -> Option<usize> {
        let buf = self.buf;
        match self.at(at)? {
            b'"' => {
                let start = at + 1;
                let end = block::first_mark(buf, start, block::string_marks)?;
                let plain = self.at(end) == Some(b'"') && end - start < LONG;
                (plain && self.is_clear(start, end)).then_some(end + 1)
            }
            first @ b'0'..=b'9' => {
                let end = at + block::digits(buf, at)?;
                let alone = matches!(self.at(end)?, b',' | b'\n' | b'}' | b']' | b' ');
                (alone && (first != b'0' || end == at + 1)).then_some(end)
            }
            b't' => self.word(at, b"true"),
            b'f' => self.word(at, b"false"),
            b'n' => self.word(at, b"null"),
            _ => None,
        }
    }

    fn word(&self, at: usize, word: &[u8]) -> Option<usize> {
        let end = at + word.len();
        (self.buf.get(at..end)? == word).then_some(end)
    }

    /// Whether the safety net has nothing to say about a string without escapes.
    #[inline]
    fn is_clear(&mut self, start: usize, end: usize) -> bool {
        if end <= self.clear && end - start < SEED {
            return true;
        }
        let Some(guard) = &mut self.guard else { return true };
        let clear = guard.is_clear(self.buf, &(start..end));
        self.clear = guard.clear();
        clear
    }

    /// The first place at or after `at` that is not white space, as pretty printers write it.
    #[inline(never)]
    fn space(&self, mut at: usize) -> usize {
        while let Some(byte) = self.at(at).filter(|byte| *byte <= b' ') {
            match byte {
                b' ' | b'\n' => at += 1 + block(self.buf, at + 1).map_or(0, block::spaces),
                b'\r' | b'\t' => at += 1,
                _ => return at,
            }
        }
        at
    }
}
