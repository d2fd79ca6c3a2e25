//! The real program in a folder of its own: configuration, policy, keys, and what it wrote.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::client::Client;
use super::http::{Response, take_response};
use super::pki::{Authority, SECOND, SERVER};
use super::tokens::{AUDIENCE, Issuer};
use super::upstream::Upstream;
use super::{Process, eventually, within};

/// Roles `viewer`, `admin` and `auditor`, by the claim `roles`.
pub const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
  admin:
    - token: { issuer: corp, claims: { roles: [admin] } }
rules:
  - id: view
    endpoints: [varz, healthz]
    allow: [viewer, admin]
    redact: standard
  - id: connections
    endpoints: [connz]
    allow: [viewer, admin]
    args: { auth: forbid, subs: forbid, limit: { max: 256 } }
    redact: standard
  - id: accounts
    endpoints: [accountz]
    allow: [admin]
    args: { acc: allow }
    redact: no-credentials
";

/// What a gateway is started with. Every field is text of the configuration file or a file beside it.
pub struct Setup {
    pub upstream: String,
    pub policy: String,
    /// The members of the issuer `corp`, after `issuer`, `audiences`.
    pub keys: String,
    pub issuer: String,
    pub profile: &'static str,
    /// Further issuers: whole members of `issuers`, indented by two.
    pub more_issuers: String,
    /// Members of `upstreams.nats`, flow style: `, timeouts: { … }`.
    pub upstream_more: String,
    /// The members of `limits`, flow style.
    pub limits: String,
    /// Members of the listener, flow style, before `upstream`.
    pub listener: String,
    pub files: Vec<(String, Vec<u8>)>,
    pub environment: Vec<(String, String)>,
    pub log_level: &'static str,
    /// The whole configuration, when a test writes its own.
    pub config: Option<String>,
}

impl Setup {
    /// The usual gateway: the shared issuer by key file, the usual policy, the upstream at `address`.
    pub fn new(address: SocketAddr) -> Self {
        let issuer = Issuer::shared();
        Self {
            upstream: format!("http://{address}"),
            policy: POLICY.to_owned(),
            keys: "jwks_file: jwks.json".to_owned(),
            issuer: issuer.url.clone(),
            profile: "jwt",
            more_issuers: String::new(),
            upstream_more: String::new(),
            limits: String::new(),
            listener: String::new(),
            files: vec![("jwks.json".to_owned(), issuer.jwks().into_bytes())],
            environment: Vec::new(),
            log_level: "info",
            config: None,
        }
    }

    /// In front of a fake upstream.
    pub fn before(upstream: &Upstream) -> Self {
        Self::new(upstream.address())
    }

    /// With keys by OIDC discovery from an issuer at `url` (a loopback address, with a certificate of our authority).
    pub fn discovering(mut self, url: &str) -> Self {
        url.clone_into(&mut self.issuer);
        "ca_file: ca.pem\n    allow_private_addresses: true\n    refresh: 10s".clone_into(&mut self.keys);
        self
    }

    /// With another policy.
    pub fn policy(mut self, text: &str) -> Self {
        text.clone_into(&mut self.policy);
        self
    }

