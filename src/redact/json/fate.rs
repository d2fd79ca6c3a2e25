//! What happens to a member or an element, once the grammar has found it.

use std::ops::Range;

use super::{Awaited, Fate, Machine, Pass, Place, Rest, Waiting};
use crate::redact::Action;
use crate::redact::error::{RedactErrorKind, Stop};
use crate::redact::net::write_masked;
use crate::redact::plan::Plan;

/// What the rules say of a child before its value is seen.
enum Verdict {
    Stays,
    Goes,
    /// Its value decides.
    Waits(Awaited),
}

impl Machine {
    /// Decides on the member whose name begins at `start` and ends where the pass is.
    pub(super) fn member(&mut self, plan: &Plan, pass: &mut Pass, start: usize, escaped: bool) -> Result<(), Stop> {
        let held = pass.held.take().unwrap_or(start);
        if self.drop.is_some() {
            return Ok(());
        }
        let inside = start + 1..pass.at - 1;
        let raw = pass.buf.get(inside.clone()).unwrap_or_default();
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        let lone = Stop::new(RedactErrorKind::LoneSurrogate, start);
        let name = if escaped { self.guard.unescape(raw).ok_or(lone)? } else { raw };
        let waits = escaped || positions.wants_names(from);
        let taken = waits.then(|| positions.names().find(name)).flatten();
        positions.member(from, taken, &mut self.child);
        if taken.is_some() {
            positions.as_spelled(from, name, &mut self.child);
        }
        self.admit(plan, pass, held, (&inside, escaped));
        Ok(())
    }

    /// Asks about the member whose name has this inside; writes the name if it stays.
    fn admit(&mut self, plan: &Plan, pass: &mut Pass, held: usize, (inside, escaped): (&Range<usize>, bool)) {
        match self.decide(plan, pass, held, Some((inside, escaped))) {
            Verdict::Stays => self.named(plan, pass, inside, escaped),
            Verdict::Goes => {}
            Verdict::Waits(awaited) => {
                self.waiting = Some(Waiting { awaited, name: inside.start - held..inside.end - held, escaped });
            }
        }
    }

    /// As [`Self::member`], for a name all of plain letters in a level that stays.
    pub(super) fn plain_member(&mut self, plan: &Plan, pass: &mut Pass, start: usize) {
        let held = pass.held.take().unwrap_or(start);
        let inside = start + 1..pass.at - 1;
        let raw = pass.buf.get(inside.clone()).unwrap_or_default();
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        let taken = positions.names().find_plain(raw);
        positions.member(from, taken, &mut self.child);
        if taken.is_some() {
            positions.as_spelled(from, raw, &mut self.child);
        }
        self.admit(plan, pass, held, (&inside, false));
    }

    /// Goes on to the next element, whose bytes (with what separates it) begin at `held`.
    pub(super) fn element(&mut self, plan: &Plan, pass: &mut Pass, held: usize) {
        self.place = Place::Value;
        pass.held = None;
        let (None, Some(level)) = (self.drop, self.levels.last()) else { return };
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        positions.element(from, level.index, &mut self.child);
        if level.careful
            && let Verdict::Waits(awaited) = self.decide(plan, pass, held, None)
        {
            self.waiting = Some(Waiting { awaited, name: 0..0, escaped: false });
        }
    }

    /// Asks the rules about the child at hand, whose bytes begin at `held`; `name` is the inside of its name and whether it
    /// has escapes.
    fn decide(&mut self, plan: &Plan, pass: &mut Pass, held: usize, name: Option<(&Range<usize>, bool)>) -> Verdict {
        let positions = plan.positions();
        let said = positions.said(&self.child, &mut self.report.hits);
        let around = self.levels.last().map_or(Rest::Stays, |level| level.rest);
        self.rest = if said.kept { Rest::Stays } else { around };
        let stays = self.rest == Rest::Stays;
        self.renamed = said.named && name.is_some();
        let raw = |name: &Range<usize>| pass.buf.get(name.clone()).unwrap_or_default();
        let goes = said.named && name.is_some_and(|(name, escaped)| self.name_goes(plan, raw(name), escaped));
        if goes || said.action == Some(Action::Remove) || !(stays || positions.leads_on(&self.child)) {
            self.leave_out(pass, held);
            return Verdict::Goes;
        }
        self.fate = match (said.action, said.text) {
            (Some(action), text) => Some(Fate::All(text.map_or(action, |text| text.min(action)))),
            (None, Some(_)) => Some(Fate::Parts(said.no_text)),
            (None, None) => None,
        };
        let awaited = match (stays, said.text_goes) {
            (false, _) => Awaited::Container,
            (true, true) => Awaited::NoText,
            (true, false) => {
                self.stay();
                return Verdict::Stays;
            }
        };
        pass.held = Some(held);
        Verdict::Waits(awaited)
    }

    /// The child at hand goes, from `held` on.
    pub(super) fn leave_out(&mut self, pass: &mut Pass, held: usize) {
        self.fate = None;
        pass.emit(held);
        self.drop = Some(self.levels.len());
    }

    /// The child at hand stays.
    pub(super) fn stay(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.bare = false;
        }
    }

    /// Masks what the safety net finds in the string whose inside is `inside`.
    pub(super) fn guarded(&mut self, pass: &mut Pass, inside: &Range<usize>, escaped: bool) {
        let spans = self.guard.secrets(pass.buf, inside, escaped);
        if !spans.is_empty() {
            self.report.masked += spans.len() as u64;
            pass.emit(inside.start);
            write_masked(pass.buf.get(inside.clone()).unwrap_or_default(), spans, pass.out);
            pass.from = inside.end;
        }
    }
}
