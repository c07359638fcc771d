//! The cluster query language: filters of container instances and `memberOf` expressions.

use std::cmp::Ordering;

use super::container_instances::Instance;
use super::pattern;

/// A parsed expression.
#[derive(Debug)]
pub(super) enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Compare { subject: String, operator: &'static str, values: Vec<String> },
}

/// Operators by all their spellings; a leading `not` or `!` is a negation of its own.
const OPERATORS: &[(&str, &str)] = &[
    ("==", "=="),
    ("equals", "=="),
    ("!=", "!="),
    ("not_equals", "!="),
    (">=", ">="),
    ("greater_than_equal", ">="),
    (">", ">"),
    ("greater_than", ">"),
    ("<=", "<="),
    ("less_than_equal", "<="),
    ("<", "<"),
    ("less_than", "<"),
    ("in", "in"),
    ("not_in", "!in"),
    ("!in", "!in"),
    ("=~", "=~"),
    ("matches", "=~"),
    ("!~", "!~"),
    ("not_matches", "!~"),
    ("exists", "exists"),
    ("not_exists", "!exists"),
    ("!exists", "!exists"),
];

impl Expression {
    /// Parses an expression; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let expression = parser.any()?;
        match parser.peek() {
            None => Ok(expression),
            Some(rest) => Err(format!("Unexpected '{rest}' in expression '{text}'")),
        }
    }

    /// Whether an instance satisfies the expression. `groups` are the groups of the tasks on it.
    pub(super) fn holds(&self, instance: &Instance, groups: &[&str]) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(instance, groups)),
            Self::All(parts) => parts.iter().all(|part| part.holds(instance, groups)),
            Self::Not(part) => !part.holds(instance, groups),
            Self::Compare { subject, operator, values } => {
                let subjects = subjects(subject, instance, groups);
                compare(&subjects, operator, values)
            }
        }
    }
}

