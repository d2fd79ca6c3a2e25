//! H: client certificates, by the real program over both protocols. Who is not believed gets no further than that.

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, SanType, date_time_ymd};

use crate::support::answers::{denial, success};
use crate::support::mtls::{BOTH, Kept, MINE, POLICY, VERSIONS, World, all_denied, all_serve, ask, setup};
use crate::support::pki::{Authority, workload};
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

fn token() -> String {
    Issuer::shared().token("viewer")
}

/// What `client_auth: required` says to somebody who shows nothing.
const NOTHING_SHOWN: &str = "certificate_missing";

#[test]
fn h02_a_certificate_that_is_required_must_be_shown() {
    let world = World::new("required");
    world.shuts_out(&world.anonymous(), NOTHING_SHOWN, "nothing shown");
    for versions in VERSIONS {
        let client = world.speaking(versions, None);
        world.shut_out(NOTHING_SHOWN, "nothing shown", || {
            let exchange = client.exchange(b"GET /varz HTTP/1.1\r\nHost: mon.test\r\n\r\n");
            assert!(exchange.closed && exchange.responses.is_empty(), "{exchange:?}");
        });
    }
    world.serves(&world.mine(1), None, "its certificate");
    // Where it is not required, a token will do, and nothing will not.
    let world = World::new("optional");
    world.serves(&world.anonymous(), Some(&token()), "a token");
    world.serves(&world.mine(1), None, "its certificate");
    world.denies(&world.anonymous(), None, (401, "credential_missing"), "nothing shown");
}

/// A change to what a certificate is made of.
type Change = fn(&mut CertificateParams);

#[test]
fn h03_a_certificate_that_is_not_a_good_clients_is_refused() {
    let cases: &[(&str, Change, &str)] = &[
        (
            "for servers alone",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "certificate_purpose",
        ),
        ("expired", |params| params.not_after = date_time_ymd(2020, 1, 1), "certificate_expired"),
        ("not begun", |params| params.not_before = date_time_ymd(2090, 1, 1), "certificate_not_yet_valid"),
        (
            "an authority's",
            |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
            "certificate_chain",
        ),
    ];
    for mode in ["required", "optional"] {
        let world = World::new(mode);
        for (what, change, reason) in cases {
            world.shuts_out(&world.unlike(change), reason, what);
        }
        let other = Authority::new("others").workload(MINE, 1);
        world.shuts_out(&world.showing(&other), "certificate_unknown_issuer", "another authority's");
        // The same name of the authority makes no difference.
        let namesake = Authority::new("clients").workload(MINE, 1);
        world.shuts_out(&world.showing(&namesake), "certificate_signature", "a namesake's");
        // A link that is missing is not looked for elsewhere.
        let below = world.clients.below("below");
        let unlinked = below.workload(MINE, 1);
        world.shuts_out(&world.showing(&unlinked), "certificate_unknown_issuer", "a link is missing");
        // And one whose issuer has no list.
        let unlisted = unlinked.with(&below);
        world.shuts_out(&world.showing(&unlisted), "certificate_revocation_unknown", "no list of its issuer");
        world.serves(&world.mine(1), None, "the good one");
    }
}

/// A name in the subject, and nowhere else.
fn common_name_only(name: &str) -> CertificateParams {
    let mut params = workload(MINE, 1);
    params.subject_alt_names.clear();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

#[test]
fn h03_the_common_name_counts_only_where_the_policy_names_it() {
    let (name, dns) = ("scraper.example.org", "    - client_cert: { dns: ['*.example.org'] }");
    let by = |way: &str| {
        let uri = "    - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/prometheus' }";
        assert!(POLICY.contains(uri));
        POLICY.replace(uri, way)
    };
    let world = World::with("required", |setup| setup.policy(&by(dns)));
    let named = world.showing(&world.clients.issue(&common_name_only(name)));
    world.denies(&named, None, (403, "no_role"), "a common name is no DNS name");
    let proper = world.unlike(|params| params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())]);
    world.serves(&proper, None, "a DNS name");
    world.gateway.rewrite("policy.yaml", &by("    - client_cert: { common_name: scraper.example.org }"));
    world.gateway.reload("ok");
    world.serves(&named, None, "the policy says common name");
    world.denies(&proper, None, (403, "no_role"), "a DNS name is no common name");
}

