//! What the demo guards: a real `nats-server` when one is on PATH, else recorded answers.
//!
//! In: the demo's private folder. Out: the address of an unauthenticated monitoring port on loopback, and the name of
//! an account behind it. A server that was started here ends with the [`Upstream`].

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::DemoError;
use super::answers::{self, Recorded};
use super::client;
use super::folder::Folder;
use super::nats::{Key, Owner, account_claims, log_in, operator_claims, user_claims};
use super::web::Server;
use crate::types::UnixTime;

/// A guarded monitoring port.
pub(super) struct Upstream {
    address: SocketAddr,
    account: String,
    description: String,
    _alive: Alive,
}

#[expect(dead_code, reason = "held for their Drop")]
enum Alive {
    Real(Process, Option<TcpStream>),
    Recorded(Server),
}

impl Upstream {
    /// Starts a `nats-server` from PATH; without one, or when it does not come up, serves recorded answers.
    pub(super) async fn start(folder: &Folder, now: UnixTime) -> Result<Self, DemoError> {
        let Some(program) = on_path("nats-server") else {
            return Self::recorded("no nats-server on PATH").await;
        };
        match Self::real(&program, folder, now).await {
            Ok(upstream) => Ok(upstream),
            Err(fault) => Self::recorded(&format!("{} did not start)\n({fault}", program.display())).await,
        }
    }

    /// Where its monitoring port is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// An account whose `/accountz?acc=…` carries a JWT.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// What it is, in words; may have several lines.
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    async fn recorded(why: &str) -> Result<Self, DemoError> {
        let failed = DemoError::preparing("serve the recorded answers");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let server = listener.and_then(|listener| Server::start(listener, None, Arc::new(Recorded))).map_err(failed)?;
        Ok(Self {
            address: server.address(),
            account: answers::ACCOUNT.to_owned(),
            description: format!("recorded answers of nats-server {} ({why})", answers::VERSION),
            _alive: Alive::Recorded(server),
        })
    }

    async fn real(program: &Path, folder: &Folder, now: UnixTime) -> io::Result<Self> {
        let estate = Estate::new(now).ok_or_else(|| io::Error::other("no randomness"))?;
        folder.write("nats-server.conf", &estate.config(folder.path())).map_err(io::Error::other)?;
        let mut process = Process::start(program, folder.path())?;
        let ports = process.ports().await?;
        let version = version(&mut process, ports.monitoring).await?;
        let user = timeout(PATIENCE, log_in(ports.client, &estate.user_jwt, &estate.user, "orders.created")).await;
        Ok(Self {
            address: ports.monitoring,
            account: estate.account.name().to_owned(),
            description: format!("a real nats-server {version} ({})", program.display()),
            _alive: Alive::Real(process, user.ok().and_then(Result::ok)),
        })
    }
}

/// The operator, accounts and user of the demo's NATS.
struct Estate {
    operator_jwt: String,
    /// Account names and their JWTs.
    accounts: Vec<(String, String)>,
    account: Key,
    user: Key,
    user_jwt: String,
}

impl Estate {
    fn new(now: UnixTime) -> Option<Self> {
        let random = SystemRandom::new();
        let operator = Key::generate(Owner::Operator, &random)?;
        let system = Key::generate(Owner::Account, &random)?;
        let account = Key::generate(Owner::Account, &random)?;
        let user = Key::generate(Owner::User, &random)?;
        let mut accounts = Vec::new();
        // The system account must not store streams.
        for (key, title, streams) in [(&system, "SYS", 0), (&account, "ACME", -1)] {
            accounts.push((key.name().to_owned(), operator.sign(key, title, &account_claims(streams), now)));
        }
        Some(Self {
            operator_jwt: operator.sign(&operator, "monward demo", &operator_claims(&system), now),
            accounts,
            user_jwt: account.sign(&user, "orders", &user_claims(), now),
            account,
            user,
        })
    }

    /// The server's configuration. `-1` lets it choose free ports, which it then writes into `folder`.
    fn config(&self, folder: &Path) -> String {
        let store = Value::String(folder.join("jetstream").display().to_string());
        let folder = Value::String(folder.display().to_string());
        let preload: Vec<String> = self.accounts.iter().map(|(name, jwt)| format!("{name}: {jwt}")).collect();
        let preload = preload.join(", ");
        format!(
            "host: 127.0.0.1\nport: -1\nhttp: \"127.0.0.1:-1\"\nserver_name: monward-demo\nports_file_dir: {folder}\n\
             ping_interval: \"24h\"\njetstream: {{ store_dir: {store}, max_mem: 64MB, max_file: 64MB }}\noperator: {}\nresolver: MEMORY\nresolver_preload: {{ {preload} }}\n",
            self.operator_jwt
        )
    }
}

