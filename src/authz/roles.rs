//! Which roles a principal has, without walking through all of them.

use std::collections::{HashMap, HashSet};

use crate::authn::{NamePattern, Principal, Proof};
use crate::document::Position;

use super::claims::{Claim, ClaimTest};
use super::decision::Holder;

/// Which role of a policy: its index in [`RoleNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoleId(pub(super) usize);

/// One way to have a role: each test must hold for one of the principal's proofs.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The role.
    pub(super) role: RoleId,
    /// At least one.
    pub(super) tests: Vec<Test>,
}

/// What one proof must show.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// A token, or what stands for one.
    Token(TokenTest),
    /// A client certificate with one of these names.
    Certificate(Vec<NamePattern>),
}

/// What a token must say; everything in it must hold.
#[derive(Clone, Debug)]
pub(super) struct TokenTest {
    /// The configuration's name of the issuer.
    pub(super) issuer: String,
    /// Whom it may speak of.
    pub(super) subjects: Subjects,
    /// All of these claims.
    pub(super) claims: Vec<ClaimTest>,
}

/// Whom a token may speak of.
#[derive(Clone, Debug)]
pub(super) enum Subjects {
    /// Whomever.
    All,
    /// One of these.
    Named(Vec<String>),
    /// Any service account of one of these Kubernetes namespaces.
    Namespaces(Vec<String>),
}

/// A role that a principal has, and the first of the policy's grants that gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    /// The role.
    pub(super) role: RoleId,
    grant: usize,
}

impl Held {
    /// A role that no grant gave: of somebody whom nobody proved.
    pub(super) const fn supposed(role: RoleId) -> Self {
        Self { role, grant: usize::MAX }
    }
}

impl Grant {
    fn fits(&self, who: &Principal) -> bool {
        self.tests.iter().all(|test| who.proofs().any(|proof| test.holds(proof)))
    }

    /// The proofs that it rests on: for each test the first that holds.
    fn holder(&self, who: &Principal) -> Holder {
        Holder::at(self.tests.iter().filter_map(|test| who.proofs().position(|proof| test.holds(proof))))
    }
}

impl Test {
    /// Whether there is a proof for which it holds.
    fn can_hold(&self) -> bool {
        match self {
            Self::Token(test) => {
                let some = match &test.subjects {
                    Subjects::All => true,
                    Subjects::Named(names) | Subjects::Namespaces(names) => !names.is_empty(),
                };
                some && test.claims.iter().all(|claim| !claim.values.is_empty())
            }
            Self::Certificate(patterns) => !patterns.is_empty(),
        }
    }

    fn holds(&self, proof: &Proof) -> bool {
        match self {
            Self::Token(test) => test.holds(proof),
            Self::Certificate(patterns) => {
                proof.names().is_some_and(|names| patterns.iter().any(|pattern| pattern.matches(names)))
            }
        }
    }
}

impl TokenTest {
    fn holds(&self, proof: &Proof) -> bool {
        self.issuer == proof.issuer()
            && self.subjects.hold(proof.subject())
            && self.claims.iter().all(|test| test.holds(proof.claims()))
    }
}

impl Subjects {
    fn hold(&self, subject: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(subjects) => subjects.iter().any(|named| named == subject),
            Self::Namespaces(namespaces) => {
                let account = subject.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
                account.is_some_and(|(namespace, _)| namespaces.iter().any(|named| named == namespace))
            }
        }
    }
}

/// What the subject of a Kubernetes service account begins with; namespace and name follow, with a colon between.
pub(super) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The names of the roles of a policy.
#[derive(Debug, Default)]
pub(super) struct RoleNames {
    /// With the place where each is named first.
    list: Vec<(String, Position)>,
    ids: HashMap<String, RoleId>,
}

/// The roles of a policy.
#[derive(Debug, Default)]
pub(super) struct Roles {
    names: RoleNames,
    grants: Vec<Grant>,
    issuers: HashMap<String, Index>,
    certificates: CertificateIndex,
}

/// The grants of one issuer, each under the one thing that is looked up first.
#[derive(Debug, Default)]
struct Index {
    everybody: Vec<usize>,
    subjects: HashMap<String, Vec<usize>>,
    claims: Vec<(Claim, HashMap<String, Vec<usize>>)>,
}

/// The grants for client certificates.
#[derive(Debug, Default)]
struct CertificateIndex {
    literals: HashMap<String, Vec<usize>>,
    wildcards: Vec<usize>,
}

