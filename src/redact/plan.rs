//! Rules compiled for one endpoint and role.
//!
//! In: rules. Out: the positions that all their selectors can be in at once, as bits: a rule of `k` segments owns
//! `k + 1` bits, one per number of segments passed. A step down is one shift for all rules together, so the cost
//! does not grow with what the selectors have in common, and there is nothing to blow up.

use std::borrow::Cow;
use std::sync::Arc;

use super::bits::{clear, has, meet, ones, set};
use super::exposition::Sheet;
use super::names::Names;
use super::selector::{Segment, Step};
use super::{Action, BodyKind, Other, Part, Rule, SelectorError, SeriesRule};

/// Rules compiled for one endpoint and role; immutable, shared by all requests.
#[derive(Debug)]
pub struct Plan {
    kind: BodyKind,
    rules: Vec<Rule>,
    positions: Positions,
    sheet: Sheet,
}

impl Plan {
    /// Compiles `rules`; for each value the strictest action that finds it wins, in the order of [`Action`].
    ///
    /// With a rule that keeps, all is taken out that no such rule finds; the others act on what is left.
    ///
    /// # Errors
    /// When there are rules for a body without structure, or a part of something is to be kept.
    pub fn compile(kind: BodyKind, rules: Vec<Rule>) -> Result<Arc<Self>, SelectorError> {
        if let Some(rule) = rules.iter().find(|rule| rule.action == Action::Keep && rule.part != Part::Value) {
            return Err(SelectorError(format!("`{}`: only whole values can be kept", rule.about())));
        }
        match (kind, rules.first()) {
            (BodyKind::Text, Some(rule)) => Err(SelectorError(format!(
                "selector `{}`: the body is plain text, there is nothing to select in it",
                rule.selector.as_str()
            ))),
            (BodyKind::Exposition, Some(rule)) => Err(SelectorError(format!(
                "selector `{}`: the body is a page of metrics; name labels and families",
                rule.selector.as_str()
            ))),
            (BodyKind::Text | BodyKind::Exposition, None) | (BodyKind::Json, _) => {
                let positions = Positions::new(&rules);
                Ok(Arc::new(Self { kind, rules, positions, sheet: Sheet::default() }))
            }
        }
    }

    /// Compiles `rules` for pages of metrics; for each label the strictest action that finds it wins.
    #[must_use]
    pub fn for_metrics(rules: Vec<SeriesRule>) -> Arc<Self> {
        let positions = Positions::new(&[]);
        Arc::new(Self { kind: BodyKind::Exposition, rules: Vec::new(), positions, sheet: Sheet::compile(rules) })
    }

    /// What the plan does, in words and in the order that [`Report::hits`](super::Report::hits) counts it: selectors, or
    /// labels and families.
    #[must_use]
    pub fn words(&self) -> impl ExactSizeIterator<Item = (Action, Cow<'_, str>)> {
        let (rules, series) = (self.rules.as_slice(), self.sheet.words());
        (0..rules.len() + series.len()).map(move |number| match rules.get(number) {
            Some(rule) => (rule.action, rule.about()),
            None => series
                .get(number - rules.len())
                .map_or((Action::Keep, Cow::Borrowed("")), |(action, text)| (*action, Cow::Borrowed(text.as_str()))),
        })
    }

    /// The rules of a plan for JSON; none for other bodies.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The kind of body this plan is for.
    #[must_use]
    pub fn kind(&self) -> BodyKind {
        self.kind
    }

    /// Whether some rule does this.
    #[must_use]
    pub fn has(&self, action: Action) -> bool {
        self.words().any(|(done, _)| done == action)
    }

    /// Whether nothing stays but what a rule keeps.
    #[must_use]
    pub fn is_allow_list(&self) -> bool {
        self.has(Action::Keep)
    }

    pub(super) fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    pub(super) fn positions(&self) -> &Positions {
        &self.positions
    }
}

/// Sets of positions are slices of `width` words, bit 0 of the first word first.
#[derive(Debug)]
pub(super) struct Positions {
    width: usize,
    /// Where every rule begins.
    start: Vec<u64>,
    /// Positions before a descendant segment: they stay on the way down.
    stay: Vec<u64>,
    /// Positions whose segment takes any child.
    any: Vec<u64>,
    /// Positions whose segment takes some element by place.
    placed: Vec<u64>,
    /// Positions whose segment takes some name.
    named: Vec<u64>,
    names: Names,
    elements: Vec<(u64, Vec<u64>)>,
    /// Positions of rules that keep, before their last.
    ways: Vec<u64>,
    /// The positions among those that wait for names, with the names as they were written.
    spelled: Vec<(usize, Vec<String>)>,
    /// Last positions of all rules.
    ends: Vec<u64>,
    /// The rule that a bit ends.
    ended: Vec<Option<Ended>>,
}

