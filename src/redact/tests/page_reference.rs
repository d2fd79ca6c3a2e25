//! Pages of metrics taken apart the slow and plain way: all lines in memory, each label compared with all others.
//!
//! Shares no code with the engine but what makes a pseudonym of a text.

#![allow(
    clippy::excessive_nesting,
    clippy::option_option,
    clippy::nonminimal_bool,
    clippy::too_many_arguments,
    reason = "plain on purpose"
)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::reference::secrets;
use super::{Action, pseudonyms};

/// A rule as the generators make it: about a label, or about families alone.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) label: Option<&'static str>,
    pub(super) families: Vec<&'static str>,
    pub(super) action: Action,
}

enum Line {
    Blank,
    /// `HELP`, `TYPE`, `UNIT`: the family, where the rest begins, and whether the rest is its type.
    Said {
        family: String,
        rest: usize,
        typed: bool,
    },
    Talk,
    End,
    Value(Sample),
}

#[derive(Default)]
struct Sample {
    name: String,
    /// Where braces could stand.
    behind: usize,
    blocks: [Option<Block>; 2],
}

struct Block {
    open: usize,
    named: bool,
    labels: Vec<Label>,
}

#[derive(Clone)]
struct Label {
    /// The comma before it, where there is one.
    comma: Option<usize>,
    start: usize,
    name: String,
    raw: (usize, usize),
    value: String,
    end: usize,
    /// Behind the comma after it, where there is one.
    next: Option<usize>,
}

/// The page without what `rules` name, hits by rule and masks; nothing when it must be refused.
pub(super) fn redact(body: &[u8], rules: &[About]) -> Option<(Vec<u8>, Vec<u64>, u64)> {
    let body = std::str::from_utf8(body).ok().filter(|body| !body.contains('\0'))?;
    let mut texts: Vec<&str> = body.split('\n').collect();
    let last = texts.pop().unwrap();
    let mut open = false;
    if last == "# EOF" {
        texts.push(last);
        open = true;
    } else if !last.is_empty() {
        return None;
    }
    let chars: Vec<Vec<char>> = texts.iter().map(|text| text.chars().collect()).collect();
    let lines: Vec<Line> = chars.iter().map(|line| read(line)).collect::<Option<_>>()?;
    let end = lines.iter().position(|line| matches!(line, Line::End));
    if end.is_some_and(|end| end + 1 < lines.len()) {
        return None;
    }
    let mut page = Page::new(rules);
    let mut out = String::new();
    for (number, (line, text)) in lines.iter().zip(&chars).enumerate() {
        let left = page.line(&lines, &chars, number, line, text);
        if let Some(left) = left {
            out.push_str(&left);
            if !(open && number + 1 == lines.len()) {
                out.push('\n');
            }
        }
    }
    Some((out.into_bytes(), page.hits, page.masked))
}

fn blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn read(line: &[char]) -> Option<Line> {
    let mut at = Reader { line, at: 0 };
    at.blanks();
    match at.peek() {
        None => Some(Line::Blank),
        Some('#') => comment(line),
        Some(_) => sample(&mut at).map(Line::Value),
    }
}

