//! A spec against the JSON Schema of its kind: every finding at once, each at its place in the file.
//!
//! The validator says what is wrong in the schema's terms; here it becomes what to write instead.

use std::collections::BTreeSet;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::source::{Source, escape};
use super::{Document, references, suggest};
use crate::diagnostic::{Diagnostic, Edit, Fix, Label, quote};
use crate::rules;

/// A compiled schema. Compile once, check many.
#[derive(Debug)]
pub struct SpecSchema {
    schema: Value,
    validator: Validator,
}

/// The schema itself is wrong, which is a bug in the program.
#[derive(Debug, thiserror::Error)]
#[error("schema cannot be compiled: {0}")]
pub struct SchemaError(String);

impl SpecSchema {
    /// Compiles a schema.
    pub fn new(schema: Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::validator_for(&schema).map_err(|error| SchemaError(error.to_string()))?;
        Ok(Self { schema, validator })
    }

    /// The schema as it was given.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Findings for a value that was written at `base` (a JSON pointer into `source`). Strings that
    /// hold references are only checked where their final type is known.
    pub fn check(&self, value: &Value, source: &Source, base: &str) -> Vec<Diagnostic> {
        self.check_as(value, source, base, &|_| None)
    }

    /// The same; `code_of` knows names for what is wrong at some pointers below `base`.
    pub fn check_as(
        &self,
        value: &Value,
        source: &Source,
        base: &str,
        code_of: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Vec<Diagnostic> {
        let mut check = Check { schema: &self.schema, source, base, code_of, findings: Vec::new() };
        for error in self.validator.iter_errors(value) {
            check.error(&error);
        }
        check.findings
    }
}

/// Findings for the spec of a document. A document whose spec could not be read has its findings already.
pub fn check_spec(document: &Document, schema: &SpecSchema) -> Vec<Diagnostic> {
    if !document.intact {
        return Vec::new();
    }
    let rule = |pointer: &str| rules::of_schema(&document.kind, pointer);
    schema.check_as(&document.spec, &document.source, "/spec", &rule)
}

struct Check<'a> {
    schema: &'a Value,
    source: &'a Source,
    base: &'a str,
    code_of: &'a dyn Fn(&str) -> Option<&'static str>,
    findings: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, error: &ValidationError<'_>) {
        let before = self.findings.len();
        self.describe(error);
        let missing = match error.kind() {
            ValidationErrorKind::Required { property } => property.as_str().map(|name| format!("/{}", escape(name))),
            _ => None,
        };
        let pointer = format!("{}{}", error.instance_path().as_str(), missing.unwrap_or_default());
        if let Some(code) = (self.code_of)(&pointer) {
            for finding in self.findings.iter_mut().skip(before).filter(|finding| finding.code != "unknown-field") {
                finding.code = code.into();
            }
        }
    }

    fn describe(&mut self, error: &ValidationError<'_>) {
        use ValidationErrorKind as Kind;
        let instance = &**error.instance();
        let text = instance.as_str();
        let whole_reference = text.is_some_and(|text| references::whole(text).is_some());
        if whole_reference {
            // Its value, and so its type, comes later.
            return;
        }
        let template = text.is_some_and(references::contains);
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => self.unfold(error, context),
            Kind::Type { kind } => self.wrong_type(error, type_names(kind)),
            _ if template => {}
            Kind::Enum { options } => {
                let options = options.as_array().cloned().unwrap_or_default();
                self.unknown_value(error, &options);
            }
            Kind::Constant { expected_value } => {
                self.unknown_value(error, &[(**expected_value).clone()]);
            }
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let known = self.properties_beside(error);
                self.unknown_fields(error, unexpected, &known);
            }
            Kind::Required { property } => self.missing_field(error, property.as_str().unwrap_or_default()),
            Kind::PropertyNames { error: inner } => {
                let name = inner.instance().as_str().unwrap_or_default().to_owned();
                let pointer = format!("{}/{}", self.pointer(error), escape(&name));
                let message = format!("{} cannot be a key here: {}", quote(&name), self.phrase(inner));
                self.push("invalid-key", message, self.source.key_label(&pointer), self.description(inner));
            }
            Kind::FalseSchema => {
                let label = self.source.key_label(&self.pointer(error));
                self.push("unknown-field", "not allowed here".to_owned(), label, None);
            }
            _ => {
                let label = self.label(error);
                self.push("invalid-value", self.phrase(error), label, self.description(error));
            }
        }
    }

    fn push(&mut self, code: &'static str, message: String, label: Label, help: Option<String>) {
        let mut finding = Diagnostic::error(code, message).at(label);
        finding.help = help;
        self.findings.push(finding);
    }

    fn pointer(&self, error: &ValidationError<'_>) -> String {
        format!("{}{}", self.base, error.instance_path().as_str())
    }

    fn label(&self, error: &ValidationError<'_>) -> Label {
        self.source.label(&self.pointer(error))
    }

    /// The schema object that holds the keyword that failed.
    fn schema_beside(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let path = error.schema_path().as_str();
        self.schema.pointer(&path[..path.rfind('/')?])
    }

    fn properties_beside(&self, error: &ValidationError<'_>) -> Vec<String> {
        self.schema_beside(error)
            .and_then(|schema| schema.get("properties")?.as_object())
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Why AWS's field of this name is none here, where the schema says so.
    fn left_out(&self, error: &ValidationError<'_>, name: &str) -> Option<&str> {
        self.schema_beside(error)?.get("x-left-out")?.get(name)?.as_str()
    }

    /// The first sentence of the field's documentation, as help.
    fn description(&self, error: &ValidationError<'_>) -> Option<String> {
        let text = self.schema_beside(error)?.get("description")?.as_str()?;
        let paragraph = text.split("\n\n").next()?.replace('\n', " ");
        let sentence = paragraph.split_inclusive(". ").next()?.trim();
        (!sentence.is_empty()).then(|| sentence.to_owned())
    }

    fn unknown_fields(&mut self, error: &ValidationError<'_>, unexpected: &[String], known: &[String]) {
        for name in unexpected {
            let pointer = format!("{}/{}", self.pointer(error), escape(name));
            let mut finding = Diagnostic::error("unknown-field", format!("unknown field {}", quote(name)))
                .at(self.source.key_label(&pointer));
            let written = |known: &&str| error.instance().get(*known).is_none();
            let candidates = known.iter().map(String::as_str).filter(written);
            if let Some(why) = self.left_out(error, name) {
                finding = finding.help(why);
            } else if let Some(near) = suggest::closest(name, candidates) {
                finding = finding.help(format!("did you mean `{near}`?")).suggest(near);
            } else if !known.is_empty() {
                let fields = suggest::list(known.iter().map(String::as_str));
                finding = finding.help(format!("fields here are {fields}"));
            }
            self.findings.push(finding);
        }
    }

    fn missing_field(&mut self, error: &ValidationError<'_>, property: &str) {
        let pointer = self.pointer(error);
        let help = self
            .schema_beside(error)
            .and_then(|schema| schema.get("properties")?.get(property)?.get("description")?.as_str())
            .and_then(|text| text.split("\n\n").next())
            .map(|text| text.replace('\n', " "));
        let place = match pointer.rsplit('/').next().unwrap_or_default() {
            "" => String::new(),
            last if last.bytes().all(|b| b.is_ascii_digit()) => " in this item".to_owned(),
            last => format!(" in `{last}`"),
        };
        let label = self.source.label(&pointer);
        self.push("missing-field", format!("missing field {}{place}", quote(property)), label, help);
    }

    fn unknown_value(&mut self, error: &ValidationError<'_>, options: &[Value]) {
        let words: Vec<String> = options.iter().filter(|v| !v.is_null()).map(plain).collect();
        let found = plain(error.instance());
        let list = suggest::list(words.iter().map(String::as_str));
        let message = match words.as_slice() {
            [only] => format!("expected `{only}`, found {}", quote(&found)),
            _ => format!("{} is not one of {list}", quote(&found)),
        };
        let mut finding = Diagnostic::error("unknown-value", message).at(self.label(error));
        if let Some(near) = suggest::closest(&found, words.iter().map(String::as_str)) {
            finding = finding.help(format!("did you mean `{near}`?")).suggest(near);
        }
        self.findings.push(finding);
    }

    fn wrong_type(&mut self, error: &ValidationError<'_>, expected: BTreeSet<JsonType>) {
        let instance = &**error.instance();
        let names: Vec<&str> = expected.iter().map(|name| word(*name)).collect();
        let found = match instance {
            Value::Array(_) | Value::Object(_) | Value::Null => value_type(instance).to_owned(),
            other => format!("{} {}", value_type(other), quote(&plain(other))),
        };
        let message = format!("expected {}, found {found}", names.join(" or "));
        let label = self.label(error);
        let written = label.written().to_owned();
        let mut finding = Diagnostic::error("wrong-type", message).at(label);
        let wants = |name: JsonType| expected.contains(&name);
        // What was meant is certain, so that it can be written for the user.
        let set = |value: Value| {
            let (file, document, pointer) = self.source.editable(&self.pointer(error));
            Some(Fix { path: file.path().to_owned(), document, pointer, edit: Edit::Set(value) })
        };
        finding = match instance {
            Value::Number(_) | Value::Bool(_) if wants(JsonType::String) => {
                finding.fix = set(Value::String(written.clone()));
                finding.help(format!("quote it: \"{written}\"")).suggest(format!("\"{written}\""))
            }
            Value::String(text) if wants(JsonType::Boolean) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => {
                    finding.fix = set(Value::Bool(true));
                    finding.help("write `true`, without quotes").suggest("true")
                }
                "false" | "no" | "off" => {
                    finding.fix = set(Value::Bool(false));
                    finding.help("write `false`, without quotes").suggest("false")
                }
                _ => finding.help("write `true` or `false`"),
            },
            Value::String(text) if wants(JsonType::Integer) || wants(JsonType::Number) => {
                let digits = text.replace('_', "");
                finding.fix = digits.parse::<i64>().ok().and_then(|number| set(number.into()));
                match digits.parse::<f64>() {
                    Ok(_) => finding.help(format!("write {digits}, without quotes")).suggest(digits),
                    Err(_) => finding,
                }
            }
            Value::Array(_) | Value::Null => finding,
            _ if wants(JsonType::Array) => finding.help("make it a list: put `- ` in front of each item"),
            _ => finding,
        };
        self.findings.push(finding);
    }

    /// None of several alternatives fits: report what is wrong with the one that was most likely meant.
    fn unfold(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) {
        use ValidationErrorKind as Kind;
        let root = error.instance_path();
        let at_root = |inner: &&ValidationError<'static>| inner.instance_path() == root;
        let mismatch = |inner: &ValidationError<'static>| {
            matches!(inner.kind(), Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. })
        };
        // Alternatives that only allow null are how schemas say "optional".
        let branches: Vec<&Vec<ValidationError<'static>>> =
            context.iter().filter(|branch| !branch.iter().any(|inner| is_null_type(inner))).collect();
        if branches.is_empty() {
            return;
        }

        if branches.iter().all(|branch| branch.iter().filter(at_root).any(mismatch)) {
            let (mut options, mut types) = (Vec::new(), BTreeSet::new());
            for inner in branches.iter().flat_map(|branch| branch.iter().filter(at_root)) {
                match inner.kind() {
                    Kind::Enum { options: more } => options.extend(more.as_array().cloned().unwrap_or_default()),
                    Kind::Constant { expected_value } => options.push((**expected_value).clone()),
                    Kind::Type { kind } => types.extend(type_names(kind)),
                    _ => {}
                }
            }
            if options.is_empty() || !error.instance().is_string() && !types.is_empty() {
                self.wrong_type(error, types);
            } else if !error.instance().as_str().is_some_and(references::contains) {
                self.unknown_value(error, &options);
            }
            return;
        }

        let unknown = |branch: &&Vec<ValidationError<'static>>| {
            branch.iter().filter(at_root).any(|inner| matches!(inner.kind(), Kind::AdditionalProperties { .. }))
        };
        if branches.iter().all(unknown) {
            return self.unknown_in_all(error, &branches);
        }

        let cost = |branch: &&&Vec<ValidationError<'static>>| {
            let wrong_kind = branch.iter().filter(at_root).any(mismatch);
            let depth = |inner: &&ValidationError<'static>| {
                inner.instance_path().as_str()[root.as_str().len()..].matches('/').count()
            };
            let wrong_tag = branch
                .iter()
                .any(|inner| depth(&inner) == 1 && matches!(inner.kind(), Kind::Constant { .. } | Kind::Enum { .. }));
            (wrong_kind, branch.iter().filter(at_root).count(), wrong_tag, branch.len())
        };
        if let Some(best) = branches.iter().min_by_key(cost) {
            for inner in *best {
                self.error(inner);
            }
        }
    }

    /// No alternative knows some field: the fields of all of them are candidates for what was meant.
    fn unknown_in_all(&mut self, error: &ValidationError<'_>, branches: &[&Vec<ValidationError<'static>>]) {
        let mut known: Vec<String> = Vec::new();
        let mut fewest: Option<&Vec<String>> = None;
        for inner in branches.iter().flat_map(|branch| branch.iter()) {
            if let ValidationErrorKind::AdditionalProperties { unexpected } = inner.kind()
                && inner.instance_path() == error.instance_path()
            {
                known.extend(self.properties_beside(inner));
                if fewest.is_none_or(|least| unexpected.len() < least.len()) {
                    fewest = Some(unexpected);
                }
            }
        }
        let mut seen = BTreeSet::new();
        known.retain(|name| seen.insert(name.clone()));
        if let Some(unexpected) = fewest {
            self.unknown_fields(error, unexpected, &known);
        }
    }

    /// What is wrong, for the keywords that need no help of their own.
    fn phrase(&self, error: &ValidationError<'_>) -> String {
        use ValidationErrorKind as Kind;
        let found = quote(&plain(error.instance()));
        match error.kind() {
            Kind::Minimum { limit } => format!("{found} is less than the minimum of {limit}"),
            Kind::Maximum { limit } => format!("{found} is greater than the maximum of {limit}"),
            Kind::ExclusiveMinimum { limit } => format!("{found} is not greater than {limit}"),
            Kind::ExclusiveMaximum { limit } => format!("{found} is not less than {limit}"),
            Kind::MultipleOf { multiple_of } => format!("{found} is not a multiple of {multiple_of}"),
            Kind::MinLength { limit: 1 } => "cannot be empty".to_owned(),
            Kind::MinLength { limit } => format!("{found} is shorter than {limit} characters"),
            Kind::MaxLength { limit } => format!("{found} is longer than {limit} characters"),
            Kind::MinItems { limit: 1 } => "the list cannot be empty".to_owned(),
            Kind::MinItems { limit } => format!("the list needs at least {limit} items"),
            Kind::MaxItems { limit } => format!("the list has more than {limit} items"),
            Kind::MinProperties { limit } => format!("at least {limit} members are needed"),
            Kind::MaxProperties { limit } => format!("more than {limit} members"),
            Kind::UniqueItems => "the list has equal items".to_owned(),
            Kind::Pattern { pattern } => format!("{found} does not match the pattern `{pattern}`"),
            Kind::Format { format } => format!("{found} is not a valid {format}"),
            Kind::OneOfMultipleValid { .. } => "fits more than one of the alternatives; give one".to_owned(),
            Kind::Not { .. } => format!("{found} is not allowed"),
            _ => error.masked().to_string(),
        }
    }
}

