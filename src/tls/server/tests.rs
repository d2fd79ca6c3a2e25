//! What a listener shows, and whom it believes, in handshakes with a real client.

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, HandshakeKind, ServerConnection};

use super::*;
use crate::authn::CertificateFault;
use crate::tls::client_auth::{Demand, fault};
use crate::tls::pki::{Leaf, Pki, ca_params, client_params};

const NAME: &str = "mon.example.org";
const URI: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

fn served(folder: &Path, name: &str) -> Served {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    load(&certificate, &key).unwrap()
}

#[test]
fn the_certificate_is_chosen_by_exact_name_then_wildcard_then_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let all = ["a.example.org", "*.example.org", "b.test"].map(|name| served(folder.path(), name));
    let by_name = ByName::new(&all);
    for (asked, wanted) in [
        (Some("a.example.org"), 0),
        (Some("A.Example.ORG"), 0),
        (Some("x.example.org"), 1),
        (Some("x.y.example.org"), 0),
        (Some("b.test"), 2),
        (Some("unknown.test"), 0),
        (None, 0),
    ] {
        let found = by_name.find(asked).unwrap();
        assert!(Arc::ptr_eq(&found, &all[wanted].key), "{asked:?}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    served(folder.path(), "a.test");
    served(folder.path(), "b.test");
    let fault = load(&folder.path().join("a.test.pem"), &folder.path().join("b.test.key")).unwrap_err();
    assert!(matches!(fault, super::CertificateFault::Mismatch { .. }), "{fault}");
}

#[test]
fn missing_and_empty_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [&empty, &folder.path().join("absent.pem")] {
        let fault = load(path, path).unwrap_err().to_string();
        assert!(fault.contains(&path.display().to_string()), "{fault}");
    }
}

/// A server, its clients' authority, and the files of both.
struct Bench {
    folder: tempfile::TempDir,
    /// Signs the server's certificate.
    servers: Pki,
    /// Signs those of clients.
    clients: Pki,
}

impl Bench {
    fn new() -> Self {
        let (servers, clients) = (Pki::root(&ca_params("servers")), Pki::root(&ca_params("clients")));
        Self { folder: tempfile::tempdir().unwrap(), servers, clients }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn config(&self, tls12: bool, trust: Option<&ClientTrust>) -> Arc<ServerConfig> {
        let leaf = self.servers.leaf(NAME);
        let (certificate, key) = (self.write("s.pem", &leaf.certificate_pem), self.write("s.key", &leaf.key_pem));
        config(&[load(&certificate, &key).unwrap()], tls12, trust).unwrap()
    }

    fn trust(&self, demand: Demand, revoked: &[u8]) -> ClientTrust {
        let list = self.clients.crl(revoked, 2090).pem().unwrap();
        let (ca, list) = (self.write("ca.pem", &self.clients.ca_pem()), self.write("clients.crl", &list));
        ClientTrust::load(&ca, &[list], demand).unwrap()
    }

    fn leaf(&self, serial: u8) -> Leaf {
        self.clients.sign(&client_params(URI, serial))
    }

    /// A client that would resume, send early data, and shows `leaf`.
    fn client(&self, leaf: Option<&Leaf>) -> ClientConfig {
        let mut client = ClientConfig::clone(&self.servers.client(leaf));
        client.resumption = Resumption::in_memory_sessions(16);
        client.enable_early_data = true;
        client
    }
}

/// Both sides after a handshake in which the server saw nothing wrong.
struct Met {
    client: ClientConnection,
    server: ServerConnection,
}

/// A handshake, and what either side has to say after it.
fn meet(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<Met, rustls::Error> {
    let name = ServerName::try_from(NAME).unwrap();
    let mut client = Connection::from(ClientConnection::new(Arc::clone(client), name).unwrap());
    let mut server = Connection::from(ServerConnection::new(Arc::clone(server)).unwrap());
    let mut refused = None;
    loop {
        let sent = pass(&mut client, &mut server).map_err(|error| refused.take().unwrap_or(error))?;
        let answered = pass(&mut server, &mut client);
        // What the server thinks counts; the client only hears of it.
        refused = answered.as_ref().err().cloned();
        if !sent && !answered? {
            break;
        }
    }
    let (Connection::Client(client), Connection::Server(server)) = (client, server) else { unreachable!() };
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(Met { client, server })
}

/// Hands over what `from` wants to send; whether it was anything.
fn pass(from: &mut Connection, to: &mut Connection) -> Result<bool, rustls::Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
        to.process_new_packets()?;
    }
    Ok(!wire.is_empty())
}

