//! The grammar of one line with a value.
//!
//! In: a line without its line feed. Out: where name, labels and exemplar stand, or where the line is wrong. It is the
//! text format 0.0.4 and 1.0.0 of Prometheus and `OpenMetrics` 1.0 together; what any of their readers could take in two
//! ways is wrong: a metric named in the middle of its labels or by `__name__`, a name with an unknown escape.

use std::ops::Range;

/// The most labels of one line, an exemplar's included.
const MAX_LABELS: usize = 1024;

/// One line, by places in it.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// The metric's name, without quotes.
    pub(super) name: Word,
    /// The labels of the metric, then those of the exemplar.
    labels: Vec<Label>,
    /// Those of the metric.
    pub(super) block: Option<Block>,
    /// Those of the exemplar.
    pub(super) exemplar: Option<Block>,
}

/// What stands between two braces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    /// Behind what no rule takes out: the brace, or the quoted name of the metric.
    pub(super) open: usize,
    /// Whether that is the name of the metric.
    pub(super) named: bool,
    first: usize,
    count: usize,
}

/// A name or a value, without its quotes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether there is a backslash in it.
    pub(super) escaped: bool,
}

/// One label.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    /// Where the comma before it stands; its own start where there is none.
    pub(super) before: usize,
    /// Its start, with the quote.
    pub(super) start: usize,
    pub(super) name: Word,
    pub(super) value: Word,
    /// Behind its last quote.
    pub(super) end: usize,
    /// Behind the comma after it; as `end` where there is none.
    pub(super) after: usize,
}

impl Word {
    pub(super) fn of(self, line: &[u8]) -> &[u8] {
        line.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl Sample {
    /// The labels of `block`.
    pub(super) fn labels(&self, block: &Block) -> &[Label] {
        self.labels.get(block.first..block.first + block.count).unwrap_or_default()
    }

    /// Reads `line`; says where it is wrong.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<(), usize> {
        self.labels.clear();
        (self.block, self.exemplar) = (None, None);
        let mut cursor = Cursor { line, at: 0 };
        cursor.blanks();
        self.whole(&mut cursor).ok_or(cursor.at)
    }

    fn whole(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        if cursor.take(b'{') {
            cursor.blanks();
            self.name = cursor.quoted().filter(|name| name.start < name.end)?;
            self.block = Some(self.block(cursor, true)?);
        } else {
            self.name = cursor.name(is_metric_letter)?;
            let blanks = cursor.blanks();
            if cursor.take(b'{') {
                self.block = Some(self.block(cursor, false)?);
            } else if blanks == 0 {
                return None;
            }
        }
        cursor.blanks();
        cursor.number(is_value)?;
        if cursor.blanks() > 0 && !matches!(cursor.peek(), None | Some(b'#')) {
            cursor.number(is_decimal)?;
            cursor.blanks();
        }
        if cursor.take(b'#') {
            self.exemplar(cursor)?;
        }
        cursor.peek().is_none().then_some(())
    }

    fn exemplar(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.blanks();
        cursor.take(b'{').then_some(())?;
        self.exemplar = Some(self.block(cursor, false)?);
        cursor.blanks();
        cursor.number(is_value)?;
        if cursor.blanks() > 0 && cursor.peek().is_some() {
            cursor.number(is_decimal)?;
            cursor.blanks();
        }
        Some(())
    }

    /// The labels up to the closing brace. `named`: what was read so far is the metric's name.
    fn block(&mut self, cursor: &mut Cursor<'_>, named: bool) -> Option<Block> {
        let mut block = Block { open: cursor.at, named, first: self.labels.len(), count: 0 };
        let mut before = None;
        if named {
            cursor.blanks();
            before = (cursor.peek() == Some(b',')).then_some(cursor.at);
            if !cursor.take(b',') {
                return cursor.take(b'}').then_some(block);
            }
        }
        loop {
            cursor.blanks();
            if cursor.take(b'}') {
                return Some(block);
            }
            let mut label = cursor.label()?;
            label.before = before.unwrap_or(label.start);
            cursor.blanks();
            before = (cursor.peek() == Some(b',')).then_some(cursor.at);
            if cursor.take(b',') {
                label.after = cursor.at;
            } else if cursor.peek() != Some(b'}') {
                return None;
            }
            self.labels.push(label);
            block.count += 1;
            if self.labels.len() > MAX_LABELS {
                return None;
            }
        }
    }
}

/// A place in a line.
pub(super) struct Cursor<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// Steps over spaces and tabs; says how many.
    #[inline]
    pub(super) fn blanks(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at - from
    }

