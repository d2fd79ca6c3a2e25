//! Colours for terminals, and for nothing else.

use std::io::{self, IsTerminal};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text, for files and pipes.
    Plain,
    /// ANSI colours, for terminals.
    Colour,
}

impl Paint {
    /// What standard output wants: colour on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    #[must_use]
    pub fn of_stdout() -> Self {
        let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        if wanted { Self::Colour } else { Self::Plain }
    }

    /// `text` in the colour of an SGR code.
    #[must_use]
    pub fn painted(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
