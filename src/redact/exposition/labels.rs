//! What leaves of the labels of one line.
//!
//! In: a line that was read and the verdict on its metric. Out: the line without what the rules and the safety net take
//! out, and with a label `redacted` where it would look like another series without.

use std::ops::Range;

use super::page::Page;
use super::sample::{Block, Label, Sample, Word};
use super::sheet::{Metric, Verdict};
use super::unique::{Full, Name, Print, Unique};
use super::{Means, count, named};
use crate::redact::net::{self, MASK};
use crate::redact::{Action, Report, write_instead};

/// A line to work on.
pub(super) struct Task<'a> {
    pub(super) means: Means<'a>,
    pub(super) verdict: &'a Verdict,
    pub(super) metric: Metric<'a>,
    /// How many lines were read anew, and how many verdicts were reached: while neither changes, labels and rules are as
    /// they were.
    pub(super) turn: (u64, u64),
    /// Whether it might hold a secret, or something that looks masked.
    pub(super) suspicious: bool,
    /// The line.
    pub(super) text: &'a [u8],
    /// Where it begins in the buffer.
    pub(super) start: usize,
}

/// What becomes of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// It gets the value that stands here among the new ones.
    Value(Range<usize>),
    Goes,
    /// It goes because its name is a secret.
    Torn,
}

/// What a label is by its name.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The place of what the verdict says of it.
    rule: Option<usize>,
    name: Name,
    /// Whether it is part of the value.
    of_value: bool,
}

