//! `lint --fix`: writes the changes that mend findings for certain. Comments and layout stay.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;
use yaml_edit::path::YamlPath;
use yaml_edit::{ScalarValue, YamlFile, YamlValue};

use super::Failure;
use crate::diagnostic::{Diagnostic, Edit, Fix, SourceFile};
use crate::manifest::yaml;
use crate::report::count;

/// What was written.
pub(super) struct Fixed {
    pub(super) changes: usize,
    files: usize,
    /// Files with changes that could not be made, and why.
    left: Vec<String>,
}

impl Fixed {
    pub(super) fn text(&self) -> String {
        let left: String = self.left.iter().map(|left| format!("not fixed: {left}\n")).collect();
        let (changes, files) = (count(self.changes, "change"), count(self.files, "file"));
        format!("{left}fixed: {changes} in {files}\n")
    }
}

/// Writes the fixes of the findings into their files.
///
/// # Errors
/// A file cannot be written; those before it are.
pub(super) fn fix(findings: &[Diagnostic]) -> Result<Fixed, Failure> {
    let mut of_files: BTreeMap<&str, Vec<&Fix>> = BTreeMap::new();
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()) {
        let fixes = of_files.entry(&fix.path).or_default();
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    let mut fixed = Fixed { changes: 0, files: 0, left: Vec::new() };
    for (path, fixes) in of_files {
        let file = Path::new(path);
        if !file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            fixed.left.push(format!("{path} is not a YAML file"));
            continue;
        }
        let failed = |what: &str, error: std::io::Error| Failure::wrong(format!("{path} could not be {what}: {error}"));
        let text = std::fs::read_to_string(file).map_err(|error| failed("read", error))?;
        let (new, made) = mended(&text, &fixes, &mut |why| fixed.left.push(format!("{path}: {why}")));
        if made > 0 {
            replace(file, &new).map_err(|error| failed("written", error))?;
            fixed.changes += made;
            fixed.files += 1;
        }
    }
    Ok(fixed)
}

/// The text with all fixes that can be made, and how many these are. One that cannot holds up no other.
fn mended(text: &str, fixes: &[&Fix], left: &mut dyn FnMut(String)) -> (String, usize) {
    if let Ok(new) = edited(text, fixes) {
        return (new, fixes.len());
    }
    let (mut new, mut made) = (text.to_owned(), Vec::new());
    for fix in fixes {
        made.push(*fix);
        match edited(text, &made) {
            Ok(with) => new = with,
            Err(why) => {
                made.pop();
                left(why);
            }
        }
    }
    (new, made.len())
}

/// The text with the fixes made, all or none.
fn edited(text: &str, fixes: &[&Fix]) -> Result<String, String> {
    let parsed = YamlFile::from_str(text).map_err(|error| error.to_string())?;
    let documents: Vec<_> = parsed.documents().collect();
    for fix in fixes {
        let holds = |range: yaml_edit::TextPosition| {
            // Written at the start of a document, its first key may lie behind a comment.
            (range.start as usize) <= fix.document && fix.document < (range.end as usize).max(1)
        };
        let document = documents.iter().find(|document| holds(document.byte_range()));
        let document = document.ok_or("the document to change is not where it was")?;
        let path = path(&fix.pointer);
        let done = match &fix.edit {
            Edit::Remove => document.try_remove_path(&path).map(|_| ()),
            Edit::Set(value) => document.try_set_path(&path, written(value)?),
        };
        done.map_err(|error| format!("{}: {error}", fix.pointer))?;
    }
    let new = parsed.to_string();
    check(&new, text, fixes)?;
    Ok(new)
}

/// A value as the editor takes it.
fn written(value: &Value) -> Result<YamlValue, String> {
    let scalar = match value {
        Value::Bool(value) => ScalarValue::from(*value),
        Value::String(text) => ScalarValue::string(text),
        Value::Number(number) => ScalarValue::from(number.as_i64().ok_or_else(|| format!("{number} is not whole"))?),
        Value::Null => ScalarValue::null(),
        Value::Array(items) => return items.iter().map(written).collect::<Result<_, _>>().map(YamlValue::Sequence),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| Ok((name.clone(), written(member)?)));
            return members.collect::<Result<_, String>>().map(YamlValue::Mapping);
        }
    };
    Ok(YamlValue::Scalar(scalar))
}

/// A JSON pointer in the words of the editor; every key is escaped, so that none is taken for syntax.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        let key = step.replace("~1", "/").replace("~0", "~");
        key.chars().for_each(|letter| path.extend(['\\', letter]));
    }
    path
}

