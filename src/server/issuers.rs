//! What keeps the issuers' keys fresh. An issuer whose settings did not change keeps its keys across a reload; a key
//! file is read anew each time, so that a key that was taken out of it is out of force at once.

use std::sync::Arc;
use std::time::Duration;

use crate::authn::{KeyRing, RingSettings};
use crate::config::load::{Loaded, fault};
use crate::config::{self, KeySource};
use crate::document::Fault;
use crate::oidc::{Driver, OidcError, Reach, Refresher, Remote, Source, SourceUrl, read_key_file};
use crate::ops::clock;
use crate::ops::drain::Tasks;
use crate::proxy::Issuer;
use crate::tls::client::{Roots, client_config};

/// The longest that one fetch of keys may take, metadata included.
const FETCH: Duration = Duration::from_secs(5);

/// An issuer that was checked and can be started.
pub struct Prepared {
    settings: config::Issuer,
    driver: Driver,
}

/// Checks `settings`, the files it names included. `before` are the issuers that were in force until now.
pub(super) fn prepare(
    loaded: &Loaded,
    settings: &config::Issuer,
    before: &[Arc<Issuer>],
) -> Result<Prepared, Vec<Fault>> {
    let source = source(loaded, settings)?;
    let kept = before.iter().find(|issuer| issuer.settings == *settings);
    let ring = match (&source, kept.and_then(|issuer| issuer.refresher.ring(0))) {
        (Source::File(_), _) | (_, None) => KeyRing::new(ring(settings)),
        (Source::Url { .. } | Source::Discovery { .. }, Some(ring)) => ring,
    };
    let name = settings.tokens.name.clone();
    let mut driver = Driver { name, source, ring };
    if let Source::File(path) = &driver.source {
        let file = path.display().to_string();
        let document = read_key_file(path).map_err(|error| fault(&file, error.to_string()))?;
        let now = clock::now();
        driver.ring.attempt(now);
        driver.ring.succeeded(now, &document, None).map_err(|error| fault(&file, error.to_string()))?;
    }
    Ok(Prepared { settings: settings.clone(), driver })
}

/// Starts to keep the keys of an issuer fresh.
pub(super) fn start(prepared: Prepared, tasks: &Tasks) -> Arc<Issuer> {
    let refresher = Refresher::start(tasks, vec![prepared.driver]);
    Arc::new(Issuer { settings: prepared.settings, refresher })
}

fn ring(settings: &config::Issuer) -> RingSettings {
    RingSettings {
        refresh: settings.refresh,
        max_stale: settings.max_stale,
        algorithms: settings.tokens.algorithms.clone(),
    }
}

fn source(loaded: &Loaded, settings: &config::Issuer) -> Result<Source, Vec<Fault>> {
    let place = format!("issuer `{}`", settings.tokens.name);
    let unusable = |error: OidcError| fault(&place, error.to_string());
    let roots = settings.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(loaded.at(file)));
    if let KeySource::File(file) = &settings.keys {
        return Ok(Source::File(loaded.at(file)));
    }
    let tls = client_config(&roots, None).map_err(|error| fault(&place, error.to_string()))?;
    let reach = if settings.allow_private_addresses { Reach::Anywhere } else { Reach::Public };
    let remote = Remote { tls, reach, timeout: FETCH };
    match &settings.keys {
        KeySource::Url(url) => Ok(Source::Url { url: SourceUrl::parse(url, reach).map_err(unusable)?, remote }),
        KeySource::Discovery | KeySource::File(_) => {
            Source::discovery(&settings.tokens.issuer, Vec::new(), remote).map_err(unusable)
        }
    }
}
