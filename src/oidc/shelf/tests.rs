use super::*;
use std::os::unix::fs::PermissionsExt as _;

const DAY: Duration = Duration::from_hours(24);
const ISSUER: &str = "https://idp.example.org";
const SOURCE: &str = "https://idp.example.org/.well-known/openid-configuration";

const fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(1_800_000_000 + seconds)
}

fn kept() -> Kept {
    Kept { fetched_at: at(0), document: br#"{"keys":["\u0041\\"]}"#.to_vec() }
}

fn shelf(folder: &Path) -> Shelf {
    Shelf::new(folder, "corp", ISSUER, SOURCE)
}

/// A folder in which the keys of `corp` were written at 0.
fn filled() -> (tempfile::TempDir, Shelf) {
    let folder = tempfile::tempdir().unwrap();
    let shelf = shelf(folder.path());
    shelf.save(&kept()).unwrap();
    (folder, shelf)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_comes_back_and_is_private() {
    let (folder, shelf) = filled();
    assert_eq!(shelf.load(at(60), DAY).unwrap(), Some(kept()));
    assert_eq!(names(folder.path()), ["keys-corp.json"], "and no draft is left");
    assert_eq!(std::fs::metadata(shelf.path()).unwrap().mode() & 0o7777, 0o600);
    let newer = Kept { fetched_at: at(300), document: b"{}".to_vec() };
    shelf.save(&newer).unwrap();
    assert_eq!(shelf.load(at(300), DAY).unwrap(), Some(newer));
    assert_eq!(names(folder.path()), ["keys-corp.json"]);
}

#[test]
fn without_a_file_there_is_nothing_and_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(shelf(folder.path()).load(at(0), DAY).unwrap(), None);
    assert_eq!(shelf(&folder.path().join("gone")).load(at(0), DAY).unwrap(), None);
}

#[test]
fn keys_serve_only_within_their_time() {
    let (_folder, shelf) = filled();
    let load = |now| shelf.load(now, DAY).map_err(|fault| fault.label());
    assert!(load(at(86_399)).unwrap().is_some());
    assert_eq!(load(at(86_400)), Err("stale"));
    // The clock that wrote it was ahead, by a little or by much.
    let behind = at(0).minus(Duration::from_mins(1));
    assert_eq!(load(behind).unwrap().unwrap().fetched_at, behind, "never from the future");
    assert_eq!(load(at(0).minus(Duration::from_secs(61))), Err("future"));
}

#[test]
fn keys_of_another_issuer_or_place_are_not_taken() {
    let (folder, _) = filled();
    for (issuer, source) in [(format!("{ISSUER}/"), SOURCE), (ISSUER.to_owned(), "https://idp.example.org/keys")] {
        let other = Shelf::new(folder.path(), "corp", &issuer, source);
        assert!(matches!(other.load(at(0), DAY), Err(ShelfFault::Another)), "{issuer} {source}");
    }
}

#[test]
fn a_file_that_somebody_else_could_have_written_is_not_believed() {
    for mode in [0o640, 0o620, 0o604, 0o602, 0o660, 0o666, 0o610, 0o601] {
        let (_folder, shelf) = filled();
        std::fs::set_permissions(shelf.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::Permissions)), "{mode:o}");
    }
    let (_folder, shelf) = filled();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(shelf.path(), Some(1), None).unwrap();
        assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::Owner)));
    } else {
        let of_root = std::fs::metadata("/etc/passwd").unwrap();
        assert!(matches!(check(&of_root), Err(ShelfFault::Owner)));
    }
}

#[test]
fn only_a_regular_file_is_opened() {
    let (folder, shelf) = filled();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(shelf.path(), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, shelf.path()).unwrap();
    assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::NotRegular)), "a link");
    std::fs::remove_file(shelf.path()).unwrap();
    std::fs::create_dir(shelf.path()).unwrap();
    assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::NotRegular)), "a folder");
    std::fs::remove_dir(shelf.path()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, shelf.path(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::NotRegular)), "a pipe, which nobody waits for");
}

#[test]
fn what_monward_does_not_write_it_does_not_read() {
    let (_folder, shelf) = filled();
    let good = std::fs::read_to_string(shelf.path()).unwrap();
    assert!(good.contains(r#""version":1"#));
    for (row, text) in [
        ("nothing", String::new()),
        ("cut short", good[..good.len() - 1].to_owned()),
        ("more behind", format!("{good}{{}}")),
        ("another version", good.replace(r#""version":1"#, r#""version":2"#)),
        ("a member twice", good.replace(r#""version":1"#, r#""version":1,"version":1"#)),
        ("a member more", good.replace(r#""version":1"#, r#""version":1,"x":1"#)),
        ("a bare key set", r#"{"keys":[]}"#.to_owned()),
        ("deep", "[".repeat(100_000)),
    ] {
        std::fs::write(shelf.path(), text).unwrap();
        assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::Malformed)), "{row}");
    }
    std::fs::write(shelf.path(), " ".repeat(MAX_FILE + 1)).unwrap();
    assert!(matches!(shelf.load(at(0), DAY), Err(ShelfFault::TooLarge)));
}

#[test]
fn a_write_that_fails_leaves_the_old_file() {
    let (folder, shelf) = filled();
    let huge = Kept { fetched_at: at(1), document: "\"".repeat(MAX_FILE).into_bytes() };
    assert!(matches!(shelf.save(&huge), Err(ShelfFault::TooLarge)));
    let no_text = Kept { fetched_at: at(1), document: vec![0xff] };
    assert!(matches!(shelf.save(&no_text), Err(ShelfFault::Malformed)));
    assert_eq!(shelf.load(at(0), DAY).unwrap(), Some(kept()));
    let gone = self::shelf(&folder.path().join("gone"));
    assert!(matches!(gone.save(&kept()), Err(ShelfFault::Io(_))));
    // A draft that cannot take its place is cleared away.
    std::fs::remove_file(shelf.path()).unwrap();
    std::fs::create_dir(shelf.path()).unwrap();
    assert!(matches!(shelf.save(&kept()), Err(ShelfFault::Io(_))));
    assert_eq!(names(folder.path()), ["keys-corp.json"]);
}

#[test]
fn the_largest_document_fits_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let document = "\"".repeat(MAX_DOCUMENT).into_bytes();
    shelf(folder.path()).save(&Kept { fetched_at: at(0), document: document.clone() }).unwrap();
    assert_eq!(shelf(folder.path()).load(at(0), DAY).unwrap().unwrap().document, document);
}

#[test]
fn every_issuer_has_a_file_of_its_own_inside_the_folder() {
    let long = "a".repeat(65);
    let longer = "a".repeat(66);
    let hostile =
        ["corp", "Corp", "..", "../corp", "a/b", "a%2fb", "a b", "", ".", "a.b", "b\u{fc}cher", "a\nb", &long, &longer];
    let mut seen = std::collections::BTreeSet::new();
    for name in hostile {
        let file = file_name(name);
        assert!(file.starts_with("keys-") && file.len() < 200, "{file}");
        assert!(file.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{file}");
        assert!(seen.insert(file), "{name}");
    }
    assert_eq!(file_name("../corp"), "keys-%2e%2e%2fcorp.json");
}
