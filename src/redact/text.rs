//! The machine for bodies without structure: only the safety net.
//!
//! In: buffers that begin where the last one was used up to. Out: the text with secrets masked. No secret contains
//! white space, so the text is taken word by word, and only the last word waits for the next buffer.

use std::ops::Range;

use super::Report;
use super::error::{RedactErrorKind, Stop};
use super::net;

/// Bytes of a word, at most.
const MAX_WORD: usize = 64 * 1024;

/// The state between two buffers.
#[derive(Default)]
pub(super) struct Machine {
    resume: usize,
    spans: Vec<Range<usize>>,
    report: Report,
}

impl Machine {
    /// Takes a buffer whose first bytes are those that the last call left; says how many were used.
    pub(super) fn run(&mut self, buf: &[u8], out: &mut Vec<u8>) -> Result<usize, Stop> {
        let (mut start, mut scanned) = (0, std::mem::take(&mut self.resume));
        loop {
            let rest = buf.get(scanned..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) else { break };
            let space = scanned + length;
            self.word(buf, start..space, out)?;
            out.extend(buf.get(space));
            start = space + 1;
            scanned = start;
        }
        if buf.len() - start > MAX_WORD {
            return Err(Stop::new(RedactErrorKind::TooLong, start));
        }
        self.resume = buf.len() - start;
        Ok(start)
    }

    /// The end of the body, with what was not used.
    pub(super) fn finish(mut self, left: &[u8], out: &mut Vec<u8>) -> Result<Report, Stop> {
        self.word(left, 0..left.len(), out)?;
        Ok(self.report)
    }

    fn word(&mut self, buf: &[u8], range: Range<usize>, out: &mut Vec<u8>) -> Result<(), Stop> {
        if range.len() > MAX_WORD {
            return Err(Stop::new(RedactErrorKind::TooLong, range.start));
        }
        let word = buf.get(range.clone()).unwrap_or_default();
        // A NUL is the mark of another encoding, in which no shape would be found.
        if word.contains(&0) || std::str::from_utf8(word).is_err() {
            return Err(Stop::new(RedactErrorKind::Encoding, range.start));
        }
        self.spans.clear();
        if net::is_suspicious(word) {
            net::find(word, &mut self.spans);
        }
        self.report.masked += self.spans.len() as u64;
        net::write_masked(word, &self.spans, out);
        Ok(())
    }
}
