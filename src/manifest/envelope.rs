//! The outer form of a document: `apiVersion`, `kind`, `metadata.name`, `spec` or `specFrom`, `lifecycle`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::schema::{SchemaError, SpecSchema};
use super::source::{Source, escape};
use super::tree::{self, Tree};
use super::yaml::{self, Data, Node};
use super::{Document, Lifecycle, Timeouts, durations, suggest, walk};
use crate::diagnostic::{Diagnostic, Label, SourceFile, quote};
use crate::rules::IGNORE_ANNOTATION as ANNOTATION;

/// The only `apiVersion` there is.
pub const API_VERSION: &str = "farpost/v1";

const MEMBERS: [&str; 6] = ["apiVersion", "kind", "metadata", "spec", "specFrom", "lifecycle"];

static LIFECYCLE: LazyLock<Result<SpecSchema, SchemaError>> = LazyLock::new(|| {
    SpecSchema::new(json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "preventDestroy": {"type": "boolean"},
            "onDelete": {"enum": ["delete", "retain"]},
            "replace": {"enum": ["createFirst", "deleteFirst"]},
            "ignoreChanges": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "sensitive": {"type": "array", "items": {"type": "string", "minLength": 1}},
            // Durations are read by hand, for better messages.
            "timeouts": {}
        }
    }))
});

/// What is the same for all documents of a file.
pub(super) struct Context<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) path: &'a Path,
    pub(super) root: &'a Path,
    pub(super) tree: &'a dyn Tree,
    pub(super) kinds: &'a [&'a str],
}

