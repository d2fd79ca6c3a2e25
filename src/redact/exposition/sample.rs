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
    /// A line before this one, up to the end of its labels.
    like: Like,
    /// How many lines were read without the help of another one.
    pub(super) turn: u64,
}

/// What most lines have in common with one before: all but the values.
#[derive(Debug, Default)]
struct Like {
    text: Vec<u8>,
    labels: Vec<Label>,
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

    /// Whether the line that was read last has more labels than are read.
    pub(super) fn is_full(&self) -> bool {
        self.labels.len() > MAX_LABELS
    }

    /// Reads `line`; says where it is wrong.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<(), usize> {
        self.labels.clear();
        self.exemplar = None;
        let mut cursor = Cursor { line, at: 0 };
        if let Some(at) = self.again(line) {
            cursor.at = at;
        } else {
            self.labels.clear();
            self.turn += 1;
            self.block = None;
            self.head(&mut cursor).ok_or(cursor.at)?;
            self.remember(line.get(..cursor.at).unwrap_or_default());
        }
        self.tail(&mut cursor).ok_or(cursor.at)
    }

    /// Reads a line that is spelled like the remembered one but for the values of its labels; says where they end.
    fn again(&mut self, line: &[u8]) -> Option<usize> {
        // Where the last value ended, here and there.
        let (mut at, mut from) = (0, 0);
        let same = |at: usize, text: &[u8]| line.get(at..)?.starts_with(text).then_some(at + text.len());
        if self.like.text.is_empty() {
            return None;
        }
        for known in &self.like.labels {
            let start = same(at, self.like.text.get(from..known.value.start)?)?;
            let (length, escaped) = value(line.get(start..)?)?;
            let end = start + length;
            // What stands before the value moves with its start, what stands behind it with its end.
            let front = |place: usize| start - (known.value.start - place);
            let back = |place: usize| end + (place - known.value.end);
            self.labels.push(Label {
                before: front(known.before),
                start: front(known.start),
                name: Word { start: front(known.name.start), end: front(known.name.end), ..known.name },
                value: Word { start, end, escaped },
                end: back(known.end),
                after: back(known.after),
            });
            (at, from) = (end, known.value.end);
        }
        same(at, self.like.text.get(from..)?)
    }

    /// Remembers a line, whose labels end where `text` ends.
    fn remember(&mut self, text: &[u8]) {
        self.like.text.clear();
        self.like.labels.clear();
        if self.block.is_some() {
            self.like.text.extend_from_slice(text);
            self.like.labels.extend_from_slice(&self.labels);
        }
    }

    /// Name and labels.
    fn head(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.blanks();
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
        Some(())
    }

    /// Value, time and exemplar.
    fn tail(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
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
            if self.is_full() {
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
        let start = self.at;
        let (length, escaped) = value(self.line.get(start..)?)?;
        self.at += length + 1;
        Some(Word { start, end: start + length, escaped })
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

/// How far the quote is that ends a value, and whether there is a backslash before it.
#[inline]
fn value(text: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (0, false);
    loop {
        at += quote_or_backslash(text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// How far the next quote or backslash is. Values are short, so eight bytes at a time are as good as any search.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Of each byte that is `wanted` the highest bit; perhaps also of bytes behind the first one.
    let is = |word: u64, wanted: u8| {
        let zero = word ^ (ONES * u64::from(wanted));
        zero.wrapping_sub(ONES) & !zero & (ONES << 7)
    };
    let (words, rest) = text.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return Some(8 * place + found.trailing_zeros() as usize / 8);
        }
    }
    let last = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(text.len() - rest.len() + last)
}

/// A letter of the name of a metric, or a digit.
#[inline]
pub(super) const fn is_metric_letter(byte: u8) -> bool {
    is_label_letter(byte) || byte == b':'
}

/// A letter of the name of a label, or a digit.
#[inline]
pub(super) const fn is_label_letter(byte: u8) -> bool {
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
