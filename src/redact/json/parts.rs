//! Parts of names and of texts: what rules mean of them is written anew, the rest stays as it is spelled.

use std::ops::Range;

use super::{Machine, Pass};
use crate::redact::form::Reading;
use crate::redact::net::MASK;
use crate::redact::plan::Plan;
use crate::redact::unescape::spelled;
use crate::redact::{Action, Part, Pseudonyms, net, write_instead};

/// What is meant of one name or text.
#[derive(Default)]
pub(super) struct Parts {
    /// In order, without overlaps.
    marks: Vec<Mark>,
    spans: Vec<Range<usize>>,
}

/// A part, and what happens to it.
struct Mark {
    span: Range<usize>,
    action: Action,
}

/// Whether the inside of quotes is a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Name,
    Text,
}

impl Machine {
    /// Whether a rule about the name `raw` of the member at hand takes the member out.
    pub(super) fn name_goes(&mut self, plan: &Plan, raw: &[u8], escaped: bool) -> bool {
        let Self { guard, parts, child, .. } = self;
        let text = if escaped { guard.unescape(raw) } else { Some(raw) };
        let mut rules = plan.positions().about_name(child).filter_map(|rule| plan.rules().get(rule));
        rules.any(|rule| {
            let (Action::Remove, Part::Name(forms), Some(text)) = (rule.action, &rule.part, text) else { return false };
            parts.spans.clear();
            forms.read(text, &mut parts.spans) == Reading::Whole || !parts.spans.is_empty()
        })
    }

    /// Writes the name of the member at hand, whose inside is `inside`.
    pub(super) fn named(&mut self, plan: &Plan, pass: &mut Pass, inside: &Range<usize>, escaped: bool) {
        if self.renamed {
            self.partly(plan, pass, (inside, escaped), Of::Name);
        } else {
            self.guarded(pass, inside, escaped);
        }
    }

    /// Writes the name or text whose inside is given, and instead of what is meant of it what the rules say.
    pub(super) fn partly(&mut self, plan: &Plan, pass: &mut Pass, (inside, escaped): (&Range<usize>, bool), of: Of) {
        pass.emit(inside.start);
        pass.from = inside.end;
        let raw = pass.buf.get(inside.clone()).unwrap_or_default();
        let Self { guard, parts, child, report, .. } = self;
        let Some(text) = (if escaped { guard.unescape(raw) } else { Some(raw) }) else {
            pass.out.extend_from_slice(MASK);
            return;
        };
        if let Some(action) = parts.read(plan, child, text, of) {
            write_instead(action, text, pass.pseudonyms, pass.out);
            return;
        }
        report.masked += parts.guard(text);
        parts.write((raw, text, escaped), pass.pseudonyms, pass.out);
    }
}

impl Parts {
    /// Asks the rules what is meant of `text`; says what happens to all of it, if so.
    fn read(&mut self, plan: &Plan, child: &[u64], text: &[u8], of: Of) -> Option<Action> {
        self.marks.clear();
        let (mut strictest, mut whole) = (Action::Keep, false);
        let positions = plan.positions();
        let (names, texts) = match of {
            Of::Name => (Some(positions.about_name(child)), None),
            Of::Text => (None, Some(positions.about_text(child))),
        };
        let rules = names.into_iter().flatten().chain(texts.into_iter().flatten());
        for rule in rules.filter_map(|rule| plan.rules().get(rule)) {
            let (Part::Name(forms) | Part::Text(forms)) = &rule.part else { continue };
            let action = if of == Of::Name { Action::Pseudonym } else { rule.action };
            self.spans.clear();
            whole |= forms.read(text, &mut self.spans) == Reading::Whole;
            strictest = strictest.min(action);
            self.marks.extend(self.spans.drain(..).map(|span| Mark { span, action }));
        }
        whole.then_some(strictest)
    }

    /// Adds what the safety net finds; says how much that is.
    fn guard(&mut self, text: &[u8]) -> u64 {
        self.spans.clear();
        if net::is_suspicious(text) {
            net::find(text, &mut self.spans);
        }
        self.marks.extend(self.spans.iter().map(|span| Mark { span: span.clone(), action: Action::Mask }));
        self.spans.len() as u64
    }

    /// Joins what overlaps: the strictest action acts on all of it.
    fn join(&mut self) {
        self.marks.sort_unstable_by_key(|mark| (mark.span.start, mark.span.end));
        self.marks.dedup_by(|next, mark| {
            let joined = next.span.start < mark.span.end;
            if joined {
                mark.span.end = mark.span.end.max(next.span.end);
                mark.action = mark.action.min(next.action);
            }
            joined
        });
    }

    /// Writes `raw`, the spelling of `text`, with something else in the place of each part.
    fn write(&mut self, (raw, text, escaped): (&[u8], &[u8], bool), pseudonyms: &Pseudonyms, out: &mut Vec<u8>) {
        self.join();
        self.spans.clear();
        self.spans.extend(self.marks.iter().map(|mark| mark.span.clone()));
        if escaped {
            spelled(raw, &mut self.spans);
        }
        let mut from = 0;
        for (mark, span) in self.marks.iter().zip(&self.spans) {
            out.extend_from_slice(raw.get(from..span.start).unwrap_or_default());
            write_instead(mark.action, text.get(mark.span.clone()).unwrap_or_default(), pseudonyms, out);
            from = span.end;
        }
        out.extend_from_slice(raw.get(from..).unwrap_or_default());
    }
}
