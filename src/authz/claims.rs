//! Finds a claim by its path and compares its texts, exactly and by its JSON type.

use crate::authn::{ClaimTree, ClaimValue, Kept};

/// What a claim must look like and hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimTest {
    /// Where the claim stands, and the shape that its value must have.
    pub(super) claim: Claim,
    /// One of these must be in it, byte for byte.
    pub(super) values: Vec<String>,
}

impl ClaimTest {
    /// Whether `claims` hold one of the values, in the right shape.
    pub(super) fn holds(&self, claims: &ClaimTree) -> bool {
        let mut found = false;
        self.claim.each_text(claims, |text| found = found || self.values.iter().any(|value| value == text));
        found
    }

    /// Adds to `kept` all that this looks at. A path may be one name with dots in it or lead into objects, so every run
    /// of its parts is a name that may be looked up.
    pub(super) fn keep(&self, kept: &mut Kept) {
        let parts: Vec<&str> = self.claim.path.split('.').collect();
        for start in 0..parts.len() {
            let runs = (start + 1..=parts.len()).filter_map(|end| parts.get(start..end));
            kept.names.extend(runs.map(|run| run.join(".")));
        }
        if parts.last() == Some(&"email") {
            kept.names.insert("email_verified".to_owned());
        }
        kept.texts.extend(self.values.iter().cloned());
    }
}

/// A claim: where it stands and which shape of value counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Member names joined by dots.
    pub(super) path: String,
    /// The shape.
    pub(super) shape: Shape,
}

/// The shape that a claim must have; any other shape never matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A JSON array; each element that is a string counts.
    List,
    /// One string, compared as a whole.
    Text,
    /// One string of words between single spaces, as `scope` (RFC 8693 §4.2).
    Words,
}

impl Claim {
    /// Calls `visit` with each text of the claim that counts; with none when it is absent or of another shape.
    pub(super) fn each_text<'claims>(&self, claims: &'claims ClaimTree, mut visit: impl FnMut(&'claims str)) {
        let Some((value, siblings)) = find(claims, &self.path) else { return };
        if is_unproven_email(&self.path, siblings) {
            return;
        }
        match (self.shape, value) {
            (Shape::List, ClaimValue::List(items)) => items.iter().for_each(|item| visit(item)),
            (Shape::Text, ClaimValue::Text(text)) => visit(text),
            (Shape::Words, ClaimValue::Text(text)) => text.split(' ').for_each(visit),
            (Shape::List | Shape::Text | Shape::Words, _other) => {}
        }
    }
}

/// The value at `path` and the object that it is a member of.
///
/// A member called exactly like the rest of the path comes first, then the longest one that is a prefix of it, so
/// that `https://example.org/roles` is reachable. There is no second try: the answer depends on the names alone.
fn find<'claims>(claims: &'claims ClaimTree, path: &str) -> Option<(&'claims ClaimValue, &'claims ClaimTree)> {
    if let Some(value) = claims.get(path) {
        return Some((value, claims));
    }
    let (inner, rest) = path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = claims.get(path.get(..dot)?)?;
        Some((inner, path.get(dot + 1..)?))
    })?;
    match inner {
        ClaimValue::Members(members) => find(members, rest),
        ClaimValue::Text(_) | ClaimValue::List(_) | ClaimValue::Number(_) | ClaimValue::True | ClaimValue::Other => {
            None
        }
    }
}

