//! Kinds of bearer tokens beside plain ones: bound to a certificate, of service accounts, known to their issuer only.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Algorithm, Claim, Door, IssuerSettings, MAX_TOKEN, Method, Profile, Proof, TokenFault, Verifier};
use super::mint::{self, AUDIENCE, ISSUER, NOW, P256, good_claims, now};

const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

fn keys() -> [Option<super::super::LiveKeys>; 1] {
    [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])]
}

fn sign(header: &Value, claims: &Value) -> String {
    P256.token(Algorithm::Es256, &header.to_string(), &claims.to_string())
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "e1", "typ": "at+jwt" })
}

#[test]
fn a26_a_token_bound_to_a_certificate_says_to_which() {
    let hash = [7; 32];
    let bound = |profile| {
        let more = json!({ "cnf": { "x5t#S256": mint::encode(&hash) } });
        let token = sign(&header(), &mint::with(good_claims(), &more));
        mint::verifier(profile).verify(&token, &keys(), now()).unwrap()
    };
    for profile in [Profile::Jwt, Profile::Rfc9068] {
        let who = bound(profile);
        assert_eq!(who.proofs().map(Proof::bound_to).collect::<Vec<_>>(), [Some(&hash)], "{profile:?}");
    }
    let plain = mint::verifier(Profile::Jwt).verify(&sign(&header(), &good_claims()), &keys(), now()).unwrap();
    assert_eq!(plain.proofs().map(Proof::bound_to).collect::<Vec<_>>(), [None]);
}

#[test]
fn a26_a27_any_other_binding_is_not_understood() {
    let good = mint::encode(&[7; 32]);
    for cnf in [
        json!({ "x5t#S256": mint::encode(&[7; 31]) }),
        json!({ "x5t#S256": mint::encode(&[7; 33]) }),
        json!({ "x5t#S256": "" }),
        json!({ "x5t#S256": format!("{good}=") }),
        json!({ "x5t#S256": good.replace('B', "+") }),
        json!({ "x5t#S256": [good] }),
        json!({ "x5t#S256": null }),
        json!({ "x5t": good }),
        json!({ "X5T#S256": good }),
        json!({ "x5t#S256": good, "jkt": "x" }),
        json!({ "x5t#S256": good, "other": 1 }),
        json!({ "jkt": good }),
        json!([good]),
        json!(good),
    ] {
        let mut claims = good_claims();
        claims["cnf"] = cnf.clone();
        let got = mint::verifier(Profile::Jwt).verify(&sign(&header(), &claims), &keys(), now()).map(drop);
        assert_eq!(got, Err(TokenFault::SenderConstrained), "{cnf}");
    }
}

/// A token as a cluster makes it for a pod.
fn pod_claims() -> Value {
    json!({
        "iss": CLUSTER, "aud": [AUDIENCE], "sub": "system:serviceaccount:monitoring:prometheus",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 3597, "jti": "c5b8a6a0",
        "kubernetes.io": {
            "namespace": "monitoring",
            "node": { "name": "n1", "uid": "u0" },
            "pod": { "name": "prometheus-0", "uid": "u1" },
            "serviceaccount": { "name": "prometheus", "uid": "u2" },
            "warnafter": NOW + 3597,
        },
    })
}

fn cluster() -> IssuerSettings {
    IssuerSettings { name: "cluster".to_owned(), issuer: CLUSTER.to_owned(), ..mint::settings(Profile::ServiceAccount) }
}

fn pod(header: &Value, claims: &Value) -> Result<Arc<super::super::Principal>, TokenFault> {
    Verifier::new(vec![cluster()], 10).verify(&sign(header, claims), &keys(), now())
}

#[test]
fn a_service_account_is_known_by_its_subject() {
    for header in [json!({ "alg": "ES256", "kid": "e1" }), json!({ "alg": "ES256", "kid": "e1", "typ": "JWT" })] {
        let who = pod(&header, &pod_claims()).unwrap();
        assert_eq!(
            (who.issuer(), who.subject(), who.method()),
            ("cluster", "system:serviceaccount:monitoring:prometheus", Method::ServiceAccount)
        );
    }
    for typ in ["at+jwt", "logout+jwt", "JOSE"] {
        let got = pod(&json!({ "alg": "ES256", "kid": "e1", "typ": typ }), &pod_claims()).map(drop);
        assert_eq!(got, Err(TokenFault::Type), "{typ}");
    }
}

