use super::*;
use crate::ops::clock;
use crate::tls::pki::Pki;
use crate::upstream::fake::{Fake, Reply};

const KEYS: &str = r#"{"keys":[]}"#;

fn remote(pki: &Pki) -> Remote {
    Remote { tls: pki.client(None), reach: Reach::Anywhere, timeout: Duration::from_millis(1500), token_file: None }
}

/// Everything on loopback over plain HTTP.
async fn from(reply: Reply) -> (Result<KeyDocument, OidcError>, Fake) {
    let fake = Fake::start(move |_, _| reply.clone()).await;
    let url = SourceUrl::parse(&format!("http://{}/jwks?x=1", fake.address), Reach::Anywhere).unwrap();
    (fetch_keys(&Source::Url { url, remote: remote(&Pki::new()) }, Wanted::Set).await, fake)
}

#[tokio::test]
async fn a_fixed_url_is_fetched_with_nothing_but_what_is_needed() {
    let (result, fake) = from(Reply::ok(KEYS)).await;
    assert_eq!(result, Ok(KeyDocument { body: KEYS.into(), max_age: None }));
    let expected = format!(
        "GET /jwks?x=1 HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\nAccept: application/json\r\nUser-Agent: monward\r\n\r\n",
        fake.address
    );
    assert_eq!(fake.requests(), [expected]);
}

