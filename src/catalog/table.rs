//! Looking things up in a catalogue that was read.

use std::num::NonZeroU32;

use super::model::{Catalog, Cost, Endpoint, EndpointId, MAX_COST, RedactionSet, Resource, Sensitive, Tag};
use crate::redact::{BodyKind, Rule, Series, SeriesRule};

impl Catalog {
    /// Puts parts together that are right: unique names, canonical paths. [`Catalog::parse`] checks them.
    #[must_use]
    pub fn new(
        name: String,
        endpoints: Vec<Endpoint>,
        everywhere: Vec<Sensitive>,
        redactions: Vec<RedactionSet>,
    ) -> Self {
        let paths = endpoints
            .iter()
            .enumerate()
            .flat_map(|(index, endpoint)| {
                let all = std::iter::once(&endpoint.path).chain(&endpoint.aliases);
                all.map(move |path| (path.clone(), EndpointId(index)))
            })
            .collect();
        let posts = endpoints.iter().filter(|endpoint| endpoint.methods.have(b"POST"));
        let longest_body = posts.map(|endpoint| endpoint.ask.body().len()).max().unwrap_or_default();
        Self { name, endpoints, everywhere, redactions, paths, longest_body }
    }

    /// The longest body that a client may send, in bytes; 0 where none may be sent at all.
    #[must_use]
    pub const fn longest_body(&self) -> usize {
        self.longest_body
    }

    /// The endpoint of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<EndpointId> {
        self.endpoints.iter().position(|endpoint| endpoint.name == name).map(EndpointId)
    }

    /// The endpoint with that id, which must come from this catalogue.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "only this catalogue makes its ids, and its endpoints never change")]
    pub fn endpoint(&self, id: EndpointId) -> &Endpoint {
        &self.endpoints[id.0]
    }

    /// How many times as much as its endpoint alone `resource` costs, at most [`MAX_COST`]: the costs of its arguments
    /// multiplied. An argument with its default costs nothing more.
    #[must_use]
    pub fn cost(&self, resource: &Resource) -> NonZeroU32 {
        let arguments = &self.endpoint(resource.endpoint).arguments;
        let given = resource.arguments.iter().filter_map(|(index, value)| Some((arguments.get(*index)?, value)));
        let costly = given.filter(|(argument, value)| !argument.is_default(value));
        costly.fold(NonZeroU32::MIN, |cost, (argument, _)| cost.saturating_mul(argument.cost)).min(MAX_COST)
    }

    /// What the redaction set `set` does to an answer of the endpoint; `None` when there is no such set.
    #[must_use]
    pub fn rules(&self, set: &str, id: EndpointId) -> Option<Vec<Rule>> {
        let set = self.set(set)?;
        let endpoint = self.endpoint(id);
        if endpoint.body != BodyKind::Json {
            return Some(Vec::new());
        }
        let fields = self.everywhere.iter().chain(&endpoint.sensitive);
        let rule = |field: &Sensitive| {
            let (selector, part) = (field.selector.clone(), field.part.clone());
            Some(Rule { part, ..Rule::new(selector, set.action(field.tag)?) })
        };
        Some(fields.filter_map(rule).collect())
    }

    /// What the redaction set `set` does to a page of metrics of the endpoint; `None` when there is no such set.
    #[must_use]
    pub fn series_rules(&self, set: &str, id: EndpointId) -> Option<Vec<SeriesRule>> {
        let set = self.set(set)?;
        let rule = |(series, tag): &(Series, Tag)| {
            let action = set.action(*tag)?;
            Some(SeriesRule { series: series.clone(), action })
        };
        Some(self.endpoint(id).series.iter().filter_map(rule).collect())
    }

    /// What the redaction set `set` means to take out but cannot, because the endpoint tells it where no selector
    /// reaches; `None` when there is no such set. Not empty: the set does not keep its promise there.
    #[must_use]
    pub fn unkept(&self, set: &str, id: EndpointId) -> Option<Vec<Tag>> {
        let set = self.set(set)?;
        let tags = self.endpoint(id).out_of_reach.iter();
        Some(tags.copied().filter(|tag| set.action(*tag).is_some()).collect())
    }

    fn set(&self, name: &str) -> Option<&RedactionSet> {
        self.redactions.iter().find(|set| set.name == name)
    }
}

impl RedactionSet {
    /// What happens to fields with `tag`; `None`: they stay.
    #[must_use]
    pub fn action(&self, tag: Tag) -> Option<crate::redact::Action> {
        self.actions.iter().find(|(listed, _)| *listed == tag).map(|(_, action)| *action)
    }
}

impl Tag {
    /// All tags with their names in files.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("credential", Self::Credential),
        ("identity", Self::Identity),
        ("topology", Self::Topology),
        ("subject", Self::Subject),
        ("host", Self::Host),
        ("name", Self::Name),
    ];

    /// Its name in files and messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Identity => "identity",
            Self::Topology => "topology",
            Self::Subject => "subject",
            Self::Host => "host",
            Self::Name => "name",
        }
    }
}

impl Cost {
    /// All classes with their names in files.
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("cheap", Self::Cheap), ("normal", Self::Normal), ("expensive", Self::Expensive), ("ruinous", Self::Ruinous)];
}
