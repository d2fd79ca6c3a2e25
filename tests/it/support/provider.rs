//! A real `OpenID` provider: npm's oidc-provider over TLS on loopback, that can be rotated, stopped and started again.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use socket2::Socket;
use tempfile::TempDir;

use super::client::Client;
use super::http::Response;
use super::pki::{Authority, Identity};
use super::server::reserved;
use super::tokens::{AUDIENCE, base64url_decoded};
use super::{Process, eventually, tool};

/// Somebody whom the provider knows.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub id: &'static str,
    pub proof: Proof,
    pub roles: &'static [&'static str],
}

/// How somebody proves to the provider who he is.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// By a secret.
    Secret(&'static str),
    /// By a secret; and his tokens are good only with the certificate that he shows when he gets them.
    SecretBound(&'static str),
    /// By a certificate for this DNS name.
    Certificate(&'static str),
}

/// A scraper with the role `viewer`. Its secret must be encoded before it goes into an `Authorization` header.
pub const SCRAPER: Account =
    Account { id: "scraper", proof: Proof::Secret("p%41ss+w:rd/of=the&scraper"), roles: &["viewer"] };
/// Another, whose tokens are bound to its certificate.
pub const BOUND: Account = Account { id: "bound", proof: Proof::SecretBound("bound-secret"), roles: &["viewer"] };
/// Somebody without a role.
pub const STRANGER: Account = Account { id: "stranger", proof: Proof::Secret("stranger-secret"), roles: &[] };
/// The gateway itself, which asks about tokens. Its name must be encoded, too.
pub const GATEWAY: Account = Account { id: "gate:1", proof: Proof::Secret("g%41te+s:cret"), roles: &[] };
/// The gateway with a certificate instead of a secret.
pub const GATEWAY_CERTIFIED: Account = Account { id: "gate-2", proof: Proof::Certificate("gate-2.test"), roles: &[] };

impl Account {
    /// What it shows for itself; empty when that is a certificate.
    pub fn secret(&self) -> &'static str {
        match self.proof {
            Proof::Secret(secret) | Proof::SecretBound(secret) => secret,
            Proof::Certificate(_) => "",
        }
    }

    /// As the provider registers it.
    fn registered(&self) -> Value {
        let mut client = json!({ "client_id": self.id, "roles": self.roles });
        match self.proof {
            Proof::Secret(secret) => client["client_secret"] = json!(secret),
            Proof::SecretBound(secret) => {
                client["client_secret"] = json!(secret);
                client["tls_client_certificate_bound_access_tokens"] = json!(true);
            }
            Proof::Certificate(name) => {
                client["token_endpoint_auth_method"] = json!("tls_client_auth");
                client["tls_client_auth_san_dns"] = json!(name);
            }
        }
        client
    }
}

/// The resource that takes tokens as JWTs.
pub const JWT: &str = "urn:monward:jwt";
/// The resource that takes tokens that say nothing by themselves.
pub const OPAQUE: &str = "urn:monward:opaque";

/// A key of the provider: its name and algorithm. A new name is a new key.
pub type Key = (&'static str, &'static str);

/// What the provider has printed so far.
#[derive(Default)]
struct Heard {
    /// How often it said that it is ready, and with which keys last.
    ready: usize,
    keys: String,
    hits: HashMap<String, usize>,
}

/// The provider.
pub struct Provider {
    pub address: SocketAddr,
    folder: TempDir,
    /// Ours whether or not somebody listens on it, so that nobody else gets the port meanwhile.
    socket: Socket,
    process: Mutex<Option<Process>>,
    heard: Arc<Mutex<Heard>>,
}

impl Provider {
    /// One that publishes `keys`; the first signs.
    pub fn start(keys: &[Key]) -> Self {
        let (socket, address) = reserved();
        let folder = TempDir::new().unwrap();
        let server = Authority::shared().server(&["127.0.0.1"]);
        let put = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        put("server.pem", &server.certificate);
        put("server.key", &server.key);
        put("ca.pem", &Authority::shared().certificate);
        let provider = Self { address, folder, socket, process: Mutex::default(), heard: Arc::default() };
        provider.publish(keys);
        provider.restart();
        provider
    }

    /// Its address, which is also its issuer identifier.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Says which keys it has from its next start on.
    pub fn publish(&self, keys: &[Key]) {
        let clients = [SCRAPER, BOUND, STRANGER, GATEWAY, GATEWAY_CERTIFIED].map(|client| client.registered());
        let setup = json!({
            "issuer": self.url(), "audience": AUDIENCE, "lifetime": 600,
            "certificate": "server.pem", "key": "server.key", "ca": "ca.pem",
            "keys": keys.iter().map(|(kid, alg)| json!({ "kid": kid, "alg": alg })).collect::<Vec<_>>(),
            "clients": clients,
        });
        std::fs::write(self.folder.path().join("setup.json"), setup.to_string()).unwrap();
    }

    /// Publishes other keys while it runs; the first signs from now on.
    pub fn rotate(&self, keys: &[Key]) {
        self.publish(keys);
        self.until_ready(|| self.signal("HUP"));
    }

    /// Ends the process; connections are refused from now on.
    pub fn kill(&self) {
        drop(self.process.lock().unwrap().take());
        let _was_not_listening = self.socket.shutdown(std::net::Shutdown::Both);
    }

    /// Starts it (again), with the keys it had or was told since.
    pub fn restart(&self) {
        self.until_ready(|| *self.process.lock().unwrap() = Some(self.spawn()));
    }

    /// The process stands still: connections are made, and nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// The process goes on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// How often `path` was asked for, by any method.
    pub fn hits(&self, path: &str) -> usize {
        self.heard.lock().unwrap().hits.get(path).copied().unwrap_or(0)
    }

    /// An access token for `client` as a JWT.
    pub fn token(&self, client: Account) -> String {
        self.granted(client, None, JWT)
    }

    /// The same, asked for with a certificate.
    pub fn token_with(&self, client: Account, identity: &Identity) -> String {
        self.granted(client, Some(identity), JWT)
    }

    /// An access token for `client` that says nothing by itself.
    pub fn opaque(&self, client: Account) -> String {
        self.granted(client, None, OPAQUE)
    }

    fn granted(&self, client: Account, identity: Option<&Identity>, resource: &str) -> String {
        let answer = self.grant(client, identity, resource);
        let told = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let token = told["access_token"].as_str();
        token.unwrap_or_else(|| panic!("no token for {}: {}{}", client.id, answer.head, answer.text())).to_owned()
    }

    /// What the provider answers to `client` who wants a token for `resource`.
    pub fn grant(&self, client: Account, identity: Option<&Identity>, resource: &str) -> Response {
        let form = format!("grant_type=client_credentials&resource={}", encoded(resource));
        self.post("/token", client, identity, &form)
    }

    /// What the provider says of `token` when `client` asks, who may have to show a certificate.
    pub fn introspect(&self, client: Account, identity: Option<&Identity>, token: &str) -> Value {
        let answer = self.post("/token/introspection", client, identity, &format!("token={}", encoded(token)));
        serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}: {}", answer.head, self.errors()))
    }

    /// `client` takes back its opaque `token`.
    pub fn revoke(&self, client: Account, token: &str) {
        let answer = self.post("/token/revocation", client, None, &format!("token={}", encoded(token)));
        assert_eq!(answer.status, 200, "{}{}", answer.head, answer.text());
    }

    /// Posts a form; a secret goes as [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) says.
    fn post(&self, path: &str, client: Account, identity: Option<&Identity>, form: &str) -> Response {
        use base64::Engine as _;
        let (authorization, form) = if let Proof::Certificate(_) = client.proof {
            (String::new(), format!("client_id={}&{form}", encoded(client.id)))
        } else {
            let pair = format!("{}:{}", encoded(client.id), encoded(client.secret()));
            let basic = base64::engine::general_purpose::STANDARD.encode(pair);
            (format!("Authorization: Basic {basic}\r\n"), form.to_owned())
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Connection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        let plain = Client::new(self.address).with_name("127.0.0.1");
        let mut connection =
            identity.map_or_else(|| plain.clone(), |identity| plain.showing(identity, &[b"http/1.1"])).connect();
        connection.send(request.as_bytes());
        connection.response(false).unwrap_or_else(|| panic!("no answer to {path}: {}", self.errors()))
    }

    fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let id = process.as_ref().expect("the provider runs").0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    fn spawn(&self) -> Process {
        let log = std::fs::File::options().append(true).create(true).open(self.folder.path().join("errors")).unwrap();
        let modules = tool("oidc-provider/node_modules/oidc-provider").join("../..");
        let mut child = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/oidc-provider/server.mjs"))
            .arg(modules)
            .current_dir(self.folder.path())
            .stdin(Stdio::from(OwnedFd::from(self.socket.try_clone().unwrap())))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("node is on PATH: `make test-tools` says how");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = Arc::clone(&self.heard);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| heard.lock().unwrap().take(&line)));
        Process(child)
    }

    /// Does `what` and waits until the provider says that it is ready once more.
    fn until_ready(&self, what: impl FnOnce()) {
        let before = self.heard.lock().unwrap().ready;
        what();
        eventually("the provider to be ready", || {
            let ended = self.process.lock().unwrap().as_mut().and_then(|process| process.0.try_wait().unwrap());
            assert!(ended.is_none(), "the provider ended: {}", self.errors());
            (self.heard.lock().unwrap().ready > before).then_some(())
        });
    }

    /// The keys that it published last, by name.
    pub fn keys(&self) -> String {
        self.heard.lock().unwrap().keys.clone()
    }

    /// What it complained about.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }
}

impl Heard {
    fn take(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("ready", keys)) => {
                self.ready += 1;
                keys.clone_into(&mut self.keys);
            }
            Some((_method, path)) => *self.hits.entry(path.to_owned()).or_default() += 1,
            None => panic!("the provider said {line:?}"),
        }
    }
}

/// As a value in a form.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What a token says, unproven: its claims.
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_else(|| panic!("a JWT, not {token}"));
    serde_json::from_slice(&base64url_decoded(part)).unwrap()
}
