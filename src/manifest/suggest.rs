//! "Did you mean": the known word that a mistyped one is most like.

/// The closest of `known`, if any is close: other case or separators (`cidr_block`), or few typing errors.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = simplify(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let simplified = simplify(candidate);
        if simplified == plain {
            return Some(candidate);
        }
        let distance = strsim::damerau_levenshtein(&plain, &simplified);
        let limit = plain.chars().count().max(simplified.chars().count()).div_ceil(3);
        // A word that only continues (`protocol` for `protocolType`) is close however long.
        let prefix = plain.len() >= 4
            && (simplified.starts_with(&plain) || plain.starts_with(&simplified))
            && simplified.len() >= 4;
        if (distance <= limit || prefix) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn simplify(word: &str) -> String {
    // Comparing is quadratic in length; no known word is this long.
    word.chars().take(100).filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// `a`, `b` or `c`, at most twelve of them.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const LIMIT: usize = 12;
    let words: Vec<&str> = words.into_iter().collect();
    let mut text = String::new();
    for (index, word) in words.iter().take(LIMIT).enumerate() {
        let last = index + 1 == words.len();
        text.push_str(match (index, last) {
            (0, _) => "",
            (_, true) => " or ",
            (_, false) => ", ",
        });
        text.push('`');
        text.push_str(word);
        text.push('`');
    }
    if words.len() > LIMIT {
        text.push_str(&format!(" and {} more", words.len() - LIMIT));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_found_and_far_ones_are_not() {
        let known = ["cidrBlock", "vpcId", "outpostArn", "tags"];
        assert_eq!(closest("cidr_block", known), Some("cidrBlock"));
        assert_eq!(closest("CidrBlok", known), Some("cidrBlock"));
        assert_eq!(closest("cidr", known), Some("cidrBlock"));
        assert_eq!(closest("vpc", known), Some("vpcId"));
        assert_eq!(closest("desiredCount", known), None);
        assert_eq!(closest("x", known), None);
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(list(["x"; 14]).matches("`x`").count(), 12);
        assert!(list(["x"; 14]).ends_with(" and 2 more"));
    }
}
