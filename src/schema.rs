//! JSON Schemas of whole documents, for editors and for `schemas/`.

use serde_json::{Value, json};

use crate::desired::{DOCUMENT_KINDS, kind_names};
use crate::kinds::by_name;
use crate::manifest::API_VERSION;

/// The schema of documents of one kind.
pub fn document(kind: &str) -> Option<Value> {
    let of_documents = DOCUMENT_KINDS.iter().find(|one| one.name == kind).map(|one| (one.schema)());
    let mut spec = of_documents.or_else(|| Some(by_name(kind)?.schema()))?;
    let definitions = spec.as_object_mut().and_then(|members| {
        members.shift_remove("$schema");
        members.shift_remove("$defs")
    });
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind,
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind},
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$",
                        "description": "The name in references: ${Kind.name}."
                    },
                    "annotations": {
                        "type": "object",
                        "description": "Notes of your own, and farpost/ignore: findings that are lived with, as `SG-03: why`.",
                        "additionalProperties": {"type": "string"}
                    }
                },
                "required": ["name"],
                "additionalProperties": false
            },
            "spec": spec,
            "specFrom": {
                "type": "string",
                "description": "A JSON or YAML file to take the spec from, relative to the manifest and within its tree."
            },
            "lifecycle": {
                "type": "object",
                "properties": {
                    "preventDestroy": {"type": "boolean", "description": "Refuse plans that delete or replace it."},
                    "onDelete": {"enum": ["delete", "retain"], "description": "What happens when it is not declared any more."},
                    "replace": {"enum": ["createFirst", "deleteFirst"], "description": "Which of the two is there first when it is replaced. Absent: the new one, where it can be."},
                    "ignoreChanges": {
                        "type": "array", "items": {"type": "string"},
                        "description": "Paths of fields whose differences are left alone."
                    },
                    "sensitive": {
                        "type": "array", "items": {"type": "string"},
                        "description": "Paths of fields whose values are shown to nobody, as containerDefinitions[till].environment[TOKEN]."
                    },
                    "timeouts": {
                        "description": "How long work on it may take, as 45m or 1h30m: one duration for all, or one for each sort of work.",
                        "anyOf": [
                            duration(),
                            {
                                "type": "object",
                                "properties": {"create": duration(), "update": duration(), "delete": duration()},
                                "additionalProperties": false
                            }
                        ]
                    }
                },
                "additionalProperties": false
            }
        },
        "required": ["apiVersion", "kind", "metadata"],
        "oneOf": [{"required": ["spec"]}, {"required": ["specFrom"]}],
        "additionalProperties": false
    });
    if let (Some(definitions), Some(members)) = (definitions, schema.as_object_mut()) {
        members.insert("$defs".to_owned(), definitions);
    }
    Some(schema)
}

fn duration() -> Value {
    json!({"type": "string", "pattern": "^([0-9]+h([0-9]+m)?([0-9]+s)?|[0-9]+m([0-9]+s)?|[0-9]+s)$"})
}

/// The schema of a document of any kind.
pub fn manifest() -> Value {
    let kinds = kind_names();
    let choices: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": format!("{kind}.json")}
            })
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "farpost manifest",
        "type": "object",
        "properties": {"kind": {"enum": kinds}},
        "required": ["apiVersion", "kind", "metadata"],
        "allOf": choices
    })
}
