//! The cluster query language of Amazon ECS: `memberOf` expressions and filters of container instances.
//!
//! [`Expression::parse`] reads it and says of a mistake where it is and what was expected. What an expression comes to
//! depends on who asks: the sandbox knows everything about an instance, a rule only what is declared
//! ([`Expression::holds`]).

mod parser;
mod pattern;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One of them holds (`or`).
    Any(Vec<Expression>),
    /// All of them hold (`and`).
    All(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    Compare(Comparison),
}

/// A subject, an operator and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// `attribute:ecs.os-type`, `agentConnected` and others.
    pub subject: String,
    pub operator: Operator,
    /// Without quotation marks. One; none for `exists`, any number for `in`.
    pub values: Vec<String>,
    /// The bytes of the subject in the text.
    pub subject_range: Range<usize>,
    /// The bytes of the first value in the text; those of the operator where there is none.
    pub value_range: Range<usize>,
}

/// What a subject is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
    Matches,
    NotMatches,
    Exists,
    NotExists,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The bytes of the text that do not belong there; empty at its end.
    pub range: Range<usize>,
    /// The character, from 1.
    pub column: usize,
    /// What stands there; nothing at the end.
    pub found: String,
    /// What could stand there.
    pub expected: String,
    /// What may have been meant.
    pub meant: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found.as_str() {
            "" => write!(f, "the expression ends at column {}, where {} is expected", self.column, self.expected),
            found => write!(f, "`{found}` stands at column {}, where {} is expected", self.column, self.expected),
        }
    }
}

impl Expression {
    /// Parses an expression.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parser::parse(text)
    }

    /// Every comparison in it, in order.
    pub fn comparisons(&self) -> Vec<&Comparison> {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::comparisons).collect(),
            Self::Not(part) => part.comparisons(),
            Self::Compare(comparison) => vec![comparison],
        }
    }

    /// The comparisons without which it never holds: none that are negated, and none with an alternative.
    pub fn required(&self) -> Vec<&Comparison> {
        match self {
            Self::Any(parts) if parts.len() > 1 => Vec::new(),
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::required).collect(),
            Self::Not(_) => Vec::new(),
            Self::Compare(comparison) => vec![comparison],
        }
    }

    /// Whether it holds, given which comparisons do. None: that cannot be told.
    pub fn holds(&self, test: &dyn Fn(&Comparison) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Any(parts) => decided(parts, test, true),
            Self::All(parts) => decided(parts, test, false),
            Self::Not(part) => part.holds(test).map(|holds| !holds),
            Self::Compare(comparison) => test(comparison),
        }
    }
}

