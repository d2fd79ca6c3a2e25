//! The policies that are shipped, and that each of their lines has an example that needs it.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, json};

use super::{permit, whole};
use crate::authn::Principal;
use crate::authz::{Cases, Policy};
use crate::catalog::Catalogs;
use crate::document::{self, Node, Value};
use crate::redact::{Pseudonyms, Redactor};

/// One shipped policy and the examples beside it.
struct Shipped {
    name: &'static str,
    policy: &'static str,
    cases: &'static str,
    /// How many of its mutants are policies, at least.
    mutants: usize,
}

macro_rules! shipped {
    ($name:literal, $mutants:literal) => {
        Shipped {
            name: $name,
            policy: include_str!(concat!("../../../policies/", $name, ".yaml")),
            cases: include_str!(concat!("../../../policies/", $name, ".cases.yaml")),
            mutants: $mutants,
        }
    };
}

const ALL: [Shipped; 4] =
    [shipped!("nats", 300), shipped!("prometheus", 6), shipped!("centrifugo", 15), shipped!("kumomta", 12)];

impl Shipped {
    fn whole(&self) -> Policy {
        whole(self.policy)
    }

    fn cases(&self) -> Cases {
        Cases::parse(self.name, self.cases).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    fn root(&self) -> Node {
        document::parse(self.name, self.policy).unwrap()
    }

    fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        collect(&self.root(), &mut Vec::new(), &mut paths);
        paths
    }
}

#[test]
fn the_shipped_policies_do_what_their_cases_say() {
    for shipped in &ALL {
        let faults: Vec<String> = shipped.cases().run(&shipped.whole()).iter().map(ToString::to_string).collect();
        assert_eq!(faults, Vec::<String>::new());
    }
}

#[test]
fn the_shipped_policies_leave_no_doubt_and_close_what_nobody_should_have() {
    for (shipped, closed) in ALL.iter().zip([vec!["stacksz"], vec![], vec!["stats"], vec!["metrics-json"]]) {
        let found = shipped.whole().findings();
        assert_eq!(found.doubts, [], "{}", shipped.name);
        assert_eq!(found.closed, closed, "{}", shipped.name);
    }
}

#[test]
fn every_shipped_rule_that_allows_has_a_limit_and_a_written_redaction() {
    for shipped in &ALL {
        let paths = shipped.paths();
        let having =
            |key: &str| paths.iter().filter(|path| path.len() == 3 && path[0] == "rules" && path[2] == key).count();
        assert!(having("allow") > 0, "{}", shipped.name);
        assert_eq!(having("allow") + having("deny"), shipped.whole().rules().count(), "{}", shipped.name);
        assert_eq!(having("limit"), having("allow"), "{}", shipped.name);
        assert_eq!(having("redact"), having("allow"), "{}", shipped.name);
    }
}

/// The examples of a rule stand under its name.
#[test]
fn every_shipped_rule_has_examples_of_what_it_allows_and_of_what_it_does_not() {
    for Shipped { policy: text, cases, .. } in &ALL {
        for rule in whole(text).rules() {
            let section = |text: &str, heading: &str, end: &str| {
                let (_, behind) = text.split_once(heading).unwrap_or_else(|| panic!("no `{heading}`"));
                behind.split(end).next().unwrap().to_owned()
            };
            let is_deny = section(text, &format!("  - id: {rule}\n"), "  - id: ").contains("\n    deny: ");
            let examples = section(cases, &format!("\n# {rule}\n"), "\n# ");
            assert_ne!(examples.contains("  expect: allow\n"), is_deny, "{rule}");
            assert!(examples.contains("  expect: deny\n") || examples.contains("  expect: 403\n"), "{rule}");
            assert!(examples.contains(&format!("  rule: {rule}\n")), "{rule}");
        }
    }
}

/// Takes every list item and every mapping entry out, one at a time: each mutant is refused as a policy, or fails a
/// case, or says the same as before because it was a default written out.
#[test]
fn k05_every_line_of_the_shipped_policies_has_a_case_that_fails_without_it() {
    for shipped in &ALL {
        let (root, cases) = (shipped.root(), shipped.cases());
        let mut survivors = Vec::new();
        let mut mutants = 0;
        for path in shipped.paths() {
            let mut mutant = root.clone();
            remove(&mut mutant, &path);
            prune(&mut mutant);
            let Ok(policy) = Policy::parse("mutant.yaml", &flow(&mutant), &Catalogs::builtin()) else { continue };
            mutants += 1;
            let is_default = path.last().is_some_and(|key| key == "limit" && path.len() == 3 || key == "burst")
                || flow_at(&root, &path) == "\"standard\"";
            if cases.run(&policy).is_empty() && !is_default {
                survivors.push(path.join("."));
            }
        }
        assert!(mutants >= shipped.mutants, "{}: {mutants}", shipped.name);
        assert_eq!(survivors, Vec::<String>::new(), "{}", shipped.name);
    }
}

/// Moves every bound by one.
#[test]
fn k05_every_number_of_the_shipped_constraints_has_a_case_that_fails_beside_it() {
    for shipped in &ALL {
        for (number, _) in shipped.policy.match_indices("max: ") {
            let digits: String = shipped.policy[number + 5..].chars().take_while(char::is_ascii_digit).collect();
            let bound: i64 = digits.parse().unwrap();
            for other in [bound - 1, bound + 1] {
                let mut text = shipped.policy.to_owned();
                text.replace_range(number + 5..number + 5 + digits.len(), &other.to_string());
                assert!(!shipped.cases().run(&whole(&text)).is_empty(), "{other} instead of {bound} at byte {number}");
            }
        }
    }
}

