//! TAG: tags.

use std::collections::BTreeSet;

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TAG-01",
        severity: Error,
        title: "more or longer tags than AWS takes, or one key twice",
        why: "An object has 50 tags, those of the stack and the three by which farpost knows it among them; a key has 1 to \
              128 characters, a value up to 256; each key is there once: \"TooManyTags\", \"InvalidParameterException\".",
        source: "Amazon ECS API, Tag; Amazon EC2 User Guide, Tag restrictions",
        check: Check::All(limits),
        bad: "
kind: Cluster
metadata: {name: stores}
spec:
  tags:
    - {key: site, value: oslo}
    - {key: site, value: bergen}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec:
  tags:
    - {key: site, value: oslo}
",
    },
    Rule {
        id: "TAG-02",
        severity: Error,
        title: "a tag that begins with aws:",
        why: "AWS keeps keys that begin with aws:, in any case, for itself, and in ECS values too: \
              \"InvalidParameterException\", \"InvalidParameterValue: Tag keys starting with 'aws:' are reserved for \
              internal use\".",
        source: "Amazon ECS API, Tag; Amazon EC2 User Guide, Tag restrictions",
        check: Check::All(reserved),
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {tags: {'AWS:site': oslo}}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {tags: {site: oslo}}
",
    },
    Rule {
        id: "TAG-04",
        severity: Warning,
        title: "managed tags of tasks that get no tags",
        why: "ECS puts its own tags, with cluster and service, on tasks only where propagateTags says whose tags they get: \
              \"When you use Amazon ECS managed tags, you need to set the propagateTags request parameter\".",
        source: "Amazon ECS API, CreateService.enableECSManagedTags",
        check: Check::All(managed),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  enableECSManagedTags: true
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec:
  cluster: stores
  taskDefinition: ${TaskDefinition.till}
  launchType: EC2
  desiredCount: 1
  enableECSManagedTags: true
  propagateTags: SERVICE
",
    },
    Rule {
        id: "TAG-05",
        severity: Error,
        title: "a one-off task that is to have the tags of its service",
        why: "It is of none, and RunTask refuses it: \"An error will be received if you specify the SERVICE option when \
              running a task\".",
        source: "Amazon ECS API, RunTask.propagateTags",
        check: Check::Each("Task", of_service),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, propagateTags: SERVICE}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Task
metadata: {name: till}
spec: {cluster: stores, taskDefinition: '${TaskDefinition.till}', launchType: EC2, propagateTags: TASK_DEFINITION}
",
    },
];

const MOST: usize = 50;
/// The tags that every object of farpost's has: its stack, its address, its declared keys.
const OWN: usize = 3;

/// What AWS does not take of a tag, with the rule that says so.
pub(crate) fn defect(key: &str, value: &str) -> Option<(&'static str, String)> {
    let (long, longer) = (key.chars().count(), value.chars().count());
    if is_reserved(key) {
        Some(("TAG-02", format!("keys that begin with aws: are AWS's own, as `{key}`")))
    } else if !(1..=128).contains(&long) {
        Some(("TAG-01", format!("a key has 1 to 128 characters, and `{key}` has {long}")))
    } else if longer > 256 && !is_open(value) {
        Some(("TAG-01", format!("a value has up to 256 characters, and that of `{key}` has {longer}")))
    } else {
        None
    }
}

/// What is wrong with so many tags of a stack, which are on every object.
pub(crate) fn too_many(of_stack: usize) -> Option<String> {
    (of_stack + OWN > MOST)
        .then(|| format!("{of_stack} tags, and {OWN} of farpost's on every object, which has {MOST} at most"))
}