#[test]
fn what_a_service_account_must_say() {
    let (missing, malformed) = (TokenFault::ClaimMissing, TokenFault::ClaimMalformed);
    let subject = |text: &str| json!({ "sub": text, "kubernetes.io": null });
    let made_for = |claim: Value| json!({ "kubernetes.io": claim });
    for (more, expected) in [
        (json!({ "kubernetes.io": null }), Ok(())),
        (subject("system:serviceaccount:kube-system:a.b-c"), Ok(())),
        (subject("system:serviceaccount:monitoring"), Err(malformed(Claim::Subject))),
        (subject("system:serviceaccount::prometheus"), Err(malformed(Claim::Subject))),
        (subject("system:serviceaccount:monitoring:"), Err(malformed(Claim::Subject))),
        (subject("system:serviceaccount:monitoring:a:b"), Err(malformed(Claim::Subject))),
        (subject("system:serviceaccount:monitoring:*"), Err(malformed(Claim::Subject))),
        (subject("system:serviceaccount:Monitoring:a"), Err(malformed(Claim::Subject))),
        (subject("system:node:n1"), Err(malformed(Claim::Subject))),
        (subject("xsystem:serviceaccount:monitoring:prometheus"), Err(malformed(Claim::Subject))),
        (subject("u1"), Err(malformed(Claim::Subject))),
        (subject(""), Err(malformed(Claim::Subject))),
        (json!({ "sub": null }), Err(missing(Claim::Subject))),
        (json!({ "sub": "system:serviceaccount:monitoring:other" }), Err(malformed(Claim::Kubernetes))),
        (json!({ "sub": "system:serviceaccount:other:prometheus" }), Err(malformed(Claim::Kubernetes))),
        (made_for(json!({})), Err(malformed(Claim::Kubernetes))),
        (made_for(json!("monitoring")), Err(malformed(Claim::Kubernetes))),
        (made_for(json!({ "namespace": "monitoring" })), Err(malformed(Claim::Kubernetes))),
        (
            made_for(json!({ "namespace": ["monitoring"], "serviceaccount": { "name": "prometheus" } })),
            Err(malformed(Claim::Kubernetes)),
        ),
        (json!({ "iat": null }), Err(missing(Claim::IssuedAt))),
        (json!({ "exp": null }), Err(missing(Claim::Expires))),
        (json!({ "aud": null }), Err(missing(Claim::Audience))),
        (json!({ "aud": [CLUSTER] }), Err(TokenFault::Audience)),
        (json!({ "iss": null }), Err(missing(Claim::Issuer))),
        (json!({ "iss": "kubernetes/serviceaccount" }), Err(TokenFault::UnknownIssuer)),
        (json!({ "exp": NOW + 365 * 86_400 }), Err(TokenFault::Lifetime)),
        (json!({ "nonce": "x" }), Err(TokenFault::NotAccessToken)),
    ] {
        let header = json!({ "alg": "ES256", "kid": "e1" });
        assert_eq!(pod(&header, &mint::with(pod_claims(), &more)).map(drop), expected, "{more}");
    }
}

/// One issuer of JWTs, one that is asked about its JWTs, one that is asked about everything else.
fn asking() -> Verifier {
    let asked = |name: &str, issuer: &str| IssuerSettings {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        ..mint::settings(Profile::Asked)
    };
    let issuers = vec![mint::settings(Profile::Jwt), asked("jwts", "https://asked.example.org"), asked("opaque", "")];
    Verifier::new(issuers, 10)
}

fn ask(token: &str) -> Result<(), TokenFault> {
    let [own] = keys();
    asking().verify(token, &[own, None, None], now()).map(drop)
}