#[test]
fn h04_doubtful_names_prove_nothing() {
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let cases = [
        ("two URIs", vec![uri(MINE), uri("spiffe://example.org/other")], "certificate_several_uris"),
        ("the same twice", vec![uri(MINE), uri(MINE)], "certificate_several_uris"),
        ("a NUL", vec![uri("spiffe://example.org/ns/monitoring/sa/prometheus\0.evil.test")], "certificate_name"),
        ("a NUL elsewhere", vec![uri(MINE), SanType::DnsName("a.test\0.b".try_into().unwrap())], "certificate_name"),
        ("percent-encoded", vec![uri("spiffe://example.org/ns/monitoring/sa/%70rometheus")], "certificate_spiffe_id"),
        ("dots", vec![uri("spiffe://example.org/ns/x/../monitoring/sa/prometheus")], "certificate_spiffe_id"),
        ("upper-case domain", vec![uri("spiffe://EXAMPLE.org/ns/monitoring/sa/prometheus")], "certificate_spiffe_id"),
        ("upper-case scheme", vec![uri("SPIFFE://example.org/ns/monitoring/sa/prometheus")], "certificate_spiffe_id"),
        ("a query", vec![uri("spiffe://example.org/ns/monitoring/sa/prometheus?a")], "certificate_spiffe_id"),
        ("a slash at the end", vec![uri("spiffe://example.org/ns/monitoring/sa/prometheus/")], "certificate_spiffe_id"),
    ];
    let world = World::new("optional");
    for (what, names, reason) in cases {
        let client = world.unlike(|params| params.subject_alt_names = names);
        world.denies(&client, None, (401, reason), what);
        // A good token beside it does not help: what is shown must be good.
        world.denies(&client, Some(&token()), (401, reason), what);
    }
}

/// Files of authorities that are none: their name, content, and a word of the message.
fn no_authorities() -> [(&'static str, Option<String>, &'static str); 5] {
    let leaf = Authority::new("clients").workload(MINE, 1);
    [
        ("missing", None, "No such file"),
        ("empty", Some(String::new()), "nothing"),
        ("garbage", Some("garbage".to_owned()), "nothing"),
        ("cut", Some("-----BEGIN CERTIFICATE-----\nMIIB\n".to_owned()), "broken"),
        ("a client's", Some(leaf.certificate), "no CA certificate"),
    ]
}

#[test]
fn h06_without_authorities_it_does_not_start() {
    for (what, content, word) in no_authorities() {
        let (upstream, clients) = (Upstream::nats(), Authority::new("clients"));
        for mode in ["required", "optional"] {
            let mut setup = setup(&upstream, &clients, mode);
            setup.files.retain(|(name, _)| name != "clients.pem");
            if let Some(content) = &content {
                setup = setup.file("clients.pem", content.as_bytes());
            }
            let (status, said) = setup.refuses_to_start();
            assert_eq!(status.code(), Some(1), "{what}: {said}");
            for part in ["`clients.pem`", word, "`client_ca_file` must hold"] {
                assert!(said.contains(part), "{what}: {part:?} is missing in {said}");
            }
            assert!(!said.contains("panicked"), "{said}");
        }
        upstream.assert_untouched(what);
    }
}

#[test]
fn h06_authorities_that_become_unreadable_change_nothing() {
    for mode in ["required", "optional"] {
        let world = World::new(mode);
        let (mine, other) = (world.mine(1), world.showing(&Authority::new("others").workload(MINE, 1)));
        for (what, content, word) in no_authorities() {
            match content {
                Some(content) => world.gateway.rewrite("clients.pem", &content),
                None => std::fs::remove_file(world.gateway.path("clients.pem")).unwrap(),
            }
            world.gateway.reload("failed");
            world.logs(&["ERROR", "`clients.pem`", word]);
            world.serves(&mine, None, what);
            world.shuts_out(&other, "certificate_unknown_issuer", what);
        }
        world.gateway.rewrite("clients.pem", &world.clients.certificate);
        world.gateway.reload("ok");
        world.serves(&mine, None, "mended");
    }
}

