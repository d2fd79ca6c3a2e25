//! What the engine promises: sentence by sentence, on corpora, and against a slow reference.

use super::*;

mod actions;
mod corpora;
mod differential;
mod drift;
mod fence;
mod fence_property;
mod kernels;
mod negative;
mod page_reference;
mod pages;
mod pages_differential;
mod parts;
mod rules;
mod safety;
mod streams;
mod touched;
mod reference;

/// A plan for JSON from pairs of path and action.
fn plan(rules: &[(&str, Action)]) -> Arc<Plan> {
    let rule = |(path, action): &(&str, Action)| Rule::new(Selector::parse(path).unwrap(), *action);
    Plan::compile(BodyKind::Json, rules.iter().map(rule).collect()).unwrap()
}

/// Of a key that every test knows.
fn pseudonyms() -> Arc<Pseudonyms> {
    Arc::new(Pseudonyms::new(b"a key of no less than thirty-two bytes"))
}

/// A plan that removes each path.
fn remove(paths: &[&str]) -> Arc<Plan> {
    plan(&paths.iter().map(|path| (*path, Action::Remove)).collect::<Vec<_>>())
}

/// A plan for pages of metrics from labels or families (`label ip`, `label ip in a_*, b`, `family a_*`) and actions.
fn pages(rules: &[(&str, Action)]) -> Arc<Plan> {
    let rule = |(text, action): &(&str, Action)| {
        let series = match text.strip_prefix("label ").map(|label| label.split_once(" in ").unwrap_or((label, ""))) {
            Some((label, "")) => Series::label(label, &[]),
            Some((label, families)) => Series::label(label, &families.split(", ").collect::<Vec<_>>()),
            None => Series::family(text.strip_prefix("family ").unwrap()),
        };
        let series = series.unwrap();
        assert_eq!(series.as_str(), *text);
        SeriesRule { series, action: *action }
    };
    Plan::for_metrics(rules.iter().map(rule).collect())
}

fn text_plan() -> Arc<Plan> {
    Plan::compile(BodyKind::Text, Vec::new()).unwrap()
}

/// Feeds `chunks`; the output so far is there also when it failed.
fn feed<'a>(plan: &Arc<Plan>, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Result<Report, RedactError>) {
    feed_to(Redactor::new(Arc::clone(plan), pseudonyms()), chunks)
}

fn feed_to<'a>(
    mut redactor: Redactor,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<Report, RedactError>) {
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(error) = redactor.push(chunk, &mut out) {
            return (out, Err(error));
        }
    }
    let report = redactor.finish(&mut out);
    (out, report)
}

fn whole(plan: &Arc<Plan>, body: &[u8]) -> Result<(Vec<u8>, Report), RedactError> {
    let (out, report) = feed(plan, [body]);
    report.map(|report| (out, report))
}

/// The output for a good body, as text.
fn redacted(plan: &Arc<Plan>, body: &str) -> String {
    let (out, _) = whole(plan, body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
    String::from_utf8(out).unwrap()
}

fn failure(plan: &Arc<Plan>, body: &[u8]) -> (RedactErrorKind, u64) {
    let error = whole(plan, body).expect_err("the body is bad");
    (error.kind, error.offset)
}

/// Every two-way split and one byte at a time give what the whole body gives, errors included.
fn assert_chunks_do_not_matter(plan: &Arc<Plan>, body: &[u8]) {
    let expected = whole(plan, body);
    let check = |how: &str, (out, report): (Vec<u8>, Result<Report, RedactError>)| {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(report.map(|report| (out, report)), expected, "{how}: {shown}");
    };
    check("one byte at a time", feed(plan, body.chunks(1)));
    for split in 0..=body.len() {
        let (left, right) = body.split_at(split);
        check(&format!("split at {split}"), feed(plan, [left, right]));
    }
}
