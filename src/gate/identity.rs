//! WHO, joined from all that a request shows: a token, an assertion of a front door, a client certificate.

use std::sync::Arc;

use governor::clock::Clock;

use super::{Denial, Engine, Request, Way};
use crate::authn::{Certificate, Credential, CredentialFault, Origin, Principal, Proof, TokenFault, credential};
use crate::types::Secret;

/// Who asks, or what must be asked elsewhere before that is known.
#[derive(Debug)]
pub enum Identified {
    /// Proven.
    Known(Arc<Principal>),
    /// The answer to a question is missing.
    Asks(Inquiry),
}

/// A question that the gate cannot answer, and what is proven already.
#[derive(Debug)]
pub struct Inquiry {
    /// What to find out.
    pub question: Question,
    basic: bool,
    besides: Vec<Arc<Principal>>,
}

/// What only somebody else knows, or only long work can tell.
#[derive(Debug)]
pub enum Question {
    /// Whom a token belongs to.
    Token {
        /// The position of the issuer that must be asked.
        issuer: usize,
        /// The token.
        token: Secret<String>,
    },
    /// Whether a static key is that of the name.
    Key {
        /// The position of the issuer whose file has the keys.
        issuer: usize,
        /// The name.
        user: String,
        /// The key.
        key: Secret<String>,
    },
}

impl Inquiry {
    /// Takes the answer.
    ///
    /// # Errors
    /// When the answer is that the credential proves nothing, or that nobody can tell.
    pub fn settle(
        self,
        answer: Result<Arc<Principal>, TokenFault>,
        request: &Request<'_>,
    ) -> Result<Arc<Principal>, Denial> {
        settle(answer, self.basic, self.besides, request)
    }
}

/// Who asks, by everything that the request shows. Each credential that is shown must be good: one that is not is
/// never passed over for the sake of another.
///
/// # Errors
/// Why nobody is known.
pub fn identify<C: Clock>(engine: &Engine<'_, C>, request: &Request<'_>) -> Result<Identified, Denial> {
    if has_token_in_query(request.target) {
        return Err(Denial::Credential(CredentialFault::InQuery));
    }
    let besides = besides(engine, request)?;
    let shown = credential(request.authorization.iter().copied(), engine.basic).map_err(Denial::Credential)?;
    match shown {
        None => join(None, besides, request).map(Identified::Known),
        Some(Credential::Bearer(token)) => by_token(engine, token, false, besides, request),
        Some(Credential::Basic { user, password }) => match engine.static_keys {
            Some(issuer) if !looks_like_jwt(password.expose()) => {
                let question = Question::Key { issuer, user, key: password };
                Ok(Identified::Asks(Inquiry { question, basic: false, besides }))
            }
            Some(_) | None => by_token(engine, password.expose(), true, besides, request),
        },
    }
}

fn by_token<C: Clock>(
    engine: &Engine<'_, C>,
    token: &str,
    basic: bool,
    besides: Vec<Arc<Principal>>,
    request: &Request<'_>,
) -> Result<Identified, Denial> {
    let answer = match engine.verifier.verify(token, engine.keys, request.now) {
        Err(TokenFault::Unasked { issuer }) => {
            let question = Question::Token { issuer, token: Secret::new(token.to_owned()) };
            return Ok(Identified::Asks(Inquiry { question, basic, besides }));
        }
        answer => answer,
    };
    settle(answer, basic, besides, request).map(Identified::Known)
}

fn settle(
    answer: Result<Arc<Principal>, TokenFault>,
    basic: bool,
    besides: Vec<Arc<Principal>>,
    request: &Request<'_>,
) -> Result<Arc<Principal>, Denial> {
    let principal = answer.map_err(Denial::Token)?;
    let principal = if basic { Arc::new(principal.by_basic()) } else { principal };
    join(Some(principal), besides, request)
}

/// What is proven beside the `Authorization` field: an assertion first, the client certificate last. The certificate of
/// the front door that brought the assertion is the door's: it says nothing of whoever stands behind it.
fn besides<C: Clock>(engine: &Engine<'_, C>, request: &Request<'_>) -> Result<Vec<Arc<Principal>>, Denial> {
    let certificate = match request.certificate {
        None => None,
        Some(Ok(certificate)) => Some(certificate),
        Some(Err(fault)) => return Err(Denial::Certificate(*fault)),
    };
    let origin = Origin { source: request.source, certificate: shown(request) };
    // That of a proxy says nothing of whoever it asks for.
    let certificate = certificate.filter(|_| request.way == Way::Direct);
    let mut counting = request.assertions.iter().filter(|(door, _)| engine.verifier.trusts(*door, origin));
    let Some((door, value)) = counting.next() else { return Ok(certificate.into_iter().map(Arc::clone).collect()) };
    if counting.next().is_some() {
        return Err(Denial::Credential(CredentialFault::Several));
    }
    let answer = engine.verifier.verify_assertion((*door, value), origin, engine.keys, request.now);
    let asserted = answer.map_err(Denial::Token)?;
    let own = certificate.filter(|_| !engine.verifier.is_doors_own(*door, origin));
    Ok(std::iter::once(asserted).chain(own.map(Arc::clone)).collect())
}

/// The client certificate of the connection.
pub(super) fn shown<'a>(request: &Request<'a>) -> Option<&'a Certificate> {
    match request.certificate {
        Some(Ok(certificate)) => certificate.proofs().find_map(Proof::names),
        Some(Err(_)) | None => None,
    }
}

/// One principal of everything that was proven. A token that is bound to a certificate needs just that one, on its own
/// connection: through a proxy nobody can tell.
fn join(
    first: Option<Arc<Principal>>,
    besides: Vec<Arc<Principal>>,
    request: &Request<'_>,
) -> Result<Arc<Principal>, Denial> {
    let mut proven = first.into_iter().chain(besides);
    let first = proven.next().ok_or(Denial::Credential(CredentialFault::Missing))?;
    let principal = proven.fold(first, |principal, other| Arc::new(principal.and(&other)));
    let shown = shown(request).filter(|_| request.way == Way::Direct).map(|names| &names.fingerprint);
    let bound = principal.proofs().filter_map(Proof::bound_to).all(|bound| shown == Some(bound));
    if bound { Ok(principal) } else { Err(Denial::Token(TokenFault::SenderConstrained)) }
}

/// Whether a password is a JWT and no static key: three parts, the first a JSON object in base64url.
fn looks_like_jwt(password: &str) -> bool {
    password.starts_with("eyJ") && password.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// A token in a URL ends in logs and histories; it is refused, never used (RFC 6750 §2.3, RFC 9700 §4.3.2).
fn has_token_in_query(target: &[u8]) -> bool {
    let query = target.split(|byte| *byte == b'?').skip(1);
    query.flat_map(|query| query.split(|byte| *byte == b'&')).any(|pair| pair.starts_with(b"access_token="))
}
