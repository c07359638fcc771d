//! temporary stub
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Label};
use serde_json::Value;
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delete {
    #[default]
    Delete,
    Retain,
}
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    pub prevent_destroy: bool,
    pub on_delete: Delete,
    pub ignore_changes: Vec<String>,
}
#[derive(Debug)]
pub struct Document {
    pub kind: String,
    pub name: String,
    pub spec: Value,
    pub lifecycle: Lifecycle,
}
impl Document {
    pub fn label(&self, _pointer: &str, _text: &str) -> Label {
        unimplemented!()
    }
    pub fn reference_label(&self, _to: &Address, _text: &str) -> Label {
        unimplemented!()
    }
}
pub struct SpecSchema;
impl SpecSchema {
    pub fn new(_: &Value) -> Self {
        Self
    }
}
pub fn check_spec(_: &Document, _: &SpecSchema) -> Vec<Diagnostic> {
    vec![]
}
#[derive(Debug, Clone)]
pub struct Reference {
    pub kind: String,
    pub name: String,
    pub attribute: Option<String>,
}
impl Reference {
    pub fn address(&self) -> Address {
        Address::new(&self.kind, &self.name)
    }
}
impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)
    }
}
pub fn substitute(v: &Value, _: &dyn Fn(&Reference) -> Option<Value>) -> Value {
    v.clone()
}
pub fn references(_: &Value) -> (Vec<(String, std::ops::Range<usize>, Reference)>, Vec<(String, String)>) {
    (vec![], vec![])
}
pub fn suggestion<'a>(_: &str, _: &[&'a str]) -> Option<&'a str> {
    None
}
