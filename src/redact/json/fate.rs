//! What happens to a member, an element or a string, once the grammar has found it.

use std::ops::Range;

use super::{Machine, Pass, Place};
use crate::redact::Action;
use crate::redact::error::{RedactErrorKind, Stop};
use crate::redact::net::write_masked;
use crate::redact::plan::Plan;

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
        let mut taken = None;
        if escaped {
            let lone = Stop::new(RedactErrorKind::LoneSurrogate, start);
            taken = positions.names().find(self.guard.unescape(raw).ok_or(lone)?);
        } else if positions.wants_names(from) {
            taken = positions.names().find(raw);
        }
        positions.member(from, taken, &mut self.child);
        if self.decide(plan, pass, held) {
            self.guarded(pass, &inside, escaped);
        }
        Ok(())
    }

    /// As [`Self::member`], for a name all of plain letters in a level that stays.
    pub(super) fn plain_member(&mut self, plan: &Plan, pass: &mut Pass, start: usize) {
        let held = pass.held.take().unwrap_or(start);
        let inside = start + 1..pass.at - 1;
        let raw = pass.buf.get(inside.clone()).unwrap_or_default();
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        positions.member(from, positions.names().find_plain(raw), &mut self.child);
        if self.decide(plan, pass, held) {
            self.guarded(pass, &inside, false);
        }
    }

    /// Goes on to the next element, whose bytes (with what separates it) begin at `held`.
    pub(super) fn element(&mut self, plan: &Plan, pass: &mut Pass, held: usize) {
        self.place = Place::Value;
        pass.held = None;
        let (None, Some(level)) = (self.drop, self.levels.last()) else { return };
        let positions = plan.positions();
        let from = self.states.get(self.states.len() - positions.width()..).unwrap_or_default();
        positions.element(from, level.index, &mut self.child);
        if level.careful {
            self.decide(plan, pass, held);
        }
    }

    /// Asks the rules about the child at hand, whose bytes begin at `held`; whether it stays.
    fn decide(&mut self, plan: &Plan, pass: &mut Pass, held: usize) -> bool {
        self.fate = plan.positions().action(&self.child);
        if self.fate.is_some() {
            plan.positions().count(&self.child, &mut self.report.hits);
        }
        if self.fate == Some(Action::Remove) {
            self.fate = None;
            pass.emit(held);
            self.drop = Some(self.levels.len());
            return false;
        }
        if let Some(level) = self.levels.last_mut() {
            level.bare = false;
        }
        true
    }

    /// Writes what stands in the place of the value that begins with `first`, when it is to be replaced.
    pub(super) fn replace(&mut self, pass: &mut Pass, first: u8) {
        if let Some(action) = self.fate.take() {
            pass.emit(pass.at);
            pass.out.extend_from_slice(replacement(action, first));
            self.drop = Some(self.levels.len());
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

/// What stands in the place of a value that begins with `first`.
fn replacement(action: Action, first: u8) -> &'static [u8] {
    match (action, first) {
        (Action::Mask, b'"') => b"\"[redacted]\"",
        (Action::Mask, b'{') => b"{}",
        (Action::Mask, b'[') => b"[]",
        (Action::Mask, b't' | b'f') => b"false",
        (Action::Mask, b'-' | b'0'..=b'9') => b"0",
        (Action::Mask | Action::Null | Action::Remove, _) => b"null",
    }
}
