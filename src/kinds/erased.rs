//! A kind behind one type, so that the stages know no kind by name.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{About, Attributes, Blocker, Changed, Found, Kind, Others, Place, Progress, Scope, Target, Together};
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault};
use crate::plan::FieldChange;

/// [`Kind`] with its spec as JSON.
pub trait AnyKind: Send + Sync {
    fn about(&self) -> &'static About;
    /// The JSON Schema of the spec, `tags` included.
    fn schema(&self) -> Value;
    fn accept(&self, spec: &mut Value) -> Vec<String>;
    /// The spec with defaults and in canonical form.
    ///
    /// # Errors
    /// The value is not a spec of this kind; the message says where.
    fn normalise(&self, spec: &Value, place: &Place) -> Result<Value, String>;
    /// Whether the value is a spec of this kind.
    ///
    /// # Errors
    /// The message says why not.
    fn fits(&self, spec: &Value) -> Result<(), String>;
    fn foretell(&self, name: &str, spec: &Value, place: &Place) -> Attributes;
    fn key(&self, name: &str, spec: &Value, place: &Place) -> Option<String>;
    fn copies(&self, spec: &Value) -> usize;
    fn runtime_needs(&self, spec: &Value, others: &BTreeMap<Address, Value>) -> Vec<Address>;
    fn judge(&self, fields: &mut [FieldChange], live: &Value);
    fn together(&self, old: &Found, new: &Value, others: &Others<'_>) -> Together;
    fn remarks(&self, fields: &[FieldChange], live: &Value) -> Vec<String>;
    fn read<'a>(&'a self, aws: &'a Aws, scope: &'a Scope<'a>) -> BoxFuture<'a, Result<Vec<Found>, Fault>>;
    fn create<'a>(&'a self, aws: &'a Aws, target: &'a Target) -> BoxFuture<'a, Result<String, Fault>>;
    fn update<'a>(
        &'a self,
        aws: &'a Aws,
        target: &'a Target,
        live: &'a Found,
        changed: &'a Changed,
    ) -> BoxFuture<'a, Result<Progress, Fault>>;
    fn delete<'a>(&'a self, aws: &'a Aws, live: &'a Found) -> BoxFuture<'a, Result<Progress, Fault>>;
    fn blockers<'a>(&'a self, aws: &'a Aws, live: &'a Found) -> BoxFuture<'a, Result<Vec<Blocker>, Fault>>;
    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        live: &'a Found,
        set: &'a BTreeMap<String, String>,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Fault>>;
}

