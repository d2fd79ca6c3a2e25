//! The engine against the reference, on pages of metrics that nobody wrote.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::differential::{config, mutate, mutations};
use super::page_reference::{self, About};
use super::*;

const METRICS: &[&str] = &[
    "a",
    "a_total",
    "a_bucket",
    "a_sum",
    "a_count",
    "a_info",
    "b",
    "b_seconds_total",
    "secret_a",
    "secret_a_bucket",
    "kept:b",
    "\u{1}my.metric",
    "\u{1}my.metric_total",
    "\u{1}sch\u{f6}n",
    "\u{1}a\\\"b\\\\",
    "eyJh.eyJh.x",
    "my_metric_created",
    "U__my_2e_metric_bucket",
    "U__my_2e_metric__total",
    "U__sch_f6_n",
    "\u{1}1a.total",
    "_a_created",
];
const FAMILIES: &[&str] = &[
    "a",
    "a_*",
    "b*",
    "secret_*",
    "*_total",
    "my.metric",
    "kept:b",
    "*",
    "a_info",
    "my_metric",
    "a_total",
    "s*_bucket",
    "my-metric_total",
    "schön",
    "1a",
    "*1a_*",
    "U__my_2e_metric",
    "U__*",
];
const LABELS: &[&str] = &[
    "ip",
    "account",
    "x",
    "le",
    "quantile",
    "\u{1}my.label",
    "\u{1}my-label",
    "\u{1}my:l\u{e4}bel",
    "my_label",
    "U__my_2e_label",
    "U__i_70_",
    "U__i_7",
    "\u{1}1x",
    "_x",
    "redacted",
    "\u{1}eyJh.eyJh.x",
    "\u{1}ip",
];
const NAMED: &[&str] = &["ip", "account", "x", "my.label", "my_label", "my_l_bel", "U__my_2e_label", "2x", "redacted"];
const VALUES: &[&str] = &[
    "",
    "v",
    "w",
    "10.1.2.3",
    "10.1.2.3:4222",
    "2001:db8:7:1::5",
    "a\\nb\\\\c\\\"d",
    "a\\z",
    "}, # ,=\\\"{",
    "0.5",
    "+Inf",
    "[redacted]",
    "eyJh.eyJh.x",
    "eyJh.eyJh.y",
    "http://u:p@h/",
    "SUACANARYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA22",
    "\u{e9}\u{1f600}",
];
const NUMBERS: &[&str] =
    &["1", "0", "-1.5", "1e9", "+1.E-3", ".5", "5.", "NaN", "+Inf", "-infinity", "1 2", "1 -3.5 ", "00 0", "1\t1.5e3"];
const NO_NUMBERS: &[&str] = &["0x1", "1_0", "1e", "", "+", "++1", "1 NaN", "1 1 1", "1 #", "e", ".", "v"];
const KINDS: &[&str] = &["counter", "gauge", "histogram", "summary", "info", "gaugehistogram", "UNTYPED", ""];
const TALK: &[&str] = &[
    "",
    " ",
    "# talk",
    "#",
    "# EOF ",
    "#EOF",
    "# HELP a",
    "# HELP a ",
    "# HELPa b",
    " \t#\tUNIT a s",
    "# TYPE a\tcounter",
];
const NO_TALK: &[&str] =
    &["# EOF", "# HELP", "# TYPE 1a counter", "# TYPE a x1", "# TYPE \"\" counter", "# HELP a-b c", "1 1", "a"];
const SPACES: &[&str] = &["", "", "", "", " ", "\t "];

fn spaced(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (select(SPACES), inner, select(SPACES)).prop_map(|(before, inner, after)| format!("{before}{inner}{after}"))
}

/// A name as it may stand, in quotes where it has to.
fn spelled(name: &str) -> String {
    name.strip_prefix('\u{1}').map_or_else(|| name.to_owned(), |name| format!("\"{name}\""))
}

fn labels() -> impl Strategy<Value = String> {
    let value = select(VALUES).prop_map(|value| format!("\"{value}\""));
    let label = (spaced(part_of(LABELS)), spaced(value)).prop_map(|(name, value)| format!("{name}={value}"));
    (vec(label, 0..4), select(&["", "", ",", ", "][..])).prop_map(|(labels, end)| {
        let end = if labels.is_empty() { "" } else { end };
        format!("{}{end}", labels.join(","))
    })
}

fn part_of(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(parts).prop_map(spelled)
}

/// A value, perhaps with a time; rarely something else.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![40 => select(NUMBERS), 1 => select(NO_NUMBERS)].prop_map(str::to_owned)
}

fn sample() -> impl Strategy<Value = String> {
    let exemplar = proptest::option::weighted(0.2, (spaced(labels()), spaced(number())));
    let parts = (select(METRICS), proptest::option::of(labels()), spaced(number()), exemplar);
    (select(SPACES), parts).prop_map(|(before, (name, labels, value, exemplar))| {
        let labels = match (name.strip_prefix('\u{1}'), labels) {
            (Some(name), Some(labels)) if !labels.is_empty() => format!("{{\"{name}\",{labels}}}"),
            (Some(name), _) => format!("{{\"{name}\"}}"),
            (None, Some(labels)) => format!("{name}{{{labels}}}"),
            (None, None) => name.to_owned(),
        };
        let exemplar = exemplar.map(|(labels, value)| format!(" # {{{labels}}} {value}")).unwrap_or_default();
        format!("{before}{labels} {value}{exemplar}")
    })
}

