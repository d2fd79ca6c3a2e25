//! `monward demo` as its user runs it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::nats::Build;
use super::support::{eventually, within};

/// What each row of the tour begins with: mark, who, request, answer.
const ROWS: [(&str, &str, u16); 10] = [
    ("anonymous", "GET /varz", 401),
    ("scraper", "GET /varz", 200),
    ("scraper", "GET /accountz", 403),
    ("operator", "GET /accountz?acc=", 200),
    ("operator", "GET /connz?auth=1", 403),
    ("scraper", "GET /varz", 401),
    ("scraper", "GET /varz", 401),
    ("scraper", "GET /varz", 200),
    ("scraper", "GET /connz", 403),
    ("viewer", "GET /varz", 429),
];

/// `monward demo` with nothing in its environment but PATH and the place for temporary files.
fn demo(path: &Path, temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monward"));
    command.arg("demo").env_clear().env("PATH", path).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

/// Runs `monward demo --exit` and checks its table; the answer is what it printed.
fn tour(path: &Path) -> String {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(path, temporary.path()).arg("--exit").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{text}\n{errors}", output.status);
    assert_eq!(errors, "", "nothing goes wrong, so nothing is said");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with(['✓', '✗'])).collect();
    assert_eq!(rows.len(), ROWS.len(), "{text}");
    for (row, (who, request, answer)) in rows.iter().zip(ROWS) {
        let words: Vec<&str> = row.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        assert_eq!(words[0], format!("✓ {who}"), "{text}");
        assert!(words[1].starts_with(request), "{text}");
        assert_eq!(words[2], answer.to_string(), "{text}");
        assert!(words.len() == 4, "every row says why: {text}");
    }
    assert!(rows[3].contains("jwt, decoded_jwt, issuer_key"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour into a pipe");
    assert!(!text.contains("eyJ"), "no token is printed: {text}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "nothing stays behind");
    text
}

/// The folder of a real `nats-server`.
fn folder_of(build: Build) -> PathBuf {
    build.program().parent().unwrap().to_owned()
}

#[test]
fn without_a_nats_server_it_shows_recorded_answers_and_says_so() {
    let nowhere = tempfile::tempdir().unwrap();
    let text = tour(nowhere.path());
    assert!(text.contains("recorded answers of nats-server 2.15.1 (no nats-server on PATH)"), "{text}");
}

#[test]
fn with_a_nats_server_on_path_it_guards_that_and_says_so() {
    for build in Build::ALL {
        let text = tour(&folder_of(build));
        assert!(text.contains("a real nats-server 2."), "{text}");
    }
}

#[test]
fn a_nats_server_that_does_not_start_is_replaced_and_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("nats-server");
    std::fs::write(&program, "#!/bin/sh\necho broken >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = tour(folder.path());
    assert!(text.contains("recorded answers") && text.contains("exit status: 3: broken"), "{text}");
}

/// A demo that stays up, and what it printed so far.
struct Staying {
    child: Child,
    printed: String,
}

impl Staying {
    fn start(path: &Path, temporary: &Path) -> Self {
        let mut child = demo(path, temporary).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        while !printed.contains("Ctrl-C") {
            assert!(output.read_line(&mut printed).unwrap() > 0, "it ended: {printed}");
        }
        // The rest is read apart, so that the demo never waits for a reader.
        std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
        Self { child, printed }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        // A kill would leave the demo's own nats-server behind: ask first.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while asked.is_ok() && matches!(self.child.try_wait(), Ok(None)) && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn it_stays_up_and_the_lines_it_prints_can_be_pasted() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Staying::start(&folder_of(Build::Pypi), temporary.path());
    let after = demo.printed.lines().skip_while(|line| !line.contains("Paste these")).skip(1);
    let script = after.filter(|line| line.starts_with("  ")).collect::<Vec<_>>().join("\n");
    let output = Command::new("sh").arg("-euc").arg(&script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{script}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let statuses: Vec<&str> = text.lines().filter(|line| line.starts_with("HTTP/")).collect();
    let expected = ["401", "200", "403", "200", "200", "200"];
    assert_eq!(statuses.len(), expected.len(), "{text}");
    for (line, status) in statuses.iter().zip(expected) {
        assert!(line.contains(status), "{line}: {text}");
    }
    assert!(text.contains("account_detail") && !text.contains("eyJ"), "{text}");
}

#[test]
fn a_signal_ends_it_with_success_and_nothing_stays_behind() {
    for name in ["INT", "TERM", "HUP"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut demo = Staying::start(&folder_of(Build::Debian), temporary.path());
        let folder = std::fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path();
        let ports = std::fs::read_dir(&folder).unwrap().flatten().map(|file| file.file_name().into_string().unwrap());
        let ports =
            ports.filter_map(|name| Some(name.strip_prefix("nats-server_")?.strip_suffix(".ports")?.to_owned()));
        let server = PathBuf::from("/proc").join(ports.last().unwrap());
        assert!(server.exists(), "the nats-server runs");
        demo.signal(name);
        let status = within(Duration::from_secs(10), "the end", || demo.child.try_wait().unwrap());
        assert!(status.success(), "SIG{name}: {status}");
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "SIG{name}");
        eventually("the end of nats-server", || (!server.exists()).then_some(()));
    }
}