/// B03, B04, B05, B08
#[tokio::test]
async fn bad_answers_are_refused() {
    use FetchError::{Encoded, TimedOut, TooLarge, Truncated};
    let big = "x".repeat(MAX_DOCUMENT + 1);
    let drip = Duration::from_millis(60);
    let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "x".repeat(size));
    let rows: [(&str, Reply, OidcError); 12] = [
        ("B03 silence", Reply::raw("").hang(), TimedOut.into()),
        (
            "B03 silence behind the head",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").hang(),
            TimedOut.into(),
        ),
        ("B03 a byte at a time", Reply::ok(KEYS).dripping(1, drip), TimedOut.into()),
        (
            "B04 redirect",
            Reply::raw("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
            OidcError::Status(302),
        ),
        (
            "B04 permanent redirect",
            Reply::raw("HTTP/1.1 308 P\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
            OidcError::Status(308),
        ),
        ("B05 one byte too many", Reply::ok(&big), TooLarge.into()),
        ("B05 100 MB announced", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"), TooLarge.into()),
        (
            "B05 100 MB in chunks",
            Reply::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk(65536).repeat(8))),
            TooLarge.into(),
        ),
        (
            "B05 gzip",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
            Encoded.into(),
        ),
        ("B08 500", Reply::raw("HTTP/1.1 500 No\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}"), OidcError::Status(500)),
        ("B08 206", Reply::raw("HTTP/1.1 206 Part\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}"), OidcError::Status(206)),
        ("cut short", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").close(), Truncated.into()),
    ];
    for (row, reply, expected) in rows {
        let begun = clock::instant();
        let (result, fake) = from(reply).await;
        assert_eq!(result, Err(expected), "{row}");
        assert_eq!(fake.requests().len(), 1, "{row}");
        assert!(begun.elapsed() < MAX_TIMEOUT, "{row}");
    }
}

#[tokio::test]
async fn a_document_of_exactly_the_limit_is_taken() {
    let (result, _fake) = from(Reply::ok(&"x".repeat(MAX_DOCUMENT))).await;
    assert_eq!(result.unwrap().body.len(), MAX_DOCUMENT);
}

/// B12: without the operator's word no byte goes to this machine.
#[tokio::test]
async fn a_private_address_is_not_called_unless_allowed() {
    let pki = Pki::new();
    let fake = Fake::tls(pki.leaf("localhost").server(), |_, _| Reply::ok(KEYS)).await;
    let remote = Remote { reach: Reach::Public, ..remote(&pki) };
    for host in ["localhost", "127.0.0.1"] {
        let url = SourceUrl::parse(&format!("https://{host}:{}/", fake.address.port()), Reach::Public).unwrap();
        let result = fetch_keys(&Source::Url { url, remote: remote.clone() }, Wanted::Set).await;
        assert_eq!(result, Err(OidcError::AddressRefused), "{host}");
    }
    assert_eq!(fake.connections(), 0);
}

/// B15
#[tokio::test]
async fn the_issuers_certificate_is_verified() {
    let (pki, other) = (Pki::new(), Pki::new());
    let rows = [
        ("right", pki.leaf("localhost"), Ok(())),
        ("unknown CA", other.leaf("localhost"), Err(FetchError::TlsFailed.into())),
        ("wrong name", pki.leaf("idp.example.org"), Err(FetchError::TlsFailed.into())),
        ("expired", pki.expired("localhost"), Err(FetchError::TlsFailed.into())),
    ];
    for (row, leaf, expected) in rows {
        let fake = Fake::tls(leaf.server(), |_, _| Reply::ok(KEYS)).await;
        let url = format!("https://localhost:{}/", fake.address.port());
        let source = Source::Url { url: SourceUrl::parse(&url, Reach::Anywhere).unwrap(), remote: remote(&pki) };
        assert_eq!(fetch_keys(&source, Wanted::Set).await.map(drop), expected, "{row}");
    }
}

/// An issuer below `/realm` whose metadata is `metadata(base)`.
async fn discovered(metadata: impl Fn(&str) -> String, hosts: &[&str]) -> (Result<KeyDocument, OidcError>, Fake) {
    let listener = Arc::new(parking_lot::Mutex::new(String::new()));
    let text = Arc::clone(&listener);
    let fake = Fake::start(move |_, head| {
        if head.starts_with("GET /realm/.well-known/openid-configuration ") {
            Reply::ok(&text.lock())
        } else {
            Reply::ok(KEYS)
        }
    })
    .await;
    let base = format!("http://{}", fake.address);
    *listener.lock() = metadata(&base);
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let source = Source::discovery(&format!("{base}/realm"), hosts, remote(&Pki::new())).unwrap();
    (fetch_keys(&source, Wanted::Set).await, fake)
}

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let metadata = |base: &str| format!(r#"{{"issuer":"{base}/realm","x":[[]],"jwks_uri":"{base}/keys"}}"#);
    let (result, fake) = discovered(metadata, &[]).await;
    assert_eq!(result.unwrap().body, KEYS.as_bytes());
    let lines: Vec<_> = fake.requests().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /realm/.well-known/openid-configuration HTTP/1.1", "GET /keys HTTP/1.1"]);
}

/// B05, B10, B11
#[tokio::test]
async fn metadata_that_lies_leads_nowhere() {
    type Metadata = fn(&str) -> String;
    let rows: [(&str, Metadata, OidcError); 14] = [
        ("B10 slash", |b| format!(r#"{{"issuer":"{b}/realm/","jwks_uri":"{b}/k"}}"#), OidcError::IssuerMismatch),
        ("B10 case", |b| format!(r#"{{"issuer":"{b}/Realm","jwks_uri":"{b}/k"}}"#), OidcError::IssuerMismatch),
        ("B10 another", |b| format!(r#"{{"issuer":"https://evil","jwks_uri":"{b}/k"}}"#), OidcError::IssuerMismatch),
        (
            "B11 other host",
            |b| format!(r#"{{"issuer":"{b}/realm","jwks_uri":"https://evil.example/k"}}"#),
            OidcError::JwksHost,
        ),
        (
            "B11 other name of the host",
            |b| format!(r#"{{"issuer":"{b}/realm","jwks_uri":"http://localhost/k"}}"#),
            OidcError::JwksHost,
        ),
        (
            "B11 file",
            |b| format!(r#"{{"issuer":"{b}/realm","jwks_uri":"file:///etc/passwd"}}"#),
            OidcError::Url("not https"),
        ),
        ("no issuer", |b| format!(r#"{{"jwks_uri":"{b}/k"}}"#), OidcError::Discovery),
        ("no keys", |b| format!(r#"{{"issuer":"{b}/realm"}}"#), OidcError::Discovery),
        (
            "issuer twice",
            |b| format!(r#"{{"issuer":"x","issuer":"{b}/realm","jwks_uri":"{b}/k"}}"#),
            OidcError::Discovery,
        ),
        (
            "keys twice",
            |b| format!(r#"{{"issuer":"{b}/realm","jwks_uri":"{b}/k","jwks_uri":"{b}/l"}}"#),
            OidcError::Discovery,
        ),
        ("list", |b| format!(r#"{{"issuer":["{b}/realm"],"jwks_uri":"{b}/k"}}"#), OidcError::Discovery),
        ("html", |_| "<html>".to_owned(), OidcError::Discovery),
        ("array in the members' order", |b| format!(r#"["{b}/realm","{b}/k"]"#), OidcError::Discovery),
        ("B05 depth", |_| format!(r#"{{"x":{}"#, "[".repeat(100_000)), OidcError::Discovery),
    ];
    for (row, metadata, expected) in rows {
        let (result, fake) = discovered(metadata, &["keys.example.org"]).await;
        assert_eq!(result, Err(expected), "{row}");
        assert_eq!(fake.requests().len(), 1, "{row}");
    }
}

#[tokio::test]
async fn another_host_may_hold_the_keys_when_the_operator_says_so() {
    let metadata = |base: &str| {
        let keys = base.replace("127.0.0.1", "localhost");
        format!(r#"{{"issuer":"{base}/realm","jwks_uri":"{keys}/keys"}}"#)
    };
    assert_eq!(discovered(metadata, &[]).await.0, Err(OidcError::JwksHost));
    assert_eq!(discovered(metadata, &["LOCALHOST"]).await.0.unwrap().body, KEYS.as_bytes());
}

/// A server whose certificate is for `localhost`, and how to call it with the token in `file`.
async fn guarded(pki: &Pki, file: &Path) -> (Fake, Source) {
    let fake = Fake::tls(pki.leaf("localhost").server(), |_, _| Reply::ok(KEYS)).await;
    let remote = Remote { token_file: Some(file.to_owned()), ..remote(pki) };
    let url = SourceUrl::parse(&format!("https://localhost:{}/keys", fake.address.port()), Reach::Anywhere).unwrap();
    (fake, Source::Url { url, remote })
}

#[tokio::test]
async fn monward_shows_its_own_token_as_it_is_in_the_file_at_that_moment() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let file = folder.path().join("token");
    let (fake, source) = guarded(&pki, &file).await;
    for (number, token) in ["first.t-o_k~e+n/==", "second"].iter().enumerate() {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        fetch_keys(&source, Wanted::Set).await.unwrap();
        let line = format!("\r\nAuthorization: Bearer {token}\r\n");
        assert!(fake.requests()[number].contains(&line), "{token}");
    }
    assert!(!format!("{source:?}").contains("second"), "it is read when it is needed, and not kept");
}

#[tokio::test]
async fn without_a_sound_token_nobody_is_called() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let file = folder.path().join("token");
    let (fake, source) = guarded(&pki, &file).await;
    assert_eq!(fetch_keys(&source, Wanted::Set).await, Err(OidcError::SecretFile("it does not exist")), "no file");
    for content in ["", "\n", "a b", "a\r\nX-Other: b", "\u{fc}", &"x".repeat(16 * 1024 + 1)] {
        std::fs::write(&file, content).unwrap();
        let refused = fetch_keys(&source, Wanted::Set).await;
        assert!(matches!(refused, Err(OidcError::SecretFile(_))), "{content}");
    }
    assert_eq!(fake.requests().len(), 0);
    // Over plain text it is not even read.
    let url = SourceUrl::parse("http://127.0.0.1:9/", Reach::Anywhere).unwrap();
    let remote = Remote { token_file: Some(file), ..remote(&pki) };
    assert_eq!(fetch_keys(&Source::Url { url, remote }, Wanted::Set).await, Err(OidcError::PlainText));
}

#[tokio::test]
async fn metadata_cannot_lead_monwards_token_to_another_server() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let file = folder.path().join("token");
    std::fs::write(&file, "secret").unwrap();
    let (other, _) = guarded(&pki, &file).await;
    let port = other.address.port();
    let own = Arc::new(std::sync::atomic::AtomicU16::new(0));
    let metadata = Arc::clone(&own);
    let fake = Fake::tls(pki.leaf("localhost").server(), move |_, _| {
        let own = metadata.load(std::sync::atomic::Ordering::SeqCst);
        Reply::ok(&format!(r#"{{"issuer":"https://localhost:{own}","jwks_uri":"https://localhost:{port}/keys"}}"#))
    })
    .await;
    own.store(fake.address.port(), std::sync::atomic::Ordering::SeqCst);
    let remote = Remote { token_file: Some(file), ..remote(&pki) };
    for (hosts, shown) in [(vec![], false), (vec!["localhost".to_owned()], true)] {
        let issuer = format!("https://localhost:{}", fake.address.port());
        let source = Source::discovery(&issuer, hosts, remote.clone()).unwrap();
        fetch_keys(&source, Wanted::Set).await.unwrap();
        assert!(fake.requests().last().unwrap().contains("Bearer secret"));
        assert_eq!(
            other.requests().last().unwrap().contains("Bearer secret"),
            shown,
            "only where the operator says so"
        );
    }
}

#[tokio::test]
async fn a_key_is_fetched_by_its_name() {
    use crate::authn::{Algorithm, KeyName};
    const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";
    let fake = Fake::start(|_, _| Reply::ok("pem")).await;
    let base = format!("http://{}/some/keys", fake.address);
    for base in [base.clone(), format!("{base}/")] {
        let source = Source::named(&base, remote(&Pki::new())).unwrap();
        let name = KeyName::of(Some(UUID), Algorithm::Es256);
        assert_eq!(fetch_keys(&source, Wanted::Key(name)).await.unwrap().body, b"pem");
        assert!(fake.requests().last().unwrap().starts_with(&format!("GET /some/keys/{UUID} HTTP/1.1\r\n")));
        for wanted in [Wanted::Set, Wanted::Key(KeyName::of(Some("../x"), Algorithm::Es256))] {
            assert!(matches!(fetch_keys(&source, wanted).await, Err(OidcError::Url(_))), "{wanted:?}");
        }
    }
    assert_eq!(fake.requests().len(), 2);
    for base in ["http://a.example.org", "https://a/?x=", "file:///a"] {
        let remote = Remote { reach: Reach::Public, ..remote(&Pki::new()) };
        assert!(Source::named(base, remote).is_err(), "{base}");
    }
}

#[test]
fn a_region_is_a_name_and_no_place_of_its_own() {
    let base = |region: &str| alb_keys(region);
    assert_eq!(base("eu-central-1").unwrap(), "https://public-keys.auth.elb.eu-central-1.amazonaws.com");
    assert_eq!(
        base("us-gov-west-1").unwrap(),
        "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1"
    );
    for wrong in ["", "evil.example.org/", "EU-central-1", "eu central", "-eu", "1-eu", "a@b", &"a".repeat(33)] {
        assert_eq!(base(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_file_is_read_anew_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let source = Source::File(path.clone());
    assert_eq!(fetch_keys(&source, Wanted::Set).await, Err(OidcError::File(std::io::ErrorKind::NotFound)));
    for text in [KEYS, "other"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(fetch_keys(&source, Wanted::Set).await.unwrap().body, text.as_bytes());
    }
    std::fs::write(&path, "x".repeat(MAX_DOCUMENT + 1)).unwrap();
    assert_eq!(fetch_keys(&source, Wanted::Set).await, Err(OidcError::FileTooLarge));
    let no_file = Source::File(directory.path().to_owned());
    assert_eq!(fetch_keys(&no_file, Wanted::Set).await, Err(OidcError::File(std::io::ErrorKind::InvalidInput)));
}

#[test]
fn the_age_of_an_answer_is_what_its_cache_control_says() {
    let rows: [(&[&str], Option<u64>); 10] = [
        (&[], None),
        (&["max-age=300"], Some(300)),
        (&["public, Max-Age=\"60\" , must-revalidate"], Some(60)),
        (&["max-age=300", "max-age=60"], Some(60)),
        (&["max-age=0"], Some(0)),
        (&["max-age=99999999999999999999999"], Some(u64::MAX)),
        (&["max-age=300, no-store"], None),
        (&["no-cache"], None),
        (&["max-age=-1"], None),
        (&["max-age="], None),
    ];
    for (fields, seconds) in rows {
        let got = max_age(fields.iter().map(|field| field.as_bytes()));
        assert_eq!(got, seconds.map(Duration::from_secs), "{fields:?}");
    }
}

/// B14: this process has them set, and still the issuer is called directly.
#[tokio::test]
async fn proxy_variables_are_not_looked_at() {
    const CHILD: &str = "MONWARD_TEST_PROXY_CHILD";
    if std::env::var_os(CHILD).is_some() {
        from(Reply::ok(KEYS)).await.0.unwrap();
        return;
    }
    let name = "oidc::fetch::tests::proxy_variables_are_not_looked_at";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name]).env(CHILD, "1");
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, "http://127.0.0.1:1");
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