/// Reads the new text as manifests are read: everything must be as it was but for the fixes.
fn check(new: &str, old: &str, fixes: &[&Fix]) -> Result<(), String> {
    let read = |text: &str| {
        let (nodes, errors) = yaml::parse(&SourceFile::new("", text));
        let values: Vec<(usize, Value)> = nodes.iter().map(|node| (node.span.start, node.to_value())).collect();
        if errors.is_empty() { Ok(values) } else { Err("the file would not be YAML any more".to_owned()) }
    };
    let (mut wanted, got) = (read(old)?, read(new)?);
    for fix in fixes {
        let document = wanted.iter_mut().find(|(start, _)| *start == fix.document).map(|(_, value)| value);
        let (above, member) = fix.pointer.rsplit_once('/').unwrap_or_default();
        let holder = document.and_then(|document| document.pointer_mut(above)).and_then(Value::as_object_mut);
        let holder = holder.ok_or_else(|| format!("{} is not there any more", fix.pointer))?;
        let member = member.replace("~1", "/").replace("~0", "~");
        match &fix.edit {
            Edit::Set(value) => {
                holder.insert(member, value.clone());
            }
            Edit::Remove => {
                holder.shift_remove(&member);
            }
        }
    }
    let is_same = wanted.iter().map(|(_, value)| value).eq(got.iter().map(|(_, value)| value));
    if is_same { Ok(()) } else { Err("more than the fixes would change".to_owned()) }
}

/// Writes a file whole or not at all, with the permissions that it has.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let new = path.with_extension("yaml.farpost-new");
    std::fs::write(&new, text)?;
    std::fs::set_permissions(&new, std::fs::metadata(&path)?.permissions())?;
    std::fs::rename(&new, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix_at(text: &str, nth: usize, pointer: &str, edit: Edit) -> Fix {
        let (nodes, _) = yaml::parse(&SourceFile::new("t.yaml", text));
        let document = nodes[nth].span.start;
        Fix { path: "t.yaml".to_owned(), document, pointer: pointer.to_owned(), edit }
    }

    #[test]
    fn only_what_is_to_be_mended_changes() {
        let text = "# first\na: 1 # one\n---\n# second\nspec:\n  log.driver:\n    - {x: 1} # keep\n    - y: yes  # this\n  z: 2\n";
        let set = fix_at(text, 1, "/spec/log.driver/1/y", Edit::Set("no way".into()));
        let remove = fix_at(text, 1, "/spec/z", Edit::Remove);
        let add = fix_at(text, 0, "/b", Edit::Set(7.into()));
        let new = edited(text, &[&set, &remove, &add]).unwrap();
        assert_eq!(
            new,
            "# first\na: 1 # one\nb: 7\n---\n# second\nspec:\n  log.driver:\n    - {x: 1} # keep\n    - y: no way  # this\n"
        );
    }

    #[test]
    fn what_cannot_be_done_is_left() {
        let gone = Fix { document: 99, ..fix_at("a: 1\n", 0, "/a", Edit::Remove) };
        assert!(edited("a: 1\n", &[&gone]).is_err());
        let half = fix_at("a: 1\n", 0, "/a", Edit::Set(serde_json::json!(0.5)));
        assert_eq!(edited("a: 1\n", &[&half]).unwrap_err(), "0.5 is not whole");
        // What can be done beside it is done.
        let add = fix_at("a: 1\n", 0, "/b", Edit::Set(2.into()));
        let mut left = Vec::new();
        assert_eq!(mended("a: 1\n", &[&half, &add], &mut |why| left.push(why)), ("a: 1\nb: 2\n".to_owned(), 1));
        assert_eq!(left, ["0.5 is not whole"]);
    }

    #[test]
    fn maps_are_written_into_blocks_and_into_braces() {
        let condition = serde_json::json!({"StringEquals": {"aws:SourceAccount": "123456789012"}});
        for text in [
            "Statement:\n  Effect: Allow # yes\n  Action: x\nz: 1\n",
            "Statement: {Effect: Allow, Action: x} # yes\nz: 1\n",
            "Statement:\n  - Effect: Allow\n    Action: x\n  - {Effect: Deny}\n",
        ] {
            let pointer = if text.contains("- ") { "/Statement/0/Condition" } else { "/Statement/Condition" };
            let new = edited(text, &[&fix_at(text, 0, pointer, Edit::Set(condition.clone()))]);
            let (nodes, _) = yaml::parse(&SourceFile::new("t.yaml", new.clone().unwrap()));
            assert_eq!(nodes[0].to_value().pointer(pointer), Some(&condition), "{new:?}");
        }
    }

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        for value in ["true", "1", "null", "a: b", "# x", ""] {
            let text = "a: 1\n";
            let new = edited(text, &[&fix_at(text, 0, "/a", Edit::Set(value.into()))]).unwrap();
            let (nodes, _) = yaml::parse(&SourceFile::new("t.yaml", new.as_str()));
            assert_eq!(nodes[0].to_value(), serde_json::json!({"a": value}), "{new}");
        }
    }
}
