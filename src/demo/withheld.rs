//! What an answer lacks of what the upstream said.

use std::collections::BTreeSet;

use serde_json::Value;

/// The names of members that `upstream` has and `answer` has not, or has only as `null`, a mask or a pseudonym.
pub(super) fn names(upstream: &Value, answer: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    compare(upstream, answer, &mut found);
    found
}

fn compare(upstream: &Value, answer: &Value, found: &mut BTreeSet<String>) {
    match (upstream, answer) {
        (Value::Object(said), Value::Object(left)) => {
            for (name, said) in said {
                match left.get(name) {
                    Some(left) if !withheld(said, left) => compare(said, left, found),
                    Some(_) | None => {
                        found.insert(name.clone());
                    }
                }
            }
        }
        (Value::Array(said), Value::Array(left)) => {
            for (said, left) in said.iter().zip(left) {
                compare(said, left, found);
            }
        }
        _ => {}
    }
}

/// Whether `left` is a mask or a pseudonym of `said`. A masked number or boolean looks like a changed one, and is not counted.
fn withheld(said: &Value, left: &Value) -> bool {
    let mask = match left {
        Value::Null => true,
        Value::String(text) => text == "[redacted]" || text.strip_prefix("p-").is_some_and(|name| name.len() == 16),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    mask && said != left
}

/// Whether any text in `body` has the shape of a JWT: base 64 of `{"`, then two dots.
pub(super) fn jwt_shaped(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' || letter == '.';
    let words = text.split(|letter| !part(letter));
    let mut words = words.filter_map(|word| word.find("eyJ").and_then(|start| word.get(start..)));
    words.any(|word| word.split('.').filter(|part| !part.is_empty()).count() >= 3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_null_and_masked_members_are_withheld_and_changed_ones_are_not() {
        let upstream = json!({ "a": 1, "b": "x", "c": [{ "d": 1, "e": 2 }], "f": "y", "g": null, "h": 7, "i": [1], "j": [], "k": "n" });
        let answer = json!({ "a": 2, "b": "[redacted]", "c": [{ "d": 1 }], "f": null, "g": null, "i": [], "j": [], "k": "p-lpomcrv7mb2u42qe" });
        let found: Vec<_> = names(&upstream, &answer).into_iter().collect();
        assert_eq!(found, ["b", "e", "f", "h", "i", "k"]);
        assert!(names(&upstream, &upstream).is_empty());
    }

    #[test]
    fn a_jwt_is_found_wherever_it_stands() {
        for text in ["\"eyJhbGciOi.eyJpc3Mi.c2ln\"", "x=eyJh.eyJp.sig_-;", "aeyJh.eyJp.sig"] {
            assert!(jwt_shaped(text.as_bytes()), "{text}");
        }
        for text in ["", "eyJhbGciOi", "eyJh.eyJp", "a.b.c"] {
            assert!(!jwt_shaped(text.as_bytes()), "{text}");
        }
    }
}
