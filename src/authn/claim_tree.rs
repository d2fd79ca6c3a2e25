//! What is kept of a token's claims: as much as policies can compare, in little memory.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// The members of an object of claims, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimTree(Box<[(Box<str>, ClaimValue)]>);

/// What a policy can see of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// A text.
    Text(Box<str>),
    /// A list; only the texts in it.
    List(Box<[Box<str>]>),
    /// An object.
    Members(ClaimTree),
    /// A number, as it was written. No policy compares it; a list of revoked tokens may.
    Number(Box<str>),
    /// `true`.
    True,
    /// Anything else: it is there, and never matches.
    Other,
}

/// What of a token's claims is of any use: thousands of tokens are remembered, and most of what is in them is never
/// compared with anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The names under which anything is looked up, in the claims and in objects among them.
    pub names: HashSet<String>,
    /// The texts that claims are compared with.
    pub texts: HashSet<String>,
    /// The names of claims that stay as they are.
    pub whole: HashSet<String>,
}

/// What the allocator adds to a piece of memory, in bytes, about.
const PIECE: usize = 16;

impl Kept {
    /// A text that is compared as a whole or word by word: whether either could match.
    fn holds(&self, text: &str) -> bool {
        self.texts.contains(text) || text.split(' ').any(|word| self.texts.contains(word))
    }
}

impl ClaimTree {
    /// All of `claims`.
    #[must_use]
    pub fn of(claims: &Map<String, Value>) -> Self {
        Self::collect(claims.iter().map(|(name, value)| (name, ClaimValue::of(value))))
    }

    /// Those of `claims` that are looked up, without the texts that nothing is compared with.
    ///
    /// INVARIANT: a name that is looked up stays, whatever it holds: where it stands, nothing else is looked at.
    #[must_use]
    pub fn only(claims: &Map<String, Value>, kept: &Kept) -> Self {
        Self::collect(claims.iter().filter_map(|(name, value)| match () {
            () if kept.whole.contains(name) => Some((name, ClaimValue::of(value))),
            () if kept.names.contains(name) => Some((name, ClaimValue::only(value, kept))),
            () => None,
        }))
    }

    fn collect<'a>(members: impl Iterator<Item = (&'a String, ClaimValue)>) -> Self {
        let mut members: Vec<(Box<str>, ClaimValue)> =
            members.map(|(name, value)| (name.as_str().into(), value)).collect();
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self(members.into())
    }

    /// What `kept` says of `claims`; all of them where it says nothing.
    #[must_use]
    pub fn kept(claims: &Map<String, Value>, kept: Option<&Kept>) -> Self {
        kept.map_or_else(|| Self::of(claims), |kept| Self::only(claims, kept))
    }

    /// About how much memory it takes, in bytes. That can be more than the text it was read from.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let members = self.0.iter().map(|(name, value)| piece(name.len()) + value.bytes()).sum::<usize>();
        piece(size_of_val(&*self.0)) + members
    }

    /// The claim called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        let found = self.0.binary_search_by(|(own, _)| (**own).cmp(name)).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// The claim called `name`, when it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            ClaimValue::Text(text) => Some(text),
            ClaimValue::List(_)
            | ClaimValue::Members(_)
            | ClaimValue::Number(_)
            | ClaimValue::True
            | ClaimValue::Other => None,
        }
    }
}

impl From<Map<String, Value>> for ClaimTree {
    fn from(claims: Map<String, Value>) -> Self {
        Self::of(&claims)
    }
}

/// The memory of a piece with `bytes` in it.
const fn piece(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + PIECE }
}

impl ClaimValue {
    /// What it takes beside itself.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Number(text) => piece(text.len()),
            Self::List(texts) => {
                piece(size_of_val(&**texts)) + texts.iter().map(|text| piece(text.len())).sum::<usize>()
            }
            Self::Members(tree) => tree.bytes(),
            Self::True | Self::Other => 0,
        }
    }

    fn only(value: &Value, kept: &Kept) -> Self {
        match value {
            Value::String(text) if !kept.holds(text) => Self::Other,
            Value::Array(items) => {
                let texts = items.iter().filter_map(Value::as_str).filter(|text| kept.texts.contains(*text));
                Self::List(texts.map(Into::into).collect())
            }
            Value::Object(members) => Self::Members(ClaimTree::only(members, kept)),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Self::of(value),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(items) => Self::List(items.iter().filter_map(Value::as_str).map(Into::into).collect()),
            Value::Object(members) => Self::Members(ClaimTree::of(members)),
            Value::Bool(true) => Self::True,
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::Bool(false) | Value::Null => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_keeps_what_can_be_compared() {
        let claims = json!({"z": "t", "a": ["x", 1, "y", null], "o": {"b": ["x"], "c": true}, "n": 1, "f": false});
        let tree = ClaimTree::of(claims.as_object().unwrap());
        assert_eq!(tree.text("z"), Some("t"));
        assert_eq!(tree.get("a"), Some(&ClaimValue::List(["x".into(), "y".into()].into())));
        let Some(ClaimValue::Members(inner)) = tree.get("o") else { panic!("{tree:?}") };
        assert_eq!(inner.get("c"), Some(&ClaimValue::True));
        assert_eq!((tree.get("n"), tree.get("f")), (Some(&ClaimValue::Number("1".into())), Some(&ClaimValue::Other)));
        assert_eq!((tree.get("missing"), tree.text("a")), (None, None));
    }

    #[test]
    fn only_what_could_match_is_kept() {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let names = set(&["roles", "scope", "realm", "realm.roles", "more", "email", "email_verified", "tier"]);
        let kept = Kept { names, texts: set(&["a", "read", "gold"]), whole: set(&["name"]) };
        let claims = json!({
            "roles": ["x", "a", 1], "scope": "openid read", "realm": {"roles": ["b"], "more": {"roles": ["a"]}, "x": ["a"]},
            "email": "a@b.test", "email_verified": true, "tier": "silver", "other": "a", "name": ["a"],
            "realm.roles": "b",
        });
        let tree = ClaimTree::only(claims.as_object().unwrap(), &kept);
        let expected = json!({
            "roles": ["a"], "scope": "openid read", "realm": {"roles": [], "more": {"roles": ["a"]}},
            "email": null, "email_verified": true, "tier": null, "realm.roles": null, "name": ["a"],
        });
        assert_eq!(tree, ClaimTree::of(expected.as_object().unwrap()));
    }

    #[test]
    fn a_tree_knows_what_it_takes_however_short_its_text() {
        let bytes = |claims: &Value| ClaimTree::of(claims.as_object().unwrap()).bytes();
        assert_eq!(bytes(&json!({})), 0);
        assert!(bytes(&json!({ "a": vec![""; 1000] })) >= 1000 * size_of::<Box<str>>());
        assert!(bytes(&json!({ "a": vec!["x"; 1000] })) >= 1000 * (size_of::<Box<str>>() + 1 + PIECE));
        let many: Map<String, Value> = (0..1000).map(|number| (number.to_string(), json!({ "a": 1 }))).collect();
        assert!(ClaimTree::of(&many).bytes() >= 2000 * size_of::<(Box<str>, ClaimValue)>());
        let long = "x".repeat(60_000);
        assert!((60_000..61_000).contains(&bytes(&json!({ "a": long }))));
        let kept = Kept::default();
        let claims = json!({ "a": long });
        assert_eq!(ClaimTree::kept(claims.as_object().unwrap(), Some(&kept)).bytes(), 0);
        assert_eq!(ClaimTree::kept(claims.as_object().unwrap(), None).text("a"), Some(long.as_str()));
    }
}