fn comment(line: &[char]) -> Option<Line> {
    let text: String = line.iter().collect();
    if text == "# EOF" {
        return Some(Line::End);
    }
    let after = text.trim_start_matches([' ', '\t']).strip_prefix('#')?.trim_start_matches([' ', '\t']);
    let word = after.split([' ', '\t']).next()?;
    if !["HELP", "TYPE", "UNIT"].contains(&word) {
        return Some(Line::Talk);
    }
    let mut at = Reader { line, at: line.len() - after.chars().count() + 4 };
    at.blanks();
    let family = if at.peek() == Some('"') { at.name_in_quotes()? } else { at.plain_name(true)? };
    let begin = at.at;
    at.blanks();
    let rest = at.at;
    if rest == begin && rest < line.len() {
        return None;
    }
    let says: String = line[rest..].iter().collect();
    let says = says.trim_matches([' ', '\t', '\r', '\x0c']);
    if word == "TYPE" && !says.chars().all(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    Some(Line::Said { family, rest, typed: word == "TYPE" })
}

fn sample(at: &mut Reader<'_>) -> Option<Sample> {
    let mut sample = Sample::default();
    if at.eat('{') {
        at.blanks();
        sample.name = at.name_in_quotes()?;
        sample.blocks[0] = Some(block(at, true)?);
    } else {
        sample.name = at.plain_name(true)?;
        sample.behind = at.at;
        let space = at.blanks();
        if at.eat('{') {
            sample.blocks[0] = Some(block(at, false)?);
        } else if !space {
            return None;
        }
    }
    value(at)?;
    if at.eat('#') {
        at.blanks();
        if !at.eat('{') {
            return None;
        }
        sample.blocks[1] = Some(block(at, false)?);
        value(at)?;
    }
    let count: usize = sample.blocks.iter().flatten().map(|block| block.labels.len()).sum();
    (at.peek().is_none() && count <= 1024).then_some(sample)
}

/// A value, perhaps a time, and the blanks around them.
fn value(at: &mut Reader<'_>) -> Option<()> {
    at.blanks();
    let first = at.word();
    let plain = first.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let signs = first.len() - plain.len();
    if !number(&first) && !(signs < 2 && ["inf", "infinity", "nan"].contains(&plain.as_str())) {
        return None;
    }
    if at.blanks() && !matches!(at.peek(), None | Some('#')) {
        let time = at.word();
        if !number(&time) {
            return None;
        }
        at.blanks();
    }
    Some(())
}

/// What Rust reads as a number, without the words that it takes for one.
fn number(text: &str) -> bool {
    text.parse::<f64>().is_ok() && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
}

fn block(at: &mut Reader<'_>, named: bool) -> Option<Block> {
    let mut block = Block { open: at.at, named, labels: Vec::new() };
    let mut comma = None;
    if named {
        at.blanks();
        comma = Some(at.at);
        if !at.eat(',') {
            return at.eat('}').then_some(block);
        }
    }
    loop {
        at.blanks();
        if at.eat('}') {
            return Some(block);
        }
        let mut label = label(at)?;
        label.comma = comma;
        at.blanks();
        comma = Some(at.at);
        if at.eat(',') {
            label.next = Some(at.at);
        } else if at.peek() != Some('}') {
            return None;
        }
        block.labels.push(label);
    }
}

fn label(at: &mut Reader<'_>) -> Option<Label> {
    let start = at.at;
    let name = if at.peek() == Some('"') { at.name_in_quotes()? } else { at.plain_name(false)? };
    at.blanks();
    if name == "__name__" || !at.eat('=') {
        return None;
    }
    at.blanks();
    let (from, to) = at.quotes()?;
    let value = meant(&at.line[from..to]).0;
    Some(Label { comma: None, start, name, raw: (from, to), value, end: at.at, next: None })
}

struct Reader<'a> {
    line: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.line.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let is = self.peek() == Some(c);
        self.at += usize::from(is);
        is
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        self.line[start..self.at].iter().collect()
    }

    fn blanks(&mut self) -> bool {
        !self.run(blank).is_empty()
    }

    fn word(&mut self) -> String {
        self.run(|c| !blank(c))
    }

    fn plain_name(&mut self, colon: bool) -> Option<String> {
        let name = self.run(|c| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':'));
        name.chars().next().is_some_and(|c| !c.is_ascii_digit()).then_some(name)
    }

    fn quotes(&mut self) -> Option<(usize, usize)> {
        if !self.eat('"') {
            return None;
        }
        let start = self.at;
        while self.peek()? != '"' {
            self.at += if self.peek() == Some('\\') { 2 } else { 1 };
        }
        self.at += 1;
        Some((start, self.at - 1))
    }

    fn name_in_quotes(&mut self) -> Option<String> {
        let (start, end) = self.quotes()?;
        let (name, clear) = meant(&self.line[start..end]);
        (clear && !name.is_empty()).then_some(name)
    }
}

