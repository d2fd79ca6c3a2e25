//! What the commands say: doubts, circumstances, tenants, help.

use std::path::Path;

use tempfile::TempDir;

use crate::support::gateway::monward;

/// A folder with this `policy.yaml`.
fn folder(policy: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    folder
}

const ROLES: &str = "version: 1
catalog: nats
roles:
  viewer: [{ token: { issuer: corp, claims: { roles: [viewer] } } }]
  tenant: [{ token: { issuer: corp, claims: { roles: [tenant] } } }]
";

#[test]
fn a_doubt_is_said_and_fails_only_a_strict_check() {
    let good = "  - { id: tenants, endpoints: [jsz], allow: [tenant] }\n";
    for (why, rules, doubt) in [
        (
            "a rule that another covers",
            "  - { id: narrow, endpoints: [connz], allow: [viewer], args: { limit: { max: 10 } } }\n  \
             - { id: wide, endpoints: [connz], allow: any, redact: none }\n",
            "policy.yaml:8:5: the rule `narrow` never decides: the rule `wide` fits whatever this one fits, and is \
             preferred because it takes out less or asks for less (doubtful)\n",
        ),
        (
            "a rule that is denied",
            "  - { id: open, endpoints: [varz], allow: [viewer] }\n  - { id: shut, endpoints: [varz], deny: any }\n",
            "policy.yaml:8:5: the rule `open` never decides: the rule `shut` denies it all (doubtful)\n",
        ),
        (
            "a rule for nobody",
            "  - { id: open, endpoints: [varz], allow: [viewer] }\n  - { id: none, endpoints: [connz], allow: [] }\n",
            "policy.yaml:9:5: the rule `none` names nobody (doubtful)\n",
        ),
        (
            "a role without a rule",
            "  - { id: other, endpoints: [varz], allow: [tenant] }\n",
            "policy.yaml:4:3: no rule names the role `viewer` (doubtful)\n",
        ),
    ] {
        let folder = folder(&format!("{ROLES}rules:\n{good}{rules}"));
        let usual = monward(folder.path(), &["check", "policy.yaml"]);
        let strict = monward(folder.path(), &["check", "--strict", "policy.yaml"]);
        assert_eq!((usual.0, strict.0), (Some(0), Some(1)), "{why}: {usual:?} {strict:?}");
        assert_eq!((usual.2.as_str(), strict.2.as_str()), (doubt, doubt), "{why}");
        assert!(usual.1.starts_with("policy.yaml: good; closed to all: root, "), "{why}: {usual:?}");
        assert_eq!(usual.1, strict.1, "{why}");
    }
    let clear = folder(&format!("{ROLES}rules:\n{good}  - {{ id: view, endpoints: [varz], allow: [viewer] }}\n"));
    let (code, out, said) = monward(clear.path(), &["check", "--strict", "policy.yaml"]);
    assert_eq!((code, said.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("closed to all") && !out.contains("varz,") && out.contains("stacksz"), "{out}");
    let broken = folder(&format!("{ROLES}rules:\n  - {{ id: view, endpoints: [vraz], allow: [] }}\n"));
    let (code, out, said) = monward(broken.path(), &["check", "policy.yaml"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("policy.yaml:7:29: unknown endpoint `vraz`; did you mean `varz`?\n1 fault\n"), "{said}");
}

#[test]
fn a_policy_that_closes_everything_says_so() {
    let folder = folder("version: 1\ncatalog: nats\nroles: {}\nrules: []\n");
    let (code, out, said) = monward(folder.path(), &["check", "--strict", "policy.yaml"]);
    assert_eq!(code, Some(0), "{said}");
    for endpoint in ["root", "varz", "connz", "accountz", "debug-vars", "raftz"] {
        assert!(out.contains(endpoint), "{endpoint}: {out}");
    }
}

#[test]
fn explain_knows_from_where_when_and_over_what() {
    let policy = folder(&format!(
        "{ROLES}rules:\n  - id: office\n    endpoints: [varz]\n    allow: [viewer]\n    when:\n      source: [10.0.0.0/8]\n      \
         tls: \"1.3\"\n      time: {{ days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\", zone: Europe/Berlin }}\n"
    ));
    let explain = |arguments: &[&str]| {
        let always = ["explain", "--policy", "policy.yaml", "--claim", "roles=viewer", "/varz"];
        monward(policy.path(), &[&always[..], arguments].concat())
    };
    // A Wednesday, 14:00 in Berlin.
    let noon = "2026-07-01T12:00:00Z";
    for (why, arguments, permitted) in [
        ("all of it holds", &["--from", "10.1.2.3", "--at", noon, "--tls", "1.3"][..], true),
        (
            "in another spelling",
            &["--from", "::ffff:10.1.2.3", "--at", "2026-07-01T14:00:00+02:00", "--tls", "1.3"],
            true,
        ),
        ("from elsewhere", &["--from", "11.1.2.3", "--at", noon, "--tls", "1.3"], false),
        ("from nobody knows where", &["--at", noon, "--tls", "1.3"], false),
        ("over an older TLS", &["--from", "10.1.2.3", "--at", noon, "--tls", "1.2"], false),
        ("over nobody knows what", &["--from", "10.1.2.3", "--at", noon], false),
        ("in the evening", &["--from", "10.1.2.3", "--at", "2026-07-01T17:00:00Z", "--tls", "1.3"], false),
        ("on a Sunday", &["--from", "10.1.2.3", "--at", "2026-07-05T12:00:00Z", "--tls", "1.3"], false),
    ] {
        let (code, out, said) = explain(arguments);
        assert_eq!(code, Some(i32::from(!permitted)), "{why}: {out}{said}");
        let wanted =
            if permitted { "decision  allow\nrule      office\n" } else { "decision  deny\nreason    conditions: " };
        assert!(out.contains(wanted), "{why}: {out}");
        let note = if permitted { "office (allows viewer): decides" } else { "its conditions do not hold" };
        assert!(out.contains(note), "{why}: {out}");
    }
    for wrong in [["--from", "office"], ["--at", "yesterday"], ["--tls", "1.1"], ["--at", "1969-01-01T00:00:00Z"]] {
        let (code, out, said) = explain(&wrong);
        assert!(
            code.is_some_and(|code| code > 0) && out.is_empty() && said.contains(wrong[0]),
            "{wrong:?}: {out}{said}"
        );
    }
}

#[test]
fn explain_says_for_which_tenant_and_what_goes_upstream() {
    let policy = folder(&format!(
        "{ROLES}rules:\n  - {{ id: own, endpoints: [connz, jsz, accstatz], allow: [tenant], tenant: \"{{claims.nats_account}}\", \
         args: {{ jsz: {{ streams: allow }} }}, redact: none }}\n"
    ));
    let explain = |claims: &str, target: &str| {
        monward(policy.path(), &["explain", "--policy", "policy.yaml", "--claims", claims, target])
    };
    let acme = r#"{"roles":["tenant"],"nats_account":"ACME"}"#;
    for (target, upstream) in [
        ("/jsz?streams=1", "/jsz?acc=ACME&streams=1"),
        ("/connz?acc=ACME", "/connz?auth=1&acc=ACME"),
        ("/accstatz", "/accstatz"),
    ] {
        let (code, out, said) = explain(acme, target);
        assert_eq!(code, Some(0), "{out}{said}");
        let wanted =
            format!("rule      own\nupstream  {upstream}\ntenant    ACME: nothing else of the answer leaves\n");
        assert!(out.contains(&wanted), "{target}: {out}");
        let (_, out, _) =
            monward(policy.path(), &["explain", "--policy", "policy.yaml", "--claims", acme, "--json", target]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&json["tenant"], &json["upstream"]), (&"ACME".into(), &upstream.into()), "{out}");
    }
    for (claims, target, reason) in [
        (acme, "/connz?acc=GLOBEX", "argument_outside"),
        (r#"{"roles":["tenant"]}"#, "/connz", "tenant_unknown"),
        (r#"{"roles":["tenant"],"nats_account":["ACME"]}"#, "/accstatz", "tenant_unknown"),
        (r#"{"roles":["viewer"],"nats_account":"ACME"}"#, "/connz", "no_rule"),
    ] {
        let (code, out, said) = explain(claims, target);
        assert_eq!(code, Some(1), "{out}{said}");
        assert!(
            out.contains(&format!("reason    {reason}: ")) && !out.contains("upstream  "),
            "{claims} {target}: {out}"
        );
    }
}

/// The names in the list of commands.
fn commands(folder: &Path) -> Vec<String> {
    let (code, out, _) = monward(folder, &["--help"]);
    assert_eq!(code, Some(0));
    let list = out.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_and_option_has_its_help_and_every_command_an_example_of_itself() {
    let folder = TempDir::new().unwrap();
    let commands = commands(folder.path());
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        let (code, out, said) = monward(folder.path(), &[command, "--help"]);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{command}");
        let first = out.lines().next().unwrap();
        assert!(first.len() > 10 && !first.starts_with("Usage"), "{command} does not say what it does: {out}");
        let examples = out.split("Example").nth(1).unwrap_or_else(|| panic!("{command} has no example: {out}"));
        assert!(examples.contains(&format!("monward {command}")), "{command}: {examples}");
        let (head, _) = out.split_once("Example").unwrap();
        let lines: Vec<&str> = head.lines().collect();
        let options = lines.iter().enumerate().filter(|(_, line)| {
            let text = line.trim_start();
            line.starts_with("  ") && (text.starts_with("--") || text.starts_with('-') && text.contains(", --"))
        });
        for (at, option) in options {
            // What it means stands behind two spaces, or on the next line.
            let beside = option.trim_start().split_once("  ").is_some_and(|(_, text)| !text.trim().is_empty());
            let below = lines.get(at + 1).is_some_and(|next| next.starts_with("          ") && !next.trim().is_empty());
            assert!(beside || below, "{command}: nothing is said of {option:?}: {out}");
        }
        assert_eq!(monward(folder.path(), &["help", command]).0, Some(0), "{command}");
        assert_eq!(monward(folder.path(), &[command, "--no-such-option"]).0, Some(2), "{command}");
    }
}

/// The examples of `--help` that ask for nothing but a policy, run as they stand there.
#[test]
fn the_examples_of_explain_are_understood() {
    let folder = folder(include_str!("../../policies/nats.yaml"));
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::copy(folder.path().join("policy.yaml"), folder.path().join("policies/nats.yaml")).unwrap();
    let (_, out, _) = monward(folder.path(), &["explain", "--help"]);
    let examples: Vec<&str> = out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("monward "))
        .filter(|line| line.contains("--policy"))
        .collect();
    assert!(examples.len() >= 5, "{out}");
    for example in examples {
        let script = format!("exec \"$MONWARD\" {}", example.split('|').next().unwrap());
        let ran = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("MONWARD", env!("CARGO_BIN_EXE_monward"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code().is_some_and(|code| code < 2) && said.is_empty(), "{example}: {said}");
        assert!(!ran.stdout.is_empty(), "{example}");
    }
}
