//! Which chains are believed, and which files are not.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};
use tempfile::TempDir;

use super::*;
use crate::tls::pki::{Leaf, Pki, ca_params, client_params};

const URI: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

/// The middle of 2025.
fn now() -> UnixTime {
    UnixTime::from_secs(1_750_000_000)
}

/// A folder with the files of a listener.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// What a listener believes that trusts `authorities` and has `lists`.
    fn trust(&self, authorities: &[&Pki], lists: &[rcgen::CertificateRevocationList]) -> ClientTrust {
        let bundle: String = authorities.iter().map(|authority| authority.ca_pem()).collect();
        let lists = lists.iter().enumerate().map(|(at, list)| self.write(&format!("{at}.crl"), list.pem().unwrap()));
        let lists: Vec<PathBuf> = lists.collect();
        ClientTrust::load(&self.write("ca.pem", bundle), &lists, Demand::Required).unwrap()
    }
}

fn verify(trust: &ClientTrust, leaf: &Leaf) -> Result<(), CertificateFault> {
    trust.verify(&leaf.chain(), now())
}

#[test]
fn a_good_chain_is_believed_with_and_without_lists() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let middle = root.below(ca_params("middle"));
    let direct = root.sign(&client_params(URI, 1));
    let below = middle.sign(&client_params(URI, 2)).with(&middle);
    for lists in [vec![], vec![root.crl(&[9], 2090), middle.crl(&[9], 2090)]] {
        let trust = files.trust(&[&root], &lists);
        assert_eq!(verify(&trust, &direct), Ok(()));
        assert_eq!(verify(&trust, &below), Ok(()));
    }
}

#[test]
fn h03_a_chain_that_is_not_a_clients_is_not_believed() {
    let (files, root, other) = (Files::new(), Pki::root(&ca_params("root")), Pki::root(&ca_params("other")));
    let trust = files.trust(&[&root], &[]);
    let changed = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = client_params(URI, 1);
        change(&mut params);
        params
    };
    let impostor = Pki::root(&ca_params("root"));
    let unmarked = root.below(client_params(URI, 2));
    for (what, leaf, expected) in [
        ("another authority", other.sign(&client_params(URI, 1)), CertificateFault::UnknownIssuer),
        ("an authority of the same name", impostor.sign(&client_params(URI, 1)), CertificateFault::Signature),
        ("below a leaf", unmarked.sign(&client_params(URI, 1)).with(&unmarked), CertificateFault::Chain),
        (
            "a server's",
            root.sign(&changed(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])),
            CertificateFault::Purpose,
        ),
        (
            "an authority's own",
            root.sign(&changed(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
            CertificateFault::Chain,
        ),
        (
            "expired",
            root.sign(&changed(&|params| params.not_after = date_time_ymd(2021, 1, 1))),
            CertificateFault::Expired,
        ),
        (
            "future",
            root.sign(&changed(&|params| params.not_before = date_time_ymd(2090, 1, 1))),
            CertificateFault::NotYetValid,
        ),
    ] {
        assert_eq!(verify(&trust, &leaf), Err(expected), "{what}");
    }
    assert_eq!(trust.verify(&[], now()), Err(CertificateFault::Missing));
    assert_eq!(trust.verify(&[b"junk".to_vec().into()], now()), Err(CertificateFault::Malformed));
}

#[test]
fn validity_is_judged_at_the_time_given() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let mut params = client_params(URI, 1);
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2025, 1, 2);
    let (trust, chain) = (files.trust(&[&root], &[]), root.sign(&params).chain());
    let (begin, end) = (1_735_689_600, 1_735_776_000);
    for (second, expected) in [
        (begin - 1, Err(CertificateFault::NotYetValid)),
        (begin, Ok(())),
        (end, Ok(())),
        (end + 1, Err(CertificateFault::Expired)),
    ] {
        assert_eq!(trust.verify(&chain, UnixTime::from_secs(second)), expected, "{second}");
    }
}