/// Why the server refused; `None` when it did not.
fn refusal(client: &ClientConfig, server: &Arc<ServerConfig>) -> Option<CertificateFault> {
    meet(&Arc::new(client.clone()), server).err().map(|error| fault(&error).unwrap_or_else(|| panic!("{error}")))
}

#[test]
fn h02_a_certificate_that_is_required_must_be_shown() {
    let bench = Bench::new();
    for tls12 in [true, false] {
        let (required, optional) = (bench.trust(Demand::Required, &[]), bench.trust(Demand::Optional, &[]));
        let (required, optional) = (bench.config(tls12, Some(&required)), bench.config(tls12, Some(&optional)));
        let (without, with) = (bench.client(None), bench.client(Some(&bench.leaf(1))));
        assert_eq!(refusal(&without, &required), Some(CertificateFault::Missing));
        assert_eq!(refusal(&with, &required), None);
        assert_eq!(refusal(&without, &optional), None);
        assert_eq!(refusal(&with, &optional), None);
    }
}

#[test]
fn h03_h07_a_bad_certificate_is_refused_where_it_is_optional_too() {
    let bench = Bench::new();
    let other = Pki::root(&ca_params("others"));
    for demand in [Demand::Required, Demand::Optional] {
        let server = bench.config(true, Some(&bench.trust(demand, &[7])));
        for (leaf, expected) in [
            (bench.leaf(1), None),
            (bench.leaf(7), Some(CertificateFault::Revoked)),
            (other.sign(&client_params(URI, 1)), Some(CertificateFault::UnknownIssuer)),
            (bench.clients.expired(NAME), Some(CertificateFault::Expired)),
        ] {
            assert_eq!(refusal(&bench.client(Some(&leaf)), &server), expected, "{demand:?}");
        }
    }
}

#[test]
fn the_chain_that_was_shown_is_at_hand() {
    let bench = Bench::new();
    let (server, leaf) = (bench.config(true, Some(&bench.trust(Demand::Optional, &[]))), bench.leaf(1));
    let shown = meet(&Arc::new(bench.client(Some(&leaf))), &server).unwrap();
    assert_eq!(shown.server.peer_certificates(), Some(leaf.chain().as_slice()));
    assert_eq!(meet(&Arc::new(bench.client(None)), &server).unwrap().server.peer_certificates(), None);
    // A listener that does not ask gets none.
    let silent = bench.config(true, None);
    let met = meet(&Arc::new(bench.client(Some(&leaf))), &silent).unwrap();
    assert_eq!(met.server.peer_certificates(), None);
}

