//! Text → [`Expression`], by recursive descent. What is beside the grammar is told with its place.

use std::ops::Range;

use super::{Comparison, Expression, Mistake, Operator};
use crate::manifest::suggest::closest;

/// Operators that are signs; of those with a common beginning, the longest first.
const SIGNS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=~", Operator::Matches),
    ("!~", Operator::NotMatches),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

/// Operators that are words.
const WORDS: &[(&str, Operator)] = &[
    ("equals", Operator::Equal),
    ("not_equals", Operator::NotEqual),
    ("greater_than_equal", Operator::GreaterOrEqual),
    ("less_than_equal", Operator::LessOrEqual),
    ("greater_than", Operator::Greater),
    ("less_than", Operator::Less),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("matches", Operator::Matches),
    ("not_matches", Operator::NotMatches),
    ("exists", Operator::Exists),
    ("not_exists", Operator::NotExists),
];

/// Words that an exclamation mark can stand before.
const NEGATED: &[(&str, Operator)] = &[("in", Operator::NotIn), ("exists", Operator::NotExists)];

/// Subjects beside attributes.
const SUBJECTS: &[&str] =
    &["agentConnected", "agentVersion", "ec2InstanceId", "registeredAt", "runningTasksCount", "task:group"];

pub(super) fn parse(text: &str) -> Result<Expression, Mistake> {
    let mut parser = Parser { text, at: 0 };
    let expression = parser.any()?;
    parser.blanks();
    match parser.rest() {
        "" => Ok(expression),
        _ => Err(parser.mistake("`and`, `or` or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a sign.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.at += sign.len();
        }
        is_there
    }

    /// The next word; empty where something else is next.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let ends = |letter: char| letter.is_whitespace() || "()[],<>=!&|\"'".contains(letter);
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    /// Takes one of these words, in capitals or not.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.blanks();
        let is_there = self.word().eq_ignore_ascii_case(keyword);
        if is_there {
            self.at += keyword.len();
        }
        is_there
    }

    /// What stands here is not what could.
    fn mistake(&self, expected: impl Into<String>) -> Mistake {
        let length = match self.word().len() {
            0 => self.rest().chars().next().map_or(0, char::len_utf8),
            length => length,
        };
        self.mistake_at(self.at..self.at + length, expected)
    }

    fn mistake_at(&self, range: Range<usize>, expected: impl Into<String>) -> Mistake {
        Mistake {
            column: self.text[..range.start].chars().count() + 1,
            found: self.text[range.clone()].to_owned(),
            range,
            expected: expected.into(),
            meant: None,
        }
    }

    fn any(&mut self) -> Result<Expression, Mistake> {
        let mut parts = vec![self.all()?];
        while self.sign("||") || self.keyword("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Mistake> {
        let mut parts = vec![self.one()?];
        while self.sign("&&") || self.keyword("and") {
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, Mistake> {
        if self.sign("!") || self.keyword("not") {
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.sign("(") {
            let inner = self.any()?;
            self.blanks();
            return if self.sign(")") { Ok(inner) } else { Err(self.mistake("`)`, `and` or `or`")) };
        }
        self.comparison().map(Expression::Compare)
    }

    fn comparison(&mut self) -> Result<Comparison, Mistake> {
        let subject_range = self.subject()?;
        self.blanks();
        let before = self.at;
        let operator = self.operator()?;
        let operator_range = before..self.at;
        self.blanks();
        let start = self.at;
        let values = match operator {
            Operator::Exists | Operator::NotExists => Vec::new(),
            Operator::In | Operator::NotIn => self.list()?,
            Operator::Matches | Operator::NotMatches => vec![self.pattern()?],
            _ => vec![self.value()?],
        };
        let value_range = if values.is_empty() { operator_range } else { start..self.at };
        let subject = self.text[subject_range.clone()].to_owned();
        Ok(Comparison { subject, operator, values, subject_range, value_range })
    }

    fn subject(&mut self) -> Result<Range<usize>, Mistake> {
        self.blanks();
        let word = self.word();
        let is_attribute = word.strip_prefix("attribute:").is_some_and(|name| !name.is_empty());
        if is_attribute || SUBJECTS.contains(&word) {
            self.at += word.len();
            return Ok(self.at - word.len()..self.at);
        }
        let mut mistake = self.mistake(format!("a subject (attribute:NAME, {})", SUBJECTS.join(", ")));
        mistake.meant = match word.split_once(':') {
            Some((before, name)) if !name.is_empty() && closest(before, ["attribute"]).is_some() => {
                Some(format!("attribute:{name}"))
            }
            _ if word.starts_with("ecs.") || word.starts_with("com.amazonaws.") => Some(format!("attribute:{word}")),
            _ if word.is_empty() => None,
            _ => closest(word, SUBJECTS.iter().copied()).map(str::to_owned),
        };
        Err(mistake)
    }

    fn operator(&mut self) -> Result<Operator, Mistake> {
        for (sign, operator) in SIGNS {
            if self.sign(sign) {
                return Ok(*operator);
            }
        }
        for (word, operator) in NEGATED {
            let negated = Self { text: self.text, at: self.at + 1 };
            if self.rest().starts_with('!') && negated.word() == *word {
                self.at += 1 + word.len();
                return Ok(*operator);
            }
        }
        let word = self.word();
        if let Some((_, operator)) = WORDS.iter().find(|(spelling, _)| *spelling == word) {
            self.at += word.len();
            return Ok(*operator);
        }
        let mut mistake = self.mistake("an operator (==, !=, >, >=, <, <=, =~, !~, in, !in, exists or !exists)");
        mistake.meant = match word {
            "" => self.rest().starts_with('=').then(|| "==".to_owned()),
            word => closest(word, WORDS.iter().map(|(spelling, _)| *spelling)).map(str::to_owned),
        };
        Err(mistake)
    }

    fn list(&mut self) -> Result<Vec<String>, Mistake> {
        if !self.sign("[") {
            return Err(self.mistake("`[` and a list of values"));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        self.blanks();
        if self.sign("]") { Ok(values) } else { Err(self.mistake("`,` or `]`")) }
    }

    fn value(&mut self) -> Result<String, Mistake> {
        self.blanks();
        if let Some(quoted) = self.quoted() {
            return quoted;
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.mistake("a value"));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    /// A regular expression may have brackets of its own: it reaches to the next blank, or closing parenthesis that it
    /// did not open.
    fn pattern(&mut self) -> Result<String, Mistake> {
        self.blanks();
        if let Some(quoted) = self.quoted() {
            return quoted;
        }
        let mut depth = 0;
        let rest = self.rest();
        let end = rest.find(|letter: char| {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            letter.is_whitespace() || depth < 0
        });
        let pattern = &rest[..end.unwrap_or(rest.len())];
        if pattern.is_empty() {
            return Err(self.mistake("a regular expression"));
        }
        self.at += pattern.len();
        Ok(pattern.to_owned())
    }

    /// A value in quotation marks, if one is next.
    fn quoted(&mut self) -> Option<Result<String, Mistake>> {
        let rest = self.rest();
        let mark = rest.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
        let inner = &rest[1..];
        Some(match inner.find(mark) {
            Some(end) => {
                self.at += end + 2;
                Ok(inner[..end].to_owned())
            }
            None => Err(self.mistake_at(self.at..self.text.len(), format!("a closing {mark}"))),
        })
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
