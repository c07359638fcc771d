//! EXT: activations.

use std::collections::BTreeMap;

use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "EXT-15",
        severity: Error,
        title: "an activation that AWS refuses",
        why: "An activation is for 1 to 1000 hosts and 1 to 30 days. Its description and the name that it gives to hosts have \
              256 characters at most.",
        source: "AWS Systems Manager API, CreateActivation",
        check: Check::Schema(&[(
            "Activation",
            &[
                "/registrationLimit",
                "/validForDays",
                "/defaultInstanceName",
                "/description",
                "/rotateBefore/days",
                "/rotateBefore/registrations",
            ],
        )]),
        bad: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  validForDays: 90
  code: {parameter: /ecs-anywhere/stores/code}
",
        good: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  validForDays: 30
  code: {parameter: /ecs-anywhere/stores/code}
",
    },
    Rule {
        id: "EXT-16",
        severity: Warning,
        title: "more hosts than an activation is for",
        why: "Each host uses up one registration. Those that come when none is left are refused with RegistrationLimitExceeded, \
              until there is a fresh activation.",
        source: "AWS Systems Manager API, CreateActivation.RegistrationLimit",
        check: Check::Each("Activation", used_up),
        bad: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  registrationLimit: 1
  code: {parameter: /ecs-anywhere/stores/code}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, activation: '${Activation.stores.id}'}
---
kind: ExternalInstance
metadata: {name: till-2}
spec: {cluster: stores, activation: '${Activation.stores.id}'}
",
        good: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  registrationLimit: 2
  code: {parameter: /ecs-anywhere/stores/code}
---
kind: ExternalInstance
metadata: {name: till-1}
spec: {cluster: stores, activation: '${Activation.stores.id}'}
---
kind: ExternalInstance
metadata: {name: till-2}
spec: {cluster: stores, activation: '${Activation.stores.id}'}
",
    },
    Rule {
        id: "EXT-17",
        severity: Warning,
        title: "activations for more hosts than the standard tier has",
        why: "An account has 1000 hosts outside EC2 in a region, unless its settings in Systems Manager turn the advanced tier on, \
              which is paid for. Those beyond are refused when they register.",
        source: "AWS Systems Manager User Guide, Configuring instance tiers",
        check: Check::All(tier),
        bad: "
kind: Activation
metadata: {name: north}
spec: {iamRole: anywhere, registrationLimit: 600, code: {parameter: /ecs-anywhere/north/code}}
---
kind: Activation
metadata: {name: south}
spec: {iamRole: anywhere, registrationLimit: 600, code: {parameter: /ecs-anywhere/south/code}}
",
        good: "
kind: Activation
metadata: {name: north}
spec: {iamRole: anywhere, registrationLimit: 500, code: {parameter: /ecs-anywhere/north/code}}
---
kind: Activation
metadata: {name: south}
spec: {iamRole: anywhere, registrationLimit: 500, code: {parameter: /ecs-anywhere/south/code}}
",
    },
    Rule {
        id: "EXT-24",
        severity: Error,
        title: "the role of an activation by something other than its name",
        why: "Systems Manager wants the name of a role, of 64 characters at most, without its path and not as an ARN, and no \
              service-linked role.",
        source: "AWS Systems Manager API, CreateActivation.IamRole",
        check: Check::Each("Activation", role_name),
        bad: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: arn:aws:iam::123456789012:role/edge/anywhere
  code: {parameter: /ecs-anywhere/stores/code}
",
        good: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  code: {parameter: /ecs-anywhere/stores/code}
",
    },
    Rule {
        id: "EXT-25",
        severity: Error,
        title: "an activation that is to be made anew all the time",
        why: "rotateBefore says how little must be left for a fresh activation. What a fresh one has is already less, so that \
              every plan would make another.",
        source: "farpost's own: docs/kinds/activation.md",
        check: Check::Each("Activation", rotation),
        bad: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  validForDays: 5
  rotateBefore: {days: 5}
  code: {parameter: /ecs-anywhere/stores/code}
",
        good: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  validForDays: 30
  rotateBefore: {days: 5}
  code: {parameter: /ecs-anywhere/stores/code}
",
    },
    Rule {
        id: "EXT-28",
        severity: Error,
        title: "a place for the code that cannot hold it",
        why: "The code is told once, when the activation is made, and has to be stored then. AWS refuses other names of \
              parameters and secrets, and a tag of the activation remembers the place.",
        source: "AWS Systems Manager API, PutParameter.Name; AWS Secrets Manager API, CreateSecret.Name",
        check: Check::Each("Activation", code_place),
        bad: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  code: {parameter: ecs-anywhere/stores/code}
",
        good: "
kind: Activation
metadata: {name: stores}
spec:
  iamRole: anywhere
  code: {parameter: /ecs-anywhere/stores/code}
",
    },
];

/// Hosts of an account and region outside EC2, in the standard tier.
const STANDARD_TIER: i64 = 1000;
/// The longest name of a role.
const LONGEST_ROLE: usize = 64;

fn limit(activation: Node<'_>) -> i64 {
    activation.get("registrationLimit").number().unwrap_or(1)
}

