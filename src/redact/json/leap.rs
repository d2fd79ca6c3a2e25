//! The shortest way past all that no rule is about: over many levels at once, by the index.
//!
//! In: a place behind a value or an opening bracket. Out: a later such place, or a bracket or name at which the machine
//! must act. What is not plain (escapes in names, what might be a secret, what rules might mean, limits, faults, the
//! end of the buffer) is left to the machine at the last comma or bracket before it, so nothing is decided here but
//! what passes.

use super::lane::{Exit, Name};
use super::{Ease, Level, MAX_DEPTH, Machine, Pass, Place, Rest};
use crate::redact::fold::is_plain;
use crate::redact::index::{After, BLOCK, Batch, Kernel, from_bit};
use crate::redact::lexer;
use crate::redact::plan::Plan;

/// Bytes that may be held back when a walk begins, at most; far below any limit.
const SHORT: usize = 1024;

/// What leaps need between each other.
pub(super) struct Leaps {
    kernel: Kernel,
    /// What is known of the buffer at hand.
    batch: Batch,
    /// Positions that no name and no place of others changes.
    steady: Vec<u64>,
    /// An array and an object at those.
    inner: [Option<Level>; 2],
}

impl Leaps {
    pub(super) fn new(kernel: Kernel) -> Self {
        Self { kernel, batch: Batch::default(), steady: Vec::new(), inner: [None, None] }
    }

    /// Whether there are vectors to leap with.
    pub(super) fn are_on(&self) -> bool {
        self.kernel.leaps()
    }

    /// Begins with a new buffer.
    pub(super) fn clear(&mut self) {
        self.batch.clear();
    }
}

/// Why a walk ends.
enum Halt {
    /// Before this place something must look, or another leap may begin.
    Rest(usize, Exit),
    /// At a bracket that the machine must open.
    Open(usize),
    /// At a bracket that the machine must close.
    Close(usize),
    /// At a name that a rule might mean.
    Name(Name),
}

/// A way through an indexed stretch.
struct Walk<'a> {
    plan: &'a Plan,
    buf: &'a [u8],
    batch: &'a Batch,
    /// Where it began.
    from: usize,
    /// Since here the commas of the level at hand are not counted.
    uncounted: usize,
    /// The level at hand is an object.
    object: bool,
}

impl Machine {
    /// Whether a walk may begin here: behind a separator or behind a value.
    fn entry(&self, pass: &Pass) -> Option<After> {
        let level = self.levels.last().filter(|level| level.ease != Ease::Never && self.partial.done == 0)?;
        match self.place {
            Place::FirstName | Place::NextName | Place::FirstElement => {
                pass.held.is_none_or(|held| pass.at - held < SHORT).then_some(After::Separator)
            }
            Place::After if self.drop.is_none() && level.bare && level.careful => None,
            // What stands elsewhere may be the rest of a word or number.
            Place::After => {
                matches!(pass.buf.get(pass.at), Some(b',' | b'}' | b']' | b'\n' | b' ')).then_some(After::Value)
            }
            Place::Root | Place::Colon | Place::Value | Place::Dropped | Place::Done => None,
        }
    }

    /// Goes on as far as an index of the buffer leads, which is made when there is none.
    pub(super) fn leap(&mut self, plan: &Plan, pass: &mut Pass) -> Exit {
        let Some(after) = self.entry(pass) else { return Exit::Unknown };
        let mut batch = std::mem::take(&mut self.leaps.batch);
        let start = pass.at;
        let mut exit = Exit::On;
        if batch.covers(start) {
            exit = self.walk(plan, pass, &batch);
        }
        if matches!(exit, Exit::On) && pass.at == start {
            batch.fill(self.leaps.kernel, plan.positions().names().prints(), pass.buf, (start, after));
            exit = self.walk(plan, pass, &batch);
        }
        self.leaps.batch = batch;
        if matches!(exit, Exit::On) && self.drop.is_none() {
            // While it is near.
            pass.emit(pass.held.unwrap_or(pass.at));
        }
        let stuck = matches!(exit, Exit::On) && (pass.at == start || pass.at == pass.buf.len());
        if stuck { Exit::Unknown } else { exit }
    }

