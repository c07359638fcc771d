//! The Stack document: where everything goes, and what it is called.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::kinds::{Place, Tags};
use crate::manifest::references::occurrences;
use crate::manifest::source::escape;
use crate::manifest::{Document, Source, SpecSchema, check_spec};
use crate::rules::{self, IGNORE_ANNOTATION};

/// The kind of the document that names the stack.
pub const STACK_KIND: &str = "Stack";

/// A stack: what one tree of manifests declares in one account and region.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    pub name: String,
    pub account: String,
    pub region: String,
    pub tags: BTreeMap<String, String>,
    /// How bad the findings of these rules are in this stack.
    pub severities: BTreeMap<&'static str, Severity>,
    /// What is suppressed everywhere, as it is written, and where.
    pub(crate) ignore: Option<(String, Source)>,
    /// USD for an external instance and hour, where it is not AWS's list price.
    pub external_instance_hourly_price: Option<f64>,
    /// Where the lease of the stack is, if it has one.
    pub lease: Option<LeasePlace>,
}

/// Where the lease of a stack is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeasePlace {
    pub bucket: String,
    pub key: String,
    /// The account that the bucket has to belong to.
    pub owner: String,
}

/// What a manifest may say of a stack.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StackSpec {
    /// The AWS account that everything belongs to, 12 digits in quotes. Farpost refuses to run anywhere else.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    account: String,
    /// The region, as us-west-2. Farpost refuses to run anywhere else.
    #[schemars(regex(pattern = r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"))]
    region: String,
    /// Tags for everything that takes tags.
    #[serde(default)]
    tags: Option<Tags>,
    /// How bad the findings of rules are in this stack, by the rule's id: `SG-03: error`. `farpost lint --rules` lists
    /// the rules.
    #[serde(default)]
    severities: Option<BTreeMap<String, Severity>>,
    /// USD that an external instance costs an hour, for `farpost host cost`. Absent: AWS's list price.
    #[schemars(range(min = 0.0))]
    external_instance_hourly_price: Option<f64>,
    /// Keeps a second machine from writing to the stack at the same time: whoever applies, destroys or watches holds an
    /// object in S3 meanwhile, and the others wait. Without it, only processes of one machine wait for each other.
    #[serde(default)]
    lease: Option<LeaseSpec>,
}

/// The object in S3 that the one writer of a stack holds.
///
/// Takes the rights s3:GetObject and s3:PutObject on the object, and s3:ListBucket on the bucket. `plan`, `lint`, `diff`
/// and `status` need none.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LeaseSpec {
    /// A bucket in the stack's region. Farpost does not make it.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    bucket: String,
    /// The key of the object, of this stack alone. Default: `farpost/STACK.lease`.
    #[schemars(length(min = 1, max = 1024))]
    key: Option<String>,
    /// The account that the bucket has to belong to, 12 digits in quotes. Default: the stack's.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    expected_bucket_owner: Option<String>,
}

/// The JSON Schema of a stack's spec.
pub fn stack_schema() -> Value {
    schemars::schema_for!(StackSpec).to_value()
}

impl Stack {
    pub fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone(), stack: self.name.clone() }
    }
}

/// A place to check specs in while there is no stack.
pub(super) fn nowhere() -> Place {
    Place { account: "000000000000".to_owned(), region: "us-east-1".to_owned(), stack: String::new() }
}

/// The one stack of the documents.
pub(super) fn find(documents: &[Document], findings: &mut Vec<Diagnostic>) -> Option<Stack> {
    let stacks: Vec<&Document> = documents.iter().filter(|document| document.kind == STACK_KIND).collect();
    match stacks[..] {
        [] => {
            let help = "add one document of kind Stack: it names the stack, its account and its region";
            findings.push(Diagnostic::error("no-stack", "no Stack is declared").help(help));
            None
        }
        [document] => read(document, findings),
        [first, ref others @ ..] => {
            for other in others {
                let message = format!("a second Stack, {}: a command works on one stack", other.name);
                let mut finding = Diagnostic::error("two-stacks", message).at(other.source.label("/metadata/name"));
                finding.related.push(label(first, "the first is here"));
                findings.push(finding.help("run the command on one of the directories"));
            }
            None
        }
    }
}

fn label(document: &Document, text: &str) -> Label {
    document.source.label("/metadata/name").saying(text)
}

fn read(document: &Document, findings: &mut Vec<Diagnostic>) -> Option<Stack> {
    let wrong = SpecSchema::new(stack_schema()).map(|schema| check_spec(document, &schema)).unwrap_or_default();
    let is_wrong = wrong.iter().any(|finding| finding.severity == Severity::Error);
    findings.extend(wrong);
    if is_wrong || !document.intact {
        return None;
    }
    let StackSpec { account, region, tags, severities, external_instance_hourly_price, lease } =
        serde_json::from_value(document.spec.clone()).ok()?;
    for occurrence in occurrences(&document.spec["tags"], "/spec/tags").0 {
        let message =
            format!("{}: the tags of a stack are on everything in it, so they refer to nothing", occurrence.reference);
        let label = document.source.within(&occurrence.pointer, occurrence.range.clone());
        findings
            .push(Diagnostic::error("reference-in-stack", message).at(label).help("tag the objects that it is about"));
    }
    let tags: BTreeMap<String, String> = tags.unwrap_or_default().0.into_iter().collect();
    let too_many = rules::too_many_tags(tags.len()).map(|message| ("TAG-01", message));
    let defects = tags.iter().filter_map(|(key, value)| rules::tag_defect(key, value));
    for (code, message) in defects.chain(too_many) {
        findings.push(Diagnostic::error(code, message).at(document.source.label("/spec/tags")));
    }
    let ignore = document.annotations.get(IGNORE_ANNOTATION);
    let ignore = ignore.map(|text| (text.clone(), document.source.clone()));
    let severities = known_rules(document, severities.unwrap_or_default(), findings);
    let name = document.name.clone();
    let lease = lease.map(|lease| LeasePlace {
        bucket: lease.bucket,
        key: lease.key.unwrap_or_else(|| format!("farpost/{name}.lease")),
        owner: lease.expected_bucket_owner.unwrap_or_else(|| account.clone()),
    });
    Some(Stack { name, account, region, tags, severities, ignore, external_instance_hourly_price, lease })
}

/// The severities by the ids of rules that there are.
fn known_rules(
    document: &Document,
    severities: BTreeMap<String, Severity>,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<&'static str, Severity> {
    let mut known = BTreeMap::new();
    for (id, severity) in severities {
        let label = document.source.key_label(&format!("/spec/severities/{}", escape(&id)));
        match rules::by_id(&id) {
            Some(rule) if rule.check.is_optional() => {
                known.insert(rule.id, severity);
            }
            Some(rule) => {
                let message = format!("the severity of {} cannot be changed: nothing works with it", rule.id);
                findings.push(Diagnostic::error("severity-impossible", message).at(label));
            }
            None => {
                let mut finding = Diagnostic::error("unknown-rule", format!("no rule is called `{id}`")).at(label);
                let near = rules::near(&id).map(|near| format!("did you mean `{near}`?"));
                finding.help = near.or_else(|| Some("`farpost lint --rules` lists them".to_owned()));
                findings.push(finding);
            }
        }
    }
    known
}
