//! The same engine written the slow and plain way: the whole body as a tree, each path tried against each rule.
//!
//! Shares no code with the engine. Knows the characters that the generators use, not all of Unicode.

#![allow(clippy::excessive_nesting, clippy::option_option, clippy::single_match_else, reason = "plain on purpose")]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{Action, Other};

/// A rule as the generators make it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) segments: Vec<(bool, Vec<Pick>)>,
    pub(super) action: Action,
    pub(super) about: About,
}

/// What of a value: all, or of its name or text what forms say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Value,
    Name(&'static [&'static str], Other),
    Text(&'static [&'static str], Other),
}

#[derive(Clone, Debug)]
pub(super) enum Pick {
    Name(&'static str),
    Any,
    Index(usize),
}

impl Path {
    pub(super) fn written(&self) -> String {
        let pick = |pick: &Pick| match pick {
            Pick::Name(name) => format!("'{name}'"),
            Pick::Any => "*".to_owned(),
            Pick::Index(index) => index.to_string(),
        };
        let segment = |(deep, picks): &(bool, Vec<Pick>)| {
            format!("{}[{}]", if *deep { ".." } else { "" }, picks.iter().map(pick).collect::<Vec<_>>().join(","))
        };
        format!("${}", self.segments.iter().map(segment).collect::<String>())
    }
}

#[derive(Clone, Debug)]
enum Key {
    Name(String),
    Index(usize),
}

enum Node {
    Plain(Range<usize>),
    Text(Range<usize>),
    Box { span: Range<usize>, items: Vec<Item> },
}

struct Item {
    lead: usize,
    name: Option<Range<usize>>,
    key: Key,
    value: Node,
}

impl Node {
    fn span(&self) -> Range<usize> {
        match self {
            Self::Plain(span) | Self::Text(span) | Self::Box { span, .. } => span.clone(),
        }
    }
}

/// The output for `body`, hits by rule and masks; nothing when it must be refused.
pub(super) fn redact(body: &[u8], rules: &[Path]) -> Option<(Vec<u8>, Vec<u64>, u64)> {
    std::str::from_utf8(body).ok()?;
    let mut parser = Parser { body, at: 0 };
    parser.space();
    if !matches!(parser.peek(), Some(b'{' | b'[')) {
        return None;
    }
    let begin = parser.at;
    let root = parser.value()?;
    let end = parser.at;
    parser.space();
    if parser.at != body.len() {
        return None;
    }
    let kept = rules.iter().all(|rule| rule.action != Action::Keep);
    let mut writer = Writer { body, rules, out: body[..begin].to_vec(), hits: vec![0; rules.len()], masked: 0 };
    writer.node(&root, &mut Vec::new(), kept)?;
    writer.out.extend_from_slice(&body[end..]);
    Some((writer.out, writer.hits, writer.masked))
}

/// What the rules say of one value.
struct Verdict {
    action: Option<Action>,
    kept: bool,
    names: Vec<Path>,
    texts: Vec<Path>,
    text_goes: bool,
}

struct Parser<'a> {
    body: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Node> {
        let start = self.at;
        match self.peek()? {
            b'{' => self.container(b'{', b'}'),
            b'[' => self.container(b'[', b']'),
            b'"' => self.text().map(Node::Text),
            _ => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                    self.at += 1;
                }
                let word = &self.body[start..self.at];
                serde_json::from_slice::<serde_json::Number>(word)
                    .map(|_| ())
                    .or_else(|_| if huge_number(word) { Ok(()) } else { Err(()) })
                    .or_else(|()| [&b"true"[..], b"false", b"null"].contains(&word).then_some(()).ok_or(()))
                    .ok()?;
                Some(Node::Plain(start..self.at))
            }
        }
    }

    fn container(&mut self, open: u8, close: u8) -> Option<Node> {
        let start = self.at;
        self.eat(open)?;
        let mut items = Vec::new();
        let mut lead = self.at;
        self.space();
        if self.eat(close).is_none() {
            loop {
                self.space();
                let name = if open == b'{' { Some(self.text()?) } else { None };
                let mut key = Key::Index(items.len());
                if let Some(span) = &name {
                    key = Key::Name(
                        serde_json::from_slice(&self.body[span.clone()]).unwrap_or("\u{fffd}lone".to_owned()),
                    );
                    self.space();
                    self.eat(b':')?;
                    self.space();
                }
                let value = self.value()?;
                items.push(Item { lead, name, key, value });
                self.space();
                lead = self.at;
                if self.eat(close).is_some() {
                    break;
                }
                self.eat(b',')?;
            }
        }
        Some(Node::Box { span: start..self.at, items })
    }

    fn text(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.eat(b'"')?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(start..self.at),
                b'\\' => match self.peek()? {
                    b'u' => {
                        let digits = self.body.get(self.at + 1..self.at + 5)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return None;
                        }
                        self.at += 5;
                    }
                    byte if b"\"\\/bfnrt".contains(&byte) => self.at += 1,
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }
}