    /// Goes on as far as `batch` leads.
    fn walk(&mut self, plan: &Plan, pass: &mut Pass, batch: &Batch) -> Exit {
        let (from, buf) = (pass.at, pass.buf);
        let object = self.levels.last().is_some_and(|level| level.object);
        let mut walk = Walk { plan, buf, batch, from, uncounted: from, object };
        let exit = match self.events(&mut walk) {
            Ok(()) => Halt::Rest(batch.end(), Exit::On),
            Err(halt) => halt,
        };
        match exit {
            Halt::Rest(limit, exit) => {
                self.rest(pass, &walk, limit);
                exit
            }
            Halt::Close(at) => {
                (pass.at, pass.held) = (at, None);
                Exit::Close
            }
            Halt::Open(at) => {
                (pass.at, pass.held, self.place) = (at, None, Place::Value);
                self.passed(&walk, at);
                Exit::Value(at)
            }
            Halt::Name(name) => {
                self.rest_behind(pass, &walk, &name);
                Exit::Name(name)
            }
        }
    }

    /// Comes to rest behind a name.
    fn rest_behind(&mut self, pass: &mut Pass, walk: &Walk, name: &Name) {
        pass.at = name.end;
        let Some(edge) = walk.batch.last_edge(walk.from, name.start) else { return };
        if pass.buf.get(edge) == Some(&b',') {
            pass.held = Some(edge);
            self.passed(walk, edge);
        } else {
            pass.held = Some(edge + 1);
        }
    }

    /// Comes to rest at the last comma or bracket before `limit`.
    fn rest(&mut self, pass: &mut Pass, walk: &Walk, limit: usize) {
        let Some(edge) = walk.batch.last_edge(walk.from, limit) else { return };
        match pass.buf.get(edge) {
            Some(b',') if edge == walk.from => {}
            Some(b'{' | b'[') => {
                self.place = if walk.object { Place::FirstName } else { Place::FirstElement };
                pass.at = edge + 1;
                let careful = self.levels.last().is_some_and(|level| level.careful);
                pass.held = careful.then_some(pass.at);
            }
            byte => {
                self.place = Place::After;
                pass.at = edge + usize::from(byte != Some(&b','));
                pass.held = None;
                self.passed(walk, pass.at);
            }
        }
    }

    /// Something of the level at hand has stayed, and its commas before `to` are passed.
    #[inline]
    fn passed(&mut self, walk: &Walk, to: usize) {
        if let Some(level) = self.levels.last_mut() {
            level.bare = false;
            if !level.object {
                level.index += walk.batch.commas(walk.uncounted, to);
            }
        }
    }

    /// Takes brackets and names one by one, up to what must be looked at.
    #[inline]
    fn events(&mut self, walk: &mut Walk) -> Result<(), Halt> {
        let mut from = walk.from;
        while let Some((base, row)) = walk.batch.row(from) {
            let mut left = from_bit(from - base);
            while let Some(event) = row.next(walk.object, left) {
                let event = event.map_err(|stop| Halt::Rest(base + stop, Exit::Unknown))?;
                left = from_bit(event + 1);
                let at = base + event;
                match walk.buf.get(at) {
                    Some(b'"') => self.candidate(walk, at)?,
                    Some(b'{') => self.descend(walk, at, true)?,
                    Some(b'[') => self.descend(walk, at, false)?,
                    Some(byte) => self.ascend(walk, at, *byte, row.may_be_empty(event))?,
                    None => return Err(Halt::Rest(at, Exit::Unknown)),
                }
            }
            from = base + BLOCK;
        }
        Ok(())
    }