    /// With a policy of these files, in this order. Comes last, since the configuration is written here.
    pub fn policies(mut self, files: &[(&str, String)]) -> Self {
        for (name, text) in files {
            self = self.file(name, text.clone());
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        self.config = Some(self.text().replace("policy: policy.yaml", &format!("policy: [{}]", names.join(", "))));
        self
    }

    /// With these limits: members in flow style, `header: 2s, idle: 5s`.
    pub fn limits(mut self, text: &str) -> Self {
        text.clone_into(&mut self.limits);
        self
    }

    /// With a file beside the configuration.
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// The configuration file.
    pub fn text(&self) -> String {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let mut text = format!(
            "version: 1
listeners:
  - address: 127.0.0.1:0
    certificates:
      - {{ certificate: server.pem, key: server.key }}
      - {{ certificate: second.pem, key: second.key }}
    upstream: nats
{listener}admin: {{ address: 127.0.0.1:0 }}
issuers:
  corp:
    issuer: {issuer}
    audiences: [{AUDIENCE}]
    algorithms: [RS256, RS384, RS512, PS256, ES256, ES384, EdDSA]
    profile: {profile}
    {keys}
{more}upstreams:
  nats: {{ url: '{upstream}', policy: policy.yaml{upstream_more} }}
audit: {{ file: audit.jsonl }}
log: {{ level: {level}, format: json }}
",
            listener = self.listener,
            issuer = self.issuer,
            profile = self.profile,
            keys = self.keys,
            more = self.more_issuers,
            upstream = self.upstream,
            upstream_more = self.upstream_more,
            level = self.log_level,
        );
        if !self.limits.is_empty() {
            let _ = writeln!(text, "limits: {{ {} }}", self.limits);
        }
        text
    }

    /// Writes all files into a fresh folder.
    pub fn write(&self) -> TempDir {
        let folder = TempDir::new().unwrap();
        let authority = Authority::shared();
        let server = authority.server(&[SERVER, "127.0.0.1"]);
        let second = authority.server(&[SECOND]);
        let put = |name: &str, content: &[u8]| write_private(&folder.path().join(name), content);
        put("server.pem", server.certificate.as_bytes());
        put("server.key", server.key.as_bytes());
        put("second.pem", second.certificate.as_bytes());
        put("second.key", second.key.as_bytes());
        put("ca.pem", authority.certificate.as_bytes());
        put("policy.yaml", self.policy.as_bytes());
        put("monward.yaml", self.text().as_bytes());
        for (name, content) in &self.files {
            put(name, content);
        }
        folder
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> Gateway {
        let gateway = self.start_unready();
        gateway.wait_ready();
        gateway
    }

    /// Starts it and waits until it listens.
    pub fn start_unready(&self) -> Gateway {
        let folder = self.write();
        let (child, listeners, admin) = self.launch(folder.path());
        Gateway { child, folder, listeners, admin }
    }

    /// Starts it in `folder` and waits until it listens: the process, the addresses of its listeners and of its admin
    /// listener.
    fn launch(&self, folder: &Path) -> (Process, Vec<SocketAddr>, SocketAddr) {
        let mut child = self.spawn(folder);
        let ports = eventually("the file of ports", || {
            if let Some(status) = child.0.try_wait().unwrap() {
                panic!("monward ended with {status}:\n{}", read(&folder.join("stderr")));
            }
            let text = std::fs::read_to_string(folder.join("ports.json")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let port = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let listeners = ports["listeners"].as_array().unwrap().iter().map(port).collect();
        (child, listeners, port(&ports["admin"]))
    }

    /// Starts it and expects it to give up: its exit status and what it said.
    pub fn refuses_to_start(&self) -> (ExitStatus, String) {
        let folder = self.write();
        let mut child = self.spawn(folder.path());
        let status = eventually("monward to give up", || child.0.try_wait().unwrap());
        (status, read(&folder.path().join("stderr")))
    }

    fn spawn(&self, folder: &Path) -> Process {
        let output = |name: &str| Stdio::from(std::fs::File::create(folder.join(name)).unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_monward"))
            .args(["serve", "--config", "monward.yaml", "--ports-file", "ports.json"])
            .current_dir(folder)
            .env_remove("HTTPS_PROXY")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap();
        Process(child)
    }
}

/// Runs `monward` with `arguments` in `folder`: exit code, stdout, stderr.
pub fn monward(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_monward")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn write_private(path: &Path, content: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(content).unwrap();
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A running gateway; dropping it kills it.
pub struct Gateway {
    child: Process,
    folder: TempDir,
    pub listeners: Vec<SocketAddr>,
    pub admin: SocketAddr,
}

impl Gateway {
    /// A client of the first listener.
    pub fn client(&self) -> Client {
        Client::new(self.listeners[0])
    }

    /// Its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file beside the configuration.
    pub fn rewrite(&self, name: &str, content: &str) {
        write_private(&self.path(name), content.as_bytes());
    }

    /// Waits until `/-/ready` says 200.
    pub fn wait_ready(&self) {
        eventually("readiness", || (self.admin("/-/ready").status == 200).then_some(()));
    }

    /// `GET` on the admin listener.
    pub fn admin(&self, path: &str) -> Response {
        plain_get(self.admin, path)
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        self.admin("/metrics").text()
    }

    /// The sum of all samples of a metric whose labels contain each of `labels`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.metrics();
        let mine = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        };
        page.lines().filter(mine).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// What it wrote to stderr.
    pub fn stderr(&self) -> String {
        read(&self.path("stderr"))
    }

    /// What it wrote to stdout.
    pub fn stdout(&self) -> String {
        read(&self.path("stdout"))
    }

    /// The audit file.
    pub fn audit_text(&self) -> String {
        read(&self.path("audit.jsonl"))
    }

    /// The audit records, once there are at least `count`.
    pub fn audit(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} audit records"), || {
            let records: Vec<Value> =
                self.audit_text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (records.len() >= count).then_some(records)
        })
    }

    /// The audit record of a request that ended with `status`.
    pub fn audited(&self, status: u16) -> Value {
        eventually(&format!("a record of a {status}"), || {
            self.audit(1).into_iter().find(|record| record["status"] == status)
        })
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Reloads, and waits until the metric of reloads with this `result` has gone up.
    pub fn reload(&self, result: &str) {
        let label = format!("result=\"{result}\"");
        let before = self.metric("monward_config_reloads_total", &[&label]);
        self.signal("HUP");
        eventually(&format!("a reload with result {result}"), || {
            (self.metric("monward_config_reloads_total", &[&label]) > before).then_some(())
        });
    }

    /// Kills the process without a warning and starts it again in the same folder, as `setup` says.
    pub fn kill_and_start(&mut self, setup: &Setup) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        std::fs::remove_file(self.path("ports.json")).unwrap();
        (self.child, self.listeners, self.admin) = setup.launch(self.folder.path());
    }

    /// The id of the process.
    pub fn process(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits for the end of the process.
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        within(patience, "the process to end", || self.child.0.try_wait().unwrap())
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.child.0.id())));
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- monward's stderr\n{}\n--- audit\n{}", self.stderr(), self.audit_text());
        }
    }
}

/// `GET` without TLS; reads until the peer closes.
pub fn plain_get(address: SocketAddr, target: &str) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let _gone = stream.read_to_end(&mut bytes);
    take_response(&mut bytes, false, true).unwrap_or_else(|| panic!("no answer to {target} from {address}"))
}
