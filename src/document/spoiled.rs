//! Files that were right once, for tests that readers of files never panic.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What people, editors and attackers put where it does not belong.
const PIECES: [&str; 40] = [
    "\n",
    "\r\n",
    "\t",
    "    ",
    ":",
    ": ",
    "- ",
    "-",
    ",",
    "[",
    "]",
    "{",
    "}",
    "[[[[[[[[",
    "{a: {b: {c: ",
    "\"",
    "'",
    "#",
    "&a",
    "*a",
    "!!int ",
    "|\n",
    ">\n",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\u{0}",
    "\u{feff}",
    "\u{85}",
    "é",
    "\u{1f600}",
    "~",
    "null",
    "[]",
    "{}",
    "-9223372036854775809",
    "340282366920938463463374607431768211456",
    "1e999",
    "$..[?@.a]",
];

/// One way to spoil a text.
#[derive(Clone, Debug)]
enum Spoil {
    Cut(Index, Index),
    Insert(Index, &'static str),
    Repeat(Index),
    Swap(Index, Index),
    Word(Index, Index),
    End(Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = any::<Index>;
    prop_oneof![
        (at(), at()).prop_map(|(from, to)| Spoil::Cut(from, to)),
        (at(), select(&PIECES[..])).prop_map(|(at, piece)| Spoil::Insert(at, piece)),
        at().prop_map(Spoil::Repeat),
        (at(), at()).prop_map(|(one, other)| Spoil::Swap(one, other)),
        (at(), at()).prop_map(|(one, other)| Spoil::Word(one, other)),
        at().prop_map(Spoil::End),
    ]
}

impl Spoil {
    fn apply(&self, text: &str) -> String {
        let place = |at: &Index| text.floor_char_boundary(at.index(text.len() + 1));
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let words: Vec<&str> = text.split_inclusive([' ', ',', ':', '\n']).collect();
        if lines.is_empty() {
            return String::new();
        }
        match self {
            Self::Cut(from, length) => {
                let from = place(from);
                let to = text.ceil_char_boundary(from + length.index(40).min(text.len() - from));
                format!("{}{}", &text[..from], &text[to..])
            }
            Self::Insert(at, piece) => format!("{}{piece}{}", &text[..place(at)], &text[place(at)..]),
            Self::Repeat(at) => {
                let at = at.index(lines.len());
                [&lines[..=at], &lines[at..]].concat().concat()
            }
            Self::Swap(one, other) => swapped(lines, *one, *other),
            Self::Word(one, other) => swapped(words, *one, *other),
            Self::End(at) => text[..place(at)].to_owned(),
        }
    }
}

fn swapped(mut parts: Vec<&str>, one: Index, other: Index) -> String {
    let (one, other) = (one.index(parts.len()), other.index(parts.len()));
    parts.swap(one, other);
    parts.concat()
}

/// `text` with one to six things wrong with it, or none when they undo each other.
pub(crate) fn spoiled(text: &'static str) -> impl Strategy<Value = String> {
    let ways = prop::collection::vec(spoil(), 1..7);
    ways.prop_map(|ways| ways.iter().fold(text.to_owned(), |text, way| way.apply(&text)))
}
