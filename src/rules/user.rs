//! Rules of the user's own: documents of the kind Rule with an expression in CEL, the language of Kubernetes'
//! admission policies. They are asked about what is declared, in lint, and about the changes of a plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cel::{Context, Program};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hits::Hit;
use super::ignore;
use crate::address::Address;
use crate::desired::{Desired, Resource, Stack};
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::kinds::by_name;
use crate::manifest::{Document, SpecSchema, check_spec, suggest};
use crate::plan::{Action, Change, Note, Plan, Refusal};

/// The kind of the documents.
pub const RULE_KIND: &str = "Rule";

/// What a manifest may say of a rule.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleSpec {
    /// What the expression is asked about: `resources`, each declared object by itself, which is the default; `stack`,
    /// all of them at once; `changes`, each change of a plan; `plan`, all changes at once.
    #[serde(default)]
    over: Over,
    /// Only objects of these kinds; all kinds by default. For `resources` and `changes`.
    #[serde(default)]
    kinds: Option<Vec<String>>,
    /// Only changes of these actions: create, update, replace, delete; all of them by default. For `changes`.
    #[serde(default)]
    actions: Option<Vec<ChangeAction>>,
    /// An expression in CEL that is true when all is well. It knows `object` (address, kind, name, spec with the
    /// defaults filled in, tags, needs, users) for resources; `resources`, a list of the same, for resources and stack;
    /// `change` (address, kind, name, action, fields, before, after) for changes; `changes`, a list of the same, for
    /// changes and plan; and everywhere `stack` (name, account, region, tags) and `now` (date, time, weekday, hour,
    /// minute). An error in it is a violation: ask `has(object.spec.x)` before you use what may be absent.
    expression: String,
    /// What to tell when it is false; the expression itself by default.
    #[serde(default)]
    message: Option<String>,
    /// The same as an expression whose value is a text, in place of `message`.
    #[serde(default)]
    message_expression: Option<String>,
    /// How bad a violation is: `error`, the default, `warning` or `note`. An error in a plan refuses it.
    #[serde(default)]
    severity: Option<Severity>,
    /// The time zone of `now`, as Europe/Oslo; UTC by default.
    #[serde(default)]
    time_zone: Option<String>,
}

/// What the expression is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Over {
    #[default]
    Resources,
    Stack,
    Changes,
    Plan,
}

/// [`Action`] without doing nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ChangeAction {
    Create,
    Update,
    Replace,
    Delete,
}

impl ChangeAction {
    fn is(self, action: Action) -> bool {
        let of = match self {
            Self::Create => Action::Create,
            Self::Update => Action::Update,
            Self::Replace => Action::Replace,
            Self::Delete => Action::Delete,
        };
        of == action
    }
}

/// The JSON Schema of a rule's spec.
pub fn rule_schema() -> Value {
    schemars::schema_for!(RuleSpec).to_value()
}

/// A rule that can be asked.
#[derive(Clone)]
pub struct UserRule {
    pub name: String,
    spec: Arc<RuleSpec>,
    program: Arc<Program>,
    message: Option<Arc<Program>>,
    zone: TimeZone,
    /// Where the expression stands.
    label: Label,
}

impl std::fmt::Debug for UserRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRule").field("name", &self.name).field("expression", &self.spec.expression).finish()
    }
}

/// The rules among documents, compiled.
pub(crate) fn read(documents: &[Document], findings: &mut Vec<Diagnostic>) -> Vec<UserRule> {
    let schema = SpecSchema::new(rule_schema());
    let rules = documents.iter().filter(|document| document.kind == RULE_KIND);
    rules.filter_map(|document| read_one(document, schema.as_ref().ok()?, findings)).collect()
}

fn read_one(document: &Document, schema: &SpecSchema, findings: &mut Vec<Diagnostic>) -> Option<UserRule> {
    let before = findings.len();
    findings.extend(check_spec(document, schema));
    if findings.len() > before || !document.intact {
        return None;
    }
    let spec: RuleSpec = serde_json::from_value(document.spec.clone()).ok()?;
    for (index, kind) in spec.kinds.iter().flatten().enumerate().filter(|(_, kind)| by_name(kind).is_none()) {
        let near = suggest::closest(kind, crate::kinds::KINDS.iter().map(|kind| kind.about().kind));
        let mut finding =
            Diagnostic::error("unknown-kind", format!("Rule/{}: no kind is called `{kind}`", document.name))
                .at(document.source.label(&format!("/spec/kinds/{index}")));
        finding.help = near.map(|near| format!("did you mean `{near}`?"));
        findings.push(finding);
    }
    let mut compile = |member: &str, text: &str| match Program::compile(text) {
        Ok(program) => Some(Arc::new(program)),
        Err(errors) => {
            let pointer = format!("/spec/{member}");
            for error in errors.errors {
                let message = format!("Rule/{}: the expression cannot be read: {}", document.name, error.msg);
                let label = document.source.within(&pointer, around(text, error.pos));
                findings.push(Diagnostic::error("rule-expression", message).at(label));
            }
            None
        }
    };
    let program = compile("expression", &spec.expression);
    let message = spec.message_expression.as_ref().and_then(|text| compile("messageExpression", text));
    let zone = match spec.time_zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::get) {
        Ok(zone) => zone,
        Err(error) => {
            let message = format!("Rule/{}: {error}", document.name);
            let label = document.source.label("/spec/timeZone");
            findings.push(Diagnostic::error("unknown-value", message).at(label).help("write it as Europe/Oslo"));
            return None;
        }
    };
    let label = document.source.label("/spec/expression");
    let rule = UserRule { name: document.name.clone(), spec: Arc::new(spec), program: program?, message, zone, label };
    (findings.len() == before).then_some(rule)
}