#[test]
fn h07_what_was_revoked_anywhere_in_the_chain_is_refused() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let mut middle = ca_params("middle");
    middle.serial_number = Some(vec![5].into());
    let middle = root.below(middle);
    let direct = root.sign(&client_params(URI, 1));
    let below = middle.sign(&client_params(URI, 2)).with(&middle);
    for (what, lists, first, second) in [
        ("nothing", [root.crl(&[], 2090), middle.crl(&[], 2090)], Ok(()), Ok(())),
        ("others", [root.crl(&[2, 7], 2090), middle.crl(&[1, 5], 2090)], Ok(()), Ok(())),
        ("the first", [root.crl(&[1], 2090), middle.crl(&[], 2090)], Err(CertificateFault::Revoked), Ok(())),
        ("the second", [root.crl(&[], 2090), middle.crl(&[2], 2090)], Ok(()), Err(CertificateFault::Revoked)),
        (
            "the authority between",
            [root.crl(&[5], 2090), middle.crl(&[], 2090)],
            Ok(()),
            Err(CertificateFault::Revoked),
        ),
    ] {
        let trust = files.trust(&[&root], &lists);
        assert_eq!((verify(&trust, &direct), verify(&trust, &below)), (first, second), "{what}");
    }
}

#[test]
fn h07_a_chain_that_no_good_list_covers_is_refused() {
    let (files, root, other) = (Files::new(), Pki::root(&ca_params("root")), Pki::root(&ca_params("other")));
    let impostor = Pki::root(&ca_params("root"));
    let leaf = root.sign(&client_params(URI, 1));
    for (what, list, expected) in [
        ("of another authority", other.crl(&[], 2090), CertificateFault::RevocationUnknown),
        ("that has ended", root.crl(&[], 2021), CertificateFault::RevocationListExpired),
        ("signed by somebody else", impostor.crl(&[], 2090), CertificateFault::RevocationList),
    ] {
        let trust = files.trust(&[&root, &other], &[list]);
        assert_eq!(verify(&trust, &leaf), Err(expected), "a list {what}");
    }
    // A list ends between two looks at the same chain.
    let trust = files.trust(&[&root], &[root.crl(&[], 2025)]);
    assert_eq!(verify(&trust, &leaf), Ok(()));
    let later = UnixTime::from_secs(1_768_000_000);
    assert_eq!(trust.verify(&leaf.chain(), later), Err(CertificateFault::RevocationListExpired));
}

#[test]
fn h10_a_hundred_cross_signed_authorities_do_not_keep_it_busy() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("trusted")));
    let trust = files.trust(&[&root], &[]);
    // All of one name, each signed by the one before: every one of them could have signed every other one.
    let mut last = Pki::root(&ca_params("loop"));
    let leaf = last.sign(&client_params(URI, 1));
    let mut chain = leaf.chain();
    for _ in 0..100 {
        let next = last.below(ca_params("loop"));
        chain.push(next.der());
        last = next;
    }
    assert!(trust.verify(&chain, now()).is_err());
}

#[test]
fn h11_the_constraints_of_an_authority_on_names_hold() {
    let files = Files::new();
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let permitted = vec![
        dns("example.org"),
        GeneralSubtree::Rfc822Name("example.org".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::V4([10, 0, 0, 0], [255, 0, 0, 0])),
    ];
    let mut params = ca_params("constrained");
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: vec![dns("secret.example.org")] });
    let root = Pki::root(&ca_params("root"));
    let middle = root.below(params.clone());
    let constrained = Pki::root(&params);
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let email = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    for (what, name, good) in [
        ("a permitted name", dns("a.example.org"), true),
        // Constraints on e-mail addresses cannot be worked out: refused, as RFC 5280 §4.2.1.10 wants it then.
        ("a permitted e-mail address", email("ops@example.org"), false),
        ("a permitted IP address", SanType::IpAddress([10, 1, 2, 3].into()), true),
        ("another name", dns("a.evil.test"), false),
        ("a name that only ends alike", dns("evilexample.org"), false),
        ("an excluded name", dns("a.secret.example.org"), false),
        ("another e-mail address", email("ops@evil.test"), false),
        ("another IP address", SanType::IpAddress([11, 1, 2, 3].into()), false),
    ] {
        let mut params = client_params(URI, 1);
        params.subject_alt_names = vec![name];
        let expected = if good { Ok(()) } else { Err(CertificateFault::Chain) };
        let leaf = middle.sign(&params).with(&middle);
        assert_eq!(verify(&files.trust(&[&root], &[]), &leaf), expected, "{what}, below a root");
        let leaf = constrained.sign(&params);
        assert_eq!(verify(&files.trust(&[&constrained], &[]), &leaf), expected, "{what}, by the root itself");
    }
}

