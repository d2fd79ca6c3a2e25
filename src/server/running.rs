//! A running server: start, reload, readiness, drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::assemble::{Assembled, assemble};
use super::issuers;
use super::listen;
use crate::authn::Verifier;
use crate::config::load::{Loaded, fault, load};
use crate::document::Fault;
use crate::ops::admin::{self, Admin};
use crate::ops::audit_sink::AuditSink;
use crate::ops::clock;
use crate::ops::drain::Tasks;
use crate::ops::metrics::{IssuerLabels, Metrics, ResultLabels, whole_seconds};
use crate::proxy::{Gateway, Snapshot};

/// How often budgets of callers who went away are given back.
const SWEEP: Duration = Duration::from_secs(10);

/// How long the last audit records may take at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The configuration or a file that it names is faulty.
    #[error("the configuration has faults")]
    Files(Vec<Fault>),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The audit sink cannot be opened.
    #[error("cannot open the audit sink: {0}")]
    Audit(std::io::Error),
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients, in the configuration's order.
    pub listeners: Vec<SocketAddr>,
    /// For operators.
    pub admin: SocketAddr,
}

/// A server that listens.
pub struct Running {
    gateway: Arc<Gateway>,
    path: PathBuf,
    /// What it was started or last reloaded with.
    loaded: parking_lot::Mutex<Loaded>,
    addresses: Addresses,
    shutdown: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
}