/// The bytes of the letter at a line and column, both as the parser counts them: from 1.
fn around(text: &str, (line, column): (isize, isize)) -> std::ops::Range<usize> {
    let number = |from_one: isize| usize::try_from(from_one - 1).unwrap_or(0);
    let line_start: usize = text.split_inclusive('\n').take(number(line)).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or_default();
    let letter = rest.char_indices().nth(number(column)).or_else(|| rest.char_indices().last());
    let (offset, length) = letter.map_or((0, 0), |(offset, letter)| (offset, letter.len_utf8()));
    line_start + offset..line_start + offset + length
}

/// What came of asking a rule.
enum Answer {
    Fine,
    Violated(String),
    /// What went wrong, and what helps.
    Failed(String, &'static str),
}

impl UserRule {
    fn severity(&self) -> Severity {
        self.spec.severity.unwrap_or(Severity::Error)
    }

    fn is_about(&self, address: &Address) -> bool {
        self.spec.kinds.as_ref().is_none_or(|kinds| kinds.contains(&address.kind))
    }

    fn ask(&self, facts: &Facts, variables: &[(&str, cel::Value)]) -> Answer {
        let mut context = Context::default();
        let of_all = [("stack", &facts.stack), ("resources", &facts.resources), ("changes", &facts.changes)];
        let of_all = of_all.into_iter().map(|(name, value)| (name, value.clone()));
        for (name, value) in of_all.chain(variables.iter().cloned()) {
            context.add_variable_from_value(name, value);
        }
        context.add_variable_from_value("now", self.now(facts.now));
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(true)) => Answer::Fine,
            Ok(cel::Value::Bool(false)) => Answer::Violated(self.tell(&context)),
            Ok(other) => Answer::Failed(format!("its value is neither true nor false: {other:?}"), NOT_A_QUESTION),
            Err(error) => Answer::Failed(error.to_string(), ABSENT),
        }
    }

    fn tell(&self, context: &Context<'_, '_>) -> String {
        match self.message.as_ref().map(|program| program.execute(context)) {
            Some(Ok(cel::Value::String(text))) => text.to_string(),
            Some(Ok(other)) => format!("the messageExpression is no text: {other:?}"),
            Some(Err(error)) => format!("the messageExpression cannot be evaluated: {error}"),
            None => {
                let text = self.spec.message.clone();
                text.unwrap_or_else(|| format!("this must be true: {}", self.spec.expression.trim()))
            }
        }
    }

    fn now(&self, now: Timestamp) -> cel::Value {
        let now = now.to_zoned(self.zone.clone());
        value(&json!({
            "date": now.date().to_string(),
            "time": now.timestamp().to_string(),
            "weekday": format!("{:?}", now.weekday()),
            "hour": now.hour(),
            "minute": now.minute(),
        }))
    }

    fn failed(&self, of: &str, error: &str) -> String {
        format!("Rule/{} cannot be evaluated for {of}: {error}", self.name)
    }
}

const ABSENT: &str = "ask `has(object.spec.x)` before you use what may be absent";
const NOT_A_QUESTION: &str = "write what must be true, as `size(object.needs) > 0`";

/// What every expression can see.
struct Facts {
    stack: cel::Value,
    resources: cel::Value,
    changes: cel::Value,
    now: Timestamp,
}

/// What rules find about what is declared. `now` is the time that they see.
pub(crate) fn check(desired: &Desired, now: Timestamp) -> Vec<Hit> {
    let rules: Vec<&UserRule> =
        desired.rules.iter().filter(|rule| matches!(rule.spec.over, Over::Resources | Over::Stack)).collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let objects: Vec<(&Resource, cel::Value)> = objects(desired);
    let resources = cel::Value::from(objects.iter().map(|(_, object)| object.clone()).collect::<Vec<_>>());
    let facts = Facts { stack: stack(&desired.stack), resources, changes: Vec::<cel::Value>::new().into(), now };
    let mut hits = Vec::new();
    for rule in rules {
        let code = Cow::<'static, str>::Owned(rule.name.clone());
        let here = || rule.label.clone().saying("the rule");
        let mut add = |address: Option<&Resource>, answer: Answer| {
            let of = address.map_or_else(|| "the stack".to_owned(), |resource| resource.address.to_string());
            let diagnostic = match (answer, address) {
                (Answer::Fine, _) => return,
                (Answer::Failed(error, help), _) => {
                    let message = rule.failed(&of, &error);
                    Diagnostic::new(rule.severity(), code.clone(), message).at(rule.label.clone()).help(help)
                }
                (Answer::Violated(text), Some(resource)) => {
                    Diagnostic::new(rule.severity(), code.clone(), format!("{of}: {text}"))
                        .at(resource.document.source.label("/metadata/name"))
                        .related(here())
                }
                (Answer::Violated(text), None) => {
                    Diagnostic::new(rule.severity(), code.clone(), text).at(rule.label.clone())
                }
            };
            let address = address.map_or_else(|| Address::new(RULE_KIND, &rule.name), |one| one.address.clone());
            hits.push(Hit { address, diagnostic });
        };
        match rule.spec.over {
            Over::Stack => add(None, rule.ask(&facts, &[])),
            _ => {
                for (resource, object) in objects.iter().filter(|(resource, _)| rule.is_about(&resource.address)) {
                    add(Some(resource), rule.ask(&facts, &[("object", object.clone())]));
                }
            }
        }
    }
    hits
}

