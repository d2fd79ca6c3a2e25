//! Reads audit files, however large, a line at a time.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::complain;

/// The longest line that is read, in bytes; a record takes a few hundred.
const MAX_LINE: usize = 1 << 20;
/// How many broken lines are named.
const NAMED: u64 = 10;

/// What to do after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on.
    More,
    /// It was the one.
    Enough,
}

/// Gives each line of `files` to `visit`, `-` being standard input. What it says is wrong with a line is reported with
/// file and line, and does not stop the rest. The answer is how many lines were broken.
///
/// # Errors
/// When a file cannot be opened or read.
pub(super) fn each_line(files: &[PathBuf], mut visit: impl FnMut(&str) -> Result<Next, String>) -> anyhow::Result<u64> {
    let mut broken = 0;
    for file in files {
        let name = file.display();
        let mut reader = open(file).with_context(|| format!("cannot open `{name}`"))?;
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let whole = read_line(&mut reader, &mut line).with_context(|| format!("cannot read `{name}`"))?;
            if line.is_empty() && whole {
                break;
            }
            match visited(&line, whole, &mut visit) {
                Ok(Next::More) => {}
                Ok(Next::Enough) => return Ok(broken),
                Err(why) => {
                    broken += 1;
                    name_it(broken, format_args!("{name}:{number}: {why}"));
                }
            }
        }
    }
    match broken {
        0 => {}
        1 => complain("1 line is broken and was passed over"),
        count => complain(format_args!("{count} lines are broken and were passed over")),
    }
    Ok(broken)
}

/// Says what is wrong with the broken line that is the so-manieth; not of all of too many.
fn name_it(number: u64, what: fmt::Arguments<'_>) {
    if number <= NAMED {
        complain(what);
    }
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(file)?)))
}

/// Reads up to the next line feed, and keeps it; of a line that is too long only the beginning. Empty at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut whole = true;
    loop {
        let (used, done) = {
            let buffer = reader.fill_buf()?;
            let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            if line.len() + part.len() <= MAX_LINE {
                line.extend_from_slice(part);
            } else {
                whole = false;
            }
            (part.len(), end.is_some() || part.is_empty())
        };
        reader.consume(used);
        if done {
            return Ok(whole);
        }
    }
}

fn visited(line: &[u8], whole: bool, visit: &mut impl FnMut(&str) -> Result<Next, String>) -> Result<Next, String> {
    if !whole {
        return Err(format!("is longer than {MAX_LINE} bytes"));
    }
    let line = str::from_utf8(line).map_err(|_| "is not UTF-8")?;
    if line.trim().is_empty() { Ok(Next::More) } else { visit(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8]) -> (Vec<String>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        std::fs::write(&file, content).unwrap();
        let mut seen = Vec::new();
        let visit = |line: &str| {
            seen.push(line.trim_end().to_owned());
            if line.starts_with('!') { Err("is bad".to_owned()) } else { Ok(Next::More) }
        };
        let broken = each_line(&[file], visit).unwrap();
        (seen, broken)
    }

    #[test]
    fn broken_lines_are_counted_and_do_not_stop_the_rest() {
        assert_eq!(lines(b""), (vec![], 0));
        assert_eq!(lines(b"a\n\nb\r\n!c\nhalf"), (["a", "b", "!c", "half"].map(str::to_owned).to_vec(), 1));
        assert_eq!(lines(b"a\n\xff\nb\n"), (["a", "b"].map(str::to_owned).to_vec(), 1));
        let long = [b"a\n".to_vec(), vec![b'x'; MAX_LINE + 1], b"\nb\n".to_vec()].concat();
        assert_eq!(lines(&long), (["a", "b"].map(str::to_owned).to_vec(), 1));
        let endless = vec![b'x'; 3 * MAX_LINE];
        assert_eq!(lines(&endless), (vec![], 1));
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_with_its_name() {
        let error = each_line(&["nowhere.jsonl".into()], |_| Ok(Next::Enough)).unwrap_err();
        assert_eq!(error.to_string(), "cannot open `nowhere.jsonl`");
    }
}