/// What a spelling stands for, and whether all of its escapes mean something.
fn meant(raw: &[char]) -> (String, bool) {
    let (mut text, mut clear, mut rest) = (String::new(), true, raw.iter());
    while let Some(c) = rest.next() {
        match (c, rest.as_slice().first()) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some(c @ ('\\' | '"'))) => text.push(*c),
            ('\\', c) => {
                clear = false;
                text.push('\\');
                text.extend(c);
            }
            (c, _) => {
                text.push(*c);
                continue;
            }
        }
        rest.next();
    }
    (text, clear)
}

const SUFFIXES: [&str; 8] = ["_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount"];

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind.trim().to_lowercase().as_str() {
        "counter" => &["_total", "_created"],
        "histogram" => &["_bucket", "_sum", "_count", "_created"],
        "gaugehistogram" => &["_bucket", "_gsum", "_gcount"],
        "summary" => &["_sum", "_count", "_created"],
        "info" => &["_info"],
        _ => &[],
    }
}

/// What stays of a series, and for each of its kind what was taken out.
type Seen = HashMap<(String, Vec<(String, String)>), Vec<(String, String)>>;

struct Page<'a> {
    rules: &'a [About],
    hits: Vec<u64>,
    masked: u64,
    family: String,
    kind: &'static [&'static str],
    seen: Seen,
}

impl<'a> Page<'a> {
    fn new(rules: &'a [About]) -> Self {
        let keeps = rules.iter().any(|rule| rule.action == Action::Keep);
        let hits = vec![0; rules.len() + usize::from(keeps)];
        Self { rules, hits, masked: 0, family: String::new(), kind: &[], seen: HashMap::new() }
    }

    fn line(
        &mut self,
        lines: &[Line],
        chars: &[Vec<char>],
        number: usize,
        line: &Line,
        text: &[char],
    ) -> Option<String> {
        match line {
            Line::Blank | Line::End => Some(text.iter().collect()),
            Line::Talk => None,
            Line::Said { family, rest, typed } => {
                if *family != self.family {
                    self.family.clone_from(family);
                    self.kind = &[];
                }
                if *typed {
                    self.kind = suffixes(&text[*rest..].iter().collect::<String>());
                }
                let found = found_in(family);
                let spans = if found > 0 { found } else { secrets(&text[*rest..]).len() };
                let tells = self.tells(family);
                if spans == 0 {
                    return self.leads(lines, chars, number).then(|| text.iter().collect());
                }
                self.masked += spans as u64;
                let front: String = text[..*rest].iter().collect();
                (found == 0 && tells).then(|| front + &without_secrets(&text[*rest..]))
            }
            Line::Value(sample) => self.sample(sample, text),
        }
    }

    /// Whether a line about a family leaves: as its first sample does, when that stands right behind.
    fn leads(&self, lines: &[Line], chars: &[Vec<char>], number: usize) -> bool {
        let mut kind = self.kind;
        for (line, text) in lines.iter().zip(chars).skip(number + 1) {
            match line {
                Line::Said { family, rest, typed } if *family == self.family => {
                    let says = &text[*rest..];
                    if found_in(family) > 0 || !secrets(says).is_empty() {
                        return self.tells(&self.family);
                    }
                    if *typed {
                        kind = suffixes(&says.iter().collect::<String>());
                    }
                }
                Line::Value(sample) if self.is_of(&sample.name, &SUFFIXES) => {
                    return self.out(&sample.name, kind).is_empty() && found_in(&sample.name) == 0;
                }
                Line::Blank | Line::Talk | Line::End | Line::Said { .. } | Line::Value(_) => break,
            }
        }
        self.tells(&self.family)
    }

    fn is_of(&self, name: &str, suffixes: &[&str]) -> bool {
        name == self.family || suffixes.iter().any(|suffix| name == format!("{}{suffix}", self.family))
    }

    fn tells(&self, family: &str) -> bool {
        let no_own = Page { family: String::from("\u{1}"), ..Page::new(self.rules) };
        no_own.out(family, &[]).is_empty()
    }