/// Starts a server with the configuration file `path`, inside the current runtime.
///
/// Issuers that do not answer are no reason not to start: it is then not ready, and answers 503.
///
/// # Errors
/// When a file is faulty or an address is taken; nothing listens then.
pub async fn start(path: &Path) -> Result<Running, StartFault> {
    let loaded = load(path).map_err(StartFault::Files)?;
    let assembled = assemble(&loaded, None).map_err(StartFault::Files)?;
    let sockets = loaded.config.listeners.iter().map(|listener| listener.address);
    let sockets = sockets.map(bind).collect::<Result<Vec<_>, _>>()?;
    let (admin_socket, admin_address) = bind(loaded.config.admin)?;
    let addresses = Addresses { listeners: sockets.iter().map(|(_, bound)| *bound).collect(), admin: admin_address };
    let metrics = Arc::new(Metrics::new());
    let audit = audit_settings(&loaded);
    let audit = AuditSink::open(&audit, Arc::clone(&metrics)).map_err(StartFault::Audit)?;
    let tasks = Tasks::new();
    let snapshot = snapshot(&loaded, assembled, &tasks);
    let limits = loaded.config.limits.clone();
    let snapshot = ArcSwap::from_pointee(snapshot);
    let gateway = Arc::new(Gateway { snapshot, limits, audit, metrics, tasks });
    let (shutdown, _) = watch::channel(false);
    for (index, socket) in sockets.into_iter().enumerate() {
        listen::accept(&gateway, index, socket, &shutdown);
    }
    let draining = Arc::new(AtomicBool::new(false));
    let listener =
        TcpListener::from_std(admin_socket).map_err(|source| StartFault::Bind { address: admin_address, source })?;
    let admin = admin_side(&gateway, &draining);
    gateway.tasks.spawn(admin::serve(listener, admin, gateway.tasks.clone()));
    gateway.tasks.spawn(sweep(Arc::clone(&gateway)));
    let loaded = parking_lot::Mutex::new(loaded);
    Ok(Running { gateway, path: path.to_owned(), loaded, addresses, shutdown, draining })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Waits until every issuer has keys, at most `longest`; whether they have.
    pub async fn ready(&self, longest: Duration) -> bool {
        let ready = async {
            while readiness(&self.gateway, &self.draining).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(longest, ready).await.is_ok()
    }

    /// Reads all files again and puts them in force at once; a fault anywhere changes nothing.
    pub fn reload(&self) {
        let result = self.replace();
        let label = if result.is_ok() { "ok" } else { "failed" };
        self.gateway.metrics.reloads.get_or_create(&ResultLabels { result: label }).inc();
        match result {
            Ok(()) => tracing::info!("reloaded"),
            Err(faults) => {
                for fault in &faults {
                    tracing::error!("{fault}");
                }
                tracing::error!("not reloaded: everything stays as it was");
            }
        }
    }

    fn replace(&self) -> Result<(), Vec<Fault>> {
        let fresh = load(&self.path)?;
        let mut current = self.loaded.lock();
        stays(&self.path, &current, &fresh)?;
        let before = self.gateway.snapshot.load_full();
        let assembled = assemble(&fresh, Some(&before))?;
        let next = snapshot(&fresh, assembled, &self.gateway.tasks);
        self.gateway.snapshot.store(Arc::new(next));
        self.gateway.audit.reopen();
        *current = fresh;
        Ok(())
    }

    /// Stops accepting and lets requests in flight finish until the drain deadline.
    pub async fn shutdown(self) -> Stopped {
        self.draining.store(true, Ordering::Release);
        self.shutdown.send_replace(true);
        self.gateway.tasks.stop();
        let left = self.gateway.tasks.wait(self.gateway.limits.drain).await;
        Stopped { left, audit: self.gateway.audit.clone() }
    }
}

/// A server that does not listen any more.
pub struct Stopped {
    left: usize,
    audit: AuditSink,
}

impl Stopped {
    /// How many connections were still at work at the end of the drain.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Waits for the last audit records. Those of requests that were cut off come when their runtime ends: end it first.
    pub fn flush(&self) {
        self.audit.flush(FLUSH);
    }
}

fn bind(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), StartFault> {
    listen::bind(address).map_err(|source| StartFault::Bind { address, source })
}

fn audit_settings(loaded: &Loaded) -> crate::config::Audit {
    let audit = &loaded.config.audit;
    crate::config::Audit { stdout: audit.stdout, file: audit.file.as_ref().map(|file| loaded.at(file)) }
}

fn snapshot(loaded: &Loaded, assembled: Assembled, tasks: &Tasks) -> Snapshot {
    let tokens = loaded.config.issuers.iter().map(|issuer| issuer.tokens.clone()).collect();
    let verifier = Verifier::new(tokens, loaded.config.limits.cached_tokens);
    let issuers = assembled.issuers.into_iter().map(|prepared| issuers::start(prepared, tasks)).collect();
    Snapshot { guarded: assembled.guarded, verifier, issuers }
}

/// What cannot change while it runs: where it listens, its bounds, its sinks.
fn stays(path: &Path, current: &Loaded, fresh: &Loaded) -> Result<(), Vec<Fault>> {
    let (old, new) = (&current.config, &fresh.config);
    let addresses = |config: &crate::config::Config| -> Vec<SocketAddr> {
        config.listeners.iter().map(|listener| listener.address).collect()
    };
    let changed = [
        ("listeners' addresses", addresses(old) != addresses(new)),
        ("admin address", old.admin != new.admin),
        ("limits", old.limits != new.limits),
        ("audit sinks", old.audit != new.audit),
        ("threads", old.threads != new.threads),
    ];
    let changed: Vec<&str> = changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("the {} cannot change while monward runs; restart it", changed.join(", the "));
    Err(fault(&path.display().to_string(), message))
}

/// Ready when every issuer has keys that still serve, and no drain has begun.
fn readiness(gateway: &Gateway, draining: &AtomicBool) -> Result<(), String> {
    if draining.load(Ordering::Acquire) {
        return Err("draining".to_owned());
    }
    let now = clock::now();
    let snapshot = gateway.snapshot.load();
    let missing = snapshot.issuers.iter().filter(|issuer| !issuer.refresher.ready(now));
    let missing: Vec<String> =
        missing.map(|issuer| format!("no keys of issuer `{}`", issuer.settings.tokens.name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
}

fn admin_side(gateway: &Arc<Gateway>, draining: &Arc<AtomicBool>) -> Admin {
    let (for_keys, for_ready, draining) = (Arc::clone(gateway), Arc::clone(gateway), Arc::clone(draining));
    Admin {
        metrics: Arc::clone(&gateway.metrics),
        refresh: Arc::new(move |metrics| show_keys(&for_keys, metrics)),
        readiness: Arc::new(move || readiness(&for_ready, &draining)),
    }
}

fn show_keys(gateway: &Gateway, metrics: &Metrics) {
    let now = clock::now();
    for issuer in &gateway.snapshot.load().issuers {
        let labels = IssuerLabels { issuer: issuer.settings.tokens.name.clone() };
        let usable = issuer.refresher.ready(now);
        metrics.jwks_usable.get_or_create(&labels).set(i64::from(usable));
        for status in issuer.refresher.status() {
            if let Some(fetched) = status.fetched_at {
                metrics.jwks_age.get_or_create(&labels).set(whole_seconds(now.since(fetched)));
            }
        }
    }
}

async fn sweep(gateway: Arc<Gateway>) {
    let mut stopping = gateway.tasks.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stopping.stopped() => return,
        }
        for guarded in &gateway.snapshot.load_full().guarded {
            guarded.limiter.sweep();
        }
    }
}
