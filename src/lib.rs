//! monward is an identity-aware reverse proxy for monitoring endpoints.
//!
//! # The life of a request
//!
//! ```text
//! connection ─ tls ─▶ proxy: one strict head ─▶ gate::identify, gate::evaluate
//!                                                 │  authn    WHO asks         credential → Principal
//!                                                 │  gate     WHERE it goes    host + raw target → route
//!                                                 │  catalog  WHAT is asked    method + raw target → Resource
//!                                                 │  authz    MAY they         Principal + Resource → Permit
//!                                                 │  quota    HOW OFTEN        Permit → Admitted
//!                                                 ▼
//!                                               Pass ─▶ proxy: upstream request, rebuilt from the pass alone
//!                                                 │     upstream: one bounded answer
//!                                                 ▼     redact   WHAT LEAVES   bytes → bytes without what must not be seen
//!                                              answer ─▶ audit   WHAT HAPPENED one record, in every branch
//! ```
//!
//! Each arrow is the only constructor of the next type, their fields are private and none of them can be cloned: an
//! upstream request that nobody permitted does not compile. The first thing that is wrong ends the path with a
//! [`gate::Denial`] (*refused*: the upstream saw no byte); what is wrong behind the upstream ends it with nothing of
//! the upstream's answer (*withheld*).
//!
//! # The modules, in the order in which they may name each other
//!
//! | pure: no IO, no clock, no async, no log | |
//! |---|---|
//! | [`types`] | time, request ids, secrets |
//! | [`document`] | YAML with places; all faults of a file at once |
//! | [`redact`] | takes out of a body what its reader must not see |
//! | [`authn`] | tokens, certificates, keys, assertions; principals; what is revoked |
//! | [`catalog`] | what can be asked of an upstream; the data is in `policies/catalogs/` |
//! | [`authz`] | policies, their decisions, cases and explanations |
//! | [`quota`] | budgets |
//! | [`gate`] | the whole decision |
//! | [`audit`] | records |
//! | [`insight`] | what records tell: why, what another policy would say, which policy is enough |
//!
//! | edge | |
//! |---|---|
//! | [`config`] | `monward.yaml` |
//! | [`ops`] | clock, tasks, metrics, admin listener, audit sink, log |
//! | [`tls`] | certificates and TLS settings of both sides |
//! | [`upstream`] | a bounded HTTP/1.1 client |
//! | [`oidc`] | fetches the keys of issuers and keeps them fresh; asks them about tokens |
//! | [`proxy`] | the enforcement point |
//! | [`server`] | puts it all together; start, reload, drain |
//! | [`demo`] | everything on one machine, with a guided tour |
//! | [`cli`] | the commands |
//!
//! # Words
//!
//! *Principal*: who asks, once proven (`AuthZEN`: subject). *Credential*: what was shown to prove it. *Role*: what a
//! policy calls a set of principals, by their claims. *Endpoint*, *argument*: what a catalogue knows of an upstream.
//! *Resource*: an endpoint with the arguments of one request. *Rule*, *decision*, *reason*: of a policy. *Obligation*:
//! what a permit demands, a limit and a redaction (XACML). *Upstream*: the guarded side. *Refuse*: before the upstream;
//! *withhold*: after it. *Snapshot*: everything that is in force at one moment.
//!
//! # Decisions
//!
//! What was chosen, what was not, and the price.
//!
//! * **HTTP/1.1 is answered by an own lane**, not by pingora's proxy. monward only ever reads, so a request has no
//!   body, or one that the catalogue knows byte for byte; a lane that refuses everything but one strict head and such a
//!   body is small, has no framing to disagree about,
//!   audits every malformed head, and costs less than half the CPU. pingora accepts bare line feeds, `TE` with `CL`,
//!   missing hosts and more, repairs them before any hook, and answers others without one. Price: about 500 lines of
//!   our own.
//! * **HTTP/2 streams are accepted from the `h2` crate directly**, with pingora's bounded options: pingora answers
//!   requests with two opinions on their host by itself, and nobody could record them. The accept loop of listeners stays
//!   with pingora; its TLS, proxy, cache and pool crates are left out.
//! * **A credential that only somebody else can judge is a question of the gate** ([`gate::Question`]), which the edge
//!   answers: introspection, `TokenReview`, a static key's hash. So the decision stays one pure function with no IO in it.
//! * **All that is shown is believed or refused together**: a principal is a list of proofs. A bad credential is never
//!   passed over for the sake of a good one, and a limit counts whoever the deciding role rests on.
//! * **TLS sessions with client certificates are never resumed**, since nobody looks at revocation lists on resumption.
//!   Price: each new connection is a full handshake.
//! * **Of a token's claims only what policies compare is remembered.** 100,000 tokens take about 55 MB.
//! * **The upstream client is our own**: strict framing, a bounded body, and an answer that leaves only when it is
//!   whole, so that status and length are always true. Price: answers are held in memory up to `max_body`.
//! * **Signatures are checked with `ring` alone.** `jsonwebtoken` checks neither duplicate members, `crit`, `typ` nor
//!   the kind of a key, and would check everything twice. Price: the compact form and claims are read by our own code,
//!   held to Wycheproof's vectors and to a corpus of hostile tokens.
//! * **A route is chosen behind the identity and before the catalogue**, on the raw target, and the catalogue sees only
//!   what is left of it: there is no path that one part judges and another one forwards. Price: the credentials that a
//!   listener takes are the same for all of its routes.
//! * **A proxy that only asks gets no permit that monward alone could carry out.** It would be easy to say yes and name
//!   the redaction in a field; nobody would see when it is not done. Price: forward-auth is for rules without redaction,
//!   and for targets that are spelled canonically.
//! * **Redaction has a machine that decides and an index that only passes** ([`redact::Kernel`]): what vectors see is never
//!   an error and never a redaction, only "plain up to here", and in doubt the machine looks. So all processors redact
//!   alike, which tests ask of each. Vectors are loaded by value and masks joined by arithmetic, so that `unsafe` is
//!   nothing but three calls of functions compiled for certain processors. Price: white space
//!   where no printer puts it, and every `@`, go the slow way.
//! * **YAML is read into a tree with places**, not by serde: serde stops at the first fault. Price: readers by hand.
//! * **[`redact`] stands above [`catalog`] and [`authz`]**, although data passes it last: both name selectors, which are
//!   checked when files are read.
//! * **A pseudonym is 80 bits of an HMAC**, not of a hash: names of accounts can be guessed, and whoever reads answers could try
//!   them. Rejected: counting (`account-1`), which needs a memory that replicas share. Price: a key to keep, or names that
//!   change with each start.
//! * **A form of a text is certain or it is not used** ([`redact::Forms`]): literals are looked for from both ends, and a text with
//!   two readings is taken as a whole. Rejected: regular expressions, in which nobody sees that a quote in a name moves the end
//!   of a match. Price: less can be said, and a strange name hides more of its text.
//! * **What a tenant sees is rebuilt from the whole answer** ([`redact::Fence`]), whatever the upstream was asked: `acc=` of
//!   NATS answers about everybody when it does not know the name. Price: such an answer is held whole, and what no
//!   catalogue names does not leave, harmless totals included.
//! * **A deny rule anywhere beats all; of the allow rules that fit, the one that takes out least decides.** The order of
//!   rules says nothing, so a policy can be cut into files. What leaves is always what one rule says: rules that add up
//!   would show what nobody has written. Price: who should see less must not have the role that sees more.
//! * **Conditions have three answers.** What is not known opens nothing, and what it would close stays closed.
//! * **A tenant is fenced on the answer**, by an allow-list; the argument that names the account only makes it cheaper.
//!   Price: such an answer is held whole once more before it is redacted.
//! * **An argument that reveals or costs more than its endpoint must be named by a rule** before anybody may send it
//!   (`explicit` in the catalogue). Price: a policy is a word longer; it says what it opens.

pub mod types;
pub mod document;
pub mod redact;
pub mod authn;
pub mod catalog;
pub mod authz;
pub mod quota;
pub mod gate;
pub mod audit;
pub mod insight;
pub mod config;
pub mod ops;
pub mod tls;
pub mod upstream;
pub mod oidc;
pub mod proxy;
pub mod server;
pub mod demo;
pub mod cli;
