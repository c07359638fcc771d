//! The tables: what each file says of a kind, and the check that no field is left out.

use std::collections::{BTreeMap, BTreeSet};

use farpost::kinds::AnyKind;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One file: a kind with its fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Manifests without a stack; the object under test is named `it`.
    pub(super) base: String,
    /// Statements that set the scene, once everything of the base but its last object stands.
    pub(super) scene: Option<String>,
    pub(super) cases: Vec<Case>,
    /// Fields without a case, each with the reason.
    #[serde(default)]
    pub(super) exempt: BTreeMap<String, String>,
}

/// What happens to one field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The path within `spec`, list items by number: `containerDefinitions.0.cpu`. None: the object as a whole.
    pub(super) field: Option<String>,
    /// What the base is changed to before the case begins; null takes a member away. `Kind/name:path` is a member of
    /// another object.
    #[serde(default)]
    pub(super) with: BTreeMap<String, Value>,
    /// The new value; null takes the field away.
    #[serde(default)]
    pub(super) to: Change,
    /// What must change along with it.
    #[serde(default)]
    pub(super) and: BTreeMap<String, Value>,
    /// `update` or `replace`, or `unchanged` where AWS has nothing that could be changed; with `drift` alone, what
    /// mends it, which may be `create`.
    #[serde(default)]
    pub(super) expect: Option<String>,
    /// The path that shows the change, when it is not the field's.
    pub(super) names: Option<String>,
    /// Statements that change it behind farpost's back, after the change was applied.
    pub(super) drift: Option<String>,
    /// What mends the drift, when it is not an update.
    #[serde(default)]
    pub(super) mend: Option<String>,
    /// The path that shows the drift, when it is not the field's.
    pub(super) shows: Option<String>,
    /// Why there is no call that changes it behind farpost's back.
    pub(super) immutable: Option<String>,
    /// For a drift of a field that the manifest leaves out: `mended`, or `left` to whoever changed it.
    pub(super) undeclared: Option<Undeclared>,
    /// Only a deep read notices.
    #[serde(default)]
    pub(super) deep: bool,
    /// Begins with an empty account, because the case before leaves something behind.
    #[serde(default)]
    pub(super) fresh: bool,
    /// Statements that set the scene, once the base stands and before `with` is applied.
    pub(super) prepare: Option<String>,
    /// What does not work yet. The case must fail as it says, so that this goes when it works.
    pub(super) known_gap: Option<Gap>,
}

/// A failure that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gap {
    /// Where it fails.
    pub(super) step: Stage,
    /// A part of what the failure says.
    pub(super) says: String,
    /// Why it does not work yet.
    pub(super) why: String,
}

/// A part of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// Making what the case begins with.
    Base,
    /// Planning the change.
    Plan,
    /// Applying it, until nothing is left.
    Apply,
    /// Changing it behind farpost's back, and planning.
    Drift,
    /// Mending that, until nothing is left.
    Mend,
}

/// What went wrong in a case, and where.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: Stage,
    pub(super) message: String,
}

impl Failure {
    /// `.map_err(Failure::at(Stage::Plan))`
    pub(super) fn at(step: Stage) -> impl Fn(String) -> Self {
        move |message| Self { step, message }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.step, self.message)
    }
}

impl Gap {
    /// Whether a failure is this one.
    pub(super) fn is(&self, failure: &Failure) -> bool {
        self.step == failure.step && failure.message.contains(&self.says)
    }
}

/// The new value of a field.
#[derive(Debug, Default)]
pub(super) enum Change {
    #[default]
    None,
    To(Value),
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::To)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Undeclared {
    Mended,
    Left,
}

impl Case {
    pub(super) fn title(&self) -> String {
        self.field.clone().unwrap_or_else(|| "the object".to_owned())
    }
}

pub(super) fn read(kind: &str) -> Table {
    let mut name = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    let path = format!("{}/tests/fields/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A path without the numbers and names of list items, so that tables and plans can be compared.
pub(super) fn plain(path: &str) -> Vec<String> {
    let mut depth = 0;
    let without: String = path
        .chars()
        .filter(|letter| {
            depth += i32::from(*letter == '[');
            let keep = depth == 0;
            depth -= i32::from(*letter == ']');
            keep
        })
        .collect();
    without.split('.').filter(|part| part.parse::<usize>().is_err()).map(str::to_owned).collect()
}

/// What is wrong with the table itself: fields that nothing names, names that are no fields, cases that say nothing.
pub(super) fn complaints(kind: &dyn AnyKind, table: &Table) -> Vec<String> {
    let fields = fields(&kind.schema());
    let cases: BTreeSet<String> =
        table.cases.iter().filter_map(|case| case.field.as_deref()).map(|field| plain(field).join(".")).collect();
    let covers = |field: &String| cases.iter().any(|case| case == field || case.starts_with(&format!("{field}.")));
    let mut complaints = Vec::new();
    for field in &fields {
        match (covers(field), table.exempt.contains_key(field)) {
            (false, false) => complaints.push(format!("{field}: no case names this field, and it is not exempt")),
            (true, true) => complaints.push(format!("{field}: there is a case, so it need not be exempt")),
            _ => {}
        }
    }
    for name in
        table.exempt.iter().filter(|(name, why)| !fields.contains(*name) || why.is_empty()).map(|(name, _)| name)
    {
        complaints.push(format!("{name}: exempt, and no field of the kind or without a reason"));
    }
    let roots: BTreeSet<&str> = fields.iter().filter_map(|field| field.split('.').next()).collect();
    for case in &table.cases {
        let title = case.title();
        if case.field.is_some() && !roots.contains(title.split('.').next().unwrap_or_default()) {
            complaints.push(format!("{title}: the kind has no such field"));
        }
        let changes = matches!(case.to, Change::To(_));
        if changes && case.drift.is_some() == case.immutable.is_some() {
            complaints.push(format!("{title}: a change needs either a drift or a reason why there is none"));
        }
        if let Some(gap) = case.known_gap.as_ref().filter(|gap| gap.says.is_empty() || gap.why.is_empty()) {
            complaints.push(format!("{title}: a known gap says how it fails and why: {gap:?}"));
        }
        if !changes && (case.drift.is_none() || (case.field.is_some() && case.undeclared.is_none())) {
            complaints.push(format!("{title}: neither a change nor an undeclared drift"));
        }
    }
    complaints
}

/// The fields at the top, and those of structures that are large.
fn fields(schema: &Value) -> BTreeSet<String> {
    let members = |of: &Value| of.as_object().map(Map::keys).into_iter().flatten().cloned().collect::<Vec<_>>();
    let mut fields: BTreeSet<String> = members(&schema["properties"]).into_iter().collect();
    for (field, of) in
        [("containerDefinitions", "ContainerDefinition"), ("deploymentConfiguration", "DeploymentConfiguration")]
    {
        if fields.remove(field) {
            let below = members(&schema["$defs"][of]["properties"]);
            assert!(!below.is_empty(), "the schema of {field} is somewhere else");
            fields.extend(below.into_iter().map(|member| format!("{field}.{member}")));
        }
    }
    fields
}
