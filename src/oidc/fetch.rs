//! Gets one key document, from wherever the configuration says it is.

use super::address::resolve;
use super::secret_file::bearer;
use super::{OidcError, Reach, SourceUrl};
use crate::authn::{MAX_DOCUMENT, Wanted};
use crate::upstream::{FetchError, Limits, Place, Pool, ResponseHead, Sink, Stop, Take, Target, TargetTls, write_get};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where the keys of one issuer come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The issuer's metadata document says where; see [`Source::discovery`].
    Discovery {
        /// What the document's `issuer` must equal, byte for byte.
        issuer: String,
        /// Where that document is.
        document: SourceUrl,
        /// Hosts besides the issuer's that `jwks_uri` may name.
        jwks_hosts: Vec<String>,
        /// How they are called.
        remote: Remote,
    },
    /// A fixed URL.
    Url {
        /// The key set.
        url: SourceUrl,
        /// How it is called.
        remote: Remote,
    },
    /// Each key under its name, in PEM; see [`Source::named`].
    Named {
        /// What a name is written behind.
        base: String,
        /// How it is called.
        remote: Remote,
    },
    /// A file, read anew each time.
    File(PathBuf),
}

/// How an issuer is called.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Whose certificates are believed.
    pub tls: Arc<ClientConfig>,
    /// Which addresses may be called.
    pub reach: Reach,
    /// For everything together: metadata and keys, lookups and handshakes; at most five seconds.
    pub timeout: Duration,
    /// The file with monward's own bearer token, for issuers that show their keys to their own only. Read anew each
    /// time; sent over TLS only.
    pub token_file: Option<PathBuf>,
}

/// A key document, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDocument {
    /// Its bytes, at most [`crate::authn::MAX_DOCUMENT`].
    pub body: Vec<u8>,
    /// What `Cache-Control: max-age` said, if the answer may be kept at all.
    pub max_age: Option<Duration>,
}

/// The longest that one refresh may take.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(5);

impl Source {
    /// Discovery for `issuer`.
    ///
    /// # Errors
    /// When the issuer is no usable URL.
    pub fn discovery(issuer: &str, jwks_hosts: Vec<String>, remote: Remote) -> Result<Self, OidcError> {
        let document = SourceUrl::discovery(issuer, remote.reach)?;
        Ok(Self::Discovery { issuer: issuer.to_owned(), document, jwks_hosts, remote })
    }

    /// Keys that are published one by one, each at `base`, a slash and its name.
    ///
    /// # Errors
    /// When `base` is no usable URL, or has a query.
    pub fn named(base: &str, remote: Remote) -> Result<Self, OidcError> {
        let base = base.strip_suffix('/').unwrap_or(base);
        SourceUrl::parse(base, remote.reach)?;
        if base.contains('?') {
            return Err(OidcError::Url("names are written behind a path, not behind a query"));
        }
        Ok(Self::Named { base: base.to_owned(), remote })
    }

    /// What tells this source from others, for what is kept on disk; `None` when nothing of it need be kept.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Discovery { document, .. } => Some(document.to_string()),
            Self::Url { url, .. } => Some(url.to_string()),
            Self::Named { .. } | Self::File(_) => None,
        }
    }

    const fn timeout(&self) -> Duration {
        match self {
            Self::Discovery { remote, .. } | Self::Url { remote, .. } | Self::Named { remote, .. } => remote.timeout,
            Self::File(_) => MAX_TIMEOUT,
        }
    }
}

/// Where the load balancers of AWS in `region` publish their keys; `None` when that is no region's name.
///
/// As the [guide] has it; `GovCloud` has buckets of its own.
///
/// [guide]: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding
#[must_use]
pub fn alb_keys(region: &str) -> Option<String> {
    let sound = (1..=32).contains(&region.len())
        && region.starts_with(|first: char| first.is_ascii_lowercase())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let base = if region.starts_with("us-gov-") {
        format!("https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}")
    } else {
        format!("https://public-keys.auth.elb.{region}.amazonaws.com")
    };
    sound.then_some(base)
}

/// Fetches what is `wanted` of the keys of `source` now.
///
/// # Errors
/// Whatever is not a whole, unencoded 200 from an allowed place within the limits.
pub async fn fetch_keys(source: &Source, wanted: Wanted) -> Result<KeyDocument, OidcError> {
    match tokio::time::timeout(source.timeout().min(MAX_TIMEOUT), fetch(source, wanted)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(OidcError::Fetch(FetchError::TimedOut)),
    }
}