/// Only the version that `tls12` says.
fn of_version(client: &ClientConfig, bench: &Bench, leaf: Option<&Leaf>, tls12: bool) -> Arc<ClientConfig> {
    let version = if tls12 { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(bench.servers.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::clone(client.crypto_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match leaf {
        Some(leaf) => builder.with_client_auth_cert(leaf.chain(), leaf.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(16);
    config.enable_early_data = true;
    Arc::new(config)
}

#[test]
fn h08_no_session_with_a_client_certificate_is_resumed() {
    let bench = Bench::new();
    let leaf = bench.leaf(1);
    let trust = bench.trust(Demand::Required, &[]);
    for tls12 in [false, true] {
        let client = of_version(&bench.client(None), &bench, Some(&leaf), tls12);
        let server = bench.config(true, Some(&trust));
        for _ in 0..3 {
            assert_eq!(meet(&client, &server).unwrap().server.handshake_kind(), Some(HandshakeKind::Full));
        }
        // The same client resumes where nobody asks for its certificate: it would here, if it could.
        let silent = bench.config(true, None);
        meet(&client, &silent).unwrap();
        assert_eq!(meet(&client, &silent).unwrap().server.handshake_kind(), Some(HandshakeKind::Resumed));
        // What it got there is worth nothing on a listener that asks.
        assert_eq!(meet(&client, &server).unwrap().server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn h08_a_session_from_before_a_change_is_worth_nothing() {
    let bench = Bench::new();
    let leaf = bench.leaf(7);
    for tls12 in [false, true] {
        let client = of_version(&bench.client(None), &bench, Some(&leaf), tls12);
        // Before: certificates are off, and sessions are resumed.
        let before = bench.config(true, None);
        meet(&client, &before).unwrap();
        assert_eq!(meet(&client, &before).unwrap().server.handshake_kind(), Some(HandshakeKind::Resumed));
        // Then they are asked for, and this one is revoked.
        let (good, revoked) = (bench.trust(Demand::Required, &[]), bench.trust(Demand::Required, &[7]));
        assert_eq!(meet(&client, &bench.config(true, Some(&good))).map(drop), Ok(()));
        assert_eq!(refusal(&client, &bench.config(true, Some(&revoked))), Some(CertificateFault::Revoked));
        // A listener without certificates does not resume what another listener began, either.
        let fresh = bench.config(true, None);
        assert_eq!(meet(&client, &fresh).unwrap().server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn h13_early_data_is_never_taken() {
    let bench = Bench::new();
    let leaf = bench.leaf(1);
    for trust in [None, Some(bench.trust(Demand::Optional, &[]))] {
        let (server, client) = (bench.config(true, trust.as_ref()), bench.client(Some(&leaf)));
        assert_eq!(server.max_early_data_size, 0);
        let client = Arc::new(client);
        meet(&client, &server).unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let mut again = ClientConnection::new(Arc::clone(&client), name).unwrap();
        assert!(again.early_data().is_none(), "the server must not have offered it");
    }
}

#[test]
fn h14_a_protocol_that_is_not_spoken_is_refused() {
    let bench = Bench::new();
    let server = bench.config(true, Some(&bench.trust(Demand::Optional, &[])));
    for (offered, expected) in [
        (&[&b"spdy/3"[..]][..], Err(rustls::Error::NoApplicationProtocol)),
        (&[b"h3", b"http/1.0", b"H2"], Err(rustls::Error::NoApplicationProtocol)),
        (&[b"spdy/3", b"http/1.1"], Ok(Some(b"http/1.1".to_vec()))),
        (&[b"http/1.1", b"h2"], Ok(Some(b"h2".to_vec()))),
        (&[], Ok(None)),
    ] {
        let mut client = bench.client(None);
        client.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let met = meet(&Arc::new(client), &server);
        let chosen = met.map(|met| met.client.alpn_protocol().map(<[u8]>::to_vec));
        assert_eq!(chosen, expected, "{offered:?}");
    }
}

#[test]
fn l07_keys_are_never_written_down() {
    let bench = Bench::new();
    for trust in [None, Some(bench.trust(Demand::Required, &[]))] {
        assert!(!bench.config(true, trust.as_ref()).key_log.will_log("CLIENT_TRAFFIC_SECRET_0"));
    }
}

#[test]
fn other_failures_are_not_blamed_on_the_certificate() {
    assert_eq!(fault(&rustls::Error::NoApplicationProtocol), None);
    assert_eq!(fault(&rustls::Error::DecryptError), None);
}