/// [OIDC Core §5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims): an `email` proves nothing unless `email_verified` beside it is `true`.
fn is_unproven_email(path: &str, siblings: &ClaimTree) -> bool {
    path.rsplit('.').next() == Some("email") && siblings.get("email_verified") != Some(&ClaimValue::True)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn holds(shape: Shape, path: &str, values: &[&str], claims: &Value) -> bool {
        let values = values.iter().map(ToString::to_string).collect();
        let claim = Claim { path: path.to_owned(), shape };
        ClaimTest { claim, values }.holds(&ClaimTree::of(claims.as_object().unwrap()))
    }

    #[test]
    fn a32_only_an_exact_text_in_the_right_shape_counts() {
        let list = |claims: Value| holds(Shape::List, "roles", &["admin"], &claims);
        assert!(list(json!({"roles": ["admin"]})));
        assert!(list(json!({"roles": ["viewer", "admin"]})));
        assert!(list(json!({"roles": [1, "admin"]})), "each element stands for itself");
        for (why, roles) in [
            ("a text", json!("admin")),
            ("words", json!("viewer admin")),
            ("comma-separated", json!("viewer,admin")),
            ("comma-separated in a list", json!(["viewer,admin"])),
            ("an object", json!({"admin": true})),
            ("nested", json!([["admin"]])),
            ("a number", json!([1])),
            ("null", json!(null)),
            ("true", json!(true)),
            ("case", json!(["Admin"])),
            ("a space behind", json!(["admin "])),
            ("a space before", json!([" admin"])),
            ("a wildcard", json!(["*"])),
            ("a NUL behind", json!(["admin\u{0}"])),
            ("a homoglyph", json!(["\u{430}dmin"])),
            ("a prefix", json!(["adm"])),
            ("longer", json!(["admins"])),
            ("empty", json!([])),
            ("an empty text", json!([""])),
        ] {
            assert!(!list(json!({"roles": roles})), "{why}");
        }
        assert!(!list(json!({})));
        assert!(!list(json!({"Roles": ["admin"]})), "names are case-sensitive too");
    }

    #[test]
    fn c24_values_and_paths_are_literals() {
        for (value, other) in [("nats.*", "nats.x"), (".*", "admin"), ("a+", "aa"), ("(a)", "a"), ("ad.in", "admin")] {
            assert!(holds(Shape::List, "roles", &[value], &json!({"roles": [value]})), "{value}");
            assert!(!holds(Shape::List, "roles", &[value], &json!({"roles": [other]})), "{value}");
        }
        assert!(!holds(Shape::List, "r*les", &["admin"], &json!({"roles": ["admin"]})));
        assert!(!holds(Shape::List, "*", &["admin"], &json!({"roles": ["admin"]})));
    }

    #[test]
    fn a_text_is_compared_as_a_whole_and_words_one_by_one() {
        let claims = json!({"role": "nats operator"});
        assert!(holds(Shape::Text, "role", &["nats operator"], &claims));
        assert!(!holds(Shape::Text, "role", &["operator"], &claims));
        assert!(holds(Shape::Words, "role", &["x", "operator"], &claims));
        assert!(!holds(Shape::Words, "role", &["nats operator"], &claims));
        assert!(!holds(Shape::Text, "role", &["a"], &json!({"role": ["a"]})));
        assert!(!holds(Shape::Words, "role", &["a"], &json!({"role": ["a"]})));
        assert!(!holds(Shape::Words, "role", &["a"], &json!({"role": "a,b"})));
        assert!(!holds(Shape::Words, "role", &["a"], &json!({"role": "a\tb"})));
    }

    #[test]
    fn a_path_is_followed_by_names_that_may_hold_dots() {
        for (path, claims) in [
            ("a", json!({"a": ["x"]})),
            ("a.b.c", json!({"a": {"b": {"c": ["x"]}}})),
            ("a.b", json!({"a.b": ["x"], "a": {"b": ["y"]}})),
            ("https://idp.example.org/roles", json!({"https://idp.example.org/roles": ["x"]})),
            ("https://idp.example.org/claims.roles", json!({"https://idp.example.org/claims": {"roles": ["x"]}})),
            ("realm_access.a.b", json!({"realm_access": {"a.b": ["x"]}})),
        ] {
            assert!(holds(Shape::List, path, &["x"], &claims), "{path}");
        }
        for (path, claims) in [
            ("a.b", json!({"a": ["x"]})),
            ("a.b", json!({"a": [{"b": ["x"]}]})),
            ("a.b", json!({"a.b": "no list", "a": {"b": ["x"]}})),
            ("a.b.c", json!({"a.b": {"d": []}, "a": {"b": {"c": ["x"]}}})),
            ("a.0", json!({"a": ["x"]})),
        ] {
            assert!(!holds(Shape::List, path, &["x"], &claims), "{path} in {claims}");
        }
    }

    #[test]
    fn a31_an_email_counts_only_when_it_is_verified() {
        let email = |claims: Value| holds(Shape::Text, "email", &["a@corp.test"], &claims);
        assert!(email(json!({"email": "a@corp.test", "email_verified": true})));
        for claims in [
            json!({"email": "a@corp.test"}),
            json!({"email": "a@corp.test", "email_verified": false}),
            json!({"email": "a@corp.test", "email_verified": "true"}),
            json!({"email": "a@corp.test", "email_verified": 1}),
            json!({"email": "a@evil.test@corp.test", "email_verified": true}),
            json!({"email": "x a@corp.test", "email_verified": true}),
        ] {
            assert!(!email(claims.clone()), "{claims}");
        }
        let nested = json!({"user": {"email": "a@corp.test"}, "email_verified": true});
        assert!(!holds(Shape::Text, "user.email", &["a@corp.test"], &nested));
        let nested = json!({"user": {"email": "a@corp.test", "email_verified": true}});
        assert!(holds(Shape::Text, "user.email", &["a@corp.test"], &nested));
    }

    /// Claims of few names and texts, so that they meet.
    fn claims() -> impl Strategy<Value = Value> {
        let text = prop::sample::select(vec!["x", "y", "x y", "z x", ""]);
        let leaf = prop_oneof![
            text.clone().prop_map(Value::from),
            prop::collection::vec(text, 0..3).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            Just(json!(1)),
        ];
        let names = prop::sample::select(vec!["a", "b", "a.b", "b.a", "a.b.a", "email", "email_verified", "c"]);
        let object = |inner| prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..4);
        let inner = object(leaf.clone().boxed()).prop_map(|members| json!(members));
        let middle = object(prop_oneof![leaf.clone(), inner].boxed()).prop_map(|members| json!(members));
        object(prop_oneof![leaf, middle].boxed()).prop_map(|members| json!(members))
    }

    /// Whether `test` says the same of what is kept of `claims` as of all of them.
    fn same(test: &ClaimTest, claims: &Value) -> bool {
        let claims = claims.as_object().unwrap();
        let mut kept = Kept::default();
        test.keep(&mut kept);
        test.holds(&ClaimTree::only(claims, &kept)) == test.holds(&ClaimTree::of(claims))
    }

    #[test]
    fn with_an_email_it_is_kept_whether_it_is_verified() {
        for (path, wanted) in [("email", true), ("user.email", true), ("emails", false), ("email.x", false)] {
            let mut kept = Kept::default();
            let claim = Claim { path: path.to_owned(), shape: Shape::Text };
            ClaimTest { claim, values: Vec::new() }.keep(&mut kept);
            assert_eq!(kept.names.contains("email_verified"), wanted, "{path}");
        }
    }

    #[test]
    fn a_name_that_holds_nothing_of_use_still_stands_before_others() {
        let claim = Claim { path: "a.b.c".to_owned(), shape: Shape::List };
        let test = ClaimTest { claim, values: vec!["x".to_owned()] };
        for claims in [
            json!({"a.b.c": "y", "a": {"b": {"c": ["x"]}}}),
            json!({"a.b.c": null, "a.b": {"c": ["x"]}}),
            json!({"a.b": false, "a": {"b": {"c": ["x"]}}}),
            json!({"a": {"b.c": ["y"], "b": {"c": ["x"]}}}),
            json!({"a": {"b.c": 1, "b": {"c": ["x"]}}}),
        ] {
            assert!(same(&test, &claims), "{claims}");
            assert!(!test.holds(&ClaimTree::of(claims.as_object().unwrap())), "{claims}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_of_claims_answers_as_all_of_them(claims in claims()) {
            for path in ["a", "b", "a.b", "a.b.a", "b.a.b", "email", "a.email", "c"] {
                for shape in [Shape::List, Shape::Text, Shape::Words] {
                    for values in [&["x"][..], &["x y"], &["y", "q"], &["true"]] {
                        let claim = Claim { path: path.to_owned(), shape };
                        let test = ClaimTest { claim, values: values.iter().map(ToString::to_string).collect() };
                        prop_assert!(same(&test, &claims), "{} {:?}", path, values);
                    }
                }
            }
        }
    }
}
