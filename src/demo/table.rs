//! The table of the tour: columns aligned, at most 100 columns wide, colour only where somebody looks.

use std::io::{self, Write};

use crate::ops::paint::Paint;

/// Whether a row came out as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes.
    Right,
    /// No; the row's last cell says why.
    Wrong,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// As it should be or not.
    pub(super) verdict: Verdict,
    /// Who asked.
    pub(super) who: String,
    /// What.
    pub(super) request: String,
    /// The status.
    pub(super) status: u16,
    /// What that means.
    pub(super) why: String,
}

/// The line above the rows, and a rule under it.
pub(super) fn header(out: &mut dyn Write, paint: Paint) -> io::Result<()> {
    let line = columns(["who", "request", "answer", "why"]);
    writeln!(out, "  {}", paint.painted("1", line.trim_end()))?;
    writeln!(out, "  {}", paint.painted("2", &"-".repeat(WIDTH - 2)))
}

/// One row.
pub(super) fn row(out: &mut dyn Write, paint: Paint, row: &Row) -> io::Result<()> {
    let (mark, colour) = match row.verdict {
        Verdict::Right => ("✓", "32"),
        Verdict::Wrong => ("✗", "31"),
    };
    let status = row.status.to_string();
    let line = columns([&row.who, &row.request, &status, &row.why]);
    writeln!(out, "{} {}", paint.painted(colour, mark), line.trim_end())
}

fn columns(cells: [&str; 4]) -> String {
    let fitted = cells.iter().zip(WIDTHS).map(|(cell, width)| {
        let cell = fit(cell, width);
        format!("{cell:<width$}")
    });
    fitted.collect::<Vec<_>>().join(GAP)
}

/// `text`, or as much of it as fits with an ellipsis.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", start.trim_end_matches([' ', ',']))
}

const GAP: &str = "  ";
const WIDTH: usize = 100;
/// Two columns of mark, then the cells with gaps between them.
const WIDTHS: [usize; 4] = [9, 28, 6, WIDTH - 2 - 9 - 28 - 6 - 6];

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(paint: Paint, why: &str) -> String {
        let mut out = Vec::new();
        header(&mut out, paint).unwrap();
        for verdict in [Verdict::Right, Verdict::Wrong] {
            let cells = Row {
                verdict,
                who: "operator".to_owned(),
                request: "GET /varz".to_owned(),
                status: 200,
                why: why.to_owned(),
            };
            row(&mut out, paint, &cells).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_under_their_titles() {
        let text = rendered(Paint::Plain, "because");
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let column = |line: usize, word: &str| {
            let line: String = lines[line].iter().collect();
            line[..line.find(word).unwrap()].chars().count()
        };
        assert_eq!(column(0, "request"), column(2, "GET"));
        assert_eq!(column(0, "answer"), column(2, "200"));
        assert_eq!(column(0, "why"), column(3, "because"));
        assert!(text.contains("✓ operator") && text.contains("✗ operator"));
    }

    #[test]
    fn no_line_is_wider_than_100_columns() {
        for line in rendered(Paint::Plain, &"a long reason, ".repeat(20)).lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert_eq!(fit("one, two", 6), "one…");
    }

    #[test]
    fn colour_is_for_terminals_only() {
        assert!(!rendered(Paint::Plain, "x").contains('\u{1b}'));
        assert!(rendered(Paint::Colour, "x").contains("\u{1b}[32m✓\u{1b}[0m"));
    }
}