/// Numbers that are good but out of range for the library.
fn huge_number(word: &[u8]) -> bool {
    let text = std::str::from_utf8(word).unwrap();
    let Some((head, tail)) = text.split_once(['e', 'E']) else { return false };
    let tail = tail.strip_prefix(['+', '-']).unwrap_or(tail);
    serde_json::from_str::<serde_json::Number>(head).is_ok()
        && !tail.is_empty()
        && tail.bytes().all(|b| b.is_ascii_digit())
}

struct Writer<'a> {
    body: &'a [u8],
    rules: &'a [Path],
    out: Vec<u8>,
    hits: Vec<u64>,
    masked: u64,
}

impl Writer<'_> {
    fn copy(&mut self, span: Range<usize>) {
        self.out.extend_from_slice(&self.body[span]);
    }

    /// `within`: what no rule finds stays.
    fn node(&mut self, node: &Node, path: &mut Vec<Key>, within: bool) -> Option<()> {
        match node {
            Node::Plain(span) => self.copy(span.clone()),
            Node::Text(span) => self.text(span.clone()),
            Node::Box { span, items } => {
                let mut some = false;
                let mut from = span.start;
                for (number, item) in items.iter().enumerate() {
                    self.copy(from..item.lead);
                    from = item.value.span().end;
                    path.push(item.key.clone());
                    let verdict = self.verdict(path)?;
                    let within = within || verdict.kept;
                    let on_the_way = matches!(item.value, Node::Box { .. }) && self.leads_on(path);
                    let named_out = item.name.as_ref().is_some_and(|name| self.named_out(&verdict, name.clone()));
                    let named_out = named_out || (verdict.text_goes && matches!(item.value, Node::Text(_)));
                    if verdict.action != Some(Action::Remove) && !named_out && (within || on_the_way) {
                        self.item(item, (&verdict, within), number > 0 && !some, path)?;
                        some = true;
                    }
                    path.pop();
                }
                self.copy(from.max(span.start)..span.end);
            }
        }
        Some(())
    }

    fn item(
        &mut self,
        item: &Item,
        (verdict, within): (&Verdict, bool),
        bare: bool,
        path: &mut Vec<Key>,
    ) -> Option<()> {
        let mut from = item.lead + usize::from(bare);
        if let Some(name) = &item.name {
            self.copy(from..name.start);
            if verdict.names.is_empty() {
                self.text(name.clone());
            } else {
                self.partly(name.clone(), &verdict.names);
            }
            from = name.end;
        }
        let span = item.value.span();
        self.copy(from..span.start);
        let first = self.body[span.start];
        let text = || self.read(span.clone()).unwrap_or("[redacted]".to_owned());
        let stern =
            |rules: &mut dyn Iterator<Item = &Path>| strictest(&rules.map(|rule| rule.action).collect::<Vec<_>>());
        let whole = |rule: &&Path| matches!(rule.about, About::Text(_, Other::Whole));
        let action = match (verdict.action, first) {
            (None, b'"') if !verdict.texts.is_empty() => {
                self.partly(span, &verdict.texts);
                return Some(());
            }
            (None, _) => stern(&mut verdict.texts.iter().filter(whole)),
            (Some(action), _) => stern(&mut verdict.texts.iter()).into_iter().chain([action]).min(),
        };
        let new = match (action, first) {
            (None, _) => return self.node(&item.value, path, within),
            (Some(Action::Null), _) | (_, b'n') => "null".to_owned(),
            (Some(Action::Pseudonym), b'"') if self.read(span.clone()).is_some() => {
                format!("\"{}\"", super::pseudonyms().of(text().as_bytes()))
            }
            (Some(Action::TruncateIp), b'"') => format!("\"{}\"", network(&text())),
            (_, b'"') => "\"[redacted]\"".to_owned(),
            (_, b'[') => "[]".to_owned(),
            (_, b'{') => "{}".to_owned(),
            (_, b't' | b'f') => "false".to_owned(),
            (_, _) => "0".to_owned(),
        };
        self.out.extend_from_slice(new.as_bytes());
        Some(())
    }

    /// What the string at `span` stands for.
    fn read(&self, span: Range<usize>) -> Option<String> {
        serde_json::from_slice(&self.body[span]).ok()
    }

    /// Whether a rule that keeps may find something below `path`.
    fn leads_on(&self, path: &[Key]) -> bool {
        self.rules.iter().any(|rule| rule.action == Action::Keep && may_match(rule, &rule.segments, path))
    }

    fn verdict(&mut self, path: &[Key]) -> Option<Verdict> {
        if path.iter().any(|key| matches!(key, Key::Name(name) if name == "\u{fffd}lone")) {
            return None;
        }
        let (mut found, mut names, mut texts, mut text_goes) = (Vec::new(), Vec::new(), Vec::new(), false);
        for (number, rule) in self.rules.iter().enumerate() {
            if matches(rule, &rule.segments, path) {
                self.hits[number] += 1;
                match rule.about {
                    About::Name(..) => names.push(rule.clone()),
                    About::Text(..) if rule.action != Action::Remove => texts.push(rule.clone()),
                    About::Text(_, Other::Keep) => text_goes = true,
                    About::Text(..) | About::Value => found.push(rule.action),
                }
            }
        }
        Some(Verdict { action: strictest(&found), kept: found.contains(&Action::Keep), names, texts, text_goes })
    }

    /// Whether a rule about the name at `span` takes its member.
    fn named_out(&self, verdict: &Verdict, span: Range<usize>) -> bool {
        let text: Vec<char> = letters(self.body, span.start + 1, span.end - 1).iter().map(|(c, _)| *c).collect();
        let mut removing = verdict.names.iter().filter(|rule| rule.action == Action::Remove);
        removing.any(|rule| reading(&rule.about, &text).is_none_or(|parts| parts.iter().any(|part| !part.is_empty())))
    }

    /// Writes the string at `span`, and instead of what `rules` mean of it what they say.
    fn partly(&mut self, span: Range<usize>, rules: &[Path]) {
        let Some(all) = self.read(span.clone()) else {
            self.out.extend_from_slice(b"\"[redacted]\"");
            return;
        };
        let letters = letters(self.body, span.start + 1, span.end - 1);
        let text: Vec<char> = letters.iter().map(|(c, _)| *c).collect();
        let action = |rule: &Path| if matches!(rule.about, About::Name(..)) { Action::Pseudonym } else { rule.action };
        let readings: Vec<_> = rules.iter().map(|rule| (reading(&rule.about, &text), action(rule))).collect();
        if readings.iter().any(|(parts, _)| parts.is_none()) {
            let action = readings.iter().map(|(_, action)| *action).min().unwrap();
            self.out.extend_from_slice(format!("\"{}\"", instead(action, &all)).as_bytes());
            return;
        }
        let secrets = secrets(&text);
        self.masked += secrets.len() as u64;
        let parts =
            readings.into_iter().flat_map(|(parts, action)| parts.unwrap().into_iter().zip(std::iter::repeat(action)));
        let mut marks: Vec<_> = parts.chain(secrets.into_iter().zip(std::iter::repeat(Action::Mask))).collect();
        marks.retain(|(part, _)| !part.is_empty());
        let meeting = |marks: &[(Range<usize>, Action)]| {
            let pairs = (0..marks.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
            pairs.into_iter().find(|(one, other)| {
                let (one, other) = (&marks[*one].0, &marks[*other].0);
                one.start < other.end && other.start < one.end
            })
        };
        while let Some((one, other)) = meeting(&marks) {
            let (gone, action) = marks.remove(one);
            let mark = &mut marks[other];
            *mark = (gone.start.min(mark.0.start)..gone.end.max(mark.0.end), action.min(mark.1));
        }
        marks.sort_by_key(|(part, _)| part.start);
        let mut from = span.start;
        for (part, action) in marks {
            self.copy(from..letters[part.start].1);
            let meant: String = text[part.clone()].iter().collect();
            self.out.extend_from_slice(instead(action, &meant).as_bytes());
            from = letters.get(part.end).map_or(span.end - 1, |letter| letter.1);
        }
        self.copy(from..span.end);
    }

    fn text(&mut self, span: Range<usize>) {
        let letters = letters(self.body, span.start + 1, span.end - 1);
        let text: Vec<char> = letters.iter().map(|(c, _)| *c).collect();
        let mut from = span.start;
        for secret in secrets(&text) {
            self.masked += 1;
            self.copy(from..letters[secret.start].1);
            self.out.extend_from_slice(b"[redacted]");
            from = letters.get(secret.end).map_or(span.end - 1, |letter| letter.1);
        }
        self.copy(from..span.end);
    }
}

