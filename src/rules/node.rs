//! A value in a declared spec that knows where it stands, so that a finding about it has a place.

use serde_json::Value;

use crate::address::Address;
use crate::desired::Resource;
use crate::kinds::is_open;
use crate::manifest::source::escape;

/// A value in the spec of a declared object, or the place where one could be.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    resource: &'a Resource,
    /// None: nothing is written there.
    value: Option<&'a Value>,
    /// The value itself, or the nearest one around the place.
    near: &'a Value,
}

impl<'a> Node<'a> {
    /// The whole spec.
    pub fn root(resource: &'a Resource) -> Self {
        Self { resource, value: Some(&resource.spec), near: &resource.spec }
    }

    /// The tags as they were written: a map, or a list of `key` and `value`.
    pub fn tags(self) -> Self {
        let spec = &self.resource.document.spec;
        let tags = spec.get("tags").filter(|tags| !tags.is_null());
        Self { value: tags, near: tags.unwrap_or(&self.resource.spec), ..self }
    }

    /// The object that it is part of.
    pub fn resource(self) -> &'a Resource {
        self.resource
    }

    /// The address of the object that it is part of.
    pub fn address(self) -> &'a Address {
        &self.resource.address
    }

    /// The spec that it is part of.
    pub fn whole(self) -> Self {
        Self::root(self.resource)
    }

    /// The member of this name. What is null is absent.
    pub fn get(self, member: &str) -> Self {
        let value = self.value.and_then(|value| value.get(member)).filter(|value| !value.is_null());
        Self { value, near: value.unwrap_or(self.near), ..self }
    }

    /// The member that a path leads to: `logConfiguration.options`.
    pub fn at(self, path: &str) -> Self {
        path.split('.').fold(self, Self::get)
    }

    /// The items of a list; none where there is no list.
    pub fn items(self) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        let items = self.value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        items.iter().map(move |item| Self { value: Some(item), near: item, ..self })
    }

    /// The members of a map with their names; none where there is no map.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        let members = self.value.and_then(Value::as_object).into_iter().flatten();
        let given = members.filter(|(_, value)| !value.is_null());
        given.map(move |(name, value)| (name.as_str(), Self { value: Some(value), near: value, ..self }))
    }

    /// Whether it is written, and not null.
    pub fn is_given(self) -> bool {
        self.value.is_some()
    }

    /// Whether it is written and neither an empty list nor an empty map.
    pub fn says_something(self) -> bool {
        match self.value {
            None => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(_) => true,
        }
    }

    /// The JSON value, where it is written.
    pub fn value(self) -> Option<&'a Value> {
        self.value
    }

    /// The text as it is written, with references in it.
    pub fn written(self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// The text, when it is one and known already: no reference is in it.
    pub fn text(self) -> Option<&'a str> {
        self.written().filter(|text| !is_open(text))
    }

    /// Whether it is this text.
    pub fn is(self, text: &str) -> bool {
        self.written() == Some(text)
    }

    /// Whether it is one of these texts.
    pub fn is_any(self, texts: &[&str]) -> bool {
        self.written().is_some_and(|written| texts.contains(&written))
    }

    /// The whole number, also when it is written as text: `256` and `"256"`.
    pub fn number(self) -> Option<i64> {
        match self.value? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// True or false, when it is written.
    pub fn flag(self) -> Option<bool> {
        self.value.and_then(Value::as_bool)
    }

    /// Whether it is written and true.
    pub fn is_true(self) -> bool {
        self.flag() == Some(true)
    }

    /// Where it stands, as a JSON pointer in the document: `/spec/ingress/0`. For an absent member, the nearest value
    /// around it.
    pub fn pointer(self) -> String {
        let below = pointer_to(&self.resource.spec, self.near)
            .or_else(|| pointer_to(&self.resource.document.spec, self.near))
            .unwrap_or_default();
        format!("/spec{below}")
    }
}

/// The way from a value to a part of it, by identity: nodes carry no path, since hardly one of them is ever told.
fn pointer_to(root: &Value, part: &Value) -> Option<String> {
    if std::ptr::eq(root, part) {
        return Some(String::new());
    }
    match root {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(format!("/{index}{}", pointer_to(item, part)?)))
        }
        Value::Object(members) => {
            members.iter().find_map(|(name, member)| Some(format!("/{}{}", escape(name), pointer_to(member, part)?)))
        }
        _ => None,
    }
}
