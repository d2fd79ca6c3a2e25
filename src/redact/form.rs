//! Forms: which part of a text is meant, when it stands among other words.
//!
//! In: a form such as `[ACC:{}] *` and a text. Out: where the parts of the text lie that `{}` stands for, or that the text
//! has another form, or more than one reading. Linear in the text, whatever stands in it.

use std::iter::once;
use std::ops::Range;

use memchr::memmem;

use super::SelectorError;

/// What stands for the part that is meant.
const PART: &str = "{}";
/// What stands for anything.
const ANY: char = '*';
/// Parts and anything in one form, at most.
const GAPS: usize = 8;

/// Which part of a text, or of a name, is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    forms: Vec<Form>,
    other: Other,
}

/// What becomes of a text that has none of the forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Other {
    /// It is meant as a whole.
    #[default]
    Whole,
    /// Nothing of it is meant.
    Keep,
}

/// A text with gaps: literals, and between two of them a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    /// Before the first gap; all, when there is none.
    first: String,
    /// Each gap and the literal behind it; only the last one may be empty.
    rest: Vec<(Gap, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Part,
    Any,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The parts that were found are meant; perhaps none.
    Parts,
    /// All of it is meant.
    Whole,
}

impl Forms {
    /// Reads `texts`, the first of which that a text certainly has says what of it is meant; without any, all is.
    ///
    /// `{}` is a part that is meant, `*` is anything, all else is itself. A text that a form could be read in two ways does
    /// not have it; one that has no form, but has some in two ways, is meant as a whole.
    ///
    /// # Errors
    /// When one is no form, or nothing could ever be meant.
    pub fn parse(texts: &[&str], other: Other) -> Result<Self, SelectorError> {
        let forms: Vec<Form> = texts.iter().map(|text| Form::parse(text)).collect::<Result<_, _>>()?;
        let means = |form: &Form| form.rest.iter().any(|(gap, _)| *gap == Gap::Part);
        if other == Other::Keep && !forms.iter().any(means) {
            return Err(SelectorError("`other: keep` needs a form with `{}`: else nothing is meant".to_owned()));
        }
        Ok(Self { forms, other })
    }

    /// What becomes of a text that has none of the forms.
    #[must_use]
    pub fn other(&self) -> Other {
        self.other
    }

    /// Reads `text`; adds to `parts` where those lie that are meant.
    pub(super) fn read(&self, text: &[u8], parts: &mut Vec<Range<usize>>) -> Reading {
        let mut doubtful = false;
        for form in &self.forms {
            match form.read(text, parts) {
                Some(true) => return Reading::Parts,
                Some(false) => doubtful = true,
                None => {}
            }
        }
        match self.other {
            Other::Keep if !doubtful => Reading::Parts,
            Other::Keep | Other::Whole => Reading::Whole,
        }
    }
}

impl Form {
    fn parse(text: &str) -> Result<Self, SelectorError> {
        let refuse = |why| Err(SelectorError(format!("form `{text}`: {why}")));
        if text.is_empty() {
            return refuse("is empty; write such as `[ACC:{}] *`");
        }
        let next = |rest: &str| match (rest.find(PART), rest.find(ANY)) {
            (Some(part), any) if any.is_none_or(|any| part < any) => Some((part, Gap::Part, PART.len())),
            (_, any) => any.map(|any| (any, Gap::Any, 1)),
        };
        let mut form = Self { first: String::new(), rest: Vec::new() };
        let mut from = text;
        while let Some((at, gap, length)) = next(from) {
            let (literal, behind) = from.split_at(at);
            if literal.is_empty() && !form.rest.is_empty() {
                return refuse("something must stand between two of `{}` and `*`: else it could be read in many ways");
            }
            form.end().push_str(literal);
            form.rest.push((gap, String::new()));
            from = behind.get(length..).unwrap_or_default();
        }
        form.end().push_str(from);
        if form.rest.len() > GAPS {
            return refuse("has too many of `{}` and `*`: at most 8");
        }
        Ok(form)
    }

    /// The last literal.
    fn end(&mut self) -> &mut String {
        self.rest.last_mut().map_or(&mut self.first, |(_, literal)| literal)
    }

    /// Whether `text` has this form: for certain, with its parts, or in several ways (`Some(false)`).
    ///
    /// The literals are looked for from the left and from the right. Any reading has each of them between these two places,
    /// so a part is certain when both of its bounds are the same from either side.
    fn read(&self, text: &[u8], parts: &mut Vec<Range<usize>>) -> Option<bool> {
        let Some(((_, last), between)) = self.rest.split_last() else {
            return (text == self.first.as_bytes()).then_some(true);
        };
        let start = self.first.len();
        let end = text.strip_prefix(self.first.as_bytes())?.strip_suffix(last.as_bytes())?.len() + start;
        let (mut left, mut right) = ([0; GAPS], [0; GAPS]);
        let mut at = start;
        for (place, (_, literal)) in left.iter_mut().zip(between) {
            *place = at + memmem::find(text.get(at..end)?, literal.as_bytes())?;
            at = *place + literal.len();
        }
        at = end;
        for (place, (_, literal)) in right.iter_mut().zip(between).take(between.len()).rev() {
            *place = start + memmem::rfind(text.get(start..at)?, literal.as_bytes())?;
            at = *place;
        }
        let found = left.iter().zip(&right).take(between.len()).map(|(left, right)| (*left, left == right));
        let (before, mut from, mut sure) = (parts.len(), start, true);
        for ((gap, literal), (to, same)) in self.rest.iter().zip(found.chain(once((end, true)))) {
            match gap {
                Gap::Part if !(sure && same) => {
                    parts.truncate(before);
                    return Some(false);
                }
                Gap::Part => parts.extend(Some(from..to).filter(|part| !part.is_empty())),
                Gap::Any => {}
            }
            (from, sure) = (to + literal.len(), same);
        }
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `forms` say of `text`: its parts, or `None` when all of it is meant.
    fn read(forms: &[&str], other: Other, text: &str) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        let reading = Forms::parse(forms, other).unwrap().read(text.as_bytes(), &mut parts);
        let found = parts.into_iter().map(|part| text[part].to_owned()).collect::<Vec<_>>();
        (reading == Reading::Parts).then_some(found)
    }

