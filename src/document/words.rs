//! Words for what was not expected, with a guess at what was meant.

/// "unknown key `rolse`; did you mean `roles`? known: …"
#[must_use]
pub fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    // Of short words nearly all are near: at least half of the letters must agree.
    let is_near = |word: &&&str| distance(word, found) <= 2.min(word.len().max(found.len()) / 2);
    let near = known.iter().filter(is_near).min_by_key(|word| distance(word, found));
    match near {
        Some(near) => format!("unknown {what} `{found}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {what} `{found}`; there are none"),
        None => format!("unknown {what} `{found}`; known are {}", quoted(known)),
    }
}

/// `` `a`, `b`, `c` ``
#[must_use]
pub fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The Levenshtein distance of two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut above_left = i;
        let mut previous = i + 1;
        let mut next = vec![previous];
        for (right, above) in b.iter().zip(row.iter().skip(1)) {
            let substituted = above_left + usize::from(left != *right);
            previous = substituted.min(above + 1).min(previous + 1);
            above_left = *above;
            next.push(previous);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