    /// The rules that take `name` out.
    fn out(&self, name: &str, kind: &[&str]) -> Vec<usize> {
        let whole = |rule: &&(usize, &About)| rule.1.label.is_none();
        let rules: Vec<_> = self.rules.iter().enumerate().collect();
        let removed = rules.iter().filter(whole).filter(|rule| rule.1.action != Action::Keep);
        let mut out: Vec<usize> =
            removed.filter(|rule| self.may_be(name, &rule.1.families)).map(|rule| rule.0).collect();
        let kept: Vec<_> = rules.iter().filter(whole).filter(|rule| rule.1.action == Action::Keep).collect();
        let certain =
            |glob: &str| fits(glob, name, false) || (self.is_of(name, kind) && fits(glob, &self.family, false));
        if !kept.is_empty() && !kept.iter().any(|rule| rule.1.families.iter().any(|glob| certain(glob))) {
            out.push(self.rules.len());
        }
        out
    }

    fn may_be(&self, name: &str, globs: &[&str]) -> bool {
        let mut names = called(name);
        if self.is_of(name, &SUFFIXES) {
            names.extend(called(&self.family));
        }
        let means = |glob: &str| {
            let mut spellings = vec![old(glob, ":*")];
            if glob.contains('*') {
                let bases = without_suffix(&spellings[0]);
                spellings.extend(bases.into_iter().filter(|base| !base.trim_matches('*').is_empty()));
            } else {
                spellings = called(glob);
            }
            names.iter().any(|name| spellings.iter().any(|spelling| fits(spelling, name, true)))
        };
        globs.iter().any(|glob| means(glob))
    }

    fn sample(&mut self, sample: &Sample, text: &[char]) -> Option<String> {
        let out = self.out(&sample.name, self.kind);
        if !out.is_empty() || found_in(&sample.name) > 0 {
            for rule in &out {
                self.hits[*rule] += 1;
            }
            self.masked += u64::from(out.is_empty());
            return None;
        }
        let rules: Vec<(usize, &str, Action)> = self
            .rules
            .iter()
            .enumerate()
            .filter_map(|(number, rule)| {
                let fits = rule.families.is_empty() || self.may_be(&sample.name, &rule.families);
                (fits && rule.action != Action::Keep).then_some((number, rule.label?, rule.action))
            })
            .collect();
        let mut cuts: Vec<(usize, usize, String)> = Vec::new();
        let mut own: Vec<(Label, Option<Option<String>>)> = Vec::new();
        for (number, block) in sample.blocks.iter().enumerate() {
            for label in block.iter().flat_map(|block| &block.labels) {
                let fate = self.fate(&rules, label, text);
                if number == 0 {
                    own.push((label.clone(), fate));
                } else {
                    own.push((Label { name: String::new(), ..label.clone() }, fate));
                }
            }
        }
        let count = sample.blocks[0].as_ref().map_or(0, |block| block.labels.len());
        let (first, second) = own.split_at(count);
        let torn = first.iter().any(|(label, _)| action(&rules, &label.name).is_none() && found_in(&label.name) > 0);
        let looks = first.iter().any(|(label, fate)| match fate {
            None => text[label.raw.0..label.raw.1].iter().collect::<String>().contains("[redacted]"),
            Some(None) => false,
            Some(Some(value)) => value.contains("[redacted]"),
        });
        let compared = rules.iter().any(|(_, name, _)| action(&rules, name) != Some(Action::Pseudonym));
        let extra = torn || ((compared || looks) && self.again(sample, first));
        let extra = extra.then(|| more(first, text));
        for (block, labels, extra) in [(&sample.blocks[0], first, &extra), (&sample.blocks[1], second, &None)] {
            cuts.extend(block.iter().flat_map(|block| cut(block, labels, extra.as_deref())));
        }
        if let (Some(extra), None) = (&extra, &sample.blocks[0]) {
            cuts.insert(0, (sample.behind, sample.behind, format!("{{{extra}}}")));
        }
        Some(applied(text, &cuts))
    }

