//! The shapes of a catalogue and of a request that was understood.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::asking::{Ask, Inject, Methods};
use super::callback::Callback;
use crate::redact::{Action, BodyKind, Fence, KnownFields, Part, Selector, Series};

/// Which endpoint of a catalogue: its index in [`Catalog::endpoints`]. Means nothing to another catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub(crate) usize);

impl EndpointId {
    /// The index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// What can be asked of one kind of upstream. Made by [`Catalog::parse`] or [`Catalog::new`].
#[derive(Debug)]
pub struct Catalog {
    /// Its name, as policies call it.
    pub name: String,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Fields that are sensitive wherever they stand, in every JSON endpoint.
    pub everywhere: Vec<Sensitive>,
    /// The named redaction sets: what each does with each tag.
    pub redactions: Vec<RedactionSet>,
    /// Every canonical path and alias.
    pub(super) paths: HashMap<String, EndpointId>,
    /// The longest body that a client may send to any of them, in bytes.
    pub(super) longest_body: usize,
}

/// One endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name, as policies, metrics and audit records call it.
    pub name: String,
    /// The one path that goes upstream.
    pub path: String,
    /// Other paths that mean the same.
    pub aliases: Vec<String>,
    /// The methods with which clients may ask it.
    pub methods: Methods,
    /// What monward asks the upstream with.
    pub ask: Ask,
    /// The secret that it adds.
    pub inject: Option<Inject>,
    /// The kind of body it answers.
    pub body: BodyKind,
    /// How much a call costs the upstream.
    pub cost: Cost,
    /// Its arguments, in the order in which the query is rebuilt.
    pub arguments: Vec<Argument>,
    /// Its sensitive fields, where it answers JSON.
    pub sensitive: Vec<Sensitive>,
    /// Its sensitive labels and families, where it answers a page of metrics.
    pub series: Vec<(Series, Tag)>,
    /// What its body tells where no selector reaches: in the names of members, or in plain text.
    pub out_of_reach: Vec<Tag>,
    /// The fields that its answers are known to have; `None`: nobody has described them.
    pub fields: Option<Arc<KnownFields>>,
    /// How its answer is cut down to one tenant; `None`: it cannot be.
    pub tenant: Option<Tenancy>,
}

/// How the answer of an endpoint is cut down to one tenant.
#[derive(Debug)]
pub struct Tenancy {
    /// The argument that takes the tenant's name, by its index in [`Endpoint::arguments`]. It only narrows the answer; the
    /// fence holds without it.
    pub argument: Option<usize>,
    /// What the upstream must be asked with, so that the answer says whose each part is and nothing tells where others'
    /// parts are. A default means that the argument is left out, whatever the client gives.
    pub force: Arguments,
    /// What leaves.
    pub fence: Fence,
}

/// How much a call costs the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// A counter or two.
    Cheap,
    /// Walks connections or streams.
    Normal,
    /// Decodes tokens, lists subscriptions, or holds locks.
    Expensive,
    /// Stops the world.
    Ruinous,
}

/// The most that a request costs, in times of its endpoint alone.
pub const MAX_COST: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// One argument of an endpoint.
#[derive(Debug)]
pub struct Argument {
    /// Its name, as it stands in the query.
    pub name: String,
    /// The values it takes.
    pub kind: Kind,
    /// Words that mean the same as one of the words of `kind`: (`any`, `all`).
    pub synonyms: Vec<(String, Arc<str>)>,
    /// What the upstream assumes when it is absent; `false` for every boolean that does not say otherwise.
    pub default: Option<Value>,
    /// Whether a rule must name it before anybody may send it (it reveals or costs more than the endpoint itself).
    pub explicit: bool,
    /// How many times as much as the endpoint alone a request with it costs, 1 to [`MAX_COST`].
    pub cost: NonZeroU32,
}

/// The values that an argument takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A boolean as Go's `strconv.ParseBool` reads it, or one of `words` (in any case).
    Boolean {
        /// Further values, in lower case: `detail`.
        words: Vec<Arc<str>>,
    },
    /// A decimal whole number from `min` to `max`.
    Integer {
        /// The least.
        min: i128,
        /// The most.
        max: i128,
    },
    /// One of `words` (in any case).
    Word {
        /// The values, in lower case.
        words: Vec<Arc<str>>,
    },
    /// Text of 1 to `max_bytes` printable ASCII characters, not shaped like a credential.
    Text {
        /// The longest, in bytes.
        max_bytes: usize,
    },
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// A word in lower case, which it shares with the catalogue, or free text.
    Text(Arc<str>),
}

/// A field that not everybody may see.
#[derive(Debug)]
pub struct Sensitive {
    /// Where it stands.
    pub selector: Selector,
    /// What of it is meant.
    pub part: Part,
    /// What it tells.
    pub tag: Tag,
}

/// What a sensitive field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// What logins are made of: JWTs, tokens, seeds, command lines, and the keys and certificates behind them.
    Credential,
    /// Who somebody is: accounts, users, keys, client names.
    Identity,
    /// Where things are and how they hang together: addresses, peers, groups.
    Topology,
    /// What is talked about: subjects, queue groups, imports and exports.
    Subject,
    /// The machine: paths, versions, settings.
    Host,
    /// What a dashboard tells its series apart by: names of servers, clusters, streams, consumers.
    Name,
}

/// A named redaction set of a catalogue.
#[derive(Debug)]
pub struct RedactionSet {
    /// Its name: `standard`, `no-credentials`, `numbers-only`.
    pub name: String,
    /// What happens to fields with each tag; a tag that is not listed stays.
    pub actions: Vec<(Tag, Action)>,
}

/// The arguments of one request, in the order of [`Endpoint::arguments`], each at most once.
pub type Arguments = Vec<(usize, Value)>;

/// A request that was understood: an endpoint and typed arguments. Only a catalogue makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    pub(crate) endpoint: EndpointId,
    pub(crate) arguments: Arguments,
    pub(crate) callback: Option<Callback>,
}

impl Resource {
    /// `endpoint` with these arguments.
    pub(crate) const fn new(endpoint: EndpointId, arguments: Arguments) -> Self {
        Self { endpoint, arguments, callback: None }
    }

    /// The function that the answer is to call (JSONP); `None`: it is to be plain JSON.
    #[must_use]
    pub const fn callback(&self) -> Option<&Callback> {
        self.callback.as_ref()
    }

    /// Which endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> EndpointId {
        self.endpoint
    }

    /// Leaves out what changes nothing; for whoever gave arguments of `endpoint` other values.
    ///
    /// INVARIANT: a default is no argument, so that equal meaning is equal.
    pub(crate) fn drop_defaults(&mut self, endpoint: &Endpoint) {
        self.arguments.retain(|(position, value)| {
            endpoint.arguments.get(*position).is_none_or(|argument| !argument.is_default(value))
        });
    }

    /// Its arguments: index in [`Endpoint::arguments`] and value.
    #[must_use]
    pub fn arguments(&self) -> &[(usize, Value)] {
        &self.arguments
    }
}