    /// Goes on past the name at `at`, unless a rule might mean it.
    fn candidate(&self, walk: &Walk, at: usize) -> Result<(), Halt> {
        let waits = self.levels.last().is_some_and(|level| level.ease == Ease::ButNames);
        if !waits || !walk.object {
            return Ok(());
        }
        let stop = Halt::Rest(at, Exit::Unknown);
        let Some(rest) = walk.buf.get(at + 1..) else { return Err(stop) };
        let Some(length) = rest.iter().position(|byte| *byte == b'"') else { return Err(stop) };
        let (start, end) = (at, at + length + 2);
        let name = rest.get(..length).unwrap_or_default();
        if !walk.plan.positions().names().may_have(name) {
            return Ok(());
        }
        let value = lexer::skip_space(walk.buf, end + 1);
        let plain = name.iter().all(|byte| is_plain(*byte) && *byte != b'\\');
        if plain && walk.buf.get(end) == Some(&b':') {
            return Err(Halt::Name(Name { start, end, value, free: false }));
        }
        Err(stop)
    }

    /// Goes into the object or array that opens at `at`.
    fn descend(&mut self, walk: &mut Walk, at: usize, object: bool) -> Result<(), Halt> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(Halt::Rest(at, Exit::Unknown));
        }
        let level = self.next_level(walk.plan, object);
        if level.ease == Ease::Never {
            return Err(Halt::Open(at));
        }
        self.passed(walk, at);
        if self.drop.is_none() {
            self.states.extend_from_slice(&self.child);
        }
        self.levels.push(level);
        (walk.object, walk.uncounted) = (object, at + 1);
        Ok(())
    }

    /// The object or array that opens in the level at hand. Mostly its positions are the same as around it.
    #[inline]
    fn next_level(&mut self, plan: &Plan, object: bool) -> Level {
        // What no rule finds stays where it may stay at all: a walk goes nowhere else.
        self.rest = Rest::Stays;
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        let same = self.drop.is_none() && from == self.leaps.steady.as_slice();
        if let (true, [Some(array), Some(other)]) = (same, &self.leaps.inner) {
            self.child.copy_from_slice(from);
            return if object { other.clone() } else { array.clone() };
        }
        if self.drop.is_none() {
            positions.member(from, None, &mut self.child);
        }
        let steady = self.drop.is_none() && from == self.child;
        if steady {
            self.leaps.steady.clone_from(&self.child);
            self.leaps.inner = [false, true].map(|object| Some(self.level(plan, object)));
        }
        self.level(plan, object)
    }

    /// An object or array at the positions of the value to come.
    pub(super) fn level(&self, plan: &Plan, object: bool) -> Level {
        let stays = self.drop.is_none();
        let positions = plan.positions();
        let rest = self.rest;
        let careful = stays && (object || rest == Rest::Goes || positions.wants_elements(&self.child));
        let ease = match stays {
            true if rest == Rest::Goes || !positions.passes_others(&self.child, object) => Ease::Never,
            true if object && positions.wants_names(&self.child) => Ease::ButNames,
            true | false => Ease::All,
        };
        Level { object, bare: true, careful, rest, ease, index: 0 }
    }

    /// Goes out of the object or array that closes at `at`, which may be `empty`.
    fn ascend(&mut self, walk: &mut Walk, at: usize, byte: u8, empty: bool) -> Result<(), Halt> {
        let wrong = byte != if walk.object { b'}' } else { b']' };
        if wrong || (empty && !walk.is_empty(at)) {
            return Err(Halt::Rest(at, Exit::Unknown));
        }
        let outer = self.levels.len() - 1;
        if outer == 0 || self.drop == Some(outer) {
            return Err(Halt::Close(at));
        }
        self.levels.pop();
        if self.drop.is_none() {
            self.states.truncate(self.states.len() - walk.plan.positions().width());
        }
        let Some(level) = self.levels.last() else { return Err(Halt::Rest(at, Exit::Unknown)) };
        (walk.object, walk.uncounted) = (level.object, at + 1);
        if level.ease == Ease::Never { Err(Halt::Rest(at + 1, Exit::Unknown)) } else { Ok(()) }
    }
}

impl Walk<'_> {
    /// Whether nothing but white space is between the bracket at `at` and one that opens, in this walk.
    fn is_empty(&self, at: usize) -> bool {
        let inside = self.buf.get(self.from..at).unwrap_or_default();
        let last = inside.iter().rfind(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        matches!(last, Some(b'{' | b'['))
    }
}