/// The `decisive` answer when one part gives it, its opposite when all parts do.
fn decided(parts: &[Expression], test: &dyn Fn(&Comparison) -> Option<bool>, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for part in parts {
        match part.holds(test) {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

impl Comparison {
    /// The name of the attribute that it asks for.
    pub fn attribute(&self) -> Option<&str> {
        self.subject.strip_prefix("attribute:")
    }

    /// Whether it holds of what the subject stands for: nothing where an instance lacks it, several for `task:group`.
    pub fn holds_of(&self, subjects: &[String]) -> bool {
        let values = &self.values;
        let first = values.first().map_or("", String::as_str);
        let ordered = |wanted: &[Ordering]| subjects.iter().any(|subject| wanted.contains(&order(subject, first)));
        match self.operator {
            Operator::Exists => !subjects.is_empty(),
            Operator::NotExists => subjects.is_empty(),
            Operator::Equal => subjects.iter().any(|subject| subject == first),
            Operator::NotEqual => !subjects.iter().any(|subject| subject == first),
            Operator::In => subjects.iter().any(|subject| values.contains(subject)),
            Operator::NotIn => !subjects.iter().any(|subject| values.contains(subject)),
            Operator::Matches => subjects.iter().any(|subject| pattern::matches(first, subject)),
            Operator::NotMatches => !subjects.iter().any(|subject| pattern::matches(first, subject)),
            Operator::Greater => ordered(&[Ordering::Greater]),
            Operator::GreaterOrEqual => ordered(&[Ordering::Greater, Ordering::Equal]),
            Operator::Less => ordered(&[Ordering::Less]),
            Operator::LessOrEqual => ordered(&[Ordering::Less, Ordering::Equal]),
        }
    }
}

impl Operator {
    /// Whether it holds where there is no such attribute.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotIn | Self::NotMatches | Self::NotExists)
    }
}

/// Versions and numbers compare part by part, anything else as text.
fn order(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    match (parts(left), parts(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> Mistake {
        Expression::parse(text).unwrap_err()
    }

    #[test]
    fn what_the_developer_guide_shows_is_parsed() {
        for (text, comparisons) in [
            ("attribute:ecs.instance-type == t2.small", 1),
            ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", 1),
            ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", 2),
            ("task:group == service:production", 1),
            ("not(task:group == database)", 1),
            ("runningTasksCount == 1", 1),
            ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", 1),
            ("registeredAt >= 2018-06-18T22:28:28+00:00", 1),
            ("agentVersion >= 1.33.0 && agentConnected == true", 2),
            ("(attribute:stack exists or attribute:rack not_exists) and !(attribute:a !in [b])", 3),
            ("attribute:a equals b or attribute:c not_in [d,e] or attribute:f matches (g|h)+", 3),
            ("attribute:site==oslo", 1),
            ("attribute:ecs.outpost-arn == ${Subnet.floor.outpostArn}", 1),
        ] {
            let parsed = Expression::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
            assert_eq!(parsed.comparisons().len(), comparisons, "{text}");
        }
    }

    #[test]
    fn a_mistake_has_its_column_and_what_was_expected() {
        for (text, column, found, expected) in [
            ("", 1, "", "a subject"),
            ("rack == 1", 1, "rack", "a subject"),
            ("attribute:a", 12, "", "an operator"),
            ("attribute:a = b", 13, "=", "an operator"),
            ("attribute:a ~ b", 13, "~", "an operator"),
            ("attribute:a is b", 13, "is", "an operator"),
            ("(attribute:a exists", 20, "", "`)`"),
            ("attribute:a exists)", 19, ")", "`and`, `or` or the end"),
            ("attribute:a in b", 16, "b", "`[`"),
            ("attribute:a in [b c]", 19, "c", "`,` or `]`"),
            ("attribute:a in []", 17, "]", "a value"),
            ("attribute:a == 'b", 16, "'b", "a closing '"),
            ("attribute:a == ", 16, "", "a value"),
            ("attribute:a == b attribute:c == d", 18, "attribute:c", "`and`, `or` or the end"),
            ("attribute: == b", 1, "attribute:", "a subject"),
            ("attribute:ø == ", 16, "", "a value"),
            ("attribute:a == b and", 21, "", "a subject"),
        ] {
            let mistake = mistake(text);
            assert_eq!((mistake.column, mistake.found.as_str()), (column, found), "{text}: {mistake}");
            assert!(mistake.expected.starts_with(expected), "{text}: {mistake}");
            assert_eq!(&text[mistake.range.clone()], found, "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_guessed() {
        for (text, meant) in [
            ("ecs.instance-type == t2.small", Some("attribute:ecs.instance-type")),
            ("attributes:rack == b", Some("attribute:rack")),
            ("agentconnected == true", Some("agentConnected")),
            ("attribute:a = b", Some("==")),
            ("attribute:a equal b", Some("equals")),
            ("attribute:a in b", None),
        ] {
            assert_eq!(mistake(text).meant.as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn what_is_needed_leaves_out_what_has_an_alternative() {
        let expression = Expression::parse(
            "attribute:a == 1 and (attribute:b exists or attribute:c exists) and not attribute:d exists",
        );
        let expression = expression.unwrap();
        let names: Vec<_> = expression.required().iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(names, ["attribute:a"]);
    }

    #[test]
    fn what_is_not_known_is_told_only_where_it_matters() {
        let answer = |text: &str| {
            Expression::parse(text).unwrap().holds(&|comparison| match comparison.attribute() {
                Some("yes") => Some(true),
                Some("no") => Some(false),
                _ => None,
            })
        };
        assert_eq!(answer("attribute:yes exists or attribute:x exists"), Some(true));
        assert_eq!(answer("attribute:x exists and attribute:no exists"), Some(false));
        assert_eq!(answer("attribute:x exists and attribute:yes exists"), None);
        assert_eq!(answer("not attribute:no exists"), Some(true));
        assert_eq!(answer("not(attribute:x exists)"), None);
    }
}