fn used_up(activation: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let is_its = |host: &Node<'_>| {
        declared.target(host.get("activation")).is_some_and(|target| target.address() == activation.address())
    };
    let hosts: Vec<Node<'_>> = declared.users(activation, "ExternalInstance").filter(is_its).collect();
    let (count, limit) = (i64::try_from(hosts.len()).unwrap_or(i64::MAX), limit(activation));
    if count <= limit {
        return;
    }
    let given = activation.get("registrationLimit");
    let message = if given.is_given() {
        format!("{count} hosts are declared to register with it, and {limit} can")
    } else {
        format!("{count} hosts are declared to register with it, and without registrationLimit 1 can")
    };
    hits.add(if given.is_given() { given } else { activation }, message);
    if let Some(last) = hosts.last() {
        hits.beside(last.get("activation"), "one of the hosts");
    }
    hits.help(format!("write registrationLimit: {count}, or more"));
}

fn tier(declared: &Declared<'_>, hits: &mut Hits) {
    let mut sum = 0;
    let mut largest: Option<Node<'_>> = None;
    for activation in declared.of("Activation") {
        sum += limit(activation);
        if largest.is_none_or(|largest| limit(largest) < limit(activation)) {
            largest = Some(activation);
        }
    }
    if let Some(largest) = largest.filter(|_| sum > STANDARD_TIER) {
        let message = format!("the activations are for {sum} hosts in all; the standard tier has {STANDARD_TIER}");
        hits.add(largest.get("registrationLimit"), message)
            .help("lower the limits, or ignore this where the account has the advanced tier");
    }
}

fn role_name(activation: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let role = activation.get("iamRole");
    let Some(text) = role.text() else { return };
    let name = text.rsplit('/').next().unwrap_or(text);
    if text.contains(['/', ':']) {
        let what = if text.starts_with("arn:") { "an ARN" } else { "a path" };
        hits.add(role, format!("Systems Manager wants the name of the role, and this is {what}"))
            .help(format!("write {name}"))
            .fix(activation, "iamRole", name);
    } else if name.starts_with("AWSServiceRoleFor") {
        hits.add(role, "Systems Manager takes no service-linked role for hosts")
            .help("declare a Role that ssm.amazonaws.com may assume");
    } else if name.chars().count() > LONGEST_ROLE {
        hits.add(role, format!("the name has {} characters; a role has {LONGEST_ROLE} at most", name.chars().count()));
    }
}

fn rotation(activation: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let days = activation.at("rotateBefore.days");
    let valid = activation.get("validForDays").number().unwrap_or(1);
    if let Some(before) = days.number().filter(|before| *before >= valid) {
        hits.add(days, format!("it is valid for {valid} days, so fewer than {before} are always left"))
            .help("write fewer days, or a larger validForDays");
    }
    let registrations = activation.at("rotateBefore.registrations");
    let limit = limit(activation);
    if let Some(before) = registrations.number().filter(|before| *before > limit) {
        hits.add(registrations, format!("{limit} can register, so fewer than {before} registrations are always left"))
            .help("write fewer registrations, or a larger registrationLimit");
    }
}

/// What tags of Systems Manager take beside letters and digits.
const TAG_MARKS: &str = " _.:/=+-@";
/// A tag's value has 256 characters; some of them say what sort of place it is.
const LONGEST_PLACE: usize = 240;

fn code_place(activation: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let code = activation.get("code");
    let places: BTreeMap<&str, &str> = BTreeMap::from([
        ("parameter", "letters, digits and _ . - in parts, each behind a /: /ecs-anywhere/stores/code"),
        ("secret", "letters, digits and / _ + = . @ -"),
        ("file", "letters, digits, spaces and _ . : / = + - @, because a tag of the activation remembers the path"),
    ]);
    for (member, help) in places {
        let node = code.get(member);
        let Some(name) = node.text() else { continue };
        let takes = |marks: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter));
        let is_fit = match member {
            "parameter" => takes("_.-/") && (!name.contains('/') || name.starts_with('/')) && !name.ends_with('/'),
            "secret" => takes("/_+=.@-"),
            _ => name.chars().all(|letter| letter.is_alphanumeric() || TAG_MARKS.contains(letter)),
        };
        if name.is_empty() || name.chars().count() > LONGEST_PLACE || !is_fit {
            hits.add(node, format!("the code cannot be kept in `{name}`"))
                .help(format!("1 to {LONGEST_PLACE} characters: {help}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn ids(members: &str) -> Vec<String> {
        let text = format!("kind: Activation\nmetadata: {{name: stores}}\nspec: {{iamRole: anywhere, {members}}}\n");
        let ids = findings(&text).into_iter().map(|finding| finding.code.to_string());
        ids.filter(|id| id.starts_with("EXT-")).collect()
    }

    #[test]
    fn the_code_goes_where_it_can_be_kept() {
        for (place, name) in
            [("parameter", "a/b"), ("parameter", "/a b"), ("secret", "a b"), ("file", "a\"b"), ("file", "")]
        {
            assert_eq!(ids(&format!("code: {{{place}: '{name}'}}")), ["EXT-28"], "{name}");
        }
        for (place, name) in [("parameter", "code"), ("secret", "edge/code"), ("file", "/etc/own files/código.json")] {
            assert!(ids(&format!("code: {{{place}: '{name}'}}")).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_fresh_activation_has_more_left_than_rotation_wants() {
        let code = "code: {parameter: code}";
        assert_eq!(ids(&format!("{code}, rotateBefore: {{days: 5}}")), ["EXT-25"]);
        assert!(ids(&format!("{code}, rotateBefore: {{days: 5}}, validForDays: 6")).is_empty());
        assert_eq!(ids(&format!("{code}, rotateBefore: {{registrations: 2}}")), ["EXT-25"]);
        assert!(ids(&format!("{code}, rotateBefore: {{registrations: 1}}")).is_empty());
        assert_eq!(ids(&format!("{code}, description: {}", "x".repeat(257))), ["EXT-15"]);
    }
}