fn line() -> impl Strategy<Value = String> {
    let word = |words: &'static [&'static str]| select(words).prop_map(str::to_owned);
    let kind = (part_of(METRICS), word(KINDS)).prop_map(|(name, kind)| format!("# TYPE {name} {kind}"));
    let help = (word(&["HELP", "UNIT"]), part_of(METRICS), select(VALUES));
    let help = help.prop_map(|(word, name, says)| format!("# {word} {name} {says}"));
    prop_oneof![48 => sample(), 16 => kind, 16 => help, 8 => word(TALK), 1 => word(NO_TALK)]
}

/// Lines that are spelled alike but for their values.
fn spelled_alike() -> impl Strategy<Value = String> {
    const LIKE: &[&str] = &[
        "a{ip=\"1\", x=\"2\"} 1",
        "{ \"my.metric\" , \"my.label\" = \"1\",x=\"2\" ,} 1 2 # {ip=\"3\"} 1",
        " a_bucket {le=\"1\",ip=\"2\"} 1",
        "a{x=\"1\",x=\"2\"}1",
        "a{\"i\\\\p\"=\"1\"} 1",
    ];
    let values = (select(VALUES), select(VALUES), select(VALUES));
    (select(LIKE), values).prop_map(|(like, (one, two, three))| {
        like.replace("\"1\"", &format!("\"{one}\""))
            .replace("\"2\"", &format!("\"{two}\""))
            .replace("\"3\"", &format!("\"{three}\""))
    })
}

/// Series of few names and values, so that many look alike.
fn alike() -> impl Strategy<Value = String> {
    let label = (select(&["ip", "x", "account"][..]), select(&["v", "w", "10.1.2.3", "10.1.2.4"][..]));
    let labels = vec(label.prop_map(|(name, value)| format!("{name}=\"{value}\"")), 0..3);
    let name = select(&["a", "b", "a_sum", "a_count"][..]);
    (name, labels, any::<bool>()).prop_map(|(name, labels, braces)| {
        if labels.is_empty() && !braces { format!("{name} 1") } else { format!("{name}{{{}}} 1", labels.join(",")) }
    })
}

fn page() -> impl Strategy<Value = String> {
    let lines = prop_oneof![
        vec(line(), 0..14),
        vec(prop_oneof![5 => alike(), 1 => line()], 0..14),
        vec(prop_oneof![9 => spelled_alike(), 1 => line()], 0..14),
    ];
    (lines, select(&["", "\n", "\n", "\n# EOF\n", "\n# EOF"][..])).prop_map(|(lines, end)| lines.join("\n") + end)
}

fn rules() -> impl Strategy<Value = Vec<About>> {
    let families = || vec(select(FAMILIES), 0..3);
    let actions = &[Action::Remove, Action::Remove, Action::Mask, Action::Null, Action::Pseudonym, Action::TruncateIp];
    let label = (select(NAMED), families(), select(&actions[..]));
    let label = label.prop_map(|(label, families, action)| About { label: Some(label), families, action });
    let family = (select(FAMILIES), select(&[Action::Remove, Action::Remove, Action::Keep][..]));
    let family = family.prop_map(|(family, action)| About { label: None, families: vec![family], action });
    vec(prop_oneof![3 => label, 1 => family], 0..4)
}

fn compiled(rules: &[About]) -> Arc<Plan> {
    let rule = |about: &About| {
        let series = match about.label {
            Some(label) => Series::label(label, &about.families),
            None => Series::family(about.families[0]),
        };
        SeriesRule { series: series.unwrap(), action: about.action }
    };
    Plan::for_metrics(rules.iter().map(rule).collect())
}

proptest! {
    #![proptest_config(config(6000))]

    #[test]
    fn a_page_leaves_as_the_reference_says(
        page in page(), rules in rules(), mutations in mutations(), size in 1..40usize,
    ) {
        let body = mutate(&page, &mutations);
        let plan = compiled(&rules);
        let result = whole(&plan, &body);
        let got = result.clone().ok().map(|(out, report)| (out, report.hits, report.masked));
        let want = page_reference::redact(&body, &rules);
        let shown = |result: &Option<(Vec<u8>, Vec<u64>, u64)>| {
            result.as_ref().map(|(out, hits, masked)| format!("{hits:?} {masked}\n{}", String::from_utf8_lossy(out)))
        };
        prop_assert_eq!(shown(&got), shown(&want), "{}\n{:?}", String::from_utf8_lossy(&body), rules);
        if let Some((out, ..)) = &got {
            prop_assert!(page_reference::redact(out, &[]).is_some(), "what leaves is a page: {}", String::from_utf8_lossy(out));
        }
        for size in [1, size] {
            let (out, report) = feed(&plan, body.chunks(size));
            prop_assert_eq!(report.map(|report| (out, report)), result.clone(), "chunks of {}", size);
        }
    }
}