#[test]
fn h07_what_is_revoked_is_refused() {
    let lists = |clients: &Authority, below: &Authority, serials: [&[u8]; 2]| {
        clients.revoked(serials[0], 2090) + &below.revoked(serials[1], 2090)
    };
    let (upstream, clients) = (Upstream::nats(), Authority::new("clients"));
    let below = clients.below("below");
    let gateway =
        setup(&upstream, &clients, "required").file("clients.crl", lists(&clients, &below, [&[], &[]])).start();
    let world = World { upstream, gateway, clients };
    let (near, far) = (world.mine(7), world.showing(&below.workload(MINE, 7).with(&below)));
    world.serves(&near, None, "of the authority");
    world.serves(&far, None, "of one below it");
    world.gateway.rewrite("clients.crl", &lists(&world.clients, &below, [&[7], &[]]));
    world.gateway.reload("ok");
    world.shuts_out(&near, "certificate_revoked", "revoked by the authority");
    world.serves(&far, None, "the same number of another authority");
    world.gateway.rewrite("clients.crl", &lists(&world.clients, &below, [&[7], &[7]]));
    world.gateway.reload("ok");
    world.shuts_out(&far, "certificate_revoked", "revoked by the one below");
    world.serves(&world.mine(8), None, "another number");
}

#[test]
fn h07_a_list_that_has_ended_refuses_everybody_and_says_so() {
    let world = World::new("optional");
    let mine = world.mine(1);
    world.gateway.rewrite("clients.crl", &world.clients.revoked(&[], 2021));
    world.gateway.reload("ok");
    world.shuts_out(&mine, "crl_expired", "the list has ended");
    world.serves(&world.anonymous(), Some(&token()), "who shows no certificate");
    world.logs(&["WARN", "has expired", "crl", "CN=clients"]);
    let end = world.gateway.metric("monward_certificate_expiry_timestamp_seconds", &["kind=\"crl\""]);
    assert!(end < 1_641_000_000.0, "{end}");
    // So it is when it has ended before the start.
    let ended = World::with("required", |setup| {
        let ended = Authority::new("clients");
        setup.file("clients.pem", ended.certificate.clone()).file("clients.crl", ended.revoked(&[], 2021))
    });
    ended.logs(&["WARN", "has expired", "crl", "CN=clients"]);
}