fn strictest(found: &[Action]) -> Option<Action> {
    let order = [Action::Remove, Action::Null, Action::Mask, Action::Pseudonym, Action::TruncateIp];
    order.into_iter().find(|action| found.contains(action))
}

fn instead(action: Action, text: &str) -> String {
    match action {
        Action::Pseudonym => super::pseudonyms().of(text.as_bytes()).to_string(),
        Action::TruncateIp => network(text),
        Action::Remove | Action::Null | Action::Mask | Action::Keep => "[redacted]".to_owned(),
    }
}

/// What of `text` is meant; nothing when all is.
fn reading(about: &About, text: &[char]) -> Option<Vec<Range<usize>>> {
    let (About::Name(forms, other) | About::Text(forms, other)) = about else { return None };
    let mut doubtful = false;
    for form in *forms {
        let form: Vec<char> = form.chars().collect();
        let readings: std::collections::HashSet<_> = readings(&form, text, 0).into_iter().collect();
        match readings.len() {
            0 => {}
            1 => return readings.into_iter().next(),
            _ => doubtful = true,
        }
    }
    (*other == Other::Keep && !doubtful).then(Vec::new)
}

/// Every way to read `text` from `at` as `form`: the parts.
fn readings(form: &[char], text: &[char], at: usize) -> Vec<Vec<Range<usize>>> {
    match form {
        [] if at == text.len() => vec![Vec::new()],
        ['*', rest @ ..] => (at..=text.len()).flat_map(|end| readings(rest, text, end)).collect(),
        ['{', '}', rest @ ..] => {
            let part = |end| {
                readings(rest, text, end).into_iter().map(move |more| std::iter::once(at..end).chain(more).collect())
            };
            (at..=text.len()).flat_map(part).collect()
        }
        [c, rest @ ..] if text.get(at) == Some(c) => readings(rest, text, at + 1),
        [..] => Vec::new(),
    }
}

