//! What the operator wrote, checked as a whole before anything starts.
//!
//! In: `monward.yaml` and the files it names. Out: a [`Config`] whose every value is in range, or **all** faults at
//! once with their places. Reading ([`read`]) knows no files but the one text; [`load`] opens the others. Nothing here
//! listens, dials or runs.

mod forward_auth;
mod listeners;
pub mod load;
mod read;
mod routes;
mod trusted;
mod units;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use read::read;

use crate::authn::{IssuerSettings, Profile};
use crate::gate::ForwardAuth;

/// All of `monward.yaml`. Paths are as written; [`load`] resolves them against the file's folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Where operators look; loopback unless they say otherwise.
    pub admin: SocketAddr,
    /// Who vouches for clients.
    pub issuers: Vec<Issuer>,
    /// What is guarded.
    pub upstreams: Vec<Upstream>,
    /// Further catalogues that policies may name.
    pub catalogs: Vec<PathBuf>,
    /// The bounds of the front.
    pub limits: Limits,
    /// Where audit records go.
    pub audit: Audit,
    /// How monward talks about itself.
    pub log: Log,
    /// Worker threads; `None` is one per core.
    pub threads: Option<usize>,
    /// The file of what is revoked.
    pub revocations: Option<PathBuf>,
    /// The folder for what outlives a restart: the last good keys of issuers.
    pub state_dir: Option<PathBuf>,
    /// The file of the key that pseudonyms are made with; `None`: a random one of the process.
    pub pseudonym_key: Option<PathBuf>,
}

/// One TLS listener.
#[derive(Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// The host names it answers for, in lower case; empty is any.
    pub hosts: Vec<String>,
    /// Its certificates; the first one also answers unknown names.
    pub certificates: Vec<Certificate>,
    /// Whether TLS 1.2 is accepted beside 1.3.
    pub tls12: bool,
    /// Whether clients may show a certificate; `None`: they are not asked for one.
    pub client_auth: Option<ClientAuth>,
    /// Whether HTTP Basic is accepted.
    pub basic: bool,
    /// Which proxy may ask about requests of others, instead of passing them on.
    pub forward_auth: Option<ForwardAuth>,
    /// Where requests go from it; no two for the same.
    pub routes: Vec<Route>,
}

/// One way from a listener to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The host name it is for, in lower case; `None` is any.
    pub host: Option<String>,
    /// The beginning of its paths: canonical, without a slash at the end; empty is any.
    pub prefix: String,
    /// Index of its upstream in [`Config::upstreams`].
    pub upstream: usize,
}

/// Which client certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// Whether the handshake fails without one.
    pub required: bool,
    /// The certificate authorities, PEM.
    pub ca_file: PathBuf,
    /// Their revocation lists, PEM or DER.
    pub crl_files: Vec<PathBuf>,
}

/// A certificate chain and its key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `OpenID` Connect Discovery at the issuer's URL.
    Discovery,
    /// A fixed URL.
    Url(String),
    /// A file, read again at each refresh.
    File(PathBuf),
    /// Where the load balancers of AWS publish theirs, each key under its name.
    Alb {
        /// The region of the load balancer.
        region: String,
    },
}

/// One issuer of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name, and what is checked of its tokens.
    pub tokens: IssuerSettings,
    /// How its credentials are judged.
    pub judged: Judged,
    /// Roots for its TLS certificate, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether it may live on loopback, private or link-local addresses.
    pub allow_private_addresses: bool,
}

impl Issuer {
    /// Whether it is a Kubernetes cluster.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        let reviewed = matches!(&self.judged, Judged::ByAsking(Ask { way: AskWay::Review { .. }, .. }));
        reviewed || self.tokens.profile == Profile::ServiceAccount
    }
}

/// How the credentials of an issuer are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// By its keys.
    ByKeys(Keys),
    /// By asking it about each.
    ByAsking(Ask),
    /// By the hashes in a file.
    ByFile(PathBuf),
}

/// How the keys of an issuer are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Where they come from.
    pub source: KeySource,
    /// Hosts besides the issuer's own that may hold them, in lower case; for discovery.
    pub hosts: Vec<String>,
    /// The file with monward's own token, for issuers that show their keys to their own only.
    pub token_file: Option<PathBuf>,
    /// How often they are fetched.
    pub refresh: Duration,
    /// How long they serve after the last good fetch.
    pub max_stale: Duration,
}

/// How an issuer is asked about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// In which way.
    pub way: AskWay,
    /// How long an answer counts.
    pub cache: Duration,
}

/// In which way an issuer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskWay {
    /// Token introspection (RFC 7662).
    Introspection {
        /// Where.
        url: String,
        /// The name that monward has there.
        client_id: String,
        /// How monward proves that name.
        client: AskClient,
    },
    /// `TokenReview` of Kubernetes.
    Review {
        /// The API server.
        server: String,
        /// The file with monward's own token.
        token_file: PathBuf,
    },
}

/// How monward proves who it is when it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskClient {
    /// By the secret in this file.
    SecretFile(PathBuf),
    /// By a client certificate.
    Certificate(Certificate),
}

/// One guarded server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What stands before every path there: canonical, or empty.
    pub base: String,
    /// The files of the policy that guards it.
    pub policies: Vec<PathBuf>,
    /// Roots for its certificate, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate monward shows it.
    pub client: Option<Certificate>,
    /// The name in its certificate, where it is not the host.
    pub server_name: Option<String>,
    /// The longest dial, TLS included.
    pub connect_timeout: Duration,
    /// The longest request, dial included.
    pub total_timeout: Duration,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The files with the secrets that its catalogue adds to requests, by the catalogue's names for them.
    pub secrets: Vec<(String, PathBuf)>,
}

/// The bounds of the front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all, per listener.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_source: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its head; also the h2 preface.
    pub header: Duration,
    /// The largest head, in bytes.
    pub header_bytes: usize,
    /// Between requests.
    pub idle: Duration,
    /// For writing one answer without progress.
    pub write: Duration,
    /// For requests in flight at shutdown.
    pub drain: Duration,
    /// Verified tokens that are remembered.
    pub cached_tokens: usize,
}

/// Where audit records go; both may be on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// To standard output.
    pub stdout: bool,
    /// To a file, appended.
    pub file: Option<PathBuf>,
}

/// How monward talks about itself, on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// One JSON object per line instead of text.
    pub json: bool,
}
