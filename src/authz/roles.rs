//! Which roles a principal has, without walking through all of them.

use std::collections::HashMap;

use crate::authn::Principal;

use super::claims::{Claim, ClaimTest};

/// Which role of a policy: its index in [`Roles::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoleId(pub(super) usize);

/// One way to have a role; everything in it must hold.
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    /// The role.
    pub(super) role: RoleId,
    /// The configuration's name of the issuer.
    pub(super) issuer: String,
    /// One of these subjects; `None` = whichever.
    pub(super) subjects: Option<Vec<String>>,
    /// All of these claims.
    pub(super) claims: Vec<ClaimTest>,
}

impl Alternative {
    /// Whether everything but the issuer holds; the index has only alternatives of the principal's own.
    fn fits(&self, who: &Principal) -> bool {
        self.subjects.as_ref().is_none_or(|subjects| subjects.iter().any(|subject| subject == who.subject()))
            && self.claims.iter().all(|test| test.holds(who.claims()))
    }
}

/// The roles of a policy.
#[derive(Debug, Default)]
pub(super) struct Roles {
    names: Vec<String>,
    alternatives: Vec<Alternative>,
    issuers: HashMap<String, Index>,
}

/// The alternatives of one issuer, each under the one thing that is looked up first.
#[derive(Debug, Default)]
struct Index {
    everybody: Vec<usize>,
    subjects: HashMap<String, Vec<usize>>,
    claims: Vec<(Claim, HashMap<String, Vec<usize>>)>,
}

impl Roles {
    pub(super) fn new(names: Vec<String>, alternatives: Vec<Alternative>) -> Self {
        let mut issuers: HashMap<String, Index> = HashMap::new();
        for (position, alternative) in alternatives.iter().enumerate() {
            issuers.entry(alternative.issuer.clone()).or_default().add(position, alternative);
        }
        Self { names, alternatives, issuers }
    }

    /// The name of a role.
    pub(super) fn name(&self, role: RoleId) -> &str {
        self.names.get(role.0).map_or("", String::as_str)
    }

    /// The roles of `who`, in ascending order, each once.
    pub(super) fn of(&self, who: &Principal) -> Vec<RoleId> {
        let mut found = Vec::new();
        let Some(index) = self.issuers.get(who.issuer()) else { return found };
        // INVARIANT: the index of the issuer only proposes; `fits` decides.
        index.propose(who, |positions| {
            let fitting = positions.iter().filter_map(|position| self.alternatives.get(*position));
            found.extend(fitting.filter(|alternative| alternative.fits(who)).map(|alternative| alternative.role));
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Index {
    fn add(&mut self, position: usize, alternative: &Alternative) {
        if let Some(subjects) = &alternative.subjects {
            for subject in subjects {
                self.subjects.entry(subject.clone()).or_default().push(position);
            }
        } else if let Some(test) = alternative.claims.first() {
            let values = self.values_of(&test.claim);
            for value in &test.values {
                values.entry(value.clone()).or_default().push(position);
            }
        } else {
            self.everybody.push(position);
        }
    }

    fn values_of(&mut self, claim: &Claim) -> &mut HashMap<String, Vec<usize>> {
        let known = self.claims.iter().position(|(other, _)| other == claim);
        let at = known.unwrap_or(self.claims.len());
        if known.is_none() {
            self.claims.push((claim.clone(), HashMap::new()));
        }
        #[expect(clippy::indexing_slicing, reason = "`at` was found or just made")]
        &mut self.claims[at].1
    }

    fn propose(&self, who: &Principal, mut propose: impl FnMut(&[usize])) {
        propose(&self.everybody);
        self.subjects.get(who.subject()).into_iter().for_each(|positions| propose(positions));
        for (claim, values) in &self.claims {
            claim.each_text(who.claims(), |text| values.get(text).into_iter().for_each(|positions| propose(positions)));
        }
    }
}
