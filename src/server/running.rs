//! A running server: start, reload, readiness, drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::assemble::{Assembled, assemble, revocations};
use super::issuers;
use super::watched::Watched;
use super::{listen, view};
use crate::authn::{IssuerSettings, Kept, Profile, Verifier};
use crate::config::load::{Loaded, fault, load};
use crate::document::Fault;
use crate::oidc::Shared;
use crate::ops::admin;
use crate::ops::audit_sink::AuditSink;
use crate::ops::drain::Tasks;
use crate::ops::metrics::{Metrics, ResultLabels};
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
    watched: parking_lot::Mutex<Watched>,
    /// What all issuers' keys share, across reloads.
    keys: Shared,
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
    // Looked at before they are read: what changes in between is seen at the next look.
    let watched = Watched::of(&loaded);
    let assembled = assemble(&loaded, None).map_err(StartFault::Files)?;
    let sockets = loaded.config.listeners.iter().map(|listener| listener.address);
    let sockets = sockets.map(bind).collect::<Result<Vec<_>, _>>()?;
    let (admin_socket, admin_address) = bind(loaded.config.admin)?;
    let addresses = Addresses { listeners: sockets.iter().map(|(_, bound)| *bound).collect(), admin: admin_address };
    let metrics = Arc::new(Metrics::new());
    let audit = audit_settings(&loaded);
    let audit = AuditSink::open(&audit, Arc::clone(&metrics)).map_err(StartFault::Audit)?;
    let tasks = Tasks::new();
    let keys = Shared::new(Arc::clone(&metrics));
    let snapshot = snapshot(&loaded, assembled, &tasks, &keys);
    let limits = loaded.config.limits.clone();
    view::warn_of_ended(&snapshot);
    view::warn_of_exposed(&loaded);
    let snapshot = ArcSwap::from_pointee(snapshot);
    let gateway = Arc::new(Gateway { snapshot, limits, audit, metrics, tasks });
    let (shutdown, _) = watch::channel(false);
    for (index, socket) in sockets.into_iter().enumerate() {
        listen::accept(&gateway, index, socket, &shutdown);
    }
    let draining = Arc::new(AtomicBool::new(false));
    let listener =
        TcpListener::from_std(admin_socket).map_err(|source| StartFault::Bind { address: admin_address, source })?;
    let admin = view::admin_side(&gateway, &draining);
    gateway.tasks.spawn(admin::serve(listener, admin, gateway.tasks.clone()));
    gateway.tasks.spawn(sweep(Arc::clone(&gateway)));
    let (loaded, watched) = (parking_lot::Mutex::new(loaded), parking_lot::Mutex::new(watched));
    Ok(Running { gateway, path: path.to_owned(), loaded, watched, keys, addresses, shutdown, draining })
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
            while view::readiness(&self.gateway, &self.draining).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(longest, ready).await.is_ok()
    }

    /// Reads all files again and puts them in force at once; a fault anywhere changes nothing but what is revoked.
    pub fn reload(&self) {
        self.report(&self.replace());
    }

    /// Reloads when one of the files changed that take trust away; while that fails, again at each look: a fault of
    /// another file must not make a revocation wait for the next signal. The same faults are reported once.
    pub fn look(&self) {
        let (changed, owed) = {
            let mut watched = self.watched.lock();
            (watched.changed(), watched.owed.take())
        };
        if !changed && owed.is_none() {
            return;
        }
        let result = self.replace();
        if changed || result.as_ref().err() != owed.as_ref() {
            self.report(&result);
        }
        if let Err(faults) = result {
            self.watched.lock().owed = Some(faults);
        }
    }

    fn report(&self, result: &Result<(), Vec<Fault>>) {
        let label = if result.is_ok() { "ok" } else { "failed" };
        self.gateway.metrics.reloads.get_or_create(&ResultLabels { result: label }).inc();
        match result {
            Ok(()) => tracing::info!("reloaded"),
            Err(faults) => {
                for fault in faults {
                    tracing::error!("{fault}");
                }
                tracing::error!("not reloaded: everything stays as it was");
                self.revoke();
            }
        }
    }

    /// Reads the list of what is revoked alone: whoever is on it must not stay until some other file is right.
    fn revoke(&self) {
        let loaded = self.loaded.lock();
        if loaded.config.revocations.is_none() {
            return;
        }
        // Its own faults are among those that were told.
        let Ok(revoked) = revocations(&loaded) else { return };
        let striking = self.gateway.snapshot.load_full().striking(revoked);
        self.gateway.snapshot.store(Arc::new(striking));
        tracing::info!("but for the list of what is revoked, which has no fault and is in force");
    }

    fn replace(&self) -> Result<(), Vec<Fault>> {
        let fresh = load(&self.path)?;
        let mut current = self.loaded.lock();
        stays(&self.path, &current, &fresh)?;
        let before = self.gateway.snapshot.load_full();
        let watched = Watched::of(&fresh);
        let assembled = assemble(&fresh, Some(&before))?;
        let next = snapshot(&fresh, assembled, &self.gateway.tasks, &self.keys);
        view::warn_of_ended(&next);
        view::warn_of_exposed(&fresh);
        self.gateway.snapshot.store(Arc::new(next));
        self.gateway.audit.reopen();
        *self.watched.lock() = watched;
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

fn snapshot(loaded: &Loaded, assembled: Assembled, tasks: &Tasks, keys: &Shared) -> Snapshot {
    let tokens: Vec<IssuerSettings> = loaded.config.issuers.iter().map(|issuer| issuer.tokens.clone()).collect();
    let static_keys = tokens.iter().position(|settings| settings.profile == Profile::StaticKeys);
    let mut kept = Kept::default();
    assembled.upstreams.iter().for_each(|behind| behind.guard.policy.keep_claims(&mut kept));
    if loaded.config.revocations.is_some() {
        // The list may change while tokens are remembered.
        kept.whole.insert("jti".to_owned());
    }
    let kept = Arc::new(kept);
    let verifier = Verifier::new(tokens, loaded.config.limits.cached_tokens).keeping(Arc::clone(&kept));
    let verifier = Arc::new(verifier);
    let issuers = assembled.issuers.into_iter().map(|prepared| issuers::start(prepared, tasks, keys, &kept)).collect();
    let Assembled { guarded, upstreams, revoked, .. } = assembled;
    Snapshot { guarded, upstreams, verifier, issuers, static_keys, revoked }
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

async fn sweep(gateway: Arc<Gateway>) {
    let mut stopping = gateway.tasks.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stopping.stopped() => return,
        }
        for behind in &gateway.snapshot.load_full().upstreams {
            behind.guard.limiter.sweep();
        }
    }
}