/// A `nats-server` that is killed when it is dropped.
struct Process {
    child: Child,
    folder: PathBuf,
}

impl Process {
    /// Starts `program` with the configuration in `folder`, where it also writes its log.
    fn start(program: &Path, folder: &Path) -> io::Result<Self> {
        let log = fs::File::create_new(folder.join(LOG))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.join("nats-server.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Self { child, folder: folder.to_owned() })
    }

    /// Fails when the child has ended.
    fn alive(&mut self) -> io::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
        let last = log.lines().last().unwrap_or_default();
        Err(io::Error::other(format!("it ended with {status}: {last}")))
    }

    /// Waits for the file in which the server says where it listens.
    async fn ports(&mut self) -> io::Result<Ports> {
        let file = self.folder.join(format!("nats-server_{}.ports", self.child.id()));
        for _ in 0..TRIES {
            self.alive()?;
            if let Some(ports) = Ports::read(&fs::read(&file).unwrap_or_default()) {
                return Ok(ports);
            }
            sleep(PAUSE).await;
        }
        Err(io::Error::other("it did not say where it listens"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Ports {
    client: SocketAddr,
    monitoring: SocketAddr,
}

impl Ports {
    fn read(written: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Written {
            nats: Vec<String>,
            monitoring: Vec<String>,
        }
        let written: Written = serde_json::from_slice(written).ok()?;
        let address = |urls: &[String]| urls.first()?.split_once("://")?.1.parse().ok();
        Some(Self { client: address(&written.nats)?, monitoring: address(&written.monitoring)? })
    }
}

/// The version of the server, once it answers `/varz`.
async fn version(process: &mut Process, monitoring: SocketAddr) -> io::Result<String> {
    for _ in 0..TRIES {
        process.alive()?;
        let answer = timeout(PATIENCE, client::get_plain(monitoring, "/varz")).await;
        let body = answer.ok().and_then(Result::ok).filter(|reply| reply.status == 200).map(|reply| reply.body);
        let document: Option<Value> = body.and_then(|body| serde_json::from_slice(&body).ok());
        if let Some(version) = document.as_ref().and_then(|document| document.get("version")).and_then(Value::as_str) {
            return Ok(version.to_owned());
        }
        sleep(PAUSE).await;
    }
    Err(io::Error::other("its monitoring port does not answer"))
}

/// The first executable file called `name` in the folders of PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0))
}

const LOG: &str = "nats-server.log";
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(25);
const TRIES: u32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_file_names_both_ports_on_loopback() {
        let written = br#"{"nats":["nats://127.0.0.1:34567"],"monitoring":["http://127.0.0.1:45678"]}"#;
        let ports = Ports::read(written).unwrap();
        assert_eq!((ports.client.port(), ports.monitoring.port()), (34567, 45678));
        assert!(Ports::read(b"").is_none());
        assert!(Ports::read(br#"{"nats":["nats://127.0.0.1:34567"],"monitoring":[]}"#).is_none());
    }

    #[test]
    fn the_configuration_listens_on_loopback_only_and_holds_no_seed() {
        let estate = Estate::new(UnixTime::from_secs(1_800_000_000)).unwrap();
        let config = estate.config(Path::new("/tmp/a \"folder\""));
        assert!(config.contains("host: 127.0.0.1\n") && config.contains("http: \"127.0.0.1:-1\"\n"));
        assert!(config.contains(r#"ports_file_dir: "/tmp/a \"folder\"""#));
        assert_eq!(config.matches("eyJ0eXAi").count() + config.matches("eyJhbGci").count(), 3, "operator, SYS, ACME");
    }

    #[tokio::test]
    async fn recorded_answers_are_served_with_the_reason_why() {
        let upstream = Upstream::recorded("no nats-server on PATH").await.unwrap();
        assert!(upstream.description().contains("no nats-server on PATH"));
        let path = format!("/accountz?acc={}", upstream.account());
        let reply = client::get_plain(upstream.address(), &path).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(String::from_utf8(reply.body).unwrap().contains("\"jwt\""));
    }
}
