//! What a rule says about the arguments of one endpoint.

use crate::catalog::{Argument, Endpoint, Kind, Resource, Value};

/// What a rule says about one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constraint {
    /// The values that it takes.
    pub(super) takes: Takes,
    /// What is sent when the caller leaves it out; `None`: nothing, unless what the upstream assumes then would not be
    /// taken.
    pub(super) default: Option<Value>,
}

/// The values of an argument that a rule takes from a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Any that the catalogue accepts.
    Any,
    /// Only the default, which changes nothing: the catalogue takes it for an absent argument.
    Nothing,
    /// One of these; the first one is sent when the caller names none and the default is not among them.
    OneOf(Vec<Value>),
    /// A whole number in this range.
    Within(Bounds),
    /// Any, and this one is sent instead.
    Forced(Value),
}

/// A range of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The least.
    pub(super) min: i128,
    /// The most.
    pub(super) max: i128,
    /// What becomes of numbers outside.
    pub(super) outside: Outside,
}

/// What becomes of a number outside of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// The request is refused.
    Refused,
    /// The nearest bound is sent instead.
    Clamped,
}

/// How a request misses a rule's terms: the position of the first argument that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It may not be used.
    Forbidden(usize),
    /// Not with this value.
    Outside(usize),
}

/// A rule's terms for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// One for each argument of the endpoint.
    takes: Vec<Takes>,
    /// What is sent for an argument that the caller leaves out, in the endpoint's order.
    added: Vec<(usize, Value)>,
}

impl Terms {
    /// `written` are the constraints of a rule: position of the argument, constraint.
    pub(super) fn new(endpoint: &Endpoint, written: &[(usize, Constraint)]) -> Self {
        let mut terms = Self { takes: Vec::new(), added: Vec::new() };
        for (position, argument) in endpoint.arguments.iter().enumerate() {
            let constraint = written.iter().find(|(at, _)| *at == position).map(|(_, constraint)| constraint.clone());
            let Constraint { takes, default } =
                constraint.unwrap_or_else(|| Constraint { takes: unwritten(argument), default: None });
            let added = default.or_else(|| takes.implied(argument));
            terms.added.extend(added.map(|value| (position, value)));
            terms.takes.push(takes);
        }
        terms
    }

    /// What it takes for each argument of the endpoint.
    pub(super) fn takes(&self) -> &[Takes] {
        &self.takes
    }

    /// Whether the arguments of `what` are within the terms. `bound` is the argument that a tenant's name is bound to;
    /// whoever binds it says whether it fits.
    pub(super) fn check(&self, what: &Resource, bound: Option<usize>) -> Result<(), Misfit> {
        let free = what.arguments().iter().filter(|(position, _)| Some(*position) != bound);
        free.map(|(position, value)| self.check_one(*position, value)).find(Result::is_err).unwrap_or(Ok(()))
    }

    fn check_one(&self, position: usize, value: &Value) -> Result<(), Misfit> {
        let Some(takes) = self.takes.get(position) else { return Err(Misfit::Forbidden(position)) };
        match takes {
            takes if takes.holds(value) => Ok(()),
            Takes::Nothing => Err(Misfit::Forbidden(position)),
            Takes::Any | Takes::Forced(_) | Takes::OneOf(_) | Takes::Within(_) => Err(Misfit::Outside(position)),
        }
    }

    /// `what`, a request of `endpoint`, as the rule wants it to be asked; only for one that [`Terms::check`] accepted.
    pub(super) fn settle(&self, mut what: Resource, endpoint: &Endpoint) -> Resource {
        for (position, value) in &mut what.arguments {
            match self.takes.get(*position) {
                Some(Takes::Within(bounds)) => bounds.clamp(value),
                Some(Takes::Forced(forced)) => value.clone_from(forced),
                Some(Takes::Any | Takes::Nothing | Takes::OneOf(_)) | None => {}
            }
        }
        for (position, value) in &self.added {
            if !what.arguments.iter().any(|(other, _)| other == position) {
                set(&mut what, *position, value.clone());
            }
        }
        what.drop_defaults(endpoint);
        what
    }

    /// Whether every request that fits `other` fits this one as well.
    pub(super) fn cover(&self, other: &Self) -> bool {
        self.takes.len() == other.takes.len()
            && self.takes.iter().zip(&other.takes).all(|(own, other)| own.cover(other))
    }
}

/// Gives the argument at `position` the value `value`, whether or not it has one.
pub(super) fn set(what: &mut Resource, position: usize, value: Value) {
    let place = what.arguments.partition_point(|(other, _)| *other < position);
    match what.arguments.get_mut(place) {
        Some((other, own)) if *other == position => *own = value,
        Some(_) | None => what.arguments.insert(place, (position, value)),
    }
}

impl Takes {
    /// Whether it takes `value` from a caller.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Any | Self::Forced(_) => true,
            Self::Nothing => false,
            Self::OneOf(values) => values.contains(value),
            Self::Within(bounds) => bounds.outside == Outside::Clamped || bounds.hold(value),
        }
    }

    /// Whether `value` may go upstream.
    pub(super) fn sends(&self, value: &Value) -> bool {
        match self {
            Self::Within(bounds) => bounds.hold(value),
            Self::Any | Self::Forced(_) | Self::Nothing | Self::OneOf(_) => self.holds(value),
        }
    }

    /// What must be sent when the caller leaves the argument out, because the upstream would assume something else.
    fn implied(&self, argument: &Argument) -> Option<Value> {
        match (self, &argument.default) {
            (Self::OneOf(values), Some(default)) if values.contains(default) => None,
            (Self::OneOf(values), _) => values.first().cloned(),
            (Self::Forced(value), _) => Some(value.clone()),
            (Self::Within(Bounds { min, max, .. }), Some(Value::Integer(default)))
                if default < min || default > max =>
            {
                Some(Value::Integer((*default).clamp(*min, *max)))
            }
            (Self::Within(_) | Self::Any | Self::Nothing, _) => None,
        }
    }

    /// Whether it takes every value that `other` takes.
    fn cover(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Forced(_), _) | (_, Self::Nothing) => true,
            (Self::Within(bounds), _) if bounds.outside == Outside::Clamped => true,
            (Self::OneOf(own), Self::OneOf(others)) => others.iter().all(|value| own.contains(value)),
            (Self::Within(own), Self::Within(others)) if others.outside == Outside::Refused => {
                own.min <= others.min && own.max >= others.max
            }
            (Self::Within(own), Self::OneOf(others)) => others.iter().all(|value| own.hold(value)),
            (Self::Nothing | Self::OneOf(_) | Self::Within(_), _) => false,
        }
    }
}

impl Bounds {
    fn hold(&self, value: &Value) -> bool {
        match value {
            Value::Integer(number) => (self.min..=self.max).contains(number),
            Value::Boolean(_) | Value::Text(_) => false,
        }
    }

    fn clamp(&self, value: &mut Value) {
        if let Value::Integer(number) = value {
            *number = (*number).clamp(self.min, self.max);
        }
    }
}

/// What holds for an argument that the rule does not name.
const fn unwritten(argument: &Argument) -> Takes {
    match argument.kind {
        Kind::Word { .. } => Takes::Nothing,
        Kind::Boolean { .. } | Kind::Integer { .. } | Kind::Text { .. } if argument.explicit => Takes::Nothing,
        Kind::Boolean { .. } | Kind::Integer { .. } | Kind::Text { .. } => Takes::Any,
    }
}
