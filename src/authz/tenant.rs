//! Whose part of an answer a principal may see.

use crate::authn::{Kept, Proof};
use crate::catalog::{Endpoint, Resource, Tenancy, Value};
use crate::redact::is_secret_shaped;

use super::circumstances::Unknown;
use super::claims::{Claim, ClaimTest, Shape};
use super::terms::{Misfit, set};

/// The longest name of a tenant, in bytes.
const MAX_NAME: usize = 256;

/// The claim that names the tenant of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TenantClaim(Claim);

/// Why a request is not the tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// Nothing says whose tenant the principal is, or two proofs disagree.
    Unknown,
    /// The request names another one.
    Misfit(Misfit),
}

impl TenantClaim {
    /// Reads `{claims.path}`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix("{claims.")?.strip_suffix('}')?;
        let is_path = !path.is_empty() && !path.contains(['{', '}']);
        is_path.then(|| Self(Claim { path: path.to_owned(), shape: Shape::Text }))
    }

    /// Adds to `kept` what is looked up: the tenant's name is no text that could be known beforehand.
    pub(super) fn keep(&self, kept: &mut Kept) {
        ClaimTest { claim: self.0.clone(), values: Vec::new() }.keep(kept);
        let parts: Vec<&str> = self.0.path.split('.').collect();
        let ends = (0..parts.len()).filter_map(|start| parts.get(start..));
        kept.whole.extend(ends.map(|end| end.join(".")));
    }

    /// The tenant that `proofs` name, when they name exactly one.
    fn name<'a>(&self, proofs: impl Iterator<Item = &'a Proof>) -> Option<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        proofs.for_each(|proof| self.0.each_text(proof.claims(), |name| names.push(name)));
        let (first, rest) = names.split_first()?;
        let is_plain = (1..=MAX_NAME).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_graphic());
        // It goes into records.
        let is_name = is_plain && !is_secret_shaped(first);
        (is_name && rest.iter().all(|other| other == first)).then_some(*first)
    }

    /// The tenant that `proofs` name, when `what`, a request of `endpoint`, is about no other one.
    ///
    /// # Errors
    /// When there is none, or it is about another one.
    pub(super) fn bind<'a>(
        &self,
        proofs: impl Iterator<Item = &'a Proof>,
        what: &Resource,
        endpoint: &Endpoint,
        unknown: Unknown,
    ) -> Result<String, Stranger> {
        let tenancy = endpoint.tenant.as_ref().ok_or(Stranger::Unknown)?;
        if unknown == Unknown::IsPassedOver {
            let asked = what.arguments().iter().find(|(at, _)| Some(*at) == tenancy.argument);
            return Ok(match asked {
                Some((_, Value::Text(name))) => name.to_string(),
                Some((_, Value::Boolean(_) | Value::Integer(_))) | None => format!("{{claims.{}}}", self.0.path),
            });
        }
        let name = self.name(proofs).ok_or(Stranger::Unknown)?;
        if let Some(position) = tenancy.argument {
            let own = endpoint.arguments.get(position).and_then(|argument| argument.read(name));
            let own = own.ok_or(Stranger::Unknown)?;
            if what.arguments().iter().any(|(at, given)| *at == position && *given != own) {
                return Err(Stranger::Misfit(Misfit::Outside(position)));
            }
        }
        Ok(name.to_owned())
    }
}

/// Makes `what`, a request of `endpoint`, ask about `tenant` alone, and so that the answer says whose each part is.
pub(super) fn narrow(what: &mut Resource, tenant: &str, tenancy: &Tenancy, endpoint: &Endpoint) {
    if let Some(position) = tenancy.argument {
        set(what, position, Value::Text(tenant.into()));
    }
    for (position, value) in &tenancy.force {
        set(what, *position, value.clone());
    }
    what.drop_defaults(endpoint);
}