impl<K: Kind> AnyKind for K {
    fn about(&self) -> &'static About {
        const { &K::ABOUT }
    }

    fn schema(&self) -> Value {
        let settings =
            schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = false);
        let mut schema = settings.into_generator().into_root_schema_for::<K::Spec>().to_value();
        if let Some(properties) = schema["properties"].as_object_mut() {
            properties.insert(
                "tags".into(),
                json!({
                    "description": "Tags on the object beside the stack's, as a map or as a list of key and value.",
                    "anyOf": [
                        {"type": "object", "additionalProperties": {"type": "string"}},
                        {"type": "array", "items": {
                            "type": "object",
                            "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
                            "required": ["key", "value"],
                            "additionalProperties": false
                        }}
                    ]
                }),
            );
        }
        schema
    }

    fn accept(&self, spec: &mut Value) -> Vec<String> {
        K::accept(spec)
    }

    fn normalise(&self, spec: &Value, place: &Place) -> Result<Value, String> {
        let mut spec: K::Spec = typed(spec)?;
        K::normalise(&mut spec, place);
        serde_json::to_value(spec).map(without_nulls).map_err(|error| error.to_string())
    }

    fn fits(&self, spec: &Value) -> Result<(), String> {
        typed::<K::Spec>(spec).map(drop)
    }

    fn foretell(&self, name: &str, spec: &Value, place: &Place) -> Attributes {
        typed(spec).map(|spec| K::foretell(name, &spec, place)).unwrap_or_default()
    }

    fn key(&self, name: &str, spec: &Value, place: &Place) -> Option<String> {
        typed(spec).ok().and_then(|spec| K::key(name, &spec, place))
    }

    fn copies(&self, spec: &Value) -> usize {
        typed(spec).map_or(1, |spec| K::copies(&spec))
    }

    fn runtime_needs(&self, spec: &Value, others: &BTreeMap<Address, Value>) -> Vec<Address> {
        typed(spec).map(|spec| K::runtime_needs(&spec, others)).unwrap_or_default()
    }

    fn judge(&self, fields: &mut [FieldChange], live: &Value) {
        if let Ok(live) = typed(live) {
            K::judge(fields, &live);
        }
    }

    fn together(&self, old: &Found, new: &Value, others: &Others<'_>) -> Together {
        match (typed_found::<K>(old), typed(new)) {
            (Ok(old), Ok(new)) => K::together(&old, &new, others),
            _ => Together::No("what it will be is not known yet".to_owned()),
        }
    }

    fn remarks(&self, fields: &[FieldChange], live: &Value) -> Vec<String> {
        typed(live).map(|live| K::remarks(fields, &live)).unwrap_or_default()
    }

    fn read<'a>(&'a self, aws: &'a Aws, scope: &'a Scope<'a>) -> BoxFuture<'a, Result<Vec<Found>, Fault>> {
        Box::pin(async move {
            let found = K::read(aws, scope).await?;
            Ok(found
                .into_iter()
                .map(|mut one| {
                    K::normalise(&mut one.spec, scope.place);
                    one.map(|spec| without_nulls(serde_json::to_value(spec).unwrap_or_default()))
                })
                .collect())
        })
    }

    fn create<'a>(&'a self, aws: &'a Aws, target: &'a Target) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(async move {
            let id = K::create(aws, &typed_target::<K>(target)?).await;
            // Also after an error: the object may exist all the same.
            aws.created();
            id
        })
    }

    fn update<'a>(
        &'a self,
        aws: &'a Aws,
        target: &'a Target,
        live: &'a Found,
        changed: &'a Changed,
    ) -> BoxFuture<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            let progress = K::update(aws, &typed_target::<K>(target)?, &typed_found::<K>(live)?, changed).await;
            aws.created();
            progress
        })
    }

    fn delete<'a>(&'a self, aws: &'a Aws, live: &'a Found) -> BoxFuture<'a, Result<Progress, Fault>> {
        Box::pin(async move { K::delete(aws, &typed_found::<K>(live)?).await })
    }

    fn blockers<'a>(&'a self, aws: &'a Aws, live: &'a Found) -> BoxFuture<'a, Result<Vec<Blocker>, Fault>> {
        Box::pin(async move { K::blockers(aws, &typed_found::<K>(live)?).await })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        live: &'a Found,
        set: &'a BTreeMap<String, String>,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move { K::retag(aws, &typed_found::<K>(live)?, set, remove).await })
    }
}

fn typed<S: DeserializeOwned>(spec: &Value) -> Result<S, String> {
    S::deserialize(spec).map_err(|error| error.to_string())
}

fn typed_target<K: Kind>(target: &Target) -> Result<Target<K::Spec>, Fault> {
    let Target { address, spec, full, ignored, tags, place } = target;
    Ok(Target {
        address: address.clone(),
        spec: typed(spec).map_err(mismatch::<K>)?,
        full: typed(full).map_err(mismatch::<K>)?,
        ignored: ignored.clone(),
        tags: tags.clone(),
        place: place.clone(),
    })
}

fn typed_found<K: Kind>(found: &Found) -> Result<Found<K::Spec>, Fault> {
    let spec = typed(&found.spec).map_err(mismatch::<K>)?;
    Ok(found.clone().map(|_| spec))
}

/// An absent member is absent, not null, so that specs need no attribute on every optional member.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// A resolved reference can make a value that the field does not take.
fn mismatch<K: Kind>(message: String) -> Fault {
    Fault::found(
        K::ABOUT.kind,
        Cause::Invalid,
        format!("the spec with its references resolved is not valid: {message}"),
    )
}
