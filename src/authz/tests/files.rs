//! Policies of several files.

use super::{answer, member, permit};
use crate::authz::{Policy, Source};
use crate::catalog::Catalogs;

const WHO: &str = "\
version: 1
catalog: nats
roles:
  a: [{ token: { issuer: corp, claims: { groups: [a] } } }]
redactions:
  lean: { extends: standard, remove: [$.mem] }
";
const WHAT: &str = "\
version: 1
catalog: nats
roles:
  a: [{ token: { issuer: corp, claims: { groups: [also] } } }]
rules:
  - { id: one, endpoints: [varz], allow: [a], redact: lean }
";
const CLOSED: &str = "\
version: 1
catalog: nats
mode: shadow
rules:
  - { id: two, endpoints: [varz], deny: [a] }
  - { id: three, endpoints: [connz], deny: any, mode: enforce }
";

fn read(files: &[(&str, &str)]) -> Result<Policy, Vec<String>> {
    let sources: Vec<Source<'_>> = files.iter().map(|(file, text)| Source { file, text }).collect();
    let policy = Policy::parse_all(&sources, &Catalogs::builtin());
    policy.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn several_files_are_one_policy_in_any_order() {
    let files = [("who.yaml", WHO), ("what.yaml", WHAT), ("closed.yaml", CLOSED)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let policy = read(&order.map(|at| files[at])).unwrap();
        for group in ["a", "also"] {
            let permit = permit(&policy, &member(&[group]), "/varz");
            assert_eq!(permit.would().map(|would| would.rule.as_str()), Some("two"), "the mode of its file alone");
            assert!(permit.plan().words().any(|(_, words)| words == "$.mem"));
            assert_eq!(answer(&policy, &[group], "/connz"), "denied");
        }
    }
}

#[test]
fn the_faults_of_all_files_come_at_once_and_each_names_its_file() {
    let found = read(&[
        ("a.yaml", "version: 1\ncatalog: nats\nrules: [{ id: x, endpoints: [vraz], allow: [a] }]\n"),
        ("b.yaml", "version: 1\ncatalog: prometheus\nrules: [{ id: x, endpoints: [varz], allow: any }]\n"),
        ("c.yaml", "version: 2\ncatalog: nats\nredactions: { lean: { extends: none } }\n"),
        ("d.yaml", "version: 1\ncatalog: nats\nredactions: { lean: { extends: none } }\n"),
    ]);
    let found = found.unwrap_err();
    for fault in [
        "a.yaml:3:30: unknown endpoint `vraz`; did you mean `varz`?",
        "a.yaml:3:45: unknown role `a`; there are none under `roles`; where they stand in another file, check the configuration that names both",
        "b.yaml:2:10: the files of one policy speak of one catalogue, and another says `nats`",
        "b.yaml:3:15: there is a rule `x` already, on line 3 of a.yaml",
        "c.yaml:1:10: unknown version; known is `1`",
        "d.yaml:3:15: another file has a set `lean` already",
    ] {
        assert!(found.iter().any(|found| found == fault), "{fault}: {found:#?}");
    }
    let found = read(&[("a.yaml", "rules: [\n"), ("b.yaml", ": :\n- x\n")]).unwrap_err();
    assert!(found.iter().any(|fault| fault.starts_with("a.yaml")), "{found:?}");
    assert!(found.iter().any(|fault| fault.starts_with("b.yaml")), "{found:?}");
    assert!(read(&[]).is_err(), "no file is no policy");
}
