//! What a rule says about the arguments of one endpoint.

use crate::catalog::{Argument, Endpoint, Kind, Resource, Value};

/// What a rule says about one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constraint {
    /// Any value that the catalogue accepts.
    Allow,
    /// Only the default, which changes nothing: the catalogue takes it for an absent argument.
    Forbid,
    /// One of these; the first one is sent when the caller names none and the default is not among them.
    OneOf(Vec<Value>),
    /// A whole number from the first to the second.
    Range(i128, i128),
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
    constraints: Vec<Constraint>,
    /// What is sent for an argument that the caller leaves out, in the endpoint's order.
    added: Vec<(usize, Value)>,
}

impl Terms {
    /// `written` are the constraints of a rule: position of the argument, constraint.
    pub(super) fn new(endpoint: &Endpoint, written: &[(usize, Constraint)]) -> Self {
        let mut terms = Self { constraints: Vec::new(), added: Vec::new() };
        for (position, argument) in endpoint.arguments.iter().enumerate() {
            let constraint = written.iter().find(|(at, _)| *at == position).map(|(_, constraint)| constraint.clone());
            let constraint = constraint.unwrap_or_else(|| unwritten(argument));
            terms.added.extend(added(&constraint, argument).map(|value| (position, value)));
            terms.constraints.push(constraint);
        }
        terms
    }

    /// Whether the arguments of `what` are within the terms.
    pub(super) fn check(&self, what: &Resource) -> Result<(), Misfit> {
        what.arguments().iter().try_for_each(|(position, value)| self.check_one(*position, value))
    }

    fn check_one(&self, position: usize, value: &Value) -> Result<(), Misfit> {
        let Some(constraint) = self.constraints.get(position) else { return Err(Misfit::Forbidden(position)) };
        match constraint {
            Constraint::Allow => Ok(()),
            Constraint::Forbid => Err(Misfit::Forbidden(position)),
            Constraint::OneOf(values) if values.contains(value) => Ok(()),
            Constraint::Range(min, max) if is_within(value, *min, *max) => Ok(()),
            Constraint::OneOf(_) | Constraint::Range(..) => Err(Misfit::Outside(position)),
        }
    }

    /// `what` with the arguments that the rule adds; only for a `what` that [`Terms::check`] accepted.
    pub(super) fn settle(&self, mut what: Resource) -> Resource {
        for (position, value) in &self.added {
            let place = what.arguments.partition_point(|(other, _)| other < position);
            if what.arguments.get(place).is_none_or(|(other, _)| other != position) {
                what.arguments.insert(place, (*position, value.clone()));
            }
        }
        what
    }
}

/// What holds for an argument that the rule does not name.
const fn unwritten(argument: &Argument) -> Constraint {
    match argument.kind {
        Kind::Word { .. } => Constraint::Forbid,
        Kind::Boolean { .. } | Kind::Integer { .. } | Kind::Text { .. } if argument.explicit => Constraint::Forbid,
        Kind::Boolean { .. } | Kind::Integer { .. } | Kind::Text { .. } => Constraint::Allow,
    }
}

/// What must be sent when the caller leaves the argument out, because the upstream would assume something else.
fn added(constraint: &Constraint, argument: &Argument) -> Option<Value> {
    match (constraint, &argument.default) {
        (Constraint::OneOf(values), Some(default)) if values.contains(default) => None,
        (Constraint::OneOf(values), _) => values.first().cloned(),
        (Constraint::Range(min, max), Some(Value::Integer(default))) if default < min || default > max => {
            Some(Value::Integer((*default).clamp(*min, *max)))
        }
        (Constraint::Range(..) | Constraint::Allow | Constraint::Forbid, _) => None,
    }
}

fn is_within(value: &Value, min: i128, max: i128) -> bool {
    match value {
        Value::Integer(number) => (min..=max).contains(number),
        Value::Boolean(_) | Value::Text(_) => false,
    }
}