fn is_reserved(text: &str) -> bool {
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

/// The tags of an object, however they are written: where each stands, its key and its value.
fn tags<'a>(object: Node<'a>) -> Vec<(Node<'a>, &'a str, Node<'a>)> {
    let tags = object.tags();
    let either = |item: Node<'a>, small, capital| {
        let node = item.get(small);
        if node.is_given() { node } else { item.get(capital) }
    };
    let listed = tags.items().filter_map(|item| {
        let key = either(item, "key", "Key").written()?;
        Some((item, key, either(item, "value", "Value")))
    });
    listed.chain(tags.members().map(|(key, value)| (value, key, value))).collect()
}

fn limits(declared: &Declared<'_>, hits: &mut Hits) {
    for object in declared.all() {
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for (place, key, value) in tags(object) {
            if !keys.insert(key) {
                hits.add(place, format!("a second tag `{key}`")).help("keep one of them");
            }
            if let Some(("TAG-01", message)) = defect(key, value.written().unwrap_or_default()) {
                hits.add(place, message);
            }
        }
        let own = keys.len();
        keys.extend(declared.stack.tags.keys().map(String::as_str));
        if keys.len() + OWN > MOST && too_many(declared.stack.tags.len()).is_none() {
            let of_stack = keys.len() - own;
            let message = format!(
                "{own} tags, {of_stack} more of the stack and {OWN} of farpost's; an object has {MOST} at most"
            );
            hits.add(object.tags(), message).help("take some out");
        }
    }
}

fn reserved(declared: &Declared<'_>, hits: &mut Hits) {
    for object in declared.all() {
        let is_ecs = ["Cluster", "Service", "TaskDefinition", "Task"].contains(&object.address().kind.as_str());
        for (place, key, value) in tags(object) {
            if let Some(("TAG-02", message)) = defect(key, "") {
                hits.add(place, message).help("take it out: AWS sets such tags by itself");
            } else if is_ecs && value.written().is_some_and(is_reserved) {
                hits.add(place, format!("in ECS values do not begin with aws: either, as that of `{key}`"))
                    .help("write another value");
            }
        }
    }
}

fn managed(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in ["Service", "Task"].into_iter().flat_map(|kind| declared.of(kind)) {
        let (managed, propagate) = (runner.get("enableECSManagedTags"), runner.get("propagateTags"));
        if managed.is_true() && (!propagate.is_given() || propagate.is("NONE")) {
            let whose =
                if runner.address().kind == "Service" { "SERVICE or TASK_DEFINITION" } else { "TASK_DEFINITION" };
            hits.add(managed, "without propagateTags the tasks do not get them")
                .help(format!("add propagateTags: {whose}"));
        }
    }
}

fn of_service(task: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = task.get("propagateTags");
    if node.is("SERVICE") {
        hits.add(node, "this task is of no service").help("TASK_DEFINITION or NONE");
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn codes(tags: &str) -> Vec<String> {
        let example = format!("kind: Cluster\nmetadata: {{name: stores}}\nspec: {{tags: {tags}}}\n");
        findings(&example).iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn tags_have_limits() {
        let many = |number: usize| format!("{{{}}}", (0..number).map(|n| format!("k{n}: v, ")).collect::<String>());
        assert_eq!(codes(&many(47)), [""; 0]);
        assert_eq!(codes(&many(48)), ["TAG-01"]);
        assert_eq!(codes(&format!("{{{}: v}}", "k".repeat(129))), ["TAG-01"]);
        assert_eq!(codes(&format!("{{k: {}}}", "v".repeat(257))), ["TAG-01"]);
        assert_eq!(codes("{k: 'aws:v'}"), ["TAG-02"]);
    }

    #[test]
    fn tags_of_the_stack_are_everywhere() {
        let stack = "kind: Stack
metadata: {name: shop}
spec: {account: '123456789012', region: eu-central-1, tags: {'aws:site': oslo}}
---
kind: Cluster
metadata: {name: stores}
spec: {}
";
        let codes: Vec<String> = findings(stack).iter().map(|one| one.code.to_string()).collect();
        assert_eq!(codes, ["TAG-02"]);
    }
}
