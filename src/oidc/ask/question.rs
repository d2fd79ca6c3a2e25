//! What is asked about a token, and how monward shows who asks.

use crate::oidc::secret_file::{bearer, secret};
use crate::oidc::{OidcError, Reach, SourceUrl};
use crate::types::Secret;
use crate::upstream::write_post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::path::PathBuf;

/// Whom to ask, and what.
#[derive(Clone, Debug)]
pub enum Asking {
    /// The introspection endpoint of an authorization server ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).
    Introspection {
        /// The endpoint.
        url: SourceUrl,
        /// monward's own name there.
        client_id: String,
        /// How it proves that name.
        client: ClientProof,
    },
    /// The `TokenReview` of a Kubernetes API server.
    Review {
        /// Where reviews are made, see [`Asking::review`].
        url: SourceUrl,
        /// monward's own token.
        token_file: PathBuf,
    },
}

/// How monward proves to an authorization server who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By the secret in this file, with HTTP Basic ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    SecretFile(PathBuf),
    /// By the certificate in [`crate::oidc::Remote::tls`] ([RFC 8705 §2](https://www.rfc-editor.org/rfc/rfc8705#section-2)).
    Certificate,
}

/// What stands for itself in a form ([URL Standard](https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set)).
/// A space becomes `%20`, which every reader takes for one; `+` not all.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

impl Asking {
    /// Reviews by the API server at `server`.
    ///
    /// # Errors
    /// When that is no usable URL, or has a query.
    pub fn review(server: &str, token_file: PathBuf, reach: Reach) -> Result<Self, OidcError> {
        if server.contains('?') {
            return Err(OidcError::Url("an API server has no query"));
        }
        let base = server.strip_suffix('/').unwrap_or(server);
        let url = SourceUrl::parse(&format!("{base}/apis/authentication.k8s.io/v1/tokenreviews"), reach)?;
        Ok(Self::Review { url, token_file })
    }

    /// Where the question goes.
    pub(super) const fn url(&self) -> &SourceUrl {
        match self {
            Self::Introspection { url, .. } | Self::Review { url, .. } => url,
        }
    }

    /// The statuses that an answer may have: a review is an object that the server creates.
    pub(super) const fn statuses(&self) -> &'static [u16] {
        match self {
            Self::Introspection { .. } => &[200],
            Self::Review { .. } => &[200, 201],
        }
    }

    /// The whole request about `token`. Files are read anew for each, so that a new secret needs no reload.
    pub(super) async fn request(&self, token: &str, audiences: &[String]) -> Result<Secret<Vec<u8>>, OidcError> {
        match self {
            Self::Introspection { url, client_id, client } => {
                let mut form = format!("token={}&token_type_hint=access_token", encoded(token));
                let authorization = match client {
                    ClientProof::SecretFile(path) => Some(basic(client_id, secret(path).await?.expose())),
                    ClientProof::Certificate => {
                        form.push_str("&client_id=");
                        form.push_str(&encoded(client_id));
                        None
                    }
                };
                write(url, authorization.as_deref(), "application/x-www-form-urlencoded", &form)
            }
            Self::Review { url, token_file } => {
                let review = json!({
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenReview",
                    "spec": { "token": token, "audiences": audiences },
                });
                let authorization = bearer(token_file).await?;
                write(url, Some(authorization.expose()), "application/json", &review.to_string())
            }
        }
    }
}

fn write(url: &SourceUrl, authorization: Option<&str>, kind: &str, body: &str) -> Result<Secret<Vec<u8>>, OidcError> {
    let mut fields = vec![("Accept", "application/json"), ("User-Agent", "monward"), ("Content-Type", kind)];
    fields.extend(authorization.map(|value| ("Authorization", value)));
    let mut request = Vec::new();
    write_post(&mut request, url.authority(), url.target(), &fields, body.as_bytes())?;
    Ok(Secret::new(request))
}

/// Name and secret are form-encoded before they are joined; a colon in them could not be told from the one between.
fn basic(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}