impl RoleNames {
    /// The role of that name, a new one if there is none; `at` is where it is named.
    pub(super) fn add(&mut self, name: &str, at: Position) -> RoleId {
        let next = RoleId(self.list.len());
        let role = *self.ids.entry(name.to_owned()).or_insert(next);
        if role == next {
            self.list.push((name.to_owned(), at));
        }
        role
    }

    /// The role of that name.
    pub(super) fn find(&self, name: &str) -> Option<RoleId> {
        self.ids.get(name).copied()
    }

    /// All of them, in the order of the files.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| name.as_str())
    }
}

impl Roles {
    pub(super) fn new(names: RoleNames, grants: Vec<Grant>) -> Self {
        let mut roles = Self { names, ..Self::default() };
        for (position, grant) in grants.iter().enumerate() {
            match grant.tests.first() {
                Some(Test::Token(test)) => roles.issuers.entry(test.issuer.clone()).or_default().add(position, test),
                Some(Test::Certificate(patterns)) => roles.certificates.add(position, patterns),
                None => {}
            }
        }
        roles.grants = grants;
        roles
    }

    /// All comparisons of claims.
    pub(super) fn claims(&self) -> impl Iterator<Item = &ClaimTest> {
        let tests = self.grants.iter().flat_map(|grant| &grant.tests);
        let tokens = tests.filter_map(|test| match test {
            Test::Token(test) => Some(&test.claims),
            Test::Certificate(_) => None,
        });
        tokens.flatten()
    }

    /// All roles, each with its name and the place where that stands first.
    pub(super) fn all(&self) -> impl Iterator<Item = (RoleId, &str, &Position)> {
        self.names.list.iter().enumerate().map(|(role, (name, at))| (RoleId(role), name.as_str(), at))
    }

    /// The roles that a principal can have.
    pub(super) fn can_be_had(&self) -> HashSet<RoleId> {
        let good = self.grants.iter().filter(|grant| grant.tests.iter().all(Test::can_hold));
        good.map(|grant| grant.role).collect()
    }

    /// The name of a role.
    pub(super) fn name(&self, role: RoleId) -> &str {
        self.names.list.get(role.0).map_or("", |(name, _)| name)
    }

    /// The role of that name.
    pub(super) fn find(&self, name: &str) -> Option<RoleId> {
        self.names.find(name)
    }

    /// The grants of a role, in the order of the file.
    pub(super) fn grants(&self, role: RoleId) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.role == role)
    }

    /// The proofs of `who` that a role rests on.
    pub(super) fn holder(&self, held: Held, who: &Principal) -> Holder {
        self.grants.get(held.grant).map(|grant| grant.holder(who)).unwrap_or_default()
    }

    /// The roles of `who`, in ascending order, each once.
    pub(super) fn of(&self, who: &Principal) -> Vec<Held> {
        let mut found = Vec::new();
        // INVARIANT: the indexes only propose; `fits` decides.
        let mut propose = |positions: &[usize]| {
            let proposed = positions.iter().filter_map(|position| Some((*position, self.grants.get(*position)?)));
            let fitting = proposed.filter(|(_, grant)| grant.fits(who));
            found.extend(fitting.map(|(position, grant)| Held { role: grant.role, grant: position }));
        };
        for proof in who.proofs() {
            self.issuers.get(proof.issuer()).into_iter().for_each(|index| index.propose(proof, &mut propose));
            self.certificates.propose(proof, &mut propose);
        }
        found.sort_unstable();
        found.dedup_by_key(|held| held.role);
        found
    }
}

impl Index {
    fn add(&mut self, position: usize, test: &TokenTest) {
        if let Subjects::Named(subjects) = &test.subjects {
            for subject in subjects {
                self.subjects.entry(subject.clone()).or_default().push(position);
            }
        } else if let Some(test) = test.claims.first() {
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

    fn propose(&self, proof: &Proof, propose: &mut impl FnMut(&[usize])) {
        propose(&self.everybody);
        self.subjects.get(proof.subject()).into_iter().for_each(|positions| propose(positions));
        for (claim, values) in &self.claims {
            claim.each_text(proof.claims(), |text| {
                values.get(text).into_iter().for_each(|positions| propose(positions));
            });
        }
    }
}

impl CertificateIndex {
    fn add(&mut self, position: usize, patterns: &[NamePattern]) {
        for pattern in patterns {
            match pattern.literal() {
                Some(name) => self.literals.entry(name.to_owned()).or_default().push(position),
                None => self.wildcards.push(position),
            }
        }
    }

    fn propose(&self, proof: &Proof, propose: &mut impl FnMut(&[usize])) {
        let Some(names) = proof.names() else { return };
        propose(&self.wildcards);
        for name in names.all() {
            self.literals.get(name).into_iter().for_each(|positions| propose(positions));
        }
    }
}
