//! The machine for pages of metrics: the text format of Prometheus and `OpenMetrics`, line by line.
//!
//! In: buffers that begin where the last one was used up to. Out: the page without what the rules name. A line is taken
//! apart only when it has arrived whole, so how the body was cut changes nothing. What is not certain to be a page of
//! metrics to all of its readers is an error: to one of them, what was taken out might stand in it.
//!
//! Lines about a family (`HELP`, `TYPE`, `UNIT`) wait for its first sample: they leave with it or not at all.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use super::error::{RedactErrorKind, Stop};
use super::net::{self, AT_SIGN, MASK, TOKEN, Watch};
use super::{Pseudonyms, Report};
use comment::{About, Comment};
use labels::{Labels, Task};
use page::Page;
use sample::{Sample, Word};
use sheet::{Metric, Topic, Verdict};
use unique::Full;

mod comment;
mod glob;
mod labels;
mod page;
mod sample;
mod sheet;
mod spelling;
mod unique;

pub(super) use sheet::Sheet;
pub use sheet::{Series, SeriesRule};

/// The longest line, in bytes; also what lines about one family may take that wait for a sample.
const MAX_LINE: usize = 1 << 20;

/// What the rules say, and what makes pseudonyms.
type Means<'a> = (&'a Sheet, &'a Pseudonyms);

/// The state between two buffers.
pub(super) struct Machine {
    /// Whether the page has to say where it ends.
    open_metrics: bool,
    /// Whether it has said so.
    ended: bool,
    /// Bytes at the beginning of the next buffer that were read already: lines that are held.
    held: usize,
    /// Bytes behind them in which no line ends.
    seen: usize,
    /// The family that the last lines were about.
    topic: Topic,
    /// The metric of the last line with a value, and what becomes of it.
    last: (Vec<u8>, Verdict),
    /// How many verdicts there were.
    verdicts: u64,
    sample: Sample,
    name: Vec<u8>,
    spans: Vec<Range<usize>>,
    labels: Labels,
    watches: Watches,
    report: Report,
}

/// What is looked for in a whole buffer, rather than in each line.
struct Watches {
    tokens: Watch,
    at_signs: Watch,
    masks: Watch,
}

static MASKED: std::sync::LazyLock<Finder> = std::sync::LazyLock::new(|| Finder::new(MASK));

impl Machine {
    pub(super) fn new(sheet: &Sheet) -> Self {
        let watches =
            Watches { tokens: Watch::new(&TOKEN), at_signs: Watch::new(&AT_SIGN), masks: Watch::new(&MASKED) };
        Self {
            open_metrics: false,
            ended: false,
            held: 0,
            seen: 0,
            topic: Topic::default(),
            last: (Vec::new(), Verdict::default()),
            verdicts: 0,
            sample: Sample::default(),
            name: Vec::new(),
            spans: Vec::new(),
            labels: Labels::default(),
            watches,
            report: Report { hits: vec![0; sheet.words().len()], masked: 0 },
        }
    }

    /// From now on a body that does not say where it ends is cut off.
    pub(super) fn expect_end(&mut self) {
        self.open_metrics = true;
    }

    /// Takes a buffer whose first bytes are those that the last call left; says how many were used.
    pub(super) fn run(&mut self, means: Means<'_>, buf: &[u8], out: &mut Vec<u8>) -> Result<usize, Stop> {
        let Some(last) = memrchr(b'\n', buf.get(self.held + self.seen..).unwrap_or_default()) else {
            return self.wait(buf, self.held).map(|()| 0);
        };
        let (mut at, end) = (self.held, self.held + self.seen + last + 1);
        let mut page = Page::new(buf, out);
        page.held = (self.held > 0).then_some(0);
        self.watches.restart();
        let bad = unsound(page.text(at..end)).map(|place| at + place);
        let first = at;
        for newline in memchr_iter(b'\n', page.text(at..end)).map(|place| first + place) {
            self.bounded(at..newline, bad)?;
            self.line(means, &mut page, at..newline)?;
            at = newline + 1;
        }
        let used = page.finish(end);
        self.held = end - used;
        self.wait(buf, end)?;
        Ok(used)
    }

