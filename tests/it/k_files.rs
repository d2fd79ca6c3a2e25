//! K: faults in the files that say who is believed. Each is named with its file, its line, and what to do.

use crate::support::gateway::{Setup, monward};
use crate::support::upstream::Upstream;

/// A configuration that names every kind of file, all good.
fn setup() -> Setup {
    let upstream = Upstream::nats();
    let hash = crate::support::keys::hashed("sesame");
    let mut setup = Setup::before(&upstream)
        .file("keys.yaml", format!("version: 1\nkeys:\n  grafana: '{hash}'\n"))
        .file("revoked.yaml", "version: 1\nsubjects:\n  - { issuer: corp, subject: bob }\n")
        .file("client-secret", "secret\n")
        .file("own-token", "token\n")
        .file("review-token", "token\n")
        .file("names.key", format!("{}\n", "hunter2".repeat(5)));
    "    client_auth: optional\n    client_ca_file: ca.pem\n    basic: true\n".clone_into(&mut setup.listener);
    "  keys: { static_keys: keys.yaml }
  asked:
    introspection: { url: 'https://idp.example.org/ask', client_id: monward, client_secret_file: client-secret }
    audiences: [monward]
  cluster:
    issuer: https://cluster.example.org
    audiences: [monward]
    kubernetes: { server: 'https://cluster.example.org', token_file: own-token }
  reviewed:
    issuer: https://reviewed.example.org
    audiences: [monward]
    kubernetes: { server: 'https://cluster.example.org', token_file: review-token, review: true }
"
    .clone_into(&mut setup.more_issuers);
    setup.config = Some(format!(
        "{}revocations: revoked.yaml\nredaction: {{ pseudonym_key: {{ file: names.key }} }}\n",
        setup.text()
    ));
    setup
}

/// What `monward check` says, and that `serve` refuses to start for the same reason.
fn faults(name: &str, content: Option<&str>) -> String {
    let folder = setup().write();
    match content {
        Some(content) => std::fs::write(folder.path().join(name), content).unwrap(),
        None => std::fs::remove_file(folder.path().join(name)).unwrap(),
    }
    let (code, out, err) = monward(folder.path(), &["check", "monward.yaml"]);
    assert_eq!(code, Some(1), "{name} {content:?}: {out}{err}");
    let (code, out, said) = monward(folder.path(), &["serve", "--config", "monward.yaml"]);
    assert_eq!(code, Some(1), "{name} {content:?}: {out}{said}");
    assert_eq!(err, said, "check and serve say the same");
    err
}