/// A rule, in short.
#[derive(Clone, Copy, Debug)]
struct Ended {
    rule: usize,
    action: Action,
    about: About,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Value,
    Name,
    Text(Other),
    /// A value that goes if it is a text.
    AnyText,
}

/// What the rules say of one child.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// The strictest action on all of it; never [`Action::Keep`].
    pub(super) action: Option<Action>,
    /// A rule keeps it.
    pub(super) kept: bool,
    /// Some rule is about its name.
    pub(super) named: bool,
    /// The strictest action on parts of its text.
    pub(super) text: Option<Action>,
    /// The strictest action of those on all of it when it is no text.
    pub(super) no_text: Option<Action>,
    /// It goes if it is a text.
    pub(super) text_goes: bool,
}

impl Ended {
    fn of(rule: usize, Rule { part, action, .. }: &Rule) -> Self {
        let about = match part {
            Part::Value => About::Value,
            Part::Name(_) => About::Name,
            // Such a text goes, whatever it is.
            Part::Text(forms) if *action == Action::Remove => match forms.other() {
                Other::Whole => About::Value,
                Other::Keep => About::AnyText,
            },
            Part::Text(forms) => About::Text(forms.other()),
        };
        Self { rule, action: *action, about }
    }
}

impl Said {
    fn add(&mut self, Ended { action, about, .. }: Ended) {
        let stricter = |known: &mut Option<Action>| *known = Some(known.map_or(action, |known| known.min(action)));
        match about {
            About::Value if action == Action::Keep => self.kept = true,
            About::Value => stricter(&mut self.action),
            About::Name => self.named = true,
            About::AnyText => self.text_goes = true,
            About::Text(other) => {
                stricter(&mut self.text);
                if other == Other::Whole {
                    stricter(&mut self.no_text);
                }
            }
        }
    }
}

impl Positions {
    fn new(rules: &[Rule]) -> Self {
        let bits: usize = rules.iter().map(|rule| rule.selector.segments().len() + 1).sum();
        let width = bits.div_ceil(64);
        let none = || vec![0; width];
        let mut positions = Self {
            width,
            start: none(),
            stay: none(),
            any: none(),
            placed: none(),
            named: none(),
            names: Names::default(),
            elements: Vec::new(),
            ways: none(),
            spelled: Vec::new(),
            ends: none(),
            ended: vec![None; width * 64],
        };
        let mut bit = 0;
        for (number, rule) in rules.iter().enumerate() {
            set(&mut positions.start, bit);
            let first = bit;
            for segment in rule.selector.segments() {
                positions.add(segment, bit);
                bit += 1;
            }
            if rule.action == Action::Keep {
                (first..bit).for_each(|bit| set(&mut positions.ways, bit));
                rule.selector
                    .segments()
                    .iter()
                    .zip(first..bit)
                    .for_each(|(segment, bit)| positions.spell(segment, bit));
            }
            set(&mut positions.ends, bit);
            positions.ended.get_mut(bit).into_iter().for_each(|ended| *ended = Some(Ended::of(number, rule)));
            bit += 1;
        }
        positions
    }

    fn add(&mut self, segment: &Segment, bit: usize) {
        if segment.descendant {
            set(&mut self.stay, bit);
        }
        for step in &segment.steps {
            match step {
                Step::Any => set(&mut self.any, bit),
                Step::Name(name) => {
                    set(&mut self.named, bit);
                    set(self.names.entry(&name.folded, self.width), bit);
                }
                Step::Index(index) => {
                    set(&mut self.placed, bit);
                    set(entry(&mut self.elements, index, self.width), bit);
                }
            }
        }
    }

    /// A rule that keeps means its names as they are written and no other spelling.
    fn spell(&mut self, segment: &Segment, bit: usize) {
        let exact = segment.steps.iter().filter_map(|step| match step {
            Step::Name(name) => Some(name.exact.clone()),
            Step::Any | Step::Index(_) => None,
        });
        let exact: Vec<String> = exact.collect();
        if !exact.is_empty() && !has(&self.any, bit) {
            self.spelled.push((bit, exact));
        }
    }

