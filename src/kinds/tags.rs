//! Placeholder until the spec helper's tags.rs is merged.
pub type Tags = indexmap::IndexMap<String, String>;