fn matches(rule: &Path, segments: &[(bool, Vec<Pick>)], path: &[Key]) -> bool {
    let Some(((deep, picks), rest)) = segments.split_first() else { return path.is_empty() };
    let Some((key, below)) = path.split_first() else { return false };
    (takes(rule, picks, key) && matches(rule, rest, below)) || (*deep && matches(rule, segments, below))
}

/// Whether something below `path` could match.
fn may_match(rule: &Path, segments: &[(bool, Vec<Pick>)], path: &[Key]) -> bool {
    let Some(((deep, picks), rest)) = segments.split_first() else { return false };
    let Some((key, below)) = path.split_first() else { return true };
    (takes(rule, picks, key) && may_match(rule, rest, below)) || (*deep && may_match(rule, segments, below))
}

fn takes(rule: &Path, picks: &[Pick], key: &Key) -> bool {
    picks.iter().any(|pick| match (pick, key) {
        (Pick::Any, _) => true,
        (Pick::Index(index), Key::Index(at)) => index == at,
        // What is kept is kept by its very name.
        (Pick::Name(name), Key::Name(key)) if rule.action == Action::Keep => name == key,
        (Pick::Name(name), Key::Name(key)) => same_name(name, key),
        (Pick::Name(_), Key::Index(_)) | (Pick::Index(_), Key::Name(_)) => false,
    })
}

