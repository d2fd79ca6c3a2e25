//! From a configuration to everything that is in force: certificates, policies, pools, issuers' settings.
//!
//! All files are opened and checked here, and every fault of all of them is reported at once.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use governor::clock::DefaultClock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

use super::catalogs::catalogs_of;
use super::issuers::{Prepared, prepare};
use super::pseudonyms::{pseudonyms, random_pseudonyms};
use super::secrets;
use crate::authn::Revocations;
use crate::authz::{Cases, Policy, Source};
use crate::catalog::Catalogs;
use crate::config::load::{Loaded, fault, text};
use crate::config::{ClientAuth, Listener, Upstream};
use crate::document::{Fault, Position};
use crate::gate::{Guard, Route, Routes, UpstreamId};
use crate::proxy::{Behind, EndpointFigures, Guarded, Snapshot};
use crate::quota::Limiter;
use crate::redact::Pseudonyms;
use crate::tls::client::{Identity, Roots, client_config};
use crate::tls::client_auth::{ClientTrust, ClientTrustFault, Demand};
use crate::tls::server;
use crate::types::UnixTime;
use crate::upstream::{Limits, Place as Dial, Pool, Target, TargetTls};

/// Everything of a configuration that can be in force.
pub struct Assembled {
    /// One per listener.
    pub guarded: Vec<Arc<Guarded>>,
    /// One per upstream.
    pub upstreams: Vec<Arc<Behind>>,
    /// The issuers, ready to be started.
    pub issuers: Vec<Prepared>,
    /// What is revoked.
    pub revoked: Revocations,
}

/// Opens all files of a configuration. `before` is what was in force until now: where a policy's limits stay the same,
/// nobody gets a fresh share, and an issuer that stays the same keeps its keys.
///
/// # Errors
/// Every fault of every file.
pub fn assemble(loaded: &Loaded, before: Option<&Snapshot>) -> Result<Assembled, Vec<Fault>> {
    let (old_upstreams, old_issuers) =
        before.map_or((&[][..], &[][..]), |before| (before.upstreams.as_slice(), before.issuers.as_slice()));
    let mut faults = audit_folder(loaded);
    faults.extend(state_folder(loaded));
    let (catalogs, more) = catalogs_of(loaded);
    faults.extend(more);
    let pseudonyms = pseudonyms(loaded).unwrap_or_else(|more| {
        faults.extend(more);
        random_pseudonyms()
    });
    let mut upstreams = Vec::new();
    for (index, upstream) in loaded.config.upstreams.iter().enumerate() {
        match behind((loaded, &catalogs, &pseudonyms), upstream, UpstreamId(index), old_upstreams) {
            Ok(one) => upstreams.push(Arc::new(one)),
            Err(more) => faults.extend(more),
        }
    }
    let mut guarded = Vec::new();
    for listener in &loaded.config.listeners {
        match guard(loaded, listener, &upstreams) {
            Ok(one) => guarded.push(Arc::new(one)),
            Err(more) => faults.extend(more),
        }
    }
    let mut issuers = Vec::new();
    for settings in &loaded.config.issuers {
        match prepare(loaded, settings, old_issuers) {
            Ok(one) => issuers.push(one),
            Err(more) => faults.extend(more),
        }
    }
    let revoked = revocations(loaded).unwrap_or_else(|more| {
        faults.extend(more);
        Revocations::default()
    });
    faults.sort_by(|a, b| (&a.file, a.place, &a.message).cmp(&(&b.file, b.place, &b.message)));
    faults.dedup();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Assembled { guarded, upstreams, issuers, revoked })
}

fn behind(
    (loaded, catalogs, pseudonyms): (&Loaded, &Catalogs, &Arc<Pseudonyms>),
    upstream: &Upstream,
    id: UpstreamId,
    before: &[Arc<Behind>],
) -> Result<Behind, Vec<Fault>> {
    let (policy, pool) = (policy_of(loaded, catalogs, upstream), pool(loaded, upstream));
    let injected = policy.as_ref().map_or(Ok(Vec::new()), |policy| secrets::injected(loaded, upstream, policy));
    let (policy, pool, injected) = match (policy, pool, injected) {
        (Ok(policy), Ok(pool), Ok(injected)) => (policy, pool, injected),
        (policy, pool, injected) => {
            let all = [policy.err(), pool.err(), injected.err()];
            return Err(all.into_iter().flatten().flatten().collect());
        }
    };
    let before = before.iter().find(|before| *before.name == *upstream.name).map(|before| &before.guard);
    let limiter = match before {
        Some(before) if before.policy.limits() == policy.limits() => Arc::clone(&before.limiter),
        Some(_) | None => Arc::new(Limiter::new(policy.limits(), DefaultClock::default())),
    };
    let endpoints = policy.catalog().endpoints.iter().map(EndpointFigures::new).collect();
    Ok(Behind {
        name: Arc::from(upstream.name.as_str()),
        guard: Arc::new(Guard { upstream: id, policy, limiter }),
        pool,
        base: upstream.base.clone(),
        injected,
        pseudonyms: Arc::clone(pseudonyms),
        shown_until: shown_upstream(loaded, upstream),
        endpoints,
    })
}

