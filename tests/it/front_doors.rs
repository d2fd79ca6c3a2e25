//! Assertions of front doors: only where the door is trusted, and never as anything else.

use serde_json::{Value, json};

use crate::support::bench::{Bench, assemble};
use crate::support::gateway::{POLICY, Setup};
use crate::support::now;
use crate::support::pki::{Authority, Identity};
use crate::support::tokens::{Issuer, SigningKey, bent};
use crate::support::upstream::Upstream;

const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc";
const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/front/50dc6c495c0c9188";
const KID: &str = "c2f80c8b-c05c-4068-af14-17299f7896b1";
const AUD: &str = "/projects/123/global/backendServices/456";

/// From where doors are trusted in these tests, and from where not.
const INSIDE: &str = "127.0.0.1";
const OUTSIDE: &str = "127.0.0.2";

/// A front door: its preset, its field, how it signs, what stands in the configuration beside the preset.
#[derive(Clone, Copy)]
struct Door {
    preset: &'static str,
    field: &'static str,
    algorithm: &'static str,
    settings: &'static str,
    issuer: &'static str,
}

const DOORS: [Door; 4] = [
    Door {
        preset: "google_iap",
        field: "X-Goog-IAP-JWT-Assertion",
        algorithm: "ES256",
        settings: "audiences: [/projects/123/global/backendServices/456]",
        issuer: "https://cloud.google.com/iap",
    },
    Door {
        preset: "cloudflare_access",
        field: "Cf-Access-Jwt-Assertion",
        algorithm: "RS256",
        settings: "issuer: https://team.cloudflareaccess.com, audiences: [/projects/123/global/backendServices/456]",
        issuer: "https://team.cloudflareaccess.com",
    },
    Door {
        preset: "aws_alb",
        field: "x-amzn-oidc-data",
        algorithm: "ES256",
        settings: "issuer: https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc, aws: { region: eu-central-1, \
                   signers: ['arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/front/50dc6c495c0c9188'], \
                   client: c1 }",
        issuer: POOL,
    },
    Door {
        preset: "pomerium",
        field: "X-Pomerium-Jwt-Assertion",
        algorithm: "ES256",
        settings: "issuer: monitoring.example.org, audiences: [/projects/123/global/backendServices/456]",
        issuer: "monitoring.example.org",
    },
];

