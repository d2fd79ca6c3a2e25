//! What fuzzing found worth keeping, asked again: the corpora in `tests/fuzz/corpus`, through the same functions.

use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

use checks::CHECKS;

/// `\n` is a line end and `\xNN` a byte; every other character is itself.
fn bytes(line: &str) -> Vec<u8> {
    let mut parts = line.split('\\');
    let mut found = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = match part.strip_prefix('x') {
            Some(hex) => (u8::from_str_radix(&hex[..2], 16).unwrap(), &hex[2..]),
            None => (b'\n', part.strip_prefix('n').unwrap()),
        };
        found.push(byte);
        found.extend(rest.as_bytes());
    }
    found
}

#[test]
fn what_fuzzing_found_still_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, check) in CHECKS {
        let corpus = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        assert!(corpus.lines().count() >= 50, "{name}");
        corpus.lines().for_each(|line| check(&bytes(line)));
    }
}

#[test]
fn every_target_has_its_check_and_its_corpus() {
    let stems = |folder: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(folder);
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut stems: Vec<String> =
            files.map(|file| file.path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
        stems.sort();
        stems
    };
    let mut checks = CHECKS.map(|(name, _)| name);
    checks.sort_unstable();
    assert_eq!(stems("fuzz_targets"), checks);
    assert_eq!(stems("corpus"), checks);
}