/// Files of revocation lists that are none.
fn no_lists() -> [(&'static str, Option<&'static str>, &'static str); 4] {
    [
        ("missing", None, "No such file"),
        ("empty", Some(""), "nothing"),
        ("garbage", Some("0garbage that begins like DER"), "cannot be used"),
        ("cut", Some("-----BEGIN X509 CRL-----\nMIIB\n"), "broken"),
    ]
}

#[test]
fn h07_without_readable_lists_it_does_not_start() {
    let (upstream, clients) = (Upstream::nats(), Authority::new("clients"));
    for (what, content, word) in no_lists() {
        let mut setup = setup(&upstream, &clients, "required");
        setup.files.retain(|(name, _)| name != "clients.crl");
        if let Some(content) = content {
            setup = setup.file("clients.crl", content);
        }
        let (status, said) = setup.refuses_to_start();
        assert_eq!(status.code(), Some(1), "{what}: {said}");
        for part in ["`clients.crl`", word, "`crl_files` must hold"] {
            assert!(said.contains(part), "{what}: {part:?} is missing in {said}");
        }
    }
    upstream.assert_untouched("no start");
}

#[test]
fn h07_lists_that_become_unreadable_change_nothing_and_are_reported() {
    let world = World::new("required");
    world.gateway.rewrite("clients.crl", &world.clients.revoked(&[7], 2090));
    world.gateway.reload("ok");
    for (what, content, word) in no_lists() {
        match content {
            Some(content) => world.gateway.rewrite("clients.crl", content),
            None => std::fs::remove_file(world.gateway.path("clients.crl")).unwrap(),
        }
        world.gateway.reload("failed");
        world.logs(&["ERROR", "`clients.crl`", word]);
        world.serves(&world.mine(1), None, what);
        world.shuts_out(&world.mine(7), "certificate_revoked", what);
    }
}

#[test]
fn h07_a_new_list_needs_no_signal() {
    let world = World::new("required");
    let (mine, spare) = (world.mine(7), world.mine(8));
    let mut open = BOTH.map(|via| Kept::open(&mine, via));
    all_serve(&mut open, None, "before");
    world.noticed("ok", || world.gateway.rewrite("clients.crl", &world.clients.revoked(&[7], 2090)));
    world.shuts_out(&mine, "certificate_revoked", "revoked");
    all_denied(&world, &mut open, None, "certificate_revoked");
    world.serves(&spare, None, "not revoked");
    // Nor does a new bundle of authorities.
    let fresh = Authority::new("fresh");
    let lists = world.clients.revoked(&[7], 2090) + &fresh.revoked(&[], 2090);
    world.noticed("ok", || world.gateway.rewrite("clients.crl", &lists));
    world.noticed("ok", || world.gateway.rewrite("clients.pem", &fresh.certificate));
    world.shuts_out(&spare, "certificate_unknown_issuer", "of the old authority");
    world.serves(&world.showing(&fresh.workload(MINE, 1)), None, "of the new authority");
}

#[test]
fn h07_a_new_list_is_not_lost_to_a_fault_elsewhere() {
    let world = World::new("required");
    let mine = world.mine(7);
    let key = std::fs::read_to_string(world.gateway.path("server.key")).unwrap();
    // Half of a renewal: the key does not fit, so that nothing can be put in force.
    world.gateway.rewrite("server.key", &Authority::shared().server(&["mon.test"]).key);
    world.noticed("failed", || world.gateway.rewrite("clients.crl", &world.clients.revoked(&[7], 2090)));
    world.serves(&mine, None, "the old list");
    // Nobody watches that file; but what could not be done is tried again.
    world.noticed("ok", || world.gateway.rewrite("server.key", &key));
    world.shuts_out(&mine, "certificate_revoked", "revoked");
}

/// What ends the identity of an open connection: what it is called, what is done, the answer, the reason.
type End = (&'static str, fn(&World), u16, &'static str);

const ENDS: &[End] = &[
    (
        "another authority",
        |world| {
            let other = Authority::new("others");
            world.gateway.rewrite("clients.crl", &other.revoked(&[], 2090));
            world.gateway.rewrite("clients.pem", &other.certificate);
        },
        401,
        "certificate_unknown_issuer",
    ),
    (
        "a list that names it",
        |world| world.gateway.rewrite("clients.crl", &world.clients.revoked(&[7], 2090)),
        401,
        "certificate_revoked",
    ),
    (
        "a list that has ended",
        |world| world.gateway.rewrite("clients.crl", &world.clients.revoked(&[], 2021)),
        401,
        "crl_expired",
    ),
    (
        "a policy without it",
        |world| world.gateway.rewrite("policy.yaml", &POLICY.replace("sa/prometheus", "sa/other")),
        403,
        "no_role",
    ),
    (
        "its number among the revocations",
        |world| world.gateway.rewrite("revocations.yaml", "version: 1\ncertificates:\n  - { serial: '07' }\n"),
        401,
        "revoked",
    ),
    (
        "certificates off",
        |world| {
            let text = std::fs::read_to_string(world.gateway.path("monward.yaml")).unwrap();
            let (before, rest) = text.split_once("    client_auth").unwrap();
            let (_, after) = rest.split_once("crl_files: [clients.crl]\n").unwrap();
            world.gateway.rewrite("monward.yaml", &format!("{before}{after}"));
        },
        401,
        "credential_missing",
    ),
];

#[test]
fn h08_an_open_connection_keeps_no_identity_that_is_gone() {
    for (what, end, status, reason) in ENDS {
        for mode in ["required", "optional"] {
            let world = World::with(mode, |setup| {
                let text = format!("{}revocations: revocations.yaml\n", setup.text());
                let mut setup = setup.file("revocations.yaml", "version: 1\n");
                setup.config = Some(text);
                setup
            });
            let (mine, spare) = (world.mine(7), world.mine(8));
            let mut open = BOTH.map(|via| (Kept::open(&mine, via), Kept::open(&spare, via)));
            for (mine, spare) in &mut open {
                success(&mine.ask(None), what);
                success(&spare.ask(None), what);
            }
            end(&world);
            world.gateway.reload("ok");
            let seen = world.upstream.requests().len();
            for (mine, _) in &mut open {
                for _ in 0..2 {
                    let answer = mine.ask(None);
                    denial(&answer, &[*status], what);
                    let record = world.record(&answer);
                    assert_eq!(record["reason"], *reason, "{what}: {record}");
                }
            }
            assert_eq!(world.upstream.requests().len(), seen, "{what}: something went upstream");
            // Who was not meant goes on, on the connection it has.
            if matches!(*reason, "certificate_revoked" | "revoked") {
                for (_, spare) in &mut open {
                    success(&spare.ask(None), what);
                }
            }
        }
    }
}

#[test]
fn h08_a_connection_from_before_certificates_were_demanded_proves_nothing() {
    let world = World::new("optional");
    let mut open = BOTH.map(|via| Kept::open(&world.anonymous(), via));
    all_serve(&mut open, Some(&token()), "a token will do");
    let text = std::fs::read_to_string(world.gateway.path("monward.yaml")).unwrap();
    world.gateway.rewrite("monward.yaml", &text.replace("client_auth: optional", "client_auth: required"));
    world.gateway.reload("ok");
    all_denied(&world, &mut open, Some(&token()), NOTHING_SHOWN);
}

#[test]
fn what_ends_is_shown_in_metrics() {
    let world = World::new("required");
    let shown = |kind: &str| {
        let page = world.gateway.metrics();
        let kind = format!("kind=\"{kind}\"");
        let lines = page.lines().filter(|line| line.starts_with("monward_certificate_expiry_timestamp_seconds{"));
        lines.filter(|line| line.contains(&kind)).map(str::to_owned).collect::<Vec<_>>()
    };
    let day = |year: u64| (year - 1970) * 365 * 86_400;
    let year = |line: &str| {
        let at: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        (2000..5000).rev().find(|year| day(*year) <= at).unwrap()
    };
    for (kind, name, ends) in
        [("server", "server.pem", 2040), ("server", "second.pem", 2040), ("crl", "CN=clients", 2091)]
    {
        let found = shown(kind).into_iter().find(|line| line.contains(&format!("name=\"{name}\"")));
        let found = found.unwrap_or_else(|| panic!("{kind} {name}: {}", world.gateway.metrics()));
        assert!(found.contains("listener=\"127.0.0.1:0\""), "{found}");
        assert_eq!(year(&found), ends, "{found}");
    }
    assert_eq!(shown("client_ca").len(), 1);
    // What is no longer trusted is no longer shown.
    let other = Authority::new("others");
    world.gateway.rewrite("clients.crl", &other.revoked(&[], 2050));
    world.gateway.rewrite("clients.pem", &other.certificate);
    world.gateway.reload("ok");
    for kind in ["client_ca", "crl"] {
        let (found, name) = (shown(kind), "name=\"CN=others\"");
        assert!(found.len() == 1 && found[0].contains(name), "{found:?}");
    }
    assert_eq!(year(&shown("crl")[0]), 2051);
}

#[test]
fn a_certificate_is_named_in_the_record_and_counted_as_what_it_is() {
    let world = World::new("optional");
    for via in BOTH {
        let answer = ask(&world.mine(1), via, None).unwrap();
        let record = world.record(&answer);
        assert_eq!(record["principal"]["method"], "client_certificate", "{record}");
        assert_eq!(record["principal"]["subject"], MINE, "{record}");
    }
    let count = |method: &str| {
        let label = format!("method=\"{method}\"");
        world.gateway.metric("monward_authenticated_requests_total", &[&label])
    };
    assert_eq!((count("client_certificate"), count("bearer_jwt")), (2.0, 0.0));
}
