//! Reference pages made from the kinds themselves: their schemas, their facts.

use std::fmt::Write as _;

use serde_json::Value;

use crate::desired::{DOCUMENT_KINDS, DocumentKind};
use crate::kinds::{About, KINDS, by_name, covers};
use crate::manifest::suggest::closest;

/// One line a kind.
pub fn kinds() -> String {
    let mut out = String::new();
    for DocumentKind { name, summary, .. } in DOCUMENT_KINDS {
        writeln!(out, "{name:18} {}", summary.split_inclusive(". ").next().unwrap_or_default().trim()).ok();
    }
    for kind in KINDS {
        writeln!(out, "{:18} {}", kind.about().kind, kind.about().summary).ok();
    }
    out
}

/// A field of a spec, with everything that is known of it.
struct Field {
    /// `privateDnsNameOptionsOnLaunch.hostnameType`; `[]` for items of a list.
    path: String,
    kind_of_value: String,
    is_required: bool,
    text: String,
}

/// The page of a kind, as Markdown; none when there is no such kind.
pub fn page(kind: &str) -> Option<String> {
    if let Some(DocumentKind { name, summary, schema }) = DOCUMENT_KINDS.iter().find(|one| one.name == kind) {
        let mut out = format!("# {name}\n\n{summary}\n");
        write_fields(&mut out, &schema(), &About::DEFAULT);
        return Some(out);
    }
    let found = by_name(kind)?;
    let about = found.about();
    let mut out = format!("# {kind}\n\n{}\n", about.summary);
    write_fields(&mut out, &found.schema(), about);
    out.push_str("\n## What references can take\n\n");
    for (name, text) in about.attributes {
        writeln!(out, "- `${{{kind}.NAME.{name}}}`: {text}").ok();
    }
    let minutes = about.patience_minutes;
    writeln!(out, "\nWork on it may take {minutes} minutes, unless `lifecycle.timeouts` says otherwise.").ok();
    out.push_str("\n## Calls, which are the IAM actions that it needs\n\n");
    for call in about.calls.iter().chain(about.permissions) {
        writeln!(out, "- `{call}`").ok();
    }
    if !about.calls.contains(&"tag:GetResources") {
        out.push_str("- `tag:GetResources`, as every plan: it tells what belongs to the stack\n");
    }
    writeln!(out, "\nAn example: `examples/kinds/{}.yaml`.", kebab(kind)).ok();
    Some(out)
}

/// One field and what is below it; else the name that may be meant.
///
/// # Errors
/// There is no such field.
pub fn field(kind: &str, path: &str) -> Result<String, Option<String>> {
    let (schema, about) = match by_name(kind) {
        Some(found) => (found.schema(), found.about()),
        None => {
            let of_documents = DOCUMENT_KINDS.iter().find(|one| one.name == kind).ok_or(None)?;
            ((of_documents.schema)(), &About::DEFAULT)
        }
    };
    // As it stands in a manifest, or without what all of them have in common.
    let wanted = path.strip_prefix("spec.").unwrap_or(path).replace("[]", "");
    let fields = fields(&schema);
    let plain = |field: &Field| field.path.replace("[]", "");
    let below: Vec<&Field> = fields.iter().filter(|field| covers(&[wanted.as_str()], &plain(field))).collect();
    if below.is_empty() {
        let names: Vec<String> = fields.iter().map(plain).collect();
        return Err(closest(&wanted, names.iter().map(String::as_str)).map(str::to_owned));
    }
    let mut out = String::new();
    for field in below {
        write_field(&mut out, field, about);
    }
    Ok(out)
}

fn write_fields(out: &mut String, schema: &Value, about: &About) {
    out.push_str("\n## Fields of `spec`\n\n");
    for field in fields(schema) {
        write_field(out, &field, about);
    }
}

fn write_field(out: &mut String, field: &Field, about: &About) {
    let Field { path, kind_of_value, is_required, text } = field;
    let required = if *is_required { ", required" } else { "" };
    let plain = path.replace("[]", "");
    let change = if about.kind.is_empty() {
        ""
    } else if covers(about.replace, &plain) {
        " *Replaces.*"
    } else if covers(about.unmanaged, &plain) {
        " *Not managed when absent.*"
    } else {
        ""
    };
    writeln!(out, "- `{path}` ({kind_of_value}{required}): {text}{change}").ok();
}

/// The fields of a schema in reading order, each before what is below it.
fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk(schema, schema, "", 0, &mut found);
    found
}

/// Deeper than any spec; a schema that refers to itself ends here.
const DEEPEST: usize = 8;

fn walk(root: &Value, schema: &Value, path: &str, depth: usize, found: &mut Vec<Field>) {
    if depth > DEEPEST {
        return;
    }
    let schema = resolved(root, schema);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let inner = resolved(root, member);
        let is_list = inner["items"].is_object();
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let shown = if is_list { format!("{path}[]") } else { path };
        let text = [member, inner].iter().find_map(|schema| schema["description"].as_str()).unwrap_or_default();
        found.push(Field {
            path: shown.clone(),
            kind_of_value: kind_of_value(root, member),
            is_required: required.contains(&name.as_str()),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        });
        let below = if is_list { &inner["items"] } else { inner };
        walk(root, below, &shown, depth + 1, found);
    }
}

/// The schema behind a reference, or behind the one alternative that is not null.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return resolved(root, &root["$defs"][name]);
    }
    let choices: Vec<&Value> =
        schema["anyOf"].as_array().into_iter().flatten().filter(|choice| choice["type"] != "null").collect();
    match choices[..] {
        [only] => resolved(root, only),
        _ => schema,
    }
}

fn kind_of_value(root: &Value, schema: &Value) -> String {
    if let Some(kind) = schema["x-ref"].as_str() {
        return format!("a {kind}");
    }
    let schema = resolved(root, schema);
    if let Some(kind) = schema["x-ref"].as_str() {
        return format!("a {kind}");
    }
    let choices: Vec<String> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(schema["oneOf"].as_array().into_iter().flatten().map(|choice| &choice["const"]))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    };
    match types[..] {
        ["array"] => format!("list of {}", kind_of_value(root, &schema["items"])),
        ["object"] if schema["additionalProperties"].is_object() => "map".to_owned(),
        ["object"] => "object".to_owned(),
        ["boolean"] => "true or false".to_owned(),
        [] if schema["anyOf"].is_array() => {
            let mut kinds: Vec<String> =
                schema["anyOf"].as_array().into_iter().flatten().map(|choice| kind_of_value(root, choice)).collect();
            kinds.dedup();
            kinds.join(" or ")
        }
        [] => "any".to_owned(),
        _ => types.join(" or "),
    }
}

/// `InternetGateway` → `internet-gateway`, as files are named.
pub fn kebab(kind: &str) -> String {
    let mut name = String::new();
    for (index, letter) in kind.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
