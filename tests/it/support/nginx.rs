//! A real nginx with the recipe of `deploy/forward-auth`.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::client::Client;
use super::pki::{Authority, Identity, SERVER};
use super::{Process, eventually, tool};

/// A running nginx; dropping it kills it.
pub struct Nginx {
    _process: Process,
    _folder: TempDir,
    pub address: SocketAddr,
}

impl Nginx {
    /// Asks the monward at `monward`, to which it shows `identity`, about requests to `guarded`.
    pub fn start(monward: SocketAddr, guarded: SocketAddr, identity: &Identity) -> Self {
        let folder = TempDir::new().unwrap();
        let put = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        let server = Authority::shared().server(&[SERVER]);
        put("server.pem", &server.certificate);
        put("server.key", &server.key);
        put("monward-ca.pem", &Authority::shared().certificate);
        put("proxy.pem", &identity.certificate);
        put("proxy.key", &identity.key);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {kind};\n"))
            .concat();
        put(
            "nginx.conf",
            &format!(
                "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr info;\nevents {{}}\n\
                 http {{\n    access_log off;\n{temporary}    include recipe.conf;\n}}\n"
            ),
        );
        // It cannot choose a port by itself; somebody may take the one that was free a moment ago.
        let (process, address) = eventually("a port for nginx", || {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            put("recipe.conf", &recipe(monward, guarded, address));
            let mut process = run(folder.path());
            let up = eventually("nginx to listen or to end", || match process.0.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(address).ok().map(|_| true),
            });
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
            assert!(up || said.contains("Address already in use"), "nginx ended:\n{said}");
            up.then_some((process, address))
        });
        Self { _process: process, _folder: folder, address }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }
}

fn run(folder: &Path) -> Process {
    let log = || Stdio::from(std::fs::File::create(folder.join("log")).unwrap());
    let child = Command::new(tool("nginx/usr/sbin/nginx"))
        .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log())
        .spawn()
        .unwrap();
    Process(child)
}

/// The recipe with the names of the tests.
fn recipe(monward: SocketAddr, guarded: SocketAddr, address: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/forward-auth/nginx.conf");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (name, ours) in [
        ("monward.internal:8443;", format!("{monward};")),
        ("server 127.0.0.1:8222;", format!("server {guarded};")),
        ("listen 443 ssl;", format!("listen {address} ssl;")),
        ("server_name nats.example.org;", format!("server_name {SERVER};")),
        ("proxy_ssl_name monward.example.org;", format!("proxy_ssl_name {SERVER};")),
        ("/etc/nginx/", String::new()),
    ] {
        assert!(text.contains(name), "the recipe has no `{name}`");
        text = text.replace(name, &ours);
    }
    text
}
