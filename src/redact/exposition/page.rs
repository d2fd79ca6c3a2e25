//! What leaves of one buffer: runs of bytes as they were, with other bytes in the place of what does not.

use std::ops::Range;

/// A buffer on its way out. Places must come in order.
pub(super) struct Page<'a> {
    pub(super) buf: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Before this place all is written.
    written: usize,
    /// Where lines about a family begin of which nobody knows yet whether they may leave.
    pub(super) held: Option<usize>,
}

impl<'a> Page<'a> {
    pub(super) fn new(buf: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        Self { buf, out, written: 0, held: None }
    }

    pub(super) fn text(&self, range: Range<usize>) -> &'a [u8] {
        self.buf.get(range).unwrap_or_default()
    }

    /// Puts `text` in the place of `range`.
    pub(super) fn replace(&mut self, range: Range<usize>, text: &[u8]) {
        self.out.extend_from_slice(self.text(self.written..range.start));
        self.out.extend_from_slice(text);
        self.written = range.end;
    }

    /// Takes out `line`, with its line feed.
    pub(super) fn drop_line(&mut self, line: Range<usize>) {
        self.replace(line.start..self.buf.len().min(line.end + 1), b"");
    }

    /// The lines that are held leave as they are, or not at all; they end before `end`.
    pub(super) fn settle(&mut self, leaves: bool, end: usize) {
        if let Some(start) = self.held.take()
            && !leaves
        {
            self.replace(start..end, b"");
        }
    }

    /// All up to `end` leaves, but for what is held; says where that begins, or `end`.
    pub(super) fn finish(self, end: usize) -> usize {
        let used = self.held.unwrap_or(end);
        self.out.extend_from_slice(self.text(self.written..used));
        used
    }
}