    /// The end of the body, with what was not used.
    pub(super) fn finish(mut self, means: Means<'_>, left: &[u8], out: &mut Vec<u8>) -> Result<Report, Stop> {
        let mut page = Page::new(left, out);
        page.held = (self.held > 0).then_some(0);
        match left.get(self.held..).unwrap_or_default() {
            b"" => {}
            b"# EOF" => self.line(means, &mut page, self.held..left.len())?,
            _ => return Err(Stop::new(RedactErrorKind::Truncated, self.held)),
        }
        page.settle(self.topic.leaves, self.held);
        let end = page.finish(left.len());
        if self.open_metrics && !self.ended {
            return Err(Stop::new(RedactErrorKind::Truncated, end));
        }
        Ok(self.report)
    }

    /// What begins at `start` is no whole line yet.
    fn wait(&mut self, buf: &[u8], start: usize) -> Result<(), Stop> {
        self.seen = buf.len() - start;
        if self.seen == 0 { Ok(()) } else { self.bounded(start..buf.len(), None) }
    }

    /// Whether there may be a line, not too long and without the byte at `bad`.
    fn bounded(&self, line: Range<usize>, bad: Option<usize>) -> Result<(), Stop> {
        if self.ended {
            return Err(Stop::new(RedactErrorKind::Trailing, line.start));
        }
        if line.len() > MAX_LINE {
            return Err(Stop::new(RedactErrorKind::TooLong, line.start));
        }
        match bad {
            Some(bad) if bad < line.end => Err(Stop::new(RedactErrorKind::Encoding, bad)),
            Some(_) | None => Ok(()),
        }
    }

    fn line(&mut self, means: Means<'_>, page: &mut Page<'_>, line: Range<usize>) -> Result<(), Stop> {
        let text = page.text(line.clone());
        match text.iter().find(|byte| !matches!(byte, b' ' | b'\t')) {
            Some(b'#') => self.comment(means.0, page, line),
            Some(_) => self.sample(means, page, line),
            None => {
                page.settle(self.topic.leaves, line.start);
                Ok(())
            }
        }
    }

    fn comment(&mut self, sheet: &Sheet, page: &mut Page<'_>, line: Range<usize>) -> Result<(), Stop> {
        let text = page.text(line.clone());
        match comment::read(text).map_err(|at| Stop::new(RedactErrorKind::Syntax, line.start + at))? {
            Comment::About(about) => {
                self.begin(sheet, page, (text, &about), line.start);
                self.guard(page, (text, &about), line);
            }
            Comment::End => {
                page.settle(self.topic.leaves, line.start);
                self.ended = true;
            }
            Comment::Other => {
                page.settle(self.topic.leaves, line.start);
                page.drop_line(line);
            }
        }
        Ok(())
    }

    /// A line about a family begins at `start`.
    fn begin(&mut self, sheet: &Sheet, page: &mut Page<'_>, (text, about): (&[u8], &About), start: usize) {
        let name = named(text, about.family, &mut self.name);
        if name != self.topic.family {
            page.settle(self.topic.leaves, start);
            self.topic.begin(name, sheet.tells(name));
        }
        if let Some(kind) = about.kind {
            self.topic.is_a(kind.of(text));
        }
        self.last.0.clear();
        let held = *page.held.get_or_insert(start);
        // A page that talks and talks about a family and never shows it.
        if start - held > MAX_LINE {
            page.settle(self.topic.leaves, start);
            page.held = Some(start);
        }
    }

