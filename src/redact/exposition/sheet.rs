//! Rules for pages of metrics, compiled.
//!
//! In: what a rule is about ([`Series`]) and what happens to it. Out: for the name of a metric and the family that it
//! belongs to, what becomes of its line and of which of its labels; asked once for each run of equal names.

use std::borrow::Cow;

use super::glob::Glob;
use super::spelling::{self, SUFFIXES};
use crate::redact::{Action, SelectorError};

/// What a rule for a page of metrics is about: a label, or whole families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    label: Option<String>,
    families: Vec<Glob>,
    text: String,
}

/// What a rule for a page of metrics does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRule {
    /// What it is about.
    pub series: Series,
    /// What happens to it. A family can only be kept or removed: anything but [`Action::Keep`] removes it. A label is never
    /// kept for its own sake, so [`Action::Keep`] does nothing there.
    pub action: Action,
}

/// Labels that are part of a value: without them a histogram or a summary means something else.
const UNTOUCHABLE: [&str; 3] = ["le", "quantile", "__name__"];

impl Series {
    /// The label `name`, in the families that fit one of the globs `families`; in all of them when there is none.
    ///
    /// # Errors
    /// When it is no name of a label, or one that belongs to the value (`le`, `quantile`).
    pub fn label(name: &str, families: &[&str]) -> Result<Self, SelectorError> {
        if name.is_empty() || name.len() > 512 || name.chars().any(char::is_control) {
            return Err(SelectorError(format!("`{}` is not the name of a label", name.escape_default())));
        }
        if UNTOUCHABLE.iter().any(|one| one.as_bytes() == &*spelling::label(name.as_bytes())) {
            let why = "belongs to the value of its metric; remove the family instead";
            return Err(SelectorError(format!("the label `{name}` {why}")));
        }
        let globs = globs(families)?;
        let text = match globs.as_slice() {
            [] => format!("label {name}"),
            globs => format!("label {name} in {}", globs.iter().map(Glob::as_str).collect::<Vec<_>>().join(", ")),
        };
        Ok(Self { label: Some(name.to_owned()), families: globs, text })
    }

    /// The families whose name fits `glob`: with their samples (`_bucket`, `_total` …), `HELP`, `TYPE` and `UNIT`.
    ///
    /// # Errors
    /// When it is no name.
    pub fn family(glob: &str) -> Result<Self, SelectorError> {
        Ok(Self { label: None, families: globs(&[glob])?, text: format!("family {glob}") })
    }

    /// The name of the label, or of the family.
    #[must_use]
    pub fn name(&self) -> &str {
        self.label.as_deref().or_else(|| self.families.first().map(Glob::as_str)).unwrap_or_default()
    }

    /// It in words: `label account`, `label ip in nats_*`, `family go_*`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn globs(texts: &[&str]) -> Result<Vec<Glob>, SelectorError> {
    let glob = |text: &&str| {
        Glob::parse(text)
            .ok_or_else(|| SelectorError(format!("`{}` is not the name of a family", text.escape_default())))
    };
    texts.iter().map(glob).collect()
}

/// Rules compiled for one endpoint and role.
#[derive(Debug, Default)]
pub(in crate::redact) struct Sheet {
    /// What the rules say, in the order in which hits are counted.
    words: Vec<(Action, String)>,
    labels: Vec<Entry>,
    removed: Vec<(usize, Glob)>,
    /// The families that alone may leave, and where in `words` what becomes of all others is counted.
    kept: Option<(Vec<Glob>, usize)>,
}

/// All rules for one label.
#[derive(Debug)]
struct Entry {
    /// What its spellings have in common.
    key: Vec<u8>,
    rules: Vec<(usize, Action, Vec<Glob>)>,
}

/// A metric by its own name and that of the family it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Metric<'a> {
    name: &'a [u8],
    pub(super) family: Option<&'a [u8]>,
    /// Whether the type of the family says that it has such a metric.
    certain: bool,
}

/// A family that lines were about.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) family: Vec<u8>,
    /// The suffixes of its samples, where it has said its type.
    suffixes: &'static [&'static [u8]],
    /// Whether what was said of it may leave, as far as no sample says otherwise.
    pub(super) leaves: bool,
}

/// What becomes of the lines of one metric.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The rules that take its lines out; empty where they stay.
    pub(super) out: Vec<usize>,
    /// For each label that something happens to: its place among the entries, what happens, and by which rules.
    pub(super) labels: Vec<(usize, Action, Vec<usize>)>,
}

impl Verdict {
    /// Whether two series may look alike once labels are taken out.
    pub(super) fn merges(&self) -> bool {
        self.labels.iter().any(|(_, action, _)| *action != Action::Pseudonym)
    }
}

