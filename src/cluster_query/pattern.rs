//! A small regular-expression matcher for `=~` in the cluster query language: literals, `.`, `[..]`, `\d` and
//! `\w`, `*`, `+`, `?`, alternation and groups. As with Java's `matches`, the whole text has to match.

/// Whether `pattern` matches all of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parser = Parser { rest: pattern.trim_start_matches('^').trim_end_matches('$').chars().collect(), at: 0 };
    let node = parser.alternatives();
    let text: Vec<char> = text.chars().collect();
    node.ends(&text, 0).contains(&text.len())
}

enum Node {
    Letter(Box<dyn Fn(char) -> bool>),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat(Box<Node>, usize, usize),
}

impl Node {
    /// Every position at which a match that starts at `from` can end.
    fn ends(&self, text: &[char], from: usize) -> Vec<usize> {
        match self {
            Self::Letter(accepts) => {
                text.get(from).filter(|letter| accepts(**letter)).map(|_| from + 1).into_iter().collect()
            }
            Self::Sequence(nodes) => nodes.iter().fold(vec![from], |starts, node| node.step(text, starts)),
            Self::Either(nodes) => nodes.iter().flat_map(|node| node.ends(text, from)).collect(),
            Self::Repeat(node, least, most) => {
                let mut reached = if *least == 0 { vec![from] } else { Vec::new() };
                let mut edge = vec![from];
                for round in 1..=*most {
                    edge = node.step(text, edge);
                    edge.retain(|end| !reached.contains(end));
                    if edge.is_empty() {
                        break;
                    }
                    if round >= *least {
                        reached.extend(&edge);
                    }
                }
                reached
            }
        }
    }

    fn step(&self, text: &[char], starts: Vec<usize>) -> Vec<usize> {
        let mut ends: Vec<usize> = starts.into_iter().flat_map(|start| self.ends(text, start)).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.get(self.at - 1).copied()
    }

    fn alternatives(&mut self) -> Node {
        let mut nodes = vec![self.sequence()];
        while self.peek() == Some('|') {
            self.next();
            nodes.push(self.sequence());
        }
        Node::Either(nodes)
    }

    fn sequence(&mut self) -> Node {
        let mut nodes = Vec::new();
        while let Some(letter) = self.peek().filter(|letter| !matches!(letter, '|' | ')')) {
            self.next();
            let node = match letter {
                '(' => {
                    let node = self.alternatives();
                    self.next();
                    node
                }
                '.' => Node::Letter(Box::new(|_| true)),
                '[' => self.class(),
                '\\' => match self.next() {
                    Some('d') => Node::Letter(Box::new(|letter| letter.is_ascii_digit())),
                    Some('w') => Node::Letter(Box::new(|letter| letter.is_ascii_alphanumeric() || letter == '_')),
                    literal => Node::Letter(Box::new(move |letter| Some(letter) == literal)),
                },
                literal => Node::Letter(Box::new(move |letter| letter == literal)),
            };
            let (least, most) = match self.peek() {
                Some('*') => (0, usize::MAX),
                Some('+') => (1, usize::MAX),
                Some('?') => (0, 1),
                _ => {
                    nodes.push(node);
                    continue;
                }
            };
            self.next();
            nodes.push(Node::Repeat(Box::new(node), least, most));
        }
        Node::Sequence(nodes)
    }

    fn class(&mut self) -> Node {
        let negated = self.peek() == Some('^');
        if negated {
            self.next();
        }
        let mut ranges = Vec::new();
        while let Some(low) = self.next().filter(|letter| *letter != ']') {
            let is_range = self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|letter| *letter != ']');
            if is_range {
                self.next();
            }
            let high = if is_range { self.next().unwrap_or(low) } else { low };
            ranges.push(low..=high);
        }
        Node::Letter(Box::new(move |letter| ranges.iter().any(|range| range.contains(&letter)) != negated))
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("t2.*", "t2.micro", true),
            ("t2.*", "at2.micro", false),
            ("t2", "t2.micro", false),
            ("c5\\.(large|xlarge)", "c5.xlarge", true),
            ("c5\\.(large|xlarge)", "c5xlarge", false),
            ("[a-c]+[^0-9]?x", "abbcx", true),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
