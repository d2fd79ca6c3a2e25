//! What operators see of a running server: whether it is ready, and the figures that are looked up when asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exposed::exposed;
use crate::config::load::Loaded;
use crate::oidc::{Asker, Refresher};
use crate::ops::admin::Admin;
use crate::ops::metrics::{ExpiryLabels, IssuerLabels, Metrics, QuestionLabels, whole_seconds};
use crate::ops::{clock, date};
use crate::proxy::{Gateway, Judge, Snapshot};
use crate::types::UnixTime;

/// Ready when every issuer with keys has some that still serve, and no drain has begun.
pub(super) fn readiness(gateway: &Gateway, draining: &AtomicBool) -> Result<(), String> {
    if draining.load(Ordering::Acquire) {
        return Err("draining".to_owned());
    }
    let now = clock::now();
    let snapshot = gateway.snapshot.load();
    let missing = snapshot.issuers.iter().filter(|issuer| issuer.refresher().is_some_and(|keys| !keys.ready(now)));
    let missing: Vec<String> =
        missing.map(|issuer| format!("no keys of issuer `{}`", issuer.settings.tokens.name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
}

pub(super) fn admin_side(gateway: &Arc<Gateway>, draining: &Arc<AtomicBool>) -> Admin {
    let (for_figures, for_ready, draining) = (Arc::clone(gateway), Arc::clone(gateway), Arc::clone(draining));
    Admin {
        metrics: Arc::clone(&gateway.metrics),
        refresh: Arc::new(move |metrics| show(&for_figures, metrics)),
        readiness: Arc::new(move || readiness(&for_ready, &draining)),
    }
}

/// Says which certificates and lists have ended already: a list that has refuses everybody it speaks of.
pub(super) fn warn_of_ended(snapshot: &Snapshot) {
    let now = clock::now();
    let ended = snapshot.expiries().filter(|(.., at)| *at < now);
    for (listener, kind, name, at) in ended {
        tracing::warn!(listener, kind, name, since = date::rfc3339(at), "has expired");
    }
}

/// Says which files with keys and secrets are open to others.
pub(super) fn warn_of_exposed(loaded: &Loaded) {
    for fault in exposed(loaded) {
        tracing::warn!("{fault}");
    }
}

fn show(gateway: &Gateway, metrics: &Metrics) {
    let snapshot = gateway.snapshot.load();
    for issuer in &snapshot.issuers {
        let name = &issuer.settings.tokens.name;
        match &issuer.judge {
            Judge::Keys(keys) => show_keys(name, keys, metrics),
            Judge::Asked(asker) => show_questions(name, asker, metrics),
            Judge::File(_) => {}
        }
    }
    // What is no longer configured must not go on looking as if it ended soon.
    metrics.expiries.clear();
    for (listener, kind, name, at) in snapshot.expiries() {
        let labels = ExpiryLabels { listener: listener.to_owned(), kind, name: name.to_owned() };
        metrics.expiries.get_or_create(&labels).set(whole_seconds(at.since(UnixTime::default())));
    }
}

fn show_keys(name: &str, keys: &Refresher, metrics: &Metrics) {
    let (labels, now) = (IssuerLabels { issuer: name.to_owned() }, clock::now());
    metrics.jwks_usable.get_or_create(&labels).set(i64::from(keys.ready(now)));
    for fetched in keys.status().into_iter().filter_map(|status| status.fetched_at) {
        metrics.jwks_age.get_or_create(&labels).set(whole_seconds(now.since(fetched)));
    }
}

fn show_questions(name: &str, asker: &Asker, metrics: &Metrics) {
    let figures = asker.figures();
    let results = [
        ("ok", figures.ok),
        ("inactive", figures.inactive),
        ("failed", figures.failed),
        ("shared", figures.shared),
        ("cached", figures.cached),
    ];
    for (result, count) in results {
        let labels = QuestionLabels { issuer: name.to_owned(), result };
        metrics.questions.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
    }
}
