//! What judges the credentials of each issuer: keys that are kept fresh, somebody who is asked, or a file.
//!
//! An issuer whose settings did not change keeps its keys across a reload; files are read anew each time, so that a key
//! that was taken out of one is out of force at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::authn::{AskedSettings, Kept, KeyRing, NamedKeys, RingSettings, StaticKeys};
use crate::config::load::{Loaded, fault, text};
use crate::config::{self, Ask, AskClient, AskWay, Judged, KeySource, Keys};
use crate::document::Fault;
use crate::oidc::{
    Asker, AskerSettings, Asking, ClientProof, Driver, OidcError, Reach, Refresher, Remote, Shared, Shelf, Source,
    SourceUrl, alb_keys, read_key_file, read_secret_file, read_token_file,
};
use crate::ops::clock;
use crate::ops::drain::Tasks;
use crate::ops::key_check::KeyCheck;
use crate::proxy::{Issuer, Judge};
use crate::tls::client::{Identity, Roots, client_config};
use crate::types::Secret;

/// The longest that one call of an issuer may take, metadata included.
const CALL: Duration = Duration::from_secs(5);

/// How many answers of an issuer that is asked are remembered.
const REMEMBERED: usize = 4096;

/// An issuer that was checked and can be started.
pub struct Prepared {
    settings: config::Issuer,
    start: Start,
}

enum Start {
    Keys(Box<Driver>),
    Asker(Box<AskerSettings>),
    File(Box<KeyCheck>),
}

/// Checks `settings`, the files it names included. `before` are the issuers that were in force until now.
pub(super) fn prepare(
    loaded: &Loaded,
    settings: &config::Issuer,
    before: &[Arc<Issuer>],
) -> Result<Prepared, Vec<Fault>> {
    let start = match &settings.judged {
        Judged::ByKeys(keys) => Start::Keys(Box::new(driver(loaded, settings, keys, before)?)),
        Judged::ByAsking(ask) => Start::Asker(Box::new(asker(loaded, settings, ask)?)),
        Judged::ByFile(file) => {
            let path = loaded.at(file);
            let keys = StaticKeys::parse(&settings.tokens.name, &path.display().to_string(), &text(&path)?)?;
            let before = before.iter().find_map(|issuer| match &issuer.judge {
                Judge::File(check) if issuer.settings.tokens.name == settings.tokens.name => Some(check),
                Judge::File(_) | Judge::Keys(_) | Judge::Asked(_) => None,
            });
            Start::File(Box::new(KeyCheck::new(keys, before)))
        }
    };
    Ok(Prepared { settings: settings.clone(), start })
}

/// Starts what an issuer needs. `kept` is what those who are asked keep of claims.
pub(super) fn start(prepared: Prepared, tasks: &Tasks, shared: &Shared, kept: &Arc<Kept>) -> Arc<Issuer> {
    let judge = match prepared.start {
        Start::Keys(driver) => Judge::Keys(Refresher::start(tasks, shared, vec![*driver])),
        Start::Asker(mut settings) => {
            settings.answers.kept = Some(Arc::clone(kept));
            Judge::Asked(Asker::new(*settings, tasks))
        }
        Start::File(check) => Judge::File(*check),
    };
    Arc::new(Issuer { settings: prepared.settings, judge })
}

fn driver(
    loaded: &Loaded,
    settings: &config::Issuer,
    keys: &Keys,
    before: &[Arc<Issuer>],
) -> Result<Driver, Vec<Fault>> {
    let source = source(loaded, settings, keys)?;
    let kept = before.iter().find(|issuer| issuer.settings == *settings);
    let ring = RingSettings {
        refresh: keys.refresh,
        max_stale: keys.max_stale,
        algorithms: settings.tokens.algorithms.clone(),
    };
    let life = match (&source, kept.and_then(|issuer| issuer.refresher()?.life(0))) {
        (Source::File(path), _) => from_file(ring, path)?.into(),
        (Source::Named { .. }, None) => NamedKeys::new(ring).into(),
        (Source::Url { .. } | Source::Discovery { .. }, None) => KeyRing::new(ring).into(),
        (Source::Url { .. } | Source::Discovery { .. } | Source::Named { .. }, Some(life)) => life,
    };
    let name = settings.tokens.name.clone();
    let shelf = loaded
        .config
        .state_dir
        .as_ref()
        .zip(source.label())
        .map(|(folder, label)| Shelf::new(&loaded.at(folder), &name, &settings.tokens.issuer, &label));
    Ok(Driver { name, source, life, shelf })
}