fn guard(loaded: &Loaded, listener: &Listener, upstreams: &[Arc<Behind>]) -> Result<Guarded, Vec<Fault>> {
    let tls = tls_side(loaded, listener)?;
    let behind = |id: usize| upstreams.iter().find(|behind| behind.guard.upstream == UpstreamId(id));
    // One that is missing here has faults of its own, which end it all.
    let routes = listener.routes.iter().filter_map(|route| {
        let guard = Arc::clone(&behind(route.upstream)?.guard);
        Some(Route { host: route.host.clone(), prefix: route.prefix.clone(), guard })
    });
    Ok(Guarded {
        listener: listener.address.to_string(),
        routes: Routes::new(listener.hosts.clone(), routes.collect()),
        basic: listener.basic,
        forward_auth: listener.forward_auth.clone(),
        tls: tls.config,
        client_trust: tls.trust,
        shown_until: tls.shown_until,
    })
}

/// What a listener shows and asks of its clients.
struct TlsSide {
    config: Arc<rustls::ServerConfig>,
    trust: Option<Arc<ClientTrust>>,
    shown_until: Vec<(&'static str, String, UnixTime)>,
}

fn tls_side(loaded: &Loaded, listener: &Listener) -> Result<TlsSide, Vec<Fault>> {
    let place = format!("listener `{}`", listener.address);
    let (mut served, mut shown_until, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for pair in &listener.certificates {
        let (certificate, key) = (loaded.at(&pair.certificate), loaded.at(&pair.key));
        match server::load(&certificate, &key) {
            Ok(one) => {
                shown_until.push(("server", pair.certificate.display().to_string(), one.expires()));
                served.push(one);
            }
            Err(error) => faults.extend(fault(&place, error.to_string())),
        }
    }
    let trust = match listener.client_auth.as_ref().map(|settings| client_trust(loaded, settings)).transpose() {
        Ok(trust) => trust.map(Arc::new),
        Err(error) => {
            faults.extend(fault(&place, error.to_string()));
            None
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let config = server::config(&served, listener.tls12, trust.as_deref());
    Ok(TlsSide { config: config.map_err(|error| fault(&place, error.to_string()))?, trust, shown_until })
}

fn client_trust(loaded: &Loaded, settings: &ClientAuth) -> Result<ClientTrust, ClientTrustFault> {
    let demand = if settings.required { Demand::Required } else { Demand::Optional };
    let lists: Vec<_> = settings.crl_files.iter().map(|file| loaded.at(file)).collect();
    ClientTrust::load(&loaded.at(&settings.ca_file), &lists, demand)
}

/// When the certificate ends that an upstream is shown.
fn shown_upstream(loaded: &Loaded, upstream: &Upstream) -> Option<(&'static str, String, UnixTime)> {
    let file = &upstream.client.as_ref()?.certificate;
    let leaf = CertificateDer::from_pem_file(loaded.at(file)).ok()?;
    Some(("upstream_client", file.display().to_string(), server::expiry(&leaf)?))
}

/// What is revoked. It may name only issuers that the configuration has: else a slip would revoke nothing.
///
/// # Errors
/// Every fault of the list.
pub(super) fn revocations(loaded: &Loaded) -> Result<Revocations, Vec<Fault>> {
    let Some(file) = &loaded.config.revocations else { return Ok(Revocations::default()) };
    let path = loaded.at(file);
    let revoked = Revocations::parse(&path.display().to_string(), &text(&path)?)?;
    let file: Arc<str> = path.display().to_string().into();
    let places = revoked.issuers().map(|(name, place)| (name, Position { file: Arc::clone(&file), place }));
    let faults = strangers(loaded, places);
    if faults.is_empty() { Ok(revoked) } else { Err(faults) }
}

/// The policy that guards `upstream`, for one of `catalogs`. It may name only issuers that the configuration has.
///
/// # Errors
/// Every fault of the policy.
pub fn policy_of(loaded: &Loaded, catalogs: &Catalogs, upstream: &Upstream) -> Result<Policy, Vec<Fault>> {
    let paths: Vec<PathBuf> = upstream.policies.iter().map(|path| loaded.at(path)).collect();
    let policy = read_policy(&paths, catalogs)?;
    let mut faults = strangers(loaded, policy.issuers().map(|(name, at)| (name, at.clone())));
    faults.extend(no_clusters(loaded, &policy));
    if faults.is_empty() { Ok(policy) } else { Err(faults) }
}

/// A fault for each role by service account whose issuer is no cluster.
fn no_clusters(loaded: &Loaded, policy: &Policy) -> Vec<Fault> {
    let is_other = |name: &str| {
        let issuer = loaded.config.issuers.iter().find(|issuer| issuer.tokens.name == name);
        issuer.is_some_and(|issuer| !issuer.is_cluster())
    };
    let others = policy.clusters().filter(|(name, _)| is_other(name));
    let message =
        |name: &str| format!("issuer `{name}` has no service accounts; name one with `kubernetes`, or use `token`");
    others.map(|(name, at)| Fault::new(at, message(name))).collect()
}

/// A fault for each of `names` that no issuer of the configuration has.
fn strangers<'a>(loaded: &Loaded, names: impl Iterator<Item = (&'a str, Position)>) -> Vec<Fault> {
    let known: Vec<&str> = loaded.config.issuers.iter().map(|issuer| issuer.tokens.name.as_str()).collect();
    let unknown = names.filter(|(name, _)| !known.contains(name));
    unknown.map(|(name, at)| Fault::new(&at, crate::document::unknown("issuer", name, &known))).collect()
}

/// The policy in the files `paths`, for one of `catalogs`.
///
/// # Errors
/// Every fault of the policy.
pub fn read_policy(paths: &[PathBuf], catalogs: &Catalogs) -> Result<Policy, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        match text(path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(more) => faults.extend(more),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let sources: Vec<Source<'_>> = files.iter().map(|(file, text)| Source { file, text }).collect();
    Policy::parse_all(&sources, catalogs)
}

/// Runs the cases beside each file of `policy`, if there are any (`nats.yaml` has `nats.cases.yaml`).
///
/// # Errors
/// Every fault of the cases files, and every case that does not come out as written.
pub fn run_cases(policy: &Policy, paths: &[PathBuf]) -> Result<(), Vec<Fault>> {
    let cases = paths.iter().map(|path| path.with_extension("cases.yaml")).filter(|cases| cases.exists());
    let run = |cases: PathBuf| Ok(Cases::parse(&cases.display().to_string(), &text(&cases)?)?.run(policy));
    let faults: Vec<Fault> = cases.flat_map(|cases| run(cases).unwrap_or_else(|faults| faults)).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn pool(loaded: &Loaded, upstream: &Upstream) -> Result<Pool, Vec<Fault>> {
    let default_port = if upstream.tls { 443 } else { 80 };
    let host = if upstream.host.contains(':') { format!("[{}]", upstream.host) } else { upstream.host.clone() };
    let authority = if upstream.port == default_port { host } else { format!("{host}:{}", upstream.port) };
    let tls = if upstream.tls { Some(upstream_tls(loaded, upstream)?) } else { None };
    let place = Dial::Name { host: upstream.host.clone(), port: upstream.port };
    let limits = Limits {
        connect: upstream.connect_timeout,
        total: upstream.total_timeout,
        max_body: upstream.max_body as u64,
        ..Limits::default()
    };
    Ok(Pool::new(Target { place, tls, authority }, limits))
}

fn upstream_tls(loaded: &Loaded, upstream: &Upstream) -> Result<TargetTls, Vec<Fault>> {
    let identity = upstream
        .client
        .as_ref()
        .map(|client| Identity { certificate: loaded.at(&client.certificate), key: loaded.at(&client.key) });
    let roots = upstream.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(loaded.at(file)));
    let place = format!("upstream `{}`", upstream.name);
    let config = client_config(&roots, identity.as_ref()).map_err(|error| fault(&place, error.to_string()))?;
    let name = upstream.server_name.clone().unwrap_or_else(|| upstream.host.clone());
    let name = ServerName::try_from(name.clone())
        .map_err(|_| fault(&place, format!("`{name}` is not a name that a certificate can carry")))?;
    Ok(TargetTls { config, name })
}

/// The audit file is opened later; its folder must be there.
fn audit_folder(loaded: &Loaded) -> Vec<Fault> {
    let Some(file) = loaded.config.audit.file.as_ref().map(|file| loaded.at(file)) else { return Vec::new() };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => fault("audit", format!("`{}` is not a folder", folder.display())),
        Some(_) | None => Vec::new(),
    }
}

/// A state folder that is not there is a slip of the pen; one that only fails to answer stops nothing.
fn state_folder(loaded: &Loaded) -> Vec<Fault> {
    let Some(folder) = loaded.config.state_dir.as_ref().map(|folder| loaded.at(folder)) else { return Vec::new() };
    let said = match std::fs::metadata(&folder) {
        Ok(found) if !found.is_dir() => "is not a folder",
        // Whoever writes there could bring old keys back.
        Ok(found) if found.mode() & 0o022 != 0 => "can be written by group or others; `chmod go-w` it",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there; make it, owned by monward's user",
        Ok(_) | Err(_) => return Vec::new(),
    };
    fault("state_dir", format!("`{}` {said}", folder.display()))
}