fn type_names(kind: &TypeKind) -> BTreeSet<JsonType> {
    let types: Vec<JsonType> = match kind {
        TypeKind::Single(single) => vec![*single],
        TypeKind::Multiple(set) => set.iter().collect(),
    };
    types.into_iter().filter(|name| *name != JsonType::Null).collect()
}

fn is_null_type(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) })
}

/// The words that manifests use for JSON's types.
fn word(name: JsonType) -> &'static str {
    match name {
        JsonType::Array => "list",
        JsonType::Object => "map",
        other => other.as_str(),
    }
}

fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value_type(value).to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::manifest::yaml;
    use serde_json::json;

    /// `line:column code message | help | suggestion` of each finding
    fn check(schema: Value, text: &str) -> Vec<String> {
        let file = SourceFile::new("t.yaml", format!("spec:\n{text}"));
        let (mut nodes, findings) = yaml::parse(&file);
        assert_eq!(findings, []);
        let root = nodes.remove(0);
        let file_value = root.to_value();
        let source = Source::new(&file, root);
        let value = file_value["spec"].clone();
        let mut findings = SpecSchema::new(schema).unwrap().check(&value, &source, "/spec");
        crate::diagnostic::sort(&mut findings);
        findings
            .iter()
            .map(|finding| {
                let start = finding.primary.as_ref().unwrap().start();
                let mut line = format!("{}:{} {} {}", start.line, start.column, finding.code, finding.message);
                for more in [&finding.help, &finding.suggestion].into_iter().flatten() {
                    line += &format!(" | {more}");
                }
                line
            })
            .collect()
    }

    fn schema() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["cidrBlock"],
            "additionalProperties": false,
            "properties": {
                "cidrBlock": {"type": "string", "description": "Addresses, as a prefix.\n\nMore."},
                "count": {"type": ["integer", "null"], "minimum": 0},
                "public": {"type": "boolean"},
                "launch": {"enum": ["EC2", "EXTERNAL"]},
                "mode": {"oneOf": [
                    {"description": "a", "type": "string", "const": "host"},
                    {"description": "b", "type": "string", "const": "bridge"}
                ]},
                "ports": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Port"}},
                "volume": {"anyOf": [{"$ref": "#/$defs/Volume"}, {"type": "null"}]},
                "cpu": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "rule": {"oneOf": [
                    {"type": "object", "required": ["type", "weight"], "properties": {"type": {"const": "spread"}, "weight": {"type": "integer"}}},
                    {"type": "object", "required": ["type"], "properties": {"type": {"const": "binpack"}, "field": {"enum": ["cpu", "memory"]}}}
                ]},
                "tags": {"type": "object", "propertyNames": {"maxLength": 3}, "additionalProperties": {"type": "string"}}
            },
            "$defs": {
                "Port": {"type": "object", "additionalProperties": false, "required": ["containerPort"], "properties": {
                    "containerPort": {"type": "integer", "maximum": 65535, "description": "Port inside the container. Long."},
                    "protocol": {"enum": ["tcp", "udp"]}
                }},
                "Volume": {"oneOf": [
                    {"type": "object", "additionalProperties": false, "required": ["efs"], "properties": {"efs": {"type": "object", "required": ["id"]}}},
                    {"type": "object", "additionalProperties": false, "required": ["host"], "properties": {"host": {"type": "string"}}}
                ]}
            }
        })
    }

    #[test]
    fn a_good_spec_gives_nothing() {
        let text = "  cidrBlock: a\n  count: 1\n  ports: [{containerPort: 1}]\n  mode: host\n  cpu: 1\n";
        assert_eq!(check(schema(), text), [] as [&str; 0]);
    }

    #[test]
    fn all_findings_come_at_once_each_at_its_place() {
        let text = "  cidr_block: 10.0.0.0/8\n  count: two\n  launch: external\n  ports:\n    - containerPort: 99999\n      protocol: tpc\n      hostprt: 1\n    - {}\n  mode: hots\n  zzzzzz: 1\n";
        assert_eq!(
            check(schema(), text),
            [
                "1:1 missing-field missing field `cidrBlock` in `spec` | Addresses, as a prefix.",
                "2:3 unknown-field unknown field `cidr_block` | did you mean `cidrBlock`? | cidrBlock",
                "3:10 wrong-type expected integer, found string `two`",
                "4:11 unknown-value `external` is not one of `EC2` or `EXTERNAL` | did you mean `EXTERNAL`? | EXTERNAL",
                "6:22 invalid-value `99999` is greater than the maximum of 65535 | Port inside the container.",
                "7:17 unknown-value `tpc` is not one of `tcp` or `udp` | did you mean `tcp`? | tcp",
                "8:7 unknown-field unknown field `hostprt` | fields here are `containerPort` or `protocol`",
                "9:7 missing-field missing field `containerPort` in this item | Port inside the container. Long.",
                "10:9 unknown-value `hots` is not one of `host` or `bridge` | did you mean `host`? | host",
                "11:3 unknown-field unknown field `zzzzzz` | fields here are `cidrBlock`, `count`, `public`, `launch`, `mode`, `ports`, `volume`, `cpu`, `rule` or `tags`",
            ]
        );
    }

    #[test]
    fn wrong_types_say_what_to_write() {
        let text = "  cidrBlock: 10\n  count: \"3\"\n  public: on\n  ports: {containerPort: 1}\n  cpu: [1]\n  mode: 3\n  tags:\n    a: true\n    long: x\n";
        assert_eq!(
            check(schema(), text),
            [
                "2:14 wrong-type expected string, found integer `10` | quote it: \"10\" | \"10\"",
                "3:10 wrong-type expected integer, found string `3` | write 3, without quotes | 3",
                "4:11 wrong-type expected boolean, found string `on` | write `true`, without quotes | true",
                "5:3 wrong-type expected list, found map | make it a list: put `- ` in front of each item",
                "6:3 wrong-type expected integer or string, found list",
                "7:9 wrong-type expected string, found integer `3` | quote it: \"3\" | \"3\"",
                "9:8 wrong-type expected string, found boolean `true` | quote it: \"true\" | \"true\"",
                "10:5 invalid-key `long` cannot be a key here: `long` is longer than 3 characters",
            ]
        );
    }

    #[test]
    fn alternatives_are_unfolded_into_the_one_that_was_meant() {
        let check = |text: &str| check(schema(), &format!("  cidrBlock: a\n{text}"));
        assert_eq!(check("  volume: {efs: {}}\n"), ["3:12 missing-field missing field `id` in `efs`"]);
        assert_eq!(
            check("  volume: {hsot: x}\n"),
            ["3:12 unknown-field unknown field `hsot` | did you mean `host`? | host"]
        );
        assert_eq!(check("  volume: 3\n"), ["3:11 wrong-type expected map, found integer `3`"]);
        assert_eq!(
            check("  rule: {type: spread, weight: x}\n"),
            ["3:32 wrong-type expected integer, found string `x`"]
        );
        assert_eq!(
            check("  rule: {type: binpack, field: cpus}\n"),
            ["3:32 unknown-value `cpus` is not one of `cpu` or `memory` | did you mean `cpu`? | cpu"]
        );
    }

    #[test]
    fn references_are_not_judged_before_they_are_resolved() {
        let text = "  cidrBlock: ${Vpc.a.cidr}\n  count: ${Vpc.a.n}\n  mode: ${Vpc.a.mode}\n  volume: ${Vpc.a.v}\n  launch: x-${Vpc.a.b}\n  cpu: ${Vpc.a}0\n";
        assert_eq!(check(schema(), text), [] as [&str; 0]);
        assert_eq!(
            check(schema(), "  cidrBlock: a\n  count: 1${Vpc.a.n}\n"),
            ["3:10 wrong-type expected integer, found string `1${Vpc.a.n}`"]
        );
    }

    #[test]
    fn a_broken_schema_is_an_error_and_no_panic() {
        assert!(SpecSchema::new(json!({"type": "strnig"})).is_err());
    }
}
