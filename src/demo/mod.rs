//! `monward demo`: everything that a gateway needs, on loopback, and a guided tour of it.
//!
//! In: nothing. Out: a development PKI in a private folder, an OIDC issuer, a guarded NATS monitoring port, a gateway
//! between them, a table of requests with their answers, and an exit code that says whether all were right. Nothing
//! listens beyond loopback, and nothing stays behind.

mod answers;
mod client;
mod folder;
mod invite;
mod issuer;
mod nats;
mod pki;
mod settings;
mod table;
mod token;
mod tour;
mod upstream;
mod web;
mod withheld;

use std::error::Error;
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use self::folder::Folder;
use self::invite::Invitation;
use self::issuer::Issuer;
use self::pki::Pki;
use self::table::{Verdict, fit};
use self::tour::{Outcome, Tour};
use self::upstream::Upstream;
use self::web::Server;
use crate::ops::clock;
use crate::ops::paint::Paint;
use crate::server::{Running, StartFault, start};

/// What happens after the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The demo ends.
    Exit,
    /// It stays up until it is interrupted, with lines to paste.
    StayUp,
}

/// Why the demo could not be given.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The machine refused something.
    #[error("cannot {what}")]
    Preparing {
        /// What was tried.
        what: &'static str,
        /// What came of it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No randomness to sign with.
    #[error("cannot sign a token: no randomness")]
    Token,
    /// The gateway did not start.
    #[error("the gateway did not start{}", listed(source))]
    Gateway {
        /// Why.
        #[from]
        source: StartFault,
    },
    /// The gateway has no keys.
    #[error("the gateway was not ready within {} s", READY.as_secs())]
    NotReady,
    /// The gateway gave no answer.
    #[error("`{request}` got no answer")]
    Request {
        /// What was asked.
        request: String,
        /// What came of it.
        source: io::Error,
    },
    /// Nobody reads what we print.
    #[error("cannot print")]
    Output(#[from] io::Error),
}

impl DemoError {
    /// Says what was tried when an error came.
    fn preparing<E: Into<Box<dyn Error + Send + Sync>>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Preparing { what, source: source.into() }
    }
}

/// Gives the whole demo on `out`; `true` when every answer of the tour was as it should be.
///
/// An interrupt (SIGINT, SIGTERM, SIGHUP) ends it at any point, cleanly; before the end of the tour that is no success.
///
/// # Errors
/// When something of it cannot be set up, or a request gets no answer at all.
pub async fn run(afterwards: Afterwards, paint: Paint, out: &mut (dyn Write + Send)) -> Result<bool, DemoError> {
    let mut interrupted = Box::pin(interrupt()?);
    let folder = Folder::create()?;
    let stage = tokio::select! {
        stage = Stage::set_up(&folder) => stage?,
        () = &mut interrupted => return Ok(false),
    };
    let given = stage.give(afterwards, interrupted, paint, out).await;
    stage.gateway.shutdown().await;
    Ok(given? == Verdict::Right)
}

/// All that runs during the demo. Dropping it ends the issuer and the guarded server.
struct Stage<'a> {
    folder: &'a Folder,
    pki: Pki,
    issuer: Arc<Issuer>,
    _serving: Server,
    upstream: Upstream,
    gateway: Running,
    address: SocketAddr,
}