    #[test]
    fn a_form_says_which_part_is_meant_and_in_doubt_all_is() {
        for (sentence, form, text, wanted) in [
            ("a part and anything", "[ACC:{}] *", "[ACC:A] stream 'x' sendQ", Some(&["A"][..])),
            ("anything may be nothing", "[ACC:{}] *", "[ACC:A] ", Some(&["A"])),
            ("a part that is nothing is not there", "[ACC:{}] *", "[ACC:] x", Some(&[])),
            ("all of it", "{}", "A", Some(&["A"])),
            ("an end", "R {}", "R A b c", Some(&["A b c"])),
            ("a beginning", "{}.x", "A.b.x", Some(&["A.b"])),
            ("several parts", "consumer '{}' on '{}' *", "consumer 'c' on 's' ackMsgs", Some(&["c", "s"])),
            ("anything between", "stream \"*\" of \"{}\"", "stream \"s\" of \"A\"", Some(&["A"])),
            ("no part at all", "System *", "System recvQ", Some(&[])),
            ("a literal", "_meta_", "_meta_", Some(&[])),
            ("letters outside ASCII", "é{}é", "é😀é", Some(&["😀"])),
            ("another beginning", "[ACC:{}] *", "ACC:A] x", None),
            ("another end", "<{}>", "<A> ", None),
            ("another case", "acc {}", "ACC A", None),
            ("no room for both ends", "aba{}aba", "ababa", None),
            ("two ends of the part", "[ACC:{}] *", "[ACC:A] b] c", None),
            ("two beginnings of the part", "*:{}", "a:b:c", None),
            ("another literal", "_meta_", "_meta", None),
            ("overlapping ends", "{}aa*", "baaab", None),
        ] {
            let wanted = wanted.map(|parts| parts.iter().map(ToString::to_string).collect());
            assert_eq!(read(&[form], Other::Whole, text), wanted, "{sentence}");
        }
        // What is uncertain alone does not matter: both readings have the same part.
        assert_eq!(read(&["{}; * *"], Other::Whole, "A; b c d"), Some(vec!["A".to_owned()]));
    }

    #[test]
    fn the_first_form_that_is_certain_decides() {
        let forms = ["R {} *", "R {} * *", "L *"];
        for (text, wanted) in [
            ("R A b", Some(&["A"][..])),
            ("R A b q", Some(&["A"])),
            ("R A b q x", None),
            ("L A b", Some(&[])),
            ("X", None),
        ] {
            let wanted: Option<Vec<String>> = wanted.map(|parts| parts.iter().map(ToString::to_string).collect());
            assert_eq!(read(&forms, Other::Whole, text), wanted, "{text}");
            let kept = if text == "X" { Some(Vec::new()) } else { wanted };
            assert_eq!(
                read(&forms, Other::Keep, text),
                kept,
                "{text}: what has no form is kept, what is in doubt never"
            );
        }
        assert_eq!(read(&[], Other::Whole, "A"), None, "without forms all is meant");
    }

    #[test]
    fn a_form_that_could_mean_anything_is_refused() {
        let many = "{}a".repeat(9);
        for (form, why) in [
            ("", "is empty"),
            ("{}*", "something must stand between"),
            ("a{}{}", "something must stand between"),
            ("**", "something must stand between"),
            ("x*{}y", "something must stand between"),
            (many.as_str(), "at most 8"),
        ] {
            let said = Forms::parse(&[form], Other::Whole).unwrap_err().to_string();
            assert!(said.starts_with(&format!("form `{form}`: ")) && said.contains(why), "{form}: {said}");
        }
        for forms in [&[][..], &["a"], &["*"]] {
            let said = Forms::parse(forms, Other::Keep).unwrap_err().to_string();
            assert_eq!(said, "`other: keep` needs a form with `{}`: else nothing is meant");
        }
    }

    #[test]
    fn a_hostile_text_is_read_in_no_time() {
        let text = "a] ".repeat(20_000);
        let begun = Forms::parse(&["{}] *] *] *] *] *] *] *", "a*a*a*a*a*a*b"], Other::Whole).unwrap();
        assert_eq!(begun.read(text.as_bytes(), &mut Vec::new()), Reading::Whole);
    }
}
