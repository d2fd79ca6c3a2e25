//! `monward explain`: what a policy does with one request, and why.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::policies::{Read, of_configuration, of_files};
use super::{complain_all, show, show_json};
use crate::authn::{Certificate, NameKind, Principal};
use crate::authz::{Circumstances, Outcome, explain};
use crate::ops::clock;
use crate::types::{TlsVersion, UnixTime};

/// Who asks for what, of which policy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is asked of a server or an issuer: the caller is supposed to have proven who it is.
The exit code is 0 when the request is permitted and 1 when it is refused. The members of --json are listed in
policies/README.md.

Examples:
  monward explain --policy policies/nats.yaml --claim groups=nats-operator '/connz?limit=10'
  monward explain --policy policy.yaml --claims '{\"scope\":\"nats.read\"}' /varz
  monward explain --policy policy.yaml --client-cert uri=spiffe://example.org/ns/monitoring/sa/prometheus /varz
  monward explain --config monward.yaml --issuer corp --subject bob --claim realm_access.roles=viewer --method HEAD /varz
  monward explain --policy policy.yaml --claim groups=ops --from 10.0.0.7 --tls 1.3 --at 2026-12-31T18:00:00Z /varz
  monward explain --policy policy.yaml --claims '{\"groups\":[\"tenants\"],\"nats_account\":\"ACME\"}' '/jsz?streams=1'
  monward explain --policy policy.yaml --claim groups=ops --json /varz | jq -r .decision")]
pub(super) struct Arguments {
    /// The policy that is asked; again for each further file of it
    #[arg(long = "policy", value_name = "FILE", conflicts_with = "config")]
    policies: Vec<PathBuf>,
    /// A catalogue of your own that the policy may name; again for several
    #[arg(long = "catalog", value_name = "FILE", requires = "policies")]
    catalogs: Vec<PathBuf>,
    /// The configuration whose policy is asked
    #[arg(long, value_name = "FILE", env = "MONWARD_CONFIG", default_value = "monward.yaml")]
    config: PathBuf,
    /// The upstream whose policy is asked, when the configuration has several
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// The name of the issuer that vouches for the caller; `corp` unless there is only a client certificate
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The caller's subject; `somebody` unless there is only a client certificate
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// A name in the caller's client certificate: `uri`, `dns`, `email` or `common_name`
    #[arg(long = "client-cert", value_name = "KIND=NAME")]
    names: Vec<String>,
    /// A value in a list claim of the caller; dots nest, the same name again adds to the list
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// Claims of the caller as a JSON object, for texts, numbers and whatever a token may hold
    #[arg(long = "claims", value_name = "JSON")]
    object: Option<String>,
    /// The address that the request comes from, for rules with `source`
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// When it is asked, such as 2026-12-31T18:00:00Z, for rules with `time`; now unless it is written
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The version of TLS that it comes over, for rules with `tls`
    #[arg(long, value_name = "VERSION", value_parser = tls)]
    tls: Option<TlsVersion>,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
    /// The request's method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// The request's path and query
    #[arg(value_name = "TARGET")]
    target: String,
}

/// 0 when the request is permitted, 1 when it is refused.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = match policy(arguments)? {
        Ok(policy) => policy,
        Err(faults) => {
            complain_all(&faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut claims = claims(&arguments.claims)?;
    if let Some(object) = &arguments.object {
        claims.extend(serde_json::from_str::<Map<String, Value>>(object).context("--claims is not a JSON object")?);
    }
    let who = principal(arguments, claims)?;
    let circumstances = circumstances(arguments)?;
    let explanation = explain(&policy, &who, &arguments.method, &arguments.target, &circumstances);
    if arguments.json {
        show_json(&explanation)?;
    } else {
        show(&explanation);
    }
    Ok(match explanation.outcome {
        Outcome::Permitted { .. } => ExitCode::SUCCESS,
        Outcome::NotUnderstood(_) | Outcome::Refused(_) => ExitCode::FAILURE,
    })
}

fn policy(arguments: &Arguments) -> anyhow::Result<Read> {
    if arguments.policies.is_empty() {
        return of_configuration(&arguments.config, arguments.upstream.as_deref());
    }
    Ok(of_files(&arguments.policies, &arguments.catalogs))
}

/// What is known besides who asks for what.
fn circumstances(arguments: &Arguments) -> anyhow::Result<Circumstances> {
    let at = arguments.at.map(|at| u64::try_from(at.as_millisecond()).context("--at is before 1970")).transpose()?;
    let now = at.map_or_else(clock::now, UnixTime::from_millis);
    Ok(Circumstances { now: Some(now), source: arguments.from, tls: arguments.tls, ..Circumstances::default() })
}

fn tls(text: &str) -> Result<TlsVersion, String> {
    TlsVersion::of(text).ok_or_else(|| crate::document::unknown("TLS version", text, &["1.2", "1.3"]))
}

/// Whom the arguments describe: a token, a client certificate, or both.
fn principal(arguments: &Arguments, claims: Map<String, Value>) -> anyhow::Result<Principal> {
    let certificate = certificate(&arguments.names)?.map(Principal::supposed_certificate);
    let no_token = arguments.issuer.is_none() && arguments.subject.is_none() && claims.is_empty();
    let token = |claims| {
        let or = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        Principal::supposed(or(&arguments.issuer, "corp"), or(&arguments.subject, "somebody"), claims)
    };
    Ok(match certificate {
        Some(certificate) if no_token => certificate,
        Some(certificate) => token(claims).and(&certificate),
        None => token(claims),
    })
}

fn certificate(names: &[String]) -> anyhow::Result<Option<Certificate>> {
    let mut certificate = Certificate::default();
    for pair in names {
        let (key, name) = pair.split_once('=').with_context(|| format!("`{pair}` is not KIND=NAME"))?;
        let kind = NameKind::ALL.into_iter().find(|kind| kind.key() == key);
        let known = NameKind::ALL.map(NameKind::key);
        certificate.name(kind.with_context(|| crate::document::unknown("kind of name", key, &known))?, name);
    }
    Ok((!names.is_empty()).then_some(certificate))
}

/// `a.b=x a.b=y` becomes `{"a":{"b":["x","y"]}}`.
fn claims(pairs: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut claims = Map::new();
    for pair in pairs {
        let (path, value) = pair.split_once('=').with_context(|| format!("`{pair}` is not NAME=VALUE"))?;
        insert(&mut claims, path, value).with_context(|| format!("`{path}` is a value and a parent of values"))?;
    }
    Ok(claims)
}

fn insert(into: &mut Map<String, Value>, path: &str, value: &str) -> Option<()> {
    let Some((first, rest)) = path.split_once('.') else {
        let list = into.entry(path).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut()?.push(Value::String(value.to_owned()));
        return Some(());
    };
    let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
    insert(inner.as_object_mut()?, rest, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_nest_by_dots_and_repeat_into_lists() {
        let pairs = ["groups=a", "groups=b", "realm_access.roles=c"].map(str::to_owned);
        let expected = serde_json::json!({"groups": ["a", "b"], "realm_access": {"roles": ["c"]}});
        assert_eq!(Value::Object(claims(&pairs).unwrap()), expected);
        assert!(claims(&["nothing".to_owned()]).is_err());
        assert!(claims(&["a=1".to_owned(), "a.b=2".to_owned()]).is_err());
    }
}