    /// What stands up to the next space, tab or end.
    pub(super) fn token(&mut self) -> &[u8] {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// A name of letters, digits and `_` that does not begin with a digit.
    #[inline]
    pub(super) fn name(&mut self, is_letter: impl Fn(u8) -> bool) -> Option<Word> {
        let start = self.at;
        while self.peek().is_some_and(&is_letter) {
            self.at += 1;
        }
        let first = self.line.get(start).filter(|_| self.at > start)?;
        (!first.is_ascii_digit()).then_some(Word { start, end: self.at, escaped: false })
    }

    /// A quoted name. Its escapes are those that every reader knows, so that no name hides behind another one.
    pub(super) fn quoted(&mut self) -> Option<Word> {
        let word = self.text()?;
        if word.escaped {
            let mut rest = word.of(self.line);
            while let Some(at) = memchr::memchr(b'\\', rest) {
                matches!(rest.get(at + 1), Some(b'\\' | b'"' | b'n')).then_some(())?;
                rest = rest.get(at + 2..).unwrap_or_default();
            }
        }
        Some(word)
    }

    /// What stands between two quotes. A backslash takes the next byte with it, whatever it is.
    #[inline]
    fn text(&mut self) -> Option<Word> {
        self.take(b'"').then_some(())?;
        let (start, mut escaped) = (self.at, false);
        loop {
            let rest = self.line.get(self.at..)?;
            self.at += quote_or_backslash(rest)?;
            if self.take(b'"') {
                return Some(Word { start, end: self.at - 1, escaped });
            }
            escaped = true;
            self.at += 2;
        }
    }

    fn label(&mut self) -> Option<Label> {
        let start = self.at;
        let name = if self.peek() == Some(b'"') { self.quoted()? } else { self.name(is_label_letter)? };
        // Some readers would take this one for the name of the metric.
        if name.start == name.end || name.of(self.line) == b"__name__" {
            return None;
        }
        self.blanks();
        self.take(b'=').then_some(())?;
        self.blanks();
        let value = self.text()?;
        Some(Label { before: start, start, name, value, end: self.at, after: self.at })
    }

    fn number(&mut self, is_number: impl Fn(&[u8]) -> bool) -> Option<()> {
        let start = self.at;
        let good = is_number(self.token());
        if !good {
            self.at = start;
        }
        good.then_some(())
    }
}

/// How far the next quote or backslash is. Values are short, so most are found before a search would have begun.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const SHORT: usize = 16;
    let short = text.iter().take(SHORT).position(|byte| matches!(byte, b'"' | b'\\'));
    short.or_else(|| Some(SHORT + memchr::memchr2(b'"', b'\\', text.get(SHORT..)?)?))
}

/// A letter of the name of a metric, or a digit.
#[inline]
pub(super) const fn is_metric_letter(byte: u8) -> bool {
    is_label_letter(byte) || byte == b':'
}

#[inline]
const fn is_label_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A decimal number, or infinity or not-a-number in any case, as Go and Python read them.
fn is_value(token: &[u8]) -> bool {
    let unsigned = token.strip_prefix(b"+").or_else(|| token.strip_prefix(b"-")).unwrap_or(token);
    is_decimal(token) || [&b"inf"[..], b"infinity", b"nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
}

fn is_decimal(token: &[u8]) -> bool {
    let token = token.strip_prefix(b"+").or_else(|| token.strip_prefix(b"-")).unwrap_or(token);
    let (whole, rest) = digits(token);
    let (part, rest) = rest.strip_prefix(b".").map_or((&[][..], rest), digits);
    let exponent = match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            !power.is_empty() && digits(power).1.is_empty()
        }
        _ => false,
    };
    exponent && !(whole.is_empty() && part.is_empty())
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(length)
}