/// The network of an address, with its port; a mask for anything else.
fn network(text: &str) -> String {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let old = |host: &str| {
        let [a, b, c, _] = host.parse::<Ipv4Addr>().ok()?.octets();
        Some(format!("{a}.{b}.{c}.0"))
    };
    let new = |host: &str| {
        let address = host.parse::<Ipv6Addr>().ok()?;
        let [a, b, c, ..] = address.segments();
        let mapped = address.to_ipv4_mapped().and_then(|address| old(&address.to_string()));
        Some(mapped.map_or((Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string(), true), |network| (network, false)))
    };
    let with_port = || {
        let (host, port) = text.rsplit_once(':').filter(|(_, port)| number(port))?;
        let port: u16 = port.parse().ok()?;
        if let Some(network) = old(host) {
            return Some(format!("{network}:{port}"));
        }
        let host = host.strip_prefix('[')?.strip_suffix(']')?;
        let (host, zone) = host.split_once('%').unwrap_or((host, "0"));
        let known = number(zone) && zone.parse::<u32>().is_ok();
        let (network, brackets) = new(host).filter(|_| known)?;
        Some(if brackets { format!("[{network}]:{port}") } else { format!("{network}:{port}") })
    };
    let network = old(text).or_else(|| new(text).map(|(network, _)| network)).or_else(with_port);
    network.unwrap_or("[redacted]".to_owned())
}

fn same_name(left: &str, right: &str) -> bool {
    let plain = |name: &str| {
        let letters = name.chars().filter(|c| !c.is_control() && !c.is_whitespace() && !"\u{200d}\u{ad}".contains(*c));
        letters.flat_map(char::to_lowercase).map(|c| if c == '\u{17f}' { 's' } else { c }).collect::<String>()
    };
    plain(left) == plain(right)
}

/// The characters of a string, each with its place in the body.
fn letters(body: &[u8], start: usize, end: usize) -> Vec<(char, usize)> {
    let mut letters = Vec::new();
    let mut at = start;
    while at < end {
        let rest = std::str::from_utf8(&body[at..end]).unwrap();
        let c = rest.chars().next().unwrap();
        let spelled = |length: usize| serde_json::from_str::<String>(&format!("\"{}\"", rest.get(..length)?)).ok();
        if c != '\\' {
            letters.push((c, at));
            at += c.len_utf8();
            continue;
        }
        let lengths: &[usize] = if rest.starts_with("\\u") { &[6, 12] } else { &[2] };
        match lengths.iter().find_map(|length| spelled(*length).map(|text| (text, *length))) {
            Some((text, length)) => {
                letters.push((text.chars().next().unwrap(), at));
                at += length;
            }
            None => {
                letters.push(('\u{fffd}', at));
                at += 6;
            }
        }
    }
    letters
}

pub(super) fn secrets(text: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match [token(text, at), seed(text, at), user(text, at)].into_iter().flatten().next() {
            Some(span) => {
                at = span.end;
                found.push(span);
            }
            None => at += 1,
        }
    }
    found
}

fn starts(text: &[char], at: usize, with: &str) -> bool {
    with.chars().enumerate().all(|(number, c)| text.get(at + number) == Some(&c))
}

fn token(text: &[char], at: usize) -> Option<Range<usize>> {
    let end = (at..text.len()).find(|i| !(text[*i].is_ascii_alphanumeric() || "-_.=".contains(text[*i])));
    let end = end.unwrap_or(text.len());
    let dots = (at..end).filter(|i| text[*i] == '.').count();
    let second = (at..end).any(|i| starts(&text[..end], i, ".eyJ"));
    (starts(text, at, "eyJ") && (dots > 1 || second)).then_some(at..end)
}

fn seed(text: &[char], at: usize) -> Option<Range<usize>> {
    let end = (at..text.len()).find(|i| !matches!(text[*i], 'A'..='Z' | '2'..='7')).unwrap_or(text.len());
    (end >= at + 58 && text[at] == 'S' && "UAONCXP".contains(text[at + 1])).then_some(at..end)
}

fn user(text: &[char], at: usize) -> Option<Range<usize>> {
    let end = (at + 2..text.len()).find(|i| "/?# \t\r\n".contains(text[*i])).unwrap_or(text.len());
    let sign = (at + 2..end).rev().find(|i| text[*i] == '@')?;
    (starts(text, at, "//") && sign > at + 2).then_some(at + 2..sign)
}