async fn fetch(source: &Source, wanted: Wanted) -> Result<KeyDocument, OidcError> {
    match source {
        Source::Discovery { issuer, document, jwks_hosts, remote } => {
            let metadata = get(document, remote).await?;
            let keys = key_url(&metadata.body, issuer, remote.reach)?;
            if document.is_secure() && !keys.is_secure() {
                return Err(OidcError::PlainText);
            }
            let pinned = jwks_hosts.iter().any(|host| host.eq_ignore_ascii_case(keys.host()));
            if keys.host() != document.host() && !pinned {
                return Err(OidcError::JwksHost);
            }
            if pinned || keys.authority() == document.authority() {
                return get(&keys, remote).await;
            }
            // Another port of the host is another server: the token is not for it.
            get(&keys, &Remote { token_file: None, ..remote.clone() }).await
        }
        Source::Url { url, remote } => get(url, remote).await,
        Source::Named { base, remote } => {
            let name = match wanted {
                Wanted::Key(name) => name.uuid(),
                Wanted::Set => None,
            };
            let name = name.ok_or(OidcError::Url("the name of a key is no UUID"))?;
            get(&SourceUrl::parse(&format!("{base}/{name}"), remote.reach)?, remote).await
        }
        Source::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || read_key_file(&path)).await;
            let body = read.map_err(|_| OidcError::File(std::io::ErrorKind::Other))??;
            Ok(KeyDocument { body, max_age: None })
        }
    }
}

/// What monward believes of a metadata document. Members written twice are an error, others are not looked at.
#[derive(serde::Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// [OpenID Connect Discovery §4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation).
fn key_url(document: &[u8], issuer: &str, reach: Reach) -> Result<SourceUrl, OidcError> {
    if document.trim_ascii_start().first() != Some(&b'{') {
        // serde would also take an array of the two values.
        return Err(OidcError::Discovery);
    }
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| OidcError::Discovery)?;
    if metadata.issuer != issuer {
        return Err(OidcError::IssuerMismatch);
    }
    SourceUrl::parse(&metadata.jwks_uri, reach)
}

async fn get(url: &SourceUrl, remote: &Remote) -> Result<KeyDocument, OidcError> {
    let most = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX);
    let pool = pool(url, remote, Limits { max_body: most, max_idle: 0, ..Limits::default() }).await?;
    let own = match &remote.token_file {
        Some(_) if !url.is_secure() => return Err(OidcError::PlainText),
        Some(file) => Some(bearer(file).await?),
        None => None,
    };
    let mut request = Vec::new();
    let mut fields = vec![("Accept", "application/json"), ("User-Agent", "monward")];
    fields.extend(own.as_ref().map(|own| ("Authorization", own.expose().as_str())));
    write_get(&mut request, url.authority(), url.target(), &fields)?;
    let mut document = Document { body: Vec::new(), max_age: None };
    let fetched = pool.fetch(&request, &mut document).await?;
    if fetched.status != 200 {
        return Err(OidcError::Status(fetched.status));
    }
    Ok(KeyDocument { body: document.body, max_age: document.max_age })
}

/// Connections to where `url` leads now, every address checked; times are those of `remote`.
pub(super) async fn pool(url: &SourceUrl, remote: &Remote, limits: Limits) -> Result<Pool, OidcError> {
    let place = Place::Addresses(resolve(url, remote.reach).await?);
    let tls = if url.is_secure() {
        let name = ServerName::try_from(url.host().to_owned()).map_err(|_| OidcError::Url("host"))?;
        Some(TargetTls { config: Arc::clone(&remote.tls), name })
    } else {
        None
    };
    let target = Target { place, tls, authority: url.authority().to_owned() };
    Ok(Pool::new(target, Limits { connect: remote.timeout, total: remote.timeout, ..limits }))
}

struct Document {
    body: Vec<u8>,
    max_age: Option<Duration>,
}

impl Sink for Document {
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop> {
        if head.status != 200 {
            return Ok(Take::Head);
        }
        self.max_age = max_age(head.values("cache-control"));
        Ok(Take::Body)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.body.extend_from_slice(bytes);
        Ok(())
    }
}

/// [RFC 9111 §5.2.2](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2); the smallest when there are several.
fn max_age<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Option<Duration> {
    let mut smallest: Option<u64> = None;
    for directive in fields.flat_map(|field| field.split(|byte| *byte == b',')) {
        let directive = std::str::from_utf8(directive).ok()?.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return None;
        }
        let Some(seconds) = directive.strip_prefix("max-age=") else { continue };
        let seconds = seconds.trim_matches('"');
        if seconds.is_empty() || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = seconds.parse().unwrap_or(u64::MAX);
        smallest = Some(smallest.map_or(seconds, |before| before.min(seconds)));
    }
    smallest.map(Duration::from_secs)
}

/// The document in the key file `path`, at most [`MAX_DOCUMENT`] bytes.
///
/// # Errors
/// When it is no regular file, cannot be read or is too large.
pub fn read_key_file(path: &Path) -> Result<Vec<u8>, OidcError> {
    let body = read_file(path, MAX_DOCUMENT).map_err(|error| OidcError::File(error.kind()))?;
    if body.len() > MAX_DOCUMENT { Err(OidcError::FileTooLarge) } else { Ok(body) }
}

/// The regular file `path`; of a larger one than `most` bytes, one byte more than those.
pub(super) fn read_file(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    // Asked before it is opened: opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    std::fs::File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests;
