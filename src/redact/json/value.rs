//! What happens to a value, once the rules have spoken.

use std::ops::Range;

use super::parts::Of;
use super::{Awaited, Fate, Flow, MAX_NUMBER, MAX_STRING, Machine, Partial, Pass, Place, Waiting};
use crate::redact::Action;
use crate::redact::error::{RedactErrorKind, Stop};
use crate::redact::lexer::{self, Scan};
use crate::redact::net::MASK;
use crate::redact::plan::Plan;
use crate::redact::write_instead;

impl Machine {
    /// The value that begins with `byte`, where the pass is.
    pub(super) fn value(&mut self, plan: &Plan, pass: &mut Pass, byte: u8) -> Result<Flow, Stop> {
        if !matches!(byte, b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
            return Err(Stop::new(RedactErrorKind::Syntax, pass.at));
        }
        if let Some(waiting) = self.waiting.take() {
            self.settle(plan, pass, &waiting, byte);
        }
        self.replace(pass, byte);
        let end = match byte {
            b'{' | b'[' => return self.open(plan, pass, byte == b'{'),
            b'"' => return self.string(plan, pass),
            b't' => lexer::word(pass.buf, pass.at, b"true")?,
            b'f' => lexer::word(pass.buf, pass.at, b"false")?,
            b'n' => lexer::word(pass.buf, pass.at, b"null")?,
            _ => {
                let window = pass.window(pass.at, MAX_NUMBER);
                match lexer::number(window, pass.at)? {
                    Scan::More(_) if window.len() == pass.at + MAX_NUMBER => {
                        return Err(Stop::new(RedactErrorKind::TooLong, pass.at));
                    }
                    scan @ (Scan::More(_) | Scan::End(_)) => scan,
                }
            }
        };
        match end {
            Scan::End(end) => {
                pass.at = end;
                self.value_done(pass);
                Ok(Flow::On)
            }
            Scan::More(_) => Ok(Flow::Out),
        }
    }

    /// Decides on a child that waits, now that its value begins with `first`.
    fn settle(&mut self, plan: &Plan, pass: &mut Pass, waiting: &Waiting, first: u8) {
        let held = pass.held.take().unwrap_or(pass.at);
        let stays = match waiting.awaited {
            Awaited::Container => matches!(first, b'{' | b'['),
            Awaited::NoText => first != b'"',
        };
        if !stays {
            self.leave_out(pass, held);
            return;
        }
        self.stay();
        let name = &waiting.name;
        self.named(plan, pass, &(held + name.start..held + name.end), waiting.escaped);
    }

    /// Writes what stands in the place of the value that begins with `first`, when the text of it does not matter.
    fn replace(&mut self, pass: &mut Pass, first: u8) {
        let action = match self.fate {
            Some(Fate::All(Action::Pseudonym | Action::TruncateIp) | Fate::Parts(_)) if first == b'"' => return,
            Some(Fate::All(action)) => Some(action),
            Some(Fate::Parts(other)) => other,
            None => return,
        };
        self.fate = None;
        if let Some(action) = action {
            pass.emit(pass.at);
            pass.out.extend_from_slice(replacement(action, first));
            self.drop = Some(self.levels.len());
        }
    }

    fn string(&mut self, plan: &Plan, pass: &mut Pass) -> Result<Flow, Stop> {
        let start = pass.at;
        if self.drop.is_some() {
            pass.at += 1;
            self.place = Place::Dropped;
            return self.dropped(pass);
        }
        let mut partial = std::mem::take(&mut self.partial);
        let window = pass.window(start, MAX_STRING);
        match lexer::string(window, start + partial.done.max(1), &mut partial.escaped)? {
            Scan::More(at) if window.len() == start + MAX_STRING => {
                self.report.masked += 1;
                self.fate = None;
                pass.emit(start + 1);
                pass.out.extend_from_slice(MASK);
                pass.out.push(b'"');
                pass.at = at;
                self.drop = Some(self.levels.len());
                self.place = Place::Dropped;
                Ok(Flow::On)
            }
            Scan::More(at) => {
                self.partial = Partial { done: at - start, ..partial };
                Ok(Flow::Out)
            }
            Scan::End(end) => {
                pass.at = end;
                let inside = start + 1..end - 1;
                match self.fate.take() {
                    Some(Fate::All(action)) => self.rename(pass, &inside, action, partial.escaped),
                    Some(Fate::Parts(_)) => self.partly(plan, pass, (&inside, partial.escaped), Of::Text),
                    None => self.guarded(pass, &inside, partial.escaped),
                }
                self.value_done(pass);
                Ok(Flow::On)
            }
        }
    }

    /// Writes what stands for the text at `inside`. What cannot be read is masked.
    fn rename(&mut self, pass: &mut Pass, inside: &Range<usize>, action: Action, escaped: bool) {
        pass.emit(inside.start);
        pass.from = inside.end;
        let raw = pass.buf.get(inside.clone()).unwrap_or_default();
        let text = if escaped { self.guard.unescape(raw) } else { Some(raw) };
        match text {
            Some(text) => write_instead(action, text, pass.pseudonyms, pass.out),
            None => pass.out.extend_from_slice(MASK),
        }
    }

    /// Goes on with a string that does not leave.
    pub(super) fn dropped(&mut self, pass: &mut Pass) -> Result<Flow, Stop> {
        match lexer::string(pass.buf, pass.at, &mut false)? {
            Scan::More(at) => {
                pass.at = at;
                Ok(Flow::Out)
            }
            Scan::End(end) => {
                pass.at = end;
                self.value_done(pass);
                Ok(Flow::On)
            }
        }
    }
}

/// What stands in the place of a value that begins with `first`.
fn replacement(action: Action, first: u8) -> &'static [u8] {
    match (action, first) {
        (Action::Null | Action::Remove, _) | (_, b'n') => b"null",
        (_, b'"') => b"\"[redacted]\"",
        (_, b'{') => b"{}",
        (_, b'[') => b"[]",
        (_, b't' | b'f') => b"false",
        (_, _) => b"0",
    }
}
