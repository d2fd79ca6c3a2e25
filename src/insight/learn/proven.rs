//! Who a caller of the past was, as a policy names them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Map;

use super::quote;
use crate::authn::{CLIENT_CERTIFICATE, Certificate, NameKind, NamePattern, Principal};
use crate::insight::Caller;

/// What begins the subject of a Kubernetes service account.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Everything that a caller proved; all of it is needed to have the caller's role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who(BTreeSet<Proven>);

/// One thing that was proven.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Proven {
    Token { issuer: String, subject: String },
    Account { issuer: String, namespace: String, name: String },
    Certificate { kind: &'static str, name: String },
}

impl Who {
    /// Whom a policy can name.
    ///
    /// # Errors
    /// Why it can name nobody by this record.
    pub(super) fn of(caller: &Caller) -> Result<Self, &'static str> {
        caller.proofs().map(Proven::of).collect::<Result<_, _>>().map(Self)
    }

    /// Whether whoever proves `other` proves this as well.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// A name for the role, from the first subject: letters, digits and dashes.
    pub(super) fn name(&self) -> String {
        let subject = self.0.iter().map(Proven::subject).next().unwrap_or_default();
        let last = subject.rsplit(['/', ':']).find(|part| !part.is_empty()).unwrap_or_default();
        let word =
            |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
        let name: String = last.chars().map(word).take(40).collect();
        let name = name.trim_matches('-');
        if name.is_empty() || name == "any" { "caller".to_owned() } else { name.to_owned() }
    }

    /// One way to have a role, as it stands in a policy.
    pub(super) fn grant(&self) -> String {
        let tests: Vec<String> = self.0.iter().map(Proven::test).collect();
        match tests.as_slice() {
            [only] => only.clone(),
            several => format!(
                "all_of: [{}]",
                several.iter().map(|test| format!("{{ {test} }}")).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The caller of a case.
    pub(super) fn case(&self) -> String {
        let proofs: Vec<String> = self.0.iter().map(Proven::case).collect();
        match proofs.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        }
    }

    /// Somebody who proves exactly this.
    pub(super) fn principal(&self) -> Option<Principal> {
        self.0.iter().map(Proven::principal).reduce(|all, one| all.and(&one))
    }
}

impl Proven {
    fn of(caller: &Caller) -> Result<Self, &'static str> {
        let (issuer, subject) = (caller.issuer.clone(), caller.subject.clone());
        if issuer == CLIENT_CERTIFICATE {
            return certificate(&subject);
        }
        if [&issuer, &subject].iter().any(|text| text.is_empty() || *text == "*") {
            return Err("no policy can name such an issuer or subject");
        }
        if !matches!(caller.method.as_str(), "service_account" | "token_review") {
            return Ok(Self::Token { issuer, subject });
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(plain);
        let pair = subject.strip_prefix(SERVICE_ACCOUNT).and_then(|pair| pair.split_once(':'));
        let pair = pair.filter(|(namespace, name)| is_name(namespace) && is_name(name));
        let (namespace, name) = pair.ok_or("it is not the subject of a service account")?;
        Ok(Self::Account { issuer, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    fn subject(&self) -> String {
        match self {
            Self::Token { subject, .. } => subject.clone(),
            Self::Account { namespace, name, .. } => format!("{SERVICE_ACCOUNT}{namespace}:{name}"),
            Self::Certificate { name, .. } => name.clone(),
        }
    }

    fn test(&self) -> String {
        match self {
            Self::Token { issuer, subject } => {
                format!("token: {{ issuer: {}, subject: [{}] }}", quote(issuer), quote(subject))
            }
            Self::Account { issuer, namespace, name } => format!(
                "service_account: {{ issuer: {}, namespace: {}, name: {} }}",
                quote(issuer),
                quote(namespace),
                quote(name)
            ),
            Self::Certificate { kind, name } => format!("client_cert: {{ {kind}: {} }}", quote(name)),
        }
    }

    fn case(&self) -> String {
        match self {
            Self::Token { issuer, .. } | Self::Account { issuer, .. } => {
                format!("{{ issuer: {}, subject: {} }}", quote(issuer), quote(&self.subject()))
            }
            Self::Certificate { kind, name } => format!("{{ client_cert: {{ {kind}: {} }} }}", quote(name)),
        }
    }

    fn principal(&self) -> Principal {
        match self {
            Self::Token { issuer, .. } | Self::Account { issuer, .. } => {
                Principal::supposed(issuer.clone(), self.subject(), Map::new())
            }
            Self::Certificate { kind, name } => {
                let mut certificate = Certificate::default();
                NameKind::ALL
                    .into_iter()
                    .filter(|known| known.key() == *kind)
                    .for_each(|kind| certificate.name(kind, name));
                Principal::supposed_certificate(certificate)
            }
        }
    }
}

/// A record has the first name of a certificate, and not its kind. Only a name that can be nothing else, and that
/// stands for itself alone, is taken.
fn certificate(name: &str) -> Result<Proven, &'static str> {
    let kind = if name.contains("://") {
        NameKind::Uri
    } else if name.contains('@') {
        NameKind::Email
    } else {
        NameKind::Dns
    };
    let stands = NamePattern::parse(kind, name).is_ok_and(|pattern| {
        let exact = pattern.literal().map_or(kind == NameKind::Email, |literal| literal == name);
        exact && !name.contains('*')
    });
    if !stands {
        return Err("it is not clear which name of the certificate this is");
    }
    Ok(Proven::Certificate { kind: kind.key(), name: name.to_owned() })
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proven: Vec<String> = self.0.iter().map(|one| one.subject().escape_default().to_string()).collect();
        f.write_str(&proven.join(" and "))
    }
}