impl Sheet {
    pub(in crate::redact) fn compile(rules: Vec<SeriesRule>) -> Self {
        let mut sheet = Self::default();
        for SeriesRule { series, action } in rules {
            match (series.label, action) {
                (Some(_), Action::Keep) => {}
                (Some(name), Action::Null) => sheet.label(&name, Action::Mask, series.text, series.families),
                (Some(name), action) => sheet.label(&name, action, series.text, series.families),
                (None, Action::Keep) => {
                    sheet.words.push((action, series.text));
                    sheet.kept.get_or_insert_default().0.extend(series.families);
                }
                (None, _) => {
                    let number = sheet.words.len();
                    sheet.words.push((Action::Remove, series.text));
                    sheet.removed.extend(series.families.into_iter().map(|glob| (number, glob)));
                }
            }
        }
        if let Some((_, others)) = &mut sheet.kept {
            *others = sheet.words.len();
            sheet.words.push((Action::Remove, "other families".to_owned()));
        }
        sheet
    }

    /// Adds a rule for the label `name`.
    fn label(&mut self, name: &str, action: Action, text: String, families: Vec<Glob>) {
        let rule = (self.words.len(), action, families);
        self.words.push((action, text));
        let key = spelling::label(name.as_bytes());
        match self.labels.iter_mut().find(|entry| entry.key == *key) {
            Some(entry) => entry.rules.push(rule),
            None => self.labels.push(Entry { key: key.into_owned(), rules: vec![rule] }),
        }
    }

    /// What the rules say.
    pub(in crate::redact) fn words(&self) -> &[(Action, String)] {
        &self.words
    }

    /// The place of the label `name`, however it is spelled, among the entries.
    pub(super) fn entry(&self, name: &[u8]) -> Option<usize> {
        let key = spelling::label(name);
        self.labels.iter().position(|entry| entry.key == *key)
    }

    /// What becomes of lines of `metric`.
    pub(super) fn verdict(&self, metric: Metric<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        let names = metric.spellings();
        let may_be = |glob: &Glob| glob.may_be(names.iter().map(AsRef::as_ref));
        verdict.out.extend(self.removed.iter().filter(|(_, glob)| may_be(glob)).map(|(number, _)| *number));
        verdict.out.extend(self.kept.iter().filter(|(kept, _)| !metric.is_one_of(kept)).map(|(_, others)| *others));
        for (place, entry) in self.labels.iter().enumerate() {
            let fits = |families: &[Glob]| families.is_empty() || families.iter().any(may_be);
            let rules: Vec<_> = entry.rules.iter().filter(|(_, _, families)| fits(families)).collect();
            if let Some(action) = rules.iter().map(|(_, action, _)| *action).min() {
                verdict.labels.push((place, action, rules.iter().map(|(number, _, _)| *number).collect()));
            }
        }
        verdict
    }

    /// Whether `HELP`, `TYPE` and `UNIT` of `family` may leave, as far as no sample says otherwise.
    pub(super) fn tells(&self, family: &[u8]) -> bool {
        let metric = Metric { name: family, family: None, certain: true };
        let names = metric.spellings();
        !self.removed.iter().any(|(_, glob)| glob.may_be(names.iter().map(AsRef::as_ref)))
            && self.kept.iter().all(|(kept, _)| metric.is_one_of(kept))
    }
}

impl Default for Topic {
    fn default() -> Self {
        Self { family: Vec::new(), suffixes: &[], leaves: true }
    }
}

impl Topic {
    /// From now on it is about `family`.
    pub(super) fn begin(&mut self, family: &[u8], leaves: bool) {
        self.family.clear();
        self.family.extend_from_slice(family);
        (self.suffixes, self.leaves) = (&[], leaves);
    }

    /// It says that its family is of the type `kind`.
    pub(super) fn is_a(&mut self, kind: &[u8]) {
        self.suffixes = match kind.trim_ascii().to_ascii_lowercase().as_slice() {
            b"counter" => &[b"_total", b"_created"],
            b"histogram" => &[b"_bucket", b"_sum", b"_count", b"_created"],
            b"gaugehistogram" => &[b"_bucket", b"_gsum", b"_gcount"],
            b"summary" => &[b"_sum", b"_count", b"_created"],
            b"info" => &[b"_info"],
            _ => &[],
        };
    }
}

impl<'a> Metric<'a> {
    /// The metric `name` behind lines about `topic`.
    pub(super) fn new(name: &'a [u8], topic: &'a Topic) -> Self {
        let suffix = name.strip_prefix(topic.family.as_slice());
        let family = suffix.is_some_and(|suffix| suffix.is_empty() || SUFFIXES.contains(&suffix));
        let certain = suffix.is_some_and(|suffix| topic.suffixes.contains(&suffix));
        Self { name, family: family.then_some(&topic.family), certain }
    }

    /// The name of what is one metric to people.
    pub(super) fn whole(self) -> &'a [u8] {
        self.family.unwrap_or(self.name)
    }

    /// What it could be called: in doubt a rule means it, since it is taken out then.
    fn spellings(self) -> Vec<Cow<'a, [u8]>> {
        [Some(self.name), self.family].into_iter().flatten().flat_map(spelling::metric).collect()
    }

    /// Whether one of `globs` certainly means it: its own name to the letter, or that of its family.
    fn is_one_of(self, globs: &[Glob]) -> bool {
        let fits = |name: &[u8]| globs.iter().any(|glob| glob.is(name));
        fits(self.name) || (self.certain && self.family.is_some_and(fits))
    }
}
