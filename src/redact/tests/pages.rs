//! Pages of metrics, sentence by sentence.

use super::*;

use Action::{Keep, Mask, Pseudonym, Remove, TruncateIp};
use RedactErrorKind::{Encoding, Syntax, TooLong, TooMany, Trailing, Truncated};

fn alias(text: &str) -> String {
    pseudonyms().of(text.as_bytes()).to_string()
}

/// Sentence, rules, page, what leaves.
type Row = (&'static str, &'static [(&'static str, Action)], &'static str, &'static str);

const LEAVES: &[Row] = &[
    (
        "without rules all stays to the letter",
        &[],
        "# HELP a b\\n\n a\t{ x = \"1\" ,}  1.50 2 \n\n",
        "# HELP a b\\n\n a\t{ x = \"1\" ,}  1.50 2 \n\n",
    ),
    ("remarks that no program reads go", &[], "# made by x\na 1\n#\n", "a 1\n"),
    (
        "the first label goes with the comma after it",
        &[("label ip", Remove)],
        "a{ip=\"1\",x=\"2\"} 1\n",
        "a{x=\"2\"} 1\n",
    ),
    (
        "another one goes with the comma before it",
        &[("label ip", Remove)],
        "a{x=\"2\",ip=\"1\",y=\"3\"} 1\n",
        "a{x=\"2\",y=\"3\"} 1\n",
    ),
    ("the only one leaves the braces", &[("label ip", Remove)], "a{ip=\"1\"} 1\n", "a{} 1\n"),
    ("every one of the same name goes", &[("label ip", Remove)], "a{ip=\"1\",ip=\"2\"} 1\n", "a{} 1\n"),
    ("a name in quotes is the same name", &[("label ip", Remove)], "a{\"ip\"=\"1\"} 1\n", "a{} 1\n"),
    ("a metric in quotes keeps its own", &[("label ip", Remove)], "{\"a.b\",ip=\"1\"} 1\n", "{\"a.b\"} 1\n"),
    ("a comma at the end stays good", &[("label ip", Remove)], "a{x=\"2\",ip=\"1\",} 1\n", "a{x=\"2\",} 1\n"),
    (
        "what looks like a label in a value is none",
        &[("label ip", Remove)],
        "a{x=\"ip=\\\"1\\\",ip=\"} 1\n",
        "a{x=\"ip=\\\"1\\\",ip=\"} 1\n",
    ),
    (
        "labels of exemplars too",
        &[("label trace", Remove)],
        "a_bucket{le=\"1\"} 1 # {trace=\"t\",x=\"y\"} 1 2\n",
        "a_bucket{le=\"1\"} 1 # {x=\"y\"} 1 2\n",
    ),
    ("a value is masked", &[("label ip", Mask)], "a{ip=\"10.1.2.3\"} 1\n", "a{ip=\"[redacted]\"} 1\n"),
    ("an empty value is no label", &[("label ip", Mask)], "a{ip=\"\"} 1\n", "a{ip=\"\"} 1\n"),
    (
        "an address is cut down",
        &[("label ip", TruncateIp)],
        "a{ip=\"10.1.2.3:80\"} 1\nb{ip=\"host\"} 1\n",
        "a{ip=\"10.1.2.0:80\"} 1\nb{ip=\"[redacted]\"} 1\n",
    ),
    (
        "the strictest rule acts",
        &[("label ip", TruncateIp), ("label ip in a", Remove)],
        "a{ip=\"10.1.2.3\"} 1\nb{ip=\"10.1.2.3\"} 1\n",
        "a{} 1\nb{ip=\"10.1.2.0\"} 1\n",
    ),
    (
        "a label in UTF-8 is what a page of old makes of it",
        &[("label net.ip", Remove)],
        "a{net_ip=\"1\"} 1\nb{\"net.ip\"=\"1\"} 1\nc{\"net-ip\"=\"1\"} 1\nd{netip=\"1\"} 1\n",
        "a{} 1\nb{} 1\nc{} 1\nd{netip=\"1\"} 1\n",
    ),
    (
        "a label of old is also what it may be in UTF-8",
        &[("label client_ip", Remove)],
        "{\"up\",\"client.ip\"=\"1.2.3.4\"} 1\na{\"client-ip\"=\"1\"} 1\nb{\"client:ip\"=\"1\"} 1\nc 1 # {\"client\u{e9}ip\"=\"1\"} 1\n",
        "{\"up\"} 1\na{} 1\nb{} 1\nc 1 # {} 1\n",
    ),
    (
        "a label escaped by values is what it stands for",
        &[("label client_ip", Remove), ("label U__a_2e_b", Remove)],
        "a{U__client_2e_ip=\"1\"} 1\nb{U__client__ip=\"1\"} 1\nc{U__client_2=\"1\"} 1\nd{\"a.b\"=\"1\"} 1\ne{a_b=\"1\"} 1\n",
        "a{} 1\nb{} 1\nc{U__client_2=\"1\"} 1\nd{} 1\ne{} 1\n",
    ),
    (
        "a first digit is as good as its spelling of old",
        &[("label 1a", Remove), ("family *2b", Remove)],
        "a{\"1a\"=\"1\"} 1\nb{_a=\"1\"} 1\n{\"2b\"} 1\n_b 1\nx2b 1\nx_b 1\n",
        "a{} 1\nb{} 1\nx_b 1\n",
    ),
    (
        "a family in UTF-8 is what a page of old makes of it",
        &[("family wiring_*", Remove), ("family a.b", Remove)],
        "# HELP \"wiring.x\" y\n{\"wiring.x\",c=\"1\"} 1\nwiring_y 1\na_b 1\n{\"a-b.total\"} 1\nc 1\n",
        "c 1\n",
    ),
    (
        "a family escaped by values is what it stands for",
        &[("family my_metric", Remove)],
        "# HELP U__my_2e_metric x\nU__my_2e_metric_bucket{le=\"1\"} 1\nU__my_2e_metric__total 1\nU__my_2 1\n",
        "U__my_2 1\n",
    ),
    (
        "in the families of a label, too",
        &[("label ip in net_*", Remove)],
        "{\"net.x\",ip=\"1\"} 1\nU__net_2e_y{ip=\"1\"} 1\nx{ip=\"1\"} 1\n",
        "{\"net.x\"} 1\nU__net_2e_y{} 1\nx{ip=\"1\"} 1\n",
    ),
    (
        "an allow-list is to the letter",
        &[("family a_b", Keep), ("family c.d", Keep), ("family e_*", Keep)],
        "a_b 1\n{\"a.b\"} 1\nU__a_2e_b 1\nc_d 1\n{\"c.d\"} 1\n{\"e.x\"} 1\n",
        "a_b 1\n{\"c.d\"} 1\n",
    ),
    (
        "a family by one of its samples goes with all of them",
        &[("family secret_total", Remove)],
        "# TYPE secret counter\nsecret_total{x=\"1\"} 1\nsecret_created{x=\"1\"} 1\n# TYPE secret_total counter\nsecret_bucket{x=\"1\"} 1\n\
         secret_total_sum 1\nsecret 1\nsecrets 1\n",
        "secrets 1\n",
    ),
    (
        "so does one by a pattern",
        &[("family s*t_total", Remove), ("label ip in a*_count", Remove)],
        "secret_created 1\nsecret 1\ns_total 1\na_sum{ip=\"1\"} 1\nb{ip=\"1\"} 1\n",
        "s_total 1\na_sum{} 1\nb{ip=\"1\"} 1\n",
    ),
    (
        "a pattern that is all but a suffix means samples",
        &[("family *_created", Remove)],
        "a_created 1\na_total 1\nb 1\n",
        "a_total 1\nb 1\n",
    ),
    (
        "only in the families that fit",
        &[("label ip in nats_*", Remove)],
        "nats_x{ip=\"1\"} 1\nx{ip=\"1\"} 1\n",
        "nats_x{} 1\nx{ip=\"1\"} 1\n",
    ),
    (
        "a family goes with what is said about it",
        &[("family secret_*", Remove)],
        "# HELP secret_a x\n# TYPE secret_a counter\nsecret_a 1\nsecret_a_total{x=\"1\"} 1\n# TYPE b gauge\nb 1\n",
        "# TYPE b gauge\nb 1\n",
    ),
    (
        "a family by its name takes its samples",
        &[("family a", Remove)],
        "a_bucket{le=\"1\"} 1\na_sum 1\nab 1\n",
        "ab 1\n",
    ),
    (
        "a sample by its name takes what is said about it",
        &[("family *_total", Remove)],
        "# TYPE a counter\na_total 1\nb 1\n",
        "b 1\n",
    ),
    (
        "an allow-list leaves what it names",
        &[("family a*", Keep)],
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# EOF\n",
    ),
    (
        "an allow-list names samples by their family",
        &[("family a", Keep)],
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\n",
    ),
    (
        "an allow-list is not stretched beyond the type",
        &[("family a", Keep)],
        "# TYPE a gauge\na 1\na_info{x=\"1\"} 1\n",
        "# TYPE a gauge\na 1\n",
    ),
    (
        "an allow-list is not stretched without a type",
        &[("family a", Keep)],
        "# HELP a b\na 1\na_total 1\n",
        "# HELP a b\na 1\n",
    ),
    ("what is kept is still acted on", &[("family a", Keep), ("label ip", Remove)], "a{ip=\"1\"} 1\nb 1\n", "a{} 1\n"),
    ("what is removed is not kept", &[("family a*", Keep), ("family a_b", Remove)], "a 1\na_b 1\n", "a 1\n"),
    ("a token in a label is masked", &[], "a{x=\"eyJh.eyJh.x\"} 1\n", "a{x=\"[redacted]\"} 1\n"),
    ("a token in a help text is masked", &[], "# HELP a eyJh.eyJh.x y\na 1\n", "# HELP a [redacted] y\na 1\n"),
    (
        "a token as a name of a metric goes with its line",
        &[],
        "# HELP \"eyJh.eyJh.x\" y\n{\"eyJh.eyJh.x\"} 1\nb 1\n",
        "b 1\n",
    ),
    (
        "a token in the help of a family that only its samples keep",
        &[("family a_total", Keep)],
        "# TYPE a counter\n# HELP a eyJh.eyJh.x\na_total 1\n",
        "a_total 1\n",
    ),
    ("the end without a line feed", &[], "a 1\n# EOF", "a 1\n# EOF"),
    ("nothing", &[], "", ""),
];

#[test]
fn of_a_page_leaves_what_the_rules_say() {
    for (sentence, rules, page, wanted) in LEAVES.iter().copied() {
        let plan = pages(rules);
        assert_eq!(redacted(&plan, page), wanted, "{sentence}");
        assert_chunks_do_not_matter(&plan, page.as_bytes());
    }
}

/// `«text»` is the pseudonym of the text.
const ALIKE: &[Row] = &[
    (
        "the later one gets a label",
        &[("label ip", Remove)],
        "a{ip=\"1\"} 1\na{ip=\"2\"} 1\na{ip=\"3\",x=\"1\"} 1\n",
        "a{} 1\na{redacted=\"«ip=\"2\"»\"} 1\na{x=\"1\"} 1\n",
    ),
    (
        "behind the labels that stay",
        &[("label ip", Remove)],
        "a{x=\"y\",ip=\"1\"} 1\na{ip=\"2\",x=\"y\",} 1\n",
        "a{x=\"y\"} 1\na{x=\"y\",redacted=\"«ip=\"2\"»\",} 1\n",
    ),
    (
        "one in another order is the same series",
        &[("label ip", Remove)],
        "a{x=\"1\",y=\"2\",ip=\"1\"} 1\na{y=\"2\",x=\"1\",ip=\"2\"} 1\n",
        "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\",redacted=\"«ip=\"2\"»\"} 1\n",
    ),
    ("one without braces gets them", &[("label ip", Remove)], "a{ip=\"1\"} 1\na 1\n", "a{} 1\na{redacted=\"«»\"} 1\n"),
    (
        "a metric in quotes",
        &[("label ip", Remove)],
        "{\"a.b\",ip=\"2\"} 1\n{\"a.b\",ip=\"1\"} 1\n",
        "{\"a.b\"} 1\n{\"a.b\",redacted=\"«ip=\"1\"»\"} 1\n",
    ),
    (
        "a label of that name stays another one",
        &[("label ip", Remove)],
        "a{redacted=\"x\",ip=\"1\"} 1\na{redacted=\"x\",ip=\"2\"} 1\n",
        "a{redacted=\"x\"} 1\na{redacted=\"x\",redacted_=\"«ip=\"2\"»\"} 1\n",
    ),
    (
        "the samples of a histogram stay together",
        &[("label ip", Remove)],
        "# TYPE h histogram\nh_bucket{ip=\"1\",le=\"1\"} 1\nh_bucket{ip=\"1\",le=\"2\"} 1\nh_sum{ip=\"1\"} 1\n\
         h_bucket{ip=\"2\",le=\"1\"} 1\nh_sum{ip=\"2\"} 1\n",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 1\nh_sum{} 1\n\
         h_bucket{le=\"1\",redacted=\"«ip=\"2\"»\"} 1\nh_sum{redacted=\"«ip=\"2\"»\"} 1\n",
    ),
    (
        "addresses of one network",
        &[("label ip", TruncateIp)],
        "a{ip=\"10.0.0.1\"} 1\na{ip=\"10.0.0.2\"} 1\n",
        "a{ip=\"10.0.0.0\"} 1\na{ip=\"10.0.0.0\",redacted=\"«ip=\"10.0.0.2\"»\"} 1\n",
    ),
    (
        "what the safety net masked",
        &[],
        "a{x=\"eyJh.eyJh.1\"} 1\na{x=\"eyJh.eyJh.2\"} 1\na{x=\"[redacted]\"} 1\n",
        "a{x=\"[redacted]\"} 1\na{x=\"[redacted]\",redacted=\"«x=\"eyJh.eyJh.2\"»\"} 1\n\
         a{x=\"[redacted]\",redacted=\"«»\"} 1\n",
    ),
    (
        "one whose label was a secret by its name",
        &[],
        "a{b=\"2\"} 1\na{\"eyJh.eyJh.x\"=\"1\",b=\"2\"} 1\n",
        "a{b=\"2\"} 1\na{b=\"2\",redacted=\"«eyJh.eyJh.x=\"1\"»\"} 1\n",
    ),
    (
        "one series at several times is one",
        &[("label ip", Remove)],
        "a{ip=\"1\"} 1 1\na{ip=\"1\"} 1 2\n",
        "a{} 1 1\na{} 1 2\n",
    ),
    ("an empty label is none", &[("label ip", Remove)], "a{ip=\"\"} 1 1\na 1 2\n", "a{} 1 1\na 1 2\n"),
    (
        "pseudonyms tell by themselves",
        &[("label ip", Pseudonym)],
        "a{ip=\"1\"} 1\na{ip=\"2\"} 1\n",
        "a{ip=\"«1»\"} 1\na{ip=\"«2»\"} 1\n",
    ),
];

#[test]
fn series_that_would_look_alike_are_told_apart() {
    for (sentence, rules, page, wanted) in ALIKE.iter().copied() {
        let mut parts = wanted.split(['«', '»']);
        let mut spelled = parts.next().unwrap().to_owned();
        while let (Some(text), Some(rest)) = (parts.next(), parts.next()) {
            spelled += &alias(text);
            spelled += rest;
        }
        let plan = pages(rules);
        assert_eq!(redacted(&plan, page), spelled, "{sentence}");
        assert_chunks_do_not_matter(&plan, page.as_bytes());
    }
}

#[test]
fn a_label_has_the_pseudonym_of_what_it_means() {
    let page = "a{user=\"x\\\"y\\\\z\\n\"} 1\n";
    let wanted = format!("a{{user=\"{}\"}} 1\n", alias("x\"y\\z\n"));
    assert_eq!(redacted(&pages(&[("label user", Pseudonym)]), page), wanted);
}

#[test]
fn hits_are_counted_by_rule_and_line() {
    let plan = pages(&[("label ip", Remove), ("label ip in a", Mask), ("family a", Keep), ("family c_sum", Remove)]);
    let words: Vec<String> = plan.words().map(|(action, words)| format!("{action:?} {words}")).collect();
    let wanted =
        ["Remove label ip", "Mask label ip in a", "Keep family a", "Remove family c_sum", "Remove other families"];
    assert_eq!(words, wanted);
    let page = "# TYPE a histogram\na_count{ip=\"1\"} 1\na_count{ip=\"2\"} 1\nc_sum 1\nb{ip=\"1\"} 1\nb 1\neyJh 1\n";
    let (_, report) = whole(&plan, page.as_bytes()).unwrap();
    assert_eq!((report.hits, report.masked), (vec![2, 2, 0, 1, 4], 0));
}

/// Sentence, page, what is wrong and where.
const BAD: &[(&str, &[u8], RedactErrorKind, u64)] = &[
    ("JSON", b"{\"a\":1}\n", Syntax, 4),
    ("a web page", b"<html>\n", Syntax, 0),
    ("a line that is cut off", b"a 1\na 1", Truncated, 4),
    ("a name alone", b"a\n", Syntax, 1),
    ("no value", b"a{} \n", Syntax, 4),
    ("no blank before the value", b"a1.5\n", Syntax, 2),
    ("a name that begins with a digit", b"1a 1\n", Syntax, 2),
    ("a name of other letters", b"a.b 1\n", Syntax, 1),
    ("a value of hexadecimal digits", b"a 0x1\n", Syntax, 2),
    ("a value with a sign alone", b"a -\n", Syntax, 2),
    ("a time that is no number", b"a 1 NaN\n", Syntax, 4),
    ("a third number", b"a 1 2 3\n", Syntax, 6),
    ("an exemplar without braces", b"a 1 # x\n", Syntax, 6),
    ("labels that do not end", b"a{x=\"1\" 1\n", Syntax, 8),
    ("a text that does not end", b"a{x=\"1} 1\n", Syntax, 5),
    ("a line feed in a text", b"a{x=\"1\n2\"} 1\n", Syntax, 5),
    ("an escaped end of a text", b"a{x=\"1\\\"} 1\n", Syntax, 5),
    ("two commas", b"a{x=\"1\",,y=\"2\"} 1\n", Syntax, 8),
    ("a comma first", b"a{,x=\"1\"} 1\n", Syntax, 2),
    ("no comma", b"a{x=\"1\"y=\"2\"} 1\n", Syntax, 7),
    ("a label without a value", b"a{x} 1\n", Syntax, 3),
    ("the name of the metric in another place", b"a{x=\"1\",\"b\"} 1\n", Syntax, 11),
    ("the name of the metric as a label", b"a{__name__=\"b\"} 1\n", Syntax, 10),
    ("the same in quotes", b"a{\"__name__\"=\"b\"} 1\n", Syntax, 12),
    ("an unknown escape in a name", b"a{\"i\\p\"=\"b\"} 1\n", Syntax, 7),
    ("an empty name in quotes", b"{\"\"} 1\n", Syntax, 3),
    ("help for nothing", b"# HELP\n", Syntax, 6),
    ("a type of two words", b"# TYPE a b c\n", Syntax, 9),
    ("a carriage return", b"a 1\r\n", Syntax, 2),
    ("NUL", b"a 1\n# HELP a \0\n", Encoding, 13),
    ("bytes that are not UTF-8", b"a 1\na{x=\"\xff\"} 1\n", Encoding, 9),
    ("UTF-16", b"\xff\xfea\0 \0", Truncated, 0),
    ("a byte order mark", b"\xef\xbb\xbfa 1\n", Syntax, 0),
    ("a line after the end", b"# EOF\na 1\n", Trailing, 6),
    ("an empty line after the end", b"# EOF\n\n", Trailing, 6),
];

#[test]
fn a_page_that_is_none_is_refused_with_kind_and_place() {
    for (sentence, page, kind, offset) in BAD.iter().copied() {
        for rules in [&[][..], &[("label x", Remove), ("family b", Keep)]] {
            let plan = pages(rules);
            assert_eq!(failure(&plan, page), (kind, offset), "{sentence}");
            assert_chunks_do_not_matter(&plan, page);
        }
    }
}

#[test]
fn open_metrics_says_where_it_ends() {
    for (page, wanted) in
        [("a 1\n# EOF\n", None), ("a 1\n# EOF", None), ("a 1\n", Some((Truncated, 4))), ("", Some((Truncated, 0)))]
    {
        let mut redactor = Redactor::new(pages(&[]), pseudonyms());
        redactor.expect_end();
        let mut out = Vec::new();
        redactor.push(page.as_bytes(), &mut out).unwrap();
        let error = redactor.finish(&mut out).err();
        assert_eq!(error.map(|error| (error.kind, error.offset)), wanted, "{page}");
    }
}

#[test]
fn what_belongs_to_a_value_cannot_be_named() {
    for name in ["le", "quantile", "__name__", "U__le", "", "a\nb"] {
        Series::label(name, &[]).unwrap_err();
    }
    for family in ["", "a\nb"] {
        Series::family(family).unwrap_err();
        Series::label("ip", &[family]).unwrap_err();
    }
}

#[test]
fn what_is_held_back_of_a_page_is_bounded() {
    let long = "x".repeat((1 << 20) + 1);
    for (sentence, page, offset) in [
        ("a line", format!("a 1\na{{x=\"{long}\"}} 1\n"), 4),
        ("a line without an end", format!("a 1\n{long}"), 4),
        ("a remark", format!("# {long}\n"), 0),
    ] {
        for size in [page.len(), 1000, 65_536] {
            let error = feed(&pages(&[("label x", Remove)]), page.as_bytes().chunks(size)).1.unwrap_err();
            assert_eq!((error.kind, error.offset), (TooLong, offset), "{sentence} by {size}");
        }
    }
    let talk = "# HELP a x\n".repeat(1 << 18);
    let plan = pages(&[("family a", Remove)]);
    for size in [talk.len(), 65_536] {
        assert_eq!(feed(&plan, talk.as_bytes().chunks(size)).0, b"", "by {size}");
    }
    let series: Vec<String> = (0..=1 << 19).map(|number| format!("a{{x=\"{number}\",ip=\"1\"}} 1\n")).collect();
    let series = series.concat();
    assert_eq!(failure(&pages(&[("label ip", Remove)]), series.as_bytes()).0, TooMany);
    assert_eq!(redacted(&pages(&[("label y", Pseudonym)]), &series), series);
    for (labels, kind) in [(1024, None), (1025, Some(TooMany))] {
        let page = format!("a{{{}}} 1\na{{ 1\n", "x=\"1\",".repeat(labels));
        assert_eq!(failure(&pages(&[]), page.as_bytes()).0, kind.unwrap_or(Syntax), "{labels}");
    }
}
