//! What a policy answers.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::authn::{Principal, Proof};
use crate::catalog::Resource;
use crate::redact::Plan;

use super::policy::{Effect, Rule};
use super::roles::Held;

/// What a policy says to a request. There is no third answer and no error.
#[derive(Debug)]
pub enum Decision {
    /// Yes, with obligations.
    Permit(Permit),
    /// No, and why.
    Deny(Refused),
}

/// The proof that a policy allowed one request, and what it obliges the rest of the path to do.
///
/// Only [`Policy::decide`](super::Policy::decide) makes one, and it can be used once:
///
/// ```
/// use monward::authz::{Permit, RuleId};
/// fn read(permit: &Permit) -> &RuleId { permit.rule() }
/// ```
/// ```compile_fail
/// use monward::authz::{Permit, RuleId};
/// fn copy(permit: &Permit) -> Permit { permit.clone() }
/// ```
/// ```compile_fail
/// use std::{num::NonZeroU32, sync::Arc};
/// use monward::{authz::{HeldRoles, Holder, Permit, RuleId}, catalog::Resource, redact::Plan};
/// fn forge(resource: Resource, rule: RuleId, plan: Arc<Plan>, (holder, roles): (Holder, HeldRoles)) -> Permit {
///     Permit { resource, rule, limit: None, cost: NonZeroU32::MIN, plan, holder, tenant: None, roles, would: None }
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    resource: Resource,
    rule: RuleId,
    limit: Option<LimitId>,
    cost: NonZeroU32,
    plan: Arc<Plan>,
    holder: Holder,
    tenant: Option<String>,
    roles: HeldRoles,
    would: Option<Box<Would>>,
}

/// The roles that a principal had; [`Policy::role_names`](super::Policy::role_names) knows what they are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldRoles(pub(super) Vec<Held>);

/// What a rule in shadow would have decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// Whether it would have allowed or denied.
    pub effect: Effect,
    /// The rule.
    pub rule: RuleId,
}

/// Which proofs of a principal a permit rests on: who is counted when it has a limit. What else was shown beside them is
/// nobody's second budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// One bit for each, the first one lowest; a request never shows more than three.
    bits: u8,
}

impl Holder {
    /// Those at `positions` in [`Principal::proofs`].
    pub(super) fn at(positions: impl Iterator<Item = usize>) -> Self {
        let bit = |position| u32::try_from(position).ok().and_then(|position| 1_u8.checked_shl(position));
        Self { bits: positions.filter_map(bit).fold(0, |bits, bit| bits | bit) }
    }

    /// The proofs of `who` that are meant.
    pub fn of(self, who: &Principal) -> impl Iterator<Item = &Proof> {
        let meant = who.proofs().zip((0..8).map(move |position| self.bits & (1 << position) != 0));
        meant.filter_map(|(proof, meant)| meant.then_some(proof))
    }
}

impl Permit {
    /// Only for [`Policy::decide`](super::Policy::decide).
    pub(super) fn new(
        (resource, cost): (Resource, NonZeroU32),
        rule: &Rule,
        (plan, tenant): (Arc<Plan>, Option<String>),
        holder: Holder,
        (roles, would): (HeldRoles, Option<Box<Would>>),
    ) -> Self {
        Self { resource, rule: rule.id.clone(), limit: rule.limit, cost, plan, holder, tenant, roles, would }
    }

    /// The tenant whose part alone may leave; `None`: all of it may.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The roles that the principal has.
    #[must_use]
    pub const fn roles(&self) -> &HeldRoles {
        &self.roles
    }

    /// What a rule in shadow would have decided.
    #[must_use]
    pub fn would(&self) -> Option<&Would> {
        self.would.as_deref()
    }

    /// Who is counted by its limit.
    #[must_use]
    pub const fn holder(&self) -> Holder {
        self.holder
    }

    /// The request as it may go upstream: with the arguments that the rule adds.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The rule that allowed it.
    #[must_use]
    pub const fn rule(&self) -> &RuleId {
        &self.rule
    }

    /// How often it may happen; `None` = as often as they like.
    #[must_use]
    pub const fn limit(&self) -> Option<LimitId> {
        self.limit
    }

    /// How many times as much as its endpoint alone the request costs the upstream.
    #[must_use]
    pub const fn cost(&self) -> NonZeroU32 {
        self.cost
    }

    /// What must not leave.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}

/// A refusal, for the audit record and the operator; the caller learns only the status.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// What was asked.
    pub resource: Resource,
    /// The rule that denied it, or the one that came nearest: it was for this principal, but not for these arguments or
    /// not now.
    pub rule: Option<RuleId>,
    /// The roles that the principal has.
    pub roles: HeldRoles,
    /// What a rule in shadow would have decided.
    pub would: Option<Box<Would>>,
}

/// Why a policy refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The principal has none of the policy's roles.
    NoRole,
    /// No rule opens this endpoint to the principal's roles.
    NoRule,
    /// A rule denies this endpoint to the principal.
    Denied,
    /// A rule opens the endpoint to tenants, and nothing says whose tenant the principal is.
    TenantUnknown,
    /// A rule opens the endpoint with these arguments, but not now, from here, over this TLS or with these credentials.
    Conditions,
    /// A rule opens the endpoint with these arguments, but its answers call no function (JSONP).
    Callback,
    /// A rule opens the endpoint, but not with this argument.
    ArgumentForbidden {
        /// The argument's name.
        argument: String,
    },
    /// A rule opens the endpoint with this argument, but not with this value.
    ArgumentOutside {
        /// The argument's name.
        argument: String,
    },
}

impl Reason {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Callback => 400,
            Self::NoRole
            | Self::NoRule
            | Self::Denied
            | Self::TenantUnknown
            | Self::Conditions
            | Self::ArgumentForbidden { .. }
            | Self::ArgumentOutside { .. } => 403,
        }
    }

    /// The label in metrics, audit records and cases.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NoRole => "no_role",
            Self::NoRule => "no_rule",
            Self::Denied => "denied",
            Self::TenantUnknown => "tenant_unknown",
            Self::Conditions => "conditions",
            Self::Callback => "callback",
            Self::ArgumentForbidden { .. } => "argument_forbidden",
            Self::ArgumentOutside { .. } => "argument_outside",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRole => f.write_str("the principal has none of the policy's roles"),
            Self::NoRule => f.write_str("no rule opens this endpoint to the principal's roles"),
            Self::Denied => f.write_str("a rule denies this endpoint to the principal"),
            Self::TenantUnknown => f.write_str("the rule is for tenants, and the credential does not name just one"),
            Self::Conditions => f.write_str("the rule's conditions (time, source, TLS, credentials) do not hold"),
            Self::Callback => f.write_str("no rule that fits serves JSONP (`jsonp: true`)"),
            Self::ArgumentForbidden { argument } => write!(f, "the argument `{argument}` may not be used"),
            Self::ArgumentOutside { argument } => write!(f, "this value of the argument `{argument}` may not be used"),
        }
    }
}

/// The name of a rule, unique in its policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// Only for the reader of policies, which checks the spelling.
    pub(super) fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which limit of a policy: its index in [`Policy::limits`](super::Policy::limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitId(pub(crate) usize);