/// The path of every entry and item, keys and positions.
fn collect(node: &Node, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut down = |key: String, node: &Node| {
        at.push(key);
        found.push(at.clone());
        collect(node, at, found);
        at.pop();
    };
    match &node.value {
        Value::Map(entries) => entries.iter().for_each(|entry| down(entry.key.clone(), &entry.node)),
        Value::List(items) => items.iter().enumerate().for_each(|(position, item)| down(position.to_string(), item)),
        Value::Scalar { .. } => {}
    }
}

fn child<'node>(node: &'node mut Node, key: &str) -> &'node mut Node {
    match &mut node.value {
        Value::Map(entries) => &mut entries.iter_mut().find(|entry| entry.key == key).unwrap().node,
        Value::List(items) => &mut items[key.parse::<usize>().unwrap()],
        Value::Scalar { .. } => panic!("{key}"),
    }
}

fn remove(root: &mut Node, path: &[String]) {
    let (last, parents) = path.split_last().unwrap();
    let mut node = root;
    for key in parents {
        node = child(node, key);
    }
    match &mut node.value {
        Value::Map(entries) => entries.retain(|entry| entry.key != *last),
        Value::List(items) => drop(items.remove(last.parse().unwrap())),
        Value::Scalar { .. } => panic!("{path:?}"),
    }
}

/// Takes out `args` that have become empty, and what is under them.
fn prune(node: &mut Node) {
    match &mut node.value {
        Value::Map(entries) => {
            for entry in entries.iter_mut() {
                prune(&mut entry.node);
            }
            entries.retain(|entry| !matches!(&entry.node.value, Value::Map(inner) if inner.is_empty()));
        }
        Value::List(items) => items.iter_mut().for_each(prune),
        Value::Scalar { .. } => {}
    }
}

fn flow_at(root: &Node, path: &[String]) -> String {
    let mut root = root.clone();
    let mut node = &mut root;
    for key in path {
        node = child(node, key);
    }
    flow(node)
}

/// The node as YAML on one line.
fn flow(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Map(entries) => {
            text.push('{');
            for entry in entries {
                write!(text, "{:?}: {}, ", entry.key, flow(&entry.node)).unwrap();
            }
            text.push('}');
        }
        Value::List(items) => {
            text.push('[');
            for item in items {
                write!(text, "{}, ", flow(item)).unwrap();
            }
            text.push(']');
        }
        Value::Scalar { text: scalar, quoted: false } if scalar.parse::<i64>().is_ok() => text.push_str(scalar),
        Value::Scalar { text: scalar, .. } => write!(text, "{scalar:?}").unwrap(),
    }
    text
}

/// What of a document with this one field leaves under `policy`.
fn left(policy: &Policy, endpoint: &str, field: &str) -> String {
    let steps = field.trim_start_matches('$').split(['.', '[']).filter(|step| !step.is_empty());
    let document = steps.rev().fold(json!("x"), |inner, step| match step {
        "*]" => json!([inner]),
        name => json!({ (name): inner }),
    });
    let exporter = Principal::supposed("keys".to_owned(), "nats-exporter".to_owned(), Map::new());
    let plan = Arc::clone(permit(policy, &exporter, &format!("/{endpoint}")).plan());
    let mut redactor = Redactor::new(plan, Arc::new(Pseudonyms::new(&[7; 32])));
    let mut out = Vec::new();
    redactor.push(document.to_string().as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn an_exporter_s_rows_have_the_accounts_and_else_what_standard_leaves() {
    let [nats, ..] = &ALL;
    let rows = nats.whole();
    let standard = whole(&nats.policy.replace("    redact: rows\n", "    redact: standard\n"));
    let mut more = Vec::new();
    for section in include_str!("../../../policies/catalogs/nats.fields").split("\n[").skip(1) {
        let (endpoint, fields) = section.split_once("]\n").unwrap();
        if !["jsz", "leafz", "accstatz"].contains(&endpoint) {
            continue;
        }
        let fields = fields.lines().filter(|line| line.starts_with('$'));
        more.extend(fields.filter(|field| {
            let whole = left(&rows, endpoint, field);
            whole != left(&standard, endpoint, field) && whole.contains("\"x\"")
        }));
    }
    more.sort_unstable();
    assert_eq!(
        more,
        [
            "$.account_details[*].id",
            "$.account_details[*].name",
            "$.account_statz[*].acc",
            "$.account_statz[*].name",
            "$.leafs[*].account",
        ]
    );
}

/// The README's policy and cases, as they stand there.
#[test]
fn the_readme_is_right() {
    const README: &str = include_str!("../../../policies/README.md");
    let blocks: Vec<&str> = README.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [glance, _files, roles, when, args, sets, pages, cases] = blocks.try_into().unwrap();
    let policy = whole(glance);
    let found = Cases::parse("README.md", cases).unwrap().run(&policy);
    assert_eq!(found, []);
    for part in [roles, sets] {
        whole(&format!("version: 1\ncatalog: nats\n{part}"));
    }
    let rule = "rules: [{ id: r, endpoints: [metrics], allow: any, redact: figures }]\n";
    whole(&format!("version: 1\ncatalog: prometheus\n{pages}{rule}"));
    for part in [when, args] {
        let rule = "  - id: r\n    endpoints: [connz, subsz]\n    allow: any\n";
        whole(&format!("version: 1\ncatalog: nats\nrules:\n{rule}{part}"));
    }
}
