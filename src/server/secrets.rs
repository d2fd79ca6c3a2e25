//! The secrets of an upstream: from their files to the fields that go with its requests.

use crate::authz::Policy;
use crate::catalog::{Endpoint, EndpointId, Form, Inject};
use crate::config::Upstream;
use crate::config::load::{Loaded, fault};
use crate::document::Fault;
use crate::oidc::read_secret_file;
use crate::proxy::Injected;
use crate::types::Secret;

/// What goes with the requests of each endpoint, in the catalogue's order. An endpoint that the policy opens to nobody
/// needs no secret.
///
/// # Errors
/// A secret that an open endpoint needs and the upstream does not give, one that no endpoint uses, a file that holds none.
pub(super) fn injected(
    loaded: &Loaded,
    upstream: &Upstream,
    policy: &Policy,
) -> Result<Vec<Option<Injected>>, Vec<Fault>> {
    let mut faults = unused(upstream, policy);
    let mut fields = Vec::new();
    for (index, endpoint) in policy.catalog().endpoints.iter().enumerate() {
        let inject = endpoint.inject.as_ref().filter(|_| policy.opens(EndpointId(index)));
        match inject.map(|inject| field(loaded, upstream, endpoint, inject)).transpose() {
            Ok(field) => fields.push(field),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(fields) } else { Err(faults) }
}

fn unused(upstream: &Upstream, policy: &Policy) -> Vec<Fault> {
    let catalog = policy.catalog();
    let used = |name: &str| {
        let mut injected = catalog.endpoints.iter().filter_map(|endpoint| endpoint.inject.as_ref());
        injected.any(|inject| inject.secret == name)
    };
    let unused = upstream.secrets.iter().filter(|(name, _)| !used(name));
    let message =
        |name: &str| format!("no endpoint of catalogue `{}` uses the secret `{name}`; take it out", catalog.name);
    unused.flat_map(|(name, _)| fault(&place(upstream), message(name))).collect()
}

fn field(loaded: &Loaded, upstream: &Upstream, endpoint: &Endpoint, inject: &Inject) -> Result<Injected, Vec<Fault>> {
    let (wanted, name) = (&inject.secret, &endpoint.name);
    let Some((_, file)) = upstream.secrets.iter().find(|(given, _)| given == wanted) else {
        let message = format!(
            "its policy opens `{name}`, which needs the secret `{wanted}`: `secrets: {{ {wanted}: {{ file: PATH }} }}`"
        );
        return Err(fault(&place(upstream), message));
    };
    let file = loaded.at(file);
    let said = |message: String| fault(&file.display().to_string(), message);
    let secret = read_secret_file(&file).map_err(|error| said(error.to_string()))?;
    match inject.form {
        Form::HmacSha256 => Ok(Injected::signature(inject.header.clone(), &secret, endpoint.ask.body())),
        Form::Plain if fits(&secret) => Ok(Injected::plain(inject.header.clone(), secret)),
        Form::Plain => Err(said("it holds something that a header field cannot carry".to_owned())),
    }
}

/// Whether a header field can carry it (RFC 9110 §5.5): visible ASCII, with spaces inside at most.
fn fits(secret: &Secret<String>) -> bool {
    let text = secret.expose();
    text.trim() == text && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn place(upstream: &Upstream) -> String {
    format!("upstream `{}`", upstream.name)
}