impl Context<'_> {
    /// The document, unless nothing tells which resource it declares. Adds a finding for everything wrong.
    pub(super) fn read(&self, root: Node, findings: &mut Vec<Diagnostic>) -> Option<Document> {
        let mut source = Source::new(self.file, root.clone());
        let mut reader = Reader { source: &source, root: &root, findings };
        if !matches!(root.data, Data::Map(_)) {
            let message = format!("a manifest is a map, found a {}", root.type_name());
            reader.error("not-a-manifest", message, "").help = Some("start with `apiVersion: farpost/v1`".to_owned());
            return None;
        }
        if ["apiVersion", "kind", "metadata"].iter().all(|member| root.get(member).is_none()) {
            reader.error("not-a-manifest", "not a farpost manifest".to_owned(), "").help = Some(
                "a manifest has `apiVersion: farpost/v1`, `kind` and `metadata`; keep other files elsewhere".to_owned(),
            );
            return None;
        }
        reader.members();
        let api_version = reader.api_version();
        let kind = reader.kind(self.kinds);
        let name = reader.name();
        let annotations = reader.annotations();
        let lifecycle = reader.lifecycle();
        let spec = self.spec(&mut source, &root, findings);
        let (Some(kind), Some(name)) = (kind, name) else { return None };
        Some(Document {
            kind,
            name,
            api_version,
            intact: spec.is_some(),
            spec: spec.unwrap_or_else(|| json!({})),
            annotations,
            lifecycle,
            source,
        })
    }

    fn spec(&self, source: &mut Source, root: &Node, findings: &mut Vec<Diagnostic>) -> Option<Value> {
        let written = |member: &str| root.get(member).filter(|entry| !entry.value.is_null());
        let mut error = |code, message: &str, label: Label, help: &str| {
            findings.push(Diagnostic::error(code, message).at(label).help(help));
        };
        match (written("spec"), written("specFrom")) {
            (Some(_), Some(_)) => {
                let message = "`spec` and `specFrom` are both given";
                let mut finding = Diagnostic::error("spec-twice", message)
                    .at(source.key_label("/specFrom"))
                    .related(source.key_label("/spec").saying("the other one"));
                finding.help = Some("keep one of them".to_owned());
                findings.push(finding);
                None
            }
            (None, None) => {
                let label = if root.get("spec").is_some() { source.key_label("/spec") } else { source.label("/kind") };
                error("missing-field", "missing field `spec`", label, "write `spec: {}` to take every default");
                None
            }
            (Some(entry), None) => match &entry.value.data {
                Data::Map(_) => Some(entry.value.to_value()),
                _ => {
                    let message = format!("`spec` must be a map, found a {}", entry.value.type_name());
                    error("wrong-type", &message, source.label("/spec"), "write fields below `spec:`, indented");
                    None
                }
            },
            (None, Some(entry)) => match entry.value.text() {
                Some(path) => self.spec_from(source, path, findings),
                None => {
                    let message = format!("`specFrom` must be a path, found a {}", entry.value.type_name());
                    error("wrong-type", &message, source.label("/specFrom"), "name a JSON or YAML file");
                    None
                }
            },
        }
    }

    /// The spec from the file that `specFrom` names.
    fn spec_from(&self, source: &mut Source, written: &str, findings: &mut Vec<Diagnostic>) -> Option<Value> {
        let label = source.label("/specFrom");
        let path = match tree::resolve(self.path, self.root, written) {
            Ok(path) => path,
            Err((message, help)) => {
                findings.push(Diagnostic::error("bad-path", format!("`specFrom` {message}")).at(label).help(help));
                return None;
            }
        };
        let shown = walk::shown(&path);
        let text = match self.tree.read(&path, self.root).map(tree::decode) {
            Ok(Ok(text)) => text,
            Ok(Err(bad)) => {
                let message = format!("{} is {}", quote(&shown), bad.message);
                findings.push(Diagnostic::error(bad.code, message).at(label).help(bad.help));
                return None;
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", quote(&shown));
                findings.push(
                    Diagnostic::error("unreadable", message).at(label).help("the path is relative to this manifest"),
                );
                return None;
            }
        };
        let file = SourceFile::new(shown, text);
        let (mut nodes, errors) = yaml::parse(&file);
        let broken = errors.iter().any(|error| error.code != "duplicate-key");
        findings.extend(errors);
        if broken {
            return None;
        }
        match (nodes.pop(), nodes.is_empty()) {
            (Some(node), true) if matches!(node.data, Data::Map(_)) => {
                let mut value = node.to_value();
                if let Some(map) = value.as_object_mut() {
                    map.shift_remove("$schema");
                }
                source.set_spec_from(&file, node);
                Some(value)
            }
            (None, _) => {
                findings.push(
                    Diagnostic::error("wrong-type", "the file is empty").at(label).help("it must hold the spec, a map"),
                );
                None
            }
            (Some(node), single) => {
                let message = if single { "a spec must be a map" } else { "a spec must be a single document" };
                let start = node.span.start;
                findings.push(
                    Diagnostic::error("wrong-type", message)
                        .at(Label::new(&file, start..start))
                        .related(label.saying("used here")),
                );
                None
            }
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    root: &'a Node,
    findings: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, code: &'static str, message: String, pointer: &str) -> &mut Diagnostic {
        let finding = Diagnostic::error(code, message).at(self.source.label(pointer));
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn members(&mut self) {
        for entry in self.root.entries() {
            if MEMBERS.contains(&entry.key.as_str()) {
                continue;
            }
            let mut finding = Diagnostic::error("unknown-field", format!("unknown field {}", quote(&entry.key)))
                .at(Label::new(self.source.file(), entry.key_span.clone()));
            let free = MEMBERS.into_iter().filter(|member| self.root.get(member).is_none());
            finding = match suggest::closest(&entry.key, free) {
                Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(near),
                None => finding.help("the resource's own fields go under `spec`"),
            };
            self.findings.push(finding);
        }
    }

    /// A required member that must be a string.
    fn required(&mut self, pointer: &str, help: &str) -> Option<String> {
        let member = pointer.rsplit('/').next().unwrap_or_default();
        let parent = &pointer[..pointer.len() - member.len() - 1];
        let holder = match parent {
            "" => Some(self.root),
            _ => self.root.get(&parent[1..]).map(|entry| &entry.value),
        };
        match holder.and_then(|holder| holder.get(member)).map(|entry| &entry.value) {
            Some(node) if !node.is_null() => match node.text() {
                Some(text) => return Some(text.to_owned()),
                None => {
                    let label = self.source.label(pointer);
                    let written = label.written();
                    let scalar = matches!(node.data, Data::Bool(_) | Data::Number(_));
                    let quoted = format!("\"{written}\"");
                    let finding = self.error(
                        "wrong-type",
                        format!("`{member}` must be a string, found a {}", node.type_name()),
                        pointer,
                    );
                    if scalar {
                        finding.help = Some(format!("quote it: {quoted}"));
                        finding.suggestion = Some(quoted);
                    }
                }
            },
            Some(_) => {
                self.error("missing-field", format!("`{member}` is empty"), pointer).help = Some(help.to_owned());
            }
            None => {
                self.error("missing-field", format!("missing field `{}`", &pointer[1..].replace('/', ".")), parent)
                    .help = Some(help.to_owned());
            }
        }
        None
    }

    fn api_version(&mut self) -> String {
        let Some(version) = self.required("/apiVersion", "add `apiVersion: farpost/v1`") else {
            return String::new();
        };
        if version != API_VERSION {
            let finding = self.error("unknown-value", format!("unknown apiVersion {}", quote(&version)), "/apiVersion");
            finding.help = Some(format!("write `{API_VERSION}`"));
            finding.suggestion = Some(API_VERSION.to_owned());
        }
        version
    }

    fn kind(&mut self, kinds: &[&str]) -> Option<String> {
        let kind = self.required("/kind", "add `kind:`, for instance `kind: Cluster`")?;
        if kinds.contains(&kind.as_str()) {
            return Some(kind);
        }
        let near = suggest::closest(&kind, kinds.iter().copied());
        let finding = self.error("unknown-kind", format!("unknown kind {}", quote(&kind)), "/kind");
        finding.help = Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("kinds are {}", suggest::list(kinds.iter().copied())),
        });
        finding.suggestion = near.map(str::to_owned);
        None
    }

    fn name(&mut self) -> Option<String> {
        if let Some(entry) = self.root.get("metadata") {
            if !matches!(entry.value.data, Data::Map(_) | Data::Null) {
                let message = format!("`metadata` must be a map, found a {}", entry.value.type_name());
                self.error("wrong-type", message, "/metadata").help = Some("write `metadata: {name: …}`".to_owned());
                return None;
            }
            for member in
                entry.value.entries().iter().filter(|member| !["name", "annotations"].contains(&member.key.as_str()))
            {
                let mut finding = Diagnostic::error("unknown-field", format!("unknown field {}", quote(&member.key)))
                    .at(Label::new(self.source.file(), member.key_span.clone()));
                let named = entry.value.get("name").is_some();
                finding = match suggest::closest(&member.key, ["name"]) {
                    Some(near) if !named => finding.help("did you mean `name`?").suggest(near),
                    _ => finding.help("`metadata` holds `name` and `annotations`; tags go under `spec`"),
                };
                self.findings.push(finding);
            }
        }
        let name = self.required("/metadata/name", "add `metadata: {name: …}`")?;
        let valid = name.len() <= 128
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !valid {
            self.error("bad-name", format!("{} cannot be a name", quote(&name)), "/metadata/name").help =
                Some("1 to 128 letters, digits, `_` and `-`, beginning with a letter or digit".to_owned());
        }
        Some(name)
    }

    /// Notes on the document. Those that begin with `farpost/` mean something to farpost; others are the user's own.
    fn annotations(&mut self) -> BTreeMap<String, String> {
        let written = self.root.get("metadata").and_then(|entry| entry.value.get("annotations"));
        let Some(entry) = written.filter(|entry| !entry.value.is_null()) else { return BTreeMap::new() };
        if !matches!(entry.value.data, Data::Map(_)) {
            let message = format!("`annotations` must be a map, found a {}", entry.value.type_name());
            self.error("wrong-type", message, "/metadata/annotations").help =
                Some(format!("write `{ANNOTATION}: \"SG-03: why\"`"));
            return BTreeMap::new();
        }
        let mut annotations = BTreeMap::new();
        for member in entry.value.entries() {
            let pointer = format!("/metadata/annotations/{}", escape(&member.key));
            if member.key.starts_with("farpost/") && member.key != ANNOTATION {
                let message = format!("unknown annotation {}", quote(&member.key));
                let finding = Diagnostic::error("unknown-field", message).at(self.source.key_label(&pointer));
                self.findings.push(finding.help(format!("farpost knows `{ANNOTATION}`")));
                continue;
            }
            match member.value.text() {
                Some(text) => {
                    annotations.insert(member.key.clone(), text.to_owned());
                }
                None => {
                    let message = format!("an annotation must be a string, found a {}", member.value.type_name());
                    self.error("wrong-type", message, &pointer).help = Some("put it in quotes".to_owned());
                }
            }
        }
        annotations
    }

    fn lifecycle(&mut self) -> Lifecycle {
        let Some(entry) = self.root.get("lifecycle").filter(|entry| !entry.value.is_null()) else {
            return Lifecycle::default();
        };
        let value = entry.value.to_value();
        let Ok(schema) = &*LIFECYCLE else { return Lifecycle::default() };
        let found = schema.check(&value, self.source, "/lifecycle");
        if found.is_empty() {
            // A reference passes the schema as a value still to come; nothing resolves one here.
            let timeouts = value.get("timeouts").filter(|value| !value.is_null()).cloned();
            let mut lifecycle: Lifecycle = serde_json::from_value(value).unwrap_or_else(|_| {
                self.error("wrong-type", "references cannot be used in `lifecycle`".to_owned(), "/lifecycle");
                protected()
            });
            lifecycle.timeouts = timeouts.map(|timeouts| self.timeouts(&timeouts)).unwrap_or_default();
            return lifecycle;
        }
        self.findings.extend(found);
        protected()
    }

    /// One duration for all work, or one for each sort of it.
    fn timeouts(&mut self, value: &Value) -> Timeouts {
        const AT: &str = "/lifecycle/timeouts";
        const WORK: [&str; 3] = ["create", "update", "delete"];
        let Value::Object(members) = value else {
            let all = self.duration(value, AT);
            return Timeouts { create: all, update: all, delete: all };
        };
        for member in members.keys().filter(|member| !WORK.contains(&member.as_str())) {
            let pointer = format!("{AT}/{}", escape(member));
            let near = suggest::closest(member, WORK.into_iter().filter(|work| !members.contains_key(*work)));
            let mut finding = Diagnostic::error("unknown-field", format!("unknown field {}", quote(member)))
                .at(self.source.key_label(&pointer));
            finding = match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(near),
                None => finding.help("there are timeouts for `create`, `update` and `delete`"),
            };
            self.findings.push(finding);
        }
        let mut of = |work: &str| members.get(work).and_then(|value| self.duration(value, &format!("{AT}/{work}")));
        Timeouts { create: of("create"), update: of("update"), delete: of("delete") }
    }

    fn duration(&mut self, value: &Value, pointer: &str) -> Option<u64> {
        let (written, result) = match value {
            Value::Null => return None,
            Value::String(text) => (quote(text), durations::parse(text)),
            Value::Number(number) => (quote(&number.to_string()), Err("has no unit")),
            _ => ("this".to_owned(), Err("is not a duration")),
        };
        match result {
            Ok(duration) => return Some(duration.as_secs()),
            Err(why) => {
                let finding = self.error("bad-duration", format!("{written} {why}"), pointer);
                finding.help = Some("write hours, minutes and seconds as `45m`, `1h30m` or `90s`".to_owned());
            }
        }
        None
    }
}

/// What stands for a lifecycle that could not be read: the errors stop the run, and should a caller go
/// on regardless, nothing is destroyed.
fn protected() -> Lifecycle {
    Lifecycle { prevent_destroy: true, ..Lifecycle::default() }
}