/// Asks the rules about a plan: an error refuses it, anything else is noted in it.
pub fn judge(desired: &Desired, plan: &mut Plan, now: Timestamp) {
    let rules = desired.rules.iter().filter(|rule| matches!(rule.spec.over, Over::Changes | Over::Plan));
    let rules: Vec<&UserRule> = rules.collect();
    if rules.is_empty() {
        return;
    }
    let changes: Vec<(&Change, cel::Value)> = plan.pending().map(|change| (change, change_of(change))).collect();
    let list = cel::Value::from(changes.iter().map(|(_, change)| change.clone()).collect::<Vec<_>>());
    let none = cel::Value::from(Vec::<cel::Value>::new());
    let facts = Facts { stack: stack(&desired.stack), resources: none, changes: list, now };
    let (mut refusals, mut notes) = (Vec::new(), Vec::new());
    for rule in rules {
        let mut add = |address: Option<&Address>, answer: Answer| {
            let of = address.map_or_else(|| "the plan".to_owned(), ToString::to_string);
            let (message, severity, help) = match answer {
                Answer::Fine => return,
                Answer::Violated(text) => {
                    (format!("{text} (Rule/{})", rule.name), rule.severity(), "change the plan, or the rule")
                }
                Answer::Failed(error, help) => (rule.failed(&of, &error), rule.severity(), help),
            };
            let address = address.cloned();
            if severity == Severity::Error {
                let (code, help) = ("rule".to_owned(), help.to_owned());
                refusals.push(Refusal { address, code, message, help });
            } else {
                notes.push(Note { address, message: format!("{severity}: {message}") });
            }
        };
        if rule.spec.over == Over::Plan {
            // A plan that changes nothing is nothing to judge.
            if !changes.is_empty() {
                add(None, rule.ask(&facts, &[]));
            }
            continue;
        }
        for (change, object) in changes.iter().filter(|(change, _)| rule.is_about(&change.address)) {
            let is_meant =
                rule.spec.actions.as_ref().is_none_or(|actions| actions.iter().any(|one| one.is(change.action)));
            let is_ignored = ignore::is_suppressed(desired, Some(&change.address), &rule.name);
            if is_meant && !is_ignored {
                add(Some(&change.address), rule.ask(&facts, &[("change", object.clone())]));
            }
        }
    }
    plan.refusals.extend(refusals);
    plan.notes.extend(notes);
}

fn objects(desired: &Desired) -> Vec<(&Resource, cel::Value)> {
    let place = desired.place();
    let mut users: BTreeMap<&Address, Vec<String>> = BTreeMap::new();
    for resource in desired.in_order() {
        for needed in &resource.needs {
            users.entry(needed).or_default().push(resource.address.to_string());
        }
    }
    let first = desired.in_order().filter(|resource| resource.address.name == resource.document.name);
    first
        .map(|resource| {
            let mut tags = desired.stack.tags.clone();
            tags.extend(resource.tags.clone());
            let spec = resource.kind.normalise(&resource.spec, &place).unwrap_or_else(|_| resource.spec.clone());
            let needs: Vec<String> = resource.needs.iter().map(ToString::to_string).collect();
            let Address { kind, name } = &resource.address;
            let object = json!({
                "address": resource.address, "kind": kind, "name": name, "spec": spec, "tags": tags, "needs": needs,
                "users": users.get(&resource.address).cloned().unwrap_or_default(),
            });
            (resource, value(&object))
        })
        .collect()
}

fn change_of(change: &Change) -> cel::Value {
    let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
    let Address { kind, name } = &change.address;
    value(&json!({
        "address": change.address, "kind": kind, "name": name, "action": change.action.word(), "fields": fields,
        "before": change.live.as_ref().map(|live| &live.spec), "after": change.desired, "tags": change.tags,
    }))
}

fn stack(stack: &Stack) -> cel::Value {
    let Stack { name, account, region, tags, .. } = stack;
    value(&json!({"name": name, "account": account, "region": region, "tags": tags}))
}

/// JSON as CEL sees it. Whole numbers are all of one type, so that they compare with those in expressions.
fn value(json: &Value) -> cel::Value {
    match json {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), value(member))).collect::<HashMap<_, _>>().into()
        }
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or_default()),
        },
    }
}