/// The state between two lines.
#[derive(Default)]
pub(super) struct Labels {
    unique: Unique,
    turn: (u64, u64),
    /// What is known of each label of the line by its name.
    known: Vec<Known>,
    fates: Vec<Fate>,
    /// The new values.
    values: Vec<u8>,
    name: Vec<u8>,
    value: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Labels {
    /// Writes what leaves of the line to `page`.
    pub(super) fn take(
        &mut self,
        task: &Task<'_>,
        sample: &Sample,
        page: &mut Page<'_>,
        report: &mut Report,
    ) -> Result<(), Full> {
        self.fates.clear();
        self.values.clear();
        let mut print = Print::default();
        Unique::is(&mut print, self.unique.name(task.metric.whole()));
        let blocks = [&sample.block, &sample.exemplar].map(|block| block.as_ref());
        let [own, exemplar] = blocks.map(|block| block.map_or(&[][..], |block| sample.labels(block)));
        let compared = task.verdict.merges();
        let mut looks_masked = false;
        let known = self.known_of(task, own);
        for (label, known) in own.iter().zip(&known) {
            let fate = self.fate(task, label, known.rule, report);
            self.print(task, (label, known), &fate, &mut print);
            looks_masked |= task.suspicious && self.looks_masked(task, label, &fate);
            self.fates.push(fate);
        }
        self.known = known;
        for label in exemplar {
            let rule = self.rule_for(task, label);
            let fate = self.fate(task, label, rule, report);
            self.fates.push(fate);
        }
        // One that is torn could look like any other, also like one that nobody has looked at.
        let torn = self.fates.iter().take(own.len()).any(|fate| *fate == Fate::Torn);
        let another = torn || ((compared || looks_masked) && self.unique.is_taken(print)?);
        let extra = if another { self.extra(task, own) } else { Vec::new() };
        if let (None, false) = (blocks[0], extra.is_empty()) {
            let end = task.start + sample.name.end;
            page.replace(end..end, &[b"{", extra.as_slice(), b"}"].concat());
        }
        let mut rest = self.fates.as_slice();
        for (block, extra) in blocks.into_iter().zip([extra.as_slice(), b""]) {
            let Some(block) = block else { continue };
            let labels = sample.labels(block);
            let (fates, others) = rest.split_at(labels.len().min(rest.len()));
            rest = others;
            write(page, task.start, block, (labels, fates, &self.values), extra);
        }
        Ok(())
    }

    /// What is known of `labels` by their names; looked up where they or the verdict are other ones than before.
    fn known_of(&mut self, task: &Task<'_>, labels: &[Label]) -> Vec<Known> {
        let mut known = std::mem::take(&mut self.known);
        if self.turn != task.turn {
            self.turn = task.turn;
            known.clear();
            for label in labels {
                let rule = self.rule_for(task, label);
                let name = named(task.text, label.name, &mut self.name);
                known.push(Known { rule, name: self.unique.name(name), of_value: matches!(name, b"le" | b"quantile") });
            }
        }
        known
    }

    fn rule_for(&mut self, task: &Task<'_>, label: &Label) -> Option<usize> {
        let entry = task.means.0.entry(named(task.text, label.name, &mut self.name))?;
        task.verdict.labels.iter().position(|(place, ..)| *place == entry)
    }

    /// What becomes of `label`, and whose doing that is.
    fn fate(&mut self, task: &Task<'_>, label: &Label, rule: Option<usize>, report: &mut Report) -> Fate {
        let Some((_, action, rules)) = rule.and_then(|rule| task.verdict.labels.get(rule)) else {
            return if task.suspicious { self.guarded(task, label, report) } else { Fate::Stays };
        };
        count(rules, report);
        let start = self.values.len();
        match action {
            Action::Remove => Fate::Goes,
            // A label without a value is none.
            _ if label.value.start == label.value.end => Fate::Stays,
            Action::Null | Action::Mask | Action::Pseudonym | Action::TruncateIp | Action::Keep => {
                let value = named(task.text, label.value, &mut self.value);
                write_instead(*action, value, task.means.1, &mut self.values);
                Fate::Value(start..self.values.len())
            }
        }
    }

    /// The safety net over a label that no rule is about.
    fn guarded(&mut self, task: &Task<'_>, label: &Label, report: &mut Report) -> Fate {
        net::find(label.name.of(task.text), &mut self.spans);
        if !self.spans.is_empty() {
            // A name cannot be masked.
            report.masked += 1;
            return Fate::Torn;
        }
        // As it is spelled: no escape stands for anything that secrets are made of.
        let value = label.value.of(task.text);
        net::find(value, &mut self.spans);
        if self.spans.is_empty() {
            return Fate::Stays;
        }
        report.masked += self.spans.len() as u64;
        let start = self.values.len();
        net::write_masked(value, &self.spans, &mut self.values);
        Fate::Value(start..self.values.len())
    }

    /// Adds a label to what the series is told apart by; `le` and `quantile` are part of the value.
    fn print(&mut self, task: &Task<'_>, (label, known): (&Label, &Known), fate: &Fate, print: &mut Print) {
        let value = named(task.text, label.value, &mut self.value);
        match fate {
            Fate::Stays if known.of_value => {}
            Fate::Stays => self.unique.leave(print, known.name, value),
            Fate::Goes | Fate::Torn => self.unique.take(print, known.name, value),
            Fate::Value(new) => {
                self.unique.take(print, known.name, value);
                self.unique.leave(print, known.name, self.values.get(new.clone()).unwrap_or_default());
            }
        }
    }

    /// Whether something in the label looks masked: then another series might look the same.
    fn looks_masked(&self, task: &Task<'_>, label: &Label, fate: &Fate) -> bool {
        let value = match fate {
            Fate::Goes | Fate::Torn => return false,
            Fate::Stays => label.value.of(task.text),
            Fate::Value(new) => self.values.get(new.clone()).unwrap_or_default(),
        };
        memchr::memmem::find(value, MASK).is_some()
    }

    /// The label that tells the series from another one that looks the same: of what was taken out.
    fn extra(&self, task: &Task<'_>, own: &[Label]) -> Vec<u8> {
        let gone = own.iter().zip(&self.fates).filter(|(_, fate)| **fate != Fate::Stays).map(|(label, _)| label);
        let mut gone: Vec<(&[u8], &[u8])> =
            gone.map(|label| (label.name.of(task.text), label.value.of(task.text))).collect();
        gone.sort_unstable();
        let gone: Vec<Vec<u8>> = gone.iter().map(|(name, value)| [name, &b"=\""[..], value, b"\""].concat()).collect();
        let mut name = b"redacted".to_vec();
        while own.iter().any(|label| label.name.of(task.text) == name) {
            name.push(b'_');
        }
        let mut extra = [&name[..], b"=\""].concat();
        extra.extend_from_slice(task.means.1.of(&gone.join(&b',')).as_str().as_bytes());
        extra.push(b'"');
        extra
    }
}

/// Writes what leaves of a block, `extra` behind the last label that stays.
fn write(
    page: &mut Page<'_>,
    start: usize,
    block: &Block,
    (labels, fates, values): (&[Label], &[Fate], &[u8]),
    extra: &[u8],
) {
    let at = |range: Range<usize>| start + range.start..start + range.end;
    let last = fates.iter().rposition(|fate| !matches!(fate, Fate::Goes | Fate::Torn));
    let add = |page: &mut Page<'_>, place: usize, comma: &[u8]| {
        if !extra.is_empty() {
            page.replace(at(place..place), &[comma, extra].concat());
        }
    };
    if last.is_none() {
        add(page, block.open, if block.named { b"," } else { b"" });
    }
    let mut kept = block.named;
    for (number, (label, fate)) in labels.iter().zip(fates).enumerate() {
        match fate {
            Fate::Stays => kept = true,
            Fate::Value(new) => {
                kept = true;
                page.replace(at(Word::range(label.value)), values.get(new.clone()).unwrap_or_default());
            }
            Fate::Goes | Fate::Torn if kept => page.replace(at(label.before..label.end), b""),
            Fate::Goes | Fate::Torn => page.replace(at(label.start..label.after), b""),
        }
        if last == Some(number) {
            add(page, label.end, b",");
        }
    }
}