#[test]
fn lists_may_be_pem_or_der_and_several_in_one_file() {
    let (files, root, other) = (Files::new(), Pki::root(&ca_params("root")), Pki::root(&ca_params("other")));
    let ca = files.write("ca.pem", root.ca_pem() + &other.ca_pem());
    let (first, second) = (root.crl(&[1], 2090), other.crl(&[1], 2090));
    let together = files.write("both.pem", first.pem().unwrap() + &second.pem().unwrap());
    let one = files.write("one.crl", first.der());
    let two = files.write("two.crl", second.der());
    for lists in [vec![together], vec![one, two]] {
        let trust = ClientTrust::load(&ca, &lists, Demand::Optional).unwrap();
        for (authority, serial, expected) in [
            (&root, 1, Err(CertificateFault::Revoked)),
            (&root, 2, Ok(())),
            (&other, 1, Err(CertificateFault::Revoked)),
            (&other, 2, Ok(())),
        ] {
            assert_eq!(verify(&trust, &authority.sign(&client_params(URI, serial))), expected);
        }
    }
}

#[test]
fn everything_that_ends_is_known() {
    let files = Files::new();
    let mut params = ca_params("clients of example.org");
    params.not_after = date_time_ymd(2031, 1, 1);
    let root = Pki::root(&params);
    let trust = files.trust(&[&root], &[root.crl(&[], 2090)]);
    let [ca, list] = trust.expiries() else { panic!("{:?}", trust.expiries()) };
    assert_eq!((ca.kind, ca.at.as_secs()), (ExpiryKind::ClientCa, 1_924_992_000));
    assert_eq!((list.kind, list.at.as_secs()), (ExpiryKind::Crl, 3_818_361_600));
    for expiry in [ca, list] {
        assert!(expiry.name.contains("clients of example.org"), "{expiry:?}");
    }
}

#[test]
fn each_reading_of_the_files_is_told_apart() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let (first, second) = (files.trust(&[&root], &[]), files.trust(&[&root], &[]));
    assert_ne!(first.generation(), second.generation());
}

/// What loading says of one CA file and one list, where both are given.
fn refusal(ca: &Path, lists: &[PathBuf]) -> String {
    ClientTrust::load(ca, lists, Demand::Optional).unwrap_err().to_string()
}

const JUNK: &str = "-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n";

#[test]
fn h06_without_good_authorities_nothing_is_loaded() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let leaf = root.sign(&client_params(URI, 1));
    let cut = root.ca_pem().replace("-----END", "");
    let mut unmarked = ca_params("no CA");
    unmarked.key_usages = vec![KeyUsagePurpose::CrlSign];
    let unmarked = Pki::root(&unmarked);
    for (what, path, expected) in [
        ("missing", files.0.path().join("absent.pem"), "cannot read"),
        ("a folder", files.0.path().to_owned(), "cannot read"),
        ("empty", files.write("empty.pem", ""), "there is nothing in"),
        ("text", files.write("text.pem", "CANARY"), "there is nothing in"),
        ("DER", files.write("ca.der", root.der()), "there is nothing in"),
        ("a key", files.write("key.pem", &leaf.key_pem), "there is nothing in"),
        ("cut off", files.write("cut.pem", cut), "cannot read"),
        ("no base64", files.write("base64.pem", JUNK.replace("Q0FO", "!!CANARY")), "cannot read"),
        ("no certificate", files.write("junk.pem", JUNK), "certificate 1 in"),
        ("a client's", files.write("leaf.pem", &leaf.certificate_pem), "certificate 1 in"),
        ("signs no certificates", files.write("unmarked.pem", unmarked.ca_pem()), "certificate 1 in"),
        ("one bad of two", files.write("two.pem", root.ca_pem() + &leaf.certificate_pem), "certificate 2 in"),
        ("junk behind a good one", files.write("behind.pem", root.ca_pem() + JUNK), "certificate 2 in"),
    ] {
        let message = refusal(&path, &[]);
        assert!(message.contains(expected), "{what}: {message}");
        assert!(message.contains(&path.display().to_string()), "{what}: {message}");
        assert!(message.contains("`client_ca_file` must hold"), "{what}: {message}");
        assert!(!message.contains("CANARY") && !message.contains("Q0FO"), "{what}: {message}");
    }
}

