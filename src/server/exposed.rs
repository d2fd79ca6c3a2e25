//! Which files with private keys and secrets are open to others than monward.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::load::{Loaded, fault};
use crate::config::{Ask, AskClient, AskWay, Certificate, Judged};
use crate::document::Fault;

/// Rights that nobody but the owner and the readers in its group need: writing for the group, anything for everybody.
const TOO_MUCH: u32 = 0o027;

/// The files with private keys and secrets of a configuration that everybody on this machine may read, or that others
/// may write, each with what to do. One that cannot be looked at is the business of whoever reads it.
#[must_use]
pub fn exposed(loaded: &Loaded) -> Vec<Fault> {
    let is_open = |file: &Path| std::fs::metadata(file).is_ok_and(|found| found.mode() & TOO_MUCH != 0);
    let mut open: Vec<_> = secret_files(loaded).map(|file| loaded.at(file)).filter(|file| is_open(file)).collect();
    open.sort();
    open.dedup();
    let say = |file: &Path| {
        let name = file.display().to_string();
        fault(&name, format!("others can read or write it, and it holds a key or a secret; `chmod g-w,o= {name}`"))
    };
    open.iter().flat_map(|file| say(file)).collect()
}

fn secret_files(loaded: &Loaded) -> impl Iterator<Item = &Path> {
    let config = &loaded.config;
    let served = config.listeners.iter().flat_map(|listener| &listener.certificates);
    let shown = config.upstreams.iter().filter_map(|upstream| upstream.client.as_ref());
    let keys = served.chain(shown).map(|pair: &Certificate| pair.key.as_path());
    let secrets = config.upstreams.iter().flat_map(|upstream| &upstream.secrets).map(|(_, file)| file.as_path());
    // Not the tokens of service accounts: their files are the kubelet's.
    let own = config.issuers.iter().filter_map(|issuer| match &issuer.judged {
        Judged::ByFile(file) => Some(file.as_path()),
        Judged::ByAsking(Ask { way: AskWay::Introspection { client, .. }, .. }) => Some(match client {
            AskClient::SecretFile(file) => file.as_path(),
            AskClient::Certificate(pair) => pair.key.as_path(),
        }),
        Judged::ByAsking(Ask { way: AskWay::Review { .. }, .. }) | Judged::ByKeys(_) => None,
    });
    keys.chain(secrets).chain(own).chain(config.pseudonym_key.as_deref())
}
