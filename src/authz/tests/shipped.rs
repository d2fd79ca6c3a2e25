//! The policy that is shipped, and that each of its lines has an example that needs it.

use std::fmt::Write as _;

use super::whole;
use crate::authz::{Cases, Policy};
use crate::catalog::Catalogs;
use crate::document::{self, Node, Value};

const POLICY: &str = include_str!("../../../policies/nats.yaml");
const CASES: &str = include_str!("../../../policies/nats.cases.yaml");

fn cases() -> Cases {
    Cases::parse("nats.cases.yaml", CASES).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn the_shipped_policy_does_what_its_cases_say() {
    let faults = cases().run(&whole(POLICY));
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_shipped_rule_that_allows_has_a_limit_and_a_written_redaction() {
    let root = document::parse("nats.yaml", POLICY).unwrap();
    let mut paths = Vec::new();
    collect(&root, &mut Vec::new(), &mut paths);
    let rules = whole(POLICY).rules().count();
    let having =
        |key: &str| paths.iter().filter(|path| path.len() == 3 && path[0] == "rules" && path[2] == key).count();
    assert!(rules > 10);
    assert_eq!(having("allow") + having("deny"), rules);
    assert_eq!(having("limit"), having("allow"));
    assert_eq!(having("redact"), having("allow"));
}

/// The examples of a rule stand under its name.
#[test]
fn every_shipped_rule_has_examples_of_what_it_allows_and_of_what_it_does_not() {
    let policy = whole(POLICY);
    for rule in policy.rules() {
        let heading = format!("\n# {rule}\n");
        let (_, behind) = CASES.split_once(&heading).unwrap_or_else(|| panic!("no examples of `{rule}`"));
        let section = behind.split("\n# ").next().unwrap();
        let is_deny = POLICY.contains(&format!("  - id: {rule}\n    endpoints: [stacksz]\n    deny: "));
        assert_ne!(section.contains("  expect: allow\n"), is_deny, "{rule}");
        assert!(section.contains("  expect: deny\n") || section.contains("  expect: 403\n"), "{rule}");
        assert!(section.contains(&format!("  rule: {rule}\n")), "{rule}");
    }
}

/// Takes every list item and every mapping entry out, one at a time: each mutant is refused as a policy, or fails a
/// case, or says the same as before because it was a default written out.
#[test]
fn k05_every_line_of_the_shipped_policy_has_a_case_that_fails_without_it() {
    let root = document::parse("nats.yaml", POLICY).unwrap();
    let mut paths = Vec::new();
    collect(&root, &mut Vec::new(), &mut paths);
    let cases = cases();
    let mut survivors = Vec::new();
    let mut mutants = 0;
    for path in paths {
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
    assert!(mutants > 150, "{mutants}");
    assert_eq!(survivors, Vec::<String>::new());
}

/// Moves every bound by one.
#[test]
fn k05_every_number_of_the_shipped_constraints_has_a_case_that_fails_beside_it() {
    for (number, _) in POLICY.match_indices("max: ") {
        let digits: String = POLICY[number + 5..].chars().take_while(char::is_ascii_digit).collect();
        let bound: i64 = digits.parse().unwrap();
        for other in [bound - 1, bound + 1] {
            let mut text = POLICY.to_owned();
            text.replace_range(number + 5..number + 5 + digits.len(), &other.to_string());
            assert!(!cases().run(&whole(&text)).is_empty(), "{other} instead of {bound} at byte {number}");
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

/// The README's policy and cases, as they stand there.
#[test]
fn the_readme_is_right() {
    const README: &str = include_str!("../../../policies/README.md");
    let blocks: Vec<&str> = README.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [glance, _files, roles, when, args, sets, cases] = blocks.try_into().unwrap();
    let policy = whole(glance);
    let found = Cases::parse("README.md", cases).unwrap().run(&policy);
    assert_eq!(found, []);
    for part in [roles, sets] {
        whole(&format!("version: 1\ncatalog: nats\n{part}"));
    }
    for part in [when, args] {
        let rule = "  - id: r\n    endpoints: [connz, subsz]\n    allow: any\n";
        whole(&format!("version: 1\ncatalog: nats\nrules:\n{rule}{part}"));
    }
}