#[test]
fn h07_without_good_lists_nothing_is_loaded() {
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let ca = files.write("ca.pem", root.ca_pem());
    let good = root.crl(&[], 2090);
    let der = good.der().to_vec();
    let with = |name: &str, content: &[u8]| files.write(name, content);
    let junk = "-----BEGIN X509 CRL-----\nQ0FOQVJZ\n-----END X509 CRL-----\n";
    let mut damaged = der.clone();
    damaged[6] ^= 0xff;
    for (what, path, expected) in [
        ("missing", files.0.path().join("absent.crl"), "cannot read"),
        ("empty", with("empty.crl", b""), "there is nothing in"),
        ("text", with("text.crl", b"CANARY"), "there is nothing in"),
        ("a certificate", with("ca.crl", root.ca_pem().as_bytes()), "there is nothing in"),
        ("a certificate as DER", with("ca.der", &root.der()), "revocation list 1 in"),
        ("cut off", with("cut.crl", &der[..der.len() - 1]), "revocation list 1 in"),
        ("with a tail", with("tail.crl", &[der.as_slice(), b"\0"].concat()), "revocation list 1 in"),
        ("damaged", with("damaged.crl", &damaged), "revocation list 1 in"),
        ("only a tag", with("tag.crl", b"\x30"), "revocation list 1 in"),
        ("PEM of nothing", with("junk.crl", junk.as_bytes()), "revocation list 1 in"),
        ("one bad of two", with("two.crl", (good.pem().unwrap() + junk).as_bytes()), "revocation list 2 in"),
        ("no base64", with("base64.crl", junk.replace("Q0FO", "!!").as_bytes()), "cannot read"),
    ] {
        // Also beside a good one: none is left out.
        for lists in [vec![path.clone()], vec![with("good.crl", &der), path.clone()]] {
            let message = refusal(&ca, &lists);
            assert!(message.contains(expected), "{what}: {message}");
            assert!(message.contains(&path.display().to_string()), "{what}: {message}");
            assert!(message.contains("each of `crl_files` must hold"), "{what}: {message}");
            assert!(!message.contains("CANARY"), "{what}: {message}");
        }
    }
}

#[test]
fn h07_two_lists_of_one_authority_are_refused() {
    // Only one would be looked at: a certificate that the other one revokes would get in.
    let (files, root) = (Files::new(), Pki::root(&ca_params("root")));
    let ca = files.write("ca.pem", root.ca_pem());
    let (old, new) = (files.write("old", root.crl(&[], 2090).der()), files.write("new", root.crl(&[1], 2091).der()));
    let message = refusal(&ca, &[old, new]);
    assert!(message.contains("leave only the newest") && message.contains("CN=root"), "{message}");
}

#[test]
fn many_authorities_are_believed_without_a_list_of_them_that_no_client_could_read() {
    let (files, authority) = (Files::new(), Pki::new());
    let with = |count: usize| {
        let bundle = files.write("ca.pem", authority.ca_pem().repeat(count));
        ClientTrust::load(&bundle, &[], Demand::Required).unwrap()
    };
    let hinted = |trust: &ClientTrust| {
        trust.verifier().root_hint_subjects().iter().map(|name| name.as_ref().len() + 2).sum::<usize>()
    };
    assert!(hinted(&with(3)) > 0, "a few help a client to choose its certificate");
    let many = with(3000);
    assert_eq!(hinted(&many), 0);
    assert_eq!(verify(&many, &authority.sign(&client_params(URI, 1))), Ok(()));
}