#[test]
fn what_is_no_jwt_is_for_the_issuer_of_opaque_tokens() {
    let unasked = Err(TokenFault::Unasked { issuer: 2 });
    for token in [
        "opaque",
        "ory_at_abc.def",
        "a.b.c",
        "..",
        "x".repeat(MAX_TOKEN).as_str(),
        // An encrypted token, of five parts.
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aaaa.bbbb.cccc",
        "eyJhbGciOiJkaXIi",
        "é.é.é",
    ] {
        assert_eq!(ask(token), unasked, "{token}");
    }
    assert_eq!(ask(&"x".repeat(MAX_TOKEN + 1)), Err(TokenFault::TooLong));
}

#[test]
fn what_looks_like_a_jwt_never_goes_to_the_issuer_of_opaque_tokens() {
    let good = sign(&header(), &good_claims());
    let foreign = sign(&header(), &mint::with(good_claims(), &json!({ "iss": "https://evil.example.org" })));
    let empty = sign(&header(), &mint::with(good_claims(), &json!({ "iss": "" })));
    let nobody = sign(&header(), &mint::with(good_claims(), &json!({ "iss": null })));
    for (token, expected) in [
        (good.clone(), Ok(())),
        (foreign, Err(TokenFault::UnknownIssuer)),
        (empty, Err(TokenFault::ClaimMalformed(Claim::Issuer))),
        (nobody, Err(TokenFault::ClaimMissing(Claim::Issuer))),
        (format!("{good}=="), Err(TokenFault::Encoding)),
        (good.replacen("eyJ", &mint::encode(b" \n\t"), 1), Err(TokenFault::Json)),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), Err(TokenFault::Algorithm)),
        (format!("eyJh!{good}"), Err(TokenFault::Encoding)),
    ] {
        assert_eq!(ask(&token), expected, "{token}");
    }
}

#[test]
fn a_jwt_of_an_issuer_that_is_asked_is_for_that_issuer_to_judge() {
    let unasked = Err(TokenFault::Unasked { issuer: 1 });
    let theirs = mint::with(good_claims(), &json!({ "iss": "https://asked.example.org" }));
    let expired = mint::with(theirs.clone(), &json!({ "exp": 1 }));
    for (header, claims) in [
        (header(), theirs.clone()),
        (json!({ "alg": "HS256" }), theirs.clone()),
        (json!({ "alg": "ES256", "kid": "unknown" }), expired),
    ] {
        assert_eq!(ask(&sign(&header, &claims)), unasked, "{header} {claims}");
    }
    let twice = theirs.to_string().replacen('{', r#"{"sub":"root","#, 1);
    let token = P256.token(Algorithm::Es256, &header().to_string(), &twice);
    assert_eq!(ask(&token), Err(TokenFault::DuplicateMember), "a token of two readings is not passed on");
    let twice = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    let token = P256.token(Algorithm::Es256, &twice, &theirs.to_string());
    assert_eq!(ask(&token), Err(TokenFault::DuplicateMember));
}

#[test]
fn without_an_issuer_that_is_asked_nothing_is() {
    for profile in [Profile::Jwt, Profile::StaticKeys, Profile::Door(Door::Pomerium)] {
        let verifier = Verifier::new(vec![IssuerSettings { issuer: String::new(), ..mint::settings(profile) }], 10);
        assert_eq!(verifier.verify("opaque", &[None], now()).map(drop), Err(TokenFault::Parts), "{profile:?}");
    }
    let jwts = IssuerSettings { issuer: ISSUER.to_owned(), ..mint::settings(Profile::Asked) };
    let verifier = Verifier::new(vec![jwts], 10);
    assert_eq!(verifier.verify("opaque", &[None], now()).map(drop), Err(TokenFault::Parts), "asked about JWTs only");
    let token = sign(&header(), &good_claims());
    assert_eq!(verifier.verify(&token, &[None], now()).map(drop), Err(TokenFault::Unasked { issuer: 0 }));
    assert_eq!(verifier.remembered(), 0);
}

#[test]
fn static_keys_are_never_tokens() {
    let settings = mint::settings(Profile::StaticKeys);
    let verifier = Verifier::new(vec![settings], 10);
    let got = verifier.verify(&sign(&header(), &good_claims()), &keys(), now()).map(drop);
    assert_eq!(got, Err(TokenFault::UnknownIssuer));
}