impl<'a> Stage<'a> {
    async fn set_up(folder: &'a Folder) -> Result<Self, DemoError> {
        let pki = Pki::generate(clock::now())?;
        let failed = || DemoError::preparing("serve the issuer on loopback");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed())?;
        let url = format!("https://{}", listener.local_addr().map_err(failed())?);
        let issuer = Arc::new(Issuer::new(url, clock::now)?);
        let acceptor = TlsAcceptor::from(Arc::new(pki.issuer.config()?));
        let handler = Arc::<Issuer>::clone(&issuer);
        let serving = Server::start(listener, Some(acceptor), handler).map_err(failed())?;
        let upstream = Upstream::start(folder, clock::now()).await?;
        let config = settings::write(folder, &pki, &issuer, &upstream)?;
        let gateway = start(&config).await?;
        if !gateway.ready(READY).await {
            return Err(DemoError::NotReady);
        }
        let address = gateway.addresses().listeners.first().copied().ok_or(DemoError::NotReady)?;
        Ok(Self { folder, pki, issuer, _serving: serving, upstream, gateway, address })
    }

    /// The tour, and what comes after it.
    async fn give(
        &self,
        afterwards: Afterwards,
        mut interrupted: impl Future<Output = ()> + Unpin,
        paint: Paint,
        out: &mut (dyn Write + Send),
    ) -> Result<Verdict, DemoError> {
        let verdict = tokio::select! {
            verdict = self.show(paint, out) => verdict?,
            () = &mut interrupted => return Ok(Verdict::Wrong),
        };
        if afterwards == Afterwards::StayUp {
            self.invite(paint, out)?;
            interrupted.await;
        }
        Ok(verdict)
    }

    /// Says what runs where, and gives the tour.
    async fn show(&self, paint: Paint, out: &mut (dyn Write + Send)) -> Result<Verdict, DemoError> {
        writeln!(out, "{}\n", paint.painted("1", "monward demo: a guarded NATS monitoring port, all on loopback"))?;
        writeln!(out, "  gateway   https://localhost:{}", self.address.port())?;
        writeln!(out, "  issuer    {}", self.issuer.url())?;
        writeln!(out, "  upstream  http://{}", self.upstream.address())?;
        for line in self.upstream.description().lines() {
            writeln!(out, "            {}", fit(line, 88))?;
        }
        writeln!(out, "  files     {}\n", self.folder.path().display())?;
        let tour = Tour {
            gateway: self.address,
            tls: Arc::new(self.pki.client(None)?),
            certified: Arc::new(self.pki.client(Some(&self.pki.prometheus))?),
            issuer: &self.issuer,
            upstream: self.upstream.address(),
            account: self.upstream.account(),
        };
        let outcome = tour.run(out, paint).await?;
        let recorded = recorded(&self.folder.path().join("audit.jsonl"), &outcome).await;
        let verdict = if recorded { outcome.verdict } else { Verdict::Wrong };
        let records = if recorded { "each left one audit record" } else { "not each left exactly one audit record" };
        let sentence = match verdict {
            Verdict::Right => paint.painted("32", "All as it should be"),
            Verdict::Wrong => paint.painted("31", "Not all as it should be"),
        };
        writeln!(out, "\n{sentence}: {} requests, {records}.", outcome.requests.len())?;
        Ok(verdict)
    }

    fn invite(&self, paint: Paint, out: &mut dyn Write) -> Result<(), DemoError> {
        let invitation = Invitation {
            folder: self.folder.path(),
            gateway: self.address,
            admin: self.gateway.addresses().admin,
            issuer: &self.issuer,
            account: self.upstream.account(),
        };
        let title = paint.painted("1", "It stays up. Paste these into another terminal:");
        write!(out, "\n{title}\n\n{}", invitation.text())?;
        out.flush()?;
        Ok(())
    }
}

/// Whether the audit file gets exactly one record for each request, with its status.
async fn recorded(file: &Path, outcome: &Outcome) -> bool {
    for _ in 0..RECORD_TRIES {
        let text = fs::read_to_string(file).unwrap_or_default();
        let records: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let once = |(id, status): &(String, u16)| {
            let mut same =
                records.iter().filter(|record| record.get("request_id").and_then(|id| id.as_str()) == Some(id));
            let matches = same.next().and_then(|record| record.get("status")?.as_u64()) == Some(u64::from(*status));
            matches && same.next().is_none()
        };
        if outcome.requests.iter().all(once) {
            return true;
        }
        tokio::time::sleep(RECORD_PAUSE).await;
    }
    false
}

/// The faults of the demo's own files, a line each; they are monward's to repair, not the user's.
fn listed(fault: &StartFault) -> String {
    match fault {
        StartFault::Files(faults) => faults.iter().map(|fault| format!("\n{fault}")).collect::<Vec<_>>().concat(),
        StartFault::Bind { .. } | StartFault::Audit(_) => String::new(),
    }
}

/// Ends at the first SIGINT, SIGTERM or SIGHUP. Listens from the call on.
fn interrupt() -> Result<impl Future<Output = ()>, DemoError> {
    let failed = || DemoError::preparing("listen for signals");
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed())?;
    let mut terminated = signal(SignalKind::terminate()).map_err(failed())?;
    let mut hung_up = signal(SignalKind::hangup()).map_err(failed())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    })
}

const READY: Duration = Duration::from_secs(15);
const RECORD_PAUSE: Duration = Duration::from_millis(20);
const RECORD_TRIES: u32 = 150;
