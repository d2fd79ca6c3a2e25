//! The grammar of one line that begins with `#`.

use super::sample::{Cursor, Word, is_metric_letter};

/// What such a line is.
#[derive(Debug)]
pub(super) enum Comment {
    /// `HELP`, `TYPE` or `UNIT`.
    About(About),
    /// `# EOF`, to the letter.
    End,
    /// Anything else: only people read it.
    Other,
}

/// What is said about a family.
#[derive(Debug)]
pub(super) struct About {
    /// Its name, without quotes.
    pub(super) family: Word,
    /// What stands behind it.
    pub(super) says: Word,
    /// The same, when that is its type.
    pub(super) kind: Option<Word>,
}

/// Reads a line whose first byte but blanks is `#`; says where it is wrong.
pub(super) fn read(line: &[u8]) -> Result<Comment, usize> {
    if line == b"# EOF" {
        return Ok(Comment::End);
    }
    let mut cursor = Cursor { line, at: 0 };
    cursor.blanks();
    // Go reads `#HELP` as `# HELP`.
    cursor.at += 1;
    cursor.blanks();
    let typed = match cursor.token() {
        b"HELP" | b"UNIT" => false,
        b"TYPE" => true,
        _ => return Ok(Comment::Other),
    };
    let about = about(&mut cursor).ok_or(cursor.at)?;
    if !typed {
        return Ok(Comment::About(about));
    }
    let is_word = about.says.of(line).trim_ascii().iter().all(u8::is_ascii_alphabetic);
    is_word.then_some(Comment::About(About { kind: Some(about.says), ..about })).ok_or(about.says.start)
}

fn about(cursor: &mut Cursor<'_>) -> Option<About> {
    cursor.blanks();
    let family = if cursor.peek() == Some(b'"') { cursor.quoted()? } else { cursor.name(is_metric_letter)? };
    let blanks = cursor.blanks();
    let says = Word { start: cursor.at, end: cursor.line.len(), escaped: false };
    let good = family.start < family.end && (blanks > 0 || says.start == says.end);
    good.then_some(About { family, says, kind: None })
}