#[test]
fn k02_all_of_them_good_is_good() {
    let folder = setup().write();
    let (code, out, err) = monward(folder.path(), &["check", "monward.yaml"]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn k02_a_fault_in_a_file_of_credentials_names_file_line_and_what_to_do() {
    let short = "$argon2id$v=19$m=16,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$pUfBFZUBNyqj+CXQ4LcxguYdwbsaMaCPBXrkNxUMFWA";
    let cases: Vec<(&str, Option<String>, &[&str])> = vec![
        ("keys.yaml", Some("version: 1\nkeys:\n  a: hunter2\n".to_owned()), &["keys.yaml:3:", "make it with `printf"]),
        (
            "keys.yaml",
            Some(format!("version: 1\nkeys:\n  a: '{short}'\n")),
            &["keys.yaml:3:", "`m=16` is out of range"],
        ),
        ("keys.yaml", Some("version: 1\nkeys: {}\n".to_owned()), &["keys.yaml:2:", "expected 1 to"]),
        ("keys.yaml", Some("version: 1\nkyes:\n  a: b\n".to_owned()), &["keys.yaml:2:", "did you mean `keys`"]),
        ("keys.yaml", None, &["keys.yaml: cannot be read", "No such file"]),
        (
            "revoked.yaml",
            Some(
                "version: 1\nsubjects:\n  - { issuer: corp, subject: a }\n  - { issuer: corpp, subject: b }\n"
                    .to_owned(),
            ),
            &["revoked.yaml:4:", "did you mean `corp`"],
        ),
        ("revoked.yaml", Some("version: 1\ntokens:\n  - { issuer: corp }\n".to_owned()), &["revoked.yaml:3:", "`jti`"]),
        ("revoked.yaml", Some("tokens: []\n".to_owned()), &["revoked.yaml:1:", "version"]),
        ("revoked.yaml", None, &["revoked.yaml: cannot be read", "No such file"]),
        ("client-secret", None, &["client-secret", "it does not exist"]),
        ("client-secret", Some(String::new()), &["client-secret", "it is empty"]),
        ("client-secret", Some("hunter2\nhunter2\n".to_owned()), &["client-secret", "it is not one line of text"]),
        ("review-token", None, &["review-token", "it does not exist"]),
        ("own-token", None, &["own-token", "it does not exist"]),
        ("own-token", Some("hunter2 hunter2\n".to_owned()), &["own-token", "it holds no token"]),
        ("review-token", Some("hunter2 hunter2\n".to_owned()), &["review-token", "it holds no token"]),
        ("names.key", None, &["names.key", "it does not exist"]),
        ("names.key", Some("hunter2\n".repeat(5)), &["names.key", "it is not one line of text"]),
        ("names.key", Some("hunter2hunter2hunter2hunter2123\n".to_owned()), &["names.key", "at least 32 bytes"]),
        ("ca.pem", None, &["ca.pem"]),
        ("ca.pem", Some("no certificate".to_owned()), &["ca.pem"]),
    ];
    for (name, content, words) in &cases {
        let said = faults(name, content.as_deref());
        assert!(words.iter().all(|word| said.contains(word)), "{name} {content:?}: {words:?} in\n{said}");
        assert!(!said.contains("hunter2"), "{name}: a secret is repeated: {said}");
    }
}

#[test]
fn k02_a_role_by_service_account_needs_a_cluster() {
    let upstream = Upstream::nats();
    let policy = "
version: 1
catalog: nats
roles:
  pod: [{ service_account: { issuer: corp, namespace: monitoring } }]
rules: [{ id: r, endpoints: [varz], allow: [pod] }]
";
    let folder = Setup::before(&upstream).policy(policy).write();
    let (status, _, said) = monward(folder.path(), &["check", "monward.yaml"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(":5:") && said.contains("issuer `corp` has no service accounts"), "{said}");
}

#[test]
fn k13_a_folder_of_keys_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    setup.config = Some(format!("{}state_dir: {}\n", setup.text(), folder.path().display()));
    let (status, said) = setup.refuses_to_start();
    assert!(!status.success() && said.contains("can be written by group or others"), "{said}");
}

#[test]
fn k02_explain_knows_client_certificates_by_the_configuration() {
    let policy = "
version: 1
catalog: nats
roles:
  scraper:
    - client_cert: { uri: 'spiffe://example.org/ns/*/sa/prometheus' }
  both:
    - all_of:
        - client_cert: { dns: '*.ops.example.org' }
        - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - { id: scrape, endpoints: [varz], allow: [scraper], redact: standard }
  - { id: see, endpoints: [connz], allow: [both], redact: standard }
";
    let folder = setup().policy(policy).write();
    let explain = |more: &[&str]| monward(folder.path(), &[&["explain", "--config", "monward.yaml"], more].concat());
    let uri = "uri=spiffe://example.org/ns/monitoring/sa/prometheus";
    let (code, out, err) = explain(&["--client-cert", uri, "/varz"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("scraper") && out.contains("rule      scrape"), "{out}");
    let both = ["--client-cert", "dns=a.ops.example.org", "--issuer", "corp", "--claim", "roles=viewer"];
    assert_eq!(explain(&[&both[..], &["/connz"]].concat()).0, Some(0));
    for refused in [
        &["--client-cert", "uri=spiffe://example.org/ns/a/b/sa/prometheus", "/varz"][..],
        &["--client-cert", "common_name=prometheus", "/varz"],
        &["--client-cert", uri, "/connz"],
        &["--client-cert", "dns=a.ops.example.org", "/connz"],
        &["--issuer", "corp", "--claim", "roles=viewer", "/connz"],
    ] {
        let (code, out, err) = explain(refused);
        assert_eq!(code, Some(1), "{refused:?}: {out}{err}");
        assert!(out.contains("decision  deny"), "{refused:?}: {out}");
    }
    let (code, _, err) = explain(&["--client-cert", "url=x", "/varz"]);
    assert!(code != Some(0) && err.contains("`uri`"), "{err}");
}