    /// The safety net over a line about a family.
    fn guard(&mut self, page: &mut Page<'_>, (text, about): (&[u8], &About), line: Range<usize>) {
        if !self.watches.are_in(page.buf, &line, text) {
            return;
        }
        net::find(about.family.of(text), &mut self.spans);
        let named = !self.spans.is_empty();
        if !named {
            net::find(about.says.of(text), &mut self.spans);
        }
        if self.spans.is_empty() {
            return;
        }
        self.report.masked += self.spans.len() as u64;
        page.settle(self.topic.leaves, line.start);
        if named || !self.topic.leaves {
            // A name cannot be masked, and what waits for a sample leaves as it is.
            page.drop_line(line);
            return;
        }
        let start = line.start + about.says.start;
        for span in &self.spans {
            page.replace(start + span.start..start + span.end, MASK);
        }
    }

    fn sample(&mut self, means: Means<'_>, page: &mut Page<'_>, line: Range<usize>) -> Result<(), Stop> {
        let text = page.text(line.clone());
        if let Err(at) = self.sample.read(text) {
            let kind = if self.sample.is_full() { RedactErrorKind::TooMany } else { RedactErrorKind::Syntax };
            return Err(Stop::new(kind, line.start + at));
        }
        let name = named(text, self.sample.name, &mut self.name);
        let metric = Metric::new(name, &self.topic);
        let (last, verdict) = &mut self.last;
        if name != last {
            *verdict = means.0.verdict(metric);
            self.verdicts += 1;
            last.clear();
            last.extend_from_slice(name);
        }
        let suspicious = self.watches.are_in(page.buf, &line, text);
        let named = suspicious && {
            net::find(name, &mut self.spans);
            !self.spans.is_empty()
        };
        let stays = verdict.out.is_empty() && !named;
        page.settle(if metric.family.is_some() { stays } else { self.topic.leaves }, line.start);
        if !stays {
            count(&verdict.out, &mut self.report);
            // A name cannot be masked.
            self.report.masked += u64::from(verdict.out.is_empty());
            page.drop_line(line);
            return Ok(());
        }
        if !suspicious && verdict.labels.is_empty() {
            return Ok(());
        }
        let turn = (self.sample.turn, self.verdicts);
        let task = Task { means, verdict, metric, turn, suspicious, text, start: line.start };
        let taken = self.labels.take(&task, &self.sample, page, &mut self.report);
        taken.map_err(|Full| Stop::new(RedactErrorKind::TooMany, line.start))
    }
}

impl Watches {
    fn restart(&mut self) {
        self.tokens.restart();
        self.at_signs.restart();
        self.masks.restart();
    }

    /// Whether `line`, whose text is `text`, might hold a secret, or has something in it that looks masked already.
    fn are_in(&mut self, buf: &[u8], line: &Range<usize>, text: &[u8]) -> bool {
        self.at_signs.is_in(buf, line)
            || self.tokens.is_in(buf, line)
            || self.masks.is_in(buf, line)
            || net::has_seed_run(text)
    }
}

/// Counts each of `rules`.
fn count(rules: &[usize], report: &mut Report) {
    for rule in rules {
        report.hits.get_mut(*rule).into_iter().for_each(|hits| *hits += 1);
    }
}

/// The first byte that no page of metrics has: NUL, or one that is not UTF-8.
fn unsound(text: &[u8]) -> Option<usize> {
    let wrong = std::str::from_utf8(text).err().map(|fault| fault.valid_up_to());
    // Some readers take a NUL for the end.
    memchr(0, text).into_iter().chain(wrong).min()
}

/// The name that `word` spells in `line`.
#[inline]
fn named<'a>(line: &'a [u8], word: Word, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if !word.escaped {
        return word.of(line);
    }
    unescape(word.of(line), buffer);
    buffer
}

/// Writes what `raw` stands for to `text`. A backslash before anything but itself, a quote and `n` is itself.
fn unescape(raw: &[u8], text: &mut Vec<u8>) {
    text.clear();
    let mut rest = raw;
    while let Some(plain) = memchr(b'\\', rest) {
        text.extend_from_slice(rest.get(..plain).unwrap_or_default());
        match rest.get(plain + 1) {
            Some(b'n') => text.push(b'\n'),
            Some(byte @ (b'\\' | b'"')) => text.push(*byte),
            other => {
                text.push(b'\\');
                text.extend(other);
            }
        }
        rest = rest.get(plain + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}
