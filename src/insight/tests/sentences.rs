//! No reason without a sentence.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::insight::{remedy, sentence};

/// Files whose `label` is no reason of a record: metrics, kinds, fetches of keys.
const OTHERS: [&str; 14] = [
    "audit/mod.rs",
    "authn/algorithm.rs",
    "authn/answer.rs",
    "authn/door.rs",
    "authn/jwk.rs",
    "authn/keyset.rs",
    "authn/principal.rs",
    "catalog/table.rs",
    "oidc/ask.rs",
    "oidc/error.rs",
    "oidc/shelf.rs",
    "redact/exposition/sample.rs",
    "redact/exposition/sheet.rs",
    "tls/client_auth.rs",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The texts between `"` in `code`.
fn texts(code: &str) -> impl Iterator<Item = String> {
    code.split('"').skip(1).step_by(2).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Every reason that a record can have, as the source spells it: the `label`s of all faults, and the words that
/// connections and requests are closed with.
fn reasons() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut found = BTreeSet::new();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_reasons = !OTHERS.contains(&name.as_str());
        for (at, _) in text.match_indices("fn label(").filter(|_| is_reasons) {
            let body = &text[at..];
            let end = body.find("\n    }\n").unwrap_or(body.len());
            found.extend(texts(&body[..end]));
        }
        if name.starts_with("proxy/") {
            let closing = |line: &&str| {
                [
                    "refused(",
                    "refuse(",
                    "Decision::Deny, \"",
                    "Decision::Withhold, \"",
                    "Decision::Permit, \"",
                    "map_or(\"",
                ]
                .iter()
                .any(|mark| line.contains(mark))
            };
            found.extend(text.lines().filter(closing).flat_map(|line| texts(line).collect::<Vec<_>>()));
        }
    }
    found
}

#[test]
fn every_reason_that_a_record_can_have_has_a_sentence() {
    let reasons = reasons();
    for known in ["rule", "no_role", "token_expired", "aborted", "h2_malformed", "tls_handshake", "lone_surrogate"] {
        assert!(reasons.contains(known), "the search does not find `{known}` any more");
    }
    assert!(reasons.len() > 90, "the search found {} only", reasons.len());
    let silent: Vec<&String> = reasons.iter().filter(|reason| sentence(reason).is_none()).collect();
    assert!(silent.is_empty(), "write a sentence in sentences.rs for each of {silent:?}");
}

#[test]
fn sentences_are_sentences() {
    for reason in reasons() {
        for text in sentence(&reason).into_iter().chain(remedy(&reason)) {
            assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{reason}: {text}");
        }
    }
    assert_eq!(sentence("nonsense"), None);
}