    /// What becomes of a label: nothing, it goes, or it gets this value.
    fn fate(&mut self, rules: &[(usize, &str, Action)], label: &Label, text: &[char]) -> Option<Option<String>> {
        let Some(action) = action(rules, &label.name) else {
            let raw = &text[label.raw.0..label.raw.1];
            let named = found_in(&label.name);
            let found = secrets(raw).len();
            self.masked += if named > 0 { 1 } else { found as u64 };
            return if named > 0 { Some(None) } else { (found > 0).then(|| Some(without_secrets(raw))) };
        };
        for (rule, ..) in rules.iter().filter(|rule| is_about(rule, &label.name)) {
            self.hits[*rule] += 1;
        }
        match action {
            Action::Remove => Some(None),
            _ if label.raw.0 == label.raw.1 => None,
            Action::Pseudonym => Some(Some(pseudonyms().of(label.value.as_bytes()).to_string())),
            Action::TruncateIp => Some(Some(network(&label.value))),
            Action::Null | Action::Mask | Action::Keep => Some(Some("[redacted]".to_owned())),
        }
    }

    /// Whether another series before looks like this one.
    fn again(&mut self, sample: &Sample, labels: &[(Label, Option<Option<String>>)]) -> bool {
        let (mut left, mut taken) = (Vec::new(), Vec::new());
        for (label, fate) in labels {
            let new = match fate {
                None if label.name == "le" || label.name == "quantile" => continue,
                None => Some(&label.value),
                Some(new) => {
                    taken.push((label.name.clone(), label.value.clone()));
                    new.as_ref()
                }
            };
            left.extend(new.map(|value| (label.name.clone(), value.clone())));
        }
        for list in [&mut left, &mut taken] {
            list.retain(|(_, value)| !value.is_empty());
            list.sort();
        }
        let whole = if self.is_of(&sample.name, &SUFFIXES) { &self.family } else { &sample.name };
        *self.seen.entry((whole.clone(), left)).or_insert_with(|| taken.clone()) != taken
    }
}

fn is_about((_, label, _): &(usize, &str, Action), name: &str) -> bool {
    let common = |name: &str| {
        let name = plain(name).unwrap_or_else(|| name.to_owned());
        let is_number = name.starts_with(|c: char| c.is_ascii_digit());
        old(&if is_number { format!("_{}", &name[1..]) } else { name }, "")
    };
    common(label) == common(name)
}

/// What happens to the label `name`.
fn action(rules: &[(usize, &str, Action)], name: &str) -> Option<Action> {
    rules.iter().filter(|rule| is_about(rule, name)).map(|(_, _, action)| *action).min()
}

/// The label that is put to a series which looks like another one.
fn more(labels: &[(Label, Option<Option<String>>)], text: &[char]) -> String {
    let gone = labels.iter().filter(|(_, fate)| fate.is_some()).map(|(label, _)| {
        let raw: String = text[label.raw.0..label.raw.1].iter().collect();
        (spelled(label, text), raw)
    });
    let mut gone: Vec<(String, String)> = gone.collect();
    gone.sort();
    let gone: Vec<String> = gone.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let mut name = "redacted".to_owned();
    while labels.iter().any(|(label, _)| label.name == name) {
        name.push('_');
    }
    format!("{name}=\"{}\"", pseudonyms().of(gone.join(",").as_bytes()))
}

/// The name of a label as the page spells it, without quotes.
fn spelled(label: &Label, text: &[char]) -> String {
    let mut at = Reader { line: text, at: label.start };
    match at.quotes() {
        Some((from, to)) => text[from..to].iter().collect(),
        None => label.name.clone(),
    }
}

fn cut(block: &Block, labels: &[(Label, Option<Option<String>>)], extra: Option<&str>) -> Vec<(usize, usize, String)> {
    let mut cuts = Vec::new();
    let stays = |fate: &Option<Option<String>>| *fate != Some(None);
    let last = labels.iter().rposition(|(_, fate)| stays(fate));
    if let (Some(extra), None) = (extra, last) {
        cuts.push((block.open, block.open, format!("{}{extra}", if block.named { "," } else { "" })));
    }
    for (number, (label, fate)) in labels.iter().enumerate() {
        let before = block.named || labels[..number].iter().any(|(_, fate)| stays(fate));
        match fate {
            Some(Some(value)) => cuts.push((label.raw.0, label.raw.1, value.clone())),
            Some(None) if before => cuts.push((label.comma.unwrap(), label.end, String::new())),
            Some(None) => cuts.push((label.start, label.next.unwrap_or(label.end), String::new())),
            None => {}
        }
        if let (Some(extra), true) = (extra, last == Some(number)) {
            cuts.push((label.end, label.end, format!(",{extra}")));
        }
    }
    cuts
}

