//! AGT-09 and AGT-12: the script of an instance.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "AGT-09",
        severity: Warning,
        title: "user data that cloud-init or a shell stumbles over",
        why: "cloud-init looks at the first line: without #! or #cloud-config it ignores the rest. Line ends of Windows \
              are part of the commands: \"/bin/bash^M: bad interpreter\".",
        source: "Amazon EC2 User Guide, Run commands when you launch an EC2 instance with user data input",
        check: Check::Each("Instance", format),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  userData: |
    echo ECS_CLUSTER=stores >> /etc/ecs/ecs.config
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  userData: |
    #!/bin/bash
    echo ECS_CLUSTER=stores >> /etc/ecs/ecs.config
",
    },
    Rule {
        id: "AGT-12",
        severity: Error,
        title: "user data beside ecsConfig that are no shell script",
        why: "Farpost writes the agent's settings by a shell script, which the user data are the rest of. In another \
              language, or as #cloud-config, they would be run as commands of bash.",
        source: "farpost, the kind Instance",
        check: Check::Each("Instance", shell),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  userData: |
    #cloud-config
    packages: [jq]
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
  userData: |
    dnf install -y jq
",
    },
];

/// How user data begin that are no script with `#!`; Bottlerocket reads TOML.
const OTHERS: [&str; 7] =
    ["[settings", "#cloud-config", "MIME-Version:", "Content-Type:", "#include", "<powershell>", "<script>"];

fn is_other(script: &str) -> bool {
    OTHERS.iter().any(|start| script.starts_with(start))
}

fn format(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = host.get("userData");
    let Some(script) = node.written().filter(|script| !script.is_empty()) else { return };
    if script.contains('\r') {
        hits.add(node, "the script has line ends of Windows, which shells stumble over")
            .help("save it with line ends of Unix");
    }
    let first = script.lines().next().unwrap_or_default();
    if !host.get("ecsConfig").says_something() && !first.starts_with("#!") && !is_other(script) && !is_open(first) {
        hits.add(node, "cloud-init ignores user data that do not say what they are").help("begin with #!/bin/bash");
    }
}

fn shell(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = host.get("userData");
    let script = node.written().unwrap_or_default();
    let first = script.lines().next().unwrap_or_default();
    let is_shell = !first.starts_with("#!") || first.trim_end().ends_with("sh");
    if host.get("ecsConfig").says_something() && (!is_shell || is_other(script)) {
        hits.add(node, "beside ecsConfig, userData is a shell script")
            .help("write /etc/ecs/ecs.config in the user data, and leave out ecsConfig");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::tests::findings;

    #[test]
    fn scripts() {
        let codes = |script: &str| -> Vec<String> {
            let spec = json!({"imageId": "ami-0123456789abcdef0", "instanceType": "c5.large",
                "subnetId": "subnet-0123456789abcdef0", "iamInstanceProfile": "ecsInstanceRole",
                "ecsConfig": {"ECS_CLUSTER": "stores"}, "userData": script});
            let found = findings(&format!("kind: Instance\nmetadata: {{name: host}}\nspec: {spec}\n"));
            found.iter().map(|one| one.code.to_string()).collect()
        };
        assert_eq!(codes("#!/bin/sh\necho done\n"), [""; 0]);
        assert_eq!(codes("#!/usr/bin/python3\n"), ["AGT-12"]);
        assert_eq!(codes("echo a\r\necho b\r\n"), ["AGT-09"]);
        assert_eq!(codes("#!/bin/sh\necho 'it”s' # fine in a comment: ”\n"), ["LEX-01"]);
    }
}