/// What a subject stands for on an instance: none when the instance lacks it, several for `task:group`.
fn subjects(subject: &str, instance: &Instance, groups: &[&str]) -> Vec<String> {
    if let Some(name) = subject.strip_prefix("attribute:") {
        return instance.attributes.get(name).map(|value| value.clone().unwrap_or_default()).into_iter().collect();
    }
    match subject {
        "ec2InstanceId" => vec![instance.ec2_id.clone()],
        "agentConnected" => vec![instance.connected.to_string()],
        "agentVersion" => vec![instance.agent_version.clone()],
        "registeredAt" => vec![instance.registered_at.to_string()],
        "runningTasksCount" => vec![groups.len().to_string()],
        "task:group" => groups.iter().map(|group| (*group).to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn compare(subjects: &[String], operator: &str, values: &[String]) -> bool {
    let first = values.first().map_or("", String::as_str);
    let ordered = |wanted: &[Ordering]| subjects.iter().any(|subject| wanted.contains(&order(subject, first)));
    match operator {
        "exists" => !subjects.is_empty(),
        "!exists" => subjects.is_empty(),
        "==" => subjects.iter().any(|subject| subject == first),
        "!=" => !subjects.iter().any(|subject| subject == first),
        "in" => subjects.iter().any(|subject| values.contains(subject)),
        "!in" => !subjects.iter().any(|subject| values.contains(subject)),
        "=~" => subjects.iter().any(|subject| pattern::matches(first, subject)),
        "!~" => !subjects.iter().any(|subject| pattern::matches(first, subject)),
        ">" => ordered(&[Ordering::Greater]),
        ">=" => ordered(&[Ordering::Greater, Ordering::Equal]),
        "<" => ordered(&[Ordering::Less]),
        "<=" => ordered(&[Ordering::Less, Ordering::Equal]),
        _ => false,
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

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '[' | ']' | ',' => 1,
            '"' | '\'' => {
                let end = rest[1..].find(first).ok_or_else(|| format!("Unclosed quote in expression '{text}'"))?;
                end + 2
            }
            _ if ["==", "!=", ">=", "<=", "=~", "!~", "&&", "||"].iter().any(|sign| rest.starts_with(sign)) => 2,
            '>' | '<' => 1,
            '!' if rest[1..].starts_with("in ") || rest[1..].starts_with("in[") => 3,
            '!' if rest[1..].starts_with("exists") => 7,
            '!' => 1,
            _ => {
                rest.find(|letter: char| letter.is_whitespace() || "()[],<>=!&|".contains(letter)).unwrap_or(rest.len())
            }
        };
        if length == 0 {
            return Err(format!("Unexpected '{first}' in expression '{text}'"));
        }
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
        // A pattern after =~ may have brackets of its own: it reaches to the next blank or closing parenthesis
        // that it did not open.
        if tokens.last().is_some_and(|token| ["=~", "!~", "matches", "not_matches"].contains(&token.as_str()))
            && !rest.starts_with(['"', '\''])
        {
            let mut depth = 0;
            let end = rest.find(|letter: char| {
                match letter {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                letter.is_whitespace() || depth < 0
            });
            let end = end.unwrap_or(rest.len());
            if end > 0 {
                tokens.push(rest[..end].to_owned());
            }
            rest = rest[end..].trim_start();
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().ok_or_else(|| "The expression ends too early".to_owned())
    }

    fn take(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|token| words.contains(&token));
        if found {
            self.at += 1;
        }
        found
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take(&["or", "||"]) {
            parts.push(self.all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.take(&["and", "&&"]) {
            parts.push(self.one()?);
        }
        Ok(Expression::All(parts))
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.take(&["not", "!"]) {
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.take(&["("]) {
            let inner = self.any()?;
            return if self.take(&[")"]) { Ok(inner) } else { Err("A parenthesis is not closed".to_owned()) };
        }
        let subject = self.next()?;
        let known = subject.starts_with("attribute:")
            || ["ec2InstanceId", "agentConnected", "agentVersion", "registeredAt", "runningTasksCount", "task:group"]
                .contains(&subject.as_str());
        if !known {
            return Err(format!("Invalid subject '{subject}'"));
        }
        let spelling = self.next()?;
        let Some((_, operator)) = OPERATORS.iter().find(|(name, _)| *name == spelling) else {
            return Err(format!("Invalid operator '{spelling}'"));
        };
        let values = match *operator {
            "exists" | "!exists" => Vec::new(),
            "in" | "!in" => self.list()?,
            _ => vec![unquoted(&self.next()?)],
        };
        Ok(Expression::Compare { subject, operator, values })
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take(&["["]) {
            return Err("A list in brackets has to follow 'in'".to_owned());
        }
        let mut values = Vec::new();
        while !self.take(&["]"]) {
            let value = self.next()?;
            if value != "," {
                values.push(unquoted(&value));
            }
        }
        Ok(values)
    }
}

fn unquoted(token: &str) -> String {
    let inner = |quote: char| token.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(token).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::container_instances::Instance;
    use super::*;

    #[test]
    fn expressions_hold_or_not() {
        let mut instance = Instance::blank();
        instance.ec2_id = "i-1".into();
        instance.agent_version = "1.102.0".into();
        instance.connected = true;
        instance.attributes.insert("ecs.instance-type".into(), Some("c5.large".into()));
        instance.attributes.insert("rack".into(), None);
        for (text, expected) in [
            ("ec2InstanceId == i-1", true),
            ("ec2InstanceId in ['i-2', \"i-1\"]", true),
            ("ec2InstanceId in [i-2,i-3]", false),
            ("ec2InstanceId !in [i-2]", true),
            ("attribute:rack exists", true),
            ("attribute:shelf exists", false),
            ("attribute:shelf not_exists", true),
            ("attribute:shelf !exists and agentConnected==true", true),
            ("attribute:ecs.instance-type =~ c5.*", true),
            ("attribute:ecs.instance-type =~ (c4|m5).*", false),
            ("not(attribute:ecs.instance-type == c5.large)", false),
            ("attribute:ecs.instance-type != t3.micro", true),
            ("(attribute:rack exists or attribute:shelf exists) && !(ec2InstanceId == i-9)", true),
            ("agentVersion >= 1.33.0", true),
            ("runningTasksCount < 2", true),
            ("task:group == service:web", true),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(expression.holds(&instance, &["service:web"]), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "rack == 1",
            "attribute:a",
            "attribute:a ~ b",
            "(attribute:a exists",
            "attribute:a in b",
            "attribute:a == 'b",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