impl Door {
    fn header(self) -> Value {
        let mut header = json!({ "alg": self.algorithm, "typ": "JWT", "kid": KID });
        if self.preset == "aws_alb" {
            let more = json!({ "iss": POOL, "client": "c1", "signer": ARN, "exp": now() + 120 });
            header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        header
    }

    fn claims(self) -> Value {
        let mut claims = json!({ "iss": self.issuer, "sub": "u1", "email": "a@example.org", "exp": now() + 120 });
        if self.preset != "aws_alb" {
            let more = json!({ "aud": [AUD], "iat": now() - 5, "type": "app", "jti": "j-1" });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        claims
    }
}

/// All four doors, each with a key in a file of its own.
struct Doors {
    bench: Bench,
    keys: Vec<SigningKey>,
}

impl Doors {
    fn open() -> Self {
        let keys: Vec<SigningKey> = DOORS.iter().map(|door| SigningKey::new(KID, door.algorithm)).collect();
        let upstream = Upstream::nats();
        let mut setup = Setup::before(&upstream).policy(&policy(&DOORS));
        for (door, key) in DOORS.iter().zip(&keys) {
            let file = format!("{}.json", door.preset);
            setup.more_issuers.push_str(&format!(
                "  door_{preset}: {{ front_door: {preset}, {settings}, jwks_file: {file}, \
                 from: {{ networks: [{INSIDE}/32], client_cert: {{ dns: door.test }} }} }}\n",
                preset = door.preset,
                settings = door.settings,
            ));
            setup = setup.file(&file, json!({ "keys": [key.jwk()] }).to_string());
        }
        "    basic: true\n    client_auth: optional\n    client_ca_file: ca.pem\n".clone_into(&mut setup.listener);
        let gateway = setup.start();
        Self { bench: assemble(upstream, gateway), keys }
    }

    fn assertion(&self, door: usize) -> String {
        self.signed(door, &DOORS[door].claims())
    }

    fn signed(&self, door: usize, claims: &Value) -> String {
        self.keys[door].seal(&DOORS[door].header().to_string(), &claims.to_string())
    }
}

/// The usual policy; whoever comes through one of these doors is a viewer.
fn policy(doors: &[Door]) -> String {
    let ways: String = doors.iter().map(|door| format!("    - token: {{ issuer: door_{} }}\n", door.preset)).collect();
    POLICY.replacen("  viewer:\n", &format!("  viewer:\n{ways}"), 1)
}

fn who(door: Door) -> Value {
    json!({ "issuer": format!("door_{}", door.preset), "subject": "u1", "method": "front_door" })
}

fn certificate(name: &str) -> (Identity, Value) {
    let proof = json!({ "issuer": "client_certificate", "subject": name, "method": "client_certificate" });
    (Authority::shared().client(name), proof)
}

#[test]
fn an_assertion_counts_from_the_networks_and_the_certificates_that_are_named() {
    let doors = Doors::open();
    let (shown, _) = certificate("door.test");
    let (other, _) = certificate("other.test");
    for (number, door) in DOORS.into_iter().enumerate() {
        let assertion = doors.assertion(number);
        let caller = doors.bench.caller().field(door.field, &assertion);
        caller.permitted("/varz", &who(door));
        caller.refused("/accountz", 403, "no_rule");
        // From elsewhere the field counts for nothing, remembered or not, whatever else is said about the source.
        let outside = caller.coming_from(OUTSIDE);
        outside.refused("/varz", 401, "credential_missing");
        for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"] {
            outside.field(name, INSIDE).refused("/varz", 401, "credential_missing");
        }
        outside.field(door.field, &assertion).refused("/varz", 401, "credential_missing");
        // With the certificate of the door, which says nothing of whoever stands behind it; and not with another one.
        outside.showing(&shown).permitted("/varz", &who(door));
        outside.showing(&other).refused("/varz", 403, "no_role");
        doors.bench.caller().coming_from(OUTSIDE).showing(&shown).refused("/varz", 403, "no_role");
    }
}

#[test]
fn a34_an_assertion_is_good_in_its_own_field_alone() {
    let doors = Doors::open();
    let person = Issuer::shared().token("viewer");
    for (number, door) in DOORS.into_iter().enumerate() {
        let assertion = doors.assertion(number);
        doors.bench.caller().field(door.field, &assertion).permitted("/varz", &who(door));
        // Just remembered: still no bearer token, no password, and nothing in the field of another door.
        doors.bench.caller().bearer(&assertion).refused("/varz", 401, "token_unknown_issuer");
        doors.bench.caller().basic("u1", &assertion).refused("/varz", 401, "token_unknown_issuer");
        for other in DOORS.iter().filter(|other| other.preset != door.preset) {
            doors.bench.caller().field(other.field, &assertion).refused("/varz", 401, "token_unknown_issuer");
        }
        for name in [door.field.replace('-', "_"), format!("{}-2", door.field), format!("X-{}", door.field)] {
            doors.bench.caller().field(&name, &assertion).refused("/varz", 401, "credential_missing");
        }
        // And what is good as a bearer token is no assertion.
        let bearer = json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" });
        doors.bench.caller().bearer(&person).permitted("/varz", &bearer);
        doors.bench.caller().field(door.field, &person).refused("/varz", 401, "token_unknown_issuer");
        let strange = DOORS.iter().position(|other| other.preset != door.preset && other.algorithm == door.algorithm);
        if let Some(strange) = strange {
            let forged = doors.keys[strange].seal(&door.header().to_string(), &door.claims().to_string());
            doors.bench.caller().field(door.field, &forged).refused("/varz", 401, "token_signature");
        }
    }
}

#[test]
fn a_bad_assertion_from_a_trusted_place_is_never_passed_over() {
    let doors = Doors::open();
    let person = Issuer::shared().token("viewer");
    for (number, door) in DOORS.into_iter().enumerate() {
        let mut expired = door.claims();
        expired["exp"] = json!(now() - 3600);
        let mut cases = vec![
            (doors.signed(number, &expired), "token_expired"),
            (bent(&doors.assertion(number)), "token_signature"),
            ("nonsense".to_owned(), "token_parts"),
        ];
        cases.push(if door.preset == "aws_alb" {
            let mut header = door.header();
            header["signer"] = json!(ARN.replace("123456789012", "210987654321"));
            (doors.keys[number].seal(&header.to_string(), &door.claims().to_string()), "token_signer")
        } else {
            let mut elsewhere = door.claims();
            elsewhere["aud"] = json!(["/projects/123/global/backendServices/457"]);
            (doors.signed(number, &elsewhere), "token_audience")
        });
        for (assertion, reason) in &cases {
            let caller = doors.bench.caller().field(door.field, assertion);
            caller.refused("/varz", 401, reason);
            caller.bearer(&person).refused("/varz", 401, reason);
            caller.showing(&certificate("door.test").0).refused("/varz", 401, reason);
            let mut bearer = json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" });
            caller.coming_from(OUTSIDE).bearer(&person).permitted("/varz", &bearer);
            // The same beside a good one.
            let good = doors.assertion(number);
            caller.field(door.field, &good).refused("/varz", 400, "credential_several");
            bearer["also"] = json!([who(door)]);
            doors.bench.caller().field(door.field, &good).bearer(&person).permitted("/varz", &bearer);
        }
        let good = doors.assertion(number);
        let twice = doors.bench.caller().field(door.field, &good).field(door.field, &good);
        twice.refused("/varz", 400, "credential_several");
        twice.bearer(&person).refused("/varz", 400, "credential_several");
        let bad = doors.bench.caller().field(door.field, &good).bearer(&bent(&person));
        bad.refused("/varz", 401, "token_signature");
    }
}

#[test]
fn keys_of_aws_that_cannot_be_reached_are_503() {
    let upstream = Upstream::nats();
    let door = DOORS[2];
    let mut setup = Setup::before(&upstream).policy(&policy(&[door]));
    // Whoever answers there cannot show a certificate of our own authority.
    setup.more_issuers = format!(
        "  door_aws_alb: {{ front_door: aws_alb, {}, ca_file: ca.pem, from: {{ networks: [127.0.0.0/8] }} }}\n",
        door.settings
    );
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let key = SigningKey::new(KID, "ES256");
    let caller = bench.caller().field(door.field, &key.seal(&door.header().to_string(), &door.claims().to_string()));
    for _ in 0..3 {
        caller.refused("/varz", 503, "keys_missing");
    }
    let mut nameless = door.header();
    nameless["kid"] = json!("../../etc/passwd");
    let nameless = key.seal(&nameless.to_string(), &door.claims().to_string());
    assert!(
        bench.caller().field(door.field, &nameless).statuses("/varz").iter().all(|status| [401, 503].contains(status))
    );
    bench
        .caller()
        .bearer(&Issuer::shared().token("viewer"))
        .permitted("/varz", &json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" }));
    assert!(bench.gateway.metric("monward_jwks_refresh_total", &["issuer=\"door_aws_alb\"", "result=\"ok\""]) < 0.5);
}