    /// Words per set.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The positions at the root.
    pub(super) fn start(&self) -> &[u64] {
        &self.start
    }

    /// Whether some rule in `from` waits for a name.
    pub(super) fn wants_names(&self, from: &[u64]) -> bool {
        meet(from, &self.named)
    }

    /// Whether an element of an array at `from` can be found by a rule.
    pub(super) fn wants_elements(&self, from: &[u64]) -> bool {
        meet(from, &self.any) || meet(from, &self.placed)
    }

    /// Whether a member (or an element) at `from` that no rule names (or places) is found by none.
    pub(super) fn passes_others(&self, from: &[u64], object: bool) -> bool {
        let mut carry = 0;
        let mut found = !object && meet(from, &self.placed);
        for ((from, any), ends) in from.iter().zip(&self.any).zip(&self.ends) {
            let passed = from & any;
            found |= ((passed << 1) | carry) & ends != 0;
            carry = passed >> 63;
        }
        !found
    }

    /// The names that rules wait for.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Goes down to the member with `name` (`None`: one that no rule names).
    pub(super) fn member(&self, from: &[u64], name: Option<&[u64]>, to: &mut Vec<u64>) {
        self.descend(from, name, to);
    }

    /// Takes from `to`, where the member called `name` leads from `from`, what keeps another spelling of this name.
    pub(super) fn as_spelled(&self, from: &[u64], name: &[u8], to: &mut [u64]) {
        let other = |exact: &[String]| !exact.iter().any(|exact| exact.as_bytes() == name);
        for (bit, _) in self.spelled.iter().filter(|(bit, exact)| has(from, *bit) && other(exact)) {
            if !(has(from, bit + 1) && has(&self.stay, bit + 1)) {
                clear(to, bit + 1);
            }
        }
    }

    /// Goes down to the element at `index`.
    pub(super) fn element(&self, from: &[u64], index: u64, to: &mut Vec<u64>) {
        let taken = self.elements.iter().find(|(at, _)| *at == index).map(|(_, set)| set.as_slice());
        self.descend(from, taken, to);
    }

    fn descend(&self, from: &[u64], taken: Option<&[u64]>, to: &mut Vec<u64>) {
        to.clear();
        let mut carry = 0;
        let taken = taken.unwrap_or_default().iter().copied().chain(std::iter::repeat(0));
        for (((from, any), stay), taken) in from.iter().zip(&self.any).zip(&self.stay).zip(taken) {
            let passed = from & (any | taken);
            to.push((passed << 1) | carry | (from & stay));
            carry = passed >> 63;
        }
    }

    /// Whether a rule that keeps may find something further down.
    pub(super) fn leads_on(&self, at: &[u64]) -> bool {
        meet(at, &self.ways)
    }

    /// What the rules that end here say together; counts each.
    #[inline]
    pub(super) fn said(&self, at: &[u64], hits: &mut [u64]) -> Said {
        let mut said = Said::default();
        for ended in self.ending(at) {
            hits.get_mut(ended.rule).into_iter().for_each(|hit| *hit += 1);
            said.add(ended);
        }
        said
    }

    /// The rules that end here and are about the name, by their place.
    pub(super) fn about_name(&self, at: &[u64]) -> impl Iterator<Item = usize> {
        self.ending(at).filter(|ended| ended.about == About::Name).map(|ended| ended.rule)
    }

    /// The rules that end here and are about parts of the text, by their place.
    pub(super) fn about_text(&self, at: &[u64]) -> impl Iterator<Item = usize> {
        self.ending(at).filter(|ended| matches!(ended.about, About::Text(_))).map(|ended| ended.rule)
    }

    fn ending(&self, at: &[u64]) -> impl Iterator<Item = Ended> {
        let words = at.iter().zip(&self.ends).map(|(word, ends)| word & ends).enumerate();
        let bits = words.flat_map(|(number, word)| ones(word).map(move |bit| number * 64 + bit));
        bits.filter_map(|bit| self.ended.get(bit).copied().flatten())
    }
}

fn entry<'a, K: PartialEq + Clone>(entries: &'a mut Vec<(K, Vec<u64>)>, key: &K, width: usize) -> &'a mut [u64] {
    if !entries.iter().any(|(known, _)| known == key) {
        entries.push((key.clone(), vec![0; width]));
    }
    entries.iter_mut().find(|(known, _)| known == key).map_or(&mut [], |(_, set)| set.as_mut_slice())
}
