//! What somebody needs of one endpoint, by the requests that were seen.

use std::collections::{BTreeMap, BTreeSet};

use super::quote;
use crate::catalog::{Argument, Catalog, EndpointId, Kind, Value};
use crate::insight::Recorded;

/// How many minutes are kept apart: records are written when a request ends, so they come a little out of order.
const MINUTES: usize = 16;
/// How many values of a number without a default are listed.
const LISTED: usize = 16;

/// The requests of one caller for one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Each canonical request, and how often.
    pub(super) forms: BTreeMap<String, u64>,
    pub(super) first: String,
    pub(super) last: String,
    /// Whether something was taken out of an answer.
    pub(super) redacted: bool,
    minutes: BTreeMap<String, u64>,
    busiest: u64,
}

/// What an argument needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// It was never given.
    Nothing,
    /// It had one of these values.
    Values(BTreeSet<Value>),
    /// It was a number up to the second; from the first, where the catalogue's least is below zero.
    Range(Option<i128>, i128),
    /// It was given and left out, and no list can say so; or it is free text.
    Anything,
}

/// What one request may need: one for each argument of the endpoint.
pub(super) type Needs = Vec<Need>;

impl Asked {
    /// Takes one request, in its canonical form.
    pub(super) fn take(&mut self, form: String, record: &Recorded) {
        *self.forms.entry(form).or_default() += 1;
        if self.first.is_empty() || record.time < self.first {
            record.time.clone_into(&mut self.first);
        }
        if record.time > self.last {
            record.time.clone_into(&mut self.last);
        }
        self.redacted |= !record.redactions.is_empty();
        let count = self.minutes.entry(record.minute().to_owned()).or_default();
        *count += 1;
        self.busiest = self.busiest.max(*count);
        if self.minutes.len() > MINUTES {
            self.minutes.pop_first();
        }
    }

    /// How often.
    pub(super) fn count(&self) -> u64 {
        self.forms.values().sum()
    }

    /// The most in one minute.
    pub(super) const fn busiest(&self) -> u64 {
        self.busiest
    }

    /// One set of needs that covers all requests, or with `exactly` one for each of them.
    pub(super) fn needs(&self, catalog: &Catalog, endpoint: EndpointId, exactly: bool) -> Vec<Needs> {
        let arguments = &catalog.endpoint(endpoint).arguments;
        let resources = self.forms.keys().filter_map(|form| catalog.resolve(b"GET", form.as_bytes()).ok());
        let given: Vec<Vec<Option<Value>>> = resources
            .map(|resource| {
                let value = |position| resource.arguments().iter().find(|(at, _)| *at == position);
                (0..arguments.len()).map(|position| value(position).map(|(_, value)| value.clone())).collect()
            })
            .collect();
        if exactly {
            let alone = |value: &Option<Value>| {
                value.clone().map_or(Need::Nothing, |value| Need::Values(BTreeSet::from([value])))
            };
            let mut all: Vec<Needs> = given.iter().map(|values| values.iter().map(alone).collect()).collect();
            // Those that give less come first: a request without arguments is to stay one.
            all.sort_by_key(|needs| needs.iter().filter(|need| **need != Need::Nothing).count());
            return all;
        }
        let of = |(position, argument): (usize, &Argument)| {
            let values: Vec<Option<&Value>> = given.iter().map(|values| values.get(position)?.as_ref()).collect();
            need(argument, &values)
        };
        vec![arguments.iter().enumerate().map(of).collect()]
    }
}

fn need(argument: &Argument, seen: &[Option<&Value>]) -> Need {
    let mut values: BTreeSet<Value> = seen.iter().copied().flatten().cloned().collect();
    if values.is_empty() {
        return Need::Nothing;
    }
    let left_out = seen.contains(&None);
    match (&argument.kind, &argument.default) {
        (Kind::Text { .. }, _) => return Need::Anything,
        (_, None) if left_out => return Need::Anything,
        (_, Some(default)) if left_out => {
            values.insert(default.clone());
        }
        (_, Some(_) | None) => {}
    }
    let numbers =
        || values.iter().filter_map(|value| if let Value::Integer(number) = value { Some(*number) } else { None });
    match (&argument.kind, &argument.default, numbers().min(), numbers().max()) {
        (Kind::Integer { min, .. }, Some(_), Some(least), Some(most)) => Need::Range((*min < 0).then_some(least), most),
        (Kind::Integer { .. }, None, ..) if values.len() > LISTED => Need::Anything,
        _ => Need::Values(values),
    }
}

impl Need {
    /// As it stands in `args`; `None` where leaving the argument out says the same.
    pub(super) fn written(&self, argument: &Argument) -> Option<String> {
        let silent = argument.explicit || matches!(argument.kind, Kind::Word { .. });
        Some(match self {
            Self::Nothing if silent => return None,
            Self::Nothing => "forbid".to_owned(),
            Self::Anything => "allow".to_owned(),
            Self::Range(None, max) => format!("{{ max: {max} }}"),
            Self::Range(Some(min), max) => format!("{{ min: {min}, max: {max} }}"),
            Self::Values(values) => format!("[{}]", values.iter().map(value).collect::<Vec<_>>().join(", ")),
        })
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Boolean(yes) => yes.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => quote(text),
    }
}
