//! The API server of a Kubernetes cluster, as far as monward asks it: keys of service accounts, and `TokenReview`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::asked::{Asked, Question};
use super::tokens::{SigningKey, base64url};

/// The `iss` of its tokens.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// What its tokens for monward are for.
pub const MONWARD: &str = "monward";
/// Where its keys are.
pub const KEYS: &str = "GET /openid/v1/jwks";
/// Where tokens are reviewed.
pub const REVIEWS: &str = "POST /apis/authentication.k8s.io/v1/tokenreviews";

struct State {
    own: String,
    keys: Vec<Value>,
    pods: HashMap<String, Value>,
}

/// The API server.
pub struct Cluster {
    pub server: Asked,
    state: Arc<Mutex<State>>,
}

impl Cluster {
    /// Answers whoever shows the token `own`, and publishes `key`.
    pub fn start(own: &str, key: &SigningKey) -> Self {
        let state = State { own: own.to_owned(), keys: vec![key.jwk()], pods: HashMap::new() };
        let state = Arc::new(Mutex::new(state));
        let seen = Arc::clone(&state);
        Self { server: Asked::start(Box::new(move |question| answer(&seen.lock().unwrap(), question))), state }
    }

    /// The issuer `cluster` of a configuration; `more` are further members of `kubernetes`, flow style.
    pub fn settings(&self, more: &str) -> String {
        format!(
            "  cluster:
    issuer: {ISSUER}
    audiences: [{MONWARD}]
    kubernetes: {{ server: '{}', token_file: own-token{more} }}
    ca_file: ca.pem
",
            self.server.url()
        )
    }

    /// Expects another token of monward's.
    pub fn expect(&self, own: &str) {
        own.clone_into(&mut self.state.lock().unwrap().own);
    }

    /// Publishes these keys.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.state.lock().unwrap().keys = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Knows a token: what `status` of its review is.
    pub fn know(&self, token: &str, status: Value) {
        self.state.lock().unwrap().pods.insert(token.to_owned(), status);
    }

    /// Knows it no longer: its pod is gone.
    pub fn forget(&self, token: &str) {
        self.state.lock().unwrap().pods.remove(token);
    }
}

/// The claims of a projected token of the account `name` in `namespace`.
pub fn account(namespace: &str, name: &str) -> Value {
    let now = super::now();
    json!({
        "iss": ISSUER, "aud": [MONWARD], "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "iat": now - 10, "nbf": now - 10, "exp": now + 3600, "jti": "5c1a2d0e-0000-4000-8000-000000000001",
        "kubernetes.io": {
            "namespace": namespace, "serviceaccount": { "name": name, "uid": "2f6f3b3e-0000-4000-8000-000000000002" },
            "pod": { "name": format!("{name}-0"), "uid": "9a1c5f0b-0000-4000-8000-000000000003" },
        },
    })
}

/// A token as the cluster writes it: without `typ`.
pub fn token(key: &SigningKey, claims: &Value) -> String {
    key.seal(&json!({ "alg": key.algorithm, "kid": key.kid }).to_string(), &claims.to_string())
}

/// The status of the review of a token that is good for `audience`.
pub fn authenticated(namespace: &str, name: &str, audience: &str) -> Value {
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    json!({
        "authenticated": true, "audiences": [audience],
        "user": { "username": format!("system:serviceaccount:{namespace}:{name}"), "uid": "u", "groups": groups },
    })
}

/// A token of the cluster that nobody signed: only a review can tell.
pub fn unsigned(name: &str) -> String {
    let claims = json!({ "iss": ISSUER, "jti": name });
    format!("{}.{}.{}", base64url(r#"{"alg":"RS256"}"#), base64url(claims.to_string()), base64url([1; 64]))
}

fn answer(state: &State, question: &Question) -> (u16, String) {
    if question.authorization != format!("Bearer {}", state.own) {
        return (401, json!({ "kind": "Status", "code": 401, "reason": "Unauthorized" }).to_string());
    }
    match question.line.as_str() {
        KEYS => (200, json!({ "keys": state.keys }).to_string()),
        REVIEWS => (201, review(state, &question.body).to_string()),
        _ => (404, json!({ "kind": "Status", "code": 404 }).to_string()),
    }
}

fn review(state: &State, body: &str) -> Value {
    let mut review: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&review["kind"], &review["spec"]["audiences"]), (&json!("TokenReview"), &json!([MONWARD])), "{review}");
    let known = review["spec"]["token"].as_str().and_then(|token| state.pods.get(token)).cloned();
    review["status"] = known.unwrap_or_else(|| json!({ "user": {}, "error": "[invalid bearer token]" }));
    review
}
