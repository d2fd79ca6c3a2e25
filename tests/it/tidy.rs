//! The shape of the source: order of modules, purity, sizes, habits, minimum versions.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order in which the data travels: each may name only those before it.
const ORDER: &[&str] = &[
    "types", "document", "redact", "authn", "catalog", "authz", "quota", "gate", "audit", "insight", "config", "ops",
    "tls", "upstream", "oidc", "proxy", "server", "demo", "cli",
];

/// How many of [`ORDER`] are pure.
const PURE: usize = 10;

/// What a pure module cannot say.
const IMPURE: &[&str] = &[
    "tokio::",
    "pingora",
    "std::fs",
    "std::env",
    "SystemTime",
    "Instant::now",
    "async fn",
    "tracing::",
    "std::net::Tcp",
];

/// One file without its tests and comments.
struct Source {
    path: PathBuf,
    module: String,
    code: Vec<String>,
    lines: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join(folder), &mut found);
    found.sort();
    assert!(!found.is_empty());
    found
}

/// All files of the library that are not tests.
fn sources() -> Vec<Source> {
    let source = root().join("src");
    let mut found = Vec::new();
    for path in rust_files("src") {
        let relative = path.strip_prefix(&source).unwrap();
        let name = relative.file_name().unwrap().to_string_lossy();
        let tests = relative.components().any(|part| part.as_os_str() == "tests") || name.ends_with("tests.rs");
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        if tests || first == "main.rs" || first == "lib.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let all: Vec<&str> = text.lines().collect();
        let end = (0..all.len()).find(|at| {
            all[*at] == "#[cfg(test)]"
                && all[at + 1..]
                    .iter()
                    .find(|line| !line.starts_with("#["))
                    .is_some_and(|line| line.starts_with("mod "))
        });
        let lines = end.unwrap_or(all.len());
        let code =
            all[..lines].iter().filter(|line| !line.trim_start().starts_with("//")).map(|line| (*line).to_owned());
        let module = first.trim_end_matches(".rs").to_owned();
        found.push(Source { path: relative.to_owned(), module, code: code.collect(), lines });
    }
    found
}

/// The modules that `line` names by `crate::` or `monward::`.
fn named(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for root in ["crate::", "monward::"] {
        for (at, _) in line.match_indices(root) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|char| char.is_alphanumeric() || char == '_') {
                continue;
            }
            let rest = &line[at + root.len()..];
            let identifier = |text: &str| {
                text.trim_start().chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect::<String>()
            };
            match rest.strip_prefix('{') {
                None => names.push(identifier(rest)),
                Some(group) => names.extend(top_level(group).into_iter().map(identifier)),
            }
        }
    }
    names.retain(|name| name.starts_with(|char: char| char.is_lowercase()));
    names
}

/// The members of a `{…}` group, not those of groups within.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_module_is_in_the_order() {
    for source in sources() {
        assert!(ORDER.contains(&source.module.as_str()), "{} has no place in the order", source.path.display());
    }
}

#[test]
fn modules_name_only_those_above_them() {
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    let mut faults = Vec::new();
    for source in sources() {
        let own = place(&source.module);
        for name in named(&source.code.join("\n").replace('\n', " ")) {
            if place(&name).is_none_or(|other| Some(other) > own) {
                faults.push(format!("src/{} names crate::{name}", source.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn pure_modules_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| ORDER[..PURE].contains(&source.module.as_str())) {
        for (line, word) in source.code.iter().flat_map(|line| IMPURE.iter().map(move |word| (line, word))) {
            if line.contains(word) {
                faults.push(format!("src/{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > 400)
        .map(|source| format!("src/{}: {} lines without tests", source.path.display(), source.lines))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_test_is_switched_off_or_expected_to_panic() {
    // Written apart, so that this file does not find itself.
    let forbidden = [concat!("#[", "ignore"), concat!("should", "_panic")];
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        faults.extend(
            forbidden.iter().filter(|word| text.contains(**word)).map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The versions that fixed known flaws; a crate that is not in the build is fine.
const MINIMUM: &[(&str, [u64; 3])] = &[
    ("pingora", [0, 8, 0]),
    ("pingora-core", [0, 8, 0]),
    ("pingora-proxy", [0, 8, 0]),
    ("h2", [0, 4, 16]),
    ("rustls", [0, 23, 18]),
    ("rustls-webpki", [0, 103, 13]),
    ("aws-lc-sys", [0, 39, 0]),
    ("jsonwebtoken", [10, 3, 0]),
    ("tracing-subscriber", [0, 3, 20]),
    ("bytes", [1, 11, 1]),
    ("lru", [0, 18, 2]),
    ("anyhow", [1, 0, 103]),
    ("time", [0, 3, 47]),
];

#[test]
fn l02_crates_with_known_flaws_are_new_enough() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    let mut name = String::new();
    for line in lock.lines() {
        if line.starts_with("name = ") {
            name = quoted(line);
        } else if line.starts_with("version = ") {
            let text = quoted(line);
            let numbers: Vec<u64> = text.split(['.', '-', '+']).filter_map(|part| part.parse().ok()).take(3).collect();
            let old = MINIMUM.iter().find(|(known, least)| *known == name && numbers.as_slice() < least.as_slice());
            faults.extend(old.map(|(_, least)| format!("{name} {text} is older than {least:?}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_reader_of_mentions_reads() {
    assert_eq!(named("use crate::{types::X, redact::{a, b}};"), ["types", "redact"]);
    assert_eq!(named("let a = crate::authn::jwt(); monward::cli::run()"), ["authn", "cli"]);
    assert_eq!(named("pub(crate) fn mycrate::x()"), Vec::<String>::new());
}