fn applied(text: &[char], cuts: &[(usize, usize, String)]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for (from, to, new) in cuts {
        out.extend(&text[at..*from]);
        out.push_str(new);
        at = *to;
    }
    out.extend(&text[at..]);
    out
}

fn found_in(name: &str) -> usize {
    secrets(&name.chars().collect::<Vec<_>>()).len()
}

fn without_secrets(text: &[char]) -> String {
    let cuts: Vec<_> = secrets(text).into_iter().map(|span| (span.start, span.end, "[redacted]".to_owned())).collect();
    applied(text, &cuts)
}

/// An address without its last part.
fn network(text: &str) -> String {
    let cut = |address: IpAddr| match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, ..] = v6.segments();
            Ipv6Addr::from([a, b, c, 0, 0, 0, 0, 0]).to_string()
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => {
            let text = address.to_canonical().to_string();
            format!("{}.0", text.rsplit_once('.').unwrap().0)
        }
    };
    let brackets = |net: String| if net.contains(':') { format!("[{net}]") } else { net };
    match (text.parse(), text.parse::<SocketAddr>()) {
        (Ok(address), _) => cut(address),
        (_, Ok(socket)) => format!("{}:{}", brackets(cut(socket.ip())), socket.port()),
        (Err(_), Err(_)) => "[redacted]".to_owned(),
    }
}

fn old(name: &str, more: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    name.chars().map(|c| if good(c) { c } else { '_' }).collect()
}

/// What a metric or a family could be called on a page of old, with and without the suffix of a sample.
fn called(name: &str) -> Vec<String> {
    let mut names = without_suffix(name);
    names.push(name.to_owned());
    let others: Vec<String> = names.iter().filter_map(|name| plain(name)).collect();
    names.extend(others);
    let names: Vec<String> = names.iter().map(|name| old(name, ":")).collect();
    names.iter().flat_map(|name| [without_suffix(name), vec![name.clone()]].concat()).collect()
}

fn without_suffix(name: &str) -> Vec<String> {
    let stems = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
    stems.filter(|stem| !stem.is_empty()).map(str::to_owned).collect()
}

/// What a name stands for that is escaped by values.
fn plain(name: &str) -> Option<String> {
    let letters: Vec<char> = name.strip_prefix("U__")?.chars().collect();
    let (mut text, mut at) = (String::new(), 0);
    while at < letters.len() {
        if letters[at] != '_' {
            text.push(letters[at]);
            at += 1;
            continue;
        }
        let length = letters[at + 1..].iter().position(|c| *c == '_')?;
        let code: String = letters[at + 1..][..length].iter().collect();
        text.push(match length {
            0 => '_',
            1..=6 if !code.starts_with('+') => char::from_u32(u32::from_str_radix(&code, 16).ok()?)?,
            _ => return None,
        });
        at += length + 2;
    }
    Some(text)
}

/// Whether `glob` means `name`; `loosely`: where a name begins, a digit is as good as `_`.
fn fits(glob: &str, name: &str, loosely: bool) -> bool {
    star(&glob.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>(), loosely)
}

fn star(glob: &[char], name: &[char], loosely: bool) -> bool {
    let same = |c: char, d: char| {
        let first = |c: char| c == '_' || c.is_ascii_digit();
        c == d || (loosely && first(c) && first(d))
    };
    match (glob.split_first(), name.split_first()) {
        (Some(('*', rest)), _) => (0..=name.len()).any(|skip| star(rest, &name[skip..], loosely && skip == 0)),
        (Some((c, rest)), Some((d, others))) => same(*c, *d) && star(rest, others, false),
        (None, None) => true,
        (None | Some(_), _) => false,
    }
}