/// A ring with the keys of the key file.
fn from_file(settings: RingSettings, path: &Path) -> Result<KeyRing, Vec<Fault>> {
    let file = path.display().to_string();
    let document = read_key_file(path).map_err(|error| fault(&file, error.to_string()))?;
    let mut ring = KeyRing::new(settings);
    let now = clock::now();
    ring.attempt(now);
    ring.succeeded(now, &document, None).map_err(|error| fault(&file, error.to_string()))?;
    Ok(ring)
}

fn source(loaded: &Loaded, settings: &config::Issuer, keys: &Keys) -> Result<Source, Vec<Fault>> {
    if let KeySource::File(file) = &keys.source {
        return Ok(Source::File(loaded.at(file)));
    }
    let unusable = |error: OidcError| fault(&place(settings), error.to_string());
    let mut remote = remote(loaded, settings, None)?;
    remote.token_file = keys.token_file.as_ref().map(|file| usable(loaded.at(file), read_token_file)).transpose()?;
    let reach = remote.reach;
    match &keys.source {
        KeySource::Alb { region } => {
            let base = alb_keys(region).ok_or(OidcError::Url("no region of AWS has that name")).map_err(unusable)?;
            Source::named(&base, remote).map_err(unusable)
        }
        KeySource::Url(url) => Ok(Source::Url { url: SourceUrl::parse(url, reach).map_err(unusable)?, remote }),
        KeySource::Discovery | KeySource::File(_) => {
            Source::discovery(&settings.tokens.issuer, keys.hosts.clone(), remote).map_err(unusable)
        }
    }
}

fn asker(loaded: &Loaded, settings: &config::Issuer, ask: &Ask) -> Result<AskerSettings, Vec<Fault>> {
    let unusable = |error: OidcError| fault(&place(settings), error.to_string());
    let (identity, secret) = match &ask.way {
        AskWay::Introspection { client: AskClient::Certificate(pair), .. } => (Some(pair), None),
        AskWay::Introspection { client: AskClient::SecretFile(file), .. } => {
            (None, Some(usable(loaded.at(file), read_secret_file)?))
        }
        AskWay::Review { token_file, .. } => (None, Some(usable(loaded.at(token_file), read_token_file)?)),
    };
    let remote = remote(loaded, settings, identity)?;
    let asking = match (&ask.way, secret) {
        (AskWay::Introspection { url, client_id, client: _ }, secret) => Asking::Introspection {
            url: SourceUrl::parse(url, remote.reach).map_err(unusable)?,
            client_id: client_id.clone(),
            client: secret.map_or(ClientProof::Certificate, ClientProof::SecretFile),
        },
        (AskWay::Review { server, token_file }, secret) => {
            let file = secret.unwrap_or_else(|| loaded.at(token_file));
            Asking::review(server, file, remote.reach).map_err(unusable)?
        }
    };
    let tokens = &settings.tokens;
    let answers = AskedSettings {
        name: tokens.name.clone(),
        issuer: Some(tokens.issuer.clone()).filter(|issuer| !issuer.is_empty()),
        audiences: tokens.audiences.clone(),
        leeway: tokens.leeway,
        cache: ask.cache,
        kept: None,
    };
    Ok(AskerSettings { asking, remote, answers, remembered: REMEMBERED })
}

/// A file with a secret, once it can be read. It is read anew each time; here only to say at once what is wrong with it.
fn usable(file: PathBuf, read: fn(&Path) -> Result<Secret<String>, OidcError>) -> Result<PathBuf, Vec<Fault>> {
    match read(&file) {
        Ok(_secret) => Ok(file),
        Err(error) => Err(fault(&file.display().to_string(), error.to_string())),
    }
}

/// How an issuer is called.
fn remote(
    loaded: &Loaded,
    settings: &config::Issuer,
    identity: Option<&config::Certificate>,
) -> Result<Remote, Vec<Fault>> {
    let roots = settings.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(loaded.at(file)));
    let identity =
        identity.map(|pair| Identity { certificate: loaded.at(&pair.certificate), key: loaded.at(&pair.key) });
    let tls = client_config(&roots, identity.as_ref()).map_err(|error| fault(&place(settings), error.to_string()))?;
    let reach = if settings.allow_private_addresses { Reach::Anywhere } else { Reach::Public };
    Ok(Remote { tls, reach, timeout: CALL, token_file: None })
}

fn place(settings: &config::Issuer) -> String {
    format!("issuer `{}`", settings.tokens.name)
}
